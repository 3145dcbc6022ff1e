"""The target dstack: what its files say, and that its scripts hand each value on as a literal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from efakit.cli.main import efakit
from efakit.emit.registry import File, emit
from efakit.errors import SpecError
from efakit.plan.dstack import DstackPlan
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document
from efakit.vendor.dstack_parsers import installed_version
from tests.emit.denied import without_privilege

TRAIN = {"name": "train", "template": "torchrun", "script": "train.py"}
TESTS = {"name": "Perf_1", "template": "nccl-tests"}
TYPE = "p5.48xlarge"


def spec_of(
    *jobs: dict[str, Any], instance: str = TYPE, queue: dict[str, Any] | None = None, **section: Any
) -> dict[str, Any]:
    resource = {"name": "n", "instance": instance, "nodes": 4}
    queues = [{"name": "gpu", "compute_resources": [resource], **(queue or {})}]
    return {"cluster": {"region": "us-west-2", "queues": queues}, "dstack": section, "jobs": list(jobs)}


def plan_of(*jobs: dict[str, Any], **more: Any) -> Plan:
    return make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec_of(*jobs, **more)))))


def files_of(*jobs: dict[str, Any], **more: Any) -> dict[str, File]:
    return {file.path.removeprefix("dstack/"): file for file in emit(plan_of(*jobs, **more), ("dstack",))}


def data_of(file: File) -> Any:
    return yaml.safe_load(file.content)


def told(plan: Plan) -> str:
    section = plan.section(DstackPlan)
    assert section is not None
    return "\n".join(f"{item.subject}: {item.choice}: {item.reason}" for item in section.decisions)


def test_a_compute_resource_is_a_fleet_near_each_other_that_ends_when_it_is_idle():
    fleet = data_of(files_of(TRAIN)["gpu-n.fleet.dstack.yml"])
    assert fleet == {
        "type": "fleet",
        "name": "gpu-n",
        "nodes": "0..4",
        "placement": "cluster",
        "backends": ["aws"],
        "regions": ["us-west-2"],
        "instance_types": [TYPE],
        "spot_policy": "on-demand",
        "idle_duration": "10m",
    }


def test_a_reservation_and_the_least_number_of_nodes_go_to_the_fleet():
    block = {"capacity": "capacity-block", "reservation": "cr-0123456789abcdef0"}
    resource = {"name": "n", "instance": TYPE, "nodes": 4, "min_nodes": 4}
    files = files_of(TRAIN, queue={**block, "compute_resources": [resource]}, disk="500GB", idle_duration="off")
    fleet = data_of(files["gpu-n.fleet.dstack.yml"])
    assert (fleet["reservation"], fleet["nodes"]) == ("cr-0123456789abcdef0", 4)
    assert (fleet["resources"], fleet["idle_duration"]) == ({"disk": "500GB"}, "off")


def test_a_fleet_in_a_placement_group_names_its_type_since_dstack_would_try_those_that_take_none():
    # https://github.com/dstackai/dstack/issues/2872
    fleet = data_of(next(file for name, file in files_of(TRAIN).items() if name.endswith(".fleet.dstack.yml")))
    assert (fleet["placement"], len(fleet["instance_types"])) == ("cluster", 1)


def test_the_smaller_p5_has_dstack_s_image_with_efa_too():
    # https://github.com/dstackai/dstack/issues/3069
    assert "python" in data_of(files_of(TRAIN, instance="p5.4xlarge")["train.dstack.yml"])


def test_a_task_names_its_fleet_and_its_gpus():
    task = data_of(files_of({**TRAIN, "nodes": 2, "requeue": True}, shm_size="64GB")["train.dstack.yml"])
    assert (task["nodes"], task["fleets"], task["python"]) == (2, ["gpu-n"], "3.12")
    assert task["resources"] == {"gpu": 8, "shm_size": "64GB"}
    assert task["commands"] == ["bash train.sh"]
    assert task["retry"]["on_events"] == ["interruption"]
    assert "env" not in task


def test_names_are_those_that_dstack_takes_and_differ():
    files = files_of(TESTS, {**TESTS, "name": "perf.1"}, {**TESTS, "name": "7" * 60})
    names = [data_of(file)["name"] for path, file in files.items() if path.endswith(".dstack.yml")]
    assert names == ["gpu-n", "perf-1", "perf-1-2", f"j-{'7' * 39}"]


def test_an_image_of_the_jobs_own_is_named_as_a_registry_has_it():
    image = "docker://nvcr.io#nvidia/pytorch:25.10-py3"
    job = {**TRAIN, "container": {"runtime": "pyxis", "image": image, "mounts": ["/fsx:/fsx"]}}
    task = data_of(files_of(job)["train.dstack.yml"])
    assert (task["image"], task["shell"]) == ("nvcr.io/nvidia/pytorch:25.10-py3", "bash")
    assert "python" not in task
    assert "task train: no mounts" in told(plan_of(job))


@pytest.mark.parametrize(
    ("job", "instance", "why"),
    [
        ({"name": "x", "template": "command", "program": "x"}, TYPE, "dstack has no launcher for the ranks"),
        (
            {"name": "x", "template": "openmpi", "program": "x"},
            "hpc7a.96xlarge",
            "dstack does not offer hpc7a.96xlarge",
        ),
        ({"name": "x", "template": "openmpi", "program": "x"}, "c5.xlarge", "dstack's image has no EFA for c5.xlarge"),
        (
            {**TRAIN, "name": "x", "container": {"runtime": "apptainer", "image": "/x.sif"}},
            TYPE,
            "images from a registry",
        ),
        (
            {**TRAIN, "name": "x", "container": {"runtime": "pyxis", "image": "/fsx/x.sqsh"}},
            TYPE,
            "images from a registry",
        ),
    ],
)
def test_a_job_that_cannot_be_a_task_is_left_out_with_the_reason_and_refused_where_it_is_named(job, instance, why):
    plan = plan_of(TRAIN if instance == TYPE else job, job) if instance == TYPE else plan_of(job, instance=instance)
    assert f"job x in dstack: no task: {why}" in told(plan).replace("dstack runs ", "")
    assert not [file for file in emit(plan, ("dstack",)) if file.path == "dstack/x.sh"]
    with pytest.raises(SpecError) as refused:
        plan_of(job, instance=instance, jobs=["x"])
    assert [item.rule for item in refused.value.findings] == ["dstack-job"]


def test_only_the_jobs_that_are_named_become_tasks():
    assert [path for path in files_of(TRAIN, TESTS, jobs=["train"]) if path.endswith(".sh")] == ["train.sh"]
    with pytest.raises(SpecError, match="did you mean 'train'"):
        plan_of(TRAIN, jobs=["trian"])


def test_a_script_that_is_in_no_image_is_told_of():
    assert "`train.py`: must be in the image" in files_of(TRAIN)["README.md"].content.decode()
    assert "`train.py`" not in files_of(TRAIN, files=["../../train.py:train.py"])["README.md"].content.decode()


# Its scripts, run with stand-ins for the launchers.

LAUNCHER = '#!/bin/bash\nprintf "%s\\0" "$0" "$@" >"$SEEN"\nenv -0 >"$SEEN.env"\n'
HOSTILE = st.text(
    st.one_of(st.sampled_from("'\"$`\\;&|<>(){}%#!~*?[]-= "), st.characters(codec="utf-8", exclude_categories=["C"])),
    min_size=1,
    max_size=20,
)


def run(
    script: File, folder: Path, rank: int = 0, devices: int = 32, denied: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Return what the launcher was called with, and its environment."""
    for name in ("torchrun", "accelerate", "mpirun"):
        (folder / name).write_text(LAUNCHER)
        (folder / name).chmod(0o755)
    given = {"DSTACK_NODES_NUM": "4", "DSTACK_NODE_RANK": str(rank), "DSTACK_MASTER_NODE_IP": "10.0.0.1"}
    environment = {**given, "DSTACK_MPI_HOSTFILE": "/dstack/mpi/hostfile", "SEEN": str(folder / "seen")}
    for number in range(devices):
        (folder / f"sys/class/infiniband/rdmap{number}").mkdir(parents=True)
    # No node has 32 devices here: a folder tree stands in for its sysfs.
    (folder / "job.sh").write_bytes(script.content.replace(b" /sys/", f" {folder}/sys/".encode()))
    command = ["bash", str(folder / "job.sh")]
    if denied:
        (folder / "sys/class/infiniband").chmod(0)
        command = without_privilege(command)
    path = f"{folder}:{os.environ['PATH']}"
    subprocess.run(command, env={**environment, "PATH": path}, check=True, cwd=folder)
    words = (folder / "seen").read_bytes().decode().split("\0")[:-1]
    lines = (folder / "seen.env").read_bytes().decode().split("\0")[:-1]
    return [Path(words[0]).name, *words[1:]], dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (TRAIN, ["--nnodes=4", "--nproc-per-node=8", "--node-rank=3", "--master-addr=10.0.0.1", "train.py"]),
        (
            {**TRAIN, "template": "accelerate"},
            ["--num_machines", "4", "--machine_rank", "3", "--num_processes", "32", "--main_process_ip", "10.0.0.1"],
        ),
    ],
)
def test_each_node_starts_its_ranks(tmp_path, job, words):
    seen, environment = run(files_of(job)["train.sh"], tmp_path, rank=3)
    assert [word for word in words if word not in seen] == []
    assert environment["NCCL_NET"] == "Libfabric"


