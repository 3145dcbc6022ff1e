"""The scripts of every template on every instance family and stack, for the golden files in tests/emit/golden/jobs.

A template's script stands there once, for the newest stack. All others are told by their difference from it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from efakit.emit.registry import emit
from efakit.plan.make import make_plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document

GPUS = (
    "p5.48xlarge",
    "p4d.24xlarge",
    "p5en.48xlarge",
    "p6-b200.48xlarge",
    "p6-b300.48xlarge",
    "g6e.48xlarge",
)
MPI = ("hpc7a.96xlarge", "p5.48xlarge")
NEURON = ("trn1.32xlarge",)
# A ParallelCluster release, and the plugin where the release brings none: the newest stack first.
STACKS = (("3.16.3", None), ("3.13.1", None), ("3.11.0", "1.13.0"))

_IMAGE = "docker://nvcr.io#nvidia/pytorch:25.10-py3"
_PYXIS = {"runtime": "pyxis", "image": _IMAGE, "mounts": ["/fsx:/fsx"], "stack": {"installer": "1.47.0"}}
_APPTAINER = {"runtime": "apptainer", "image": "/fsx/images/train.sif", "mounts": ["/fsx:/fsx"]}
_NEURON_IMAGE = {"runtime": "pyxis", "image": "docker://public.ecr.aws#neuron/pytorch-training-neuronx:2.7"}


class Example(NamedTuple):
    """A job whose script is shown, and the instance types on which it makes sense: the first is shown in full."""

    name: str
    job: dict[str, Any]
    instances: tuple[str, ...]


EXAMPLES = (
    Example("torchrun", {"template": "torchrun", "script": "train.py"}, GPUS),
    Example("torchrun-pyxis", {"template": "torchrun", "script": "/fsx/train.py", "container": _PYXIS}, GPUS),
    Example("torchrun-apptainer", {"template": "torchrun", "script": "/fsx/train.py", "container": _APPTAINER}, GPUS),
    Example(
        "torchrun-requeue",
        {
            "template": "torchrun",
            "script": "train.py",
            "args": ["--config", "llama.yaml"],
            "time": "24:00:00",
            "signal": {"seconds": 300},
            "requeue": True,
            "resume_args": ["--resume", "latest"],
            "slurm": {"qos": "long", "mail_type": ["END", "FAIL"], "comment": "llama, third try"},
        },
        GPUS,
    ),
    Example(
        "torchrun-watch",
        {"template": "torchrun", "script": "train.py", "watch": "requeue", "requeue": True, "signal": {"seconds": 300}},
        GPUS[:1],
    ),
    Example("accelerate", {"template": "accelerate", "script": "train.py"}, GPUS),
    Example("deepspeed", {"template": "deepspeed", "script": "train.py"}, GPUS),
    Example("megatron", {"template": "megatron", "script": "pretrain_gpt.py"}, GPUS),
    Example("nccl-tests", {"template": "nccl-tests"}, GPUS),
    Example("nccl-tests-pyxis", {"template": "nccl-tests", "container": _PYXIS}, GPUS),
    Example("openmpi", {"template": "openmpi", "program": "/fsx/bin/solver"}, MPI),
    Example(
        "openmpi-apptainer",
        {"template": "openmpi", "mpi": "mpirun", "program": "/fsx/bin/solver", "container": _APPTAINER},
        MPI,
    ),
    Example("intelmpi", {"template": "intelmpi", "program": "/fsx/bin/solver"}, MPI),
    Example("osu", {"template": "osu", "nodes": 2, "program": "/fsx/osu/osu_bw"}, MPI),
    Example("neuron", {"template": "neuron", "script": "train.py"}, NEURON),
    Example("neuron-pyxis", {"template": "neuron", "script": "/fsx/train.py", "container": _NEURON_IMAGE}, NEURON),
    Example("command", {"template": "command", "program": "/fsx/bin/solver"}, (*MPI, *NEURON)),
)


class Case(NamedTuple):
    """One script: an example on an instance type and a stack."""

    example: Example
    instance: str
    release: str
    plugin: str | None

    @property
    def stack(self) -> str:
        """The stack in words."""
        return f"ParallelCluster {self.release}" + (f" with plugin {self.plugin}" if self.plugin else "")


def cases() -> list[Case]:
    """Return every case, each example's own first."""
    return [
        Case(example, instance, release, plugin)
        for example in EXAMPLES
        for instance in example.instances
        for release, plugin in STACKS
    ]


@cache
def _script(name: str, job: str, instance: str, release: str, plugin: str | None) -> str:
    resource = {"name": "main", "instance": instance, "nodes": 4}
    queue = {"name": "queue", "subnet": "subnet-0123456789abcdef1", "compute_resources": [resource]}
    cluster = {"region": "us-east-1", "stack": {"plugin": plugin} if plugin else {}, "queues": [queue]}
    own = {"version": release, "key": "my-key", "head_node": {"subnet": "subnet-0123456789abcdef0"}}
    spec = {"cluster": cluster, "parallelcluster": own, "jobs": [{"name": name, **json.loads(job)}]}
    text = json.dumps(spec)
    return emit(make_plan(read_spec(Document(Path("spec.yaml"), text))), ("sbatch",))[0].content.decode()


def script(case: Case) -> str:
    """Return a case's script."""
    example = case.example
    return _script(example.name, json.dumps(example.job), case.instance, case.release, case.plugin)


def golden_jobs() -> dict[str, str]:
    """Return each golden file by its name: a script an example, and how all others differ from these."""
    shown = {example.name: script(Case(example, example.instances[0], *STACKS[0])) for example in EXAMPLES}
    same: dict[str, list[Case]] = {}
    for case in cases():
        difference = "\n".join(_difference(shown[case.example.name], script(case)))
        same.setdefault(difference, []).append(case)
    parts = ["How each script differs from the one in this folder, comments apart (python -m scripts.renew_golden).\n"]
    parts += [f"{_heading(alike)}\n{difference}\n" for difference, alike in same.items() if difference]
    return {**{f"{name}.sbatch": text for name, text in shown.items()}, "differences.txt": "\n".join(parts)}


def _heading(alike: list[Case]) -> str:
    """Return the cases in few lines: a line for each instance type and the examples that have the same stacks."""
    stacks: dict[tuple[str, str], list[str]] = {}
    for case in alike:
        stacks.setdefault((case.instance, case.example.name), []).append(case.stack)
    names: dict[tuple[str, str], list[str]] = {}
    for (instance, name), found in stacks.items():
        names.setdefault((instance, "; ".join(found)), []).append(name)
    return "\n".join(f"== {instance}, {found}: {', '.join(those)}" for (instance, found), those in names.items())


def _difference(old: str, new: str) -> Iterator[str]:
    for line in difflib.ndiff(old.splitlines(), new.splitlines(), linejunk=None):
        if line[0] in "+-" and (line[2:].startswith("#SBATCH") or not line[2:].startswith("#")):
            yield line.rstrip()
