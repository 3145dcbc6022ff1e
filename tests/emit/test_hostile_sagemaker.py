"""Hostile values in every field of a job and of the section, for SageMaker: each is refused, or stays a literal.

The values are those of the test for sbatch scripts. What comes out is run with stand-ins, and Python's own parser says
what the Python file has.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efakit.emit.registry import File
from efakit.errors import SpecError
from tests.emit.test_hostile_jobs import BASES, FIELDS, HOSTILE, placed
from tests.emit.test_sagemaker import TRAIN, files_of, request_of, run

TYPES = {"torchrun": "p5.48xlarge", "accelerate": "p5.48xlarge", "neuron": "trn1.32xlarge", "nccl-tests": "p5.48xlarge"}
TYPES["openmpi"] = "c6i.32xlarge"
SECTION_FIELDS = ("role", "output", "image", "source", "inputs", "training_plan", "jobs", "pytorch", "stack")


def literals(file: File) -> dict[str, Any]:
    """Return what a Python file assigns at its top where that is a literal, and all texts that stand in it."""
    tree = ast.parse(file.content)
    found = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "ENVIRONMENT"
    }
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {**found, "texts": texts}


def statements(file: File) -> list[str]:
    """Return the shape of a Python file: its nodes without the literals."""
    return [type(node).__name__ for node in ast.walk(ast.parse(file.content))]


@pytest.mark.thorough
@given(st.sampled_from(sorted(TYPES)), st.sampled_from(FIELDS), HOSTILE, st.sampled_from([2, 3]))
@settings(max_examples=settings().max_examples * 2)
def test_a_value_of_a_job_is_refused_or_stays_a_literal(tmp_path_factory, base, field, value, line):
    job = {"name": "j", **placed(base, field, value)}
    if base == "openmpi":
        job.pop("mpi", None)
    try:
        files = files_of(job, instance=TYPES[base], sdk=line, source="../..")
    except SpecError:
        return
    names = [path for path in files if path.endswith(".sagemaker.py")]
    if not names:
        return  # left out, with the reason
    (name,) = names
    request = request_of(files[name.replace(".sagemaker.py", ".request.json")])
    read = literals(files[name])
    assert read["ENVIRONMENT"] == request.get("Environment", {})
    if field == "env.OWN":
        assert request["Environment"]["OWN"] == value
    if field not in ("setup", "body", "template"):
        plain = {"name": "j", **json.loads(json.dumps(BASES[base][0]))}
        plain.pop("mpi", None)
        script = files[name.replace(".sagemaker.py", ".sagemaker.sh")]
        if field in ("script", "program", "args", "launcher_args"):
            assert value in run(script, tmp_path_factory.mktemp("run"), host="algo-1")


@given(st.sampled_from(SECTION_FIELDS), HOSTILE, st.sampled_from([2, 3]))
@settings(max_examples=settings().max_examples * 60 // 100)
def test_a_value_of_the_section_is_refused_or_stays_a_literal(field, value, line):
    shaped: Any = {"inputs": {"train": value}, "jobs": [value], "stack": {"installer": value}}.get(field, value)
    plain = files_of(TRAIN, sdk=line, source="../..", inputs={"train": "s3://b/c"})
    try:
        files = files_of(TRAIN, sdk=line, **{"source": "../..", "inputs": {"train": "s3://b/c"}, field: shaped})
    except SpecError:
        return
    if field == "training_plan":
        assert value in literals(files["train.sagemaker.py"])["texts"]
        return
    assert statements(files["train.sagemaker.py"]) == statements(plain["train.sagemaker.py"])
    if field in ("source", "image", "inputs"):
        assert value in literals(files["train.sagemaker.py"])["texts"]


@given(st.lists(HOSTILE, max_size=3))
@settings(max_examples=settings().max_examples * 40 // 100)
def test_arguments_of_smddp_s_script_stay_literals(arguments):
    section = {"smddp": True, "pytorch": "2.0.1", "source": "../.."}
    try:
        files = files_of({**TRAIN, "args": arguments}, instance="p4d.24xlarge", **section)
    except SpecError:
        return
    (given_,) = [
        node.value
        for node in ast.parse(files["train.smddp.py"].content).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "sys.argv"
    ]
    assert ast.literal_eval(given_) == ["train.py", *arguments]


def test_a_value_that_broke_out_would_be_seen(tmp_path: Path):
    """The test of the test: a quote that ends a literal early changes the file's shape."""
    file = files_of(TRAIN, source="../..")["train.sagemaker.py"]
    broken = File(file.path, file.content.replace(b'"../.."', b'".." + print("x")'))
    assert statements(broken) != statements(file)
