"""``efakit catalog``: filters, one type's page, and rows of the user's own from a file or from EC2."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from efakit.catalog import instances
from efakit.catalog.user_rows import userdata
from efakit.cli.catalog import catalog
from efakit.errors import EfakitError
from tests.catalog.answers import with_efa, without_efa
from tests.cli.running import Done, run_here, run_process

pytestmark = pytest.mark.thorough

INIT = ("init", "--nodes", "2", "--subnet", "subnet-0123456789abcdef1", "--key", "k", "--region", "us-east-1")


def run(*arguments: str | Path, home: Path | None = None, **environment: str) -> Done:
    """Run efakit; with ``home`` its rows of the user's own lie there and count."""
    if home is None:
        return run_here(*arguments, env=environment)
    return run_process(*arguments, env={"XDG_DATA_HOME": str(home), "EFAKIT_CATALOG": "", **environment})


def listed(*arguments: str) -> list[dict[str, Any]]:
    done = run("catalog", "list", "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def names(*arguments: str) -> list[str]:
    return [row["name"] for row in listed(*arguments)]


def refused(done: Done, *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def answer(folder: Path, *raw: dict[str, Any]) -> Path:
    file = folder / "answer.json"
    file.write_text(json.dumps({"InstanceTypes": list(raw)}))
    return file


def test_every_type_with_efa_is_listed_and_no_other():
    assert names() == [instance.name for instance in instances.all_efa()]


def test_a_row_of_the_list_has_every_field():
    (row,) = [row for row in listed("--family", "p5en") if row["name"] == "p5en.48xlarge"]
    assert (row["efa_interfaces"], row["family"], row["accelerators"]["name"]) == (16, "p5en", "H200")
    assert "us-east-2" in row["regions"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--efa-min", "32"), ["p5.48xlarge", "p5e.48xlarge"]),
        (("--accelerator", "h200"), ["p5e.48xlarge", "p5en.48xlarge"]),
        (("--accelerator", "HABANA"), ["dl1.24xlarge"]),
        (("--accelerator", "neuron", "--family", "TRN1"), ["trn1.32xlarge"]),
        (("--accelerator", "gpu", "--family", "hpc7g"), []),
        (("--arch", "arm64", "--family", "hpc7g"), ["hpc7g.4xlarge", "hpc7g.8xlarge", "hpc7g.16xlarge"]),
        (("--arch", "x86_64", "--family", "hpc7g"), []),
        (("--family", "p5", "--efa-min", "2"), ["p5.48xlarge"]),
        (("--family", "inf2", "--efa-min", "0"), ["inf2.xlarge", "inf2.8xlarge", "inf2.24xlarge", "inf2.48xlarge"]),
    ],
)
def test_filters(arguments, expected):
    assert names(*arguments) == expected


def test_a_region_has_the_types_that_ec2_offers_there():
    assert "hpc7g.16xlarge" in names("--region", "us-east-1")
    assert "hpc7g.16xlarge" not in names("--region", "sa-east-1")


@pytest.mark.parametrize(
    ("arguments", "left_out"),
    [
        (("--efa-min", "8"), "trn2u-ac.24xlarge"),
        (("--arch", "arm64"), "p6e-gb300.36xlarge"),
        (("--region", "us-east-1"), "p6e-gb300.36xlarge"),
        (("--accelerator", "trainium"), "trn2-ac.24xlarge"),
    ],
)
def test_a_type_of_which_too_little_is_known_is_left_out_and_named(arguments, left_out):
    done = run("catalog", "list", *arguments)
    assert left_out not in done.stdout
    (note,) = [line for line in done.stderr.splitlines() if left_out in line]
    assert note.startswith("efakit: note: left out, since ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list", "--region", "us-est-1"), ["--region", "did you mean 'us-west-1'", "us-east-1"]),
        (("list", "--family", "p5x"), ["--family", "did you mean 'p5'"]),
        (("list", "--efa-min", "-1"), ["--efa-min"]),
        (("list", "--arch", "ppc"), ["--arch"]),
        (("show", "p5.49xlarge"), ["p5.48xlarge", "efakit catalog update"]),
        (("show",), ["TYPE"]),
        (("lst",), ["No such command"]),
    ],
)
def test_what_is_not_known_is_refused_with_what_is_near(arguments, words):
    refused(run("catalog", *arguments), *words)


