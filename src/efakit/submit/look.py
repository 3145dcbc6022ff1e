"""What is known of a job before it is submitted, and what speaks against it: pure functions to findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from efakit.catalog import instances
from efakit.doctor.site import Site
from efakit.errors import RecordError
from efakit.finding import ERROR, Finding, Place
from efakit.jobs.node_list import expand
from efakit.nearness import nearest
from efakit.slurm import Node, NodeTable, Partition
from efakit.submit.request import Request

_PARTITIONS = "https://slurm.schedmd.com/slurm.conf.html#SECTION_PARTITION-CONFIGURATION"
_SBATCH = "https://slurm.schedmd.com/sbatch.html"
_SINFO = "https://slurm.schedmd.com/sinfo.html"
_OWN = "docs/submit.md"
_MOST_NAMED = 5
# What --test-only says where nodes are out of use: sbatch itself takes such a job, and it waits (seen on 22.05.8).
_WHILE_OUT = (
    "Requested node configuration is not available",
    "Required node not available (down, drained or reserved)",
)
_OPERATORS = frozenset("&|*[]()!,")
# What a partition's state means for a job (slurm.conf(5), State of a partition).
_STATES = {
    "DOWN": "is down: it takes jobs, and starts none",
    "DRAIN": "is draining: it takes no new jobs",
    "INACTIVE": "is inactive: it takes no new jobs and starts none",
}


@dataclass(frozen=True)
class Facts:
    """What was asked before the job is submitted; None: it could not be asked, or was not."""

    request: Request
    nodes: NodeTable
    partitions: Sequence[Partition]
    spec_types: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Instance types by partition, as a spec has them."""
    told_types: Mapping[str, str] = field(default_factory=dict)
    """Instance types by node, as Slurm was told them (23.11 and later)."""
    newest: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The newest record of each node, as far as there is one."""
    site: Site | None = None
    hook_errors: Sequence[Finding] = ()
    """What the checks of the hooks found, of severity error."""
    refused: str | None = None
    """Why ``sbatch --test-only`` refused the job."""


@dataclass(frozen=True)
class Looks:
    """What was found: ``said`` in words, one line a subject, and the findings."""

    said: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def stops(self) -> bool:
        """Whether something speaks against the job so much that it is not submitted."""
        return any(item.severity >= ERROR for item in self.findings)


def look(facts: Facts) -> Looks:
    """Return what is known of the job, and what speaks against it."""
    said: list[str] = []
    findings: list[Finding] = []
    chosen = _chosen(facts, said, findings)
    if chosen:
        candidates = _candidates(facts, chosen)
        fitting = _fitting(facts.request, candidates)
        findings += _too_large(facts, chosen, candidates, fitting)
        findings += _out_of_use(facts, chosen, fitting)
        findings += _types(facts, chosen, candidates, said)
        findings += _records(facts, fitting, said)
    findings += _hooks(facts, said)
    waits = any(item.rule == "submit-nodes-out" for item in findings) and facts.refused in _WHILE_OUT
    if facts.refused is not None and not waits and not any(item.severity >= ERROR for item in findings):
        message = f"Slurm would refuse the job: {facts.refused}"
        findings.append(
            Finding("submit-refused", "error", message, fix="compare the job's options with sinfo", source=_SBATCH)
        )
    return Looks(tuple(said), tuple(findings))


def type_of(
    node: Node,
    spec_types: Mapping[str, Sequence[str]],
    record: Mapping[str, Any] | None,
    told_types: Mapping[str, str] | None = None,
) -> str | None:
    """Return a node's instance type: by its features, as ParallelCluster sets them, or its own InstanceType in Slurm.

    Else by the spec; else by its newest record. None where nothing tells, or where the spec leaves a choice.
    """
    for word in node.features:
        if instances.known(word):
            return word
    if told_types and node.name in told_types:
        return told_types[node.name]
    named = {kind for partition in node.partitions for kind in spec_types.get(partition, ())}
    if len(named) == 1:
        return next(iter(named))
    told = record.get("instance_type") if record else None
    return told if isinstance(told, str) and told else None


def _chosen(facts: Facts, said: list[str], findings: list[Finding]) -> list[Partition]:
    """Return the partitions that the job may start in; a word for each, and findings where there is none."""
    by_name = {partition.name: partition for partition in facts.partitions}
    default = facts.nodes.default_partition or next((one.name for one in facts.partitions if one.default), None)
    names = facts.request.partitions or ((default,) if default else ())
    if not names:
        message = "the job names no partition, and Slurm has no default partition"
        fix = f"add --partition ({_some(list(by_name))})"
        findings.append(Finding("submit-partition", "error", message, fix=fix, source=_PARTITIONS))
        return []
    up = []
    for name in names:
        partition = by_name.get(name)
        if partition is None:
            message = f"there is no partition {name!r}{nearest(name, list(by_name))}"
            fix = f"choose one of Slurm's partitions: {_some(list(by_name))}"
            findings.append(Finding("submit-partition", "error", message, fix=fix, source=_PARTITIONS))
        elif partition.state != "UP":
            what = _STATES.get(partition.state, f"is {partition.state.lower()}")
            fix = "choose another partition, or ask the administrator (scontrol show partition)"
            message = f"partition {name} {what}"
            findings.append(Finding("submit-partition", "error", message, fix=fix, source=_PARTITIONS))
            said.append(f"partition {name}: {partition.state.lower()}")
        else:
            up.append(partition)
            said.append(f"partition {name}: up, {_count(len(facts.nodes.of_partition(name)), 'node')}")
    if up and findings:
        # One partition of several will do.
        findings[:] = [item.replaced(severity="warning") for item in findings]
    return up


def _candidates(facts: Facts, chosen: Sequence[Partition]) -> list[Node]:
    """Return the nodes that the job may get."""
    request = facts.request
    names = {partition.name for partition in chosen}
    nodes = [node for node in facts.nodes.nodes if not names.isdisjoint(node.partitions)]
    excluded = _expanded(request.get("exclude"))
    wanted = _expanded(request.get("nodelist"))
    if wanted and len(wanted) >= request.nodes:
        nodes = [node for node in nodes if node.name in wanted]
    constraint = request.get("constraint") or ""
    if constraint and _OPERATORS.isdisjoint(constraint):
        nodes = [node for node in nodes if constraint in node.features]
    return [node for node in nodes if node.name not in excluded]


def _fitting(request: Request, candidates: Sequence[Node]) -> list[Node]:
    return [
        node
        for node in candidates
        if node.gpus >= request.gpus_per_node
        and node.cpus >= request.cpus_per_node
        and node.memory_mib >= request.memory_mib
    ]


def _too_large(
    facts: Facts, chosen: Sequence[Partition], candidates: Sequence[Node], fitting: Sequence[Node]
) -> Iterator[Finding]:
    request = facts.request
    wanted = max(request.nodes, 1)
    where = _of(chosen)
    if len(fitting) < wanted:
        what = _count(wanted, "node")
        has = f"{where} has {len(candidates)} that it may use"
        if len(fitting) < len(candidates):
            has = f"{where} has {len(fitting)} with {_needs(request, candidates)}"
        message = f"the job asks for {what}, and {has}: it can never start"
        fix = "ask for less, or choose another partition (sinfo --Node --long)"
        yield Finding("submit-too-large", "error", message, fix=fix, source=_SBATCH)
    limits = [partition.max_nodes for partition in chosen]
    most = max((limit for limit in limits if limit is not None), default=None)
    if most is not None and None not in limits and wanted > most:
        message = f"the job asks for {_count(wanted, 'node')}, and {where} allows a job {most}"
        fix = "ask for fewer nodes, or choose another partition"
        yield Finding("submit-too-large", "error", message, fix=fix, source=_PARTITIONS)


def _needs(request: Request, candidates: Sequence[Node]) -> str:
    """Return which of the job's needs some node does not meet, and the most that any has."""
    needs = (
        ("GPUs", request.gpus_per_node, max((node.gpus for node in candidates), default=0)),
        ("CPUs", request.cpus_per_node, max((node.cpus for node in candidates), default=0)),
        ("MiB of memory", request.memory_mib, max((node.memory_mib for node in candidates), default=0)),
    )
    unmet = [f"{wanted} {what} (the largest has {most})" for what, wanted, most in needs if wanted > most]
    return ", ".join(unmet) or "what it needs"


