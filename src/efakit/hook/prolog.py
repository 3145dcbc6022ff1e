"""The prolog: checks the devices, takes the job's first snapshot, and fails only where it is told to."""

from __future__ import annotations

import os
import time

from efakit.hook.checks import check_devices, check_node
from efakit.hook.expectation import expected_devices
from efakit.hook.job import id_in_tasks, is_exclusive, job_from
from efakit.hook.json_text import dumps
from efakit.hook.moment import Moment
from efakit.hook.policy import (
    allowed_nodes,
    health_findings,
    left_alone,
    refusal_message,
    refused_for,
    told,
    unenforced,
)
from efakit.hook.refusal import confirmed, pause_seconds
from efakit.hook.run import BREAKER_UNTIL, LOOK_AGAIN_UNTIL, READ_UNTIL, SPOOL_UNTIL, WAIT_UNTIL, failure
from efakit.hook.spool import HEALTH_FILE, Spool
from efakit.hook.summary import summary
from efakit.hook.trust import load_trusted
from efakit.node.record import finding_records, new_record_id
from efakit.node.snapshot import assemble, pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from efakit.finding import Finding
    from efakit.hook.run import Run
    from efakit.node.record_type import JobFields
    from efakit.node.snapshot import Snapshot


# What a value that the first child gives is about.
_OF_NODE, _OF_HEALTH = "node", "health"


def prolog(run: Run) -> str:
    """Check the devices, take the snapshot as late as can be, and keep it as the job's baseline."""
    settings, job = run.settings, job_from(run.environment, run.node)
    snapshot, health = _read(run, job)
    expectation = _expect(run, job, snapshot["instance_type"])
    findings = _find(run, snapshot, expectation, health)

    refusal = None
    reasons = refused_for(settings, findings)
    apart = left_alone(settings, run.environment) if reasons else None
    if apart is not None:
        findings.append(unenforced("%s is the platform's own" % apart))
        reasons = []
    if reasons:
        first = "; ".join(item.message for item in reasons)
        second = _look_again(run, job)
        reasons = confirmed(reasons, snapshot, second, expectation)
        if not reasons:
            if second["complete"]:
                snapshot = second
                findings = _find(run, snapshot, expectation, health)
            findings.append(unenforced("a second look did not show this any more: %s" % first))
    if reasons:
        refusal = refusal_message(job, reasons)
        why_not = _why_not_fail(run, job, snapshot["boot_id"], refusal)
        if why_not:
            refusal = None
            findings.append(unenforced(why_not))
    baseline = {
        "job": job,
        "snapshot": snapshot,
        "findings": finding_records(findings),
        "prolog_failed": refusal,
        "record_id": new_record_id(),
        "installation_id": settings.installation_id,
        "exclusive": is_exclusive(run.environment),
        "doubts": [],
    }
    outcome = (
        failure(run.in_time(lambda: _keep(run, baseline, findings), SPOOL_UNTIL, in_process=True)) or "baseline kept"
    )
    if refusal:
        outcome = _publish_refusal(run, expectation, baseline, findings)
    run.refusal = refusal
    return summary("prolog", job, snapshot, expectation, outcome, findings)


def _find(run: Run, snapshot: Snapshot, expectation: dict[str, Any], health: Any) -> list[Finding]:
    findings = run.findings + check_devices(snapshot, expectation) + check_node(snapshot)
    known = [item.rule for item in findings]
    max_age = run.settings.health_max_age_seconds
    return findings + health_findings(health, snapshot["boot_id"], time.time(), max_age, known)


def _read(run: Run, job: JobFields) -> tuple[Snapshot, Any]:
    """Return the snapshot, and the result of the last health check where one could be read."""

    def work() -> Iterator[Any]:
        for piece in _look(run, job, run.left(WAIT_UNTIL)):
            yield _OF_NODE, piece
        yield _OF_HEALTH, load_trusted(os.path.join(run.settings.spool_dir, HEALTH_FILE))

    values = run.bounded(work, READ_UNTIL, in_process=True)
    health = [value for about, value in values if about == _OF_HEALTH]
    return assemble([value for about, value in values if about == _OF_NODE]), health[0] if health else None


def _look_again(run: Run, job: JobFields) -> Snapshot:
    time.sleep(pause_seconds(run.deadline_seconds))
    return assemble(run.bounded(lambda: _look(run, job, 0.0), LOOK_AGAIN_UNTIL))


