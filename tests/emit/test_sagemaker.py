"""The target sagemaker: what its files say, and that they hand each value on as a literal."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit.catalog.instances import Instance, all_efa, get
from efakit.catalog.sagemaker import offered
from efakit.cli.main import efakit
from efakit.emit.registry import File, emit
from efakit.errors import SpecError
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.plan.sagemaker import SageMakerPlan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document
from efakit.vendor.sagemaker_model import refusals
from tests.emit.denied import without_privilege

TRAIN = {"name": "train", "template": "torchrun", "script": "train.py"}
TESTS = {"name": "Perf_1", "template": "nccl-tests"}
TYPE = "p5.48xlarge"
SECTION = {
    "role": "arn:aws:iam::123456789012:role/SageMakerRole",
    "output": "s3://my-bucket/training",
    "image": "123456789012.dkr.ecr.us-west-2.amazonaws.com/efa:1",
    "stack": {"installer": "1.49.0"},
}
SUBNET = "subnet-0123456789abcdef0"
OFFERED = [item for item in all_efa() if offered(item.name)]


def spec_of(
    *jobs: dict[str, Any], instance: str = TYPE, queue: dict[str, Any] | None = None, **section: Any
) -> dict[str, Any]:
    resource = {"name": "n", "instance": instance, "nodes": 4}
    queues = [{"name": "gpu", "compute_resources": [resource], **(queue or {})}]
    given = {key: value for key, value in {**SECTION, **section}.items() if value is not None}
    return {"cluster": {"region": "us-west-2", "queues": queues}, "sagemaker": given, "jobs": list(jobs)}


def plan_of(*jobs: dict[str, Any], **more: Any) -> Plan:
    return make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec_of(*jobs, **more)))))


def files_of(*jobs: dict[str, Any], **more: Any) -> dict[str, File]:
    return {file.path.removeprefix("sagemaker/"): file for file in emit(plan_of(*jobs, **more), ("sagemaker",))}


def request_of(file: File) -> Any:
    return json.loads(file.content)


def told(plan: Plan) -> str:
    section = plan.section(SageMakerPlan)
    assert section is not None
    return "\n".join(f"{item.subject}: {item.choice}: {item.reason}" for item in section.decisions)


def job_for(instance: Instance) -> dict[str, Any]:
    """Return a job that goes with an instance type: training where there are accelerators, else an MPI program."""
    if instance.gpus:
        return TRAIN
    if instance.neuron_devices:
        return {**TRAIN, "template": "neuron"}
    return {"name": "solve", "template": "openmpi", "program": "./solver"}


def rules_of(*jobs: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(SpecError) as refused:
        plan_of(*jobs, **more)
    return [item.rule for item in refused.value.findings]


# The request.


@pytest.mark.parametrize("line", [2, 3])
def test_the_service_s_own_model_takes_the_request_for_every_type_that_has_training(line, record_property):
    for instance in OFFERED:
        files = files_of(job_for(instance), instance=instance.name, sdk=line)
        (request,) = [request_of(file) for path, file in files.items() if path.endswith(".request.json")]
        assert refusals(request) == [], instance.name
        assert request["ResourceConfig"]["InstanceType"] == f"ml.{instance.name}"
    left = [item.name for item in all_efa() if item not in OFFERED]
    record_property(
        "says",
        f"sagemaker: the model takes the requests of {len(OFFERED)} of {len(all_efa())} EFA types (SDK line {line}); "
        f"left out, since CreateTrainingJob has no ml.TYPE of theirs: {len(left)}, such as {', '.join(left[:3])}",
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"TrainingJobName": "a_b"}, "TrainingJobName: 'a_b' does not match"),
        ({"RoleArn": "me"}, "Invalid length for parameter RoleArn"),
        ({"ResourceConfig": {"InstanceType": "ml.p5.96xlarge"}}, "InstanceType: 'ml.p5.96xlarge' is none of"),
        ({"Environment": {"A": "x" * 513}}, "Environment.A: 513 characters, at most 512"),
        ({"Environment": {f"A{number}": "" for number in range(101)}}, "Environment: 101 entries, at most 100"),
        ({"Placement": "x"}, 'Unknown parameter in input: "Placement"'),
    ],
)
def test_the_model_is_a_judge_that_refuses(change, says):
    request = request_of(files_of(TRAIN)["train.request.json"])
    assert any(says in text for text in refusals({**request, **change})), refusals({**request, **change})


def test_the_rows_of_types_are_those_of_the_installed_model():
    from scripts.sagemaker_types import training_types

    assert [name for name in training_types() if not offered(name)] == []


# Who becomes a training job.


@pytest.mark.parametrize(
    ("job", "instance", "why"),
    [
        ({"name": "x", "template": "command", "program": "x"}, TYPE, "nothing in SageMaker starts the ranks"),
        ({"name": "x", "template": "openmpi", "program": "x"}, "hpc7a.96xlarge", "no training on ml.hpc7a.96xlarge"),
        (
            {**TRAIN, "name": "x", "container": {"runtime": "apptainer", "image": "/x.sif"}},
            TYPE,
            "images of a registry",
        ),
        (
            {**TRAIN, "name": "x", "container": {"runtime": "pyxis", "image": "/fsx/x.sqsh"}},
            TYPE,
            "images of a registry",
        ),
    ],
)
def test_a_job_that_cannot_be_one_is_left_out_with_the_reason_and_refused_where_it_is_named(job, instance, why):
    plan = plan_of(job, instance=instance)
    assert "job x in SageMaker: no training job: " in told(plan)
    assert why in told(plan)
    assert [file.path for file in emit(plan, ("sagemaker",))] == ["sagemaker/README.md"]
    assert rules_of(job, instance=instance, jobs=["x"]) == ["sagemaker-job"]


def test_only_the_jobs_that_are_named_become_training_jobs():
    assert [path for path in files_of(TRAIN, TESTS, jobs=["train"]) if path.endswith(".sh")] == ["train.sagemaker.sh"]
    with pytest.raises(SpecError, match="did you mean 'train'"):
        plan_of(TRAIN, jobs=["trian"])


def test_names_are_those_that_sagemaker_takes_and_differ():
    jobs = [TESTS, {**TESTS, "name": "perf.1"}, {**TESTS, "name": "7" * 60}]
    names = [request_of(file)["TrainingJobName"] for path, file in files_of(*jobs).items() if "request" in path]
    assert names == ["Perf-1", "perf-1-2", "7" * 39]


# What runs on the instances.

LAUNCHER = '#!/bin/bash\nprintf "%s\\0" "${0##*/}" "$@" >"$SEEN"\nenv -0 >"$SEEN.env"\n'
QUIET = "#!/bin/bash\n"


def run(
    script: File, folder: Path, host: str = "algo-2", hosts: int = 4, devices: int = 32, denied: bool = False
) -> list[str]:
    """Return what the launcher was called with; folders of the test's stand in for those of an instance."""
    for name in ("torchrun", "accelerate", "mpirun"):
        (folder / name).write_text(LAUNCHER)
    for name in ("getent", "ssh", "sshd"):
        (folder / name).write_text('#!/bin/bash\necho "10.0.0.1 x"\n' if name == "getent" else QUIET)
    for path in folder.iterdir():
        path.chmod(0o755)
    for number in range(devices):
        (folder / "infiniband").mkdir(exist_ok=True)
        (folder / f"infiniband/uverbs{number}").touch()
    names = [f"algo-{number}" for number in range(1, hosts + 1)]
    (folder / "resourceconfig.json").write_text(json.dumps({"current_host": host, "hosts": names}))
    text = script.content.decode()
    for there, here in (
        ("/dev/infiniband", f"{folder}/infiniband"),
        ("/opt/ml/input/config", str(folder)),
        ("/usr/sbin/sshd", f"{folder}/sshd"),
        ("/run/sshd", f"{folder}/run"),
    ):
        text = text.replace(there, here)
    (folder / "job.sh").write_text(text)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "SEEN": str(folder / "seen")}
    command = ["bash", str(folder / "job.sh")]
    if denied:
        (folder / "infiniband").chmod(0)
        command = without_privilege(command)
    subprocess.run(command, env=environment, check=True, cwd=folder)
    return (folder / "seen").read_bytes().decode().split("\0")[:-1]


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (TRAIN, ["torchrun", "--nnodes=4", "--nproc-per-node=8", "--node-rank=1", "--master-addr=algo-1", "train.py"]),
        (
            {**TRAIN, "template": "accelerate"},
            ["accelerate", "--num_machines", "4", "--machine_rank", "1", "--num_processes", "32", "algo-1"],
        ),
    ],
)
def test_each_instance_starts_its_ranks(tmp_path, job, words):
    seen = run(files_of(job)["train.sagemaker.sh"], tmp_path)
    assert [word for word in words if word not in seen] == []


