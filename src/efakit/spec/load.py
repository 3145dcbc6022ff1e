"""Loads a spec: YAML, then the schema, then what only the catalog and the spec as a whole can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from efakit.catalog import instances
from efakit.catalog.stacks import EFA_INSTALLERS, efa_installer, nearest_installers
from efakit.errors import SpecError
from efakit.finding import ERROR, Finding, Place
from efakit.spec.build import build_spec
from efakit.spec.faults import At, doubles, unknown_type
from efakit.spec.job_checks import job_faults
from efakit.spec.job_files import own_templates, read_bodies
from efakit.spec.model import Spec
from efakit.spec.schema import schema_faults
from efakit.spec.sections import sections
from efakit.spec.yamltext import Document, read_document


def load_spec(path: Path, templates: Path | None = None) -> Spec:
    """Return the spec in a file; raise SpecError with every fault that was found, each with its line.

    ``templates``: folder of the user's own job templates, in place of the one that the spec names.
    """
    return read_spec(read_document(path), templates)


def read_spec(document: Document, templates: Path | None = None) -> Spec:
    """Return the spec in a document; raise SpecError as ``load_spec`` does."""
    if document.data is None:
        place, fix = Place(str(document.path)), "'efakit init' writes a spec to begin with"
        raise SpecError([Finding("spec-unreadable", ERROR, "the file is empty", place=place, fix=fix)])
    own = _templates_folder(document, templates)
    faults = schema_faults(document, own_templates(own))
    if faults:
        raise SpecError(faults)
    bodies, wrong = read_bodies(document.data.get("jobs") or [], document.path.parent, document.fault)
    faults = [*_faults(document, own, document.fault), *wrong]
    if faults:
        raise SpecError(faults)
    return build_spec(document.data, bodies, own)


def _templates_folder(document: Document, templates: Path | None) -> str | None:
    if templates is not None:
        return str(templates)
    named = document.data.get("templates") if isinstance(document.data, dict) else None
    return str(document.path.parent / named) if isinstance(named, str) else None


def _faults(document: Document, templates: str | None, at: At) -> Iterator[Finding]:
    """Give the faults that the schema cannot see."""
    data = document.data
    cluster = data["cluster"]
    yield from _stack_faults(cluster, at)
    yield from doubles(cluster["queues"], ["cluster", "queues"], "queue", at)
    for number, queue in enumerate(cluster["queues"]):
        keys: list[str | int] = ["cluster", "queues", number]
        yield from _instance_faults(queue, keys, at)
        yield from doubles(queue["compute_resources"], [*keys, "compute_resources"], "compute resource", at)
        yield from _capacity_faults(queue, keys, at)
    for name, section in sections().items():
        if name in data:
            yield from section.faults(data, at)
    jobs = data.get("jobs") or []
    yield from doubles(jobs, ["jobs"], "job", at)
    if templates is not None and not Path(templates).is_dir():
        yield at("job-file", ["templates"], f"{templates}: no such folder", "name the folder of your own templates")
    yield from job_faults(cluster, jobs, at)


def _instance_faults(queue: Mapping[str, Any], keys: list[str | int], at: At) -> Iterator[Finding]:
    for place, resource in enumerate(queue["compute_resources"]):
        where = [*keys, "compute_resources", place]
        if "instance" in resource:
            yield from unknown_type(resource["instance"], [*where, "instance"], at)
        for index, name in enumerate(resource.get("instances", [])):
            yield from unknown_type(name, [*where, "instances", index], at)
        if resource.get("min_nodes", 0) > resource["nodes"]:
            message = f"{resource['min_nodes']} is more than nodes ({resource['nodes']})"
            yield at("counts", [*where, "min_nodes"], message, "raise nodes or lower min_nodes")
        for name in _types(resource):
            if resource.get("efa") == "on" and instances.known(name) and not instances.get(name).efa_capable:
                fix = "write auto or off, or take a type with EFA"
                yield at("efa-unsupported", [*where, "efa"], f"{name} has no EFA", fix)


def _types(resource: Mapping[str, Any]) -> list[str]:
    names: list[str] = resource["instances"] if "instances" in resource else [resource["instance"]]
    return names


def _stack_faults(cluster: Mapping[str, Any], at: At) -> Iterator[Finding]:
    stack = cluster.get("stack", {})
    known = [row.version for row in EFA_INSTALLERS]
    installer = stack.get("installer")
    if installer is not None and not _is_covered(installer):
        fix = f"the nearest are {' and '.join(nearest_installers(installer))} (known: {', '.join(known)})"
        message = f"EFA installer {installer} is not known"
        yield at("installer-unknown", ["cluster", "stack", "installer"], message, fix)


def _is_covered(installer: str) -> bool:
    """Return whether a release of the EFA installer has a row, or lies between two that have one."""
    try:
        efa_installer(installer)
    except KeyError:
        return False
    return True


def _capacity_faults(queue: Mapping[str, Any], keys: list[str | int], at: At) -> Iterator[Finding]:
    capacity = queue.get("capacity", "on-demand")
    yield from _two_reservations(queue, keys, at)
    for place, resource in enumerate(queue["compute_resources"]):
        where = [*keys, "compute_resources", place]
        yield from _two_reservations(resource, where, at)
        if capacity == "capacity-block" and not ("reservation" in resource or "reservation" in queue):
            message = "a capacity block needs the key 'reservation'"
            yield at("block-without-reservation", where, message, "add reservation: with the block's id (cr-...)")
        if capacity == "spot" and any(key in part for part in (queue, resource) for key in _RESERVATIONS):
            message = "spot instances cannot come from a reservation"
            yield at("spot-with-reservation", where, message, "write capacity: on-demand, or remove the reservation")
        for row in (instances.get(name) for name in _types(resource) if instances.known(name)):
            if not row.sold_as(capacity):
                sold = ", ".join(sorted(row.usage_classes or ()))
                message = f"{row.name} is not sold as {capacity} (it is sold as {sold})"
                key = "instances" if "instances" in resource else "instance"
                yield at("usage-class", [*where, key], message, f"write another capacity for queue {queue['name']}")


_RESERVATIONS = ("reservation", "reservation_group")


def _two_reservations(part: Mapping[str, Any], keys: list[str | int], at: At) -> Iterator[Finding]:
    if all(key in part for key in _RESERVATIONS):
        message = "not together with 'reservation'"
        yield at("exclude-each-other", [*keys, "reservation_group"], message, "remove one of them")
