"""``efakit report``."""

from __future__ import annotations

import gc
import io
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from efakit import __version__
from efakit.catalog.slurm_reasons import in_words
from efakit.cli.command import Command
from efakit.cli.records_dir import installed_records_dir, records_option
from efakit.cli.report_causes import read_logs, script_findings
from efakit.cli.report_fleet import fleet_options, refuse_fleet_options, report_fleet
from efakit.cli.report_output import deliver, output_option, to_stdout
from efakit.diagnose.causes import causes_of, next_step
from efakit.errors import RecordError, UsageError
from efakit.finding import Finding, Severity
from efakit.jobs.fields import Record
from efakit.jobs.findings import Job, Limits, limits_with, line_rate, stands_out
from efakit.jobs.records import JobRun, expand
from efakit.jobs.verdict import VERDICTS, judge
from efakit.nearness import nearest
from efakit.printable import printable
from efakit.report.job import JobReport, SlurmFacts, as_data
from efakit.report.text import print_report
from efakit.rules.registry import rules_of
from efakit.slurm.job import SlurmAnswer, SlurmJob
from efakit.slurm.lookup import find_job
from efakit.store.stored import find_runs

if TYPE_CHECKING:
    from efakit.cli.report_bench import BenchLogs
    from efakit.diagnose.judge import Diagnosis

_RUNNING = ("RUNNING", "COMPLETING")
_MOST_SECONDS_BETWEEN_CLOCKS = 300
_MOST_NAMES = 20
_SEVERITIES = ("error", "warning", "info")
# Of each question to one of Slurm's daemons: the records say most of it too.
TIMEOUT_SECONDS = 4.0


@click.command(
    short_help="Report whether a job's traffic used EFA.",
    cls=Command,
    exit_1="--fail-on lists the verdict, or the rule or severity of a finding of the report.",
    fine="The report was printed.",
)
@click.argument("job_id", metavar="[JOBID]", required=False)
@records_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv", "html"]),
    default="text",
    show_default=True,
    help="csv: with --since.",
)
@output_option
@click.option("--cluster", help="The cluster, if the folder has records of several.")
@click.option(
    "--run",
    "run_name",
    help="One run: its name (r0, r1 after a requeue), its SLUID, or t and its start time in seconds.  "
    "[default: the newest]",
)
@click.option("--nodes", "all_nodes", is_flag=True, help="List every node, and do not fold those that agree.")
@click.option(
    "--devices", "all_devices", is_flag=True, help="List every device of every node; in JSON, with all its counters."
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="A log of the job, for causes (as efakit diagnose); may be repeated.",
)
@click.option(
    "--script",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="The job's script, for causes (as efakit lint).",
)
@click.option(
    "--bench",
    is_flag=True,
    help="Read the result tables of nccl-tests, nccom-test and OSU in the job's output file, or in the --log FILEs.",
)
@click.option(
    "--keep", is_flag=True, help="With --bench: keep the results beside the records, for comparison with later runs."
)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a threshold of what stands out; docs/report.md lists them. May be repeated.",
)
@click.option(
    "--fail-on",
    metavar="WORD[,WORD...]",
    help=f"Exit with 1 on these verdicts ({', '.join(VERDICTS)}), rules (such as job-device-idle), or findings of "
    "this severity or worse (error, warning, info).",
)
@click.option("--verbose", is_flag=True, help="Say on stderr who was asked about the job, and how that went.")
@fleet_options
def report(
    job_id: str | None,
    records: Path | None,
    form: str,
    output: Path | None,
    cluster: str | None,
    run_name: str | None,
    all_nodes: bool,
    all_devices: bool,
    logs: tuple[Path, ...],
    script: Path | None,
    bench: bool,
    keep: bool,
    thresholds: tuple[str, ...],
    fail_on: str | None,
    verbose: bool,
    **fleet: Any,
) -> None:
    """Report whether the traffic of job JOBID used EFA, on which nodes and devices, what stands out and why.

    JOBID is a job's number, or 123_4 for an array task that Slurm still knows; for a heterogeneous job, the number
    of any component. The verdict is the first of these that is true: incomplete (a node has no record, no
    baseline, or was reset, or the records may be of different runs), shared, single-node; then by traffic
    no-traffic, tcp-fallback, mixed or efa. Name, state, user, account, exit code, script and output file
    come from Slurm, if it answers; else what the records have of them.

    What stands out: errors, time-outs, retransmits and drops, idle devices, nodes unlike the others.
    'efakit explain --rule RULE' explains a finding. Nodes that agree are one line.

    With --bench it judges the benchmarks in the job's log: how much the line rate of the nodes' type allows, and
    whether earlier runs on as many nodes of the type, kept with --keep, were better.

    The report lists unusable files and uses the others. Without a usable record the command fails.

    With --format html it is a page: one file that opens offline, with a map of all nodes and devices.

    With --since in place of JOBID it is a report of all jobs that ended since then: what fell back, which nodes send
    again more than they did, which devices rest, whose jobs never use EFA. This needs the extra 'fleet'.
    """
    failing = failing_words(fail_on)
    if job_id is None or fleet["since"] is not None:
        of_one_job: dict[str, Any] = {
            "run": run_name,
            "nodes": all_nodes,
            "devices": all_devices,
            "log": logs,
            "script": script,
        }
        of_one_job |= {"threshold": thresholds, "bench": bench, "keep": keep}
        report_fleet(job_id, records, form, output, cluster, failing, of_one_job, **fleet)
        return
    refuse_fleet_options(form, fleet)
    if keep and not bench:
        raise UsageError("--keep keeps the results of benchmarks: add --bench")
    limits = _limits(thresholds)
    answer = find_job(job_id, timeout_seconds=TIMEOUT_SECONDS)
    if verbose:
        click.echo(f"efakit: {asked_of(answer)}", err=True)
    gc.disable()  # the records have no cycles, and looking for some doubles the time of thousands
    click.get_current_context().call_on_close(gc.enable)
    number = answer.job.job_id if answer.job else _number(job_id)
    in_script: InScript | None = None
    if script is not None:
        in_script = partial(_in_script, script)
    tables = _bench_logs() if bench else None
    beside = Beside(limits, read_logs(logs, tables.blocks if tables else None), in_script, tables, keep)
    found = job_report(answer, number, records or installed_records_dir(), cluster, run_name, beside)
    if form == "html":
        from efakit.report.html.job import job_page  # Jinja2 takes as long as a small report

        deliver(job_page(found, __version__, all_nodes=all_nodes or all_devices), output)
    elif form == "json":
        deliver(json.dumps(as_data(found, devices=all_devices), indent=2) + "\n", output)
    elif to_stdout(output):
        print_report(found, sys.stdout, nodes=all_nodes, with_devices=all_devices)
    else:
        text = io.StringIO()
        print_report(found, text, nodes=all_nodes, with_devices=all_devices)
        deliver(text.getvalue(), output)
    if fails(found, failing):
        raise click.exceptions.Exit(1)


