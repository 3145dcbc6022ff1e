"""``efakit submit``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from efakit.cli import complete
from efakit.cli.command import Command
from efakit.cli.submit_screen import Screen
from efakit.cli.submit_task import Task, read_task
from efakit.errors import RecordError, UsageError

if TYPE_CHECKING:
    from efakit.doctor.site import Site
    from efakit.jobs.fields import Record
    from efakit.slurm import SlurmHere
    from efakit.submit.gather import Gathered

_OPTIONS = "efakit.submit.options"
_LOOK_SECONDS = 10.0
LOOK_PAUSES_SECONDS = (1.0, 2.0, 4.0)
"""Between tries to ask a slurmctld that does not answer."""


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
    task = read_task(spec, job, of_spec, context.meta[_OPTIONS])
    screen = Screen(form)
    _submit(task, screen, _Wishes(dry_run, force, waits, failing, records, verbose))


@dataclass(frozen=True)
class _Wishes:
    dry_run: bool
    force: bool
    waits: bool
    failing: frozenset[str]
    records: Path | None
    verbose: bool


def _submit(task: Task, screen: Screen, wishes: _Wishes) -> None:
    from efakit.slurm import SlurmHere
    from efakit.submit.look import look
    from efakit.submit.send import SubmitError, new_ticket, send

    slurm = SlurmHere(_LOOK_SECONDS)
    gathered = _gather(task, slurm, screen, wishes)
    found = look(gathered.facts)
    looks = replace(found, findings=(*found.findings, *task.lint))
    if wishes.verbose:
        screen.say(f"asked Slurm by {slurm.name}")
    screen.data["looks"] = list(looks.said)
    for line in looks.said:
        screen.tell(line)
    screen.findings(looks.findings)
    if wishes.dry_run:
        screen.data["estimate"] = gathered.estimate
        if gathered.estimate:
            screen.tell(f"sbatch --test-only: {gathered.estimate}")
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
    _wait(job_id, task, slurm, screen, replace(wishes, records=gathered.records_dir))


def _gather(task: Task, slurm: SlurmHere, screen: Screen, wishes: _Wishes) -> Gathered:
    """Ask what can speak against the job; a slurmctld that does not answer is tried again.

    Raises:
        UsageError: it does not answer at all, or nothing here can ask it.
    """
    from efakit.slurm.job import SourceError
    from efakit.store.newest import newest_records
    from efakit.submit.gather import gather

    def records_of(site: Site) -> Path | None:
        return wishes.records or _records_of(site)

    def newest_of(folder: Path, nodes: Sequence[str], cluster: str | None) -> dict[str, Record]:
        told = newest_records(folder, nodes, cluster=cluster)
        if told.unread:
            screen.say(told.unread)
        return told.records

    pauses = list(LOOK_PAUSES_SECONDS)
    while True:
        try:
            return gather(
                task.request,
                task.script,
                task.options,
                slurm,
                spec_types=task.spec_types,
                records_of=records_of,
                newest_of=newest_of,
            )
        except SourceError as error:
            if not pauses or error.outcome == "absent":
                tries = f", after {len(LOOK_PAUSES_SECONDS) + 1} tries" if not pauses else ""
                raise UsageError(
                    f"Slurm does not answer: {error}. Nothing was submitted{tries}; is slurmctld up (scontrol ping)?"
                ) from error
            screen.say(f"Slurm does not answer: {error}; next try in {pauses[0]:g} s")
            time.sleep(pauses.pop(0))


def _records_of(site: Site) -> Path | None:
    """Return the folder with the records as the hooks' settings name it, None where there is none."""
    from efakit.cli.records_dir import installed_records_dir

    if site.home is not None and site.home.settings.records_dir:
        return Path(site.home.settings.records_dir)
    try:
        return installed_records_dir()
    except RecordError:
        return None


def _wait(job_id: int, task: Task, slurm: SlurmHere, screen: Screen, wishes: _Wishes) -> None:
    from efakit.cli.submit_report import report_jobs
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
    screen.data["jobs"] = [job._asdict() for job in ended.jobs]
    if ended.stuck:
        screen.tell(f"job {job_id} can never start as it is: {ended.stuck}. It stays in the queue: scancel {job_id}")
        screen.end(1)
        return
    screen.end(report_jobs(job_id, ended, task, screen, wishes.records, wishes.failing))
