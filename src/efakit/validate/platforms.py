"""The judges of platforms other than ParallelCluster: each asks its vendor's own parsers about what efakit renders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from efakit.emit.registry import emit
from efakit.finding import Finding, Place
from efakit.plan.eks import EksPlan
from efakit.plan.pcs import PcsPlan
from efakit.plan.plan import Plan
from efakit.validate.judges import Judgement, outcome_of, taken, unanswered
from efakit.validate.sagemaker import by_sagemaker
from efakit.vendor import dockerfile_judges, dstack_parsers, eks_judges, sagemaker_model

_DSTACK = "https://dstack.ai/docs/reference/dstack.yml/"
_EKS = "https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html"
_NEVER_BY_EKS = (
    "schemas know keys and forms, and no capacity, quota, permission or zone; nothing here is the API server, an "
    "operator or a device plugin, and no image was looked into"
)
_HYPERPOD = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateCluster.html"
_NEVER_BY_HYPERPOD = (
    "the model knows keys, forms and instance types, and no capacity, quota, permission or zone; not what the images "
    "hold, nor whether a changed slurm.conf stops later updates"
)
_PCS = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_PCS.html"
_NEVER_BY_PCS = (
    "schemas know keys and forms, and no capacity, quota, permission or zone; not whether AWS PCS takes each custom "
    "setting of Slurm's, nor what the image holds"
)
_NO_EKSCTL = (
    "not judged: eksctl's configs by eksctl's own JSON Schema, for no eksctl is on PATH; an MPIJob by its definition, "
    "which the cluster has: its pods alone"
)
_NO_SCHEMA = _NO_EKSCTL.replace("no eksctl is on PATH", "the eksctl on PATH printed none ('eksctl utils schema')")
_NEVER_BY_DSTACK = (
    "dstack's parsers know no instance type and no capacity: 'dstack apply' shows what a fleet can have before it asks"
)
_HADOLINT = "https://github.com/hadolint/hadolint"
_NEVER_BY_PARSERS = (
    "neither hadolint nor BuildKit's parser builds: that the addresses, tags and packages of an image exist shows in "
    "build.sh, and that EFA works in it shows verify-efa.sh on a node with devices"
)


def platform_judgements(file: Path, plan: Plan, *, vendor: bool) -> list[Judgement]:
    """Return the judgement of each platform of a spec's that has a judge; ``vendor``: whether they are wanted."""
    return [judge(file, plan, vendor) for name, judge in _JUDGES.items() if name in plan.sections]


def _by_dstack(file: Path, plan: Plan, vendor: bool) -> Judgement:
    installed = dstack_parsers.installed_version()
    if not vendor:
        return Judgement("dstack", installed, "not asked", "dstack: left out by --no-vendor")
    if installed is None:
        why = "dstack: not installed; pip install 'efakit[dstack]', best in an environment of its own"
        return Judgement("dstack", None, "not asked", why)
    files = {item.path: item.content for item in emit(plan, ("dstack",)) if item.path.endswith(".yml")}
    detail = f"dstack {installed}, its parsers, of {len(files)} files"
    asked = Judgement("dstack", installed, "undecided", detail, notes=(_NEVER_BY_DSTACK,))
    said = (f"{name}: {text}" for name, text in dstack_parsers.refusals(files))
    return _answered(asked, _errors("dstack:parser", _DSTACK, file, said), f"dstack {installed} gave no answer")


def _by_eks(file: Path, plan: Plan, vendor: bool) -> Judgement:
    there = eks_judges.installed()
    said = ", ".join(f"{name} {release}" for name, release in there.items())
    if not vendor:
        return Judgement("eks", said or None, "not asked", "eks: left out by --no-vendor")
    missing = [name for name in eks_judges.PACKAGES if name not in there]
    section = plan.section(EksPlan)
    if missing or section is None:
        why = f"eks: {', '.join(missing)} not installed; pip install 'efakit[eks]', best in an environment of its own"
        return Judgement("eks", said or None, "not asked", why)
    files = {item.path: item.content for item in emit(plan, ("eks",)) if item.path.endswith(".yaml")}
    files = {name: content for name, content in files.items() if not name.startswith("eks/values-")}
    schema = eks_judges.eksctl_schema()
    no_schema = _NO_SCHEMA if eks_judges.eksctl_program() else _NO_EKSCTL
    detail = f"{said}{' and the schema of the eksctl on PATH' if schema else ''}, of {len(files)} files"
    notes = (_NEVER_BY_EKS, *(() if schema else (no_schema,)))
    refused = eks_judges.refusals(files, section.section.version, section.region, schema)
    answers = _errors("eks:schema", _EKS, file, (f"{name}: {text}" for name, text in refused))
    return _answered(Judgement("eks", said, "undecided", detail, notes=notes), answers, "eks: a judge gave no answer")


