"""``efakit report``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import click

from efakit.cli.command import Command
from efakit.errors import RecordError, UsageError
from efakit.jobs.json_file import Unusable, read_json
from efakit.jobs.records import JobRun, expand, find_runs
from efakit.jobs.verdict import VERDICTS, judge
from efakit.lint.script.model import Word
from efakit.lint.script.options import SBATCH, slurm_options
from efakit.lint.script.text import Span
from efakit.printable import printable
from efakit.report.job import JobReport, SlurmFacts, as_data
from efakit.report.text import print_report
from efakit.slurm.job import SlurmAnswer, SlurmJob
from efakit.slurm.lookup import find_job

# Where the installer puts the hook's settings, which name the records folder.
_HOOK_SETTINGS = "efakit/hook.json"
_SLURM_ETC = "/opt/slurm/etc"
_RUNNING = ("RUNNING", "COMPLETING")
_MOST_SECONDS_BETWEEN_CLOCKS = 300
_MOST_NAMES = 20
# Of each question to one of Slurm's daemons: the records say most of it too.
TIMEOUT_SECONDS = 4.0


@click.command(
    short_help="Report whether a job's traffic used EFA.",
    cls=Command,
    exit_1="--fail-on lists the verdict.",
    fine="The report was printed.",
)
@click.argument("job_id", metavar="JOBID")
@click.option(
    "--records",
    type=click.Path(path_type=Path),
    envvar="EFAKIT_RECORDS",
    show_envvar=True,
    help="Folder with the records.  [default: that of the installed hooks]",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--cluster", help="The cluster, if the folder has records of several.")
@click.option(
    "--run",
    "run_name",
    help="One run: its name (r0, r1 after a requeue), its SLUID, or t and its start time in seconds.  "
    "[default: the newest]",
)
@click.option(
    "--fail-on",
    metavar="VERDICT[,VERDICT...]",
    help=f"Exit with 1 on these verdicts: {', '.join(VERDICTS)}.",
)
@click.option("--verbose", is_flag=True, help="Say on stderr who was asked about the job, and how that went.")
def report(
    job_id: str,
    records: Path | None,
    form: str,
    cluster: str | None,
    run_name: str | None,
    fail_on: str | None,
    verbose: bool,
) -> None:
    """Report whether the traffic of job JOBID used EFA, on which nodes and devices.

    JOBID is a job's number, or 123_4 for an array task that Slurm still knows; for a heterogeneous job, the number
    of any component. The verdict is the first of these that is true: incomplete (a node has no record, no
    baseline, or was reset, or the records may be of different runs), shared, single-node; then by traffic
    no-traffic, tcp-fallback, mixed or efa. Name, state, user, account, exit code, script and output file
    come from Slurm, if it answers; else what the records have of them.

    The report lists unusable files and uses the others. Without a usable record the command fails.
    """
    failing = failing_verdicts(fail_on)
    answer = find_job(job_id, timeout_seconds=TIMEOUT_SECONDS)
    if verbose:
        click.echo(f"efakit: {asked_of(answer)}", err=True)
    number = answer.job.job_id if answer.job else _number(job_id)
    found = job_report(answer, number, records or installed_records_dir(), cluster, run_name)
    if form == "json":
        click.echo(json.dumps(as_data(found), indent=2))
    else:
        print_report(found, sys.stdout)
    if found.verdict.verdict in failing:
        raise click.exceptions.Exit(1)


def job_report(
    answer: SlurmAnswer, number: int, folder: Path, cluster: str | None = None, run_name: str | None = None
) -> JobReport:
    """Return the report of a job, from its records in ``folder`` and what Slurm says of it.

    Raises:
        RecordError: there is no usable record of it.
        UsageError: it is not clear which job or run is meant.
    """
    run, others = _choose(find_runs(folder, number), number, folder, cluster, run_name, answer)
    return JobReport(run, judge(run.node_names, run.records, run.damaged, run.doubts), _facts(answer, run), others)


def asked_of(answer: SlurmAnswer) -> str:
    """Return in one line who was asked about a job, and how that went."""
    if not answer.attempts:
        return answer.reason
    told = [f"{item.source} ({item.daemon}): {item.detail or item.outcome}" for item in answer.attempts]
    return f"asked Slurm by {'; '.join(told)}"


def failing_verdicts(text: str | None) -> frozenset[str]:
    """Return the verdicts that ``--fail-on`` lists; raise UsageError for a word that is none."""
    chosen = frozenset(word.strip() for word in (text or "").split(",") if word.strip())
    unknown = sorted(chosen - set(VERDICTS))
    if unknown:
        raise UsageError(f"--fail-on: {unknown[0]!r} is not a verdict (verdicts: {', '.join(VERDICTS)})")
    return chosen


def _number(job_id: str) -> int:
    if "_" in job_id:
        raise UsageError(f"Slurm does not know the array task {job_id} (any more): give the task's own job id")
    return int(job_id)


def installed_records_dir() -> Path:
    """Return the records folder that the installed hook's settings name."""
    conf = os.environ.get("SLURM_CONF")
    candidates = [Path(conf).parent] if conf else []
    for etc in (*candidates, Path(_SLURM_ETC)):
        path = etc / _HOOK_SETTINGS
        try:
            settings = read_json(path, follow_links=True)
        except Unusable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                continue
            raise RecordError(f"{path}: {error}; give the records' folder with --records") from error
        if not isinstance(settings, dict) or "records_dir" not in settings:
            raise RecordError(f"{path}: has no records_dir; give the records' folder with --records")
        folder = settings["records_dir"]
        if isinstance(folder, str) and "\0" not in folder:
            return Path(folder)
    raise RecordError(
        f"no hook is installed here ({_SLURM_ETC}/{_HOOK_SETTINGS}): give the records' folder with --records"
    )


