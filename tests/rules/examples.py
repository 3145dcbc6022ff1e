"""Runs the registry's examples: a config's and a spec's over one that is right, a script's with lines around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from efakit.catalog import instances, offerings
from efakit.catalog.variables import COMPONENTS
from efakit.errors import SpecError
from efakit.finding import Finding
from efakit.lint.config import JobNodes, lint_config
from efakit.lint.dockerfile import lint_dockerfile
from efakit.lint.script import Surroundings, lint_script
from efakit.plan.make import make_plan
from efakit.rules.releases import target_of
from efakit.rules.target import Target, any_supported
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document

SUBNET = "subnet-0123456789abcdef0"
BASE = f"""
Region: us-east-1
Image: {{Os: alinux2023}}
HeadNode:
  InstanceType: m7i.2xlarge
  Networking: {{SubnetId: {SUBNET}}}
  Ssh: {{KeyName: my-key}}
Scheduling:
  Scheduler: slurm
  SlurmQueues:
    - Name: gpu
      Networking:
        SubnetIds: [{SUBNET}]
        PlacementGroup: {{Enabled: true}}
      ComputeResources:
        - Name: p5
          InstanceType: p5.48xlarge
          MaxCount: 4
          Efa: {{Enabled: true}}
"""
SPEC = f"""
cluster:
  region: us-east-1
  queues:
    - name: gpu
      subnet: {SUBNET}
      compute_resources:
        - {{name: p5, instance: p5.48xlarge, nodes: 4}}
parallelcluster:
  key: my-key
  head_node: {{subnet: {SUBNET}}}
jobs:
  - {{name: any, template: command, program: hostname}}
"""
# What a section must have, for examples that do not show it; its platform stands alone then.
NEEDED = {
    "sagemaker": {
        "role": "arn:aws:iam::123456789012:role/SageMakerRole",
        "output": "s3://my-bucket/training",
        "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/efa:1",
    },
    "hyperpod": {},
    "pcs": {},
}
_WITHOUT_SUBNET = {"sagemaker"}
_FILES = {"train.sh": "#!/bin/bash\nsrun train\n", "train.py": "#!/usr/bin/env python3\n"}
_MISSING = "!missing"
_PLAIN = "#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --exclusive\n"


@dataclass(frozen=True)
class Known:
    zones: dict[str, str] = field(default_factory=dict)
    public_subnets: frozenset[str] = frozenset()
    free_addresses: dict[str, int] = field(default_factory=dict)
    open_to_themselves: dict[str, bool] = field(default_factory=dict)


def config_of(example: str) -> Any:
    """Return an example over the config that is right; ``# KEY is missing`` takes a key out of it."""
    text = re.sub(r"# (\w+) is missing", rf"\1: '{_MISSING}'", example)
    return _merged(yaml.safe_load(BASE), yaml.safe_load(text))


def _merged(base: Any, over: Any) -> Any:
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        both = {**base, **{key: _merged(base.get(key), value) for key, value in over.items()}}
        return {key: value for key, value in both.items() if value != _MISSING}
    if isinstance(over, list) and all(isinstance(item, Mapping) for item in over) and isinstance(base, list):
        longer = [*base, *([None] * len(over))]
        return [_merged(longer[place], item) for place, item in enumerate(over)] + base[len(over) :]
    if isinstance(over, Mapping):
        return {key: _merged(None, value) for key, value in over.items() if value != _MISSING}
    return [_merged(None, item) for item in over] if isinstance(over, list) else over


def config_findings(example: str, given: Mapping[str, Any]) -> list[Finding]:
    data = config_of(example)
    if "region" in given:
        data["Region"] = given["region"]
    account = {name: given[name] for name in ("zones", "free_addresses", "open_to_themselves") if name in given}
    return lint_config(
        data,
        version=given.get("parallelcluster", "3.16.3"),
        where=lambda path: (1, 1),
        file="cluster.yaml",
        jobs=[JobNodes(name, nodes) for name, nodes in given.get("jobs", ())],
        offerings=offerings,
        account=Known(**account) if account else None,
    )


def spec_findings(example: str, folder: Path) -> list[Finding]:
    """Return what is wrong with an example over the spec that is right; a job's keys are all the example's."""
    for name, content in _FILES.items():
        (folder / name).write_text(content)
    try:
        over = Document(folder / "spec.yaml", example).data
        base = {key: value for key, value in yaml.safe_load(SPEC).items() if key != "jobs" or "jobs" not in over}
        for name in set(NEEDED) & set(over):
            base[name] = NEEDED[name]
            base.pop("parallelcluster", None)
            if name in _WITHOUT_SUBNET:
                base["cluster"]["queues"][0].pop("subnet")
        spec = read_spec(Document(folder / "spec.yaml", yaml.safe_dump(_merged(base, over), sort_keys=False)))
    except SpecError as error:
        return list(error.findings)
    return list(make_plan(spec).job_findings)


def script_findings(example: str, given: Mapping[str, Any]) -> list[Finding]:
    releases = {name: given[name] for name in ("parallelcluster", "installer", "plugin", "instance") if name in given}
    target = target_of(**releases) if releases else any_supported()
    named = {name: given[name] for name in ("slurm",) if name in given}
    return _lint(example, target._replace(versions={**target.versions, **named}), given)


def variable_findings(example: str, given: Mapping[str, Any]) -> list[Finding]:
    versions = {name: value for name, value in given.items() if name in COMPONENTS}
    return _lint(example, Target(versions, {}, given.get("instance"), given.get("os")), given)


def dockerfile_findings(example: str) -> list[Finding]:
    return lint_dockerfile("Dockerfile", f"{example}\n".encode(), Surroundings(any_supported()))


def _lint(example: str, target: Target, given: Mapping[str, Any]) -> list[Finding]:
    text = example if re.search(r"^#(!|SBATCH)", example, re.MULTILINE) else _PLAIN + example
    data = (text if text.endswith("\n") else text + "\n").encode("utf-8", "surrogateescape")
    name = given.get("instance")
    instance = instances.get(name) if name and instances.known(name) else None
    return lint_script("job.sbatch", data, Surroundings(target, instance, lambda folder: False))
