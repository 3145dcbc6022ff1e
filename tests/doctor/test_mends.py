"""Each row of the catalog about versions leads to a finding of doctor's that says what to install, and how."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from efakit.catalog.instances import all_efa
from efakit.catalog.known_bad import KNOWN_BAD, BadPair
from efakit.catalog.minimums import MINIMUMS, Minimum
from efakit.catalog.nvidia_drivers import LEAST_DRIVERS, LeastDriver
from efakit.catalog.stacks import EFA_INSTALLERS
from efakit.doctor.document import document_of
from efakit.doctor.judge import Told, judge
from efakit.hook.collect import look
from efakit.rules.registry import rule_of
from efakit.versions import version_key, within
from tests.doctor import trees

pytestmark = pytest.mark.thorough
# Nobody's package manager is known to doctor: the words must do.
WORDS_ONLY = {"cuda"}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> dict[str, Any]:
    root = trees.healthy(tmp_path_factory.mktemp("node") / "root")
    document: dict[str, Any] = json.loads(json.dumps(look(str(root), "gpu-1")))
    return document


def told(data: dict[str, Any], instance: str, versions: dict[str, str | None]) -> list[Told]:
    changed = copy.deepcopy(data)
    changed["software"]["versions"].update(versions)
    return judge(document_of(changed, "x"), instance)


def a_type(patterns: str) -> str:
    from fnmatch import fnmatchcase

    names = sorted(item.name for item in all_efa())
    return next(name for name in names for pattern in patterns.split() if fnmatchcase(name, pattern))


@pytest.mark.parametrize("row", MINIMUMS, ids=lambda row: f"{row.instances} {row.component}")
def test_a_version_below_the_least_is_told_with_what_to_install(data, row: Minimum):
    old = f"{int(row.least.partition('.')[0]) - 1}.9.9"
    versions = {**dict.fromkeys(("plugin", "nccl", "cuda")), row.component: old}
    rule = f"least-{row.component}"
    found = [item for item in told(data, a_type(row.instances), versions) if item.finding.rule == rule]
    assert found
    assert row.least in found[0].finding.message
    assert found[0].finding.source == row.source
    assert found[0].commands or row.component in WORDS_ONLY
    assert found[0].why == rule_of(rule).why  # type: ignore[union-attr]


@pytest.mark.parametrize("row", KNOWN_BAD, ids=lambda row: row.id)
def test_a_known_bad_pair_is_told_with_a_release_that_is_not_bad(data, row: BadPair):
    versions: dict[str, str | None] = {"nccl": None, **row.since}
    (found,) = [item for item in told(data, a_type(row.instances), versions) if item.finding.rule == row.id]
    text = "\n".join(found.commands)
    assert row.fixed in found.finding.fix
    release = text.partition("aws-efa-installer-")[2].partition(".tar.gz")[0]
    brought = next(installer for installer in EFA_INSTALLERS if installer.version == release)
    assert brought.plugin is not None
    assert not within(brought.plugin, row.since.get("plugin"), row.until["plugin"])


def test_no_installer_older_than_the_node_s_is_named(data):
    versions: dict[str, str | None] = {"installer": "1.47.0", "plugin": "1.16.1"}
    (found,) = [item for item in told(data, "p5.4xlarge", versions) if item.finding.rule == "plugin-p5.4xlarge"]
    release = found.commands[0].partition("aws-efa-installer-")[2].partition(".tar.gz")[0]
    assert version_key(release) >= version_key("1.47.0")


@pytest.mark.parametrize("row", LEAST_DRIVERS, ids=lambda row: f"CUDA {row.cuda}")
def test_the_driver_that_a_cuda_needs_is_enough_and_one_before_is_not(data, row: LeastDriver):
    for driver, rules in ((f"{row.least}.10", []), (f"{int(row.least) - 1}.99", ["nvidia-driver-low"])):
        found = told(data, "p4d.24xlarge", {"cuda": f"{row.cuda}.4", "nvidia_driver": driver})
        assert [item.finding.rule for item in found if item.finding.rule == "nvidia-driver-low"] == rules


@pytest.mark.parametrize(
    ("efa", "nvidia", "there"), [("2.17.2g", "580.95.05", 1), ("2.17.3g", "580.95.05", 0), ("2.17.2g", "570.1", 0)]
)
def test_an_efa_driver_that_is_too_old_for_nvidia_s_is_told_with_an_installer(data, efa, nvidia, there):
    versions: dict[str, str | None] = {"driver": efa, "nvidia_driver": nvidia, "cuda": None, "installer": "1.43.0"}
    found = [item for item in told(data, "p5.48xlarge", versions) if item.finding.rule == "driver-nvidia"]
    assert len(found) == there
    assert all("aws-efa-installer-" in item.commands[0] for item in found)


def test_a_fault_of_the_image_s_parallelcluster_is_told_and_a_later_release_is_not(data):
    for release, there in (("3.13.0", True), ("3.16.3", False)):
        changed = copy.deepcopy(data)
        changed["machine"]["parallelcluster"] = f"aws-parallelcluster-cookbook-{release}"
        rules = [item.finding.rule for item in judge(document_of(changed, "x"))]
        assert ("release-slurm-cves" in rules) == there
    assert rules == []
