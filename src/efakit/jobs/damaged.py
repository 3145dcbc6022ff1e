"""Damaged records: what the names of their files tell, lest a node seem to have had no record, or a run none at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from efakit.jobs.fields import Record
from efakit.jobs.reader import DamagedRecord
from efakit.node.record import safe_name
from efakit.printable import printable

_MOST_RUNS_OF_A_KEY = 64
_SHORTEST_SLUID = 8


@dataclass
class Draft:
    """A run of a job that is being put together; ``keys`` are its components', as names of files have them."""

    folder: str
    cluster: str
    job_id: int
    name: str
    key: str
    records: dict[str, Record] = field(default_factory=dict)
    lacks_component: bool = False
    more: list[Record] = field(default_factory=list)
    node_names: dict[str, None] = field(default_factory=dict)
    knows_nodes: bool = False
    """Slurm told the job's nodes; else they are those of the records."""
    damaged: dict[str, str] = field(default_factory=dict)
    modified_at: list[float] = field(default_factory=list)
    """When the damaged records were written."""
    keys: set[str] = field(default_factory=set)
    started_at: int | None = None
    doubts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    het: list[int] = field(default_factory=list)


def place_damaged(drafts: Sequence[Draft], damaged: Iterable[DamagedRecord], job_id: int) -> list[Draft]:
    """Note each damaged record at the run that its file's name tells of, and return the runs of which no other is left.

    One whose name tells of no node of the run, or of which the cluster has no run, is a fault and no more.
    """
    by_key: dict[tuple[str, int, str], list[Draft]] = {}
    for draft in drafts:
        for number in {draft.job_id, *draft.het}:
            for key in draft.keys:
                by_key.setdefault((draft.folder, number, key), []).append(draft)
    clusters = {draft.folder: draft.cluster for draft in drafts}
    names: dict[int, dict[str, str]] = {}
    lost: dict[tuple[str, str], Draft] = {}
    for item in damaged:
        own = by_key.get((item.folder, item.job_id, item.run), [])[-_MOST_RUNS_OF_A_KEY:]
        if own:
            _place(item, own, names)
        elif item.job_id == job_id and item.folder in clusters and _is_key(item.run):
            made = Draft(item.folder, clusters[item.folder], job_id, item.run, item.run)
            draft = lost.setdefault((item.folder, item.run), made)
            draft.node_names[item.node] = None
            draft.damaged[item.node] = str(item.fault)
            draft.modified_at.append(item.modified_at)
    return list(lost.values())


def _place(item: DamagedRecord, own: list[Draft], names: dict[int, dict[str, str]]) -> None:
    beside: list[tuple[Draft, str]] = []
    lacking: list[tuple[Draft, str]] = []
    for draft in own:
        if id(draft) not in names:
            names[id(draft)] = {safe_name(name): name for name in draft.node_names}
        node = names[id(draft)].get(item.node, None if draft.knows_nodes else item.node)
        if node is not None:
            (beside if node in draft.records else lacking).append((draft, node))
    for draft, node in lacking:
        draft.node_names[node] = None
        draft.damaged[node] = str(item.fault)
    if not lacking:
        for draft, node in beside:
            draft.doubts.append(f"{printable(node)} has a damaged record of this run beside a good one")


def _is_key(run: str) -> bool:
    """Whether a part of a file's name is a run's key: r0, t1790000000 or a SLUID."""
    if run[:1] in ("r", "t") and run[1:].isascii() and run[1:].isdigit():
        return True
    return run[:1] == "s" and len(run) >= _SHORTEST_SLUID and run.isascii() and run.isalnum()
