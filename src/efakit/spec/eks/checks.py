"""What is wrong with the section that the schema cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.catalog import eks as rows
from efakit.catalog import instances
from efakit.catalog.image_names import from_file_of
from efakit.catalog.instances import Instance
from efakit.finding import Finding
from efakit.nearness import choice
from efakit.spec.eks.model import Eks
from efakit.spec.faults import At, unknown_name, unknown_type

_Data = Mapping[str, Any]


def faults(data: _Data, at: At) -> Iterator[Finding]:
    """Give the section's faults; ``data`` is the whole spec's."""
    section = data["eks"]
    yield from _version(section, at)
    yield from _zones(section, data["cluster"], at)
    if "system_instance" in section:
        yield from unknown_type(section["system_instance"], ["eks", "system_instance"], at)
    for number, queue in enumerate(data["cluster"]["queues"]):
        yield from _queue(section, queue, number, at)
    yield from _jobs(data, at)


def _version(section: _Data, at: At) -> Iterator[Finding]:
    version = rows.minor(section.get("version", Eks.version))
    if version < rows.minor(rows.OLDEST_KUBERNETES):
        message = f"EKS starts no cluster with Kubernetes {section['version']}"
        yield at("eks-version", ["eks", "version"], message, f"write '{rows.OLDEST_KUBERNETES}' or later, in quotes")
    if section.get("devices") == "dra" and version < rows.minor(rows.DRA_KUBERNETES):
        message = f"the EFA DRA driver needs Kubernetes {rows.DRA_KUBERNETES} or later"
        yield at("eks-dra", ["eks", "devices"], message, "use a later version, or write devices: plugin")
    if "ami" in section and section.get("ami_family") not in ("AmazonLinux2023", "Bottlerocket"):
        message = "for a custom image eksctl needs ami_family, and it writes a bootstrap for two families"
        yield at("eks-image", ["eks", "ami"], message, "write ami_family: AmazonLinux2023 or Bottlerocket")


def _zones(section: _Data, cluster: _Data, at: At) -> Iterator[Finding]:
    """Give zones of another region, and those of queues that the cluster has nothing in."""
    region, there = cluster["region"], list(section.get("zones") or section["subnets"])
    key = "zones" if "zones" in section else "subnets"
    for number, zone in enumerate(there):
        if zone[:-1] != region:
            message = f"zone {zone} is not in region {region}"
            yield at("eks-zone", ["eks", key, number if key == "zones" else zone], message, f"name zones of {region}")
    queues = [queue["name"] for queue in cluster["queues"]]
    for name, zone in section.get("queue_zones", {}).items():
        if name not in queues:
            yield unknown_name("queue", name, queues, ["eks", "queue_zones", name], at, at_key=True)
        elif zone not in there:
            message = f"the cluster has no subnet in {zone}, where the nodes of queue {name} start"
            yield at("eks-zone", ["eks", "queue_zones", name], message, choice(zone, there, "zones"))


def _queue(section: _Data, queue: _Data, number: int, at: At) -> Iterator[Finding]:
    keys: list[str | int] = ["cluster", "queues", number]
    name, managed = queue["name"], section.get("nodes", Eks.nodes) == "managed"
    for place, resource in enumerate(queue["compute_resources"]):
        inside = [*keys, "compute_resources", place]
        reserved = any(part.get(key) for part in (resource, queue) for key in ("reservation", "reservation_group"))
        group = resource.get("placement_group") or queue.get("placement_group")
        if not managed and reserved and group in (None, "none", "managed"):
            message = (
                f"eksctl puts self-managed EFA nodes of {name}/{resource['name']} into its own placement group, but "
                "the reservation's instances are outside of it"
            )
            fix = "write eks.nodes: managed, or the placement_group of the reservation"
            yield at("eks-reservation-group", inside, message, fix)
        if not managed and queue.get("capacity") == "spot":
            message = f"spot nodes of {name}/{resource['name']} in a self-managed group"
            yield at("eks-self-managed", inside, message, "write eks.nodes: managed")
        for instance in _types(resource):
            if not managed and rows.miscounted(instance):
                message = (
                    f"eksctl counts {instance.network_cards} EFA interfaces for {instance.name}, which has "
                    f"{instance.efa_interfaces}, and supports a launch template for managed nodes only"
                )
                yield at("eks-self-managed", inside, message, "write eks.nodes: managed")
        if len(_types(resource)) > 1 and any(map(rows.miscounted, _types(resource))):
            message = f"{name}/{resource['name']} mixes types, but its launch template lists one type's network cards"
            yield at("eks-launch-template", [*inside, "instances"], message, "write one instance type")
        if "ami" in section and any(map(rows.miscounted, _types(resource))):
            message = f"nodes of {name}/{resource['name']} start from a launch template, which excludes eks.ami"
            yield at("eks-launch-template", ["eks", "ami"], message, "remove it, or move these nodes to another spec")


def _jobs(data: _Data, at: At) -> Iterator[Finding]:
    jobs = {job["name"]: job for job in data.get("jobs") or []}
    for number, name in enumerate(data["eks"].get("jobs", [])):
        keys: list[str | int] = ["eks", "jobs", number]
        if name not in jobs:
            yield at("eks-job", keys, f"unknown job {name!r}", choice(name, jobs, "jobs"))
            continue
        why = _why_not(jobs[name], data)
        if why:
            yield at("eks-job", keys, f"job {name} cannot run on EKS: {why}", "remove it from eks.jobs")


def _why_not(job: _Data, data: _Data) -> str | None:
    """Return why not; None also where the job's queue is a fault of its own."""
    queues = data["cluster"]["queues"]
    queue = next((item for item in queues if job.get("queue") in (None, item["name"])), None)
    if queue is None:
        return None
    types = tuple(instance for resource in queue["compute_resources"] for instance in _types(resource))
    from_file = from_file_of(job.get("container"))
    return rows.why_no_job(job["template"], types, data["eks"].get("image"), from_file)


def _types(resource: _Data) -> list[Instance]:
    """Return the types that the catalog knows; one that it does not know is a fault of its own."""
    names = resource.get("instances") or [resource["instance"]]
    return [instances.get(name) for name in names if instances.known(name)]
