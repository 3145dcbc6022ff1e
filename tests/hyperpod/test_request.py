"""What is rendered for HyperPod: the request judged by botocore's model, the lifecycle script run here.

Simulated: systemctl, scontrol and the node's folders. HyperPod itself is not asked.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.emit.registry import emit
from efakit.errors import SpecError
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document
from efakit.vendor import sagemaker_model

pytestmark = pytest.mark.thorough

FSX = {"dns_name": "fs-0123456789abcdef0.fsx.us-east-1.amazonaws.com", "mount_name": "abcdefgh"}
OTHER = {"name": "cpu", "subnet": "subnet-0123456789abcdef1"}
SECOND = {**OTHER, "compute_resources": [{"name": "c", "instance": "c5n.18xlarge", "nodes": 2, "smt": False}]}


def spec_of(instance: str = "p5.48xlarge", queue: dict[str, Any] | None = None, **section: Any) -> dict[str, Any]:
    resource = {"name": "n", "nodes": 4, "instance": instance}
    queues = [{"name": "gpu", "subnet": "subnet-0123456789abcdef0", "compute_resources": [resource], **(queue or {})}]
    own = {
        "name": "my-cluster",
        "execution_role": "arn:aws:iam::123456789012:role/hyperpod",
        "security_groups": ["sg-0123456789abcdef0"],
        "lifecycle": "s3://sagemaker-my-bucket/efakit",
        **section,
    }
    return {"cluster": {"region": "us-east-1", "queues": [*queues, SECOND]}, "hyperpod": own}


def plan_of(spec: dict[str, Any]) -> Plan:
    return make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec))))


def files_of(spec: dict[str, Any]) -> dict[str, bytes]:
    files = emit(plan_of(spec), ("hyperpod", "hooks"))
    return {file.path.removeprefix("hyperpod/"): file.content for file in files}


def request_of(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files_of(spec)["create-cluster.json"])
    return found


def refused(request: dict[str, Any]) -> list[str]:
    return sagemaker_model.refusals(request, "sagemaker", "CreateCluster")


PLAN = "arn:aws:sagemaker:us-east-1:123456789012:training-plan/mine"
SECTIONS: list[dict[str, Any]] = [
    {},
    {"stage": "OnCreate", "fsx": FSX, "login_instance": "m5.2xlarge"},
    {"fsx": {**FSX, "mount": "/shared"}, "slurm_config_strategy": "Managed", "node_recovery": "None"},
    {"deep_health_checks": ["InstanceStress", "InstanceConnectivity"], "training_plan": PLAN},
    {"efa_interface_type": "efa-only", "volume_gib": 100},
]


@pytest.mark.parametrize("section", SECTIONS, ids=str)
def test_the_model_takes_what_is_rendered_for_each_key(section):
    assert refused(request_of(spec_of(**section))) == []


@pytest.mark.parametrize(
    "name", ["p4d.24xlarge", "p5en.48xlarge", "p6-b200.48xlarge", "p6-b300.48xlarge", "trn2.48xlarge"]
)
def test_the_model_takes_each_type(name):
    assert refused(request_of(spec_of(name))) == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (spec_of("hpc7a.96xlarge"), "hpc7a"),
        (spec_of(overrides={"NodeRecovery": "Always"}), "Always"),
        (spec_of(overrides={"Nodes": 1}), "Nodes"),
    ],
    ids=["type", "value", "key"],
)
def test_it_is_a_judge_that_refuses(spec, said):
    assert said in " ".join(refused(request_of(spec)))


def test_groups_partitions_and_subnets_are_those_of_the_spec():
    controller, gpu, cpu = request_of(spec_of())["InstanceGroups"]
    assert controller["SlurmConfig"] == {"NodeType": "Controller"}
    assert (gpu["InstanceType"], gpu["InstanceCount"]) == ("ml.p5.48xlarge", 4)
    assert gpu["SlurmConfig"] == {"NodeType": "Compute", "PartitionNames": ["gpu"]}
    assert "OverrideVpcConfig" not in gpu
    assert cpu["OverrideVpcConfig"]["Subnets"] == [OTHER["subnet"]]
    assert cpu["ThreadsPerCore"] == 1


def test_for_scripts_of_one_s_own_there_are_the_parameters_that_they_read():
    files = files_of(spec_of(stage="OnCreate", fsx=FSX))
    parameters = json.loads(files["lifecycle/provisioning_parameters.json"])
    assert parameters["worker_groups"] == [
        {"instance_group_name": "gpu-n", "partition_name": "gpu"},
        {"instance_group_name": "cpu-c", "partition_name": "cpu"},
    ]
    request = json.loads(files["create-cluster.json"])
    names = {group["InstanceGroupName"] for group in request["InstanceGroups"]}
    assert {parameters["controller_group"], "gpu-n", "cpu-c"} == names
    assert request["InstanceGroups"][0]["LifeCycleConfig"]["OnCreate"] == "on_create.sh"
    assert "lifecycle/provisioning_parameters.json" not in files_of(spec_of())


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        (spec_of(queue={"name": "hyperpod-system-maintenance"}), "belongs to HyperPod"),
        (spec_of(queue={"capacity": "capacity-block", "reservation": "cr-0123456789abcdef0"}), "training plan"),
        (spec_of(controller_instance="m5.huge"), "unknown instance type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_hyperpod_could_not_make_is_refused(spec, rule):
    with pytest.raises(SpecError, match=rule):
        plan_of(spec)


def test_validate_asks_the_model_and_says_what_that_does_not_prove(tmp_path):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec_of("hpc7a.96xlarge")))
    done = CliRunner().invoke(efakit, ["validate", str(tmp_path / "spec.yaml"), "--format", "json"])
    assert done.exit_code == 1
    judgement = {item["judge"]: item for item in json.loads(done.stdout)["judged_by"]}["hyperpod"]
    assert judgement["outcome"] == "refused", done.output
    assert "no capacity, quota" in CliRunner().invoke(efakit, ["validate", str(tmp_path / "spec.yaml")]).output


class Node:
    """A node's /opt and /var/log, and the uploaded folder; ``run`` is what HyperPod does."""

    def __init__(self, folder: Path) -> None:
        self.opt, self.log, self.scripts, self.programs = (folder / name for name in ("opt", "log", "up", "programs"))
        etc = self.opt / "slurm/etc"
        for kind in ("prolog", "epilog"):
            (etc / f"{kind}.d").mkdir(parents=True)
            (etc / f"{kind}.d/700_dcgm.sh").write_text("#!/bin/sh\n")
        self.conf = etc / "slurm.conf"
        self.conf.write_text(f"ClusterName=hp\nProlog={etc}/prolog.d/*\nHealthCheckInterval=30\n")
        self.units = folder / "units"
        for path in (self.log, self.scripts, self.programs, self.units):
            path.mkdir()
        hooks = {"records_dir": str(folder / "records"), "exporter": True}
        for name, content in files_of({**spec_of(), "hooks": hooks}).items():
            if name.startswith("lifecycle/") or name in ("hooks/install-hooks.sh", "hooks/install-exporter.sh"):
                (self.scripts / Path(name).name).write_bytes(content)
        self.answer("systemctl", 0)
        self.answer("scontrol", 0)

    def answer(self, program: str, status: int) -> None:
        path = self.programs / program
        path.write_text(f'#!/bin/sh\necho "$@" >>{self.programs}/{program}.called\nexit {status}\n')
        path.chmod(0o755)

    def run(self) -> int:
        mounts = f"/bin/mount --bind '{self.log}' /var/log; mkdir -p /opt; /bin/mount --bind '{self.opt}' /opt"
        mounts += f"; mkdir -p /etc/systemd/system; /bin/mount --bind '{self.units}' /etc/systemd/system"
        argv = ["unshare", "--mount", "/bin/sh", "-ec", f'{mounts}; exec bash "$1"', "sh"]
        environment = {**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}"}
        environment.pop("SLURM_CONF", None)
        script = str(self.scripts / "efakit-lifecycle.sh")
        return subprocess.run([*argv, script], env=environment, check=False, stdin=subprocess.DEVNULL).returncode


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounts folders over /opt: run as root")


