"""A judge that breaks, says something else than it does, or is asked of nothing neither accepts nor refuses."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.errors import EfakitError
from efakit.vendor import dockerfile_judges, eks_judges, sagemaker_child, sagemaker_model, sagemaker_sdk
from tests.emit.test_container import spec_of as container_spec
from tests.emit.test_eks import spec_of as eks_spec
from tests.emit.test_sagemaker import TRAIN
from tests.emit.test_sagemaker import spec_of as sagemaker_spec

pytestmark = pytest.mark.thorough


def judged(spec: Any, folder: Path, judge: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a judge made of a spec, and all that validate says."""
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec))
    done = CliRunner().invoke(efakit, ["validate", str(folder / "spec.yaml"), "--format", "json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    said = json.loads(done.stdout)
    return next(item for item in said["judged_by"] if item["judge"] == judge), said


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    "text",
    [
        "echo '{}'",
        "echo null",
        "echo '[]'; kill -SEGV $$",
        "echo '[]'; exit 3",
        "echo '[{\"line\": 1}]'",
        "echo '[{'",
        "printf '\\377\\376'",
        "exit 0",
    ],
)
def test_a_hadolint_that_dies_or_prints_something_else_is_undecided(tmp_path, monkeypatch, text):
    own = program(tmp_path / "hadolint", text)
    monkeypatch.setattr(dockerfile_judges, "hadolint", lambda: own)
    judgement, _ = judged(container_spec(), tmp_path, "container")
    assert judgement["outcome"] == "undecided"
    assert "gave no answer" in judgement["detail"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "it said nothing (it ended with -11)"),
        ("import sys; sys.exit('fatal error: newosproc')", "fatal error: newosproc (it ended with 1)"),
        ("raise ImportError('libc.so.7: not found')", "ImportError: libc.so.7: not found (it ended with 1)"),
        ("print('{}')", "{} (it ended with 0)"),
        ("print('[1]')", "[1] (it ended with 0)"),
        ("print('{\"instructions\": [1]}')", '{"instructions": [1]} (it ended with 0)'),
        ("", "it said nothing (it ended with 0)"),
    ],
)
def test_buildkit_s_parser_has_a_process_of_its_own_whose_death_is_undecided(tmp_path, monkeypatch, code, said):
    """Go's runtime, which the parser brings, once took a whole run of validate along."""
    (tmp_path / "python").mkdir()
    own = program(tmp_path / "python/own", f"exec {sys.executable} -c {shlex.quote(code)}")
    monkeypatch.setattr(dockerfile_judges.sys, "executable", own)
    monkeypatch.setattr(dockerfile_judges, "hadolint", lambda: None)
    monkeypatch.setattr(dockerfile_judges, "parser_version", lambda: "1")
    judgement, _ = judged(container_spec(), tmp_path, "container")
    assert judgement["outcome"] == "undecided"
    assert judgement["detail"] == f"hadolint or BuildKit's parser gave no answer: {said}"
    assert "dockerfile" not in sys.modules


def test_what_one_parser_found_stays_where_the_other_breaks(tmp_path, monkeypatch):
    own = program(tmp_path / "hadolint", "exit 3")
    monkeypatch.setattr(dockerfile_judges, "hadolint", lambda: own)
    monkeypatch.setattr(dockerfile_judges, "parser_version", lambda: "1")
    monkeypatch.setattr(dockerfile_judges, "swallowed", lambda _: iter([(3, "swallowed")]))
    judgement, said = judged(container_spec(), tmp_path, "container")
    assert judgement["outcome"] == "refused"
    assert [item["rule"] for item in said["findings"] if item["rule"].startswith("dockerfile:")]
    assert any("gave no answer" in limit for limit in said["limits"])


def test_the_parser_that_was_not_asked_is_named(tmp_path, monkeypatch):
    own = program(tmp_path / "hadolint", "echo '[]'")
    monkeypatch.setattr(dockerfile_judges, "hadolint", lambda: own)
    monkeypatch.setattr(dockerfile_judges, "parser_version", lambda: None)
    judgement, said = judged(container_spec(), tmp_path, "container")
    assert judgement["outcome"] == "accepted"
    assert any("not asked: BuildKit's parser" in note for note in said["notes"])


