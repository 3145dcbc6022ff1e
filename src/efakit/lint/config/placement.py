"""Placement groups: missing, off, misnamed, and where there can be none."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.lint.config.node import shown
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.view import ClusterView


@rule("placement-group-missing")
def placement_group_missing(view: ClusterView) -> Iterator[Problem]:
    """Refuse EFA where no PlacementGroup section says yes or no; Capacity Blocks need none."""
    for resource in view.resources:
        undecided = not resource.grouped and resource.placement.at("Enabled").flag is None
        if resource.efa and undecided and not resource.queue.is_block and not resource.queue.several_zones:
            yield Problem(
                (*resource.node.path, "Networking", "PlacementGroup"),
                f"{resource.name} has EFA on, and does not set PlacementGroup",
                "add Networking: {PlacementGroup: {Enabled: true}} (with a capacity reservation: false)",
            )


@rule("placement-group-off")
def placement_group_off(view: ClusterView) -> Iterator[Problem]:
    """Point out EFA without a group, except on reserved capacity, where none is right."""
    for resource in view.resources:
        reserved = resource.queue.is_block or resource.reservation_id or resource.reservation_group
        enabled = resource.placement.at("Enabled")
        off = enabled.flag is False and resource.placement_name is None
        can = not any(item.supports_cluster_placement is False for item in resource.instances)
        if (
            resource.efa
            and off
            and can
            and not reserved
            and not resource.queue.several_zones
            and resource.max_count > 1
        ):
            message = f"{resource.name} has EFA on and no placement group: its nodes may be far apart"
            yield Problem(enabled.path, message, "set PlacementGroup: {Enabled: true}")


@rule("placement-group-name")
def placement_group_name(view: ClusterView) -> Iterator[Problem]:
    """Refuse Name or Id beside Enabled: false, and both beside each other."""
    nodes = [queue.networking for queue in view.queues] + [item.node.at("Networking") for item in view.resources]
    for group in (node.at("PlacementGroup") for node in nodes):
        name, id_, enabled = group.at("Name"), group.at("Id"), group.at("Enabled")
        if name.text and id_.text:
            yield Problem(id_.path, "Name and Id of a placement group mean the same", "keep Name")
        if (name.text or id_.text) and enabled.flag is False:
            message = f"the placement group {shown(name.text or id_.text)} is named, but disabled"
            yield Problem(enabled.path, message, "remove Enabled, or remove the name")


@rule("placement-group-unsupported")
def placement_group_unsupported(view: ClusterView) -> Iterator[Problem]:
    """Refuse cluster placement groups for types without that strategy."""
    for resource, _node, instance in view.typed():
        if resource.grouped and instance.supports_cluster_placement is False:
            message = f"{instance.name} of {resource.name} cannot be in a cluster placement group"
            yield Problem(resource.placement.path, message, "set PlacementGroup: {Enabled: false}")


@rule("placement-group-mixed")
def placement_group_mixed(view: ClusterView) -> Iterator[Problem]:
    """Point out a group for a list of types: capacity for both near each other is rare."""
    for resource in view.resources:
        if resource.grouped and resource.is_flexible and len(resource.types) > 1:
            message = f"{resource.name} requests several instance types in one placement group: such capacity is rare"
            yield Problem(resource.placement.path, message, "list one type, or set PlacementGroup: {Enabled: false}")


@rule("group-several-zones")
def group_several_zones(view: ClusterView) -> Iterator[Problem]:
    """Refuse a placement group in a queue of several zones: a cluster placement group lies in one."""
    for resource in view.resources:
        if resource.grouped and resource.queue.several_zones:
            message = f"{resource.name} requests one placement group in several Availability Zones"
            yield Problem(resource.queue.subnet_ids.path, message, "name one subnet, or disable the group")
