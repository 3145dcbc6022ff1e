"""Known-bad versions and least versions: each found inside its range, silent outside and where a version is unknown."""

from __future__ import annotations

import pytest

from efakit.catalog.instances import all_efa
from efakit.catalog.known_bad import KNOWN_BAD, BadPair
from efakit.catalog.minimums import MINIMUMS, Minimum
from efakit.catalog.plugin_nccl import PLUGIN_NCCL, PluginLine
from efakit.catalog.stacks import PARALLELCLUSTER_RELEASES, stack_of
from efakit.rules.stack import stack_findings

TYPES = [instance.name for instance in all_efa()]
CPU_ONLY = "hpc7a.96xlarge"


def below(version: str) -> str:
    """Return a version just below another."""
    parts = [int(part) for part in version.split(".")]
    while parts[-1] == 0:
        parts.pop()
    return ".".join(map(str, [*parts[:-1], parts[-1] - 1, 99]))


def matching(patterns: str) -> str:
    from fnmatch import fnmatchcase

    return next(name for name in TYPES if any(fnmatchcase(name, pattern) for pattern in patterns.split()))


def inside(row: BadPair) -> dict[str, str | None]:
    lowest = {name: row.since.get(name) or below(row.until[name]) for name in {**row.since, **row.until}}
    return dict(lowest)


def ids(versions: dict[str, str | None], instance: str | None) -> set[str]:
    return {found.rule for found in stack_findings(versions, instance)}


by_id = pytest.mark.parametrize("row", KNOWN_BAD, ids=[row.id for row in KNOWN_BAD])


@by_id
def test_a_bad_pair_is_found_within_its_bounds(row: BadPair):
    found = [item for item in stack_findings(inside(row), matching(row.instances)) if item.rule == row.id]
    assert [item.severity for item in found] == [row.severity]
    assert row.effect in found[0].message
    assert row.fixed in found[0].fix
    assert found[0].source.startswith("https://")


@by_id
def test_a_bad_pair_is_silent_outside_its_bounds(row: BadPair):
    instance = matching(row.instances)
    for name, since in row.since.items():
        assert row.id not in ids({**inside(row), name: below(since)}, instance)
    for name, until in row.until.items():
        assert row.id not in ids({**inside(row), name: until}, instance)


@by_id
def test_a_bad_pair_is_silent_where_something_is_not_known(row: BadPair):
    for name in inside(row):
        assert row.id not in ids({**inside(row), name: None}, matching(row.instances))
    assert row.id not in ids(inside(row), CPU_ONLY)
    assert row.id not in ids(inside(row), None)


by_minimum = pytest.mark.parametrize("row", MINIMUMS, ids=[f"{row.component} on {row.instances}" for row in MINIMUMS])


@by_minimum
def test_a_version_below_the_least_is_found(row: Minimum):
    instance = matching(row.instances)
    found_below = stack_findings({row.component: below(row.least)}, instance)
    assert any(item.rule == f"least-{row.component}" or item.severity == "error" for item in found_below)
    [found] = [item for item in stack_findings({row.component: "1.0"}, instance) if item.rule.startswith("least-")]
    assert found.about == (row.component,)
    assert instance in found.message
    assert row.least in found.message
    assert found.source.startswith("https://")


@by_minimum
def test_the_least_version_is_not_found_and_between_least_and_better_there_is_a_hint(row: Minimum):
    instance = matching(row.instances)
    assert f"least-{row.component}" not in ids({row.component: row.least}, instance)
    assert (f"better-{row.component}" in ids({row.component: row.least}, instance)) is bool(row.better)
    assert not ids({row.component: row.better or row.least}, instance) & {
        f"least-{row.component}",
        f"better-{row.component}",
    }


@by_minimum
def test_an_unknown_version_or_another_instance_is_never_too_old(row: Minimum):
    assert not ids({row.component: None}, matching(row.instances)) - {"installer-between"}
    assert not ids({row.component: below(row.least)}, CPU_ONLY) - {"installer-between"}
    assert not ids({row.component: below(row.least)}, None) - {"installer-between"}


@pytest.mark.parametrize("line", PLUGIN_NCCL, ids=[line.plugin for line in PLUGIN_NCCL])
def test_what_is_too_old_for_a_plugin_is_found(line: PluginLine):
    plugin = line.plugin.replace("*", "0")
    for component, least in (("nccl", line.least_nccl), ("libfabric", line.least_libfabric)):
        assert f"plugin-{component}" in ids({"plugin": plugin, component: below(least)}, None)
        assert f"plugin-{component}" not in ids({"plugin": plugin, component: least}, None)
        assert f"plugin-{component}" not in ids({"plugin": plugin}, None)
        assert f"plugin-{component}" not in ids({component: below(least)}, None)


def test_an_installer_is_not_too_old_where_the_user_names_a_plugin():
    assert "least-installer" in ids({"installer": "1.34.0"}, "p6-b200.48xlarge")
    assert "least-installer" not in ids({"installer": "1.34.0", "plugin": "1.18.0"}, "p6-b200.48xlarge")


def test_what_is_broken_outright_is_not_called_old_too():
    versions = stack_of("3.11.0", "1.15.0").versions()
    found = [item for item in stack_findings(versions, "p5.4xlarge") if item.severity == "error"]
    assert [(item.rule, item.fix) for item in found] == [("plugin-p5.4xlarge", "use aws-ofi-nccl 1.16.2")]


def test_the_worst_comes_first():
    versions = stack_of("3.14.0", "1.16.3", nccl="2.20.5").versions()
    severities = [item.severity for item in stack_findings(versions, "p4d.24xlarge")]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    assert severities[0] == "error"
    assert len(set(severities)) > 1


@pytest.mark.parametrize("instance", TYPES)
def test_the_newest_release_has_nothing_wrong_on_any_type(instance):
    assert stack_findings(stack_of(PARALLELCLUSTER_RELEASES[-1].version).versions(), instance) == []


def test_an_installer_between_two_rows_is_said_to_be_taken_for_the_earlier_one():
    [found] = [item for item in stack_findings({"installer": "1.27.0"}, CPU_ONLY) if item.rule == "installer-between"]
    assert (found.severity, "component versions of 1.26.1" in found.message) == ("info", True)
    for version in ("1.26.1", "1.10.0", "99.0.0", None):
        assert "installer-between" not in ids({"installer": version}, CPU_ONLY)