def test_the_first_instance_alone_starts_all_ranks_of_an_mpi_program(tmp_path):
    script = files_of({**TESTS, "env": {"MINE": "a b"}})["Perf-1.sagemaker.sh"]
    seen = run(script, tmp_path, host="algo-1")
    assert seen[seen.index("--host") + 1] == "algo-1:8,algo-2:8,algo-3:8,algo-4:8"
    assert seen[seen.index("-n") + 1] == "32"
    handed_on = {seen[place + 1] for place, word in enumerate(seen) if word == "-x"}
    assert {"NCCL_NET", "MINE", "PATH"} <= handed_on


def test_an_instance_without_efa_ends_before_the_launch_and_one_with_fewer_devices_says_so(tmp_path, capfd):
    with pytest.raises(subprocess.CalledProcessError):
        run(files_of(TRAIN)["train.sagemaker.sh"], tmp_path, devices=0)
    assert "no EFA device is in this container" in capfd.readouterr().err
    assert run(files_of(TRAIN)["train.sagemaker.sh"], tmp_path, devices=31)[0] == "torchrun"
    assert "preflight of training job train: one EFA device at the least, of 32" in told(plan_of(TRAIN))
    assert "31 of the 32 EFA devices of ml.p5.48xlarge" in capfd.readouterr().err


