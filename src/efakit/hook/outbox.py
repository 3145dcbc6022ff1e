"""Publishes what waits in the spool, within the time that a run of the hook has left."""

from __future__ import annotations

import os

from efakit.hook.job import node_name
from efakit.hook.publish import publish_waiting
from efakit.hook.run import PUBLISH_UNTIL, SYNC_UNTIL, failure
from efakit.hook.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from efakit.hook.run import Run

_MIB, _DAY_SECONDS = 1 << 20, 86400.0


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


def tidy(run: Run, spool: Spool) -> None:
    """Keep the spool within its limits; raise OSError."""
    settings = run.settings
    spool.tidy(settings["spool_limit_mib"] * _MIB, settings["spool_max_age_days"] * _DAY_SECONDS)


def flush(run: Run) -> str:
    """Publish the records that wait in the spool."""
    spool = Spool(run.settings["spool_dir"], node_name(run.environment))

    # Not in this process: a spool's disk may hang as well, and the health check, which slurmd waits for, flushes too.
    def look() -> Iterator[Any]:
        is_there = os.path.isdir(spool.path)
        yield {"is_there": is_there}
        if is_there:
            spool.prepare()
            tidy(run, spool)

    values = run.in_time(look, PUBLISH_UNTIL)
    if values[:1] == [{"is_there": False}]:
        return "flush: no spool here, so nothing waits"
    if values[:1] != [{"is_there": True}]:
        return "flush: the spool cannot be looked at: %s" % failure(values)
    return "flush: %s" % (publish_all(run, spool) or "nothing waits now")
