"""Which values of hook.json the hook takes, and that it goes on with its defaults where it takes none."""

from __future__ import annotations

import json

import pytest

from efakit.hook.settings import DEFAULTS, load_settings


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
    assert (settings[name], problems) == (value, [])


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
    assert settings[name] == DEFAULTS[name]
    assert [problem.startswith(f"setting {name}: ") for problem in problems] == [True]
