"""Each row of the table of environment variables speaks inside its range and is silent outside."""

from __future__ import annotations

import pytest

from efakit.catalog.stacks import EFA_INSTALLERS, PARALLELCLUSTER_RELEASES
from efakit.catalog.variables import COMPONENTS, EFFECTS, WORKLOADS, rows
from efakit.rules.environment import needed
from efakit.rules.judgement import judge, missing
from efakit.rules.releases import target_of
from efakit.rules.target import any_supported
from tests.rules.variable_table import MISSING, SET, Missing, Set


def case_id(case) -> str:
    return f"{case.name}={case.value}"


def target(facts):
    return target_of(**facts) if facts else any_supported()


def rules_of(case: Set, value, facts) -> dict[str, str]:
    return {found.rule: found.severity for found in judge(case.name, value, target(facts), case.workloads)}


@pytest.mark.parametrize("case", SET, ids=case_id)
def test_a_value_is_found_inside_its_range(case):
    assert rules_of(case, case.value, case.inside).get(case.rule) == case.severity


@pytest.mark.parametrize("case", [case for case in SET if case.outside is not None], ids=case_id)
def test_it_is_silent_outside(case):
    assert case.rule not in rules_of(case, case.value, case.outside)


@pytest.mark.parametrize("case", [case for case in SET if case.other is not None], ids=case_id)
def test_another_value_is_none_of_it(case):
    assert case.rule not in rules_of(case, case.other, case.inside)


@pytest.mark.parametrize("case", MISSING, ids=case_id)
def test_what_must_be_there_is_missed_where_it_must(case: Missing):
    found = {item.name: item.value for item in missing((), target(case.inside), case.workloads)}
    assert found.get(case.name) == case.value
    assert case.name not in {item.name for item in missing((case.name,), target(case.inside), case.workloads)}
    outside = {item.name: item.value for item in missing((), target(case.outside), case.workloads)}
    assert outside.get(case.name) != case.value


@pytest.mark.parametrize("case", MISSING, ids=case_id)
def test_what_must_be_there_is_never_found_fault_with(case: Missing):
    assert judge(case.name, case.value, target(case.inside), case.workloads) == []


@pytest.mark.parametrize(
    ("needed_one", "set_instead", "workloads"),
    [
        ("OMPI_MCA_btl_tcp_if_exclude", "OMPI_MCA_btl_tcp_if_include", ("nccl", "mpi-launch")),
        ("I_MPI_OFI_PROVIDER", "FI_PROVIDER", ("intelmpi",)),
        ("OMPI_MCA_mtl_ofi_provider_include", "FI_PROVIDER", ("openmpi",)),
    ],
)
def test_what_another_variable_does_is_not_missed(needed_one, set_instead, workloads):
    place = target({"parallelcluster": "3.16.3", "instance": "p5.48xlarge"})
    assert needed_one in {item.name for item in missing((), place, workloads)}
    assert needed_one not in {item.name for item in missing((set_instead,), place, workloads)}


@pytest.mark.parametrize("workloads", [("nccl", "mpi-launch"), ("openmpi",), ("intelmpi",), ("nvshmem",)])
def test_a_job_on_nodes_without_efa_needs_nothing_for_it(workloads):
    assert missing((), target({"parallelcluster": "3.16.3", "instance": "g5.xlarge"}), workloads) == []


def test_every_row_has_a_case():
    said = {case.rule for case in SET}
    silent = {row.id for row in rows() if row.effect not in ("needed", "option")} - said
    # Fine differences of rows that have a case: another name of the same family, another value.
    assert silent == {
        "nccl-net-ib",
        "nccl-net-plugin-none",
        "nccl-tuner-plugin-fixed-path",
        "fi-efa-use-data-path-direct-default",
        "mpi-launch-mtl-ofi",
    }


def test_every_row_is_well_formed():
    for row in rows():
        assert row.effect in EFFECTS
        assert row.severity in ("error", "warning", "info")
        assert row.source.startswith("https://")
        assert row.reason
        assert row.reason[-1] != "."
        assert {*row.since, *row.until} <= set(COMPONENTS)
        assert row.workload == "*" or set(row.workload.split()) <= set(WORKLOADS)


@pytest.mark.parametrize(
    "workloads", [("nccl",), ("nccl", "mpi-launch"), ("openmpi",), ("intelmpi",), ("neuron",), ("nvshmem",)]
)
@pytest.mark.parametrize("release", [row.version for row in PARALLELCLUSTER_RELEASES])
@pytest.mark.parametrize("instance", ["p4d.24xlarge", "p5.48xlarge", "g6e.48xlarge", "hpc7a.96xlarge", "trn1.32xlarge"])
def test_what_efakit_sets_it_finds_no_fault_with(release, instance, workloads):
    place = target_of(parallelcluster=release, instance=instance, os="alinux2023")
    for item in needed(place, workloads):
        assert judge(item.name, item.value, place, workloads) == []


def test_an_unknown_program_has_no_needs():
    assert needed(target_of(parallelcluster="3.16.3", instance="p5.48xlarge"), ()) == []


@pytest.mark.parametrize("installer", [row.version for row in EFA_INSTALLERS])
def test_a_target_of_every_installer_can_be_made(installer):
    place = target_of(installer=installer, instance="p5.48xlarge")
    assert place.known
    assert not set(place.floors) & set(place.versions)