def test_devices_that_cannot_be_read_are_not_called_missing(tmp_path, capfd):
    assert run(files_of(TRAIN)["train.sagemaker.sh"], tmp_path, denied=True)[0] == "torchrun"
    assert "the EFA devices of this container were not counted" in capfd.readouterr().err


def test_a_name_that_nobody_resolves_is_told(tmp_path, capfd):
    text = files_of(TRAIN)["train.sagemaker.sh"].content.decode()
    late = text.replace("{1..300}", "1").replace("sleep 1", "true").replace("getent hosts", "false")
    assert run(File("x", late.encode()), tmp_path)[0] == "torchrun"
    assert "getent gives no address of algo-1" in capfd.readouterr().err


def test_neuron_s_runtimes_meet_at_the_first_instance_s_address(tmp_path):
    script = files_of({**TRAIN, "template": "neuron"}, instance="trn1.32xlarge")["train.sagemaker.sh"]
    assert run(script, tmp_path)[0] == "torchrun"
    lines = (tmp_path / "seen.env").read_bytes().decode().split("\0")
    assert "NEURON_RT_ROOT_COMM_ID=10.0.0.1:39500" in lines


@pytest.mark.parametrize("job", [TRAIN, TESTS, {**TRAIN, "template": "accelerate"}])
def test_the_scripts_pass_shellcheck(tmp_path, job):
    for path, file in files_of(job).items():
        if path.endswith(".sh"):
            (tmp_path / path).write_bytes(file.content)
            checked = subprocess.run(["shellcheck", tmp_path / path], capture_output=True, text=True)
            assert (checked.returncode, checked.stdout) == (0, "")


