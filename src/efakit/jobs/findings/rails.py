"""Devices and rails: a device that rests while its peers carry, and rails that carry unequally.

A rail is the devices of one name on nodes that have the same devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from efakit.jobs.findings.node import Job, Limits, Node, Standout, count, some, standout
from efakit.jobs.findings.peers import split
from efakit.jobs.median import median
from efakit.jobs.sizes import size

_FIX = "compare fi_info -p efa on the node with another one, and look for FI_EFA_IFACE in the job's environment"


def check(job: Job, nodes: Sequence[Node], limits: Limits) -> Iterator[Standout]:
    """Give idle devices, idle rails, unequal rails and devices whose bytes differ."""
    if job.verdict in ("tcp-fallback", "no-traffic", "single-node"):
        return
    alike: dict[tuple[str, ...], list[Node]] = {}
    # Where all devices of all nodes carried nearly the same, no rule here has anything to say of them.
    uneven: set[tuple[str, ...]] = set()
    idle_bytes, part = limits["idle-device"], 1 - limits["rail-below-mean"]
    for node in nodes:
        names = node.devices.names
        if node.counted and len(names) > 1:
            least, most = node.least_and_most_moved
            if most > 0:
                alike.setdefault(names, []).append(node)
                if least < idle_bytes or most * part > least:
                    uneven.add(names)
    idle: dict[str, list[str]] = {}
    differing: dict[str, tuple[list[str], str]] = {}
    for names, group in alike.items():
        if len(group) > 1 and names in uneven:
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


def _of_group(
    names: tuple[str, ...],
    group: list[Node],
    limits: Limits,
    idle: dict[str, list[str]],
    differing: dict[str, tuple[list[str], str]],
) -> Iterator[Standout]:
    rests: list[str] = []
    middles: dict[str, float] = {}
    carried: dict[str, Sequence[int | None]] = {}
    least = limits["idle-device"]
    for device, column in zip(names, zip(*[_moved(node, least) for node in group], strict=True), strict=True):
        known = [value for value in column if value is not None]
        carrying = [value for value in known if value >= least]
        middle = median(carrying) if carrying else 0.0
        if 2 * len(carrying) < len(known) or not carrying or middle < limits["busy-rail"]:
            # Of a rail that carried a little, or that was not read on most nodes, nothing is said.
            if 2 * (len(known) - len(carrying)) > len(column):
                rests.append(device)
            continue
        middles[device] = middle
        if len(carrying) < len(known):
            for node, value in zip(group, column, strict=True):
                if value is not None and value < least:
                    idle.setdefault(node.name, []).append(device)
        carried[device] = column
    if rests and middles:
        message = f"{len(rests)} of {len(names)} devices carried nothing on most nodes: {some(rests)}"
        yield standout("job-rail-idle", message, devices=rests, whole=True)
    yield from _unequal(middles, limits)
    _note_differing(group, carried, limits, differing)


def _moved(node: Node, least: float) -> Sequence[int | None]:
    """Return what each device moved; of one that seems idle, also by its counters of operations."""
    if node.least_and_most_moved[0] >= least:
        return node.moved
    return [
        value if value is None or value >= least else node.moved_by(place) for place, value in enumerate(node.moved)
    ]


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
    carried: dict[str, Sequence[int | None]],
    limits: Limits,
    differing: dict[str, tuple[list[str], str]],
) -> None:
    """Note devices whose part of their node's bytes is unlike that of the same device on other nodes."""
    if len(group) < limits["peers-least"]:
        return
    middles = [_middle(node.moved) for node in group]
    least, off = limits["idle-device"], limits["peers-off"]
    if _all_alike(group, middles, least, off):
        return
    for device, column in carried.items():
        parts = [
            value / middle
            for value, middle in zip(column, middles, strict=True)
            if value is not None and value >= least and middle
        ]
        if len(parts) < limits["peers-least"]:
            continue
        middle = median(parts)
        if max(parts) <= (1 + off) * middle and min(parts) >= (1 - off) * middle:
            continue
        middle_of = {
            node.name: middle
            for node, value, middle in zip(group, column, middles, strict=True)
            if value is not None and value >= least and middle
        }
        for name, part, middle in split(dict(zip(middle_of, parts, strict=True)), limits)[1]:
            expected = middle * middle_of[name]
            words = f"{size(part * middle_of[name])} against {size(expected)}"
            differing.setdefault(name, ([], words))[0].append(device)


def _all_alike(group: list[Node], middles: Sequence[float], least: float, off: float) -> bool:
    """Return whether no device can differ by ``off``: the bounds of all parts say it, in a fraction of the time."""
    lowest, highest = float("inf"), 0.0
    for node, middle in zip(group, middles, strict=True):
        if not middle:
            continue
        low: float
        low, high = node.least_and_most_moved
        if low < least:
            # Its devices that rest, or of which nothing is known, have no part in it.
            low = min([value for value in node.moved if value is not None and value >= least], default=middle)
        lowest, highest = min(lowest, low / middle), max(highest, high / middle)
    return highest <= (1 + off) * lowest and lowest >= (1 - off) * highest


def _middle(moved: Sequence[int | None]) -> float:
    known = sorted([value for value in moved if value is not None])
    if not known:
        return 0.0
    half = len(known) // 2
    return known[half] if len(known) % 2 else (known[half - 1] + known[half]) / 2
