"""Slurm's sockets, cores and threads of a compute resource, held to what its instance types have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from efakit.catalog.instances import Instance
from efakit.lint.config.node import Node
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.view import ClusterView, Resource


class _Shape(NamedTuple):
    """What a config says, None: nothing; and where it says so."""

    sockets: int | None
    cores_per_socket: int | None
    threads: int | None
    place: Node


@rule("slurm-topology")
def slurm_topology(view: ClusterView) -> Iterator[Problem]:
    """Refuse more cores or threads than the instance type has."""
    for resource, shape, instance in _shaped(view):
        cores, threads = instance.cores, _threads(resource, instance)
        said = _cores(shape)
        if said is not None and cores is not None and said > cores:
            message = f"{shape.sockets} x {shape.cores_per_socket} cores, but {instance.name} has {cores}"
            yield Problem(shape.place.path, message, _fix(resource, instance))
        elif shape.threads is not None and threads is not None and shape.threads > threads:
            off = " with simultaneous multithreading off" if _smt_off(resource) else ""
            message = f"ThreadsPerCore {shape.threads}, but {instance.name}{off} has {threads}"
            yield Problem(shape.place.path, message, _fix(resource, instance))


@rule("slurm-topology-part")
def slurm_topology_part(view: ClusterView) -> Iterator[Problem]:
    """Point out cores that Slurm would leave idle, and sockets in another arrangement."""
    for resource, shape, instance in _shaped(view):
        cores, threads = instance.cores, _threads(resource, instance)
        said = _cores(shape)
        if said is None or cores is None or said > cores:
            continue
        message = ""
        if said < cores:
            message = f"{shape.sockets} x {shape.cores_per_socket} cores, but {instance.name} has {cores}"
        elif instance.slurm_sockets is not None and shape.sockets != instance.slurm_sockets:
            message = f"{shape.sockets} sockets, but {instance.name} has {instance.slurm_sockets}"
        elif threads is not None and threads > (shape.threads or 1):
            said_threads = f"ThreadsPerCore {shape.threads}" if shape.threads else "no ThreadsPerCore"
            message = f"{said_threads}, but {instance.name} has {threads}: Slurm uses 1 CPU in {threads}"
        if message:
            yield Problem(shape.place.path, message, _fix(resource, instance))


def _shaped(view: ClusterView) -> Iterator[tuple[Resource, _Shape, Instance]]:
    for resource in view.resources:
        shape = _shape(resource)
        if shape is not None:
            yield from ((resource, shape, instance) for instance in resource.instances)


def _shape(resource: Resource) -> _Shape | None:
    """Return the shape in a compute resource's own settings, None where they say nothing of one."""
    settings = resource.node.at("CustomSlurmSettings")
    said = {entry.key.lower(): entry for entry in settings.entries if entry.whole is not None}
    numbers = {name: entry.whole for name, entry in said.items()}
    sockets = numbers.get("sockets")
    if sockets is None and numbers.get("socketsperboard") is not None:
        sockets = (numbers.get("boards") or 1) * (numbers["socketsperboard"] or 0)
    names = ("corespersocket", "sockets", "socketsperboard", "threadspercore")
    place = next((said[name] for name in names if name in said), None)
    if place is None:
        return None
    cores = numbers.get("corespersocket")
    if cores is not None and sockets is None:
        sockets = 1  # slurm.conf's default
    return _Shape(sockets, cores, numbers.get("threadspercore"), place)


def _cores(shape: _Shape) -> int | None:
    if shape.sockets is None or shape.cores_per_socket is None:
        return None
    return shape.sockets * shape.cores_per_socket


def _smt_off(resource: Resource) -> bool:
    return resource.node.at("DisableSimultaneousMultithreading").flag is True


def _threads(resource: Resource, instance: Instance) -> int | None:
    return 1 if _smt_off(resource) and instance.threads_per_core else instance.threads_per_core


def _fix(resource: Resource, instance: Instance) -> str:
    sockets, cores = instance.slurm_sockets, instance.slurm_cores_per_socket
    if sockets is None or cores is None:
        return f"write numbers whose product is {instance.cores} cores, or remove them"
    threads = _threads(resource, instance)
    return f"write Sockets: {sockets}, CoresPerSocket: {cores}, ThreadsPerCore: {threads}, or remove them"
