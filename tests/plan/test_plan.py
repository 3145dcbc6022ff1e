"""The plan as a whole: Slurm settings are merged, the environment follows the stack, every decision has a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from efakit.catalog import instances
from efakit.plan.make import make_plan
from efakit.plan.parallelcluster.plan import ParallelClusterPlan
from efakit.plan.plan import Plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document

SPEC = """\
cluster:
  region: us-east-1
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef1
      compute_resources:
        - {{name: main, instance: {instance}, nodes: {nodes}}}
parallelcluster:
  version: "{release}"
  key: my-key
  head_node: {{subnet: subnet-0123456789abcdef0}}
  slurm_settings: {{{settings}}}
jobs:
  - {{name: train, template: torchrun, script: train.py, env: {{{env}}}}}
"""


def plan_of(release="3.16.3", settings="", instance="p5.48xlarge", nodes=4, env="") -> Plan:
    text = SPEC.format(release=release, settings=settings, instance=instance, nodes=nodes, env=env)
    return make_plan(read_spec(Document(Path("spec.yaml"), text)))


def section_of(**given) -> ParallelClusterPlan:
    section = plan_of(**given).section(ParallelClusterPlan)
    assert section is not None
    return section


@pytest.mark.parametrize(
    ("theirs", "merged"),
    [
        ("", "Alloc"),
        ("PrologFlags: X11", "Alloc,X11"),
        ("prologflags: 'Contain, NoHold'", "Alloc,Contain,NoHold"),
        ("PrologFlags: alloc", "alloc"),
    ],
)
def test_prolog_flags_are_added_to_and_never_taken_away(theirs, merged):
    assert section_of(settings=theirs).slurm_settings["PrologFlags"] == merged


def test_other_slurm_settings_stay():
    settings = section_of(settings="KillWait: 60, PrologFlags: X11").slurm_settings
    assert {"KillWait": 60, "PrologFlags": "Alloc,X11"}.items() <= settings.items()


def test_the_newest_stack_needs_one_variable():
    variables = plan_of().jobs[0].variables
    assert [(variable.name, variable.value) for variable in variables] == [("NCCL_NET", "Libfabric")]


def test_an_older_plugin_needs_the_tuning_that_a_newer_one_sets_itself():
    names = {variable.name for variable in plan_of(release="3.13.2").jobs[0].variables}
    assert names == {"NCCL_NET", "NCCL_BUFFSIZE", "NCCL_P2P_NET_CHUNKSIZE"}


def test_without_a_known_plugin_nothing_that_depends_on_it_is_set():
    plan = plan_of(release="3.12.0")
    assert plan.jobs[0].variables == ()
    assert any("cluster.stack.plugin" in decision.reason for decision in plan.decisions)


def test_without_efa_no_efa_variable_is_set():
    assert plan_of(nodes=1).jobs[0].variables == ()


def test_the_user_s_own_value_wins():
    variables = plan_of(env="NCCL_NET: Socket").jobs[0].variables
    assert [(variable.name, variable.value) for variable in variables] == [("NCCL_NET", "Socket")]


def test_ranks_gpus_and_cpus_follow_from_the_catalog():
    layout = plan_of().jobs[0].layout
    assert (layout.ntasks_per_node, layout.gpus_per_node, layout.cpus_per_task) == (1, 8, 192)


def test_a_resource_without_efa_expects_no_device_and_an_unknown_count_stays_unknown():
    assert plan_of().slurm.hooks.settings["compute_resources"] == {"gpu/main": 32}
    assert plan_of(nodes=1).slurm.hooks.settings["compute_resources"] == {"gpu/main": 0}


@pytest.mark.parametrize("instance", ["p5.48xlarge", "g6e.48xlarge", "g5g.16xlarge"])
def test_the_head_node_has_the_architecture_of_the_compute_nodes(instance):
    head = section_of(instance=instance).head_node.instance
    assert head == ("m6g.xlarge" if instance.startswith("g5g") else "m6i.xlarge")


@pytest.mark.parametrize("instance", ["p5.48xlarge", "p4d.24xlarge", "p4de.24xlarge"])
def test_sockets_cores_and_threads_multiply_to_the_cpus_that_slurm_is_told(instance):
    """Otherwise Slurm takes half of the CPUs away, and a job that asks for all of them is refused."""
    settings = section_of(instance=instance).queues[0].resources[0].slurm_settings
    product = settings["Sockets"] * settings["CoresPerSocket"] * settings["ThreadsPerCore"]
    assert product == instances.get(instance).vcpus == plan_of(instance=instance).jobs[0].layout.cpus_per_task


@pytest.mark.parametrize(("release", "kind"), [("3.14.0", "efa"), ("3.15.0", "efa-only"), ("3.16.3", "efa-only")])
def test_the_interface_type_follows_from_the_release(release, kind):
    chosen = {decision.subject: decision.choice for decision in plan_of(release=release).decisions}
    assert chosen["EFA interface type"] == kind


def test_every_decision_has_a_reason():
    for decision in plan_of().decisions:
        assert decision.subject
        assert decision.choice
        assert decision.reason


@pytest.mark.parametrize(("nodes", "said"), [(1, False), (4, True)])
def test_of_nodes_without_efa_no_interface_type_is_said(nodes, said):
    # ParallelCluster gives such a p5 an IP address on every card.
    subjects = [item.subject for item in section_of(nodes=nodes).decisions]
    assert ("EFA interface type" in subjects) is said