def _choose(
    runs: list[JobRun], number: int, folder: Path, cluster: str | None, run_name: str | None, answer: SlurmAnswer
) -> tuple[JobRun, tuple[str, ...]]:
    """Return the run to report, and the names of the others, newest first."""
    clusters = sorted({run.cluster for run in runs})
    if cluster is None and len(clusters) > 1:
        raise UsageError(f"clusters {_some(clusters)} each have a job {number}: choose one with --cluster")
    own = [run for run in reversed(runs) if cluster in (None, run.cluster)]
    chosen: JobRun | None
    if run_name is not None:
        chosen = _called(own, run_name, number) if own else None
    elif cluster is not None and runs:
        chosen = own[0] if own else None  # Slurm answers for the cluster at hand, which may be another
    else:
        chosen = _newest(own, number, cluster, answer)
    if chosen is None:
        raise RecordError(f"{folder}: no record of job {number}{_why_none(runs, cluster, answer)}")
    return chosen, tuple(run.run for run in own if run is not chosen)


def _called(own: list[JobRun], run_name: str, number: int) -> JobRun:
    found = [run for run in own if run.run == run_name] or [run for run in own if run.is_called(run_name)]
    if len(found) == 1:
        return found[0]
    what = "several runs" if found else "no run"
    raise UsageError(f"--run: job {number} has {what} {run_name!r} (runs: {_some([run.run for run in own])})")


def _newest(own: list[JobRun], number: int, cluster: str | None, answer: SlurmAnswer) -> JobRun | None:
    """Return the newest run that can be the one which Slurm knows, else one without records: that is a finding too."""
    job = answer.job
    fitting = [run for run in own if job is None or why_another_job(job, run) is None]
    same_restart = [run for run in fitting if job and job.restart_count in _restart_counts(run)]
    if fitting:
        return (same_restart or fitting)[0]
    nodes = _nodes(job) if job else ()
    if not nodes or job is None:
        return own[0] if own else None
    notes = (f"no record of the job that Slurm shows: {why_another_job(job, own[0])}",) if own else ()
    name = own[0].cluster if own else cluster or ""
    faults = own[0].faults if own else ()
    return JobRun(name, number, "", {}, nodes, 0.0, notes=notes, faults=faults)


