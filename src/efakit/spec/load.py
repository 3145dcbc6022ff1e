"""Loads a spec: YAML, then the schema, then what only the catalog and the spec as a whole can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from efakit.catalog import instances
from efakit.catalog.stacks import EFA_INSTALLERS, nearest_installers
from efakit.errors import SpecError
from efakit.spec.build import build_spec
from efakit.spec.faults import At, doubles, unknown_type
from efakit.spec.job_checks import job_problems
from efakit.spec.job_files import own_templates, read_bodies
from efakit.spec.model import Spec
from efakit.spec.schema import schema_problems, spell
from efakit.spec.sections import sections
from efakit.spec.yamltext import Document, KeyPath, read_document


def load_spec(path: Path, templates: Path | None = None) -> Spec:
    """Return the spec in a file; raise SpecError with every fault that was found, each with its line.

    ``templates``: folder of the user's own job templates, in place of the one that the spec names.
    """
    return read_spec(read_document(path), templates)


def read_spec(document: Document, templates: Path | None = None) -> Spec:
    """Return the spec in a document; raise SpecError as ``load_spec`` does."""
    if document.data is None:
        raise SpecError([f"{document.path}: the file is empty; 'efakit init' writes a spec to begin with"])
    own = _templates_folder(document, templates)
    problems = schema_problems(document, own_templates(own))
    if problems:
        raise SpecError(problems)

    def at(keys: KeyPath, message: str, *, at_key: bool = False) -> str:
        return f"{document.where(keys, at_key=at_key)}: {spell(keys)}: {message}"

    bodies, faults = read_bodies(document.data.get("jobs") or [], document.path.parent, at)
    problems = [*_problems(document, own, at), *faults]
    if problems:
        raise SpecError(problems)
    return build_spec(document.data, bodies, own)


def _templates_folder(document: Document, templates: Path | None) -> str | None:
    if templates is not None:
        return str(templates)
    named = document.data.get("templates") if isinstance(document.data, dict) else None
    return str(document.path.parent / named) if isinstance(named, str) else None


def _problems(document: Document, templates: str | None, at: At) -> Iterator[str]:
    """Give the faults that the schema cannot see."""
    data = document.data
    cluster = data["cluster"]
    yield from _stack_problems(cluster, at)
    yield from doubles(cluster["queues"], ["cluster", "queues"], "queue", at)
    for number, queue in enumerate(cluster["queues"]):
        keys: list[str | int] = ["cluster", "queues", number]
        yield from _instance_problems(queue, keys, at)
        yield from doubles(queue["compute_resources"], [*keys, "compute_resources"], "compute resource", at)
        yield from _capacity_problems(queue, keys, at)
    for name, section in sections().items():
        if name in data:
            yield from section.faults(data, at)
    jobs = data.get("jobs") or []
    yield from doubles(jobs, ["jobs"], "job", at)
    if templates is not None and not Path(templates).is_dir():
        yield at(["templates"], f"{templates}: no such folder")
    yield from job_problems(cluster, jobs, at)


def _instance_problems(queue: Mapping[str, Any], keys: list[str | int], at: At) -> Iterator[str]:
    for place, resource in enumerate(queue["compute_resources"]):
        where = [*keys, "compute_resources", place]
        if "instance" in resource:
            yield from unknown_type(resource["instance"], [*where, "instance"], at)
        for index, name in enumerate(resource.get("instances", [])):
            yield from unknown_type(name, [*where, "instances", index], at)
        if resource.get("min_nodes", 0) > resource["nodes"]:
            yield at([*where, "min_nodes"], f"{resource['min_nodes']} is more than nodes ({resource['nodes']})")
        for name in _types(resource):
            if resource.get("efa") == "on" and instances.known(name) and not instances.get(name).efa_capable:
                yield at([*where, "efa"], f"{name} has no EFA: write auto or off, or take another type")


def _types(resource: Mapping[str, Any]) -> list[str]:
    names: list[str] = resource["instances"] if "instances" in resource else [resource["instance"]]
    return names


def _stack_problems(cluster: Mapping[str, Any], at: At) -> Iterator[str]:
    stack = cluster.get("stack", {})
    known = [row.version for row in EFA_INSTALLERS]
    installer = stack.get("installer")
    if installer is not None and installer not in known:
        near = " and ".join(nearest_installers(installer))
        message = f"EFA installer {installer} is not known; the nearest are {near} (known: {', '.join(known)})"
        yield at(["cluster", "stack", "installer"], message)


def _capacity_problems(queue: Mapping[str, Any], keys: list[str | int], at: At) -> Iterator[str]:
    capacity = queue.get("capacity", "on-demand")
    yield from _two_reservations(queue, keys, at)
    for place, resource in enumerate(queue["compute_resources"]):
        where = [*keys, "compute_resources", place]
        yield from _two_reservations(resource, where, at)
        if capacity == "capacity-block" and not ("reservation" in resource or "reservation" in queue):
            yield at(where, "a capacity block needs the key 'reservation' with the block's id (cr-...)")
        if capacity == "spot" and any(key in part for part in (queue, resource) for key in _RESERVATIONS):
            yield at(where, "spot instances cannot come from a reservation: take capacity: on-demand")
        for name in _types(resource):
            offered = instances.get(name).usage_classes if instances.known(name) else None
            if offered and capacity not in offered:
                message = f"{name} is not sold as {capacity} (it is sold as: {', '.join(sorted(offered))})"
                yield at([*where, "instances" if "instances" in resource else "instance"], message)


_RESERVATIONS = ("reservation", "reservation_group")


def _two_reservations(part: Mapping[str, Any], keys: list[str | int], at: At) -> Iterator[str]:
    if all(key in part for key in _RESERVATIONS):
        yield at([*keys, "reservation_group"], "not together with 'reservation': one of them")
