"""What is wrong with a stack: versions that do not go together, and versions too old for an instance type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from efakit.catalog.known_bad import KNOWN_BAD, BadPair
from efakit.catalog.minimums import MINIMUMS, Minimum
from efakit.catalog.plugin_nccl import plugin_line
from efakit.catalog.stacks import efa_installer
from efakit.catalog.variables import COMPONENTS
from efakit.finding import Finding
from efakit.versions import same_version, within

Versions = Mapping[str, "str | None"]


def stack_findings(versions: Versions, instance: str | None = None) -> list[Finding]:
    """Return what surely is wrong with ``versions`` on an instance type, the worst first.

    ``versions``: component (as in ``Stack.versions``) -> version. Each finding says which components it is about.
    Nothing is said about a version, or an instance type, that is not known.
    """
    bad = [_of_pair(row, versions) for row in KNOWN_BAD if _pair_holds(row, versions, instance)]
    # What is broken outright need not be called old as well.
    broken = {name for found in bad if found.severity == "error" for name in found.about}
    old = [_of_minimum(row, versions, str(instance)) for row in MINIMUMS if _applies(row, versions, instance, broken)]
    found = [*bad, *(item for item in old if item is not None), *_pairs_with_plugin(versions), *_between(versions)]
    return sorted(dict.fromkeys(found), key=lambda item: item.severity, reverse=True)


def _pair_holds(row: BadPair, versions: Versions, instance: str | None) -> bool:
    components = {**row.since, **row.until}
    return _instance_holds(row.instances, instance) and all(
        within(versions.get(name), row.since.get(name), row.until.get(name)) for name in components
    )


def _instance_holds(patterns: str, instance: str | None) -> bool:
    if patterns == "*":
        return True
    return instance is not None and any(fnmatchcase(instance, pattern) for pattern in patterns.split())


def _of_pair(row: BadPair, versions: Versions) -> Finding:
    components = tuple(dict.fromkeys((*row.since, *row.until)))
    named = " with ".join(_named(name, versions) for name in components)
    where = "" if "*" in row.instances or " " in row.instances else f" on {row.instances}"
    message = f"{named}{where}: {row.effect}"
    return Finding(row.id, row.severity, message, fix=f"use {row.fixed}", source=row.source, about=components)


def _applies(row: Minimum, versions: Versions, instance: str | None, broken: set[str]) -> bool:
    if row.component in broken or not _instance_holds(row.instances, instance):
        return False
    # An installer is too old by the plugin that it brings; with a plugin of the user's own that says nothing.
    return row.component != "installer" or versions.get("plugin") is None


def _of_minimum(row: Minimum, versions: Versions, instance: str) -> Finding | None:
    version, name = versions.get(row.component), COMPONENTS[row.component]
    if within(version, None, row.least):
        message = f"{name} {version} is too old for {instance}: it needs at least {row.least} ({row.note})"
        fix = f"use {name} {row.better or row.least} or later"
        about = (row.component,)
        return Finding(f"least-{row.component}", row.severity, message, fix=fix, source=row.source, about=about)
    if row.better and within(version, None, row.better):
        message = f"{name} {version} works with {instance}, but {row.better} is better ({row.note})"
        fix = f"use {name} {row.better} or later"
        about = (row.component,)
        return Finding(f"better-{row.component}", "info", message, fix=fix, source=row.source, about=about)
    return None


def _pairs_with_plugin(versions: Versions) -> Iterator[Finding]:
    """Give what is too old for the plugin, by its release notes."""
    plugin = versions.get("plugin")
    line = plugin_line(plugin) if plugin else None
    if line is None:
        return
    for component, least in (("nccl", line.least_nccl), ("libfabric", line.least_libfabric)):
        version = versions.get(component)
        if within(version, None, least):
            name = COMPONENTS[component]
            message = f"{name} {version} is too old for aws-ofi-nccl {plugin}: it needs at least {least}"
            fix = f"use {name} {least} or later, or the aws-ofi-nccl of your EFA installer"
            about = ("plugin", component)
            yield Finding(f"plugin-{component}", "warning", message, fix=fix, source=line.source, about=about)


def _between(versions: Versions) -> Iterator[Finding]:
    """Give a note where what an EFA installer brings is that of an earlier release, for it has no row of its own."""
    installer = versions.get("installer")
    try:
        row = efa_installer(installer) if installer else None
    except KeyError:
        return
    if row is not None and not same_version(row.version, str(installer)):
        message = f"efakit does not know EFA installer {installer}: it assumes the component versions of {row.version}"
        fix = "set libfabric and plugin if yours differ"
        yield Finding("installer-between", "info", message, fix=fix, source=row.source, about=("installer",))


def _named(component: str, versions: Versions) -> str:
    return f"{COMPONENTS[component]} {versions[component]}"
