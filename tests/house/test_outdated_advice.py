"""docs/outdated-advice.md says the truth: what efakit renders and says is asked, row by row."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from efakit.catalog import instances
from efakit.emit.registry import emit
from efakit.errors import UnknownInstanceType
from efakit.finding import Finding
from efakit.lint.config import lint_config
from efakit.lint.dockerfile import lint_dockerfile
from efakit.lint.manifest import lint_manifests
from efakit.lint.script import Surroundings, lint_script
from efakit.plan.make import make_plan
from efakit.rules.registry import rule_of
from efakit.rules.releases import target_of
from efakit.rules.target import any_supported
from efakit.spec.load import load_spec, read_spec
from efakit.spec.yamltext import Document
from scripts.outdated_advice import (
    SECTIONS,
    Advice,
    Check,
    Found,
    NoSuchType,
    NotRendered,
    Rendered,
    RenderedBefore,
    TypeHas,
)
from tests.rules.examples import spec_findings

ROOT = Path(__file__).resolve().parents[2]
ROWS = [row for _, rows in SECTIONS for row in rows]
CHECKS = [pytest.param(check, id=f"{row.said[:40]}-{place}") for row in ROWS for place, check in enumerate(row.checks)]
# The ready specs of types with NVIDIA's GPUs, each with the newest release; Neuron and MPI need other variables.
GPU_SPECS = ("p4d", "p5", "p5-capacity-block", "p5en-reservation", "p6-b200", "p6-b300", "g6e")
ON_OTHERS = """
cluster:
  region: us-west-2
  queues:
    - name: gpu
      compute_resources:
        - {{name: p5, instance: p5.48xlarge, nodes: 4}}
{}
jobs:
  - {{name: train, template: accelerate, nodes: 2, script: train.py}}
  - {{name: all-reduce, template: nccl-tests, nodes: 2}}
"""
SECTIONS_OF_OTHERS = {
    "dstack": "dstack: {vpc: my-vpc}",
    "eks": 'eks: {name: my-cluster, image: "my/image:1", zones: [us-west-2a, us-west-2b]}',
}
ON_SAGEMAKER = """
cluster:
  region: us-west-2
  queues:
    - name: gpu
      compute_resources:
        - {name: p5, instance: p5.48xlarge, nodes: 4}
sagemaker:
  role: arn:aws:iam::123456789012:role/SageMakerRole
  output: s3://my-bucket/training
  image: 123456789012.dkr.ecr.us-west-2.amazonaws.com/efa:1
  stack: {installer: "1.51.0"}
jobs:
  - {name: train, template: torchrun, nodes: 2, script: train.py}
  - {name: all_reduce, template: nccl-tests, nodes: 2}
"""


@cache
def rendered() -> Mapping[str, str]:
    """Return what is rendered for GPU types, without comments and prose, by its path behind the spec's name."""
    found = {}
    for name in GPU_SPECS:
        plan = make_plan(load_spec(ROOT / "cluster-configs" / f"{name}.yaml"))
        for file in emit(plan, ("parallelcluster", "sbatch")):
            path = f"{name}.{file.path}" if file.path == "cluster.yaml" else f"{name}/{Path(file.path).name}"
            found[path] = code(file.content)
    for section in ("dstack", "eks"):
        plan = make_plan(read_spec(Document(Path("spec.yaml"), ON_OTHERS.format(SECTIONS_OF_OTHERS[section]))))
        found |= {file.path: code(file.content) for file in emit(plan, (section,))}
    plan = make_plan(read_spec(Document(Path("spec.yaml"), ON_SAGEMAKER)))
    found |= {file.path: code(file.content) for file in emit(plan, ("sagemaker",)) if not file.path.endswith(".md")}
    plan = make_plan(load_spec(ROOT / "cluster-configs/p5-container.yaml"))
    return found | {file.path: code(file.content) for file in emit(plan, ("container",))}


@cache
def rendered_before() -> str:
    """Return a job for the plugin before 1.16.0."""
    text = (ROOT / "cluster-configs/p5.yaml").read_text()
    old = text.replace("cluster:\n", "cluster:\n  stack: {plugin: '1.14.2'}\n", 1)
    files = emit(make_plan(read_spec(Document(Path("p5.yaml"), old))), ("sbatch",))
    return code(next(file.content for file in files if file.path.endswith("train.sbatch")))


def code(content: bytes) -> str:
    return "\n".join(line for line in content.decode().splitlines() if not line.lstrip().startswith("#"))


def findings(check: Found) -> list[Finding]:
    given = {name: value for name, value in check.given.items() if name != "instance"}
    instance = check.given.get("instance")
    target = target_of(instance=instance, **given) if check.given else any_supported()
    where = Surroundings(target, instances.get(instance) if instance else None, lambda folder: True)
    if check.kind == "spec":
        with tempfile.TemporaryDirectory() as folder:
            return spec_findings(check.advice, Path(folder))
    if check.kind == "dockerfile":
        return lint_dockerfile("Dockerfile", check.advice.encode(), where)
    if check.kind == "script":
        launch = "srun torchrun --nnodes=2 --nproc_per_node=8 --rdzv-backend=c10d --rdzv-endpoint=$head:29500 x.py"
        text = f"#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --exclusive\nhead=$(hostname)\n{check.advice}\n{launch}\n"
        return [item for item in lint_script("x.sbatch", text.encode(), where) if item.line == 5]
    if check.kind == "manifest":
        return lint_manifests(check.advice, "efa.yaml")
    return lint_config(config(check), version="3.16.3", where=lambda path: (1, 1), file="cluster.yaml")


def config(check: Found) -> Any:
    """Return a config that is right, with the advice put over its top or over its first compute resource."""
    data = yaml.safe_load((ROOT / "cluster-configs/p5.cluster.yaml").read_text())
    over = yaml.safe_load(check.advice)
    place = data if check.kind == "config" else data["Scheduling"]["SlurmQueues"][0]["ComputeResources"][0]
    place.update(over)
    return data


def holds(check: Check) -> bool:
    if isinstance(check, NotRendered):
        word = re.compile(rf"(?<![A-Z_]){re.escape(check.text)}")
        return not any(word.search(text) for text in rendered().values())
    if isinstance(check, Rendered):
        return any(path.endswith(check.file) and check.text in text for path, text in rendered().items())
    if isinstance(check, RenderedBefore):
        return check.text in rendered_before().splitlines()
    if isinstance(check, Found):
        return rule_of(check.rule) is not None and check.rule in [item.rule for item in findings(check)]
    if isinstance(check, TypeHas):
        return getattr(instances.get(check.name), check.field) == check.value
    with pytest.raises(UnknownInstanceType):
        instances.get(check.name)
    return isinstance(check, NoSuchType)


@pytest.mark.parametrize("check", CHECKS)
def test_what_a_row_says_of_efakit_holds(check: Check):
    assert holds(check), str(check)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.said[:40])
def test_a_row_says_what_is_right_and_on_whose_word(row: Advice):
    assert row.source.startswith("https://")
    assert row.today.endswith(".")
    assert row.where


def test_files_are_rendered_for_every_type_that_is_asked():
    paths = set(rendered())
    assert {f"{name}.cluster.yaml" for name in GPU_SPECS} <= paths
    assert {path.split("/")[0] for path in paths} >= {"dstack", "eks", "sagemaker", "container"}
    assert any(path.endswith(".sbatch") for path in paths)
