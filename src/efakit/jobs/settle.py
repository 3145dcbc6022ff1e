"""Says of the records of one run which one of each node counts, and why it is not sure that all are of one run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from efakit.jobs.fields import Record
from efakit.jobs.node_list import NodeLists
from efakit.jobs.parts import MOST_SECONDS_BETWEEN_ENDS, Part
from efakit.printable import printable

_CLOCK_JUMP_SECONDS = 60
_MOST_NODE_SETS = 64
"""Of one run: a job that shrinks or grows has one more each time."""


@dataclass
class Settled:
    """A run's records by node, those that do not count, and what there is to say of them."""

    records: dict[str, Record] = field(default_factory=dict)
    more: list[Record] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def settle(part: Part, lists: NodeLists, *, has_other_runs: bool) -> Settled:
    """Return the records that count, with doubts; ``has_other_runs``: the job has several runs."""
    settled = Settled(doubts=list(part.doubts))
    by_node: dict[str, list[Record]] = {}
    for record in part.records:
        by_node.setdefault(record["node"], []).append(record)
    for own in by_node.values():
        _choose(own, settled, part_is_weak=part.is_weak)
    chosen = list(settled.records.values())
    settled.doubts += _own_doubts(part, chosen, has_other_runs=has_other_runs)
    settled.doubts += _contradictions(part)
    settled.doubts += _doubts_by_nodes(part, lists)
    settled.doubts += _doubts_by_time(part, chosen, lists)
    settled.doubts = list(dict.fromkeys(settled.doubts))
    return settled


def _choose(own: list[Record], settled: Settled, *, part_is_weak: bool) -> None:
    """Choose the record of a node that counts: one with a baseline, the later one."""
    if len(own) == 1:
        settled.records[own[0]["node"]] = own[0]
        return
    own = sorted(own, key=lambda record: (record["baseline"] != "missing", record["ended_at"], record["record_id"]))
    chosen = own[-1]
    node = chosen["node"]
    settled.records[node] = chosen
    settled.more += own[:-1]
    others = [record for record in own[:-1] if not record.get("prolog_failed")]
    # An epilog that runs again comes after the first; only a prolog that fails comes before.
    before = part_is_weak and any(record["ended_at"] < chosen["ended_at"] for record in others)
    if chosen["baseline"] == "missing" or own[-2]["baseline"] != "missing" or before:
        settled.doubts.append(f"{printable(node)} has {len(own)} different records of this run")
    elif others:
        settled.notes.append(f"{printable(node)}: its epilog ran again, and that record has no baseline")


def _own_doubts(part: Part, chosen: Iterable[Record], *, has_other_runs: bool) -> Iterator[str]:
    """Give what single records say against their belonging here."""
    for record in chosen:
        node = printable(record["node"], 100)
        for doubt in record["doubts"]:
            yield f"{node}: {printable(doubt, 300)}"
        jump = record["clock_jump_seconds"]
        if part.is_weak and jump is not None and abs(jump) >= _CLOCK_JUMP_SECONDS:
            yield f"{node}: its clock was set by {jump:.0f} s during the job, and only times tell this run from others"
        if part.is_weak and record["began_at"] is not None and record["began_at"] > record["ended_at"]:
            yield f"{node}: its clock went back during the job, and only times tell this run from others"
        if record["run_from"] == "epilog":
            count = record["restart_count"]
            # Slurm tells the epilog of a requeued run the restart count of the run to come.
            if count or ((count is None or part.is_weak) and has_other_runs):
                yield f"{node} has no baseline, and without one it may be of another run of the job"


def _contradictions(part: Part) -> Iterator[str]:
    """Give what records of one run cannot say in contradiction to each other."""
    user_ids = {record["user_id"] for record in part.records} - {None}
    users = {record["user"] for record in part.records} - {None}
    if len(user_ids) > 1 or (not user_ids and len(users) > 1):
        yield f"its records name several users: {_some(user_ids or users)}"
    # Version 1 does not tell of heterogeneous jobs.
    leaders = {record["het_job_id"] for record in part.records if record["schema_version"] > 1}
    if len(leaders) > 1:
        yield "its records disagree about the heterogeneous job that they are of"
    told = [record for record in part.records if record["run_from"] == "baseline"]
    counts = {record["restart_count"] for record in told} - {None}
    if len(counts) > 1:
        yield f"its records have several restart counts: {_some(counts)}"
    starts = {record["started_at"] for record in told} - {None}
    if len(starts) > 1:
        yield f"its records have several job starts: {_some(starts)}"


def _doubts_by_nodes(part: Part, lists: NodeLists) -> Iterator[str]:
    """Give a doubt where of two records' node lists neither has the other's nodes, as in two jobs of one id."""
    own: dict[tuple[str | None, str | None], set[str]] = {}
    for record in part.records:
        own.setdefault((record["node_list"], record["node_list_at_end"]), set()).add(record["node"])
    known = {texts: nodes for texts, nodes in own.items() if any(texts)}
    if not known:
        yield from _doubts_without_lists(part)
    if len(known) > _MOST_NODE_SETS:
        yield f"its records have {len(known)} different node lists"
        return
    if len(known) < 2:
        return
    named = {texts: lists.union(tuple(text for text in texts if text)).keys() for texts in known}
    groups = list(known.items())
    for index, (texts, nodes) in enumerate(groups):
        for other_texts, others in groups[:index]:
            if not nodes <= named[other_texts] and not others <= named[texts]:
                yield f"the node lists of {_some(nodes)} and of {_some(others)} do not go together"
                return


def _doubts_without_lists(part: Part) -> Iterator[str]:
    """Give a doubt where Slurm named no nodes, and the records need not be of all."""
    counts = {record["node_count"] for record in part.records} - {None}
    nodes = {record["node"] for record in part.records}
    if not counts:
        yield "Slurm told the hooks neither the job's nodes nor their number"
    elif max(counts) > len(nodes):
        yield f"Slurm told the hooks {max(counts)} nodes and not which, and {len(nodes)} left a record"


def _doubts_by_time(part: Part, chosen: list[Record], lists: NodeLists) -> Iterator[str]:
    texts = {record["node_list_at_end"] or record["node_list"] for record in part.records}
    if not part.is_weak or len(texts) > _MOST_NODE_SETS:
        return
    stayed = [lists.union((text,)) for text in texts if text]
    # The nodes that a shrunken job gave back ended before.
    whole = [record for record in chosen if all(record["node"] in names for names in stayed)]
    if not whole:
        return
    first, last = _extremes(record["ended_at"] for record in whole)
    if part.reused and last - first > MOST_SECONDS_BETWEEN_ENDS:
        yield (
            f"the job's id was used again with the same restart count, and the records of this run end "
            f"{last - first:.0f} s apart"
        )
    begins = [record["began_at"] for record in whole if record["began_at"] is not None]
    # Nor before a node was given back: the other one may be of a later job on the same nodes.
    if begins and max(begins) > min(record["ended_at"] for record in chosen):
        yield "some records begin after others end, and only times tell this run from others"


def _extremes(values: Iterable[float]) -> tuple[float, float]:
    known = list(values)
    return min(known), max(known)


def _some(values: Iterable[object]) -> str:
    shown = sorted(printable(value, 60) for value in values)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
