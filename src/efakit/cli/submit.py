"""``efakit submit``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from efakit.cli import complete
from efakit.cli.command import Command
from efakit.errors import EfakitError, RecordError, UsageError
from efakit.inputs import is_stdin
from efakit.printable import printable

if TYPE_CHECKING:
    from efakit.doctor.site import Site
    from efakit.finding import Finding
    from efakit.plan.plan import Plan
    from efakit.slurm import SlurmHere, SlurmJob
    from efakit.slurm.submission import BatchScript
    from efakit.submit.look import Facts, Looks
    from efakit.submit.request import Request
    from efakit.submit.wait import Ended

_OPTIONS = "efakit.submit.options"
_LOOK_SECONDS = 10.0
_TEST_SECONDS = 60.0
LOOK_PAUSES_SECONDS = (1.0, 2.0, 4.0)
"""Between tries to ask a slurmctld that does not answer."""
_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_MOST_TASKS = 20


class _SubmitCommand(Command):
    """Takes what stands behind ``--`` for sbatch's options, before click sees it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set sbatch's options aside."""
        place = args.index("--") if "--" in args else len(args)
        ctx.meta[_OPTIONS] = tuple(args[place + 1 :])
        return super().parse_args(ctx, args[:place])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show what may stand behind ``--``."""
        return [*super().collect_usage_pieces(ctx), "[-- SBATCH-OPTION...]"]


