"""The epilog: takes the job's second snapshot, and leaves the node's record of the job."""

from __future__ import annotations

import os

from efakit.hook.checks import check_devices, check_growth, finding
from efakit.hook.expectation import expected_devices
from efakit.hook.job import as_its_tasks_know_it, job_from
from efakit.hook.outbox import publish_all
from efakit.hook.publish import publish_record
from efakit.hook.run import PUBLISH_UNTIL, READ_UNTIL, SPOOL_UNTIL, failure
from efakit.hook.spool import Spool
from efakit.hook.summary import summary
from efakit.node.record import make_record
from efakit.node.snapshot import assemble, pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from efakit.hook.run import Run
    from efakit.node.snapshot import Snapshot


def epilog(run: Run) -> str:
    """Take the second snapshot at once, write the node's record to the spool and publish what waits there."""
    settings = run.settings
    values = run.bounded(lambda: pieces(settings["root"], settings["tcp_interfaces"]), READ_UNTIL, in_process=True)
    snapshot = assemble(values)
    job = job_from(run.environment)
    expectation = expected_devices(settings, job["node"], snapshot["instance_type"], settings["efa_interfaces"])
    spool = Spool(settings["spool_dir"], job["node"])

    def keep() -> Iterator[Any]:
        _forget_note(settings["run_dir"], as_its_tasks_know_it(job, run.environment))
        spool.prepare()
        baseline, shared_with = spool.find_baseline(job)
        record = _compose(run, job, expectation, baseline, snapshot)
        record["shared_with"] = shared_with
        try:
            spool.keep_record(record)
        except OSError:
            # Such as a disk that the job has filled: the shared folder may still take it.
            if not _published(run, record):
                _forget(spool, baseline)  # which makes room
                spool.keep_record(record)
        finally:
            # A baseline that stayed would share this node with every job to come.
            _forget(spool, baseline)
        yield {}

    trouble = failure(run.in_time(keep, SPOOL_UNTIL, in_process=True))
    if trouble is None:
        trouble = publish_all(run, spool)
    elif settings["records_dir"] is not None:
        trouble = _publish_past_spool(run, job, expectation, snapshot, trouble)
    return summary("epilog", job, snapshot, expectation, trouble or "record published", run.findings)


def _forget(spool: Spool, baseline: dict[str, Any] | None) -> None:
    try:
        if baseline is not None:
            spool.forget_baseline(baseline["job"])
    except OSError:
        pass  # the record is worth more


def _published(run: Run, record: dict[str, Any]) -> bool:
    records_dir = run.settings["records_dir"]
    try:
        if records_dir is not None:
            publish_record(record, records_dir, int(run.settings["records_mode"], 8))
            return True
    except OSError:
        pass
    return False


def _publish_past_spool(
    run: Run, job: dict[str, Any], expectation: dict[str, Any], snapshot: Snapshot, trouble: str
) -> str:
    """Publish what is known without the spool, which is no use: no differences, but the devices and what is wrong."""
    record = _compose(run, job, expectation, None, snapshot)
    record["shared_with"] = []
    record["findings"].append(finding("spool-unusable", "error", trouble))

    def publish() -> Iterator[Any]:
        publish_record(record, run.settings["records_dir"], int(run.settings["records_mode"], 8))
        yield {}

    why = failure(run.in_time(publish, PUBLISH_UNTIL))
    return "%s; %s" % (trouble, why or "record published without its baseline")


def _compose(
    run: Run, job: dict[str, Any], expectation: dict[str, Any], baseline: dict[str, Any] | None, snapshot: Snapshot
) -> dict[str, Any]:
    """Return the record; a baseline that another version wrote otherwise counts for none."""
    late = run.findings + check_devices(snapshot, expectation)
    if baseline is not None:
        try:
            record = make_record(_with_baseline(job, baseline), expectation, baseline["snapshot"], snapshot)
            early = list(baseline["findings"])
            grown = [] if record["resets"] else check_growth(baseline["snapshot"], snapshot)
            findings = early + [item for item in late + grown if item not in early]
            record.update(mode=run.settings["mode"], findings=findings, prolog_failed=baseline.get("prolog_failed"))
            return record
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
    record = make_record(job, expectation, None, snapshot)
    record.update(mode=run.settings["mode"], findings=late, prolog_failed=None)
    return record


def _with_baseline(job: dict[str, Any], baseline: dict[str, Any]) -> dict[str, Any]:
    """Return the job with what only the prolog was told: Slurm tells the two different things.

    Which run it is, the prolog knows better (see ``Spool.find_baseline``).
    """
    known = {name: value for name, value in job.items() if value is not None}
    run = {name: baseline["job"][name] for name in ("restart_count", "sluid")}
    return {**baseline["job"], **known, **run}


def _forget_note(run_dir: str, job: dict[str, Any]) -> None:
    if not os.path.isdir(run_dir):
        return
    from efakit.hook.tell import forget_note

    try:
        forget_note(run_dir, job)
    except OSError:
        pass  # it names its job, so none but this one heeds it
