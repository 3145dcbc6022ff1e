"""``efakit report``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from efakit.errors import RecordError, UsageError
from efakit.jobs.records import JobRun, expand, find_runs
from efakit.jobs.verdict import VERDICTS, judge
from efakit.report.job import JobReport, SlurmFacts, as_data
from efakit.report.text import print_report
from efakit.slurm.job import SlurmAnswer
from efakit.slurm.lookup import find_job

# Where the installer puts the hook's settings, which name the records folder.
_HOOK_SETTINGS = "efakit/hook.json"
_SLURM_ETC = "/opt/slurm/etc"


@click.command(short_help="Say whether a job's bytes travelled over EFA.")
@click.argument("job_id", metavar="JOBID")
@click.option(
    "--records",
    type=click.Path(path_type=Path),
    envvar="EFAKIT_RECORDS",
    show_envvar=True,
    help="Folder with the records.  [default: the one of the installed hooks]",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--cluster", help="The cluster, where records of several lie in the folder.")
@click.option("--run", "run_name", help="One run of a requeued job: r0, r1, ... or its SLUID.  [default: the newest]")
@click.option(
    "--fail-on",
    metavar="VERDICT[,VERDICT...]",
    help=f"Exit with 1 on these verdicts: {', '.join(VERDICTS)}.",
)
def report(
    job_id: str, records: Path | None, form: str, cluster: str | None, run_name: str | None, fail_on: str | None
) -> None:
    """Say whether the bytes of job JOBID travelled over EFA, on which node and device.

    JOBID is a job's number, or 123_4 for an array's task where Slurm still knows it. The verdict is the first that
    holds: incomplete (a node has no record, no baseline, or was reset), shared, single-node; then by traffic
    no-traffic, tcp-fallback, mixed or efa. Name, state and elapsed time come from Slurm where it can be asked.
    """
    failing = _verdicts(fail_on)
    answer = find_job(job_id)
    number = answer.job.job_id if answer.job else _number(job_id)
    folder = records or _installed_records_dir()
    run, others = _choose(find_runs(folder, number), number, folder, cluster, run_name, answer)
    found = JobReport(run, judge(run.node_names, run.records, run.damaged), _facts(answer, run), others)
    if form == "json":
        click.echo(json.dumps(as_data(found), indent=2))
    else:
        print_report(found, sys.stdout)
    if found.verdict.verdict in failing:
        raise click.exceptions.Exit(1)


def _verdicts(text: str | None) -> frozenset[str]:
    chosen = frozenset(word.strip() for word in (text or "").split(",") if word.strip())
    unknown = sorted(chosen - set(VERDICTS))
    if unknown:
        raise UsageError(f"--fail-on: {unknown[0]!r} is no verdict (verdicts: {', '.join(VERDICTS)})")
    return chosen


def _number(job_id: str) -> int:
    if "_" in job_id:
        raise UsageError(f"Slurm does not know the array task {job_id} (any more): give the task's own job id")
    return int(job_id)


def _installed_records_dir() -> Path:
    """Return the records folder that the installed hook's settings name."""
    conf = os.environ.get("SLURM_CONF")
    candidates = [Path(conf).parent] if conf else []
    for etc in (*candidates, Path(_SLURM_ETC)):
        path = etc / _HOOK_SETTINGS
        try:
            folder = json.loads(path.read_text(encoding="utf-8"))["records_dir"]
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(f"{path}: cannot be read ({error}); name the records with --records") from error
        if isinstance(folder, str):
            return Path(folder)
    raise RecordError(f"no hook is installed here ({_SLURM_ETC}/{_HOOK_SETTINGS}): name the records with --records")


def _choose(
    runs: list[JobRun], number: int, folder: Path, cluster: str | None, run_name: str | None, answer: SlurmAnswer
) -> tuple[JobRun, tuple[str, ...]]:
    clusters = sorted({run.cluster for run in runs})
    if cluster is None and len(clusters) > 1:
        raise UsageError(f"clusters {', '.join(clusters)} each have a job {number}: choose one with --cluster")
    own = [run for run in runs if cluster in (None, run.cluster)]
    if not own and answer.job and answer.job.node_list and run_name is None:
        # Slurm knows the job and its nodes, and not one of them left a record: that is a finding, not an error.
        return JobRun(cluster or "", number, "", {}, expand(answer.job.node_list), 0.0), ()
    if not own:
        raise RecordError(f"{folder}: no record of job {number}{_why_none(runs, cluster, answer)}")
    names = [run.run for run in own]
    if run_name is not None and run_name not in names:
        raise UsageError(f"--run: job {number} has no run {run_name!r} (runs: {', '.join(names)})")
    chosen = next(run for run in reversed(own) if run_name in (None, run.run))
    return chosen, tuple(run.run for run in own if run is not chosen)


def _why_none(runs: list[JobRun], cluster: str | None, answer: SlurmAnswer) -> str:
    if runs:
        return f" of cluster {cluster!r} (clusters: {', '.join(sorted({run.cluster for run in runs}))})"
    if answer.job:
        return f"; Slurm says it is {answer.job.state.lower()}, and records appear when the job ends"
    return f" ({answer.reason})" if answer.reason else ""


def _facts(answer: SlurmAnswer, run: JobRun) -> SlurmFacts:
    job = answer.job
    if job is None:
        return SlurmFacts(note=f"name and state unknown: {answer.reason}" if answer.reason else None)
    counts = {record["restart_count"] or 0 for record in run.records.values()}
    if job.restart_count is not None and counts and job.restart_count not in counts:
        # Slurm answers for the job's latest run.
        note = f"Slurm knows the job's restart {job.restart_count} ({job.state.lower()}), not this run"
        return SlurmFacts(job.name, note=note)
    return SlurmFacts(job.name, job.state, job.elapsed_seconds, job.node_list)