def test_the_first_node_alone_starts_all_ranks_of_an_mpi_program(tmp_path):
    seen, environment = run(files_of({**TESTS, "env": {"MINE": "a b"}})["perf-1.sh"], tmp_path)
    assert seen[: seen.index("-n") + 2] == [
        "mpirun",
        "--allow-run-as-root",
        "--hostfile",
        "/dstack/mpi/hostfile",
        "-n",
        "32",
    ]
    handed_on = {seen[place + 1] for place, word in enumerate(seen) if word == "-x"}
    assert {"NCCL_NET", "MINE"} <= handed_on
    assert environment["MINE"] == "a b"
    assert "exec sleep infinity" in files_of(TESTS)["perf-1.sh"].content.decode()


def test_a_node_that_lacks_an_efa_device_ends_before_the_launch(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        run(files_of(TRAIN)["train.sh"], tmp_path, devices=31)
    assert not (tmp_path / "seen").exists()


def test_a_container_without_sysfs_says_that_nothing_was_counted_and_the_job_runs(tmp_path):
    seen, _ = run(files_of(TRAIN)["train.sh"], tmp_path, devices=0)
    assert seen[0] == "torchrun"


def test_devices_that_cannot_be_read_are_not_called_missing(tmp_path, capfd):
    seen, _ = run(files_of(TRAIN)["train.sh"], tmp_path, denied=True)
    assert seen[0] == "torchrun"
    assert "the EFA devices were not counted" in capfd.readouterr().err


def test_devices_are_counted_in_an_image_without_ls(tmp_path):
    (tmp_path / "ls").write_text("#!/bin/bash\nexit 127\n")
    (tmp_path / "ls").chmod(0o755)
    assert run(files_of(TRAIN)["train.sh"], tmp_path)[0][0] == "torchrun"


def test_what_only_slurm_reads_of_a_job_is_told():
    job = {**TRAIN, "time": "1:00:00", "account": "mine"}
    assert "dstack does not use the job's time, account" in told(plan_of(job))
    assert "dstack does not use" not in told(plan_of(TRAIN))


@given(HOSTILE, HOSTILE, HOSTILE)
@settings(max_examples=settings().max_examples * 40 // 100)
def test_values_of_a_job_are_literals(tmp_path_factory, argument, value, script):
    job = {**TRAIN, "args": [argument], "env": {"MINE": value}, "script": script}
    try:
        files = files_of(job)
    except SpecError:
        return  # refused: nothing was written
    seen, environment = run(files["train.sh"], tmp_path_factory.mktemp("run"))
    assert seen[-2:] == [script, argument]
    assert environment["MINE"] == value


def test_validate_says_that_dstack_is_not_installed(tmp_path):
    if installed_version() is not None:
        pytest.skip("dstack is installed here")
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec_of(TRAIN)))
    done = CliRunner().invoke(efakit, ["validate", str(tmp_path / "spec.yaml")])
    assert done.exit_code == 0
    assert "not asked: dstack: not installed; pip install 'efakit[dstack]'" in done.output


def test_the_spec_in_the_docs_gives_the_files_that_the_docs_name():
    page = (Path(__file__).resolve().parents[2] / "docs/dstack.md").read_text()
    spec = page.split("```yaml\n")[1].split("```")[0]
    paths = {file.path for file in emit(make_plan(read_spec(Document(Path("spec.yaml"), spec))), ("dstack",))}
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `dstack/")}
    assert named <= paths
    assert paths - named == {"dstack/all-reduce.dstack.yml", "dstack/all-reduce.sh"}


def test_beside_parallelcluster_the_scripts_are_for_its_software_and_the_tasks_for_dstacks_image():
    spec = spec_of(TRAIN, queue={"subnet": "subnet-0123456789abcdef1"})
    head = {"head_node": {"subnet": "subnet-0123456789abcdef0"}, "key": "my-key", "version": "3.16.3"}
    plan = make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump({**spec, "parallelcluster": head}))))
    assert plan.stack.parallelcluster == "3.16.3"
    section = plan.section(DstackPlan)
    assert section is not None
    assert section.tasks[0].plan.target.versions["installer"] == "1.48.0"
    assert plan.jobs[0].target.versions["installer"] != "1.48.0"
