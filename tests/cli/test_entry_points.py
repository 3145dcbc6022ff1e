"""Each row about software that goes wrong speaks wherever a user asks: commands, the bundle, the node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from efakit.catalog.instances import get
from efakit.catalog.known_bad import KNOWN_BAD, BadPair
from efakit.cli.main import efakit
from efakit.hook.installed import check_versions
from tests.rules.test_stack import inside, matching

# What could be better is told by explain and lint alone.
ROWS = [row for row in KNOWN_BAD if row.severity != "info"]
by_row = pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
SUBNET = "subnet-0123456789abcdef1"


def ask(*words: str | Path) -> Result:
    return CliRunner().invoke(efakit, [str(word) for word in words])


def findings(done: Result, row: BadPair) -> list[str]:
    """Return the severities of what a command says of the row, and assert that an error fails the command."""
    data = json.loads(done.stdout)
    severities = [
        item["severity"]
        for item in (data if isinstance(data, list) else data["findings"])
        if row.effect in item["message"]
    ]
    assert done.exit_code == 1 or "error" not in severities
    return severities


def options(row: BadPair) -> list[str]:
    return [word for name, version in inside(row).items() for word in (f"--{name}", str(version))]


@pytest.fixture
def script(row: BadPair, tmp_path: Path) -> Path:
    path = tmp_path / "train.sbatch"
    gpus = f"#SBATCH --gpus-per-node={get(matching(row.instances)).gpus}"
    path.write_text("\n".join(["#!/bin/bash", "#SBATCH --nodes=2 --partition=gpu", gpus, "srun torchrun train.py", ""]))
    return path


@pytest.fixture
def spec(row: BadPair, tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    node = {"name": "n", "instance": matching(row.instances), "nodes": 2}
    queue = {"name": "gpu", "subnet": SUBNET, "compute_resources": [node]}
    cluster = {"region": "us-east-1", "stack": dict(inside(row)), "queues": [queue]}
    job = {"name": "train", "template": "torchrun", "nodes": 2, "script": "train.py"}
    head = {"subnet": SUBNET}
    path.write_text(
        yaml.safe_dump({"cluster": cluster, "parallelcluster": {"key": "k", "head_node": head}, "jobs": [job]})
    )
    return path


@by_row
def test_explain_says_it(row):
    done = ask("explain", "--instance", matching(row.instances), *options(row), "--format", "json")
    assert row.effect in done.stdout


@by_row
def test_lint_with_a_target_says_it(row, script):
    done = ask("lint", script, "--instance", matching(row.instances), *options(row), "--format", "json")
    assert findings(done, row) == [row.severity]


@by_row
def test_lint_with_a_spec_says_it(row, script, spec):
    assert findings(ask("lint", script, "--spec", spec, "--format", "json"), row) == [row.severity]


@by_row
def test_validate_says_it(row, spec):
    assert findings(ask("validate", spec, "--no-vendor", "--format", "json"), row) == [row.severity]


@by_row
def test_render_writes_it_into_the_decisions(row, spec, tmp_path):
    ask("render", spec, "--out", tmp_path / "bundle")
    assert row.effect.split(";")[0][:40] in " ".join((tmp_path / "bundle/DECISIONS.md").read_text().split())


@by_row
def test_the_health_check_says_it_of_what_is_installed(row):
    said = [found for found in check_versions(inside(row), matching(row.instances)) if row.effect in found.message]
    # A job brings an NCCL of its own, so the node's is a note.
    assert [found.severity for found in said] == ["info" if "nccl" in {**row.since, **row.until} else row.severity]
