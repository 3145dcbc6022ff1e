"""Asks every judge about a file: efakit's rules, pcluster's validators, AWS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from efakit.validate.judges import Judgement, Simulation, by_aws, by_rules, look, outcome_of
from efakit.validate.subject import SpecAlone, SpecRefused, Subject, read_subject
from efakit.vendor.pcluster_process import PclusterProcess
from efakit.vendor.simulated_account import installed_pcluster_version


def ask_judges(
    file: Path,
    version: str | None,
    *,
    vendor: bool,
    aws: bool,
    process: PclusterProcess | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> list[Judgement]:
    """Return each judge's judgement of a spec or a config, for ParallelCluster ``version`` (None: the file's own).

    ``vendor`` and ``aws`` say whether pcluster's validators and AWS are asked; ``process`` runs the validators already,
    and ``told`` hears who is asked. Raises UsageError for a file that is neither a spec nor a config.
    """
    try:
        subject = read_subject(file, version, installed_pcluster_version())
    except SpecRefused as refusal:
        return _refused_spec(refusal)
    if isinstance(subject, SpecAlone):
        if process is not None:
            process.kill()
        judgements = _without_config(subject, aws=aws)
    else:
        with Simulation(subject, vendor, process) as simulation:
            judgements = _ask(subject, simulation, aws=aws, told=told)
    plan = subject.plan
    if plan is None or plan.sections.keys() <= {"parallelcluster"}:
        return judgements
    from efakit.validate.platforms import platform_judgements

    told("the other platforms' judges")
    return judgements + platform_judgements(file, plan, vendor=vendor)


def _ask(subject: Subject, simulation: Simulation, *, aws: bool, told: Callable[[str], None]) -> list[Judgement]:
    told("efakit's rules")
    account = look(subject) if aws else None
    judgements = [by_rules(subject, account)]
    if account is not None:
        told("AWS")
        judgements.append(by_aws(subject, account))
    told("pcluster's validators")
    judgements.insert(1, simulation.judge())
    return judgements


def _without_config(spec: SpecAlone, *, aws: bool) -> list[Judgement]:
    up_already = not spec.plan.spec.platforms
    detail = (
        f"efakit's rules for a spec {'of a cluster that is up already' if up_already else 'without a Slurm cluster'}"
    )
    missing = "the spec has no section 'parallelcluster', so there is no config to judge"
    vendors = ("pcluster", "aws") if aws else ("pcluster",)
    return [
        Judgement("efakit", None, outcome_of(spec.findings), detail, spec.findings),
        *(Judgement(vendor, None, "not asked", f"{vendor}: {missing}") for vendor in vendors),
    ]


def _refused_spec(refusal: SpecRefused) -> list[Judgement]:
    detail = "efakit, of the spec; it renders no config as long as the spec has faults"
    spec = Judgement("efakit", refusal.version, "refused", detail, tuple(refusal.findings))
    return [spec, Judgement("pcluster", None, "not asked", "there is no config to judge yet")]
