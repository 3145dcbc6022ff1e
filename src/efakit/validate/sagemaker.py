"""The judge of SageMaker's part of a spec: the service's model, and the SDK on a simulated account."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from efakit.catalog import sagemaker as rows
from efakit.emit.registry import emit
from efakit.errors import EfakitError
from efakit.finding import Finding, Place
from efakit.plan.plan import Plan
from efakit.plan.sagemaker import SageMakerPlan
from efakit.validate.judges import Judgement, outcome_of, taken, unanswered
from efakit.vendor import sagemaker_model, sagemaker_sdk

_NEVER = (
    "no pass proves capacity, quota, permissions of the role, what is in the image or in S3, or that SageMaker offers "
    "the type in the region"
)
_REQUEST, _FILE = ".request.json", ".sagemaker.py"


def by_sagemaker(file: Path, plan: Plan, vendor: bool) -> Judgement:
    """Return the judgement; ``vendor`` says whether it is wanted."""
    section = plan.section(SageMakerPlan)
    model = sagemaker_model.installed_version()
    if not vendor or section is None:
        return Judgement("sagemaker", model, "not asked", "sagemaker: left out by --no-vendor")
    if model is None:
        why = "sagemaker: no model of the service is installed; pip install 'efakit[aws]'"
        return Judgement("sagemaker", None, "not asked", why)
    files = {item.path.partition("/")[2]: item.content for item in emit(plan, ("sagemaker",))}
    requests = {name: json.loads(content) for name, content in files.items() if name.endswith(_REQUEST)}
    if not requests:
        return Judgement("sagemaker", model, "not asked", "sagemaker: the spec renders no training job to be judged")
    place = Place(str(file), 1, 1)
    found: list[Finding] = []
    said_by_model = (
        Finding("sagemaker:model", "error", f"{name}: {text}", source=rows.CREATE, place=place)
        for name, request in requests.items()
        for text in sagemaker_model.refusals(request)
    )
    why = taken(found, said_by_model)
    if why:
        return unanswered("sagemaker", model, f"botocore {model} gave no answer: {why}", found)
    detail = f"SageMaker's model of its requests in botocore {model}, of {len(requests)} requests"
    limit, why_not = "", _why_no_sdk(section)
    if why_not is None:
        try:
            scripts = [str(job.plan.job.script) for job in section.jobs if job.plan.job.script]
            answers = sagemaker_sdk.sent(files, scripts)
            unsaid = [name for name in files if name.endswith(_FILE) and name not in answers]
            if unsaid:
                limit = f"SageMaker's SDK gave no answer for {', '.join(unsaid)}"
            said = list(_differences(answers, requests))
        except EfakitError as error:
            limit, said = str(error), []
        else:
            detail += f"; its SDK {sagemaker_sdk.installed_version()} on a simulated account, of as many files"
        found += [Finding("sagemaker:sdk", "error", text, source=rows.CREATE, place=place) for text in said]
    notes = (*([why_not] if why_not else []), _NEVER)
    return Judgement("sagemaker", model, outcome_of(found), detail, tuple(found), notes, limit)


def _why_no_sdk(section: SageMakerPlan) -> str | None:
    line, installed = section.section.sdk, sagemaker_sdk.installed_version()
    extra = "sagemaker" if line == 3 else "sagemaker-v2"
    if installed is None:
        return f"SageMaker's SDK was not asked: pip install 'efakit[{extra}]', in an environment of its own"
    if installed.split(".")[0] != str(line):
        return f"SageMaker's SDK {installed} was not asked: the files are for line {line} (efakit[{extra}])"
    return None


def _differences(sent: Mapping[str, Any], requests: Mapping[str, Any]) -> Iterator[str]:
    """Give what the SDK refused, or sends otherwise than the request beside its file says."""
    for name, answer in sent.items():
        if isinstance(answer, str):
            yield f"{name}: {answer}"
            continue
        wanted = requests[name.removesuffix(_FILE) + _REQUEST]
        got = sagemaker_sdk.with_the_plain_name(answer, wanted["TrainingJobName"])
        for key in sorted(key for key in {*got, *wanted} if got.get(key) != wanted.get(key)):
            yield f"{name}: the SDK sends another {key} than {name.removesuffix(_FILE)}{_REQUEST} has"
