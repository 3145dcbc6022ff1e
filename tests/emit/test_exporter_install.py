"""The exporter comes onto the nodes: what cluster.yaml fetches, what is published, and what the installer does."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit import __version__
from efakit.cli.main import efakit
from efakit.doctor.exporter_checks import exporter_words
from efakit.emit.registry import emit
from efakit.errors import SpecError
from efakit.node.exporter import exporter_state
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document

SCRIPT = Path(__file__).resolve().parents[2] / "prolog/install-exporter.sh"
UNIT = SCRIPT.parents[1] / "src/efakit/exporter/assets/efakit-exporter.service"
ADDRESS = "s3://b-1/p/install-exporter.sh"
ACTION = {"Script": ADDRESS, "Args": ["--custom-action"]}
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
  queues:
    other:
      custom_actions: {on_node_configured: {script: 's3://mine/a.sh'}}
      iam: {role: 'arn:aws:iam::123456789012:role/a'}
hooks: {bucket: s3://b-1/p, exporter: true}
"""
HYPERPOD = """\
cluster:
  region: us-east-1
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef1
      compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 4}]
hyperpod:
  name: h
  security_groups: [sg-0123456789abcdef0]
  execution_role: arn:aws:iam::123456789012:role/h
  lifecycle: s3://sagemaker-b/l
  controller_instance: m5.2xlarge
hooks: {exporter: true}
"""


def plan_of(text: str) -> Plan:
    return make_plan(read_spec(Document(Path("spec.yaml"), text)))


def files_of(text: str, target: str = "hooks") -> dict[str, bytes]:
    return {file.path: file.content for file in emit(plan_of(text), (target,))}


def queues_of(text: str) -> Any:
    return yaml.safe_load(files_of(text, "parallelcluster")["cluster.yaml"])["Scheduling"]["SlurmQueues"]


def decision_of(text: str) -> Any:
    plan = plan_of(text)
    assert plan.slurm is not None
    (found,) = (item for item in plan.slurm.hooks.decisions if item.subject == "Prometheus metrics of the nodes")
    return found


def test_each_queue_s_nodes_fetch_it_after_the_user_s_own_action_and_may_read_it():
    gpu, other = queues_of(SPEC)
    assert gpu["CustomActions"] == {"OnNodeConfigured": ACTION}
    assert gpu["Iam"]["S3Access"] == [{"BucketName": "b-1", "KeyName": "p/install-exporter.sh"}]
    assert other["CustomActions"] == {"OnNodeConfigured": {"Sequence": [{"Script": "s3://mine/a.sh"}, ACTION]}}
    assert "S3Access" not in other["Iam"]


def test_a_spec_that_does_not_ask_for_it_has_nothing_of_it():
    text = SPEC.replace(", exporter: true", "")
    assert not [path for path in files_of(text) if "exporter" in path]
    assert "CustomActions" not in queues_of(text)[0]


def test_without_a_bucket_nothing_is_fetched_and_the_decision_says_what_to_run():
    text = SPEC.replace("bucket: s3://b-1/p, ", "")
    assert "CustomActions" not in queues_of(text)[0]
    assert "hooks/install-exporter.sh" in files_of(text)
    assert "by hand: run 'sudo sh install-exporter.sh' on each compute node" in decision_of(text).choice


def test_a_cluster_that_is_up_gets_it_by_hand_with_its_own_folder_of_settings():
    text = SPEC[: SPEC.index("parallelcluster:")] + "hooks: {exporter: true}\n"
    assert "by hand" in decision_of(text).choice
    assert b"\nconfig=/opt/slurm/etc/efakit/hook.json\n" in files_of(text)["hooks/install-exporter.sh"]


def test_hyperpod_s_lifecycle_script_runs_it_if_it_lies_beside_it():
    assert decision_of(HYPERPOD).choice == "by the exporter"
    files = files_of(HYPERPOD, "hyperpod")
    assert b"install-exporter.sh s3://sagemaker-b/l/install-exporter.sh" in files["hyperpod/README.md"]
    assert b'sh "$here/install-exporter.sh" --custom-action' in files["hyperpod/lifecycle/efakit-lifecycle.sh"]
    assert b"\nconfig=/opt/efakit/hook.json\n" in files_of(HYPERPOD)["hooks/install-exporter.sh"]
    without = files_of(HYPERPOD.replace("exporter: true", ""), "hyperpod")
    assert b"install-exporter" not in without["hyperpod/README.md"]


