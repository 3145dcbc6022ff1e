"""The judges of what is rendered for EKS: schemas of Kubernetes and eksctl, models of Kubeflow Trainer, cfn-lint.

All but the last come from packages, and need neither a cluster nor a network. eksctl is a program: where it is on PATH,
it prints the schema that it holds files against.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import yaml

PACKAGES = ("kubernetes-validate", "kubeflow-trainer-api", "cfn-lint")
EKSCTL = "eksctl"
_SECONDS = 30
_TYPE_UNKNOWN = "E3628"
_OF_CFN_LINT = ("E0002", "E0003")
"""A rule that broke, settings that it cannot take: faults of cfn-lint's own."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Data = Mapping[str, Any]
Refusal = tuple[str, str]
"""What is refused, and what was said."""


def installed() -> dict[str, str]:
    """Return the release of each package that is installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def eksctl_program() -> str | None:
    """Return the path of the eksctl on PATH, None without one."""
    return shutil.which(EKSCTL)


def eksctl_schema() -> _Data | None:
    """Return the JSON Schema of the eksctl on PATH; None where there is none, or it prints none."""
    program = eksctl_program()
    if program is None:
        return None
    try:
        done = subprocess.run([program, "utils", "schema"], capture_output=True, timeout=_SECONDS, check=True)
        schema: Any = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    # Any other JSON would be a schema that takes everything.
    return schema if isinstance(schema, Mapping) and {"definitions", "$defs", "properties"} & set(schema) else None


def refusals(
    files: Mapping[str, bytes], kubernetes: str, region: str, eksctl: _Data | None = None, operator: _Data | None = None
) -> Iterator[Refusal]:
    """Give each document that a judge refuses and what it says; ``files`` holds each file's YAML by its name.

    ``kubernetes`` is the version, such as 1.34; ``eksctl`` eksctl's JSON Schema, without which its configs are not
    judged; ``operator`` the definition of MPIJob, without which of an MPIJob the pods alone are. Raises ImportError
    where a package is not there, or is another than it was.
    """
    for name, content in files.items():
        if name.endswith(".launch-template.yaml"):
            yield from cfn_faults(name, content.decode(), region)
            continue
        for data in yaml.load_all(content, Loader=_LOADER):
            if not isinstance(data, Mapping):
                continue
            kind = str(data.get("kind"))
            for text in _JUDGES.get(kind, _as_it_is)(data, kubernetes):
                yield name, f"{kind}: {text}"
            if kind == "ClusterConfig" and eksctl is not None:
                yield from ((name, text) for text in schema_faults(eksctl, data))
            if kind == "MPIJob" and operator is not None:
                yield from ((name, f"{kind}: {text}") for text in definition_faults(operator, data))


def schema_faults(schema: _Data, data: _Data) -> Iterator[str]:
    """Give what eksctl's JSON Schema (draft 7) has against a config."""
    from jsonschema import Draft7Validator

    for error in Draft7Validator(dict(schema)).iter_errors(data):
        yield f"{'.'.join(map(str, error.absolute_path))}: {error.message}"[:500]


def definition_faults(definition: _Data, data: _Data) -> Iterator[str]:
    """Give what a CustomResourceDefinition has against a resource, as strictly as kubectl reads it."""
    from jsonschema import Draft4Validator

    schema = _strict(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    for error in Draft4Validator(schema).iter_errors(data):
        yield f"{'.'.join(map(str, error.absolute_path))}: {error.message}"[:500]


def _strict(node: Any) -> Any:
    """Return a schema with the API server's types, that refuses keys which it does not have."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _strict(value) for key, value in node.items()}
    if found.pop("x-kubernetes-int-or-string", None):
        found.pop("type", None)
        found["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if found.get("type") == "object" and "properties" in found:
        found.setdefault("additionalProperties", False)
    return found


def _as_it_is(data: _Data, kubernetes: str) -> Iterator[str]:
    """Hold a resource of Kubernetes' own against its schema."""
    import kubernetes_validate

    try:
        kubernetes_validate.validate(dict(data), kubernetes, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield str(error.message)
    except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.utils.VersionNotSupportedError) as error:
        raise ImportError(f"no schema of {data.get('kind')} for Kubernetes {kubernetes}") from error


def _of_mpi_job(data: _Data, kubernetes: str) -> Iterator[str]:
    for role in data["spec"]["mpiReplicaSpecs"].values():
        yield from _as_it_is(_pod(role["template"]), kubernetes)


def _pod(template: _Data) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": template["spec"]}


def _of_runtime(data: _Data, kubernetes: str) -> Iterator[str]:
    from kubeflow_trainer_api import models

    yield from _by_model(models.TrainerV1alpha1TrainingRuntime, data)
    for job in data["spec"]["template"]["spec"]["replicatedJobs"]:
        yield from _as_it_is(_pod(job["template"]["spec"]["template"]), kubernetes)


def _of_train_job(data: _Data, kubernetes: str) -> Iterator[str]:
    from kubeflow_trainer_api import models

    yield from _by_model(models.TrainerV1alpha1TrainJob, data)


def _by_model(model: Any, data: _Data) -> Iterator[str]:
    """Give what a model has against data, and the keys that it does not know: it passes over them."""
    try:
        read = model.from_dict(dict(data)).to_dict()
    except ValueError as error:  # pydantic's ValidationError is one
        yield " ".join(str(error).split())
        return
    yield from _unread(data, read, "")


def _unread(data: Any, read: Any, path: str) -> Iterator[str]:
    if isinstance(data, Mapping) and isinstance(read, Mapping):
        for key, value in data.items():
            if key not in read:
                yield f"{path}{key}: no such key"
            else:
                yield from _unread(value, read[key], f"{path}{key}.")
    elif isinstance(data, list) and isinstance(read, list):
        for number, (item, other) in enumerate(zip(data, read, strict=False)):
            yield from _unread(item, other, f"{path}{number}.")


def _not_asked(data: _Data, kubernetes: str) -> Iterator[str]:
    yield from ()


def cfn_faults(name: str, text: str, region: str) -> Iterator[Refusal]:
    """Give what cfn-lint has against a template of CloudFormation; raise RuntimeError where it breaks."""
    from cfnlint.api import ManualArgs, lint

    for match in lint(text, regions=[region], config=ManualArgs(regions=[region])):
        if match.rule.id in _OF_CFN_LINT:
            raise RuntimeError(f"cfn-lint {match.rule.id}: {match.message}")
        # Which types there are and where is the catalog's to say: cfn-lint's lists are as old as its release.
        if match.rule.id.startswith("E") and match.rule.id != _TYPE_UNKNOWN:
            yield name, f"{match.rule.id}: {match.message}"


_JUDGES: dict[str, Callable[[_Data, str], Iterator[str]]] = {
    "ClusterConfig": _not_asked,
    "MPIJob": _of_mpi_job,
    "TrainingRuntime": _of_runtime,
    "TrainJob": _of_train_job,
}
