"""Nodes that agree, as one line: Slurm's host list, verdict, devices, bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from efakit.jobs.node_list import fold
from efakit.jobs.sizes import size
from efakit.jobs.traffic import Amount
from efakit.jobs.verdict import NodeVerdict
from efakit.printable import printable
from efakit.report.job import byte_counts

_MOST_LETTERS = 90
_LONGEST_NAME = 120
# The worst first: a reader wants these before the many that are well.
_ORDER = ("tcp-fallback", "mixed", "incomplete", "shared", "no-traffic", "single-node", "efa")


class Group(NamedTuple):
    """Nodes with one verdict and the same devices."""

    verdict: str
    devices: str
    nodes: list[NodeVerdict]


def groups(nodes: Iterable[NodeVerdict]) -> list[Group]:
    """Return the nodes by verdict and devices, the worst first."""
    found: dict[tuple[str, str], list[NodeVerdict]] = {}
    for node in nodes:
        found.setdefault((node.verdict, devices(node)), []).append(node)
    ordered = sorted(found.items(), key=lambda item: (_ORDER.index(item[0][0]), len(item[1])))
    return [Group(verdict, own, members) for (verdict, own), members in ordered]


def folded(names: Sequence[str], most_letters: int = _MOST_LETTERS) -> str:
    """Return names as Slurm's host list; a long one is cut, and its end says how many there are."""
    text = fold(names)
    if len(text) <= most_letters:
        return printable(text, most_letters)
    if len(names) == 1:
        return printable(text, _LONGEST_NAME)
    kept = text[:most_letters]
    kept = kept[: max(kept.rfind(","), 0)] or printable(names[0], _LONGEST_NAME)
    closed = "]" if kept.count("[") > kept.count("]") else ""
    return f"{printable(kept, 2 * _LONGEST_NAME)}{closed} ... ({len(names):,} nodes)"


def devices(node: NodeVerdict) -> str:
    """Return how many of its devices a node had: 31 of 32."""
    if node.devices_found is None:
        return "-"
    return f"{node.devices_found} of {'?' if node.devices_expected is None else node.devices_expected}"


def amounts(members: Sequence[NodeVerdict]) -> list[str]:
    """Return the four byte counts of nodes: one value, or from the least to the greatest."""
    known = [_NOTHING if node.traffic is None else node.traffic.by_way() for node in members]
    return [_range(members, place, column) for place, column in enumerate(zip(*known, strict=True))]


_NOTHING = (0, 0, 0, 0)


def _range(members: Sequence[NodeVerdict], place: int, known: tuple[int, ...]) -> str:
    """Return one byte count of nodes, of which this much is known; where one's is not, the greatest may be any more."""
    least, most = min(known), max(known)
    if not any(node.traffic is None or node.traffic.partly for node in members):
        first, last = size(least), size(most)
    else:
        counts = [list(byte_counts(node.traffic).values())[place] for node in members]
        last = amount(Amount(most, all(count.complete for count in counts)))
        first = amount(Amount(least, any(count.complete for count in counts if count.known_bytes == least)))
    if first == last or least == most:
        return last
    number, _, unit = first.removesuffix("+?").partition(" ")
    return f"{number if last.removesuffix('+?').endswith(f' {unit}') else first}..{last}"


def amount(value: Amount) -> str:
    """Return a byte count as people read it; where not all of it was read, what it is at least."""
    if value.complete:
        return size(value.known_bytes)
    return f"{size(value.known_bytes)}+?" if value.known_bytes else "?"