def _by_parsers(file: Path, plan: Plan, vendor: bool) -> Judgement:
    """Ask hadolint and BuildKit's parser, those that are there, about each Dockerfile."""
    program, parser = dockerfile_judges.hadolint(), dockerfile_judges.parser_version()
    if not vendor:
        return Judgement("container", None, "not asked", "hadolint: left out by --no-vendor")
    if program is None and parser is None:
        why = "neither hadolint nor BuildKit's parser is installed; pip install 'efakit[container]'"
        return Judgement("container", None, "not asked", why)
    files = {
        item.path: item.content.decode() for item in emit(plan, ("container",)) if item.path.endswith("/Dockerfile")
    }
    if not files:
        return Judgement("container", None, "not asked", "container: the spec renders no Dockerfile to be judged")
    place = Place(str(file), 1, 1)
    found: list[Finding] = []
    asked, whys, notes = [], [], [_NEVER_BY_PARSERS]
    version = None
    if program is None:
        notes.insert(0, "not asked: hadolint, which is not installed (pip install 'efakit[container]')")
    else:
        whys.append(taken(found, _by_hadolint(program, files, place)))
        with suppress(dockerfile_judges.DockerfileJudgeError):  # it has said so above
            version = dockerfile_judges.hadolint_version(program)
        asked.append(f"hadolint {version or 'of an unknown release'}")
    if parser is None:
        notes.insert(0, "not asked: BuildKit's parser, which is not installed (pip install 'efakit[container]')")
    else:
        asked.append(f"BuildKit's parser (dockerfile {parser})")
        said = (
            Finding("dockerfile:parser", "error", f"{path}:{line}: {message}", source=_HADOLINT, place=place)
            for path, text in files.items()
            for line, message in dockerfile_judges.swallowed(text)
        )
        whys.append(taken(found, said))
    if any(whys):
        detail = f"hadolint or BuildKit's parser gave no answer: {'; '.join(filter(None, whys))}"
        return unanswered("container", version, detail, found)
    detail = f"{' and '.join(asked)}, of {len(files)} Dockerfiles"
    return Judgement("container", version, outcome_of(found), detail, tuple(found), tuple(notes))


def _by_hadolint(program: str, files: Mapping[str, str], place: Place) -> Iterator[Finding]:
    for path, text in files.items():
        for item in dockerfile_judges.remarks(program, text):
            if item.level in ("error", "warning"):
                message = f"{path}:{item.line}: {item.message}"
                yield Finding(f"hadolint:{item.code}", item.level, message, source=_HADOLINT, place=place)


def _by_pcs(file: Path, plan: Plan, vendor: bool) -> Judgement:
    release = eks_judges.installed().get("cfn-lint")
    section = plan.section(PcsPlan)
    if not vendor or section is None:
        return Judgement("pcs", release, "not asked", "pcs: left out by --no-vendor")
    if release is None:
        why = "pcs: cfn-lint is not installed; pip install 'efakit[eks]', best in an environment of its own"
        return Judgement("pcs", None, "not asked", why)
    files = {item.path: item.content.decode() for item in emit(plan, ("pcs",)) if item.path.endswith(".yaml")}
    detail = f"cfn-lint {release}, CloudFormation's schemas, of {len(files)} template"
    asked = Judgement("pcs", release, "undecided", detail, notes=(_NEVER_BY_PCS,))
    said = (
        f"{name}: {text}"
        for path, content in files.items()
        for name, text in eks_judges.cfn_faults(path, content, section.region)
    )
    return _answered(asked, _errors("pcs:schema", _PCS, file, said), f"pcs: cfn-lint {release} gave no answer")


def _by_hyperpod(file: Path, plan: Plan, vendor: bool) -> Judgement:
    model = sagemaker_model.installed_version()
    if not vendor:
        return Judgement("hyperpod", model, "not asked", "hyperpod: left out by --no-vendor")
    if model is None:
        why = "hyperpod: no model of the service is installed; pip install 'efakit[aws]'"
        return Judgement("hyperpod", None, "not asked", why)
    name = "hyperpod/create-cluster.json"
    request = json.loads(next(item.content for item in emit(plan, ("hyperpod",)) if item.path == name))
    detail = f"SageMaker's model of its requests in botocore {model}, of one request"
    asked = Judgement("hyperpod", model, "undecided", detail, notes=(_NEVER_BY_HYPERPOD,))
    said = (f"{name}: {text}" for text in sagemaker_model.refusals(request, "sagemaker", "CreateCluster"))
    return _answered(asked, _errors("hyperpod:model", _HYPERPOD, file, said), f"botocore {model} gave no answer")


def _errors(rule: str, source: str, file: Path, said: Iterable[str]) -> Iterator[Finding]:
    """Give what a judge says as findings of the spec, at its first line: judges know what is rendered."""
    return (Finding(rule, "error", text, source=source, place=Place(str(file), 1, 1)) for text in said)


def _answered(asked: Judgement, answers: Iterable[Finding], no_answer: str) -> Judgement:
    """Return a judgement with the answers that came, undecided where the judge broke off: ``no_answer`` says so."""
    found: list[Finding] = []
    why = taken(found, answers)
    if why:
        return unanswered(asked.judge, asked.version, f"{no_answer}: {why}", found)
    return replace(asked, outcome=outcome_of(found), findings=tuple(found))


_JUDGES: dict[str, Callable[[Path, Plan, bool], Judgement]] = {
    "container": _by_parsers,
    "dstack": _by_dstack,
    "eks": _by_eks,
    "hyperpod": _by_hyperpod,
    "pcs": _by_pcs,
    "sagemaker": by_sagemaker,
}
