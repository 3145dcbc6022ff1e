"""Reads a spec for the commands that plan it, and judges what it comes to by the rules of configs.

What a spec says of a cluster is judged once, in the config that it renders to: so one rule speaks for both, and the
spec's ``overrides`` count. A spec without a config of its own is judged by the same words (``rules/cluster.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from efakit.catalog import instances, offerings
from efakit.emit.parallelcluster import cluster_config
from efakit.emit.parallelcluster.origins import origin
from efakit.errors import SpecError
from efakit.finding import WARNING, Finding
from efakit.lint.config import JobNodes, lint_config
from efakit.lint.config.given import OF_SPEC
from efakit.lint.config.node import Path as Keys
from efakit.plan.cluster import ResourcePlan
from efakit.plan.job import JobPlan
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.rules import cluster, job
from efakit.rules.registry import rule_of, rules_of
from efakit.spec.load import read_spec
from efakit.spec.model import Queue
from efakit.spec.parallelcluster.model import ParallelCluster
from efakit.spec.yamltext import Document, read_document


def plan_spec(path: Path, templates: Path | None = None, *, preflight: bool = True) -> Plan:
    """Return the plan of the spec in a file; raise SpecError with its faults, each with its line.

    ``templates`` is a folder of the user's own job templates, in place of the one that the spec names. Without
    ``preflight`` no job checks its nodes.
    """
    return plan_document(read_document(path), templates, preflight=preflight)


def plan_document(document: Document, templates: Path | None = None, *, preflight: bool = True) -> Plan:
    """Return the plan of the spec in a document; raise SpecError as ``plan_spec`` does."""
    spec = read_spec(document, templates)
    if not preflight:
        spec = replace(spec, jobs=tuple(replace(job, preflight=False) for job in spec.jobs))
    plan = make_plan(spec)
    refuse(document, plan)
    return plan


def refuse(document: Document, plan: Plan) -> None:
    """Raise SpecError where a cluster as the spec describes it could not be made, or a job of it could never start.

    What the spec's ``overrides`` say is the user's own word: ``efakit validate`` tells what is wrong there.
    """
    section = plan.spec.section(ParallelCluster)
    found = list(alone(document, plan) if section is None else _of_config(document, plan, section.version))
    found += job_faults(document, plan)
    if found:
        raise SpecError(found)


def _of_config(document: Document, plan: Plan, version: str) -> Iterator[Finding]:
    """Give the faults of the config that the spec renders to, of rules that stop a spec, with places in the spec."""
    stops = frozenset(row.id for row in rules_of("config").values() if row.stops_render)
    found = lint_config(
        cluster_config(plan),
        version=version,
        where=lambda path: (0, 0),
        file=str(document.path),
        jobs=[job_nodes(number, item) for number, item in enumerate(plan.jobs)],
        only=stops,
    )
    for item in found:
        keys = origin_of(item.place.keys, document)
        if "overrides" not in keys:
            yield document.fault(item.rule, keys, item.message, item.fix).replaced(source=item.source)


def of_rendered(document: Document, plan: Plan) -> list[Finding]:
    """Return the errors and warnings of the config that the spec renders to, and what the plan found, by line.

    ``efakit validate`` says the same, with notes, and with what a vendor and an account say.
    """
    found = [item.replaced(place=document.place(item.place.keys, at_key=True)) for item in plan.findings]
    section = plan.spec.section(ParallelCluster)
    if section is None:
        return found
    said = {(item.rule, item.line) for item in found}

    def where(path: Keys) -> tuple[int, int]:
        place = document.place(origin_of(path, document), at_key=True)
        return place.line, place.column

    of_config = lint_config(
        cluster_config(plan),
        version=section.version,
        where=where,
        file=str(document.path),
        jobs=[job_nodes(number, job) for number, job in enumerate(plan.jobs)],
        offerings=offerings,
        software=asdict(plan.spec.cluster.stack),
    )
    of_software = {item.message for item in plan.software_findings}
    found += [
        item
        for item in of_config
        if item.severity >= WARNING and (item.rule, item.line) not in said and item.message not in of_software
    ]
    return sorted(found, key=lambda item: (item.line, item.column, -item.severity.rank))


def origin_of(path: Keys, document: Document) -> Keys:
    """Return the place in a spec from which a place of its config comes; a place of the spec itself stays."""
    keys = path if path[:1] == (OF_SPEC,) else origin(path, document.data)
    value = document.data
    for number, key in enumerate(keys):
        if not isinstance(value, dict | list):
            return keys[:number]  # the config has more below than the spec's one word
        value = value.get(key, {}) if isinstance(value, dict) else value[int(key)]
    return keys


def job_nodes(number: int, plan: JobPlan) -> JobNodes:
    """Return what the rules of configs want to know of the spec's job at a place of its list."""
    software = plan.job.container.stack if plan.job.container else {}
    return JobNodes(plan.job.name, plan.nodes, plan.queue, software, (OF_SPEC, number))


