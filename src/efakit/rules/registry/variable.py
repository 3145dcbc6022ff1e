"""Rules about environment variables: one for each id of the catalog's rows that can be a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from efakit.catalog.variable_names import readers
from efakit.catalog.variables import VariableRule, rows
from efakit.rules.environment import bounds_text, matches
from efakit.rules.registry.examples import below
from efakit.rules.registry.row import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

# A program of each workload, by which the linter knows what runs there.
PROGRAMS = {
    "nccl": "srun torchrun --nproc_per_node=8 train.py",
    "mpi-launch": "mpirun /opt/nccl-tests/build/all_reduce_perf",
    "openmpi": "mpirun ./app",
    "intelmpi": "mpiexec.hydra ./app",
    "neuron": "srun neuron_parallel_compile ./train.sh",
    "nvshmem": "NVSHMEM_DEBUG=INFO srun ./app",
}
_ANY_PROGRAM = "srun ./app"
# What a sentence may begin with in small letters.
_NAMES = ("libfabric", "cm ", "ofi ", "efa ", "hash ", "gloo ", "rdma-core")
# What the linter mends beside settings without effect (lint/script/variable_rules.py).
_MENDED = ("fi-log-level",)
_NOT_MENDED = ("nccl-min-channels",)
# Outside its bounds nccl-net-plugin-ofi speaks of the same value, as an error.
_SHADOWED = ("nccl-net-plugin",)


def made() -> tuple[Rule, ...]:
    """Return the rules, in the catalog's order; several rows of one id are one rule."""
    by_id: dict[str, list[VariableRule]] = {}
    for row in rows():
        if can_be_found(row):
            by_id.setdefault(row.id, []).append(row)
    return tuple(_rule(group) for group in by_id.values())


def can_be_found(row: VariableRule) -> bool:
    """Return whether a row can be a finding: a mere choice of the user's only where its bounds say when it is read."""
    return row.effect != "option" or (bool(row.since or row.until) and row.id not in _SHADOWED)


def example_value(row: VariableRule) -> str:
    """Return a value that a row speaks of."""
    if row.value == "*":
        return "1"
    if row.value.startswith(("<=", ">=")):
        return row.value[2:]
    if row.value.startswith("!"):
        texts = ("65536",) if row.name.startswith("ulimit") else ("other", "7")
        return next(text for text in texts if matches(row.value, text))
    if row.value == "[0-9]*":
        return "10.0.0.1"
    return row.value.partition("|")[0].replace("*", "x").replace("?", "x")


def setting(row: VariableRule) -> str:
    """Return what a row speaks of: ``NCCL_NET=Socket``, ``FI_LOG_LEVEL to another value than warn``."""
    if row.value == "*":
        return row.name
    if row.value.startswith("!"):
        values = {value.lower(): value for value in reversed(row.value[1:].split("|"))}
        return f"{row.name} to another value than {', '.join(reversed(values.values()))}"
    if row.value == "":
        return f"{row.name} to nothing"
    if row.value == "[0-9]*":
        return f"{row.name} to a value that begins with a digit"
    if not row.value.strip("?*"):
        return f"{row.name} to {row.value.count('?')} characters or more"
    if "{ranks_per_node}" in row.value:
        return f"{row.name} to the number of ranks on a node"
    shown = row.value.replace("|", " or ")
    return f"{row.name}{'' if shown.startswith(('<', '>')) else '='}{shown}"


def _rule(group: list[VariableRule]) -> Rule:
    first = group[0]
    wrong, right, given = _examples(first)
    return Rule(
        first.id,
        "variable",
        first.severity if first.effect != "option" else "warning",
        _what(group),
        _why(group),
        first.source,
        wrong,
        right,
        given,
        mends=_mends(first),
        where=_where(group) if first.effect != "option" else "",
    )


def _mends(row: VariableRule) -> bool:
    """Return whether --fix takes out what a row speaks of: where some release does not read the variable."""
    if row.id in _MENDED or row.id in _NOT_MENDED:
        return row.id in _MENDED
    of_name = readers(row.name)
    always_read = bool(of_name) and not any(item.since or item.until for item in of_name)
    return row.effect in ("no-effect", "option") and not always_read


