"""EFA and the placement group are decided from instance type, capacity and node count, each with its reason."""

from __future__ import annotations

import pytest

from efakit.catalog import instances
from efakit.plan.network import decide_efa, decide_placement_group
from efakit.spec.model import ComputeResource, Queue


def queue_of(instance: str, nodes: int = 4, efa: str = "auto", **options) -> tuple[Queue, ComputeResource]:
    resource = ComputeResource("main", instances.get(instance), nodes, efa=efa)
    return Queue("gpu", "subnet-0123456789abcdef1", (resource,), **options), resource


@pytest.mark.parametrize(
    ("instance", "nodes", "asked", "on"),
    [
        ("p5.48xlarge", 4, "auto", True),
        ("p5.48xlarge", 1, "auto", False),
        ("p5.48xlarge", 1, "on", True),
        ("p5.48xlarge", 4, "off", False),
        ("m5.large", 4, "auto", False),
        ("hpc7g.16xlarge", 2, "auto", True),
    ],
)
def test_efa_is_on_where_the_type_has_it_and_there_is_more_than_one_node(instance, nodes, asked, on):
    decided, decision = decide_efa(*queue_of(instance, nodes, asked))
    assert decided is on
    assert decision.reason


def test_efa_counts_the_nodes_of_the_whole_queue():
    instance = instances.get("p5.48xlarge")
    resources = tuple(ComputeResource(name, instance, 1) for name in ("a", "b"))
    queue = Queue("gpu", "subnet-0123456789abcdef1", resources)
    assert decide_efa(queue, resources[0])[0]


@pytest.mark.parametrize(
    ("options", "instance", "efa", "section"),
    [
        ({}, "p5.48xlarge", True, {"Enabled": True}),
        ({}, "p5.48xlarge", False, {"Enabled": False}),
        ({"capacity": "spot"}, "p5.48xlarge", True, {"Enabled": True}),
        ({"capacity": "capacity-block"}, "p5.48xlarge", True, {"Enabled": False}),
        ({}, "vt1.24xlarge", True, {"Enabled": False}),
        ({"placement_group": "none"}, "p5.48xlarge", True, {"Enabled": False}),
        ({"placement_group": "mine"}, "p5.48xlarge", True, {"Name": "mine"}),
        ({"placement_group": "managed"}, "p5.48xlarge", False, {"Enabled": True}),
    ],
)
def test_the_placement_group_is_managed_unless_something_speaks_against_it(options, instance, efa, section):
    queue, resource = queue_of(instance, **options)
    decided, decision = decide_placement_group(queue, resource, efa)
    assert decided == section
    assert decision.reason
