"""``efakit explain --instance`` in brief: shell text of what a job exports, and in comments what is not known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from textwrap import TextWrapper

import click

from efakit.catalog.variables import COMPONENTS, WORKLOADS, VariableRule
from efakit.emit.shell import quote
from efakit.finding import WARNING, Finding
from efakit.rules.environment import Needed, bound_holds
from efakit.rules.overview import Overview
from efakit.rules.target import Target

CONTAINERS = {
    "pyxis": "Pyxis: srun takes the job's variables past the image's where --container-env names them",
    "apptainer": "Apptainer: the prefix APPTAINERENV_ gets the job's variables past the image's",
}
_NAME = re.compile(r"[A-Za-z_]\w*")


def print_exports(
    target: Target,
    workloads: Sequence[str],
    found: Overview,
    faults: Sequence[Finding],
    *,
    efa: bool,
    container: str | None,
    options: Mapping[str, str],
) -> None:
    """Print lines that a shell can read; ``options`` are the command's options by the component that they name."""
    comment = _comments()
    known = ", ".join(f"{COMPONENTS.get(name, name)} {version}" for name, version in target.versions.items())
    comment(f"{target.instance}: {known or 'its software is unknown'}")
    comment(f"runs: {', '.join(WORKLOADS[name] for name in workloads) or 'an unknown program'}")
    if container:
        comment(f"in a container by {CONTAINERS[container]}")
    if not efa:
        comment("without EFA: no variable is set for EFA")
    for fault in faults:
        if fault.severity >= WARNING:
            comment(f"{fault.severity} {fault.rule}: {fault.said}")
    for line in _exports(found.set, container):
        click.echo(line)
    if efa and not found.set:
        comment("EFA needs no exports" + (", as far as efakit knows" if found.undecided else ""))
    for line in _unknown(found.undecided, target, options):
        comment(line)
    comment("--all shows the reasons, the variables that the plugin sets, and those to leave unset")


def unknown_options(row: VariableRule, target: Target, options: Mapping[str, str]) -> tuple[str, ...]:
    """Return the options, or names of components without one, that would tell whether a row holds for a target."""
    missing = {name for name, since in row.since.items() if bound_holds(target, name, since, None) is None}
    missing |= {name for name, until in row.until.items() if bound_holds(target, name, None, until) is None}
    if target.os is None and row.os != "*":
        missing.add("os")
    return tuple(sorted({options.get(name, COMPONENTS.get(name, name)) for name in missing}))


def _exports(needed: Iterable[Needed], container: str | None) -> Iterator[str]:
    listed = list(needed)
    for item in listed:
        if _NAME.fullmatch(item.name):
            yield f"export {item.name}={quote(item.value)}"
        else:
            yield f"{item.name} {quote(item.value)}"
    names = [item.name for item in listed if _NAME.fullmatch(item.name)]
    if container == "apptainer":
        yield from (f'export APPTAINERENV_{name}="${name}"' for name in names)
    elif container == "pyxis" and names:
        yield f"# launch with: srun --container-env={','.join(names)} --container-image=..."


def _unknown(rows: Iterable[VariableRule], target: Target, options: Mapping[str, str]) -> Iterator[str]:
    by_options: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        named = row.name if row.value == "*" else f"{row.name}={row.value}"
        by_options.setdefault(unknown_options(row, target, options), []).append(named)
    for missing, names in by_options.items():
        verb = "tells" if len(missing) == 1 else "tell"
        yield f"not known: {' and '.join(missing)} {verb} whether to export {', '.join(names)}"


def _comments() -> Callable[[str], None]:
    """Return a function that prints a text as comment lines of a shell."""
    wrapper = TextWrapper(110, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)
    return lambda text: click.echo(wrapper.fill(text))
