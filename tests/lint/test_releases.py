"""Known faults of releases: each shows in its releases, on its types, systems and settings, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from efakit.catalog.known_faults import FAULTS, ReleaseFault
from efakit.catalog.stacks import PARALLELCLUSTER_RELEASES
from efakit.finding import Finding
from efakit.lint.config import lint_config
from efakit.versions import within
from tests.rules.examples import config_of

CASES = Path(__file__).parent / "cases"


def lint(data: Any, version: str) -> list[Finding]:
    return lint_config(data, version=version, where=lambda path: (1, 1), file="x")


def of_case(name: str, version: str) -> dict[str, str]:
    found = lint(yaml.safe_load((CASES / f"{name}.yaml").read_text()), version)
    return {item.rule: str(item.severity) for item in found}


@pytest.mark.parametrize(
    ("name", "version", "rule", "severity"),
    [
        ("old-release", "3.13.2", "release-lambda-runtime", "error"),
        ("gpu-health-check-p5", "3.16.3", "release-gpu-health-check", "warning"),
        ("gpu-health-check-p5", "3.6.0", "release-gpu-health-check", "warning"),
        ("mpi-3.13.1", "3.13.1", "release-slow-mpi", "warning"),
        ("mpi-3.13.1", "3.14.0", "release-slow-mpi", "warning"),
        ("mpi-3.13.1", "3.15.0", "release-slurm-cves", "warning"),
        ("block-without-instance-type", "3.13.1", "release-reservation-type", "warning"),
        ("p6-b300-at-3.14", "3.14.0", "release-p6-b300", "error"),
        ("p6-b300-at-3.14", "3.14.2", "release-p6-b300", "error"),
    ],
)
def test_a_reported_fault_is_found(name: str, version: str, rule: str, severity: str):
    assert of_case(name, version).get(rule) == severity


@pytest.mark.parametrize(
    ("name", "version", "rule"),
    [
        ("old-release", "3.14.0", "release-lambda-runtime"),
        ("gpu-health-check-p5", "3.5.1", "release-gpu-health-check"),
        ("old-release", "3.16.3", "release-gpu-health-check"),
        ("mpi-3.13.1", "3.14.1", "release-slow-mpi"),
        ("mpi-3.13.1", "3.16.1", "release-slurm-cves"),
        ("block-without-instance-type", "3.13.2", "release-reservation-type"),
        ("p6-b300-at-3.14", "3.15.0", "release-p6-b300"),
    ],
)
def test_it_is_not_found_where_it_is_not(name: str, version: str, rule: str):
    assert rule not in of_case(name, version)


def test_what_forbids_only_the_making_of_a_cluster_says_so_to_programs():
    found = lint(yaml.safe_load((CASES / "old-release.yaml").read_text()), "3.13.2")
    about = {item.rule: item.about for item in found}
    assert about["release-lambda-runtime"] == ("creation",)
    assert about["release-slurm-cves"] == ()
    [error] = [item for item in found if item.rule == "release-lambda-runtime"]
    assert "#7287" in error.fix


def test_the_binding_constraint_comes_first():
    found = lint(yaml.safe_load((CASES / "p6-b300-at-3.14.yaml").read_text()), "3.14.0")
    at_the_type = [item for item in found if item.place.keys[-1:] == ("InstanceType",)]
    assert at_the_type[0].rule == "release-p6-b300"
    assert at_the_type[0].fix.startswith("use ParallelCluster 3.15.0 or later")


def changed(change: str) -> Any:
    return config_of(change)


@pytest.mark.parametrize(
    ("change", "version", "rule", "there"),
    [
        ("Image: {Os: alinux2023}", "3.12.0", "release-p4d-alinux2023", False),
        ("Image: {Os: ubuntu2204}", "3.11.1", "release-p4d-alinux2023", False),
        ("Image: {Os: alinux2023}", "3.11.1", "release-p4d-alinux2023", True),
        ("Image: {Os: alinux2023, CustomAmi: ami-0123456789abcdef0}", "3.11.1", "release-p4d-alinux2023", False),
    ],
)
def test_p4d_on_amazon_linux_2023(change: str, version: str, rule: str, there: bool):
    data = changed(change)
    data["Scheduling"]["SlurmQueues"][0]["ComputeResources"][0]["InstanceType"] = "p4d.24xlarge"
    assert (rule in {item.rule for item in lint(data, version)}) == there


def test_a_login_key_that_is_the_head_node_s_is_right():
    login = "LoginNodes: {Pools: [{Name: login, Count: 1, InstanceType: m7i.large, Ssh: {KeyName: KEY}}]}"
    for key, there in (("another", True), ("my-key", False)):
        rules = {item.rule for item in lint(changed(login.replace("KEY", key)), "3.14.0")}
        assert ("release-login-key" in rules) == there


@pytest.mark.parametrize(
    ("where", "there"),
    [("queue", True), ("resource", True), ("resource over queue", False)],
)
def test_a_setting_of_a_compute_resource_counts_before_its_queue_s(where: str, there: bool):
    data = changed("Region: us-east-1")
    queue = data["Scheduling"]["SlurmQueues"][0]
    check = {"HealthChecks": {"Gpu": {"Enabled": True}}}
    if where != "resource":
        queue.update(check)
    if where == "resource":
        queue["ComputeResources"][0].update(check)
    if where == "resource over queue":
        queue["ComputeResources"][0]["HealthChecks"] = {"Gpu": {"Enabled": False}}
    assert ("release-gpu-health-check" in {item.rule for item in lint(data, "3.16.3")}) == there


def test_there_are_at_least_forty_rows_with_a_span_a_source_and_a_fix():
    assert len(FAULTS) >= 40
    assert len({row.id for row in FAULTS}) == len(FAULTS)
    for row in FAULTS:
        assert row.source.startswith("https://github.com/"), row.id
        assert row.since or row.until or row.settings, row.id
        assert row.since is None or row.until is None or within(row.since, None, row.until)


@pytest.mark.parametrize("row", [row for row in FAULTS if row.severity == "error"], ids=lambda row: row.id)
def test_an_error_has_an_end(row: ReleaseFault):
    """A cluster that no release can make would be the vendor's to refuse."""
    assert row.until is not None
    assert any(not within(release.version, row.since, row.until) for release in PARALLELCLUSTER_RELEASES)
