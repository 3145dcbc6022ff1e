"""Configs reduced from public reports: what efakit's rules say of each, and pcluster on a simulated account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from efakit.cli.validate import validate
from efakit.vendor.simulated_account import installed_pcluster_version

CASES = Path(__file__).parent / "cases"
INSTALLED = str(installed_pcluster_version())


def judged(name: str, version: str, *options: str) -> dict[str, Any]:
    arguments = [str(CASES / f"{name}.yaml"), "--parallelcluster", version, "--format", "json", *options]
    done = CliRunner().invoke(validate, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    document: dict[str, Any] = json.loads(done.stdout)
    return {**document, "code": done.exit_code}


def rules(answer: dict[str, Any], severity: str) -> set[str]:
    return {item["rule"] for item in answer["findings"] if item["severity"] == severity}


@pytest.mark.parametrize(
    ("name", "version", "error"),
    [
        ("old-release", "3.13.2", "release-lambda-runtime"),
        ("login-arm", "3.16.1", "login-architecture"),
        ("sockets-wrong", "3.16.1", "slurm-topology"),
        ("p6-b300-at-3.14", "3.14.0", "release-p6-b300"),
    ],
)
def test_what_does_not_work_is_an_error(name: str, version: str, error: str):
    answer = judged(name, version, "--no-vendor")
    assert answer["code"] == 1
    assert rules(answer, "error") == {error}


@pytest.mark.parametrize(
    ("name", "version", "warning"),
    [
        ("block-without-instance-type", "3.13.1", "release-reservation-type"),
        ("gpu-health-check-p5", "3.16.1", "release-gpu-health-check"),
        ("idle-time-300", "3.16.1", "idle-time"),
        ("mpi-3.13.1", "3.13.1", "release-slow-mpi"),
        ("mpi-3.13.1", "3.15.0", "release-slurm-cves"),
    ],
)
def test_what_costs_or_is_slow_is_a_warning(name: str, version: str, warning: str):
    answer = judged(name, version, "--no-vendor")
    assert warning in rules(answer, "warning")


@pytest.mark.parametrize(
    "name", ["login-and-head-in-one-subnet", "two-lustre", "block-without-instance-type", "mpi-3.13.1"]
)
@pytest.mark.pcluster
@pytest.mark.usefixtures("running_judge")
def test_what_is_fine_is_refused_by_nobody(name: str):
    if INSTALLED.startswith("3.13"):
        pytest.skip("by 3.13 no cluster can be made any more")
    answer = judged(name, INSTALLED)
    assert answer["code"] == 0
    assert rules(answer, "error") == rules(answer, "warning") == set()
    assert {item["outcome"] for item in answer["judged_by"]} == {"accepted"}


def test_idle_minutes_are_told_in_hours_with_the_nodes():
    [finding] = [
        item for item in judged("idle-time-300", "3.16.1", "--no-vendor")["findings"] if "idle" in item["rule"]
    ]
    assert "4 x p5.48xlarge" in finding["message"]
    assert "5 hours" in finding["message"]
