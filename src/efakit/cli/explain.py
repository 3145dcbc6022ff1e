"""``efakit explain``."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from pathlib import Path

import click

from efakit.catalog.variables import WORKLOADS
from efakit.cli import complete
from efakit.cli.command import Command
from efakit.cli.target_options import further, target_from, target_options
from efakit.cli.wrapped import wrapped
from efakit.errors import UsageError
from efakit.inputs import is_stdin


@click.command(
    short_help="Explain efakit's decisions for a spec or instance type, and its variables, rules and templates.",
    cls=Command,
)
@click.argument("spec", type=click.Path(path_type=Path), required=False)
@click.option(
    "--job",
    metavar="NAME",
    shell_complete=complete.jobs,
    help="Of the spec: the environment of this job, and the variables that it leaves unset.",
)
@click.option(
    "--variable",
    metavar="NAME",
    shell_complete=complete.variables,
    help="Explain one environment variable.",
)
@click.option(
    "--rule", metavar="ID", shell_complete=complete.rules, help="Explain what a rule finds, why, and how to fix it."
)
@click.option(
    "--template",
    metavar="NAME",
    shell_complete=complete.templates,
    help="Explain what a job template launches, and which keys of a job it reads.",
)
@target_options
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    type=click.Choice(list(WORKLOADS)),
    help="The workload; may be repeated. Default: the instance type's usual one.",
)
@click.option(
    "--container",
    type=click.Choice(["pyxis", "apptainer"]),
    help="The job runs in a container: the releases are the image's, and the exports must override the image's.",
)
@click.option("--all", "everything", is_flag=True, help="With --instance: every variable, with its reason and source.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(
    spec: Path | None,
    job: str | None,
    variable: str | None,
    rule: str | None,
    template: str | None,
    instance: str | None,
    installer: str | None,
    parallelcluster: str | None,
    plugin: str | None,
    nccl: str | None,
    libfabric: str | None,
    os: str | None,
    workloads: tuple[str, ...],
    container: str | None,
    everything: bool,
    form: str,
) -> None:
    """Explain efakit's decisions, each with its reason and source. Writes nothing.

    With SPEC (- is standard input): every decision about its cluster, hooks and jobs. With --instance: what a job
    exports there, as lines for a shell, and which option would tell what is not known; with --all also the
    variables that the plugin sets, those to leave unset, and why. With --variable: what one variable does, where
    and since when. With --rule: what a rule of lint, validate, the hook or hooks status finds, why that matters, a
    wrong example and its correction. With --template: what a job template launches.
    """
    releases = (installer, parallelcluster, plugin, nccl, libfabric, *further().values())
    ways = {"SPEC": spec, "--variable": variable, "--rule": rule, "--template": template, "--instance": instance}
    given = [way for way, value in ways.items() if value is not None]
    if len(given) != 1:
        raise UsageError(f"explain needs one of {', '.join(ways)}; given: {', '.join(given) or 'none'}")
    _check_spec(spec, job)
    if instance is None and (any(releases) or os or workloads or container or everything):
        options = (
            "--installer, --parallelcluster, --plugin, --nccl, --libfabric, --os, --workload, --container and --all"
        )
        raise UsageError(f"{options} need --instance")
    if container and parallelcluster:
        raise UsageError("--container: the releases are the image's; give its --installer instead of --parallelcluster")
    named = {"variable": variable, "rule": rule, "template": template}
    for what, name in named.items():
        if name is not None:
            _explain_named(what, name, form)
            return
    if instance is not None:
        from efakit.cli.explain_environment import explain_instance

        if not container:
            installer, parallelcluster = _or_newest(installer, parallelcluster)
        target = target_from(instance, installer, parallelcluster, plugin, nccl, libfabric, os)
        if container:
            # The kernel's driver is the host's, whatever installer made the image.
            target = target._replace(
                versions={name: version for name, version in target.versions.items() if name != "driver"}
            )
        explain_instance(
            target, workloads, form, everything=everything, container=container, options=_options_by_component()
        )
    elif spec is not None and job is not None:
        from efakit.cli.explain_environment import explain_job

        explain_job(spec, job, form)
    elif spec is not None:
        _explain_spec(spec, form)


def _check_spec(spec: Path | None, job: str | None) -> None:
    """Raise UsageError for a job of no spec, and for a word that is no file but a name that an option explains."""
    if spec is None:
        if job is not None:
            raise UsageError("--job needs a spec: give SPEC too")
        return
    word = str(spec)
    if is_stdin(spec) or _is_there(spec):
        return
    _refuse_name(word)


_FILE_ENDS = (".yaml", ".yml", ".json")
_MOST_NEAR = 3
_SHAPES = {
    "variable": re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", re.ASCII),
    "instance type": re.compile(r"[a-z]+[0-9][a-z0-9-]*\.([0-9a-z-]*large|metal[0-9a-z-]*)", re.ASCII),
}


def _refuse_name(word: str) -> None:
    """Raise UsageError for a word that an option explains, or that is like one, or has the shape of one."""
    from efakit.catalog import instances
    from efakit.catalog.job_templates import template_names
    from efakit.catalog.variable_names import known
    from efakit.nearness import did_you_mean, near
    from efakit.rules.registry import rules

    if os.sep in word or word.lower().endswith(_FILE_ENDS):
        return  # who reads it says that it is not there, and how a spec begins
    names = {
        "--instance": [instance.name for instance in instances.all_types()],
        "--variable": known(),
        "--rule": rules(),
        "--template": template_names(),
    }
    meant = [f"{option} {word}" for option, all_names in names.items() if word in all_names]
    if meant:
        raise UsageError(f"{word}: no such file; {did_you_mean(meant)}")
    options = {name: option for option, all_names in names.items() for name in all_names}
    meant = [f"{options[name]} {name}" for name in near(word, options, _MOST_NEAR, 0.75)]
    shapes = [what for what, shape in _SHAPES.items() if shape.fullmatch(word)]
    if meant or shapes:
        what = shapes[0] if shapes else "variable, rule, instance type or template"
        hint = f"; {did_you_mean(meant)}" if meant else ""
        raise UsageError(f"{word}: no such file, and no {what} of this name is known{hint}")


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True  # who reads it says what is wrong
    return True


def _explain_named(what: str, name: str, form: str) -> None:
    """Tell all that is known of something that has a name of its own."""
    if what == "variable":
        from efakit.cli.explain_variable import explain_variable

        explain_variable(name, form)
    elif what == "rule":
        from efakit.cli.explain_rule import explain_rule

        explain_rule(name, form)
    else:
        from efakit.cli.explain_template import explain_template

        explain_template(name, form)


def _options_by_component() -> dict[str, str]:
    """Return the options of this command that name a release, by the component."""
    parameters = click.get_current_context().command.params
    named = {str(item.name): item.opts[0] for item in parameters if isinstance(item, click.Option)}
    return {"kernel": named["os"], **named}


def _or_newest(installer: str | None, parallelcluster: str | None) -> tuple[str | None, str | None]:
    """Return both; without any that decides the installer, the newest ParallelCluster."""
    from efakit.catalog.stacks import newest_parallelcluster

    return installer, parallelcluster or (None if installer else newest_parallelcluster())


def _explain_spec(path: Path, form: str) -> None:
    from efakit.validate.spec import plan_spec

    plan = plan_spec(path)
    if form == "json":
        from efakit.emit.parallelcluster.comments import place_of

        decisions = [
            {**asdict(decision), "of": list(decision.of), "place": list(place_of(decision, plan))}
            for decision in plan.decisions
        ]
        findings = [{**finding.as_data(), "place": list(finding.place.keys)} for finding in plan.findings]
        document = {"stack": plan.stack._asdict(), "decisions": decisions, "findings": findings}
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(plan.stack.summary())
    for decision in plan.decisions:
        click.echo(f"\n{decision.subject}: {decision.choice}")
        click.echo(wrapped(decision.reason, 100, "  ", "  "))
        if decision.source:
            click.echo(f"  {decision.source}")
    for finding in plan.findings:
        click.echo(f"\n{finding.severity} {finding.rule}: {finding.message}")
        click.echo(f"  fix: {finding.fix}\n  {finding.source}")