def _what(group: list[VariableRule]) -> str:
    settings = list(dict.fromkeys(map(setting, group)))
    listed = ", ".join(settings[:-1]) + (" or " if len(settings) > 1 else "") + settings[-1]
    return {
        "needed": f"The job does not set {listed}.",
        "set-by-plugin": f"The job sets {listed}, which aws-ofi-nccl sets itself.",
        "harmful": f"The job sets {listed}.",
        "no-effect": f"The job sets {listed}, which has no effect.",
        "workaround": f"The job sets {listed}, which is a workaround for one known fault.",
        "option": f"The job sets {listed}, which its release does not read.",
    }.get(group[0].effect, f"The job sets {listed}, which is a workaround for one known fault.")


def _why(group: list[VariableRule]) -> str:
    """Return the reasons as sentences, each once; of a choice of the user's, where it is read and what it does."""
    if group[0].effect == "option":
        each = (_sentence(f"{row.name} ({bounds_text(row)}): {row.reason}") for row in group)
        return "It has no effect there. " + " ".join(dict.fromkeys(each))
    return " ".join(dict.fromkeys(_sentence(row.reason) for row in group))


def _sentence(reason: str) -> str:
    """Return a reason as a sentence; a name at its beginning stays as it is."""
    begins = reason if reason.startswith(_NAMES) else reason[:1].upper() + reason[1:]
    return begins if begins.endswith(".") else begins + "."


def _where(group: list[VariableRule]) -> str:
    """Return the bounds of a rule's rows in words, each with its variable where they differ."""
    bounds = {row.name: [] for row in group}  # type: dict[str, list[str]]
    for row in group:
        bounds[row.name].append(bounds_text(row))
    texts = {name: "" if "" in texts else " or ".join(dict.fromkeys(texts)) for name, texts in bounds.items()}
    if len(set(texts.values())) == 1:
        return texts[group[0].name]
    return "; ".join(f"{name}: {text or 'everywhere'}" for name, text in texts.items())


def _examples(row: VariableRule) -> tuple[str, str, Mapping[str, Any]]:
    """Return a script that is wrong, the same right, and the target on which it is wrong."""
    program = PROGRAMS.get(row.workload.split()[0], _ANY_PROGRAM)
    name = row.name.replace("*", "PROTOCOL" if row.name.startswith("NCCL_OFI_") else "X")
    given = _target(row)
    line = _line(name, example_value(row))
    if row.effect == "needed":
        value = row.value.replace("{ranks_per_node}", given.get("ranks_per_node", "1"))
        return program, f"{_line(name, value)}\n{program}", {"instance": _instance(row), **given}
    if row.effect == "option":
        component = next(iter((*row.since, *row.until)))
        outside = below(row.since[component]) if component in row.since else row.until[component]
        return f"{line}\n{program}", program, {component: outside}
    return f"{line}\n{program}", program, given


def _instance(row: VariableRule) -> str:
    """Return an instance type of what a row's workload is for: what a job needs is known only on a known target."""
    usual = {"neuron": "trn1.32xlarge", "openmpi": "hpc7a.96xlarge", "intelmpi": "hpc7a.96xlarge"}
    return usual.get(row.workload.split()[0], "p5.48xlarge")


def _line(name: str, value: str) -> str:
    if name.startswith("ulimit"):
        return f"{name} {value}"
    plain = value and not set(value) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,+-^")
    return f"export {name}={value}" if plain else f"export {name}='{value}'"


def _target(row: VariableRule) -> dict[str, Any]:
    """Return a target within a row's bounds: versions, instance type, operating system."""
    given: dict[str, Any] = {component: below(until) for component, until in row.until.items()}
    given.update(row.since)
    if row.instances != "*":
        given["instance"] = row.instances.split()[0].replace("*", "48xlarge")
    elif row.except_instances:
        given["instance"] = _instance(row)
    if row.efa is False:
        given["efa_interfaces"] = "0"
    if row.os != "*":
        given["os"] = row.os.split()[0]
    return given