def test_the_python_files_are_python_in_the_form_that_ruff_gives(tmp_path):
    for line in (2, 3):
        for path, file in files_of(TRAIN, TESTS, sdk=line, source="../..").items():
            if path.endswith(".py"):
                compile(file.content, path, "exec")
                (tmp_path / f"line{line}-{path}").write_bytes(file.content)
    for command in (["format", "--check", "--line-length", "120"], ["check"]):
        done = subprocess.run(["ruff", *command, "--isolated", tmp_path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


# SMDDP.


def test_smddp_runs_the_script_with_its_arguments_on_line_2(tmp_path):
    job = {**TRAIN, "args": ["--name", "a 'b' \"c\""]}
    files = files_of(job, instance="p4d.24xlarge", smddp=True, pytorch="2.0.1", source="../..")
    request = request_of(files["train.request.json"])
    assert request["HyperParameters"]["sagemaker_distributed_dataparallel_enabled"] == "true"
    assert request["HyperParameters"]["sagemaker_program"] == '"train.smddp.py"'
    text = files["train.smddp.py"].content.decode().replace("/dev/infiniband", str(tmp_path))
    (tmp_path / "train.smddp.py").write_text(text)
    (tmp_path / "uverbs0").touch()
    (tmp_path / "smdistributed").mkdir()
    (tmp_path / "train.py").write_text("import json, sys\nprint(json.dumps(sys.argv))\n")
    done = subprocess.run(["python", "train.smddp.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["train.py", "--name", "a 'b' \"c\""]
    (tmp_path / "denied").mkdir(mode=0)
    (tmp_path / "train.smddp.py").write_text(
        files["train.smddp.py"].content.decode().replace("/dev/infiniband", "denied")
    )
    command = without_privilege(["python", "train.smddp.py"])
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[0] == "train.py"
    assert "the EFA devices were not counted" in done.stderr


def test_options_of_smddp_s_mpirun_are_the_job_s_launcher_args_and_a_setup_has_no_place_there():
    section: dict[str, Any] = {"instance": "p4d.24xlarge", "smddp": True, "pytorch": "2.0.1", "source": "../.."}
    job = {**TRAIN, "launcher_args": ["-verbose", "-x", "NCCL_DEBUG=VERSION"]}
    files = files_of(job, **section)
    own = request_of(files["train.request.json"])["HyperParameters"]
    assert own["sagemaker_distributed_dataparallel_custom_mpi_options"] == '"-verbose -x NCCL_DEBUG=VERSION"'
    assert '"custom_mpi_options": "-verbose -x NCCL_DEBUG=VERSION"' in files["train.sagemaker.py"].content.decode()
    assert rules_of({**TRAIN, "launcher_args": ["-x A=b c"]}, **section) == ["sagemaker-smddp"]
    assert rules_of({**TRAIN, "setup": "source x"}, **section) == ["sagemaker-smddp"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"instance": "p5.48xlarge"}, "SMDDP is for ml.p4d.24xlarge and ml.p4de.24xlarge only"),
        ({"instance": "p5en.48xlarge"}, "SMDDP is for ml.p4d.24xlarge and ml.p4de.24xlarge only"),
        ({"instance": "p3dn.24xlarge"}, "SMDDP is for ml.p4d.24xlarge and ml.p4de.24xlarge only"),
        ({"pytorch": "2.5.1"}, "SMDDP ended with PyTorch 2.4.1, and the image has 2.5.1"),
        ({"pytorch": None}, "SMDDP depends on the release of PyTorch"),
        ({"sdk": 3}, "SDK 3 has no SMDDP"),
        ({"source": None}, "write its folder as sagemaker.source"),
        (
            {"image": "763104351884.dkr.ecr.us-west-2.amazonaws.com/tensorflow-training:2.11.0-gpu-py39"},
            "SMDDP for TensorFlow ended with TensorFlow 2.11",
        ),
    ],
)
def test_smddp_is_refused_where_it_does_not_exist_with_what_to_use(change, says):
    right: dict[str, Any] = {"instance": "p4d.24xlarge", "smddp": True, "pytorch": "2.0.1", "source": "../.."}
    plan_of(TRAIN, **right)
    with pytest.raises(SpecError, match=says):
        plan_of(TRAIN, **{**right, **change})
    assert set(rules_of(TRAIN, **{**right, **change})) == {"sagemaker-smddp"}


# Decisions.


def test_capacity_and_network_are_sagemaker_s_own_word():
    block = {"capacity": "capacity-block", "reservation": "cr-0123456789abcdef0"}
    queue = {**block, "compute_resources": [{"name": "n", "instance": TYPE, "nodes": 4, "min_nodes": 4}]}
    said = told(plan_of(TRAIN, queue=queue))
    assert "no reservation of EC2's: SageMaker takes no reservation and no Capacity Block of EC2's" in said
    assert "placement in SageMaker: none named" in said
    assert "network in SageMaker: SageMaker's own" in said
    assert rules_of(TRAIN, security_groups=["sg-0123456789abcdef0"]) == ["sagemaker-network"]
    request = request_of(
        files_of(TRAIN, security_groups=["sg-0123456789abcdef0"], queue={"subnet": SUBNET})["train.request.json"]
    )
    assert request["VpcConfig"] == {"SecurityGroupIds": ["sg-0123456789abcdef0"], "Subnets": [SUBNET]}


def test_spot_instances_have_checkpoints():
    request = request_of(files_of(TRAIN, queue={"capacity": "spot"})["train.request.json"])
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400, "MaxWaitTimeInSeconds": 172800}
    assert request["CheckpointConfig"]["S3Uri"] == "s3://my-bucket/training/train/checkpoints"