InScript = Callable[[str, Mapping[str, Record]], Sequence[Finding]]
"""Gives what lint has against a job's script, by the job's verdict and its records."""


class Beside(NamedTuple):
    """What a report is given beside records and Slurm: thresholds, what the job's logs say, and its script."""

    limits: Limits | None = None
    said: Diagnosis | None = None
    in_script: InScript | None = None
    tables: BenchLogs | None = None
    """The result tables of the logs; of the job's output file where no log was read."""
    keep: bool = False
    """Whether they are kept for later runs."""


def _in_script(path: Path, verdict: str, records: Mapping[str, Record]) -> Sequence[Finding]:
    return script_findings(path, records)


def job_report(
    answer: SlurmAnswer,
    number: int,
    folder: Path,
    cluster: str | None = None,
    run_name: str | None = None,
    beside: Beside | None = None,
) -> JobReport:
    """Return the report of a job, from its records in ``folder`` and what Slurm says of it.

    Raises:
        RecordError: there is no usable record of it.
        UsageError: it is not clear which job or run is meant, or the script cannot be read.
    """
    limits, said, in_script, tables, keep = beside or Beside()
    run, others = _choose(find_runs(folder, number), number, folder, cluster, run_name, answer)
    verdict = judge(run.node_names, run.records, run.damaged, run.doubts, lacks_component=run.lacks_component)
    job = Job(run.records, verdict.verdict, verdict.traffic, {node.node: node.traffic for node in verdict.nodes})
    remarks = tuple(stands_out(job, limits))
    facts = _facts(answer, run)
    bench = None
    if tables is not None:
        from efakit.cli.report_bench import bench_report, output_of, sorted_findings

        if not tables.files:
            tables.read(output_of(run.job_id, facts.output_file))
        bench, about_bench = bench_report(tables, run, folder, limits, keeps=keep)
        remarks = sorted_findings([*remarks, *about_bench])
    found = in_script(verdict.verdict, run.records) if in_script is not None else []
    causes = tuple(causes_of(verdict, run.records, said, found))
    has_devices = any(item.devices for item in remarks)
    step = next_step(
        verdict,
        str(run.job_id),
        said,
        log_file=facts.output_file or "",
        # Slurm shows the script with its arguments.
        script_file=None if in_script is not None else (facts.script or "").partition(" ")[0],
        remarkable=has_devices,
    )
    return JobReport(run, verdict, facts, others, remarks, causes, step, line_rate(job), limits, bench)


