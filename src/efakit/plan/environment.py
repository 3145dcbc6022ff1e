"""Decides the environment variables of a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from efakit.catalog.release_traits import has_trait
from efakit.catalog.stacks import Stack
from efakit.plan.decision import Decision
from efakit.rules.environment import Needed, holds, needed
from efakit.rules.overview import overview
from efakit.rules.target import Target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from efakit.spec.model import Job

_PLATFORM = "https://github.com/aws/aws-ofi-nccl/blob/master/src/platform-aws.cpp"


@dataclass(frozen=True)
class Variable:
    """One exported variable and its reason; ``expression``: the value is shell text of efakit's own, no literal."""

    name: str
    value: str
    reason: str
    expression: bool = False


def decide_environment(
    job: Job, workloads: Collection[str], stack: Stack, target: Target, efa: bool, others: Sequence[Target] = ()
) -> tuple[tuple[Variable, ...], tuple[Decision, ...]]:
    """Return the job's variables, and why each is set; the user's own come last and win.

    ``workloads``: keys of ``catalog.variables.WORKLOADS``; none: nothing is known of the program, so nothing is set
    for it. ``stack`` is the container's own where the job runs in one, and ``target`` is made from it. ``others`` are
    the targets of the queue's other instance types: one script runs on all of them, and what one type needs can end
    the job on another.
    """
    subject = f"environment of job {job.name}"
    variables: list[Variable] = []
    if not workloads:
        decisions = [Decision(subject, "no EFA variable", "the program is not known")]
    elif not efa:
        decisions = [Decision(subject, "no EFA variable", "EFA is off on its nodes")]
    else:
        wanted = {
            place.instance: [item for item in needed(place, workloads) if not item.is_met(job.env)]
            for place in (target, *others)
        }
        shared = set.intersection(*({(item.name, item.value) for item in items} for items in wanted.values()))
        items = [item for item in wanted[target.instance] if (item.name, item.value) in shared]
        variables = [Variable(item.name, item.value, item.row.reason) for item in items]
        decisions = [_decision(subject, item) for item in items]
        decisions += _of_some(subject, wanted, shared)
        open_ = [row.name for row in overview(target, workloads).undecided if row.name not in job.env]
        decisions.append(_rest(subject, stack, (target, *others), workloads, open_))
    variables += [Variable(name, value, "from the spec") for name, value in job.env.items()]
    return tuple(variables), tuple(decisions)


def _of_some(
    subject: str, wanted: Mapping[str | None, list[Needed]], shared: Collection[tuple[str, str]]
) -> Iterator[Decision]:
    """Give what only some of the queue's instance types need, which the script does not set."""
    types: dict[tuple[str, str], list[str]] = {}
    sources: dict[tuple[str, str], str] = {}
    for instance, items in wanted.items():
        for item in items:
            if (item.name, item.value) not in shared:
                types.setdefault((item.name, item.value), []).append(str(instance))
                sources.setdefault((item.name, item.value), item.row.source)
    for (name, value), some in types.items():
        reason = f"of the queue's instance types only {' and '.join(some)} {'needs' if len(some) == 1 else 'need'} it, "
        reason += "and all get the same script; give each type its own queue to have it set"
        yield Decision(subject, f"not {name}={value}", reason, sources[name, value])


def _decision(subject: str, item: Needed) -> Decision:
    return Decision(subject, f"{item.name}={item.value}", item.row.reason, item.row.source)


def plugin_sets(target: Target, workloads: Collection[str]) -> dict[str, str]:
    """Return what the plugin sets by itself on a target: variable -> value, "*" where it is the plugin's secret."""
    from efakit.catalog.variables import rows

    found = [row for row in rows() if row.effect == "set-by-plugin" and holds(row, target, workloads)]
    return {row.name: row.value for row in found}


def _rest(
    subject: str, stack: Stack, targets: Sequence[Target], workloads: Collection[str], undecided: Sequence[str]
) -> Decision:
    """Return what is decided about the variables that are not set; of NCCL's, those that depend on the plugin."""
    has_nccl = bool({"nccl", "mpi-launch"} & set(workloads))
    if undecided and (not has_nccl or stack.plugin is not None):
        reason = (
            f"whether the job needs {', '.join(undecided)} depends on releases that the stack does not give; "
            "'efakit explain SPEC --job NAME' says which; name them in cluster.stack, or in the image's stack"
        )
        return Decision(subject, "nothing else that is certain", reason)
    if not has_nccl:
        return Decision(subject, "nothing else", "no other rule applies to the workload")
    if not stack.has_plugin:
        reason = (
            f"EFA installer {stack.installer} does not include aws-ofi-nccl, which NCCL needs for EFA: install it, and "
            "set its release in cluster.stack.plugin"
        )
        return Decision(subject, "no variable that depends on the plugin", reason, _PLATFORM)
    if stack.plugin is None:
        which = f"EFA installer {stack.installer}" if stack.installer else "the stack"
        reason = f"{which} does not give the release of aws-ofi-nccl; set yours in cluster.stack.plugin"
        return Decision(subject, "no variable that depends on the plugin's release", reason, _PLATFORM)
    if not has_trait("plugin-sets-tuning", stack.plugin):
        return Decision(subject, "nothing else", f"no other rule applies to aws-ofi-nccl {stack.plugin}", _PLATFORM)
    everywhere = set.intersection(*(set(plugin_sets(target, workloads).items()) for target in targets))
    sets = [
        f"{name}={value}"
        for name, value in plugin_sets(targets[0], workloads).items()
        if value != "*" and (name, value) in everywhere
    ]
    named = f" ({', '.join(sets)})" if sets else ""
    reason = (
        f"aws-ofi-nccl {stack.plugin} sets the tuned NCCL variables itself{named}; an export would keep an old value"
    )
    return Decision(subject, "nothing else", reason, _PLATFORM)
