"""The report in which ``efakit submit --wait`` ends: of a job, or of each task of an array."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from efakit.cli.records_dir import installed_records_dir
from efakit.cli.report import Beside, InScript, fails, job_report
from efakit.cli.report_causes import read_logs, script_findings
from efakit.cli.submit_screen import Screen
from efakit.cli.submit_task import Task
from efakit.errors import RecordError, UsageError
from efakit.report.job import as_data
from efakit.report.text import print_report
from efakit.slurm.commands import first_node
from efakit.slurm.job import SlurmAnswer, SlurmJob
from efakit.slurm.outputs import output_file
from efakit.submit.wait import Ended, how_it_ended

if TYPE_CHECKING:
    from efakit.diagnose.judge import Diagnosis
    from efakit.finding import Finding
    from efakit.jobs.fields import Record

_MOST_TASKS = 20
_IN_ORDER = ("efa", "single-node", "shared")


def report_jobs(
    job_id: int, ended: Ended, task: Task, screen: Screen, records: Path | None, failing: frozenset[str]
) -> int:
    """Print the report of a job, or of each task of an array; return the exit code."""
    code = 0 if ended.succeeded else 1
    is_array = any(job.array for job in ended.jobs)
    reports: dict[int, dict[str, Any]] = {}
    # Any component of a heterogeneous job has the report of the whole. Of an array those that went wrong come first.
    for number, job in enumerate(sorted(ended.jobs, key=_went_well) if is_array else ended.jobs[:1]):
        shown = f"{job.array[0]}_{job.array[1]}" if job.array else str(job_id)
        if is_array and number < _MOST_TASKS:
            screen.tell("")
            screen.tell(f"Task {shown} ({how_it_ended(job)})")
        try:
            folder = records or installed_records_dir()
            beside = Beside(said=_said(job, task, screen), in_script=_in_script(job, task))
            found = job_report(SlurmAnswer(job, ()), job.job_id, folder, beside=beside)
        except (RecordError, UsageError) as error:
            # A job that never started has none, and so has a cluster without hooks.
            reports[job.job_id] = {"job_id": job.job_id, "verdict": None, "error": str(error)}
            if number >= _MOST_TASKS:
                continue
            screen.tell(f"Job {shown}: {how_it_ended(job)}")
            if job.output_file:
                screen.tell(f"  output {job.output_file}")
            screen.tell(f"  no report: {error}")
            if job.output_file and not ended.succeeded and Path(job.output_file).exists():
                screen.tell(f"  what its output says: efakit diagnose {quote(job.output_file)}")
            continue
        reports[job.job_id] = as_data(found)
        if fails(found, failing):
            code = 1
        if number < _MOST_TASKS and screen.for_people:
            print_report(found, sys.stdout)
    if is_array:
        screen.data["reports"] = [reports[job.job_id] for job in ended.jobs]
        _tell_of_array(job_id, ended, screen)
    else:
        (screen.data["report"],) = reports.values()
    return code


def _tell_of_array(job_id: int, ended: Ended, screen: Screen) -> None:
    if len(ended.jobs) > _MOST_TASKS:
        screen.tell(f"and {len(ended.jobs) - _MOST_TASKS} more tasks: efakit report {job_id}_TASK")
    failed = [str(job.array[1]) for job in ended.jobs if job.array and not _went_well(job)]
    if failed:
        more = f" and {len(failed) - _MOST_TASKS} more" if len(failed) > _MOST_TASKS else ""
        names = ", ".join(failed[:_MOST_TASKS]) + more
        screen.tell("")
        screen.tell(f"{len(failed)} of {len(ended.jobs)} tasks did not complete: {names}")


def _went_well(job: SlurmJob) -> bool:
    return job.state == "COMPLETED"


def _said(job: SlurmJob, task: Task, screen: Screen) -> Diagnosis | None:
    """Return what the job's logs say, as far as they can be read here; None where none can."""
    logs = []
    for path in _logs_of(job, task):
        # A pipe or a device would be waited for; a log that was never written says nothing.
        if not path.is_file():
            continue
        try:
            with path.open("rb"):
                logs.append(path)
        except OSError as error:
            screen.say(f"{path}: cannot be read: {error.strerror}; the report goes without it")
    try:
        return read_logs(logs)
    except UsageError as error:
        screen.say(f"{error}; the report goes without it")
        return None


def _logs_of(job: SlurmJob, task: Task) -> list[Path]:
    """Return the files of a job's output and errors."""
    errors = output_file(
        task.request.get("error"),
        job_id=job.job_id,
        array=job.array,
        name=job.name,
        user=job.user,
        first_node=first_node(job.node_list),
        work_dir=job.work_dir,
    )
    return [Path(name) for name in dict.fromkeys((job.output_file, errors)) if name]


def _in_script(job: SlurmJob, task: Task) -> InScript:
    def findings(verdict: str, records: Mapping[str, Record]) -> Sequence[Finding]:
        if job.state == "COMPLETED" and verdict in _IN_ORDER:
            return []  # they were told before the job
        # What the nodes are, their records tell better than a script alone.
        return task.lint if task.of_spec else script_findings(task.shown, records, task.text, task.given)

    return findings