def _look(run: Run, job: JobFields, wait_seconds: float) -> Iterator[dict[str, Any]]:
    settings = run.settings

    def expected(instance_type: str | None) -> int | None:
        count: int | None = _expect(run, job, instance_type)["devices_expected"]
        return count

    return pieces(settings.root, settings.tcp_interfaces, expected, wait_seconds)


def _expect(run: Run, job: JobFields, instance_type: str | None) -> dict[str, Any]:
    return expected_devices(run.settings, job["node"], instance_type, run.efa_interfaces)


def _why_not_fail(run: Run, job: JobFields, boot_id: str | None, refusal: str) -> str | None:
    """Return why the prolog may not fail, None where it may: whatever is in doubt speaks against it."""
    settings = run.settings
    if run.problems:
        return "its settings are in doubt"
    records_dir = settings.records_dir
    if records_dir is None:
        return "no records_dir is set, in which the nodes' failures are counted"

    def ask() -> Iterator[Any]:
        from efakit.hook.breaker import may_fail

        note = {"time_seconds": time.time(), "job": job, "message": refusal}
        place = records_dir, job["cluster"], job["node"], boot_id
        why = may_fail(*place, allowed_nodes(settings), dumps(note))
        yield {"allowed": True} if why is None else {"failed": why}

    answer = run.in_time(ask, BREAKER_UNTIL)
    if answer == [{"allowed": True}]:
        return None
    return failure(answer) or "the circuit breaker gave no answer"


def _keep(run: Run, baseline: dict[str, Any], findings: list[Finding]) -> Iterator[Any]:
    """Tell what is to be told, and keep the baseline in the spool, and the settings where an epilog finds them."""
    _tell(run, baseline["job"], findings, baseline["prolog_failed"])
    spool = Spool(run.settings.spool_dir, baseline["job"]["node"])
    spool.prepare()
    snapshot = baseline["snapshot"]
    now = Moment(run.settings, snapshot["boot_id"], snapshot["since_boot_seconds"], baseline["exclusive"])
    given_up = spool.baselines.keep(baseline, now)
    yield {}
    if run.config is not None and not run.problems:
        from efakit.hook.remembered import remember

        remember(run.config, run.settings.as_data())
    if given_up:
        spool.note_given_up(given_up)
    spool.note_run("prolog", "refused" if baseline["prolog_failed"] else "ok", run.seconds())


def _tell(run: Run, job: JobFields, all_findings: list[Finding], refusal: str | None) -> None:
    settings = run.settings
    findings = told(settings, all_findings)
    wanted = _wants_task_prolog(run.environment.get("SLURM_JOB_COMMENT"))
    if not findings and wanted and not os.path.isdir(settings.run_dir):
        return
    from efakit.hook.tell import keep_note, to_syslog

    try:
        place = settings.run_dir, id_in_tasks(job), job["node"]
        keep_note(*place, settings.mode, findings, task_prolog=wanted)
    except OSError:
        pass  # the record tells it all the same
    if findings:
        messages = [(str(item.severity), "job %d: %s" % (job["job_id"], item.message)) for item in findings]
        if refusal:
            messages.insert(0, ("error", refusal))
        try:
            to_syslog(settings.root, messages)
        except OSError:
            pass


def _wants_task_prolog(comment: str | None) -> bool:
    if "efakit" not in (comment or "").lower():
        return True
    from efakit.hook.task_prolog import wants_task_prolog

    return wants_task_prolog(comment)


def _publish_refusal(run: Run, expectation: dict[str, Any], baseline: dict[str, Any], findings: list[Finding]) -> str:
    """Publish a record at once: the node is drained, and may be gone before any epilog runs on it."""
    from efakit.hook.outbox import publish_all
    from efakit.node.record import make_record

    record = make_record(
        baseline["job"],
        expectation,
        None,
        baseline["snapshot"],
        mode=run.settings.mode,
        findings=findings,
        prolog_failed=baseline["prolog_failed"],
        installation_id=baseline["installation_id"],
        record_id=baseline["record_id"],
    )
    spool = Spool(run.settings.spool_dir, baseline["job"]["node"])

    def keep() -> Iterator[Any]:
        spool.prepare()
        spool.waiting.keep(record)
        yield {}

    return failure(run.in_time(keep, SPOOL_UNTIL, in_process=True)) or publish_all(run, spool) or "record published"
