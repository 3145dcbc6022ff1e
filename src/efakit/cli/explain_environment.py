"""``efakit explain --instance`` and ``efakit explain SPEC --job``: the environment that a job needs, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from efakit.catalog.instances import get
from efakit.catalog.variables import COMPONENTS, WORKLOADS, VariableRule
from efakit.cli.explain_exports import print_exports, unknown_options
from efakit.cli.wrapped import wrapped
from efakit.errors import UsageError
from efakit.finding import Finding
from efakit.rules.environment import bounds_text
from efakit.rules.overview import Overview, overview, usual_workloads
from efakit.rules.stack import stack_findings
from efakit.rules.target import Target

_WIDTH = 110


def explain_instance(
    target: Target,
    workloads: Sequence[str],
    form: str,
    *,
    everything: bool,
    container: str | None,
    options: Mapping[str, str],
) -> None:
    """Print the environment of a target; without ``workloads`` of what its instance type is for.

    As text only what a job exports, with ``everything`` every row and its reason. ``options`` are the command's options
    by the component that they name; ``container`` is what starts the job's containers.
    """
    instance = get(target.instance) if target.instance else None
    usual = usual_workloads(instance) if instance else ()
    runs, efa = tuple(workloads) or usual, instance is None or instance.efa_capable
    if everything or form == "json":
        _show(target, runs, {}, form, efa=efa, container=container, options=options)
        return
    found = overview(target, runs, efa=efa)
    faults = _wrong(target, runs, efa=efa)
    print_exports(target, runs, found, faults, efa=efa, container=container, options=options)


def explain_job(spec_path: Path, name: str, form: str) -> None:
    """Print the environment of a spec's job; raise UsageError where the spec has none of that name."""
    from efakit.validate.spec import plan_spec

    plan = plan_spec(spec_path)
    found = next((item for item in plan.jobs if item.job.name == name), None)
    if found is None:
        names = ", ".join(item.job.name for item in plan.jobs) or "none"
        raise UsageError(f"{spec_path}: unknown job {name}; its jobs: {names}")
    _show(found.target, found.workloads, dict(found.job.env), form, efa=found.efa)


def _show(
    target: Target,
    workloads: Sequence[str],
    own: dict[str, str],
    form: str,
    *,
    efa: bool,
    container: str | None = None,
    options: Mapping[str, str] | None = None,
) -> None:
    found = overview(target, workloads, efa=efa)
    if form == "json":
        data = _data(target, workloads, own, found)
        data["container"] = container
        for row, told in zip(found.undecided, data["undecided"], strict=True):
            told["depends_on"] = list(unknown_options(row, target, options or {}))
        data["software"] = [fault.as_data() for fault in _wrong(target, workloads, efa=efa)]
        click.echo(json.dumps(data, indent=2))
        return
    known = ", ".join(f"{COMPONENTS.get(name, name)} {version}" for name, version in target.versions.items())
    click.echo(f"{target.instance}: {known}")
    click.echo(f"runs: {', '.join(WORKLOADS[name] for name in workloads) or 'an unknown program'}")
    if not efa:
        click.echo("without EFA: no variable is set for EFA")
    wrong = _wrong(target, workloads, efa=efa)
    if wrong:
        _section("Wrong in the software itself")
    for fault in wrong:
        _entry(f"{fault.severity} {fault.rule}", "", fault.said, fault.source)
    for name, value in own.items():
        _entry(f"{name}={value}", "", "from the spec, which overrides efakit", "")
    sets = [item for item in found.set if item.name not in own]
    _section("The job sets" if sets else "The job sets nothing for EFA")
    for item in sets:
        _entry(f"{item.name}={item.value}", bounds_text(item.row), item.row.reason, item.row.source)
    _rows("Depends on unknown facts", found.undecided)
    _rows("Set by the plugin itself: leave unset", found.by_plugin)
    _rows("Not needed here", found.not_needed)
    _rows("Leave alone", found.leave, harm=True)


def _wrong(target: Target, workloads: Sequence[str], *, efa: bool) -> list[Finding]:
    """Return what is wrong with the versions; they are about NCCL's jobs."""
    return stack_findings(target.versions, target.instance) if efa and "nccl" in workloads else []


def _rows(title: str, rows: Iterable[VariableRule], harm: bool = False) -> None:
    rows = list(rows)
    if rows:
        _section(title)
    for row in rows:
        shown = row.name if row.value == "*" else f"{row.name}={row.value}"
        if harm and row.value.startswith("!"):
            shown = f"{row.name} other than {', '.join(part or 'empty' for part in row.value[1:].split('|'))}"
        elif harm and "|" in row.value:
            shown = f"{row.name}={row.value.replace('|', ' or ')}"
        _entry(shown, bounds_text(row), row.reason, row.source)


def _section(title: str) -> None:
    click.echo(f"\n{title}")


def _entry(head: str, bounds: str, reason: str, source: str) -> None:
    click.echo(f"  {head}" + (f"   ({bounds})" if bounds else ""))
    click.echo(wrapped(reason, _WIDTH, "    ", "    "))
    if source:
        click.echo(f"    {source}")


def _data(target: Target, workloads: Sequence[str], own: dict[str, str], found: Overview) -> dict[str, Any]:
    return {
        "target": {"instance": target.instance, "os": target.os, **target.versions},
        "workloads": list(workloads),
        "set": [{"name": item.name, **row_data(item.row), "value": item.value} for item in found.set],
        "from_spec": own,
        "undecided": [row_data(row) for row in found.undecided],
        "set_by_plugin": [row_data(row) for row in found.by_plugin],
        "not_needed": [row_data(row) for row in found.not_needed],
        "leave_alone": [row_data(row) for row in found.leave],
    }


def row_data(row: VariableRule) -> dict[str, Any]:
    """Return a row as JSON has it."""
    return {
        "rule": row.id,
        "name": row.name,
        "effect": row.effect,
        "value": row.value,
        "workload": row.workload,
        "reason": row.reason,
        "bounds": bounds_text(row),
        "since": dict(row.since),
        "until": dict(row.until),
        "instances": row.instances,
        "severity": row.severity,
        "source": row.source,
    }