def why_another_job(job: SlurmJob, run: JobRun) -> str | None:
    """Return why a run is not of the job that Slurm knows by this id, None where it may be: ids begin anew."""
    if job.restart_count and all(count < job.restart_count for count in _restart_counts(run)):
        return None  # an earlier run of the job, which may have been on other nodes
    nodes = _nodes(job)
    if nodes and run.node_names and set(nodes).isdisjoint(run.node_names):
        return f"run {run.run} was on other nodes ({_some(run.node_names)})"
    if job.state in _RUNNING and job.elapsed_seconds is not None and run.records:
        started_at = time.time() - job.elapsed_seconds
        if run.ended_at < started_at - _MOST_SECONDS_BETWEEN_CLOCKS:
            return f"run {run.run} ended before this job began"
    return None


def _restart_counts(run: JobRun) -> set[int]:
    return {record["restart_count"] or 0 for record in run.records.values()}


def _nodes(job: SlurmJob) -> tuple[str, ...]:
    try:
        return expand(job.node_list) if job.node_list else ()
    except RecordError:
        return ()


def _some(names: Sequence[str]) -> str:
    shown = [printable(name, 100) for name in names[:_MOST_NAMES]]
    return ", ".join(shown) + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")


def _why_none(runs: list[JobRun], cluster: str | None, answer: SlurmAnswer) -> str:
    if runs:
        return f" of cluster {cluster!r} (clusters: {_some(sorted({run.cluster for run in runs}))})"
    if answer.job:
        return f"; Slurm says it is {answer.job.state.lower()}, and records appear when the job ends"
    return f" ({answer.reason})" if answer.reason else ""


def _facts(answer: SlurmAnswer, run: JobRun) -> SlurmFacts:
    job, own = answer.job, _of_records(run)
    if job is None:
        return replace(own, note=f"name and state unknown: {answer.reason}" if answer.reason else None)
    other = why_another_job(job, run)
    if other is not None:
        return replace(own, note=f"Slurm knows another job of this id ({job.state.lower()}): {other}")
    counts = _restart_counts(run)
    if job.restart_count is not None and counts and job.restart_count not in counts:
        # Slurm answers for the job's latest run.
        note = f"Slurm knows the job's restart {job.restart_count} ({job.state.lower()}), not this run"
        return replace(own, name=job.name, account=job.account, script=_script(job), note=note)
    return SlurmFacts(
        name=job.name,
        state=job.state,
        elapsed_seconds=job.elapsed_seconds,
        node_list=job.node_list,
        user=job.user or own.user,
        account=job.account,
        partition=job.partition or own.partition,
        exit_code=job.exit_code or own.exit_code,
        reason=job.reason,
        node_count=job.node_count or own.node_count,
        script=_script(job),
        output_file=job.output_file,
        source=job.source,
    )


def _of_records(run: JobRun) -> SlurmFacts:
    """Return what the records themselves have of the job: Slurm told it to the hooks."""
    records = sorted(run.records.values(), key=lambda record: float(record.get("ended_at") or 0), reverse=True)

    def told(name: str) -> Any:
        return next((record[name] for record in records if record.get(name) is not None), None)

    return SlurmFacts(
        node_list=told("node_list"),
        user=told("user"),
        partition=told("partition"),
        exit_code=told("exit_code"),
        node_count=told("node_count"),
        source="records" if records else None,
    )


def _script(job: SlurmJob) -> str | None:
    """Return the batch script's path: as slurmctld has it, else out of the command line that slurmdbd keeps."""
    if job.script or not job.submit_line:
        return job.script
    program, *words = job.submit_line.split()
    if PurePosixPath(program).name != "sbatch":
        return None
    _, taken = slurm_options([Word(Span(0, 0), (word,)) for word in words], SBATCH)
    rest = words[taken:]
    return str(PurePosixPath(job.work_dir or "", rest[0])) if rest else None
