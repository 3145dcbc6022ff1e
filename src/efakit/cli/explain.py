"""``efakit explain``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from efakit.catalog.variables import WORKLOADS
from efakit.cli.target_options import target_from, target_options
from efakit.errors import UsageError


def _complete_rule(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from efakit.cli.explain_rule import complete_rule

    return complete_rule(context, parameter, incomplete)


@click.command(short_help="Say what efakit decides, and why: for a spec, an instance type, a variable, a rule.")
@click.argument("spec", type=click.Path(path_type=Path), required=False)
@click.option("--job", metavar="NAME", help="Explain the environment of this job of the spec, and what stays unset.")
@click.option("--variable", metavar="NAME", help="Explain one environment variable.")
@click.option(
    "--rule", metavar="ID", shell_complete=_complete_rule, help="Tell what a rule finds, why, and how to mend it."
)
@target_options
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    type=click.Choice(list(WORKLOADS)),
    help="What runs there; may be repeated. Default: what the instance type is for.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(
    spec: Path | None,
    job: str | None,
    variable: str | None,
    rule: str | None,
    instance: str | None,
    installer: str | None,
    parallelcluster: str | None,
    plugin: str | None,
    nccl: str | None,
    libfabric: str | None,
    os: str | None,
    workloads: tuple[str, ...],
    form: str,
) -> None:
    """Say what efakit decides, each choice with its reason and its source. Writes nothing.

    With SPEC: every decision about its cluster, hooks and jobs. With --instance, --installer and --workload: which
    environment variables a job needs there, which the plugin sets, and which should stay unset. With
    --variable: what one variable does, where and since when. With --rule: what a rule of lint, validate, the hook or
    hooks status finds, why that matters, a wrong example and the same one right.
    """
    releases = (installer, parallelcluster, plugin, nccl, libfabric)
    ways = {"SPEC": spec, "--variable": variable, "--rule": rule, "--instance": instance}
    given = [way for way, value in ways.items() if value is not None]
    if len(given) != 1:
        raise UsageError(
            f"explain needs one of SPEC, --variable, --rule and --instance; given: {', '.join(given) or 'none'}"
        )
    if spec is None and job is not None:
        raise UsageError("--job names a job of a spec: give SPEC too")
    if instance is None and (any(releases) or os or workloads):
        options = "--installer, --parallelcluster, --plugin, --nccl, --libfabric, --os and --workload"
        raise UsageError(f"{options} go with --instance")
    if variable is not None:
        from efakit.cli.explain_variable import explain_variable

        explain_variable(variable, form)
    elif rule is not None:
        from efakit.cli.explain_rule import explain_rule

        explain_rule(rule, form)
    elif instance is not None:
        from efakit.cli.explain_environment import explain_instance

        installer, parallelcluster = _or_newest(installer, parallelcluster)
        target = target_from(instance, installer, parallelcluster, plugin, nccl, libfabric, os)
        explain_instance(target, workloads, form)
    elif spec is not None and job is not None:
        from efakit.cli.explain_environment import explain_job

        explain_job(spec, job, form)
    elif spec is not None:
        _explain_spec(spec, form)


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
        click.echo(click.wrap_text(decision.reason, 100, "  ", "  "))
        if decision.source:
            click.echo(f"  {decision.source}")
    for finding in plan.findings:
        click.echo(f"\n{finding.severity} {finding.rule}: {finding.message}")
        click.echo(f"  fix: {finding.fix}\n  {finding.source}")