def test_the_environment_is_that_of_the_image_and_no_distribution_forces_any():
    old = request_of(
        files_of(TRAIN, stack={"installer": "1.34.0", "plugin": "1.13.2"}, instance="p4d.24xlarge")[
            "train.request.json"
        ]
    )
    new = request_of(files_of(TRAIN)["train.request.json"])
    assert new["Environment"]["NCCL_NET"] == "Libfabric"
    assert old["Environment"] != new["Environment"]
    for line in (2, 3):
        text = files_of(TRAIN, sdk=line)["train.sagemaker.py"].content.decode()
        assert "distribut" not in text.replace("drops a distribution", "").replace("No distributed=...", "")
        assert "NCCL_PROTO" not in json.dumps(request_of(files_of(TRAIN, sdk=line)["train.request.json"]))


def test_variables_that_the_service_would_refuse_are_refused():
    assert rules_of({**TRAIN, "env": {"A": "x" * 513}}) == ["sagemaker-environment"]
    assert rules_of({**TRAIN, "env": {f"A{number}": "1" for number in range(95)}}) == ["sagemaker-environment"]


def test_an_image_of_the_jobs_own_comes_before_the_section_s():
    image = "docker://123456789012.dkr.ecr.us-west-2.amazonaws.com#other:2"
    job = {**TRAIN, "container": {"runtime": "pyxis", "image": image, "mounts": ["/fsx:/fsx"]}}
    request = request_of(files_of(job)["train.request.json"])
    assert request["AlgorithmSpecification"]["TrainingImage"] == "123456789012.dkr.ecr.us-west-2.amazonaws.com/other:2"
    assert "training job train: no mounts" in told(plan_of(job))


def test_one_type_of_a_queue_is_used_and_that_is_told():
    resources = [
        {"name": "a", "instance": "p5.48xlarge", "nodes": 2},
        {"name": "b", "instance": "p5.48xlarge", "nodes": 2},
    ]
    assert "b is not used" in told(plan_of(TRAIN, queue={"compute_resources": resources}))


def test_the_spec_in_the_docs_gives_the_files_that_the_docs_name():
    page = (Path(__file__).resolve().parents[2] / "docs/sagemaker.md").read_text()
    spec = page.split("```yaml\n")[1].split("```")[0]
    paths = {file.path for file in emit(make_plan(read_spec(Document(Path("spec.yaml"), spec))), ("sagemaker",))}
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `sagemaker/")}
    assert named <= paths
    assert {path.replace("all-reduce", "train") for path in paths} == named
    assert f"they support {len(OFFERED)} of the types with EFA" in page


def test_beside_parallelcluster_the_scripts_are_for_its_software_and_the_training_jobs_for_the_image():
    spec = spec_of(TRAIN, queue={"subnet": SUBNET})
    head = {"head_node": {"subnet": SUBNET}, "key": "my-key", "version": "3.16.3"}
    plan = make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump({**spec, "parallelcluster": head}))))
    section = plan.section(SageMakerPlan)
    assert section is not None
    assert plan.stack.parallelcluster == "3.16.3"
    assert section.jobs[0].plan.target.versions["installer"] == "1.49.0"


def test_a_script_that_is_not_sent_along_is_told_of():
    assert "`train.py`: name its folder" in files_of(TRAIN)["README.md"].content.decode()
    assert "`train.py`: name" not in files_of(TRAIN, source="../..")["README.md"].content.decode()


def test_what_only_slurm_reads_of_a_job_is_told():
    job = {**TRAIN, "time": "1:00:00", "account": "mine"}
    assert "nothing in SageMaker reads the job's time, account" in told(plan_of(job))
    assert "nothing in SageMaker reads" not in told(plan_of(TRAIN))


def test_validate_asks_the_service_s_model_and_says_that_no_pass_proves_capacity(tmp_path):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec_of(TRAIN)))
    done = CliRunner().invoke(efakit, ["validate", str(tmp_path / "spec.yaml")])
    assert done.exit_code == 0
    assert "accepted: SageMaker's model of its requests in botocore" in done.output
    assert "no pass proves capacity, quota, permissions of the role" in done.output


def test_every_type_with_training_is_known_to_the_catalog():
    assert {get(item.name).name for item in OFFERED} == {item.name for item in OFFERED}
    assert len(OFFERED) > 40
