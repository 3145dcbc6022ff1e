"""Rules about software stacks: known faults, least versions, pairs with the plugin, from the catalog's rows."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from efakit.catalog.instances import all_efa
from efakit.catalog.known_bad import KNOWN_BAD, BadPair
from efakit.catalog.minimums import MINIMUMS, Minimum
from efakit.catalog.plugin_nccl import PLUGIN_NCCL
from efakit.catalog.stacks import EFA_INSTALLERS
from efakit.finding import Severity
from efakit.rules.registry.examples import below
from efakit.rules.registry.row import Rule
from efakit.versions import COMPONENTS, newest, version_key, within

if TYPE_CHECKING:
    from collections.abc import Mapping


def made() -> tuple[Rule, ...]:
    """Return the rules: each known fault, then least and better versions, then what the plugin needs."""
    by_component: dict[str, list[Minimum]] = {}
    for row in MINIMUMS:
        by_component.setdefault(row.component, []).append(row)
    least = [_least(component, rows) for component, rows in by_component.items()]
    better = [
        _better(component, [row for row in rows if row.better])
        for component, rows in by_component.items()
        if any(row.better for row in rows)
    ]
    return (*map(_known_bad, KNOWN_BAD), *least, *better, _plugin_pair("nccl"), _plugin_pair("libfabric"), _between())


def _known_bad(row: BadPair) -> Rule:
    names = list(dict.fromkeys((*row.since, *row.until)))
    wrong = {name: _inside(name, row.since.get(name), row.until.get(name)) for name in names}
    right = {**wrong, **{name: until for name, until in row.until.items() if name == "plugin"}}
    spans = ", ".join(_span(name, row.since.get(name), row.until.get(name)) for name in names)
    instance = _instance(row.instances)
    return Rule(
        row.id,
        "stack",
        row.severity,
        f"The stack has {spans}.",
        f"{row.effect[:1].upper()}{row.effect[1:]}. Use {row.fixed}.",
        row.source,
        _stack(wrong),
        _stack(right),
        {"instance": instance},
        where=", ".join(row.instances.split()),
    )


def _least(component: str, rows: list[Minimum]) -> Rule:
    name, first = COMPONENTS[component], rows[0]
    listed = ", ".join(f"{row.instances.replace(' ', ' and ')} {row.least}" for row in rows)
    return Rule(
        f"least-{component}",
        "stack",
        str(max(Severity(row.severity) for row in rows)),
        f"{name} is older than the minimum for the instance type.",
        f"Older releases do not support the type, or were never tested with it. The minimum: {listed}.",
        first.source,
        _stack({component: below(first.least)}),
        _stack({component: first.better or first.least}),
        {"instance": _instance(first.instances)},
    )


def _better(component: str, rows: list[Minimum]) -> Rule:
    name, first = COMPONENTS[component], rows[0]
    listed = ", ".join(f"{row.instances.replace(' ', ' and ')} {row.better} ({row.note})" for row in rows)
    return Rule(
        f"better-{component}",
        "stack",
        "info",
        f"{name} works with the instance type, but a later release works better.",
        f"The release since which it works well: {listed}.",
        first.source,
        _stack({component: first.least}),
        _stack({component: str(first.better)}),
        {"instance": _instance(first.instances)},
    )


def _plugin_pair(component: str) -> Rule:
    line = PLUGIN_NCCL[0]
    plugin = line.plugin.replace("*", "0")
    least = line.least_nccl if component == "nccl" else line.least_libfabric
    return Rule(
        f"plugin-{component}",
        "stack",
        "warning",
        f"{COMPONENTS[component]} is too old for the release of aws-ofi-nccl.",
        "According to its release notes the plugin does not work with an older release."
        if component == "nccl"
        else "According to its release notes the plugin is not built for EFA with an older release.",
        line.source,
        _stack({"plugin": plugin, component: below(least)}),
        _stack({"plugin": plugin, component: least}),
    )


def _between() -> Rule:
    return Rule(
        "installer-between",
        "stack",
        "info",
        "efakit's catalog does not have this release of the EFA installer, but has earlier and later ones.",
        "efakit uses the versions of the nearest earlier release, which may differ.",
        EFA_INSTALLERS[0].source,
        _stack({"installer": "1.27.0"}),
        _stack({"installer": "1.26.1"}),
    )


def _stack(versions: Mapping[str, str]) -> str:
    named = ", ".join(f'{name}: "{version}"' for name, version in versions.items())
    return f"cluster:\n  stack: {{{named}}}"


def _span(component: str, since: str | None, until: str | None) -> str:
    name = COMPONENTS[component]
    if since and until:
        return f"{name} from {since} to before {until}"
    return f"{name} {since} or later" if since else f"{name} before {until}"


def _inside(component: str, since: str | None, until: str | None) -> str:
    """Return a version within bounds: the newest that an EFA installer has or brings, else the oldest there can be."""
    known = [str(getattr(row, "version" if component == "installer" else component, None)) for row in EFA_INSTALLERS]
    there = [version for version in known if within(version, since, until)]
    if component == "installer" and there:
        return min(there, key=version_key)
    return newest(there) or since or below(str(until))


def _instance(patterns: str) -> str:
    first = patterns.split()[0] if patterns != "*" else "p5.48xlarge"
    names = sorted(item.name for item in all_efa())
    wanted = "p5.48xlarge" if fnmatchcase("p5.48xlarge", first) or first.startswith("p[") else first
    return next(name for name in names if fnmatchcase(name, wanted))
