"""A node's bytes against its peers': who differs, and where many differ alike, the groups.

Source of the method: the likeness of peers, as in Minder (arXiv 2411.01791) and C4 (arXiv 2406.04594).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from efakit.jobs.findings.node import Job, Limits, Node, Standout, some, standout
from efakit.jobs.median import median
from efakit.jobs.sizes import size

_DIRECTIONS = (("tx_bytes", "sent"), ("rx_bytes", "received"))
# 1 / the 75th percentile of the normal distribution: z of the median absolute deviation.
_NORMAL = 0.6745


def check(job: Job, nodes: Sequence[Node], limits: Limits) -> Iterator[Standout]:
    """Give nodes without EFA bytes, nodes whose bytes differ, and groups of nodes."""
    if job.verdict in ("tcp-fallback", "no-traffic", "single-node"):
        return
    silent, busy = _silent_and_busy(nodes, limits["idle-device"])
    if silent and busy:
        yield standout(
            "job-node-silent",
            f"no EFA traffic, and {len(busy)} other nodes had some",
            [node.name for node in silent],
            fix="see whether ranks ran there, and what its log and its prolog say",
        )
    # Other jobs' bytes are no part of this one's.
    busy = [node for node in busy if not node.record["shared_with"]]
    if len(busy) < limits["peers-least"]:
        return
    by_node: dict[str, list[str]] = {}
    groups: dict[str, list[str]] = {}
    fewer: dict[str, None] = {}
    for counter, word in _DIRECTIONS:
        totals = [node.total(counter) for node in busy]
        if max(totals) <= (1 + limits["peers-off"]) * min(totals):
            continue  # no two are so far apart that one could differ, or groups be told
        for values in _of_one_type(busy, totals):
            if len(values) < limits["peers-least"]:
                continue
            main, others = split(values, limits)
            for name, value, middle in others:
                by_node.setdefault(name, []).append(f"{size(value)} {word} against {size(middle)}")
            if len(main) > 1:
                told = ", ".join(f"{len(group)} about {size(middle)}" for middle, group in main)
                groups.setdefault(told, []).append(word)
                fewer.update(dict.fromkeys(name for _, group in main[1:] for name in group))
    if by_node:
        name, words = next(iter(by_node.items()))
        where = f"{some([name])}: " if len(by_node) > 1 else ""
        yield standout("job-node-differs", f"its bytes differ from its peers': {where}{', '.join(words)}", by_node)
    if groups:
        told = "; ".join(f"{sizes} {' and '.join(words)}" for sizes, words in groups.items())
        message = f"the job's nodes fall into groups by their EFA bytes: {told}"
        yield standout("job-node-groups", message, fewer, whole=True)


def _of_one_type(nodes: Sequence[Node], totals: Sequence[int]) -> Iterable[dict[str, float]]:
    """Return the nodes' bytes by instance type: of a type with half the devices no node is unlike its peers by half."""
    by_type: dict[str | None, dict[str, float]] = {}
    for node, total in zip(nodes, totals, strict=True):
        by_type.setdefault(node.record.get("instance_type"), {})[node.name] = float(total)
    return by_type.values()


def _silent_and_busy(nodes: Sequence[Node], idle: float) -> tuple[list[Node], list[Node]]:
    """Return the nodes whose devices rested, and those of which one moved something; none of which not all is known."""
    silent: list[Node] = []
    busy: list[Node] = []
    for node in nodes:
        # A device that may be there, and that nobody could recognise, may have carried anything.
        if node.counted and node.moved and not node.record["devices_unknown"]:
            least, most = node.least_and_most_moved
            if least >= 0:  # of less than no bytes at least one device's are not known
                (silent if most < idle else busy).append(node)
    return silent, busy


def split(
    values: dict[str, float], limits: Limits
) -> tuple[list[tuple[float, list[str]]], list[tuple[str, float, float]]]:
    """Return the main groups (middle, names), the largest first, and who differs (name, value, its group's middle).

    Values that lie farther apart than ``peers-off`` are of different groups. A group of more than ``group-share`` of
    the nodes, and of two at least, is a main one; so is the largest.
    """
    ordered = sorted(values, key=values.__getitem__)
    groups: list[list[str]] = [[]]
    before, step = values[ordered[0]], 1 + limits["peers-off"]
    for name in ordered:
        value = values[name]
        if value > before * step:
            groups.append([])
        groups[-1].append(name)
        before = value
    groups.sort(key=len, reverse=True)
    least = limits["group-share"] * len(values)
    main = [group for number, group in enumerate(groups) if number == 0 or len(group) > max(1, least)]
    kept = [(median(values[name] for name in group), group) for group in main]
    spreads = {id(group): _spread([values[name] for name in group], middle, limits) for middle, group in kept}
    others: list[tuple[str, float, float]] = []
    for group in groups:
        own = [item for item in kept if item[1] is group]
        ends = (group[0], group[-1])
        if own and not any(_differs(values[name], own[0][0], spreads[id(group)], limits) for name in ends):
            continue  # where neither the least nor the greatest differs, no value between them does
        for name in group:
            middle, near = own[0] if own else min(kept, key=lambda item: abs(item[0] - values[name]))
            if _differs(values[name], middle, spreads[id(near)], limits):
                others.append((name, values[name], middle))
    return kept, others


def _spread(values: list[float], middle: float, limits: Limits) -> float:
    deviation = median(abs(value - middle) for value in values)
    return max(deviation, limits["peers-spread"] * middle) or 1.0


def _differs(value: float, middle: float, spread: float, limits: Limits) -> bool:
    distance = abs(value - middle)
    return _NORMAL * distance / spread > limits["peers-z"] and distance > limits["peers-off"] * middle
