"""``efakit render`` says what the release cannot do, and writes all targets all the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.cli.render import render
from efakit.errors import SpecError

CASES = Path(__file__).resolve().parents[1] / "spec" / "cases"


@pytest.mark.parametrize(
    ("name", "rule", "code"),
    [("old", "release-lambda-runtime", 0), ("b300", "release-p6-b300", 1), ("login2", None, 0)],
)
def test_a_fault_of_the_release_is_said_and_the_bundle_is_written(
    tmp_path: Path, name: str, rule: str | None, code: int
):
    spec = tmp_path / "spec.yaml"
    spec.write_text((CASES / f"{name}.yaml").read_text())
    (tmp_path / "train.py").write_text("")
    done = CliRunner().invoke(render, [str(spec), "--out", str(tmp_path / "out")])
    assert done.exit_code == code, done.output
    assert ("release-" in done.stderr) == (rule is not None)
    assert rule is None or f"error {rule}" in done.stderr
    for file in ("cluster.yaml", "hooks/hook.json", "DECISIONS.md"):
        assert (tmp_path / "out" / file).is_file()
    assert list((tmp_path / "out" / "jobs").iterdir())


SPEC = """
cluster:
  region: REGION
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef0
      compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 4MORE}]
parallelcluster:
  key: my-key
  head_node: {subnet: subnet-0123456789abcdef0}
  overrides: OVERRIDES
jobs: [{name: any, template: command, program: hostname}]
"""


@pytest.mark.parametrize(
    ("region", "more", "overrides", "said", "code"),
    [
        ("us-east-1", "", "{}", None, 0),
        ("us-est-1", "", "{}", (3, "warning region-unknown"), 0),
        ("us-east-1", ", min_nodes: 4", "{}", (7, "warning static-nodes"), 0),
        (
            "us-east-1",
            "",
            "{Scheduling: {SlurmSettings: {ScaledownIdletime: 300}}}",
            (11, "warning idle-time"),
            0,
        ),
        ("us-east-1", "", "{HeadNode: {InstanceTyp: m5.large}}", (11, "error unknown-key"), 1),
    ],
)
def test_what_the_rendered_config_is_warned_about_is_said_at_its_line_in_the_spec(
    tmp_path: Path, region: str, more: str, overrides: str, said: tuple[int, str] | None, code: int
):
    spec = tmp_path / "spec.yaml"
    text = SPEC.replace("REGION", region).replace("MORE", more).replace("OVERRIDES", overrides)
    spec.write_text(text)
    done = CliRunner().invoke(render, [str(spec), "--out", str(tmp_path / "out")])
    assert done.exit_code == code, done.output
    assert (tmp_path / "out" / "cluster.yaml").is_file()
    told = re.findall(r"spec\.yaml:(\d+):\d+: (\w+ [-\w]+):", done.stderr)
    assert told == ([] if said is None else [(str(said[0]), said[1])])


def test_a_cluster_config_is_called_one(tmp_path: Path):
    config = tmp_path / "cluster.yaml"
    config.write_text("HeadNode: {}\nScheduling: {Scheduler: slurm}\n")
    done = CliRunner().invoke(render, [str(config), "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, SpecError)
    assert "ParallelCluster config" in str(done.exception)
    assert "efakit validate" in str(done.exception)
