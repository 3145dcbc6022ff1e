"""``efakit render``."""

from __future__ import annotations

from pathlib import Path

import click

from efakit.cli.bundle import write_bundle
from efakit.emit.decisions import emit_decisions
from efakit.emit.registry import applying, emit, target_names
from efakit.errors import UsageError
from efakit.plan.plan import Plan
from efakit.spec.nearness import nearest
from efakit.validate.spec import plan_spec


@click.command(short_help="Write a spec's bundle: cluster config, sbatch scripts, hooks.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(), help="Folder to write; made where it is missing.")
@click.option(
    "--target",
    "targets",
    multiple=True,
    type=click.Choice(target_names()),
    help="Write only this target; may be given several times.  [default: all that the spec has a section for]",
)
@click.option("--show", metavar="JOB", help="Print one job's sbatch script and write nothing.")
@click.option(
    "--templates",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of job templates of your own, which come first.  [default: as the spec says]",
)
@click.option("--no-preflight", is_flag=True, help="Leave the check of the nodes out of the scripts.")
@click.option(
    "--force", is_flag=True, help="Overwrite files in the folder that efakit did not write or that were changed."
)
def render(
    spec: Path,
    out: str | None,
    targets: tuple[str, ...],
    show: str | None,
    templates: Path | None,
    no_preflight: bool,
    force: bool,
) -> None:
    """Write the bundle of SPEC: cluster.yaml, jobs/, hooks/ and DECISIONS.md.

    A target is written where the spec has its section; without a platform's section, jobs/ and hooks/ are for a Slurm
    cluster that is up already. The same spec gives the same bytes. Files that are not efakit's, or that were changed by
    hand, are never overwritten unless --force is given.
    """
    plan = plan_spec(spec, templates, preflight=not no_preflight)
    if show is not None:
        click.echo(_script(plan, show), nl=False)
        return
    if not out:  # an empty text would be the present folder
        raise click.UsageError("--out DIR is missing (or --show JOB)")
    folder = Path(out)
    written = targets or applying(plan)
    files = [*emit(plan, written), emit_decisions(plan)]
    write_bundle(folder, files, force=force, installer=_installer(plan))
    for file in files:
        click.echo(f"wrote {folder / file.path}")
    _say_next_steps(plan, folder, written)


def _script(plan: Plan, name: str) -> str:
    if plan.slurm is None:
        raise UsageError(f"--show: {', '.join(plan.spec.platforms)} runs no Slurm, so the spec has no sbatch scripts")
    names = [job.job.name for job in plan.jobs]
    if name not in names:
        known = f"jobs: {', '.join(names)}" if names else "the spec has no jobs"
        raise UsageError(f"--show: no job is named {name!r}{nearest(name, names)} ({known})")
    scripts = {file.path: file.content for file in emit(plan, ("sbatch",))}
    return scripts[f"jobs/{name}.sbatch"].decode()


def _installer(plan: Plan) -> str | None:
    """Return the address from which the cluster fetches the hooks' installer, None where it does not."""
    publication = plan.slurm.hooks.publication if plan.slurm else None
    return publication.address if publication else None


def _say_next_steps(plan: Plan, out: Path, written: tuple[str, ...]) -> None:
    if "parallelcluster" in written:
        click.echo("Judge it before you create the cluster: efakit validate SPEC")
    if "hooks" not in written or plan.slurm is None:
        return
    address, script = _installer(plan), out / "hooks/install-hooks.sh"
    if not plan.spec.platforms:
        click.echo("The spec names no platform, so the jobs and hooks are for a Slurm cluster that is up already. Copy")
        click.echo(f"{script} to its head node and run there: sudo sh install-hooks.sh")
    elif address is None:
        click.echo(
            "The spec names no bucket, so the cluster does not install the hooks by itself. Once the cluster is up,"
        )
        click.echo(f"copy {script} to its head node and run there: sudo sh install-hooks.sh")
    else:
        click.echo(f"The cluster fetches the hooks from {address}. Put them there before you")
        click.echo(f"create it: efakit hooks publish {out}")
