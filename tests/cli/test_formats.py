"""What programs read: JSON, SARIF and GitHub's commands also where the input is broken; standard input as a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "cluster-configs/p5.yaml").read_text()
CONFIG = (ROOT / "cluster-configs/p5.cluster.yaml").read_text()
BROKEN = "cluster:\n  region: [\n"
SCRIPT = "#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --exclusive\nexport FI_PROVIDER=tcp\nsrun ./train\n"


@pytest.mark.parametrize("command", ["validate", "render", "explain"])
def test_broken_yaml_gives_json_with_its_place_and_exit_code_2(call, tmp_path, command):
    (tmp_path / "x.yaml").write_text(BROKEN)
    more = ["--out", tmp_path / "out"] if command == "render" else []
    ran = call(command, tmp_path / "x.yaml", *more, "--format", "json")
    found = json.loads(ran.out)
    assert ran.code == found["error"]["exit_code"] == 2
    assert [(item["file"], item["line"]) for item in found["findings"]] == [(str(tmp_path / "x.yaml"), 3)]
    assert "not valid YAML" in ran.err


@pytest.mark.parametrize("content", [BROKEN, "", "- a\n", None, b"\xff\xfe"])
def test_lint_gives_a_list_of_findings_whatever_is_wrong_with_the_file(call, tmp_path, content):
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    ran = call("lint", path, "--format", "json")
    assert ran.code == 2
    (finding,) = json.loads(ran.out)
    assert (finding["file"], finding["severity"]) == (str(path), "error")


@pytest.mark.parametrize("form", ["text", "json"])
def test_one_file_that_cannot_be_judged_does_not_hide_what_is_wrong_with_others(call, tmp_path, form):
    (tmp_path / "a.sbatch").write_text(SCRIPT)
    (tmp_path / "b.sbatch").write_text("")
    ran = call("lint", tmp_path / "b.sbatch", tmp_path / "a.sbatch", tmp_path / "none.sh", "--format", form)
    assert ran.code == 2
    assert "FI_PROVIDER" in ran.out
    assert "b.sbatch: the file is empty" in ran.err
    assert "none.sh: cannot be read" in ran.err
    if form == "json":
        unusable = [item["file"] for item in json.loads(ran.out) if item["rule"] == "input-unusable"]
        assert unusable == [str(tmp_path / "b.sbatch"), str(tmp_path / "none.sh")]


@pytest.mark.parametrize("arguments", [["validate", "none.yaml"], ["lint", "none.sh"], ["validate"]])
def test_sarif_is_sarif_also_where_nothing_could_be_judged(call, arguments):
    ran = call(*arguments, "--format=sarif")
    (run,) = json.loads(ran.out)["runs"]
    assert ran.code == 2
    assert [result["ruleId"] for result in run["results"]] == ["input-unusable"]
    assert all(place["physicalLocation"]["artifactLocation"]["uri"] for place in run["results"][0]["locations"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "5", "--records", "/nowhere"],
        ["explain", "--variable", "NOTHING_KNOWN"],
        ["explain", "--rule", "no-rule"],
        ["explain", "--instance", "p9.large"],
        ["catalog", "show", "p9.large"],
        ["catalog", "list", "--family", "p9"],
        ["report", "--nonsense"],
    ],
)
def test_every_command_with_json_gives_json_on_an_error(call, arguments):
    ran = call(*arguments, "--format", "json")
    assert ran.code == 2
    assert json.loads(ran.out)["error"]["message"]
    assert ran.err


def test_as_text_nothing_stands_on_stdout(call):
    ran = call("validate", "none.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert "none.yaml: cannot be read" in ran.err


def test_validate_gives_sarif_and_github_commands(call, tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC.replace("p5.48xlarge", "p5.47xlarge"))
    sarif = call("validate", "--no-vendor", path, "--format", "sarif")
    (run,) = json.loads(sarif.out)["runs"]
    assert sarif.code == 1
    assert {result["ruleId"] for result in run["results"]} == {"instance-unknown"}
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] > 1
    github = call("validate", "--no-vendor", path, "--format", "github")
    assert github.out.startswith(f"::error file={path},line=")


@pytest.mark.parametrize("text", [SPEC, CONFIG, f"# a comment\n\n---\n{SPEC}"])
def test_validate_and_lint_judge_yaml_on_standard_input(call, text):
    broken = text.replace("p5.48xlarge", "p5.47xlarge")
    for command in (["validate", "--no-vendor"], ["lint"]):
        assert call(*command, "-", stdin=text).code == 0
        ran = call(*command, "-", stdin=broken)
        assert ran.code == 1
        assert "<stdin>:" in ran.out


def test_lint_judges_a_script_on_standard_input(call):
    ran = call("lint", "-", "--format", "json", stdin=SCRIPT)
    assert ran.code == 1
    assert {("<stdin>", 4)} <= {(item["file"], item["line"]) for item in json.loads(ran.out)}


def test_the_spec_of_lint_may_come_on_standard_input(call, tmp_path):
    (tmp_path / "a.sbatch").write_text(SCRIPT)
    assert call("lint", tmp_path / "a.sbatch", "--spec", "-", stdin=SPEC).code == 1


def test_fix_needs_a_file(call):
    ran = call("lint", "-", "--fix", stdin="#!/bin/bash\r\n#SBATCH --nodes=2\r\nsrun ./train\r\n")
    assert (ran.code, ran.out) == (2, "")
    assert "give a file instead of -" in ran.err


def test_render_and_explain_read_a_spec_on_standard_input(call, tmp_path):
    assert call("render", "-", "--out", tmp_path / "out", stdin=SPEC).code == 0
    assert (tmp_path / "out/cluster.yaml").is_file()
    assert "p5.48xlarge" in call("explain", "-", stdin=SPEC).out
    ran = call("render", "-", "--out", tmp_path / "out", stdin=BROKEN)
    assert "<stdin>:3:1: not valid YAML" in ran.err
