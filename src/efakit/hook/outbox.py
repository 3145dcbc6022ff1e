"""Publishes what waits in the spool, within the time that a run of the hook has left."""

from __future__ import annotations

import os

from efakit.hook.publish import publish_waiting
from efakit.hook.run import PUBLISH_UNTIL, SYNC_UNTIL, failure
from efakit.hook.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from efakit.hook.run import Run

_PUBLISHED = {"published": True}
_MIB, _DAY_SECONDS = 1 << 20, 86400.0


def publish_all(run: Run, spool: Spool, newest: str | None = None) -> str | None:
    """Publish all records that wait; return why not all were, None where they were.

    What cannot be published is then kept within the spool's limits, but for the record of the id ``newest``: that of
    the job that ended just now, whose epilog's run is noted.
    """
    records_dir, mode = run.settings.records_dir, run.settings.records_mode_bits

    def publish() -> Iterator[Any]:
        if records_dir is not None:
            yield from publish_waiting(spool, records_dir, mode)
        yield _PUBLISHED
        _tidy(run, spool, newest)
        if newest is not None and records_dir is not None:
            spool.note_run("epilog", "ok", run.seconds())

    def keep() -> Iterator[Any]:
        if newest is not None:
            spool.prepare()
            spool.note_run("epilog", "unpublished", run.seconds())
        yield from spool.sync_newest()
        _tidy(run, spool, newest)

    # Never in this process: shared storage is known to hang.
    values = run.in_time(publish, PUBLISH_UNTIL)
    why = None if _PUBLISHED in values else failure(values)
    if why or records_dir is None:
        # It is this node's alone for now: what is published is on stable storage already.
        run.in_time(keep, SYNC_UNTIL)
    if records_dir is None:
        return "record kept in the spool: no records_dir is set"
    return "record kept in the spool, not published: %s" % why if why else None


def _tidy(run: Run, spool: Spool, newest: str | None) -> None:
    settings = run.settings
    try:
        spool.prepare()
        spool.tidy(settings.spool_limit_mib * _MIB, settings.spool_max_age_days * _DAY_SECONDS, newest)
    except OSError:
        pass  # a disk that is read-only, say: nothing grows there either


def flush(run: Run) -> str:
    """Publish the records that wait in the spool."""
    spool = Spool(run.settings.spool_dir, run.node)

    # Not in this process: a spool's disk may hang as well, and the health check, which slurmd waits for, flushes too.
    def look() -> Iterator[Any]:
        yield {"is_there": os.path.isdir(spool.path)}

    values = run.in_time(look, PUBLISH_UNTIL)
    if values[:1] == [{"is_there": False}]:
        return "flush: no spool here, so nothing waits"
    if values[:1] != [{"is_there": True}]:
        return "flush: the spool cannot be looked at: %s" % failure(values)
    return "flush: %s" % (publish_all(run, spool) or "nothing waits now")