@pytest.fixture
def node(tmp_path) -> Node:
    return Node(tmp_path)


@AS_ROOT
def test_on_the_controller_the_hooks_are_installed_and_slurm_is_told_what_it_does_not_know(node):
    before = node.conf.read_text()
    assert node.run() == 0
    assert (node.opt / "slurm/etc/prolog.d/00_efakit").is_file(), (node.log / "efakit-install.log").read_text()
    after = node.conf.read_text()
    assert after.startswith(before)
    added = after[len(before) :].split("\n")[2:-1]
    assert added == [
        "PrologFlags=Alloc",
        "TaskProlog=/opt/efakit/task-prolog",
        "HealthCheckProgram=/opt/efakit/health-check",
        "HealthCheckNodeState=IDLE,CYCLE",
    ]
    assert "HealthCheckInterval already: it stays" in (node.log / "efakit-install.log").read_text()
    assert node.run() == 0
    assert node.conf.read_text() == after, "what is there already is not added again"


@AS_ROOT
def test_on_a_compute_node_slurm_conf_stays_as_it_is(node):
    node.answer("systemctl", 3)
    before = node.conf.read_text()
    assert node.run() == 0
    assert node.conf.read_text() == before
    assert (node.opt / "efakit/run-hook").is_file()


@AS_ROOT
def test_the_exporter_is_installed_where_its_installer_lies_beside_the_script_and_once(node):
    node.answer("systemctl", 3)
    assert node.run() == 0
    unit = node.units / "efakit-exporter.service"
    assert "efakit-exporter.pyz --config /opt/efakit/hook.json" in unit.read_text()
    files = [unit, node.opt / "efakit/efakit-exporter.pyz"]
    before = [file.stat().st_ino for file in files]
    assert node.run() == 0
    assert [file.stat().st_ino for file in files] == before
    (node.scripts / "install-exporter.sh").unlink()
    unit.unlink()
    assert node.run() == 0
    assert not unit.exists()


@AS_ROOT
def test_a_configuration_that_slurm_refuses_is_taken_back(node):
    node.answer("scontrol", 1)
    before = node.conf.read_text()
    assert node.run() == 0
    assert node.conf.read_text() == before


@AS_ROOT
def test_an_installer_that_is_missing_ends_no_instance(node):
    (node.scripts / "install-hooks.sh").unlink()
    before = node.conf.read_text()
    assert node.run() == 0
    assert node.conf.read_text() == before