PCS = """\
cluster:
  region: us-east-1
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef1
      compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 4}]
pcs:
  name: my-cluster
  security_groups: [sg-0123456789abcdef0]
  instance_profile: arn:aws:iam::123456789012:instance-profile/nodes
  ami: ami-0123456789abcdef0
hooks: {bucket: s3://b-1/p, records_dir: /fsx/records, exporter: true}
"""


def test_a_pcs_node_s_lifecycle_action_installs_it_with_the_settings_that_pcs_nodes_have(tmp_path):
    decision = decision_of(PCS)
    assert decision.choice == f"by the exporter, from {ADDRESS}"
    assert decision.reason.startswith("a lifecycle action of each compute node group runs it")
    template = yaml.safe_load(files_of(PCS, "pcs")["pcs/cluster.yaml"])
    scripts = template["Resources"]["GpuP5Nodes"]["Properties"]["NodeLifecycleActions"]["Stages"]["NodeBootstrapped"]
    # As PCS's agent runs what it fetched, with the arguments of the template; in a folder tree.
    fetched, root = tmp_path / "script", tmp_path / "root"
    fetched.write_bytes(files_of(PCS)["hooks/install-exporter.sh"])
    done = subprocess.run(
        ["sh", fetched, *scripts[1]["Arguments"], "--root", root], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    unit = (root / "etc/systemd/system/efakit-exporter.service").read_text()
    assert "efakit-exporter.pyz --config /opt/efakit/hook.json" in unit
    assert (root / "opt/efakit/efakit-exporter.pyz").is_file()


def test_it_is_published_beside_the_hooks_installer(tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC)
    run = CliRunner()
    assert run.invoke(efakit, ["render", str(tmp_path / "spec.yaml"), "--out", str(tmp_path / "out")]).exit_code == 0
    said = run.invoke(efakit, ["hooks", "publish", str(tmp_path / "out"), "--dry-run"]).output
    assert f"to {ADDRESS}" in said
    assert "to s3://b-1/p/install-hooks.sh" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('exporter_listen: "0.0.0.0:9764"', "0.0.0.0:9764 can be reached from other machines"),
        ('exporter_listen: "[::]:9764"', "can be reached from other machines"),
        ("exporter_cert: /etc/a.pem", "exporter_key, exporter_client_ca is missing"),
        ("exporter_listen: 9764", "ADDRESS:PORT"),
    ],
)
def test_an_address_that_everybody_reaches_wants_all_three_files(more, said):
    with pytest.raises(SpecError, match="(?s)^.*" + said.replace("[", r"\[")):
        plan_of(SPEC.replace("exporter: true", f"exporter: true, {more}"))


TLS = """exporter: true, exporter_listen: "[::]:9764", exporter_cert: /etc/e/a.pem, exporter_key: /etc/e/a.key,
  exporter_client_ca: /etc/e/ca.pem, exporter_device_detail: false"""