def _out_of_use(facts: Facts, chosen: Sequence[Partition], fitting: Sequence[Node]) -> Iterator[Finding]:
    wanted = max(facts.request.nodes, 1)
    out = [node for node in fitting if node.out_of_use]
    if len(fitting) >= wanted > len(fitting) - len(out):
        named = [f"{node.name} ({node.reason or ', '.join(node.state)})" for node in out]
        message = (
            f"the job waits: it needs {_count(wanted, 'node')}, and {len(fitting) - len(out)} of {_of(chosen)}'s "
            f"{len(fitting)} take jobs; out of use: {_some(named)}"
        )
        fix = "sinfo --list-reasons shows why; scontrol update NodeName=... State=RESUME returns a node to service"
        yield Finding("submit-nodes-out", "warning", message, fix=fix, source=_SINFO)


def _types(facts: Facts, chosen: Sequence[Partition], candidates: Sequence[Node], said: list[str]) -> Iterator[Finding]:
    found = Counter(
        type_of(node, facts.spec_types, facts.newest.get(node.name), facts.told_types) for node in candidates
    )
    known = [name for name in found if name is not None]
    for name in known:
        instance = instances.get(name) if instances.known(name) else None
        efa = f", {_count(instance.efa_interfaces or 0, 'EFA interface')} each" if instance else ""
        said.append(f"nodes of {name}: {found[name]}{efa}")
    strange = [name for name in known if not instances.known(name)]
    if None in found:
        message = f"the instance type of {_count(found[None], 'node')} of {_of(chosen)} is not known"
        fix = "give the nodes their type as a feature, or name a spec with --spec"
        yield Finding("submit-type-unknown", "warning", message, fix=fix, source=_OWN)
    if strange:
        message = f"the catalog does not know the instance type {_some(strange)}"
        yield Finding("submit-type-unknown", "warning", message, fix="efakit catalog update", source=_OWN)


