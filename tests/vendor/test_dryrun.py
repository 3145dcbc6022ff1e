"""The real dry run: its command, its answers, and what is no answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from efakit.errors import MissingExtra, UsageError
from efakit.vendor import dryrun
from efakit.vendor.dryrun import real_dry_run
from efakit.vendor.isolated_environment import isolated_environment
from efakit.vendor.simulated_account import MotoServer
from tests.pcluster.simulated import Account, config, text


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "pcluster"
    monkeypatch.setattr(dryrun, "_program", lambda: str(path))
    return path


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_the_command_asks_for_a_dry_run_of_the_config_in_the_region(program: Path, tmp_path: Path):
    seen = tmp_path / "seen"
    answer = json.dumps({"message": "Request would have succeeded, but DryRun flag is set."})
    script(program, f'echo "$@" > {seen}; cat "$5" >> {seen}; echo \'{answer}\'; exit 1')
    assert real_dry_run("Region: x", region="eu-west-1").accepted
    command, content = seen.read_text().splitlines()
    assert command.startswith("create-cluster --cluster-name efakit-dry-run --cluster-configuration /")
    assert command.endswith("/cluster.yaml --dryrun true --region eu-west-1")
    assert content == "Region: x"


def test_what_is_no_answer_is_told_with_what_pcluster_said(program: Path):
    script(program, "echo no credentials >&2; exit 3")
    with pytest.raises(UsageError, match=r"no answer \(exit 3\):\nno credentials"):
        real_dry_run("Region: x")


def test_a_program_that_cannot_run_is_told(program: Path):
    program.write_text("")
    with pytest.raises(UsageError, match="cannot be run"):
        real_dry_run("Region: x")


def test_without_pcluster_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtra, match="pcluster"):
        real_dry_run("Region: x")


@pytest.mark.pcluster
def test_the_real_program_answers(
    moto_server: MotoServer, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in isolated_environment(tmp_path, endpoint=moto_server.endpoint).items():
        monkeypatch.setenv(name, value)
    answer = real_dry_run(text(config(account, {"resource": {"InstanceType": "m5.2xlarge"}})), region="us-east-1")
    assert not answer.accepted
    assert "EfaValidator" in answer.validators("error")
