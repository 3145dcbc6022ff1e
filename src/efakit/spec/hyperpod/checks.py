"""What is wrong with the section that the schema cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.catalog.layouts import layout
from efakit.finding import Finding
from efakit.spec.faults import At, unknown_type

_Data = Mapping[str, Any]


def faults(data: _Data, at: At) -> Iterator[Finding]:
    """Give the section's faults; ``data`` is the whole spec's."""
    section = data["hyperpod"]
    for key in ("controller_instance", "login_instance"):
        if key in section:
            yield from unknown_type(section[key], ["hyperpod", key], at)
    for number, queue in enumerate(data["cluster"]["queues"]):
        keys: list[str | int] = ["cluster", "queues", number]
        if queue["name"] in layout("hyperpod").partitions:
            message = f"the partition {queue['name']} belongs to HyperPod"
            yield at("hyperpod-partition", [*keys, "name"], message, "choose another name")
        if queue.get("capacity", "on-demand") == "capacity-block" or any(
            part.get(key)
            for part in (queue, *queue["compute_resources"])
            for key in ("reservation", "reservation_group")
        ):
            message = f"the nodes of {queue['name']} come from a reservation of EC2's, which HyperPod does not take"
            yield at("hyperpod-capacity", keys, message, "name a training plan in hyperpod.training_plan")
        for place, resource in enumerate(queue["compute_resources"]):
            if len(resource.get("instances", ())) > 1:
                message = f"{queue['name']}/{resource['name']} mixes types, but an instance group of Slurm's has one"
                yield at("hyperpod-types", [*keys, "compute_resources", place, "instances"], message, "write one")
