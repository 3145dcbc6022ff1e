"""Most jobs: one run, one record of each node, and every record says the same of the job.

Then nothing can be in doubt, and no record is held against the others one question after the other
(``efakit.jobs.parts``, ``efakit.jobs.settle``). The result is the same as theirs.
"""

from __future__ import annotations

from operator import itemgetter

from efakit.jobs.damaged import Draft
from efakit.jobs.parts import is_weak
from efakit.jobs.reader import Found
from efakit.node.record import safe_name

_OF_JOB = itemgetter(
    *("cluster", "job_id", "run", "run_from", "restart_count", "started_at", "het_job_id", "installation_id"),
    *("user_id", "user", "node_list", "node_list_at_end"),
)
"""All that ``split``, ``pair_components`` and ``settle`` hold records against each other by, but nodes and times."""


def plain_draft(found: Found, job_id: int) -> Draft | None:
    """Return the one run of a job; None where its records differ, or there is anything that could be in doubt."""
    records = {record["node"]: record for _, record in found.records}
    if not records or len(records) < len(found.records):
        return None
    folder, first = found.records[0]
    told = _OF_JOB(first)
    for other_folder, record in found.records:
        if record["doubts"] or other_folder != folder or _OF_JOB(record) != told:
            return None
    lists = dict.fromkeys(text for text in (first["node_list"], first["node_list_at_end"]) if text)
    key = first["run"]
    if (
        first["job_id"] != job_id
        or first["het_job_id"] is not None
        or first["run_from"] != "baseline"
        or folder in found.cut
        # Of a restart count only times tell this run from others; without a list, the number of nodes does.
        or is_weak(key)
        or not lists
    ):
        return None
    draft = Draft(folder, first["cluster"], job_id, f"r{first['restart_count'] or 0}", key)
    draft.records = records
    draft.node_names = {**found.lists.union(tuple(lists)), **dict.fromkeys(records)}
    draft.knows_nodes = True
    draft.keys = {safe_name(key)}
    draft.started_at = first["started_at"]
    return draft
