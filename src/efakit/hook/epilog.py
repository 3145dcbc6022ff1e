"""The epilog: takes the job's second snapshot, and leaves the node's record of the job."""

from __future__ import annotations

from efakit.finding import Finding
from efakit.hook.checks import check_devices, check_growth, check_known
from efakit.hook.expectation import expected_devices
from efakit.hook.job import id_in_tasks, is_exclusive, job_from
from efakit.hook.moment import Moment
from efakit.hook.outbox import publish_all
from efakit.hook.publish import cast_doubt, publish_record
from efakit.hook.run import PUBLISH_UNTIL, READ_UNTIL, SPOOL_UNTIL, failure
from efakit.hook.spool import Spool
from efakit.hook.summary import summary
from efakit.node.record import make_record, with_findings
from efakit.node.snapshot import assemble, pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from efakit.hook.baselines import Found
    from efakit.hook.run import Run
    from efakit.node.record_type import JobFields, Record
    from efakit.node.snapshot import Snapshot

_RAN_AGAIN = (
    "an epilog ran again, or another job of this id, of which the prolog left nothing; Slurm before 23.02 does not say"
)


def epilog(run: Run) -> str:
    """Take the second snapshot at once, write the node's record to the spool and publish what waits there."""
    settings = run.settings
    values = run.bounded(lambda: pieces(settings.root, settings.tcp_interfaces), READ_UNTIL, in_process=True)
    snapshot = assemble(values)
    job = job_from(run.environment, run.node, at_end=True)
    expectation = expected_devices(settings, job["node"], snapshot["instance_type"], run.efa_interfaces)
    spool = Spool(settings.spool_dir, job["node"])

    def keep() -> Iterator[Any]:
        _forget_note(settings.run_dir, id_in_tasks(job))
        spool.prepare()
        now = Moment(settings, snapshot["boot_id"], snapshot["since_boot_seconds"], is_exclusive(run.environment))
        found = spool.baselines.find(job)
        ended = spool.ended(job, now) if found.baseline is None else None
        if ended is not None:
            yield {"second": ended.record if ended.in_doubt else None}
            return
        others = spool.baselines.find_others(found, job, now)
        lost, given_up = spool.lost(), others.given_up + spool.given_up()
        notes = _of_spool(found, given_up, lost)
        record = _compose(run, job, expectation, found, others.shared_with, snapshot, notes)
        noted = False
        try:
            _keep_or_publish(run, spool, job, record)
            # Before the baseline goes: of two epilogs of one run at once, the second finds the one or the other.
            noted = _is_noted(spool, job, record, now)
        finally:
            # A baseline that stayed would share this node with every job to come.
            _forget_job(spool, job)
        yield {"kept": record["record_id"]}
        if not noted:
            spool.note_ended(job, record, now)
        if lost or given_up:
            spool.forget_told()

    values = run.in_time(keep, SPOOL_UNTIL, in_process=True)
    second = values[-1] if values and "second" in values[-1] else None
    if second is not None:
        trouble: str | None = _doubted(run, spool, second["second"]) or publish_all(run, spool)
        trouble = trouble or "an epilog has left this run's record already"
    elif values and "kept" in values[0]:
        trouble = publish_all(run, spool, values[0]["kept"])
    else:
        trouble = failure(values)
        if settings.records_dir is not None:
            trouble = _publish_past_spool(run, settings.records_dir, job, expectation, snapshot, trouble)
    return summary("epilog", job, snapshot, expectation, trouble or "record published", run.findings)


def _doubted(run: Run, spool: Spool, place: dict[str, Any] | None) -> str | None:
    """Let the record that an epilog has left say its doubt; return why it could not, None where all is well."""
    if place is None:
        return None
    records_dir, mode = run.settings.records_dir, run.settings.records_mode_bits

    def doubt() -> Iterator[Any]:
        spool.prepare()
        cast_doubt(spool, records_dir, mode, place, _RAN_AGAIN)
        yield {}

    return failure(run.in_time(doubt, PUBLISH_UNTIL))


def _keep_or_publish(run: Run, spool: Spool, job: JobFields, record: Record) -> None:
    try:
        spool.waiting.keep(record)
    except OSError:
        # Such as a disk that the job has filled: the shared folder may still take it.
        if not _published(run, record):
            _forget_job(spool, job)  # which makes room
            spool.waiting.keep(record)


def _is_noted(spool: Spool, job: JobFields, record: Record, now: Moment) -> bool:
    try:
        spool.note_ended(job, record, now)
    except OSError:
        return False  # on a full disk, say, on which the baseline makes room as it goes
    return True


def _forget_job(spool: Spool, job: JobFields) -> None:
    try:
        spool.baselines.forget_job(job["job_id"])
    except OSError:
        pass  # the record is worth more


def _published(run: Run, record: Record) -> bool:
    records_dir = run.settings.records_dir
    try:
        if records_dir is not None:
            publish_record(record, records_dir, run.settings.records_mode_bits)
            return True
    except OSError:
        pass
    return False