def alone(document: Document, plan: Plan) -> Iterator[Finding]:
    """Give the faults of a cluster that no config describes, by the words that configs are judged by."""
    for number, queue in enumerate(plan.cluster.queues):
        for place, resource in enumerate(queue.resources):
            keys = ("cluster", "queues", number, "compute_resources", place)
            for rule, key, fault in _of_resource(queue.queue, resource):
                if fault is not None:
                    yield with_source(document.fault(rule, (*keys, key), *fault))
    for number, item in enumerate(plan.jobs):
        most = plan.spec.cluster.queue(item.queue).nodes
        fault = cluster.job_too_large(item.job.name, item.nodes, item.queue, most)
        if fault is not None:
            yield with_source(document.fault("job-too-large", (OF_SPEC, number, "nodes"), *fault))


def job_faults(document: Document, plan: Plan) -> Iterator[Finding]:
    """Give the jobs that ask for more than a node has, by the words that scripts are judged by."""
    for number, item in enumerate(plan.jobs):
        instance, gpus = instances.get(item.instance_type), item.layout.gpus_per_node
        if instance.gpus is None:
            continue
        asks = job.gpus_of_instance("--gpus-per-node asks for", gpus, instance) if gpus > instance.gpus else None
        if asks is not None:
            yield with_source(document.fault("gpus-of-instance", ("jobs", number, "gpus_per_node"), *asks))
        elif item.template.launcher == "node" and item.template.needs == "gpu":
            ranks = job.more_ranks_than_gpus(item.template.name, item.layout.ranks_per_node, gpus, instance)
            if ranks is not None:
                yield with_source(document.fault("more-ranks-than-gpus", ("jobs", number, "ranks_per_node"), *ranks))


def _of_resource(queue: Queue, item: ResourcePlan) -> Iterator[tuple[str, str, cluster.Fault | None]]:
    """Give each rule with the key that it speaks of, and what is wrong there, if anything."""
    resource, name = item.resource, f"{queue.name}/{item.resource.name}"
    given = resource.reservation or queue.reservation
    group = resource.reservation_group or queue.reservation_group
    yield "counts", "min_nodes", cluster.counts(name, resource.min_nodes or 0, resource.nodes)
    if queue.capacity == "capacity-block" and not given:
        yield "block-without-reservation", "reservation", cluster.block_without_reservation(name)
    if queue.capacity == "spot" and (given or group):
        reserved = repr(given or group)
        yield "spot-with-reservation", "reservation", cluster.spot_with_reservation(name, reserved)
    for instance in resource.instances:
        yield "usage-class", "instance", cluster.usage_class(instance, queue.capacity)
        if item.efa:
            yield "efa-unsupported", "efa", cluster.efa_unsupported(instance, name)


def with_source(fault: Finding) -> Finding:
    """Return a fault of a spec with its rule's source, where it has none of its own."""
    row = rule_of(fault.rule)
    return fault if fault.source or row is None else fault.replaced(source=row.source)