@pytest.mark.thorough
def test_the_table_keeps_its_full_width_in_a_pipe():
    done = run_process("catalog", "list", "--efa-min", "0", env={"COLUMNS": "40"})
    header, *rows = done.stdout.splitlines()
    assert header.split()[:3] == ["TYPE", "EFA", "CARDS"]
    assert len(rows) == len(instances.all_types())
    assert done.stderr == f"{len(rows)} types\n"
    assert "\N{HORIZONTAL ELLIPSIS}" not in done.stdout
    assert "capacity-block, on-demand, spot" in next(row for row in rows if row.startswith("p5.48xlarge"))


def test_a_type_s_page_has_values_units_sources_offers_and_decisions():
    text = run("catalog", "show", "p5.48xlarge").stdout
    for part in (
        "2097152 MiB",
        "3200 Gb/s",
        "8 x NVIDIA H100, 81920 MiB each (gpu)",
        "use1-az4",
        "EFA of gpu/p5: on",
        "placement group of gpu/p5: managed",
        "https://github.com/aws/aws-parallelcluster/issues/5797",
    ):
        assert part in text


def test_a_type_s_page_as_json():
    page = json.loads(run("catalog", "show", "p5.48xlarge", "--format", "json").stdout)
    assert page["values"]["memory_mib"]["value"] == 2097152
    assert page["values"]["memory_mib"]["unit"] == "MiB"
    assert page["values"]["slurm_sockets"]["source"]["key"] == "pcluster-5797"
    assert "use1-az4" in page["zones"]["us-east-1"]
    assert any(decision["subject"] == "EFA of gpu/p5" and decision["choice"] == "on" for decision in page["decisions"])


def test_what_is_unknown_is_said_to_be_and_no_accelerator_is_none():
    text = run("catalog", "show", "p6e-gb300.36xlarge").stdout
    assert "The regions that offer it are unknown" in text
    assert [line.split()[:2] for line in text.splitlines() if line.startswith("efa_interfaces")] == [
        ["efa_interfaces", "unknown"]
    ]
    plain = run("catalog", "show", "m5.large").stdout
    assert [line.split()[:2] for line in plain.splitlines() if line.startswith("accelerators")] == [
        ["accelerators", "none"]
    ]


# The largest type of each family in the inner loop; the others have the same page but for their numbers.
_LARGEST = {instance.family: instance.name for instance in instances.all_efa()}


@pytest.mark.parametrize(
    "name",
    [
        instance.name if instance.name in _LARGEST.values() else pytest.param(instance.name, marks=pytest.mark.thorough)
        for instance in instances.all_efa()
    ],
)
def test_every_type_has_a_page(name):
    done = CliRunner().invoke(catalog, ["show", name])
    assert done.exit_code == 0, done.output
    assert "Decided by efakit for two nodes" in done.output
    assert "nothing can be decided" not in done.output


