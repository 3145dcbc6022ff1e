"""Publishes what waits in the spool, within the time that a run of the hook has left."""

from __future__ import annotations

import os

from efakit.hook.publish import publish_waiting
from efakit.hook.run import PUBLISH_UNTIL, SYNC_UNTIL, failure
from efakit.hook.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from efakit.hook.run import Run


def publish_all(run: Run, spool: Spool) -> str | None:
    """Publish all records that wait; return why not all were, None where they were."""
    records_dir, mode = run.settings["records_dir"], int(run.settings["records_mode"], 8)
    if records_dir is None:
        run.in_time(spool.sync_newest, SYNC_UNTIL)
        return "record kept in the spool: no records_dir is set"
    why = failure(run.in_time(lambda: publish_waiting(spool, records_dir, mode), PUBLISH_UNTIL))
    if why:
        # It is this node's alone for now: what is published is on stable storage already.
        run.in_time(spool.sync_newest, SYNC_UNTIL)
    return "record kept in the spool, not published: %s" % why if why else None


def flush(run: Run) -> str:
    """Publish the records that wait in the spool."""
    # Not in this process: a spool's disk may hang as well, and the health check, which slurmd waits for, flushes too.
    is_there = run.in_time(lambda: iter([os.path.isdir(run.settings["spool_dir"])]), PUBLISH_UNTIL)
    if is_there == [False]:
        return "flush: no spool here, so nothing waits"
    if is_there != [True]:
        return "flush: the spool cannot be looked at: %s" % failure(is_there)
    spool = Spool(run.settings["spool_dir"], os.uname().nodename)
    return "flush: %s" % (publish_all(run, spool) or "nothing waits now")
