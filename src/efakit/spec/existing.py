"""The text of a spec for a Slurm cluster that is up already, from what Slurm tells of its nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from efakit.catalog import instances
from efakit.catalog.instances import Instance
from efakit.spec.schema import spec_schema
from efakit.spec.starter import WHOLE_NODES, job_lines, scalar

_EXAMPLE = "p5.48xlarge"
_FIRST_JOB_NODES = 2


class FoundNodes(Protocol):
    """Nodes of one kind in a partition, as the room slurm/ gives them."""

    @property
    def partition(self) -> str:
        """Their partition's name."""

    @property
    def default(self) -> bool:
        """Whether it is the partition of jobs that name none."""

    @property
    def resource(self) -> str:
        """ParallelCluster's compute resource, empty on other clusters."""

    @property
    def features(self) -> tuple[str, ...]:
        """Their features, of which one may be the instance type."""

    @property
    def cpus(self) -> int:
        """The CPUs of each, as Slurm counts them."""

    @property
    def gpus(self) -> int:
        """The GPUs of each."""

    @property
    def nodes(self) -> int:
        """How many there are."""


@dataclass(frozen=True)
class _Resource:
    """A compute resource to write. ``doubt`` is a comment where the instance type is a guess."""

    name: str
    instance: Instance
    nodes: int
    smt: bool
    efa: bool
    doubt: str


def existing_text(found: Sequence[FoundNodes], placeholder: Instance | None, bucket: str | None) -> str:
    """Return the text of a spec that renders as it stands.

    Slurm tells the instance types of a cluster of ParallelCluster; where it does not, ``placeholder`` stands (None: a
    type with as many CPUs and GPUs), and a comment says so. Without any nodes the whole queue is a placeholder.
    """
    queues = _queues(found, placeholder) or {"gpu": [_example(placeholder)]}
    lines = [
        "# The efakit spec of a running Slurm cluster. efakit makes sbatch scripts from it, and hooks "
        "that record counters:",
        "#   efakit render THIS-FILE --out bundle",
        "# All keys: efakit init --print-schema",
        "cluster:  # what every platform needs",
        "  # The versions on the nodes decide a job's environment: write those that you know.",
        '  # stack: {installer: "1.43.2", nccl: "2.27.5"}  # the installer: /opt/amazon/efa_installed_packages',
        "  queues:  # Slurm's partitions",
    ]
    for name, resources in queues.items():
        lines += [f"    - name: {scalar(name)}", WHOLE_NODES, "      exclusive: true", "      compute_resources:"]
        lines += [line for resource in resources for line in _resource_lines(resource)]
    lines += [f"  # left out: partition {name!r}, a name that a spec does not allow" for name in _left_out(found)]
    lines += [
        "hooks:",
        "  mode: observe  # record only: no finding stops a job",
        "  # records_dir: /shared/efakit/records  # a folder that all nodes share; default: /home/efakit/records",
    ]
    if bucket is not None:
        lines.append(f"  bucket: {scalar(bucket)}  # efakit hooks publish bundle")
    return "\n".join([*lines, *_jobs(queues, next((item.partition for item in found if item.default), None))]) + "\n"


def _jobs(queues: dict[str, list[_Resource]], default: str | None) -> list[str]:
    """Return a first job in the default partition, else in the first; its nodes must be of one kind."""
    names = sorted(queues, key=lambda name: name != default)
    for name in names:
        first, *more = queues[name]
        if all(item.instance == first.instance and item.smt == first.smt for item in more):
            nodes = min(sum(item.nodes for item in queues[name]), _FIRST_JOB_NODES)
            return ["jobs:", *job_lines(first.instance, scalar(name), nodes)]
    return ["jobs: []  # every partition has several kinds of nodes; a job's ranks need one kind"]


def _resource_lines(item: _Resource) -> Iterator[str]:
    if item.doubt:
        yield f"        # {item.doubt}"
    yield f"        - name: {scalar(item.name)}"
    yield f"          instance: {scalar(item.instance.name)}"
    yield f"          nodes: {item.nodes}"
    if not item.smt:
        yield "          smt: false  # Slurm sees one thread per core"
    if not item.efa:
        yield '          efa: "off"  # as ParallelCluster set it up'


def _queues(found: Sequence[FoundNodes], placeholder: Instance | None) -> dict[str, list[_Resource]]:
    queues: dict[str, list[_Resource]] = {}
    for item in found:
        if _allowed(item.partition):
            listed = queues.setdefault(item.partition, [])
            listed.append(_resource(item, placeholder, {other.name for other in listed}))
    return queues


def _resource(item: FoundNodes, placeholder: Instance | None, taken: set[str]) -> _Resource:
    told = next((instances.get(word) for word in item.features if instances.known(word)), None)
    instance, doubt = (told, "") if told else _guess(item, placeholder)
    of_parallelcluster = bool(item.resource and told)
    return _Resource(
        name=_name(item.resource or re.sub(r"[^A-Za-z0-9_.-]", "-", instance.family), taken),
        instance=instance,
        nodes=item.nodes,
        smt=not (instance.cores and item.cpus == instance.cores != instance.vcpus),
        efa=not (of_parallelcluster and instance.efa_capable and "efa" not in item.features),
        doubt=doubt,
    )


def _name(wanted: str, taken: set[str]) -> str:
    numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *numbered) if name not in taken)


def _guess(item: FoundNodes, placeholder: Instance | None) -> tuple[Instance, str]:
    """Return an instance type that may be the nodes', and a comment about it."""
    alike = [
        instance
        for instance in instances.all_efa()
        if item.cpus in (instance.vcpus, instance.cores) and item.gpus == (instance.gpus or 0)
    ]
    what = f"{item.cpus} CPUs and {item.gpus} GPUs per node"
    if placeholder is not None:
        return placeholder, f"Slurm does not show the instance type ({what}): this one is from --instance"
    if alike:
        names = ", ".join(instance.name for instance in alike)
        return alike[0], f"A placeholder: Slurm does not show the instance type. {what}: {names}?"
    return instances.get(_EXAMPLE), f"A placeholder: Slurm does not show the instance type ({what})"


def _example(placeholder: Instance | None) -> _Resource:
    instance = placeholder or instances.get(_EXAMPLE)
    doubt = "Placeholders: Slurm did not answer. Write your partitions ('sinfo'), instance types and node counts"
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", instance.family)
    return _Resource(name, instance, _FIRST_JOB_NODES, smt=True, efa=True, doubt=doubt)


def _left_out(found: Sequence[FoundNodes]) -> list[str]:
    return list(dict.fromkeys(item.partition for item in found if not _allowed(item.partition)))


def _allowed(partition: str) -> bool:
    pattern = str(spec_schema()["$defs"]["partition_name"]["pattern"])
    return re.fullmatch(pattern.strip("^$"), partition) is not None
