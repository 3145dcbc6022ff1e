"""Takes records from the node's spool to the shared records folder.

One file a node and run, ``CLUSTER/JOB/NODE.RUN.ID.json``, written by rename: no lock. The id is the record's own, so a
second try writes the same file again, and no other record's.
"""

from __future__ import annotations

import os

from efakit.hook.folder import LARGE_BYTES, open_folder
from efakit.hook.json_text import dumps_lines
from efakit.hook.same_run import why_not_ended_by
from efakit.hook.trust import load_from
from efakit.node.record import record_path, safe_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from efakit.hook.spool import Spool

# Of the records of one job and node.
_MOST_LOOKED_AT = 64


def publish_waiting(spool: Spool, records_dir: str, mode: int) -> Iterator[str]:
    """Publish all waiting records and give the path of each.

    One that cannot be published stays, and does not hold up the others: the first failure is raised at the end, as
    OSError. One that is no record is set aside.
    """
    spool.prepare()
    failure: OSError | None = None
    for waiting, record in spool.waiting.records():
        try:
            path = publish_record(record, records_dir, mode)
            if spool.waiting.forget(waiting):
                spool.baselines.forget_used(record)
                yield path
        except OSError as error:
            # Where it does not wait any more, another run of the hook has published it in the meantime.
            if spool.waiting.is_waiting(waiting):
                failure = failure or error
            # Where the records folder itself is to blame, none of thousands needs to be tried.
            open_folder(records_dir).close()
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            spool.waiting.set_aside(waiting)
    try:
        spool.note_lost()
        for baseline in spool.baselines.all():
            if _was_published_past_spool(baseline, records_dir):
                spool.baselines.forget_ended(baseline)
    except OSError:
        pass  # on a disk that is read-only, say: what is published is published
    if failure:
        raise failure


def cast_doubt(spool: Spool, records_dir: str | None, mode: int, place: Mapping[str, Any], doubt: str) -> None:
    """Add a doubt to a record with a baseline, waiting or published at ``place``; raise OSError."""
    waiting = spool.waiting.load(place)
    if waiting is not None:
        doubted = _with_doubt(waiting, doubt)
        if doubted is not None:
            spool.waiting.keep(doubted)
        return
    if records_dir is None:
        return
    cluster, job, name = record_path(place)
    try:
        with open_folder(os.path.join(records_dir, cluster, job)) as folder:
            record = load_from(folder, name, LARGE_BYTES)
    except FileNotFoundError:
        return
    doubted = _with_doubt(record, doubt) if record is not None else None
    if doubted is not None:
        publish_record(doubted, records_dir, mode)


def _with_doubt(record: Mapping[str, Any], doubt: str) -> dict[str, Any] | None:
    """Return the record with one doubt more; None where it has it, or says by itself that it is incomplete."""
    doubts = record.get("doubts")
    if record.get("baseline") == "missing" or not isinstance(doubts, list) or doubt in doubts:
        return None
    return {**record, "doubts": [*doubts, doubt]}


def _was_published_past_spool(baseline: Mapping[str, Any], records_dir: str) -> bool:
    """Return whether the job's epilog could not use the spool in time, and so published without this baseline."""
    job, taken_at = baseline["job"], baseline["snapshot"].get("taken_at")
    if type(taken_at) not in (int, float):
        return False
    cluster, folder_name = safe_name(str(job.get("cluster"))), "%d" % (job.get("het_job_id") or job["job_id"])
    start = safe_name(str(job.get("node"))) + "."
    try:
        with open_folder(os.path.join(records_dir, cluster, folder_name)) as folder:
            names = [name for name in folder.names() if name.startswith(start)]
            records = [load_from(folder, name, LARGE_BYTES) or {} for name in names[:_MOST_LOOKED_AT]]
    except (OSError, ValueError):
        return False
    return any(
        record.get("job_id") == job["job_id"]
        and type(record.get("ended_at")) in (int, float)
        and record["ended_at"] > taken_at
        # Made of this baseline, which then could not be removed; or without it, since the spool was no use. A prolog
        # that fails on purpose publishes its own snapshot, which is no later.
        and (
            record.get("record_id") == baseline.get("record_id")
            or (record.get("baseline") == "missing" and why_not_ended_by(job, record) is None)
        )
        for record in records
    )


def publish_record(record: Mapping[str, Any], records_dir: str, mode: int) -> str:
    """Write one record into the shared folder and return its path; raise OSError (Untrusted) where that fails."""
    cluster, job, name = record_path(record)
    # Whoever may read a file needs to pass through its folder; nobody else ever writes there.
    folder_mode = 0o700 | mode & 0o044 | (mode & 0o044) >> 2
    # The records folder itself is never made here: where it is missing, its file system is probably not mounted.
    with open_folder(records_dir) as records, records.sub(cluster, folder_mode, on_the_way=True) as jobs:
        with jobs.sub(job, folder_mode) as folder:
            folder.write(name, dumps_lines(record).encode(), mode, durable=True)
    return os.path.join(records_dir, cluster, job, name)