def _publish_past_spool(
    run: Run,
    records_dir: str,
    job: JobFields,
    expectation: Mapping[str, Any],
    snapshot: Snapshot,
    trouble: str | None,
) -> str:
    """Publish what is known without the spool, which is no use: no differences, but the devices and what is wrong."""
    record = _without_baseline(run, job, expectation, snapshot, [Finding("spool-unusable", "error", str(trouble))])

    def publish() -> Iterator[Any]:
        publish_record(record, records_dir, run.settings.records_mode_bits)
        yield {}

    why = failure(run.in_time(publish, PUBLISH_UNTIL))
    return "%s; %s" % (trouble, why or "record published without its baseline")


def _compose(
    run: Run,
    job: JobFields,
    expectation: Mapping[str, Any],
    found: Found,
    shared_with: list[int],
    snapshot: Snapshot,
    notes: list[Finding],
) -> Record:
    """Return the record; a baseline that another version wrote otherwise counts for none."""
    if found.baseline is not None:
        try:
            return _with_baseline(run, job, expectation, found.baseline, found.doubts, shared_with, snapshot, notes)
        except (AttributeError, KeyError, TypeError, ValueError):
            text = "the baseline cannot be read by this version of the hook"
            notes = [*notes, Finding("baseline-unreadable", "warning", text)]
    return _without_baseline(run, job, expectation, snapshot, notes, shared_with)


def _with_baseline(
    run: Run,
    job: JobFields,
    expectation: Mapping[str, Any],
    baseline: Mapping[str, Any],
    doubts: list[str],
    shared_with: list[int],
    snapshot: Snapshot,
    notes: list[Finding],
) -> Record:
    kept = baseline.get("record_id")
    if kept is not None and not isinstance(kept, str):
        raise TypeError("a record's id is text, and not %r" % kept)
    record = make_record(
        _as_prolog_knew(job, baseline["job"]),
        expectation,
        baseline["snapshot"],
        snapshot,
        mode=run.settings.mode,
        shared_with=shared_with,
        doubts=doubts,
        prolog_failed=baseline.get("prolog_failed"),
        installation_id=baseline.get("installation_id") or run.settings.installation_id,
        record_id=kept,
    )
    early = [Finding(item["rule"], item["severity"], item["message"]) for item in baseline["findings"]]
    late = run.findings + check_devices(snapshot, expectation) + notes + check_known(record)
    late += [] if record["resets"] else check_growth(baseline["snapshot"], snapshot)
    return with_findings(record, early + [item for item in late if item not in early])


def _without_baseline(
    run: Run,
    job: JobFields,
    expectation: Mapping[str, Any],
    snapshot: Snapshot,
    notes: list[Finding],
    shared_with: list[int] | None = None,
) -> Record:
    missing = Finding("baseline-missing", "warning", "the prolog left no baseline of this run")
    return make_record(
        job,
        expectation,
        None,
        snapshot,
        mode=run.settings.mode,
        shared_with=shared_with or (),
        findings=[*run.findings, *check_devices(snapshot, expectation), *notes, missing],
        installation_id=run.settings.installation_id,
    )


def _of_spool(found: Found, given_up: list[str], lost: Mapping[str, int]) -> list[Finding]:
    """Return the findings about what the spool held beside this job's baseline."""
    notes = [Finding("run-in-doubt", "warning", text) for text in found.doubts]
    notes += [
        Finding("baseline-foreign", "warning", "a baseline of this job id is of another run: %s" % text)
        for text in found.foreign
    ]
    notes += [Finding("baseline-given-up", "info", text) for text in given_up]
    if lost.get("damaged"):
        text = "%d files in the spool could not be read and were set aside" % lost["damaged"]
        notes.append(Finding("spool-damaged", "warning", text))
    if lost.get("dropped"):
        text = "%d records that waited on this node were dropped: the spool reached its limit" % lost["dropped"]
        notes.append(Finding("spool-dropped", "warning", text))
    return notes


def _as_prolog_knew(job: JobFields, before: Mapping[str, Any]) -> JobFields:
    """Return the job with what only the prolog was told: Slurm tells the two different things.

    Which run it is, and which nodes it began on, the prolog knows better (see ``hook.same_run``).
    """
    known = {name: value for name, value in job.items() if value is not None}
    run = {name: before.get(name, job[name]) for name in _PROLOG_KNOWS}  # type: ignore[literal-required]
    # What an older hook's baseline does not have, the job has.
    return {**job, **before, **known, **run}  # type: ignore[typeddict-item]


_PROLOG_KNOWS = ("restart_count", "sluid", "started_at", "node_list", "node_count")


def _forget_note(run_dir: str, job_id: int) -> None:
    from efakit.hook.tell import forget_note

    try:
        forget_note(run_dir, job_id)
    except OSError:
        pass  # it names its job, so none but this one heeds it
