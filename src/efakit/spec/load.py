"""Loads a spec: YAML, then the schema, then what only the catalog and the spec as a whole can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from efakit.catalog.stacks import EFA_INSTALLERS, efa_installer, nearest_installers
from efakit.errors import SpecError
from efakit.finding import ERROR, Finding, Place
from efakit.inputs import MANIFEST
from efakit.spec.build import build_spec
from efakit.spec.faults import At, doubles, unknown_type
from efakit.spec.hook_checks import hook_faults
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
        place, fix = Place(str(document.path)), "create a first spec with 'efakit init'"
        raise SpecError([Finding("spec-unreadable", ERROR, "the file is empty", place=place, fix=fix)])
    if isinstance(document.data, dict) and {"HeadNode", "Scheduling"} <= set(document.data):
        message = "this is a ParallelCluster config, not a spec: efakit renders configs from specs"
        fix = "check configs with 'efakit validate' or 'efakit lint'; create a spec with 'efakit init'"
        raise SpecError([Finding("spec-unreadable", ERROR, message, place=document.place([]), fix=fix)])
    if isinstance(document.data, dict) and {"apiVersion", "kind"} <= set(document.data):
        message = f"not a spec: {MANIFEST}"
        raise SpecError([Finding("spec-unreadable", ERROR, message, place=document.place([]))])
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
    for name, section in sections().items():
        if name in data:
            yield from section.faults(data, at)
    yield from hook_faults(data.get("hooks") or {}, at)
    jobs = data.get("jobs") or []
    yield from doubles(jobs, ["jobs"], "job", at)
    if templates is not None and not Path(templates).is_dir():
        yield at("job-file", ["templates"], f"{templates}: no such folder", "write the path of your templates' folder")
    yield from job_faults(cluster, jobs, at)


def _instance_faults(queue: Mapping[str, Any], keys: list[str | int], at: At) -> Iterator[Finding]:
    for place, resource in enumerate(queue["compute_resources"]):
        where = [*keys, "compute_resources", place]
        if "instance" in resource:
            yield from unknown_type(resource["instance"], [*where, "instance"], at)
        for index, name in enumerate(resource.get("instances", [])):
            yield from unknown_type(name, [*where, "instances", index], at)


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
