"""The cluster switches Pyxis on for jobs in its containers: what cluster.yaml fetches, and what the script does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.emit.registry import emit
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document

SCRIPT = Path(__file__).resolve().parents[2] / "prolog/enable-pyxis.sh"
ADDRESS = "s3://b-1/p/enable-pyxis.sh"
SPEC = """\
cluster:
  region: us-east-1
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef1
      compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 4}]
    - name: other
      subnet: subnet-0123456789abcdef1
      compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 4}]
parallelcluster:
  key: my-key
  head_node: {subnet: subnet-0123456789abcdef0}
hooks: {bucket: s3://b-1/p}
jobs:
  - name: train
    template: torchrun
    script: train.py
    container: {runtime: pyxis, image: /shared/a.sqsh}
"""


def plan_of(text: str) -> Plan:
    return make_plan(read_spec(Document(Path("spec.yaml"), text)))


def config_of(text: str) -> Any:
    return yaml.safe_load(emit(plan_of(text), ("parallelcluster",))[0].content)


def test_head_node_and_the_job_s_queue_fetch_the_script_and_may_read_it():
    config = config_of(SPEC)
    (installer, pyxis) = config["HeadNode"]["CustomActions"]["OnNodeConfigured"]["Sequence"]
    assert installer["Script"] == "s3://b-1/p/install-hooks.sh"
    assert pyxis == {"Script": ADDRESS, "Args": ["head"]}
    gpu, other = config["Scheduling"]["SlurmQueues"]
    assert gpu["CustomActions"] == {"OnNodeStart": {"Script": ADDRESS, "Args": ["node"]}}
    access = {"BucketName": "b-1", "KeyName": "p/enable-pyxis.sh"}
    assert access in config["HeadNode"]["Iam"]["S3Access"]
    assert gpu["Iam"]["S3Access"] == [access]
    assert "CustomActions" not in other
    assert plan_of(SPEC).findings == ()


def test_the_user_s_own_actions_stay_ahead_of_it():
    action = "custom_actions: {on_node_start: {script: 's3://mine/a.sh'}}"
    own = f"  queues: {{gpu: {{{action}, iam: {{role: 'arn:aws:iam::123456789012:role/a'}}}}}}\n"
    gpu, _ = config_of(SPEC.replace("hooks:", own + "hooks:"))["Scheduling"]["SlurmQueues"]
    assert [action["Script"] for action in gpu["CustomActions"]["OnNodeStart"]["Sequence"]] == [
        "s3://mine/a.sh",
        ADDRESS,
    ]
    assert "S3Access" not in gpu["Iam"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("runtime: pyxis", "runtime: apptainer"),
        ("hooks: {bucket: s3://b-1/p}\n", ""),
        ("  key: my-key\n", "  key: my-key\n  version: '3.11.0'\n"),
    ],
)
def test_without_a_job_for_it_a_bucket_or_a_release_that_needs_it_nothing_is_fetched(old, new):
    text = SPEC.replace(old, new)
    assert text != SPEC
    assert "enable-pyxis" not in yaml.safe_dump(config_of(text))
    assert not [file for file in emit(plan_of(text), ("hooks",)) if "pyxis" in file.path]


def test_the_script_is_in_the_bundle_and_published_beside_the_installer(tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC)
    run = CliRunner()
    assert run.invoke(efakit, ["render", str(tmp_path / "spec.yaml"), "--out", str(tmp_path / "out")]).exit_code == 0
    assert (tmp_path / "out/hooks/enable-pyxis.sh").read_bytes() == SCRIPT.read_bytes()
    said = run.invoke(efakit, ["hooks", "publish", str(tmp_path / "out"), "--dry-run"]).output
    assert f"to {ADDRESS}" in said
    assert "to s3://b-1/p/install-hooks.sh" in said


EXAMPLES = {
    "enroot/enroot.conf": "#ENROOT_A b\nENROOT_RUNTIME_PATH /run/enroot/user-$(id -u)/runtime\n",
    "spank/plugstack.conf": "# an example\ninclude /opt/slurm/etc/plugstack.conf.d/*\n",
    "pyxis/pyxis.conf": "# an example\nrequired /usr/local/lib/slurm/spank_pyxis.so runtime_path=/run/pyxis\n",
}


@pytest.fixture
def root(tmp_path) -> Path:
    """A machine of ParallelCluster's image, with Enroot's own file of comments."""
    for name, text in EXAMPLES.items():
        path = tmp_path / "opt/parallelcluster/examples" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (tmp_path / "etc/enroot").mkdir(parents=True)
    (tmp_path / "etc/enroot/enroot.conf").write_text("#ENROOT_A b\n\n# ENROOT_C d\n")
    scontrol = tmp_path / "opt/slurm/bin/scontrol"
    scontrol.parent.mkdir(parents=True)
    scontrol.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/scontrol-was\n')
    scontrol.chmod(0o755)
    return tmp_path


def switch_on(root: Path, role: str) -> str:
    done = subprocess.run(["sh", SCRIPT, role, root], capture_output=True, text=True)
    assert done.returncode == 0
    return done.stdout


def test_on_the_head_node_slurm_s_part_comes_into_place_and_slurm_is_told(root):
    switch_on(root, "head")
    slurm = root / "opt/slurm/etc"
    assert (slurm / "plugstack.conf").read_text() == EXAMPLES["spank/plugstack.conf"]
    assert (slurm / "plugstack.conf.d/pyxis.conf").read_text() == EXAMPLES["pyxis/pyxis.conf"]
    assert sorted(path.name for path in slurm.rglob("*")) == ["plugstack.conf", "plugstack.conf.d", "pyxis.conf"]
    assert (root / "scontrol-was").read_text() == "reconfigure\n"


def test_on_a_node_enroot_s_part_and_the_folders_for_every_user_are_there(root):
    switch_on(root, "node")
    assert (root / "etc/enroot/enroot.conf").read_text() == EXAMPLES["enroot/enroot.conf"]
    for folder in ("run/pyxis", "run/enroot", "var/enroot"):
        assert (root / folder).stat().st_mode & 0o7777 == 0o1777
    assert "d /run/pyxis 1777 root root -" in (root / "etc/tmpfiles.d/efakit-pyxis.conf").read_text()
    assert not (root / "opt/slurm/etc").exists()


@pytest.mark.parametrize("role", ["head", "node"])
def test_a_second_run_changes_nothing(root, role):
    switch_on(root, role)
    before = {
        path: (path.read_bytes(), path.stat().st_ino) for path in root.rglob("*.conf") if "tmpfiles" not in str(path)
    }
    switch_on(root, role)
    assert {path: (path.read_bytes(), path.stat().st_ino) for path in before} == before


def test_settings_of_somebody_s_own_stay_and_what_they_lack_is_said(root):
    own = root / "opt/slurm/etc/plugstack.conf"
    own.parent.mkdir(parents=True)
    own.write_text("optional /opt/x/other.so\n")
    (root / "etc/enroot/enroot.conf").write_text("ENROOT_DATA_PATH /nvme\n")
    said = switch_on(root, "head")
    assert own.read_text() == "optional /opt/x/other.so\n"
    assert (root / "etc/enroot/enroot.conf").read_text() == "ENROOT_DATA_PATH /nvme\n"
    assert "add the line 'include" in said


def test_an_image_without_pyxis_is_left_alone(tmp_path):
    assert "has no Pyxis to switch on" in switch_on(tmp_path, "node")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_closed_fails_nothing(root):
    (root / "etc/enroot").chmod(0o555)
    assert "cannot be written" in switch_on(root, "node")


def test_it_passes_shellcheck():
    checked = subprocess.run(["shellcheck", SCRIPT], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")