@pytest.mark.thorough
def test_a_type_from_a_file_is_known_to_init_and_to_the_hook_s_table(tmp_path):
    file = answer(tmp_path, with_efa("p9.48xlarge"))
    refused(run(*INIT, "--instance", "p9.48xlarge", "--output", tmp_path / "a.yaml", home=tmp_path), "catalog update")
    done = run("catalog", "update", "--from", file, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "new: p9.48xlarge, EFA interfaces: 16" in done.stdout
    done = run(*INIT, "--instance", "p9.48xlarge", "--output", tmp_path / "a.yaml", home=tmp_path)
    assert done.returncode == 0, done.stderr
    for bundle in ("one", "two"):
        done = run("render", tmp_path / "a.yaml", "--out", tmp_path / bundle, home=tmp_path)
        assert done.returncode == 0, done.stderr
    hooks = [(tmp_path / bundle / "hooks/efakit-hook.pyz").read_bytes() for bundle in ("one", "two")]
    assert hooks[0] == hooks[1]
    assert b"'p9.48xlarge': 16" in hooks[0]
    assert "answer.json (read 2" in run("catalog", "show", "p9.48xlarge", home=tmp_path).stdout


def test_a_dry_run_says_what_would_change_and_writes_nothing(tmp_path):
    file = answer(tmp_path, with_efa("p9.48xlarge"), without_efa("m5.large", vcpus=4))
    done = run("catalog", "update", "--from", file, "--dry-run", "--format", "json", home=tmp_path / "home")
    found = json.loads(done.stdout)
    assert (found["written"], found["new"], list(found["changed"])) == (False, ["p9.48xlarge"], ["m5.large"])
    assert not (tmp_path / "home").exists()


@pytest.mark.thorough
def test_the_users_rows_win_until_the_catalog_is_newer(tmp_path):
    own = tmp_path / "efakit/catalog.json"
    show = ("catalog", "show", "p5.48xlarge", "--format", "json")
    run("catalog", "update", "--from", answer(tmp_path, with_efa("p5.48xlarge")), home=tmp_path)
    assert json.loads(run(*show, home=tmp_path).stdout)["values"]["efa_interfaces"]["value"] == 16
    revision = instances.built_in().revision
    older = own.read_text().replace(f'"built_in_revision": {revision}', f'"built_in_revision": {revision - 1}')
    own.write_text(older)
    done = run(*show, home=tmp_path)
    assert json.loads(done.stdout)["values"]["efa_interfaces"]["value"] == 32
    assert "efakit: warning: " in done.stderr
    assert "run 'efakit catalog update' again" in done.stderr
    run("catalog", "update", "--from", answer(tmp_path, without_efa("m5.large")), home=tmp_path)
    done = run(*show, home=tmp_path)
    assert (json.loads(done.stdout)["values"]["efa_interfaces"]["value"], done.stderr) == (32, "")


@pytest.mark.thorough
def test_a_damaged_file_is_named_and_reset_removes_it(tmp_path):
    own = tmp_path / "efakit/catalog.json"
    own.parent.mkdir()
    own.write_text("{")
    way_out = "'efakit catalog update --reset' removes it"
    refused(run("catalog", "list", home=tmp_path), str(own), way_out)
    refused(run(*INIT, "--instance", "p5.48xlarge", "--output", "-", home=tmp_path), str(own), way_out)
    refused(run("catalog", "update", "--from", answer(tmp_path, with_efa("p9.48xlarge")), home=tmp_path), way_out)
    assert run("catalog", "path", home=tmp_path).stdout == f"{own}\n"
    assert run("catalog", "list", home=tmp_path, EFAKIT_CATALOG="builtin").returncode == 0
    done = run("catalog", "update", "--reset", home=tmp_path)
    assert (done.returncode, own.exists()) == (0, False)
    assert run("catalog", "list", home=tmp_path).returncode == 0
    assert "no rows of your own" in run("catalog", "update", "--reset", home=tmp_path).stdout


def test_reset_with_a_file_begins_anew(tmp_path):
    run("catalog", "update", "--from", answer(tmp_path, with_efa("p9.48xlarge")), home=tmp_path)
    run("catalog", "update", "--reset", "--from", answer(tmp_path, with_efa("p8.48xlarge")), home=tmp_path)
    content = userdata.read(tmp_path / "efakit/catalog.json")
    assert content is not None
    assert list(content.efa) == ["p8.48xlarge"]


def test_path_says_what_the_file_holds(tmp_path):
    assert json.loads(run("catalog", "path", "--format", "json", home=tmp_path).stdout)["exists"] is False
    run("catalog", "update", "--from", answer(tmp_path, with_efa("p9.48xlarge")), home=tmp_path)
    said = json.loads(run("catalog", "path", "--format", "json", home=tmp_path).stdout)
    assert (said["exists"], said["used"], said["types"]) == (True, True, 1)
    assert said["made_against_revision"] == said["built_in_revision"]
    switched_off = run("catalog", "path", "--format", "json", home=tmp_path, EFAKIT_CATALOG="builtin")
    assert json.loads(switched_off.stdout)["used"] is False


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "no instance types"),
        ('{"InstanceTypes": 1}', "no instance types"),
        ('{"InstanceTypes": [1]}', "not a name of an instance type"),
        ('[{"InstanceType": "p9"}]', "not a name of an instance type"),
        ('[{"InstanceType": "p9.48xlarge"}]', "no NetworkInfo"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, content, word):
    file = tmp_path / "answer.json"
    file.write_text(content)
    refused(run("catalog", "update", "--from", file, home=tmp_path), word)
    assert not (tmp_path / "efakit").exists()


