"""``efakit lint``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from efakit.cli.command import Command
from efakit.cli.target_options import further, target_from, target_options
from efakit.errors import UsageError


@click.command(
    short_help="Find errors in sbatch scripts, launchers, env files, Dockerfiles and cluster configs.",
    cls=Command,
    exit_1="Findings of the severity of --fail-on or worse.",
    fine="No such finding.",
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@target_options
@click.option(
    "--spec", type=click.Path(path_type=Path), help="Take these values from a spec, by each script's partition."
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif", "github"]), default="text", show_default=True
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info"]),
    default="error",
    show_default=True,
    help="Exit with 1 on findings of this severity or worse.",
)
@click.option("--fix", is_flag=True, help="Fix what is safe to fix, and show the change.")
@click.option("--dry-run", is_flag=True, help="With --fix: show the change, write nothing.")
def lint(
    files: tuple[Path, ...],
    instance: str | None,
    installer: str | None,
    parallelcluster: str | None,
    plugin: str | None,
    nccl: str | None,
    libfabric: str | None,
    os: str | None,
    spec: Path | None,
    form: str,
    fail_on: str,
    fix: bool,
    dry_run: bool,
) -> None:
    """Find errors in FILEs, whoever wrote them.

    It checks sbatch scripts, shell launchers, templates, env files and Dockerfiles for EFA; YAML files as cluster
    configs, like 'efakit validate' without pcluster; and a spec with its jobs' scripts. It searches folders for
    all of these; - is standard input. With --spec and no FILE, it checks the spec itself. Without a target, a
    setting that is wrong or without effect on every supported stack is a warning; for a Dockerfile, the releases
    come from the file itself. '# efakit: ignore RULE' turns a rule off; docs/rules.md lists the rules.
    """
    from efakit.cli.findings_output import FORMATS
    from efakit.cli.refused import all_of, say
    from efakit.finding import Severity
    from efakit.validate.files import judge_files, on_spec, on_target, software_of_spec

    if not files and spec is None:
        raise click.UsageError("give a file, or a spec with --spec")
    if dry_run and not fix:
        raise click.UsageError("--dry-run needs --fix")
    named = {
        "instance": instance,
        "installer": installer,
        "parallelcluster": parallelcluster,
        "plugin": plugin,
        "nccl": nccl,
        "libfabric": libfabric,
        "os": os,
    }
    if spec is None:
        where = on_target(target_from(**named), parallelcluster)
    elif given := [name for name, value in {**named, **further()}.items() if value is not None]:
        raise UsageError(f"--spec already says what the jobs run on: remove --{given[0].replace('_', '-')}")
    else:
        where = on_spec(spec)
    unusable: list[UsageError] = []
    skipped: list[UsageError] = []

    def leave_out(error: UsageError, named: bool) -> None:
        (unusable if named else skipped).append(error)

    subjects = judge_files(files or [path for path in (spec,) if path], where, leave_out)
    if not subjects and (unusable or skipped):
        raise all_of([*unusable, *skipped])
    for error in skipped:
        click.echo(f"efakit: skipped: {error}", err=True)
    if spec is not None and spec not in dict(subjects):
        # What a script of its jobs says already is not said twice.
        said = {finding.message for _, found in subjects for finding in found}
        own = [finding for finding in software_of_spec(spec) if finding.message not in said]
        subjects += [(spec, own)] if own else []
    if fix:
        from efakit.cli.lint_fix import mend

        subjects = [(path, mend(path, findings, where, write=not dry_run)) for path, findings in subjects]
    findings = [finding for _, found in subjects for finding in found]
    if form != "text":
        findings += [finding for error in unusable for finding in error.findings]
    FORMATS[form](findings, len(subjects))
    if unusable:
        say(all_of(unusable))
        sys.exit(UsageError.exit_code)
    sys.exit(1 if any(finding.severity >= Severity(fail_on) for finding in findings) else 0)
