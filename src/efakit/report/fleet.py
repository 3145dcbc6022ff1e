"""What a report of all jobs says, whatever its form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from efakit.catalog.thresholds import STANDS_OUT

RETRANSMITS_FLOOR = 1e-4
"""Packets sent again by packets sent: zero on healthy small traffic of one node, 4e-4 and 9e-4 where a path failed
(a public incident report; AWS publishes no threshold)."""
GROWTH = 2.0
"""Second half of the time against its first half."""
LEAST_PACKETS = next(row.value for row in STANDS_OUT if row.name == "retransmit-packets")
"""Of fewer packets a ratio says little."""
MOST_OF_A_LIST = 10

Columns = list[str]
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class FleetReport:
    """The answers to the queries: by verdict first; then by what was asked, else those of ``SUMMARY``.

    ``filters`` has ``since``, ``until``, ``user``, ``partition``, ``node``, ``cluster`` and ``verdicts``.
    """

    filters: Any
    by: str | None
    answers: Sequence[tuple[Columns, Rows]]
    damaged: int
    faults: Sequence[str]
    days: tuple[Columns, Rows] | None = None
    """By day, where it was asked for beside."""
    most_rows: int | None = None
    """The table has no more rows than these."""

    @property
    def table(self) -> tuple[Columns, Rows]:
        """Return what was asked for: the last answer, of a summary the verdicts."""
        return self.answers[-1] if self.by else self.answers[0]

    def verdicts(self) -> list[dict[str, Any]]:
        """Return runs, nodes and bytes by verdict."""
        return dicts(self.answers[0])

    def fell_back(self) -> list[dict[str, Any]]:
        """Return runs that used TCP: those that used nothing else first, and of these the latest."""
        return dicts(self.answers[1])

    def retransmitting(self) -> list[dict[str, Any]]:
        """Return the nodes that send again more than the floor, and more than in the first half of the time.

        Where nothing is known of that half, more than the floor.
        """
        nodes = [node for node in dicts(self.answers[2]) if _grows(node)]
        return sorted(nodes, key=lambda node: -node["retrans_ratio_second_half"])[:MOST_OF_A_LIST]

    def resting(self) -> list[dict[str, Any]]:
        """Return the nodes of which a device moved nothing while another one of the node did, or was missing."""
        counted = [
            ((node["runs_with_missing_devices"] or 0) + (node["runs_with_idle_devices"] or 0), node)
            for node in dicts(self.answers[2])
        ]
        return [node for count, node in sorted(counted, key=lambda pair: -pair[0]) if count][:MOST_OF_A_LIST]

    def without_efa(self) -> list[dict[str, Any]]:
        """Return the users of whose jobs some used TCP alone, and none is known to have used EFA."""
        return [user for user in dicts(self.answers[3]) if user["never_efa"]][:MOST_OF_A_LIST]


def SUMMARY(filters: Any) -> list[tuple[str, Any, int | None]]:  # noqa: N802 - it is a table but for the filters
    """Return the queries of a summary, behind that by verdict."""
    fallen = tuple(one for one in ("tcp-fallback", "mixed") if not filters.verdicts or one in filters.verdicts)
    return [
        ("job", filters._replace(verdicts=fallen or ("none",)), MOST_OF_A_LIST),
        ("node", filters, None),
        ("user", filters, None),
    ]


def dicts(answer: tuple[Columns, Rows]) -> list[dict[str, Any]]:
    """Return each row with the names of its columns."""
    columns, rows = answer
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _grows(node: dict[str, Any]) -> bool:
    before, after = node["retrans_ratio_first_half"], node["retrans_ratio_second_half"]
    if (node["tx_pkts_second_half"] or 0) < LEAST_PACKETS:
        return False
    return after is not None and after > RETRANSMITS_FLOOR and (before is None or after > GROWTH * before)
