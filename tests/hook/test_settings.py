"""Which values of hook.json the hook takes, and that it goes on with its defaults where it takes none."""

from __future__ import annotations

import json

import pytest

from efakit.hook import remembered
from efakit.hook.settings import FIELDS, Settings, load_settings


def loaded(folder, **given):
    path = folder / "hook.json"
    path.write_text(json.dumps(given))
    return load_settings(str(path))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("installation_id", None),
        ("installation_id", "0123456789abcdef"),
        ("installation_id", "A-b-" * 16),
        ("spool_limit_mib", 1),
        ("spool_limit_mib", 0.5),
        ("spool_max_age_days", 3650),
        ("baseline_max_age_days", 0.1),
    ],
)
def test_a_value_that_is_taken(tmp_path, name, value):
    settings, problems = loaded(tmp_path, **{name: value})
    assert (getattr(settings, name), problems) == (value, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("installation_id", ""),
        ("installation_id", 7),
        ("installation_id", "a" * 65),
        ("installation_id", "../x"),
        ("installation_id", "é"),
        ("installation_id", "0123\n"),
        ("spool_limit_mib", 0),
        ("spool_limit_mib", "256"),
        ("spool_limit_mib", True),
        ("spool_limit_mib", float("nan")),
        ("spool_limit_mib", 10**400),
        ("spool_max_age_days", -1),
        ("spool_max_age_days", None),
        ("baseline_max_age_days", float("inf")),
        ("baseline_max_age_days", [7]),
        *(("tcp_interfaces", [name]) for name in ("", ".", "..", "a/b", "eth0\0", "\ud800", "e" * 65, 7, None)),
        ("tcp_interfaces", ["eth0"] * 1001),
        *((name, value) for name in ("root", "spool_dir", "run_dir", "records_dir") for value in ("/a\0", "/\ud800")),
        ("expected_devices", 1 << 64),
        ("expected_devices", True),
        ("compute_resources", {"gpu/p5": 10**400}),
        ("cluster_nodes", 10**400),
        ("breaker_nodes_per_hour", 10**400),
        ("breaker_percent_per_hour", float("inf")),
        ("health_max_age_seconds", float("inf")),
    ],
)
def test_a_value_that_is_refused_leaves_the_default_and_is_told(tmp_path, name, value):
    settings, problems = loaded(tmp_path, **{name: value})
    assert getattr(settings, name) == getattr(Settings(), name)
    assert [problem.startswith(f"setting {name}: ") for problem in problems] == [True]


def test_the_type_and_the_table_have_the_same_settings():
    assert list(Settings.__annotations__) == list(FIELDS) == list(Settings().as_data())


def test_each_default_is_a_value_that_is_taken(tmp_path):
    settings, problems = loaded(tmp_path, **Settings().as_data())
    assert (settings.as_data(), problems) == (Settings().as_data(), [])


def test_there_are_no_other_settings():
    with pytest.raises(AttributeError, match="no such setting: spool_directory"):
        Settings(spool_directory="/x")
    with pytest.raises(AttributeError):
        Settings().spool_directory = "/x"


@pytest.fixture
def last_prolog(tmp_path, monkeypatch):
    """Let the settings be remembered in a folder of the test's, as a prolog that read them leaves them."""
    monkeypatch.setattr(remembered, "FOLDER", str(tmp_path / "run"))

    def leave(**settings):
        folder, config = tmp_path / "run", str(tmp_path / "hook.json")
        folder.mkdir(mode=0o755)
        name = remembered._name(config)
        (folder / name).write_text(json.dumps({"config": config, "settings": settings}))

    return leave


def test_an_odd_value_is_what_the_last_prolog_had_and_that_is_told(tmp_path, last_prolog):
    last_prolog(spool_dir="/local/spool", records_dir=7, mode="warn")
    settings, problems = loaded(tmp_path, spool_dir=7, records_dir="here", mode="enforce")
    assert (settings.spool_dir, settings.records_dir, settings.mode) == ("/local/spool", None, "enforce")
    assert problems == [
        "setting spool_dir: 7 is not allowed; '/local/spool' is in force",
        "setting records_dir: 'here' is not allowed; None is in force",
    ]


def test_a_file_that_cannot_be_read_is_what_the_last_prolog_had(tmp_path, last_prolog):
    last_prolog(spool_dir="/local/spool", mode=7)
    (tmp_path / "hook.json").write_text("{")
    settings, problems = load_settings(str(tmp_path / "hook.json"))
    assert (settings.spool_dir, settings.mode) == ("/local/spool", "observe")
    assert "those of this node's last prolog are in force" in problems[0]
    assert problems[1:] == ["setting mode: 7 is not allowed; 'observe' is in force"]