@click.command(
    short_help="Look before a job, submit it, wait for its report.",
    cls=_SubmitCommand,
    exit_1="Something speaks against the job, Slurm refused it, or with --wait: it failed, or its report has what "
    "--fail-on lists.",
    fine="The job was submitted; with --wait: it completed.",
    options_metavar="[OPTIONS]",
)
@click.argument("spec", type=click.Path(path_type=Path), metavar="SPEC|SCRIPT")
@click.argument("job", required=False, shell_complete=complete.jobs)
@click.option("--dry-run", is_flag=True, help="Look, ask 'sbatch --test-only', and submit nothing.")
@click.option("--force", is_flag=True, help="Submit although something speaks against the job.")
@click.option("--wait", "waits", is_flag=True, help="Wait for the job's end, then print its report.")
@click.option(
    "--fail-on",
    metavar="WORD[,WORD...]",
    help="With --wait: exit with 1 on these verdicts, rules or severities, as efakit report does.",
)
@click.option(
    "--spec",
    "of_spec",
    type=click.Path(path_type=Path),
    help="For a script: the spec that names the instance types of the partitions.",
)
@click.option(
    "--records",
    type=click.Path(path_type=Path),
    envvar="EFAKIT_RECORDS",
    show_envvar=True,
    help="Folder with the records.  [default: that of the installed hooks]",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--verbose", is_flag=True, help="Say on stderr who asks Slurm: pyslurm, or Slurm's commands.")
@click.pass_context
def submit(
    context: click.Context,
    spec: Path,
    job: str | None,
    dry_run: bool,
    force: bool,
    waits: bool,
    fail_on: str | None,
    of_spec: Path | None,
    records: Path | None,
    form: str,
    verbose: bool,
) -> None:
    """Look before a job, submit it once, and say what follows. The job is one of a SPEC, or a batch SCRIPT.

    It looks at the partition, its nodes and their instance types, the hooks, the findings in each node's newest
    record and the script itself. Findings of severity error stop the job, unless --force. Then efakit submits it
    with sbatch: --array, --dependency and all other options of sbatch stand behind --. If Slurm's answer is lost,
    efakit looks for the job before it tries again. --wait says on stderr why the job waits, and ends in the report;
    Ctrl-C then leaves the job as it is.
    """
    from efakit.cli.report import failing_words

    failing = failing_words(fail_on)
    if fail_on and not waits:
        raise click.UsageError("--fail-on needs --wait")
    if waits and dry_run:
        raise click.UsageError("--wait and --dry-run exclude each other")
    task = _task(spec, job, of_spec, context.meta[_OPTIONS])
    screen = _Screen(form)
    _submit(task, screen, _Wishes(dry_run, force, waits, failing, records, verbose))


@dataclass(frozen=True)
class _Wishes:
    dry_run: bool
    force: bool
    waits: bool
    failing: frozenset[str]
    records: Path | None
    verbose: bool


@dataclass(frozen=True)
class _Task:
    """What is to be submitted: a script, what it asks for, and what lint has against it."""

    name: str
    script: BatchScript
    request: Request
    options: tuple[str, ...]
    lint: tuple[Finding, ...]
    spec_types: dict[str, tuple[str, ...]]


class _Screen:
    """Prints as it goes for people; for programs one JSON document at the end."""

    def __init__(self, form: str) -> None:
        self.for_people = form == "text"
        self.data: dict[str, Any] = {"job_id": None, "submitted": False, "looks": [], "findings": [], "commands": []}

    def say(self, line: str) -> None:
        """Print a line of progress, on stderr."""
        click.echo(f"efakit: {printable(line)}", err=True)

    def tell(self, line: str) -> None:
        """Print a line for people, on stdout."""
        if self.for_people:
            click.echo(printable(line))

    def findings(self, findings: Sequence[Finding]) -> None:
        """Print findings for people, and keep them for programs."""
        self.data["findings"] = [item.as_data() for item in findings]
        for item in findings:
            severity = click.style(item.severity, fg=_COLOURS[item.severity], bold=True)
            place = f"{item.place}: " if item.place.file else ""
            if self.for_people:
                click.echo(f"{printable(place)}{severity} {item.rule}: {printable(item.message)}")
                if item.fix:
                    click.echo(f"    fix: {printable(item.fix)}")

    def fail(self, error: EfakitError) -> None:
        """Say an error, keep it beside what is known already, and end with its exit code."""
        self.say(str(error))
        self.data["error"] = {"message": str(error), "exit_code": error.exit_code}
        self.end(error.exit_code)

    def end(self, code: int) -> None:
        """Print the document, and end with ``code``."""
        if not self.for_people:
            self.data["exit_code"] = code
            click.echo(json.dumps(self.data, indent=2))
        sys.stdout.flush()
        if code:
            raise click.exceptions.Exit(code)


def _submit(task: _Task, screen: _Screen, wishes: _Wishes) -> None:
    from efakit.slurm import SlurmHere
    from efakit.slurm.job import SourceError
    from efakit.submit.send import SubmitError, new_ticket, send

    slurm = SlurmHere(_LOOK_SECONDS)
    for pause in (*LOOK_PAUSES_SECONDS, 0.0):
        try:
            looks, estimate, folder = _look(task, slurm, wishes)
            break
        except SourceError as error:
            if not pause or error.outcome == "absent":
                tries = f", after {len(LOOK_PAUSES_SECONDS) + 1} tries" if not pause else ""
                raise UsageError(
                    f"Slurm does not answer: {error}. Nothing was submitted{tries}; is slurmctld up (scontrol ping)?"
                ) from error
            screen.say(f"Slurm does not answer: {error}; next try in {pause:g} s")
            time.sleep(pause)
    if wishes.verbose:
        screen.say(f"asked Slurm by {slurm.name}")
    screen.data["looks"] = list(looks.said)
    for line in looks.said:
        screen.tell(line)
    screen.findings(looks.findings)
    if wishes.dry_run:
        screen.data["estimate"] = estimate
        if estimate:
            screen.tell(f"sbatch --test-only: {estimate}")
        screen.tell(f"{task.name} was not submitted (--dry-run)")
        screen.end(1 if looks.stops else 0)
        return
    if looks.stops and not wishes.force:
        screen.tell(f"{task.name} was not submitted: mend the errors, or submit with --force")
        screen.end(1)
        return
    ticket = new_ticket(task.request.get("comment"))
    try:
        job_id = send(task.script, task.options, ticket, slurm, screen.say)
    except SubmitError as error:
        screen.fail(error)
        return
    except KeyboardInterrupt:
        screen.say(
            "stopped while the job was being submitted. Whether Slurm took it: squeue --me --states=all "
            f"--Format=JobID,Comment:200 | grep {ticket.word}"
        )
        screen.end(130)
        return
    commands = [f"efakit report {job_id}", f"squeue --jobs={job_id}", f"scancel {job_id}"]
    screen.data.update(job_id=job_id, submitted=True, commands=commands)
    screen.tell(f"submitted job {job_id} ({task.name})")
    if not wishes.waits:
        screen.tell(f"its report when it has ended: {commands[0]}")
        screen.tell(f"how it stands: {commands[1]}; to cancel it: {commands[2]}")
        screen.end(0)
        return
    _wait(job_id, slurm, screen, replace(wishes, records=folder))


def _wait(job_id: int, slurm: SlurmHere, screen: _Screen, wishes: _Wishes) -> None:
    from efakit.submit.wait import WaitError, wait

    try:
        ended = wait(job_id, slurm, screen.say)
    except WaitError as error:
        screen.fail(error)
        return
    except KeyboardInterrupt:
        screen.say(
            f"stopped waiting; job {job_id} goes on. Its report when it has ended: efakit report {job_id}; how it "
            f"stands: squeue --jobs={job_id}; to cancel it: scancel {job_id}"
        )
        screen.end(130)
        return
    screen.data["jobs"] = [_job_data(job) for job in ended.jobs]
    if ended.stuck:
        screen.tell(f"job {job_id} can never start as it is: {ended.stuck}. It stays in the queue: scancel {job_id}")
        screen.end(1)
        return
    code = _report(job_id, ended, screen, wishes)
    screen.end(code)


def _report(job_id: int, ended: Ended, screen: _Screen, wishes: _Wishes) -> int:
    """Print the report of a job, or of each task of an array; return the exit code."""
    from efakit.cli.report import fails, installed_records_dir, job_report
    from efakit.report.job import as_data
    from efakit.report.text import print_report
    from efakit.slurm.job import SlurmAnswer
    from efakit.submit.wait import how_it_ended

    code = 0 if ended.succeeded else 1
    is_array = any(job.array for job in ended.jobs)
    reports = []
    # Any component of a heterogeneous job has the report of the whole.
    for job in ended.jobs if is_array else ended.jobs[:1]:
        shown = f"{job.array[0]}_{job.array[1]}" if job.array else str(job_id)
        try:
            folder = wishes.records or installed_records_dir()
            found = job_report(SlurmAnswer(job, ()), job.job_id, folder)
        except (RecordError, UsageError) as error:
            # A job that never started has none, and so has a cluster without hooks.
            reports.append({"job_id": job.job_id, "verdict": None, "error": str(error)})
            screen.tell(f"Job {shown}: {how_it_ended(job)}")
            if job.output_file:
                screen.tell(f"  output {job.output_file}")
            screen.tell(f"  no report: {error}")
            continue
        reports.append(as_data(found))
        if fails(found, wishes.failing):
            code = 1
        if len(reports) <= _MOST_TASKS and screen.for_people:
            print_report(found, sys.stdout)
    if len(ended.jobs) > _MOST_TASKS:
        screen.tell(f"and {len(ended.jobs) - _MOST_TASKS} more tasks: efakit report {job_id}_TASK")
    if is_array:
        screen.data["reports"] = reports
    else:
        screen.data["report"] = reports[0]
    return code


def _job_data(job: SlurmJob) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(job)


def _look(task: _Task, slurm: SlurmHere, wishes: _Wishes) -> tuple[Looks, str, Path | None]:
    """Ask whatever can speak against the job; return that, Slurm's estimate of its start, and the records' folder.

    Raises:
        SourceError: slurmctld does not answer.
    """
    from efakit import __version__
    from efakit.doctor.cluster_checks import checks
    from efakit.doctor.site import look_at
    from efakit.finding import ERROR, Finding
    from efakit.jobs.newest import newest_records
    from efakit.slurm.submission import test_only
    from efakit.submit.look import Facts, Looks, look, type_of

    config = slurm.config()
    facts = Facts(task.request, slurm.nodes(), slurm.partitions(), task.spec_types)
    site = look_at(config)
    errors = [item for item in checks(site, __version__) if isinstance(item, Finding) and item.severity >= ERROR]
    facts = replace(facts, site=site, hook_errors=errors)
    folder = _records_folder(wishes, site)
    if folder is not None:
        names = [node.name for node in _of_job(facts)]
        facts = replace(facts, newest=newest_records(folder, names, cluster=config.get("ClusterName")))
    if any(type_of(node, {}, None) is None for node in _of_job(facts)):
        facts = replace(facts, told_types=_told_types(slurm))
    refused, estimate = test_only(task.script, task.options, _TEST_SECONDS)
    looks = look(replace(facts, refused=refused))
    return Looks(looks.said, (*looks.findings, *task.lint)), estimate, folder


def _told_types(slurm: SlurmHere) -> dict[str, str]:
    from efakit.slurm.job import SourceError

    try:
        return slurm.instance_types()
    except SourceError:
        return {}  # the spec or a record may tell


def _records_folder(wishes: _Wishes, site: Site) -> Path | None:
    """Return the folder with the records: as the option says, else as the hooks' settings do."""
    from efakit.cli.report import installed_records_dir

    if wishes.records is not None:
        return wishes.records
    if site.home is not None and site.home.settings.records_dir:
        return Path(site.home.settings.records_dir)
    try:
        return installed_records_dir()
    except RecordError:
        return None


def _of_job(facts: Facts) -> list[Any]:
    names = facts.request.partitions or (facts.nodes.default_partition or "",)
    return [node for node in facts.nodes.nodes if not set(names).isdisjoint(node.partitions)]


def _task(path: Path, job: str | None, of_spec: Path | None, options: tuple[str, ...]) -> _Task:
    """Return what is to be submitted; raise UsageError or SpecError where it cannot be read."""
    if is_stdin(path):
        raise UsageError("standard input is not read here: give a spec or a batch script as a file")
    if path.suffix in (".yaml", ".yml"):
        if of_spec is not None:
            raise click.UsageError("--spec is for a script: SPEC itself is given already")
        return _of_spec(path, job, options)
    if job is not None:
        raise click.UsageError(f"{job!r}: a script has no jobs; sbatch's options stand behind --")
    return _of_script(path, of_spec, options)


def _of_script(path: Path, of_spec: Path | None, options: tuple[str, ...]) -> _Task:
    from efakit.finding import Place
    from efakit.lint.script import read_script
    from efakit.rules.target import any_supported
    from efakit.slurm.submission import BatchScript
    from efakit.submit.request import read_request
    from efakit.validate.files import judge_text, on_spec, on_target

    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", Place(str(path))) from None
    if not data.startswith(b"#!"):
        raise UsageError("not a batch script: sbatch wants '#!' and a program in its first line", Place(str(path), 1))
    request = read_request(read_script(str(path), data), options, os.environ)
    where = on_target(any_supported()) if of_spec is None else on_spec(of_spec)
    types = _types_of(where.spec) if where.spec is not None else {}
    lint = tuple(judge_text(path, data, where))
    return _Task(path.name, BatchScript(path=str(path)), request, options, lint, types)


def _of_spec(path: Path, name: str | None, options: tuple[str, ...]) -> _Task:
    from efakit.lint.script import read_script
    from efakit.nearness import nearest
    from efakit.slurm.submission import BatchScript
    from efakit.submit.request import read_request
    from efakit.validate.files import judge_text, on_spec
    from efakit.validate.spec import plan_spec

    plan = plan_spec(path)
    if plan.slurm is None:
        raise UsageError(f"{path}: {', '.join(plan.spec.platforms)} does not use Slurm: there is no job to submit")
    planned = {one.job.name: one for one in plan.slurm.jobs}
    if name is None and len(planned) == 1:
        name = next(iter(planned))
    if name is None or name not in planned:
        known = f"jobs: {', '.join(planned)}" if planned else "the spec has no jobs"
        what = "name a job" if name is None else f"unknown job {name!r}{nearest(name, planned)}"
        raise UsageError(f"{path}: {what} ({known})")
    preflight = planned[name].preflight
    if preflight and preflight.own_file:
        raise UsageError(
            f"{path}: job {name} has its check in a file of its own (preflight: file): render the bundle, and submit "
            f"its jobs/{name}.sbatch"
        )
    data = _rendered(plan, name)
    shown = Path(f"{name}.sbatch")
    lint = tuple(judge_text(shown, data, on_spec(path)))
    request = read_request(read_script(str(shown), data), options, os.environ)
    types = _types_of(plan.spec)
    return _Task(f"job {name} of {path}", BatchScript(text=data), request, options, lint, types)


def _rendered(plan: Plan, name: str) -> bytes:
    from efakit.emit.registry import emit

    return {file.path: file.content for file in emit(plan, ("sbatch",))}[f"jobs/{name}.sbatch"]


def _types_of(spec: Any) -> dict[str, tuple[str, ...]]:
    """Return the instance types of each partition, as a spec has them."""
    return {
        queue.name: tuple(
            dict.fromkeys(kind.name for resource in queue.compute_resources for kind in resource.instances)
        )
        for queue in spec.cluster.queues
    }
