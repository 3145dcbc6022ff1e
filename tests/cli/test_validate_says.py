"""What ``efakit validate`` says of its own limits, and what ``lint`` says of YAML: templates, places of keys, specs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from efakit.catalog.stacks import newest_parallelcluster
from efakit.cli.lint import lint
from efakit.cli.validate import validate
from efakit.errors import EfakitError
from efakit.vendor.simulated_account import installed_pcluster_version

SPECS = Path(__file__).resolve().parents[1] / "spec" / "cases"
CONFIGS = Path(__file__).resolve().parents[1] / "lint" / "cases"
INSTALLED = installed_pcluster_version()


def judged(path: Path, *options: str) -> dict[str, Any]:
    done = CliRunner().invoke(validate, [str(path), "--format", "json", *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    document: dict[str, Any] = json.loads(done.stdout)
    return {**document, "code": done.exit_code}


def linted(*arguments: str | Path) -> list[dict[str, Any]]:
    done = CliRunner().invoke(lint, [*map(str, arguments), "--format", "json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    findings: list[dict[str, Any]] = json.loads(done.stdout)
    return findings


def errors(answer: dict[str, Any]) -> set[str]:
    return {item["rule"] for item in answer["findings"] if item["severity"] == "error"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("az", set()),
        ("login2", set()),
        ("nokey", set()),
        ("v3160", set()),
        ("b300", {"release-p6-b300"}),
        ("loginarm", {"login-architecture"}),
        ("old", {"release-lambda-runtime"}),
        ("plugin-nccl-pair", {"software-broken"}),
    ],
)
def test_a_reported_spec_has_the_right_answer(name: str, expected: set[str]):
    answer = judged(SPECS / f"{name}.yaml", "--no-vendor")
    assert errors(answer) == expected
    assert answer["code"] == bool(expected)


@pytest.mark.pcluster
@pytest.mark.usefixtures("running_judge")
@pytest.mark.parametrize("name", ["az", "login2", "nokey", "v3160"])
def test_pcluster_refuses_no_spec_that_is_fine(name: str):
    if str(INSTALLED).startswith("3.13"):
        pytest.skip("the specs are for 3.16")
    answer = judged(SPECS / f"{name}.yaml")
    assert errors(answer) == set()
    assert {item["outcome"] for item in answer["judged_by"]} == {"accepted"}


def test_a_known_bad_pair_of_a_spec_is_an_error_beside_its_scripts(tmp_path: Path):
    script = tmp_path / "job.sbatch"
    script.write_text("#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --exclusive\nsrun hostname\n")
    spec = SPECS / "plugin-nccl-pair.yaml"
    for arguments in (("--spec", spec, script), (spec,)):
        found = [item for item in linted(*arguments) if item["rule"] == "software-broken"]
        assert [(item["file"], item["severity"]) for item in found] == [(str(spec), "error")]
    assert linted("--spec", SPECS / "az.yaml", script) == []


@pytest.mark.pcluster
@pytest.mark.usefixtures("running_judge")
def test_what_an_older_pcluster_could_not_be_asked_is_said_first():
    path = CONFIGS / "mpi-3.13.1.yaml"
    done = CliRunner().invoke(validate, [str(path), "--parallelcluster", newest_parallelcluster()])
    assert done.stdout.startswith(f"First: pcluster {INSTALLED} is installed")
    assert judged(path, "--parallelcluster", newest_parallelcluster())["limits"]
    assert judged(path, "--parallelcluster", str(INSTALLED))["limits"] == []
    assert judged(path, "--parallelcluster", newest_parallelcluster(), "--no-vendor")["limits"] == []


def test_that_subnets_are_taken_for_private_is_said_in_text_and_json():
    path = CONFIGS / "idle-time-300.yaml"
    [note] = [note for note in judged(path, "--no-vendor")["notes"] if "private" in note]
    assert "subnet-0123456789abcdef1" in note
    assert note in CliRunner().invoke(validate, [str(path), "--no-vendor"]).stdout


TEMPLATE = (
    'AWSTemplateFormatVersion: "2010-09-09"\nResources:\n  C:\n    Type: Custom::PclusterCluster\n    A: !Sub "${B}"\n'
)


@pytest.mark.parametrize("command", [validate, lint])
@pytest.mark.parametrize("text", [TEMPLATE, "Resources:\n  Vpc:\n    Type: AWS::EC2::VPC\n"])
def test_a_cloudformation_template_is_called_one(tmp_path: Path, command: Any, text: str):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    error = CliRunner().invoke(command, [str(path)]).exception
    assert isinstance(error, EfakitError)
    assert error.exit_code == 2
    assert "a CloudFormation template" in str(error)


def test_a_key_at_the_wrong_level_is_told_its_place(tmp_path: Path):
    path = tmp_path / "x.yaml"
    path.write_text((CONFIGS / "mpi-3.13.1.yaml").read_text().replace("  SlurmQueues:", "SlurmQueues:"))
    [finding] = [item for item in linted(path) if item["rule"] == "unknown-key"]
    assert finding["fix"] == "it belongs under Scheduling"


def test_folders_hold_configs_and_specs_beside_scripts_and_other_yaml(tmp_path: Path):
    for name, text in (
        ("cluster.yaml", (CONFIGS / "login-arm.yaml").read_text()),
        ("spec.yml", (SPECS / "loginarm.yaml").read_text()),
        ("template.yaml", TEMPLATE),
        ("other.yaml", "- a\n- b\n"),
        ("broken.yaml", "a: [\n"),
        ("job.sbatch", "#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --exclusive\nsrun hostname\n"),
    ):
        (tmp_path / name).write_text(text)
    done = CliRunner().invoke(lint, [str(tmp_path), "--format", "json"])
    assert {Path(item["file"]).name for item in json.loads(done.stdout) if item["severity"] == "error"} == {
        "cluster.yaml",
        "spec.yml",
    }
    assert done.stderr == ""