@pytest.fixture(scope="module")
def installer(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("installer") / "install-exporter.sh"
    file.write_bytes(files_of(SPEC.replace("exporter: true", TLS))["hooks/install-exporter.sh"])
    return file


def install(installer: Path, root: Path, *arguments: str, status: int = 0) -> str:
    command = ["sh", installer, *arguments, "--root", root]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def contents(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (path.stat().st_ino, path.read_bytes())
        for path in root.rglob("*")
        if path.is_file()
    }


def test_program_and_unit_are_put_on_the_node_and_the_unit_s_command_works(installer, tmp_path):
    root = tmp_path / "root"
    install(installer, root)
    program = root / "opt/efakit/efakit-exporter.pyz"
    unit = (root / "etc/systemd/system/efakit-exporter.service").read_text()
    (line,) = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    python, *command = shlex.split(line.removeprefix("ExecStart="))
    assert command == [
        *("-I", "/opt/efakit/efakit-exporter.pyz", "--config", "/opt/slurm/etc/efakit/hook.json"),
        *("--listen", "[::]:9764", "--cert", "/etc/e/a.pem", "--key", "/etc/e/a.key"),
        *("--client-ca", "/etc/e/ca.pem", "--no-device-detail"),
    ]
    wanted = root / "etc/systemd/system/multi-user.target.wants/efakit-exporter.service"
    assert wanted.resolve() == root / "etc/systemd/system/efakit-exporter.service"
    done = subprocess.run(
        [python, "-I", program, "--textfile", tmp_path / "efa.prom"], env={}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_second_run_changes_nothing_and_another_setting_only_the_unit(installer, tmp_path):
    root = tmp_path / "root"
    install(installer, root)
    before = contents(root)
    assert install(installer, root) == ""
    assert contents(root) == before
    install(installer, root, "--config", "/etc/x/hook.json")
    changed = [path for path, content in contents(root).items() if before[path] != content]
    assert [Path(path).name for path in changed] == ["efakit-exporter.service"] * len(changed)
    assert "--config /etc/x/hook.json" in (root / "etc/systemd/system/efakit-exporter.service").read_text()


def state(root: Path) -> dict[str, Any]:
    unread: list[Any] = []
    found = dict(exporter_state(str(root), unread))
    assert unread == []
    return found


def test_what_is_on_a_node_is_known_from_its_files_and_its_control_group(installer, tmp_path):
    root = tmp_path / "root"
    nothing = dict.fromkeys(("version", "active", "listen"))
    assert state(root) == {**nothing, "installed": False, "unit": "none", "enabled": False}
    install(installer, root)
    there = {"installed": True, "version": __version__, "unit": "ours", "enabled": True, "listen": "[::]:9764"}
    assert state(root) == {**there, "active": None}
    assert exporter_words(state(root)).endswith("enabled, active: not known, at [::]:9764")
    group = root / "sys/fs/cgroup/system.slice"
    group.mkdir(parents=True)
    assert state(root) == {**there, "active": False}
    (group / "efakit-exporter.service").mkdir()
    (group / "efakit-exporter.service/cgroup.procs").write_text("4711\n")
    assert state(root) == {**there, "active": True}
    (root / "etc/systemd/system/efakit-exporter.service.d").mkdir()
    (root / "etc/systemd/system/multi-user.target.wants/efakit-exporter.service").unlink()
    assert state(root) == {**there, "active": True, "enabled": False, "listen": None}


def test_an_upgrade_replaces_the_program_and_a_second_one_changes_nothing(installer, tmp_path):
    root = tmp_path / "root"
    install(installer, root)
    program = root / "opt/efakit/efakit-exporter.pyz"
    program.write_bytes(
        program.read_bytes().replace(f'__version__ = "{__version__}"'.encode(), b'__version__ = "0.0.1"')
    )
    assert state(root)["version"] == "0.0.1"
    before = contents(root)
    assert "would write" in install(installer, root, "--dry-run")
    assert contents(root) == before
    assert f"wrote {program}" in install(installer, root)
    assert state(root)["version"] == __version__
    assert install(installer, root) == install(installer, root, "--dry-run") == ""


def test_the_removal_says_first_what_it_would_remove(installer, tmp_path):
    root = tmp_path / "root"
    assert "no exporter is installed" in install(installer, root, "--uninstall")
    install(installer, root)
    before = contents(root)
    said = install(installer, root, "--uninstall", "--dry-run")
    assert contents(root) == before
    for path in ("opt/efakit/efakit-exporter.pyz", "etc/systemd/system/efakit-exporter.service"):
        assert f"would remove {root}/{path}" in said


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("etc/systemd/system/efakit-exporter.service", "[Service]\nExecStart=/opt/site/exporter --port 9764\n"),
        # As 'efakit exporter --assets' writes it, put there by hand.
        ("etc/systemd/system/efakit-exporter.service", UNIT.read_text()),
        ("opt/efakit/efakit-exporter.pyz", "something else\n"),
    ],
)
def test_what_is_not_its_own_it_neither_changes_nor_removes(installer, tmp_path, path, text):
    root = tmp_path / "root"
    file = root / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    before = contents(root)
    assert f"error: {file} is not efakit's exporter" in install(installer, root, status=1)
    assert f"{file} is not efakit's: it stays" in install(installer, root, "--uninstall")
    assert contents(root) == before
    assert state(root)["unit"] == ("other" if path.startswith("etc") else "none")


def test_removed_it_leaves_nothing(installer, tmp_path):
    root = tmp_path / "root"
    install(installer, root)
    (root / "opt/other").mkdir()
    install(installer, root, "--uninstall")
    assert contents(root) == {}
    assert not (root / "opt/efakit").exists()
    assert (root / "opt/other").exists()


def test_a_custom_action_that_fails_fails_no_node(installer, tmp_path):
    cut = tmp_path / "cut.sh"
    cut.write_text(installer.read_text()[:20000])
    assert install(cut, tmp_path / "root", status=1)
    done = subprocess.run(["sh", cut, "--custom-action", "--root", tmp_path / "root"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "the exporter could not be installed: see /" in done.stdout
    assert contents(tmp_path / "root") == {}


@pytest.mark.parametrize("wrong", [("--config", "a b"), ("--config",), ("--other",)])
def test_wrong_options_are_refused(installer, wrong):
    done = subprocess.run(["sh", installer, *wrong], capture_output=True, text=True)
    assert done.returncode == 1
    assert "error: " in done.stderr


def test_it_passes_shellcheck():
    checked = subprocess.run(["shellcheck", SCRIPT], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")
