"""EFA and the placement group are decided from instance type, capacity and node count, each with its reason."""

from __future__ import annotations

import pytest

from efakit.catalog import instances
from efakit.plan.network import decide_efa, decide_placement_group
from efakit.spec.model import ComputeResource, Queue


def queue_of(instance: str, nodes: int = 4, efa: str = "auto", **options) -> tuple[Queue, ComputeResource]:
    reservation = options.pop("reservation", None)
    resource = ComputeResource("main", (instances.get(instance),), nodes, efa=efa, reservation=reservation)
    options.setdefault("subnets", ("subnet-0123456789abcdef1",))
    return Queue(name="gpu", compute_resources=(resource,), **options), resource


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


def test_efa_is_off_over_several_subnets():
    queue, resource = queue_of("c5n.18xlarge", subnets=("subnet-0123456789abcdef1", "subnet-0123456789abcdef2"))
    assert not decide_efa(queue, resource)[0]


def test_with_several_types_the_least_counts():
    types = tuple(map(instances.get, ("p5.48xlarge", "p5en.48xlarge")))
    assert ComputeResource("main", types, 4, flexible=True).efa_interfaces == 16


def test_of_several_types_no_reason_says_that_each_has_the_least():
    types = tuple(map(instances.get, ("p5.48xlarge", "p5en.48xlarge")))
    resource = ComputeResource("main", types, 4, flexible=True)
    queue = Queue(name="gpu", subnets=("subnet-0123456789abcdef1",), compute_resources=(resource,))
    reason = decide_efa(queue, resource)[1].reason
    assert "p5.48xlarge and p5en.48xlarge have at least 16 EFA interfaces" in reason


def test_efa_counts_the_nodes_of_the_whole_queue():
    instance = instances.get("p5.48xlarge")
    resources = tuple(ComputeResource(name, (instance,), 1) for name in ("a", "b"))
    queue = Queue(name="gpu", subnets=("subnet-0123456789abcdef1",), compute_resources=resources)
    assert decide_efa(queue, resources[0])[0]


@pytest.mark.parametrize(
    ("options", "instance", "efa", "group"),
    [
        ({}, "p5.48xlarge", True, "managed"),
        ({}, "p5.48xlarge", False, "none"),
        ({"capacity": "spot"}, "p5.48xlarge", True, "managed"),
        ({"capacity": "capacity-block"}, "p5.48xlarge", True, "none"),
        ({}, "vt1.24xlarge", True, "none"),
        ({"reservation": "cr-0123456789abcdef0"}, "p5.48xlarge", True, "none"),
        ({"reservation": "cr-0123456789abcdef0", "placement_group": "mine"}, "p5.48xlarge", True, "mine"),
        ({"placement_group": "none"}, "p5.48xlarge", True, "none"),
        ({"placement_group": "mine"}, "p5.48xlarge", True, "mine"),
        ({"placement_group": "managed"}, "p5.48xlarge", False, "managed"),
    ],
)
def test_the_placement_group_is_managed_unless_something_speaks_against_it(options, instance, efa, group):
    queue, resource = queue_of(instance, **options)
    decided, decision = decide_placement_group(queue, resource, efa)
    assert decided == decision.choice == group
    assert decision.reason
