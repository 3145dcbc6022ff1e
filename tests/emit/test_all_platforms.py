"""One spec, the same jobs on every platform."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.emit.registry import emit
from efakit.plan.make import make_plan
from efakit.spec.load import load_spec, read_spec
from efakit.spec.yamltext import Document

SPEC = Path(__file__).resolve().parents[2] / "cluster-configs/all-platforms.yaml"
PLAN = make_plan(load_spec(SPEC))
FILES = {file.path: file.content.decode(errors="replace") for file in emit(PLAN)}
JOBS = {
    "jobs/{}.sbatch": "#SBATCH --nodes=2",
    "eks/{}.job.yaml": "vpc.amazonaws.com/efa: 4",
    "dstack/{}.dstack.yml": "nodes: 2",
    "sagemaker/{}.request.json": '"ml.p4d.24xlarge"',
}


@pytest.mark.parametrize(("place", "what"), JOBS.items(), ids=JOBS)
def test_each_platform_runs_each_job_on_its_nodes(place, what):
    for job in PLAN.spec.jobs:
        assert what in FILES[place.format(job.name)]


@pytest.mark.parametrize("place", ["jobs/{}.sbatch", "eks/{}.job.yaml", "dstack/{}.sh", "sagemaker/{}.request.json"])
def test_on_no_platform_a_job_falls_back_to_tcp_in_silence(place):
    for job in PLAN.spec.jobs:
        assert re.search(r"\bNCCL_NET\b.*Libfabric", FILES[place.format(job.name)])


def test_each_platform_has_an_image_and_a_readme_with_its_commands():
    for name in ("slurm", "eks", "dstack", "sagemaker"):
        assert f"container/{name}/Dockerfile" in FILES
    for name in ("container", "eks", "dstack", "sagemaker"):
        assert "```" in FILES[f"{name}/README.md"]


def test_lint_finds_nothing_in_what_is_rendered_for_the_other_platforms(tmp_path):
    for path, text in FILES.items():
        if path.partition("/")[0] in ("container", "eks", "dstack", "sagemaker"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
    done = CliRunner().invoke(efakit, ["lint", str(tmp_path), "--format", "json"])
    assert json.loads(done.stdout) == []


# What each of the documents that the project began from shows, in files of this one spec.
EXAMPLES = {
    "an image with EFA for SageMaker": ("container/sagemaker/Dockerfile", "efa_installer.sh -y --skip-kmod"),
    "an MPIJob with NCCL's tests on EKS": ("eks/nccl-tests.job.yaml", "kind: MPIJob"),
    "nodes of EKS with EFA": ("eks/cluster.yaml", "efaEnabled: true"),
    "a fleet of dstack": ("dstack/gpu-p4d.fleet.dstack.yml", "placement: cluster"),
    "dstack's server": ("dstack/server-config.yml", "vpc_name: my-vpc"),
    "a task of dstack on several nodes": ("dstack/train.dstack.yml", "nodes: 2"),
    "a training job of SageMaker": ("sagemaker/train.sagemaker.py", "ModelTrainer("),
    "a cluster with placement groups and EFA": ("cluster.yaml", "PlacementGroup:"),
}


@pytest.mark.parametrize(("place", "what"), EXAMPLES.values(), ids=EXAMPLES)
def test_each_example_is_there(place, what):
    assert what in FILES[place]


def test_smddp_is_a_change_of_the_section_alone():
    spec = yaml.safe_load(SPEC.read_text())
    spec["sagemaker"] |= {"smddp": True, "pytorch": "2.0.1", "source": ".", "jobs": ["train"]}
    del spec["sagemaker"]["stack"]
    plan = make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec))))
    files = {file.path: file.content.decode() for file in emit(plan, ("sagemaker",))}
    assert "smdistributed" in files["sagemaker/train.sagemaker.py"]