def _bench_logs() -> BenchLogs:
    from efakit.cli.report_bench import BenchLogs

    return BenchLogs()


def asked_of(answer: SlurmAnswer) -> str:
    """Return in one line who was asked about a job, and how that went."""
    if not answer.attempts:
        return answer.reason
    told = [f"{item.source} ({item.daemon}): {item.detail or item.outcome}" for item in answer.attempts]
    return f"asked Slurm by {'; '.join(told)}"


def failing_words(text: str | None) -> frozenset[str]:
    """Return the words of --fail-on; raise UsageError for one that is no verdict, rule of jobs or severity."""
    chosen = frozenset(word.strip() for word in (text or "").split(",") if word.strip())
    if chosen <= set(VERDICTS):
        return chosen
    known = (*VERDICTS, *_SEVERITIES, *rules_of("job"))
    for word in sorted(chosen - set(known)):
        raise UsageError(
            f"--fail-on: {word!r} is not a verdict, a severity or a rule of jobs{nearest(word, known)} "
            f"(verdicts: {', '.join(VERDICTS)}; severities: {', '.join(_SEVERITIES)}; "
            f"rules: {', '.join(rules_of('job'))})"
        )
    return chosen


def fails(found: JobReport, failing: frozenset[str]) -> bool:
    """Return whether a verdict, a rule or a severity that was named is met; the severity by rules of jobs."""
    if found.verdict.verdict in failing:
        return True
    least = min((Severity(word).rank for word in failing & set(_SEVERITIES)), default=None)
    return any(
        item.finding.rule in failing or (least is not None and item.finding.severity.rank >= least)
        for item in found.stands_out
    )


def _limits(given: Sequence[str]) -> Limits:
    changes = {}
    for text in given:
        name, is_set, value = text.partition("=")
        try:
            changes[name.strip()] = float(value)
        except ValueError:
            is_set = ""
        if not is_set or not 0 <= changes.get(name.strip(), -1) < float("inf"):
            raise UsageError(f"--threshold: {text!r} must be NAME=VALUE, with a number from 0 up")
    try:
        return limits_with(changes)
    except UsageError as error:
        raise UsageError(f"--threshold: {error}") from error


def _number(job_id: str) -> int:
    if "_" in job_id:
        raise UsageError(f"Slurm does not know the array task {job_id} (any more): give the task's own job id")
    return int(job_id)


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
        job = answer.job
        if job.has_ended:
            none = "its nodes have published none: were the hooks installed when it ran (efakit hooks status)?"
            return f"; Slurm says it is {job.state.lower()}: {none if job.node_list else 'it never started'}"
        why = f" ({in_words(job.reason)})" if job.state == "PENDING" and job.reason else ""
        return f"; Slurm says it is {job.state.lower()}{why}, and records appear when the job ends"
    return f" ({answer.reason})" if answer.reason else ""


def _facts(answer: SlurmAnswer, run: JobRun) -> SlurmFacts:
    job, own = answer.job, _of_records(run)
    if job is None:
        return own._replace(note=f"name and state unknown: {answer.reason}" if answer.reason else None)
    other = why_another_job(job, run)
    if other is not None:
        return own._replace(note=f"Slurm knows another job of this id ({job.state.lower()}): {other}")
    counts = _restart_counts(run)
    if job.restart_count is not None and counts and job.restart_count not in counts:
        # Slurm answers for the job's latest run.
        note = f"Slurm knows the job's restart {job.restart_count} ({job.state.lower()}), not this run"
        return own._replace(name=job.name, account=job.account, script=_script(job), note=note)
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
    from efakit.lint.script.model import Word
    from efakit.lint.script.options import SBATCH, slurm_options
    from efakit.lint.script.text import Span

    program, *words = job.submit_line.split()
    if PurePosixPath(program).name != "sbatch":
        return None
    _, taken = slurm_options([Word(Span(0, 0), (word,)) for word in words], SBATCH)
    rest = words[taken:]
    return str(PurePosixPath(job.work_dir or "", rest[0])) if rest else None