@pytest.mark.parametrize(
    "text", ["exit 1", "exit 0", "echo garbage", "echo '{}'", "echo '[]'", "echo null", "echo '{\"no\": 1}'"]
)
def test_an_eksctl_that_prints_no_schema_is_not_asked_and_not_called_missing(tmp_path, monkeypatch, text):
    program(tmp_path / "eksctl", text)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(eks_judges, "installed", lambda: dict.fromkeys(eks_judges.PACKAGES, "1"))
    monkeypatch.setattr(eks_judges, "refusals", lambda *_: iter(()))
    assert eks_judges.eksctl_schema() is None
    judgement, said = judged(eks_spec(), tmp_path, "eks")
    assert "schema of the eksctl" not in judgement["detail"]
    assert any("the eksctl on PATH printed none" in note for note in said["notes"])


def test_a_schema_of_eksctl_s_is_taken(tmp_path, monkeypatch):
    program(tmp_path / "eksctl", "echo '{\"definitions\": {}}'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert eks_judges.eksctl_schema() == {"definitions": {}}


def _broken(error: Exception, *said: Any) -> Iterator[Any]:
    yield from said
    raise error


@pytest.mark.parametrize("error", [ImportError("no schema"), KeyError("x"), RuntimeError("cfn-lint E0002: broken")])
def test_a_judge_of_eks_that_breaks_is_undecided_and_what_it_said_before_stays(tmp_path, monkeypatch, error):
    monkeypatch.setattr(eks_judges, "installed", lambda: dict.fromkeys(eks_judges.PACKAGES, "1"))
    monkeypatch.setattr(eks_judges, "refusals", lambda *_: _broken(error))
    assert judged(eks_spec(), tmp_path, "eks")[0]["outcome"] == "undecided"
    monkeypatch.setattr(eks_judges, "refusals", lambda *_: _broken(error, ("cluster.yaml", "no such key")))
    judgement, said = judged(eks_spec(), tmp_path, "eks")
    assert judgement["outcome"] == "refused"
    assert any("gave no answer" in limit for limit in said["limits"])


def test_a_region_that_cfn_lint_does_not_know_is_no_traceback(tmp_path, monkeypatch):
    pytest.importorskip("cfnlint")
    asked = eks_judges.refusals
    template = {"eks/x.launch-template.yaml": b"Resources: {A: {Type: 'AWS::EC2::LaunchTemplate', Properties: {}}}"}
    monkeypatch.setattr(eks_judges, "installed", lambda: dict.fromkeys(eks_judges.PACKAGES, "1"))
    monkeypatch.setattr(eks_judges, "refusals", lambda *_: asked(template, "1.34", "us-newest-1"))
    judgement, _ = judged(eks_spec(), tmp_path, "eks")
    assert judgement["outcome"] == "undecided"
    assert "us-newest-1" in judgement["detail"]


def test_sagemaker_is_not_asked_where_there_is_no_training_job(tmp_path):
    spec = sagemaker_spec(TRAIN, jobs=[])
    judgement, _ = judged(spec, tmp_path, "sagemaker")
    assert judgement["outcome"] == "not asked"


def test_a_botocore_without_the_model_is_undecided(tmp_path, monkeypatch):
    monkeypatch.setattr(sagemaker_model, "refusals", lambda _: _broken(LookupError("sagemaker")))
    judgement, _ = judged(sagemaker_spec(TRAIN), tmp_path, "sagemaker")
    assert judgement["outcome"] == "undecided"
    assert "LookupError" in judgement["detail"]


@pytest.mark.parametrize("text", ["import nothing_of_this_name", "raise NotImplementedError('moto')"])
def test_what_the_simulation_lacks_is_no_refusal_by_the_sdk(tmp_path, text):
    (tmp_path / "x.py").write_text(text)
    with pytest.raises((ImportError, NotImplementedError)):
        sagemaker_child._run(tmp_path / "x.py", tmp_path)


@pytest.mark.parametrize(
    "text", ["echo '{\"a' >$3/answers.json", "echo '{}' >$3/answers.json; exit 1", "exit 0", "kill -9 $$"]
)
def test_answers_of_the_sdk_that_are_cut_off_are_none(tmp_path, monkeypatch, text):
    monkeypatch.setattr(sys, "executable", program(tmp_path / "python", text))
    with pytest.raises(EfakitError, match="SageMaker's SDK"):
        sagemaker_sdk.sent({}, [])
