"""The targets that releases make: from what a user names, and from a spec's stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from efakit.catalog.stacks import EFA_INSTALLERS, LEAST_KERNELS, Stack, stack_of
from efakit.rules.target import SUPPORTED, Target
from efakit.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Mapping


def target_of(
    *,
    parallelcluster: str | None = None,
    installer: str | None = None,
    plugin: str | None = None,
    instance: str | None = None,
    os: str | None = None,
    **versions: str | None,
) -> Target:
    """Return a target from what a user names; what the rest must be at the least follows from it.

    ``versions``: further components, such as ``nccl``. Raises KeyError for a release that has no row.
    """
    stack = stack_of(parallelcluster, plugin, installer=installer) if parallelcluster or installer else None
    known = {"plugin": plugin, **versions} if stack is None else {**stack.versions(), **_given(versions)}
    floors = SUPPORTED if stack is None else _floors(stack, own_plugin=True)
    return _target(known, floors, instance, os)


def target_of_stack(stack: Stack, instance: str | None, os: str | None = None, ranks: int | None = None) -> Target:
    """Return the target of a stack; ``ranks``: those of a job on a node, where they are known.

    Where the stack has no plugin, no row about the plugin holds.
    """
    target = _target(stack.versions(), _floors(stack, own_plugin=stack.has_plugin), instance, os)
    return target if ranks is None else with_ranks(target, ranks)


def with_ranks(target: Target, ranks: int) -> Target:
    """Return a target with the ranks of a job on a node, and the cores that each has where the type tells."""
    counts = {"ranks_per_node": str(ranks)}
    if target.instance is not None:
        from efakit.catalog import instances

        cores = instances.get(target.instance).cores if instances.known(target.instance) else None
        if cores is not None:
            counts["cores_per_rank"] = str(cores // ranks)
    return target._replace(versions={**counts, **target.versions})


def _target(
    versions: Mapping[str, str | None], floors: Mapping[str, str], instance: str | None, os: str | None
) -> Target:
    known = _given(versions)
    if instance is not None and "efa_interfaces" not in known:
        from efakit.catalog import instances

        interfaces = instances.get(instance).efa_interfaces if instances.known(instance) else None
        if interfaces is not None:
            known["efa_interfaces"] = str(interfaces)
    floors = {**floors, "kernel": LEAST_KERNELS[os]} if os in LEAST_KERNELS else floors
    return Target(known, {name: least for name, least in floors.items() if name not in known}, instance, os)


def _given(versions: Mapping[str, str | None]) -> dict[str, str]:
    return {name: version for name, version in versions.items() if version is not None}


def _floors(stack: Stack, own_plugin: bool) -> dict[str, str]:
    """Return what the components have at the least: what the nearest older installer brought, of which it is known.

    With an installer older than any supported one nothing is known of the rest.
    """
    installer = stack.installer
    if installer is None:
        return dict(SUPPORTED) if own_plugin else {name: SUPPORTED[name] for name in SUPPORTED if name != "plugin"}
    floors = {}
    for row in EFA_INSTALLERS:
        if version_key(row.version) <= version_key(installer):
            brought = {"libfabric": row.libfabric, "rdma_core": row.rdma_core, "plugin": row.plugin}
            floors.update({name: version for name, version in brought.items() if version not in (None, "none")})
    if version_key(installer) >= version_key(SUPPORTED["installer"]):
        floors = {**SUPPORTED, **floors}
    if not own_plugin:
        floors.pop("plugin", None)
    return floors
