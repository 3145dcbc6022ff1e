"""What efakit renders is accepted by the real pcluster, on a simulated account."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from efakit.catalog import instances
from efakit.cli.main import efakit
from efakit.emit.registry import emit
from efakit.plan.make import make_plan
from efakit.spec.load import load_spec, read_spec
from efakit.spec.yamltext import Document
from efakit.vendor.simulated_account import Judge, MotoServer, account_for

pytestmark = pytest.mark.pcluster
ROOT = Path(__file__).resolve().parents[2]


def init(folder: Path, *options: str) -> Path:
    """Write a spec and its bundle with efakit's commands; return the bundle."""
    spec, bundle = folder / "spec.yaml", folder / "bundle"
    arguments = ["--instance", "p5.48xlarge", "--nodes", "4", "--subnet", "subnet-0123456789abcdef1"]
    arguments += ["--head-subnet", "subnet-0123456789abcdef0", "--key", "my-key", "--region", "us-east-1", *options]
    for command in (["init", *arguments, "--output", str(spec)], ["render", str(spec), "--out", str(bundle)]):
        done = CliRunner().invoke(efakit, command)
        assert done.exit_code == 0, done.output
    return bundle


@pytest.mark.parametrize("options", [(), ("--bucket", "s3://my-bucket/efakit")], ids=["by hand", "bucket"])
def test_the_real_command_accepts_what_init_and_render_write(tmp_path, options, moto_server: MotoServer):
    config = init(tmp_path, *options) / "cluster.yaml"
    moto_server.replace_account(account_for(yaml.safe_load(config.read_text())))
    answer = moto_server.dry_run(config)
    assert answer.accepted, answer.findings
    assert answer.errors == ()


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"os": "ubuntu2404"},
        {"os": "rhel9"},
        {"slurm_settings": {"PrologFlags": "X11", "KillWait": 60}},
        {"queue": {"placement_group": "none"}},
        {"queue": {"capacity": "spot"}},
        {"queue": {"capacity": "capacity-block"}, "resource": {"reservation": "cr-0123456789abcdef0"}},
        {"resource": {"nodes": 1}},
        {"resource": {"nodes": 1000, "min_nodes": 2}},
        {"resource": {"instance": "p6-b300.48xlarge"}},
        {"resource": {"instance": "hpc7g.16xlarge"}},
        {"resource": {"instance": "m5.xlarge"}},
    ],
    ids=str,
)
def test_variations_are_accepted(change, judge: Judge):
    spec = yaml.safe_load((ROOT / "cluster-configs/p5.yaml").read_text())
    queue = spec["cluster"]["queues"][0]
    change = dict(change)
    queue.update(change.pop("queue", {}))
    queue["compute_resources"][0].update(change.pop("resource", {}))
    spec["parallelcluster"].update(change)
    spec["jobs"] = []
    instance = instances.get(queue["compute_resources"][0]["instance"])
    if instance.name.startswith("hpc7g"):
        spec["cluster"]["region"] = "us-east-1"
    text = emit(make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec)))), ("parallelcluster",))
    config = text[0].content.decode()
    answer = judge.dry_run(config, account_for(yaml.safe_load(config)))
    assert answer.accepted, answer.findings


def test_the_launch_template_holds_as_many_efa_interfaces_as_the_hook_expects(synthesising_judge: Judge):
    plan = make_plan(load_spec(ROOT / "cluster-configs/p5.yaml"))
    config = emit(plan, ("parallelcluster",))[0].content.decode()
    templates = synthesising_judge.synthesise(config, account_for(yaml.safe_load(config)))
    interfaces = [interface for template in templates for interface in template.get("NetworkInterfaces", [])]
    with_efa = [interface for interface in interfaces if "efa" in str(interface.get("InterfaceType"))]
    assert len(with_efa) == plan.slurm.hooks.settings["compute_resources"]["gpu/p5"] == 32


def test_publish_uploads_the_installer_to_where_the_cluster_fetches_it(tmp_path, monkeypatch):
    moto = pytest.importorskip("moto", reason="the extra 'pcluster' brings moto")
    boto3 = pytest.importorskip("boto3", reason="the extra 'aws' brings boto3")
    bundle = init(tmp_path, "--bucket", "s3://my-bucket/efakit")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.mock_aws():
        boto3.client("s3").create_bucket(Bucket="my-bucket")
        done = CliRunner().invoke(efakit, ["hooks", "publish", str(bundle)])
        assert done.exit_code == 0, done.output
        uploaded = boto3.client("s3").get_object(Bucket="my-bucket", Key="efakit/install-hooks.sh")["Body"].read()
    assert uploaded == (bundle / "hooks/install-hooks.sh").read_bytes()
    assert subprocess.run(["sh", "-n", bundle / "hooks/install-hooks.sh"]).returncode == 0
