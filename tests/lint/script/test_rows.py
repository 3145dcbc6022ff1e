"""Each row of the catalog is found by the linter within its bounds, and not outside them."""

from __future__ import annotations

import pytest

from efakit.catalog.variables import VariableRule, rows
from efakit.finding import Finding
from efakit.rules.environment import matches
from efakit.rules.judgement import judge
from efakit.rules.target import Target
from tests.lint.script.linting import found

WEIGHTY = [row for row in rows() if row.effect in ("harmful", "no-effect", "set-by-plugin", "workaround")]
BODIES = {
    "nccl": "srun torchrun --nproc_per_node=1 train.py",
    "mpi-launch": "mpirun /opt/nccl-tests/build/all_reduce_perf",
    "openmpi": "mpirun ./app",
    "intelmpi": "mpiexec.hydra ./app",
    "neuron": "srun neuron_parallel_compile x",
    "nvshmem": "NVSHMEM_DEBUG=INFO ./app",
}


def name_of(row: VariableRule) -> str:
    return row.name.replace("*", "X")


def value_of(row: VariableRule) -> str:
    if row.value.startswith(("<=", ">=")):
        return row.value[2:]
    if row.value.startswith("!"):
        return next(text for text in ("odd", "7") if matches(row.value, text))
    return row.value.partition("|")[0].replace("[0-9]", "7").replace("*", "x")


def just_below(version: str) -> str:
    parts = [int(part) for part in version.split(".")]
    place = max(index for index, part in enumerate(parts) if part)
    return ".".join(str(part) for part in [*parts[:place], parts[place] - 1, 99])


def within(row: VariableRule) -> Target:
    versions = {component: just_below(until) for component, until in row.until.items()}
    versions |= dict(row.since)
    if row.efa is False:
        versions["efa_interfaces"] = "0"
    instance = row.instances.split()[0].replace("*", "48xlarge") if row.instances != "*" else None
    if row.except_instances:
        instance = "p5.48xlarge"
    return Target(versions=versions, instance=instance, os=row.os.split()[0] if row.os != "*" else None)


def script(row: VariableRule) -> str:
    name, value = name_of(row), value_of(row)
    setting = f"{name} {value}" if name.startswith("ulimit") else f"export {name}='{value}'"
    body = BODIES.get(row.workload.split()[0], "./app")
    return f"#!/bin/bash\n{setting}\n{body}\n"


def told(row: VariableRule, target: Target) -> list[Finding]:
    return [item for item in found(script(row), file="x.sh", target=target) if item.line == 2]


@pytest.mark.parametrize("row", WEIGHTY, ids=lambda row: f"{row.id}-{row.name}")
def test_a_row_is_found_within_its_bounds(row):
    workloads = set() if row.workload == "*" else {row.workload.split()[0]}
    judged = judge(name_of(row), value_of(row), within(row), workloads)
    assert row.id in [item.rule for item in judged]
    # The linter says the worst of what the rows say.
    assert told(row, within(row))[0].rule in [item.rule for item in judged]


@pytest.mark.parametrize(
    ("row", "component"),
    [(row, component) for row in WEIGHTY for component in (*row.since, *row.until)],
    ids=lambda item: item if isinstance(item, str) else f"{item.id}-{item.name}",
)
def test_a_row_is_silent_outside_its_bounds(row, component):
    target = within(row)
    other = just_below(row.since[component]) if component in row.since else row.until[component]
    outside = Target(versions={**target.versions, component: other}, instance=target.instance, os=target.os)
    same = [item for item in WEIGHTY if item.id == row.id and item.name == row.name and item is not row]
    assert same or row.id not in [item.rule for item in told(row, outside)]


@pytest.mark.parametrize(
    "row", [row for row in WEIGHTY if row.instances != "*"], ids=lambda row: f"{row.id}-{row.name}"
)
def test_a_row_of_some_instances_is_silent_on_others(row):
    target = within(row)._replace(instance="c6gn.16xlarge")
    assert row.id not in [item.rule for item in told(row, target)]


@pytest.mark.parametrize("row", [row for row in WEIGHTY if row.efa is not None], ids=lambda row: f"{row.id}-{row.name}")
def test_a_row_of_nodes_with_efa_is_silent_on_nodes_without_and_the_other_way(row):
    target = within(row)
    other = "0" if row.efa else "1"
    outside = target._replace(versions={**target.versions, "efa_interfaces": other})
    assert row.id not in [item.rule for item in told(row, outside)]


@pytest.mark.parametrize("row", [row for row in WEIGHTY if row.several_nodes], ids=lambda row: f"{row.id}-{row.name}")
def test_a_row_of_several_nodes_is_silent_in_a_job_on_one(row):
    one, two = (script(row).replace("\n", f"\n#SBATCH --nodes={nodes}\n", 1) for nodes in (1, 2))
    target = within(row)
    assert row.id in [item.rule for item in found(two, target=target)]
    always = any(item.id == row.id and item.name == row.name and not item.several_nodes for item in WEIGHTY)
    assert always or row.id not in [item.rule for item in found(one, target=target)]


@pytest.mark.parametrize("row", [row for row in WEIGHTY if row.value != "*"], ids=lambda row: f"{row.id}-{row.name}")
def test_a_row_about_a_value_is_silent_on_a_value_that_the_shell_fills_in(row):
    if row.effect == "set-by-plugin" or row.name.startswith(("ulimit", "LD_")):
        pytest.skip("the row speaks of any value, or of a part of one")
    text = script(row).replace(f"'{value_of(row)}'", '"$GIVEN"')
    assert row.id not in [item.rule for item in found(text, file="x.sh", target=within(row))]