def test_a_missing_file_a_folder_and_two_sources_are_refused(tmp_path):
    refused(run("catalog", "update", "--from", tmp_path / "none.json", home=tmp_path), "none.json")
    refused(run("catalog", "update", "--from", tmp_path, home=tmp_path), "--from")
    refused(run("catalog", "update", "--from", "x", "--region", "us-east-1", home=tmp_path), "exclude each other")


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "efakit").write_text("a file")
    refused(run("catalog", "update", "--from", answer(tmp_path, with_efa("p9.48xlarge")), home=tmp_path), "efakit")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answer.json", "efakit"]


@pytest.fixture
def simulated_account(tmp_path, monkeypatch):
    """Simulate an AWS account; the user's rows lie in ``tmp_path``."""
    moto = pytest.importorskip("moto", reason="moto is not installed: pip install 'efakit[pcluster]'")
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with moto.mock_aws():
        yield tmp_path / "efakit/catalog.json"


@pytest.mark.thorough
def test_a_live_account_is_asked_region_by_region(simulated_account):
    done = CliRunner().invoke(catalog, ["update", "--region", "us-east-1", "--region", "us-west-2"])
    assert done.exit_code == 0, done.output
    assert "EC2 in us-east-1: " in done.stderr
    assert "EC2 in us-west-2: " in done.stderr
    assert f"wrote {simulated_account}: 0 new types" in done.stdout
    content = userdata.read(simulated_account)
    assert content is not None
    assert content.built_in_revision == instances.built_in().revision


@pytest.mark.thorough
def test_the_default_region_is_asked_where_none_is_named(simulated_account, monkeypatch):
    done = CliRunner().invoke(catalog, ["update"])
    assert isinstance(done.exception, EfakitError)
    assert "--region" in str(done.exception)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert "EC2 in eu-west-1: " in CliRunner().invoke(catalog, ["update", "--dry-run"]).stderr
    assert not simulated_account.exists()


def test_all_pages_of_an_answer_are_read_and_the_first_region_wins(simulated_account, monkeypatch):
    boto3 = pytest.importorskip("boto3")
    pages = {
        "us-east-1": [[with_efa("p9.48xlarge")], [], [without_efa("m9.large")]],
        "us-west-2": [[without_efa("p9.48xlarge")], [without_efa("m9.xlarge")]],
    }

    class Client:
        def __init__(self, service: str, region_name: str) -> None:
            self.region = region_name

        def get_paginator(self, name: str) -> Client:
            assert name == "describe_instance_types"
            return self

        def paginate(self) -> list[dict[str, Any]]:
            return [{"InstanceTypes": page} for page in pages[self.region]]

    monkeypatch.setattr(boto3, "client", Client)
    done = CliRunner().invoke(catalog, ["update", "--region", "us-east-1", "--region", "us-west-2"])
    assert done.exit_code == 0, done.output
    assert "EC2 in us-east-1: 2 types\nEC2 in us-west-2: 2 types\n" in done.stderr
    content = userdata.read(simulated_account)
    assert content is not None
    assert (list(content.efa), list(content.plain)) == (["p9.48xlarge"], ["m9.large", "m9.xlarge"])
    (source,) = content.sources.values()
    assert source["title"] == "EC2 DescribeInstanceTypes in us-east-1, us-west-2"


def test_a_refusal_by_aws_is_an_error_that_says_what_is_needed(simulated_account, monkeypatch):
    boto3 = pytest.importorskip("boto3")
    from botocore.exceptions import NoCredentialsError

    def refuse(*_: Any, **__: Any) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(boto3, "client", refuse)
    done = CliRunner().invoke(catalog, ["update", "--region", "us-east-1"])
    assert isinstance(done.exception, EfakitError)
    assert "ec2:DescribeInstanceTypes" in str(done.exception)
    assert not simulated_account.exists()


def test_without_boto3_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "boto3", None)
    done = CliRunner().invoke(catalog, ["update", "--region", "us-east-1"])
    assert isinstance(done.exception, EfakitError)
    assert "efakit[aws]" in str(done.exception)