def _records(facts: Facts, fitting: Sequence[Node], said: list[str]) -> Iterator[Finding]:
    told = {node.name: facts.newest[node.name] for node in fitting if node.name in facts.newest}
    if not told:
        return
    bad: dict[str, list[str]] = {}
    for name, record in told.items():
        for item in record.get("findings") or ():
            if item.get("severity") == "error":
                bad.setdefault(f"{item.get('rule') or 'finding'}: {item.get('message', '')}", []).append(name)
    with_errors = {name for names in bad.values() for name in names}
    said.append(
        f"newest records of {len(told)} of {_count(len(fitting), 'node')}: {len(with_errors) or 'none'} with errors"
    )
    for what, names in bad.items():
        message = f"in their newest record, {_some(names)}: {what}"
        fix = f"look at the nodes, or leave them out: --exclude={','.join(names[:_MOST_NAMED])}"
        yield Finding("submit-node-findings", "warning", message, fix=fix, source=_OWN, about=tuple(names))


def _hooks(facts: Facts, said: list[str]) -> Iterator[Finding]:
    """Give what the hooks lack: an error where jobs fail by it, a warning where only their records are lost."""
    site = facts.site
    if site is None:
        return
    if site.home is not None and not facts.hook_errors:
        said.append(f"hooks: installed in {site.home.path}")
        return
    failing = {value for values in site.unmatched.values() for value, why in values.items() if why is not None}
    failing.update(script.path for scripts in site.scripts.values() for script in scripts if script.trouble)
    lost = []
    for item in facts.hook_errors:
        if item.place.file in failing:
            yield Finding(
                "submit-hooks", "error", item.message, fix=item.fix, source=item.source, place=Place(item.place.file)
            )
        else:
            lost.append(item)
    if site.home is None:
        message = "the hooks are not installed: the job leaves no record, and its report cannot say what used EFA"
        yield Finding("submit-hooks", "warning", message, fix="efakit hooks status", source=_OWN)
    elif lost:
        message = f"the hooks cannot work: {lost[0].message}" + (f", and {len(lost) - 1} more" if lost[1:] else "")
        yield Finding("submit-hooks", "warning", message, fix="efakit hooks status", source=_OWN)


def _expanded(value: str | None) -> frozenset[str]:
    try:
        return frozenset(expand(value)) if value and "/" not in value else frozenset()
    except RecordError:
        return frozenset()


def _of(chosen: Sequence[Partition]) -> str:
    names = ", ".join(partition.name for partition in chosen)
    return f"partition {names}" if len(chosen) == 1 else f"partitions {names}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
