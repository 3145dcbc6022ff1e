"""One spec, the same jobs on every platform."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.emit.registry import emit
from efakit.plan.plan import make_plan
from efakit.spec.load import load_spec

PLAN = make_plan(load_spec(Path(__file__).resolve().parents[2] / "cluster-configs/all-platforms.yaml"))
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
