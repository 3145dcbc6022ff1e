"""How many EFA devices a node should have. Unknown is a finding, never zero."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from efakit.hook.settings import Settings


def expected_devices(
    settings: Settings, node: str, instance_type: str | None, by_type: Mapping[str, int]
) -> dict[str, Any]:
    """Return ``devices_expected`` (None: unknown), ``expected_from`` and, for people, ``expected_by``.

    The number comes from, in this order: a number in the ``settings``, the ``compute-resource`` that the node's name
    tells, the ``instance-type``. The last is how many it can have: EFA may be left out on some of its network cards.
    """
    if settings.expected_devices != "auto":
        return _expect(settings.expected_devices, "settings", "settings")
    resource = compute_resource(node, settings.compute_resources)
    if resource:
        return _expect(settings.compute_resources[resource], "compute-resource", "compute resource " + resource)
    if instance_type is not None and instance_type in by_type:
        return _expect(by_type[instance_type], "instance-type", "instance type " + instance_type)
    return _expect(None, None, None)


def compute_resource(node: str, resources: Mapping[str, int]) -> str | None:
    """Return the QUEUE/RESOURCE among ``resources`` whose node this is.

    ParallelCluster names its nodes QUEUE-st-RESOURCE-N and QUEUE-dy-RESOURCE-N (static and dynamic).
    """
    stem, _, number = node.rpartition("-")
    if not number.isdigit():
        return None
    for name in resources:
        queue, _, resource = name.partition("/")
        if stem in ("%s-st-%s" % (queue, resource), "%s-dy-%s" % (queue, resource)):
            return name
    return None


def _expect(count: int | None, source: str | None, by: str | None) -> dict[str, Any]:
    return {"devices_expected": count, "expected_from": source, "expected_by": by}
