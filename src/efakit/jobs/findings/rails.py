"""Devices and rails: a device that rests while its peers carry, and rails that carry unequally.

A rail is the devices of one name on nodes that have the same devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from efakit.jobs.findings.node import Job, Limits, Node, Standout, count, some, standout
from efakit.jobs.findings.peers import split
from efakit.jobs.sizes import size

_FIX = "compare fi_info -p efa on the node with another one, and look for FI_EFA_IFACE in the job's environment"


def check(job: Job, nodes: Sequence[Node], limits: Limits) -> Iterator[Standout]:
    """Give idle devices, idle rails, unequal rails and devices whose bytes differ."""
    if job.verdict in ("tcp-fallback", "no-traffic", "single-node"):
        return
    alike: dict[tuple[str, ...], list[Node]] = {}
    for node in nodes:
        if node.counted and len(node.devices.names) > 1 and node.most_moved > 0:
            alike.setdefault(node.devices.names, []).append(node)
    idle: dict[str, list[str]] = {}
    differing: dict[str, tuple[list[str], str]] = {}
    for names, group in alike.items():
        if len(group) > 1 and not all(_even(node, limits) for node in group):
            yield from _of_group(names, group, limits, idle, differing)
    if idle:
        devices = list(dict.fromkeys(name for own in idle.values() for name in own))
        most = max(len(own) for own in idle.values())
        words = (
            f"{count(most, 'device')} carried nothing"
            if len(idle) == 1
            else f"up to {count(most, 'device')} carried nothing"
        )
        message = f"{words} while the same devices carried on other nodes: {some(devices)}"
        yield standout("job-device-idle", message, idle, devices, fix=_FIX)
    if differing:
        devices = list(dict.fromkeys(name for own, _ in differing.values() for name in own))
        first, (_, words) = next(iter(differing.items()))
        where = f"{some([first])}: " if len(differing) > 1 else ""
        message = f"bytes of {some(devices)} differ from the same devices on other nodes: {where}{words}"
        yield standout("job-device-differs", message, differing, devices)


def _even(node: Node, limits: Limits) -> bool:
    """Return whether all devices of a node carried nearly the same: then no rule here has anything to say of it."""
    moved = [-1 if value is None else value for value in node.moved]
    return min(moved) >= limits["idle-device"] and max(moved) * (1 - limits["rail-below-mean"]) <= min(moved)


def _of_group(
    names: tuple[str, ...],
    group: list[Node],
    limits: Limits,
    idle: dict[str, list[str]],
    differing: dict[str, tuple[list[str], str]],
) -> Iterator[Standout]:
    rests: list[str] = []
    middles: dict[str, float] = {}
    shares: dict[str, dict[str, float]] = {}
    for place, device in enumerate(names):
        values = {node.name: own for node in group if (own := _moved(node, place, limits)) is not None}
        carrying = [value for value in values.values() if value >= limits["idle-device"]]
        if 2 * len(carrying) < len(values) or not carrying or median(carrying) < limits["busy-rail"]:
            rests.append(device)
            continue
        middles[device] = median(carrying)
        for node, value in values.items():
            if value < limits["idle-device"]:
                idle.setdefault(node, []).append(device)
        shares[device] = {node: value for node, value in values.items() if value >= limits["idle-device"]}
    if rests and middles:
        message = f"{len(rests)} of {len(names)} devices carried nothing on most nodes: {some(rests)}"
        yield standout("job-rail-idle", message, devices=rests, whole=True)
    yield from _unequal(middles, limits)
    _note_differing(group, shares, limits, differing)


def _moved(node: Node, place: int, limits: Limits) -> int | None:
    value = node.moved[place]
    return value if value is None or value >= limits["idle-device"] else max(value, node.by_operation(place))


def _unequal(middles: dict[str, float], limits: Limits) -> Iterator[Standout]:
    if len(middles) < 2:
        return
    mean = sum(middles.values()) / len(middles)
    low = [device for device, value in middles.items() if value < (1 - limits["rail-below-mean"]) * mean]
    if low:
        least = min(middles, key=middles.__getitem__)
        off = f"{100 * (1 - middles[least] / mean):.0f} %"
        message = f"{count(len(low), 'rail')} of {len(middles)} carried less than the others, {some([least])} by {off}"
        yield standout("job-rail-uneven", f"{message}: {some(low)}", devices=low, whole=True)


def _note_differing(
    group: list[Node],
    shares: dict[str, dict[str, float]],
    limits: Limits,
    differing: dict[str, tuple[list[str], str]],
) -> None:
    """Note devices whose part of their node's bytes is unlike that of the same device on other nodes."""
    if len(group) < limits["peers-least"]:
        return
    middle_of = {
        node.name: median(known) for node in group if (known := [value for value in node.moved if value is not None])
    }
    for device, values in shares.items():
        parts = {node: value / middle_of[node] for node, value in values.items() if middle_of[node]}
        if len(parts) < limits["peers-least"]:
            continue
        middle, off = median(parts.values()), limits["peers-off"]
        if max(parts.values()) <= (1 + off) * middle and min(parts.values()) >= (1 - off) * middle:
            continue
        for node, part, middle in split(parts, limits)[1]:
            expected = middle * middle_of[node]
            words = f"{size(part * middle_of[node])} against {size(expected)}"
            differing.setdefault(node, ([], words))[0].append(device)
