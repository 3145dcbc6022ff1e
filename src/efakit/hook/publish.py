"""Takes records from the node's spool to the shared records folder.

One file a node and run, ``CLUSTER/JOB/NODE.RUN.json``, written once and by rename: no lock, and a second try writes the
same file again.
"""

from __future__ import annotations

import os

from efakit.hook.folder import LARGE_BYTES, open_folder
from efakit.hook.json_text import dumps_lines
from efakit.hook.spool import OUTBOX, is_second
from efakit.hook.trust import load_trusted
from efakit.node.record import record_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from efakit.hook.spool import Spool


def publish_waiting(spool: Spool, records_dir: str, mode: int) -> Iterator[str]:
    """Publish all waiting records and give the path of each.

    One that cannot be published stays, and does not hold up the others: the first failure is raised at the end, as
    OSError.
    """
    spool.prepare()
    failure: OSError | None = None
    for waiting, record in spool.waiting_records():
        try:
            path = publish_record(record, records_dir, mode)
            if spool.forget_record(waiting):
                spool.forget_used_baseline(record)
                yield path
        except OSError as error:
            # Where it does not wait any more, another run of the hook has published it in the meantime.
            if spool.is_waiting(waiting):
                failure = failure or error
            # Where the records folder itself is to blame, none of thousands needs to be tried.
            open_folder(records_dir).close()
        except (KeyError, TypeError) as error:
            failure = failure or OSError(
                "%s: no record: %s: %s" % (os.path.join(spool.path, OUTBOX, waiting), type(error).__name__, error)
            )
    spool.forget_ended(lambda baseline: _was_published_past_spool(baseline, records_dir))
    if failure:
        raise failure


def _was_published_past_spool(baseline: Mapping[str, Any], records_dir: str) -> bool:
    """Return whether the job's epilog could not use the spool in time, and so published without this baseline."""
    record = load_trusted(os.path.join(records_dir, *record_path(baseline["job"])), LARGE_BYTES) or {}
    ended_at: Any = record.get("ended_at")
    # A prolog that fails publishes its own snapshot, and a requeued job may get the same name: neither is later.
    if record.get("baseline") != "missing" or type(ended_at) not in (int, float):
        return False
    return bool(ended_at > baseline["snapshot"].get("taken_at", 0.0))


def publish_record(record: Mapping[str, Any], records_dir: str, mode: int) -> str:
    """Write one record into the shared folder and return its path; raise OSError (Untrusted) where that fails."""
    cluster, job, name = record_path(record)
    # Whoever may read a file needs to pass through its folder; nobody else ever writes there.
    folder_mode = 0o700 | mode & 0o044 | (mode & 0o044) >> 2
    # The records folder itself is never made here: where it is missing, its file system is probably not mounted.
    with open_folder(records_dir) as records, records.sub(cluster, folder_mode, on_the_way=True) as jobs:
        with jobs.sub(job, folder_mode) as folder:
            if not is_second(record, folder, name):
                folder.write(name, dumps_lines(record).encode(), mode, durable=True)
    return os.path.join(records_dir, cluster, job, name)
