"""``efakit render``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from efakit.cli import complete
from efakit.cli.bundle import Change, compare_bundle, write_bundle
from efakit.cli.command import Command
from efakit.cli.findings_text import print_findings
from efakit.emit.decisions import emit_decisions
from efakit.emit.registry import applying, emit, target_names
from efakit.errors import UsageError
from efakit.finding import ERROR, Finding
from efakit.nearness import nearest
from efakit.plan.plan import Plan
from efakit.spec.yamltext import read_document
from efakit.validate.spec import of_rendered, plan_document

_DONE = {"new": "wrote", "changed": "wrote", "removed": "removed"}
_TO_DO = {"new": "would write", "changed": "would change", "removed": "would remove"}


@click.command(
    short_help="Write a spec's bundle: cluster config, sbatch scripts, hooks.",
    cls=Command,
    exit_1="The spec has findings of severity error, or --check found a difference.",
    fine="The bundle was written, or shown.",
)
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(), help="Folder to write; created if it does not exist.")
@click.option(
    "--target",
    "targets",
    multiple=True,
    type=click.Choice(target_names()),
    help="Write only this target; may be repeated.  [default: all targets that have a section in the spec]",
)
@click.option(
    "--show", metavar="JOB", shell_complete=complete.jobs, help="Print one job's sbatch script, write nothing."
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if files of the folder would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change in the folder.")
@click.option(
    "--templates",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of your own job templates, which override the built-in ones.  [default: the spec's]",
)
@click.option("--no-preflight", is_flag=True, help="Write the scripts without the check of the nodes.")
@click.option(
    "--force", is_flag=True, help="Overwrite files in the folder that efakit did not write, or that were edited."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def render(
    spec: Path,
    out: str | None,
    targets: tuple[str, ...],
    show: str | None,
    check: bool,
    diff: bool,
    templates: Path | None,
    no_preflight: bool,
    force: bool,
    form: str,
) -> None:
    """Write the bundle of SPEC: cluster.yaml, jobs/, hooks/ and DECISIONS.md. SPEC - is standard input.

    efakit writes a target if the spec has the target's section; without a platform's section, jobs/ and hooks/ are
    for an existing Slurm cluster. The same spec gives the same bytes. Without --force, efakit never overwrites or
    removes files that it did not write or that were edited. It prints errors and warnings about the spec's
    software and jobs, and still writes the bundle; efakit validate checks more.
    """
    others = {"--out": out is not None, "--target": targets, "--check": check, "--diff": diff, "--force": force}
    useless = [name for name, given in others.items() if given]
    if show is not None and useless:
        raise click.UsageError(f"--show prints one job's script and writes nothing: leave out {', '.join(useless)}")
    document = read_document(spec)
    plan = plan_document(document, templates, preflight=not no_preflight)
    if show is not None:
        click.echo(_script(plan, show), nl=False)
        return
    if not out:  # an empty text would be the present folder
        raise click.UsageError("--out DIR is missing (or --show JOB)")
    folder = Path(out)
    chosen = targets or applying(plan)
    files = [*emit(plan, chosen), emit_decisions(plan)]
    looks = check or diff
    if looks:
        changes = compare_bundle(folder, files)
    else:
        changes = write_bundle(folder, files, force=force, installer=_installer(plan))
    findings = of_rendered(document, plan)
    if form == "json":
        _print_json(folder, changes, findings)
    else:
        _print_changes(folder, changes, _TO_DO if looks else _DONE, diff=diff)
        if not looks:
            _say_next_steps(plan, folder, chosen, f"efakit validate {'SPEC' if str(spec) == '-' else spec}")
        print_findings(findings, err=True)
    # What only forbids the making of a new cluster does not concern one that is up.
    wrong = any(item.severity >= ERROR and "creation" not in item.about for item in findings)
    differs = any(change.kind != "unchanged" for change in changes)
    sys.exit(1 if wrong or (check and differs) else 0)


# Platforms whose services are asked for nothing offline: validators know schemas alone.
_NOT_RUN = ("pcs", "hyperpod")
_WITH_COMMANDS = ("container", "dstack", "eks", "sagemaker")
"""Other targets whose folder has a README.md with the commands, in order."""


def _print_changes(folder: Path, changes: Sequence[Change], words: dict[str, str], *, diff: bool) -> None:
    for change in changes:
        if change.kind in words:
            by_hand = " (changed by hand)" if change.edited else ""
            click.echo(f"{words[change.kind]} {folder / change.path}{by_hand}")
            if diff:
                click.echo(change.diff(), nl=False)
    same = sum(change.kind == "unchanged" for change in changes)
    if same:
        click.echo(f"{same} file{'s' * (same != 1)} unchanged")


def _print_json(folder: Path, changes: Sequence[Change], findings: Sequence[Finding]) -> None:
    document = {
        "folder": str(folder),
        "files": [{"path": item.path, "change": item.kind, "edited": item.edited} for item in changes],
        "findings": [item.as_data() for item in findings],
    }
    click.echo(json.dumps(document, indent=2))


def _script(plan: Plan, name: str) -> str:
    if plan.slurm is None:
        raise UsageError(
            f"--show: {', '.join(plan.spec.platforms)} does not use Slurm, so the spec has no sbatch scripts"
        )
    names = [job.job.name for job in plan.jobs]
    if name not in names:
        known = f"jobs: {', '.join(names)}" if names else "the spec has no jobs"
        raise UsageError(f"--show: unknown job {name!r}{nearest(name, names)} ({known})")
    scripts = {file.path: file.content for file in emit(plan, ("sbatch",))}
    return scripts[f"jobs/{name}.sbatch"].decode()


def _installer(plan: Plan) -> str | None:
    """Return the address from which the cluster fetches the hooks' installer, None where it does not."""
    publication = plan.slurm.hooks.publication if plan.slurm else None
    return publication.address if publication else None


def _say_next_steps(plan: Plan, out: Path, written: tuple[str, ...], check: str) -> None:
    if "parallelcluster" in written:
        click.echo(f"Check it before you create the cluster: {check}")
    for name in _NOT_RUN:
        if name in written:
            click.echo(f"{out / name / 'README.md'} has the commands. Check it first: {check}. A pass proves no")
            click.echo(
                "capacity, quota, permission or zone, nor that the service takes each Slurm setting: it was not asked."
            )
    for name in _WITH_COMMANDS:
        if name in written:
            click.echo(f"{out / name / 'README.md'} has the commands.")
    if "hooks" not in written or plan.slurm is None:
        return
    address, script = _installer(plan), out / "hooks/install-hooks.sh"
    if not plan.spec.platforms:
        click.echo("The spec has no platform's section, so the jobs and hooks are for an existing Slurm cluster. Copy")
        click.echo(f"{script} to its head node and run there: sudo sh install-hooks.sh")
    elif "hyperpod" in plan.sections:
        click.echo("The lifecycle script installs the hooks on each node; hyperpod/README.md says what to upload.")
    elif address is None and "pcs" in plan.sections:
        click.echo("The spec has no hooks.bucket, so no node installs the hooks itself; DECISIONS.md says what to do.")
    elif address is None:
        click.echo(
            "The spec has no hooks.bucket, so the cluster does not install the hooks itself. Once the cluster is up,"
        )
        click.echo(f"copy {script} to its head node and run there: sudo sh install-hooks.sh")
    else:
        click.echo(f"The cluster fetches the hooks from {address}. Publish them before you")
        click.echo(f"create it: efakit hooks publish {out}")
