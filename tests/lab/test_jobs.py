"""efakit's job scripts on a real Slurm: launchers, arrays, requeues, signals, the check of the nodes, the last word.

Real: Slurm, the scripts as rendered, torchrun, accelerate, DeepSpeed, Open MPI and their traffic between the hosts.
Simulated: the EFA devices, which are files, the GPUs, and NCCL, of whose log a script prints the lines that count.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.cluster import missing_requirements
from tests.lab.jobs_lab import BROKEN, CPU_HOSTS, LIMITED, SHARED_HOSTS, SOUND_HOSTS, SPARE, TORCH_PYTHON, JobsLab
from tests.lab.releases import open_mpi, why_no_open_mpi, why_no_pmix

MISSING = missing_requirements()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no lab without {', '.join(MISSING)}: run 'make test' as root"),
]
needs_torch = pytest.mark.skipif(
    not TORCH_PYTHON.exists(),
    reason=f"no PyTorch at {TORCH_PYTHON}: scripts/setup-torch.sh installs a CPU build where one is found",
)
TASKS = range(2)  # of the array job
# What these jobs do on purpose, and lint warns of: they leave GPUs to other jobs; EFA is off where mpirun runs.
GREETING = 'it\'s "here" & there'


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[JobsLab]:
    lab = JobsLab(Path(tmp_path_factory.mktemp("jobs")))
    lab.write_spec()
    lab.render()
    lab.make_devices()
    with lab.cluster:
        lab.make_partitions()
        yield lab


@pytest.fixture(scope="module", autouse=True)
def slow(lab) -> dict[str, int]:
    """The jobs that wait for Slurm's own clocks or for devices: submitted first, judged last."""
    started = {"broken": lab.submit("broken")}
    if TORCH_PYTHON.exists():
        started |= {name: lab.submit(name) for name in ("signalled", "requeued")}
        lab.wait_for_files("checkpoint", [f"started-{rank}" for rank in range(4)])
        lab.wait_for_files("waiting", [f"started-{rank}" for rank in range(2)])
        for rank in range(2):
            (lab.work_dir / f"ready/{rank}").write_text("what another run left")
        lab.cluster.requeue(started["requeued"])
    return started


@needs_torch
def test_torchrun_joins_the_hosts_with_two_ranks_on_each(lab):
    ranks, hosts = lab.run("train").said, SOUND_HOSTS[:2]
    assert [rank["rank"] for rank in ranks] == list(range(4))
    assert {rank["world"] for rank in ranks} == {4}
    by_host = {host: [rank["local_rank"] for rank in ranks if rank["host"] == host] for host in hosts}
    assert by_host == {host: [0, 1] for host in hosts}
    assert {rank["host"]: rank["address"] for rank in ranks} == {host: lab.addresses()[host] for host in hosts}
    assert {rank["master"] for rank in ranks} == {ranks[0]["host"]}
    assert {rank["nccl_net"] for rank in ranks} == {"Libfabric"}


@needs_torch
def test_jobs_at_once_on_the_same_hosts_do_not_meet_each_other(lab):
    """An array, each of whose tasks waits until all of them run; each has ranks on both hosts."""
    array = lab.submit("many")
    assert lab.cluster.wait(array) == "COMPLETED"
    endpoints = set()
    for task in TASKS:
        output = (lab.cluster.spec.jobs_dir / f"many-{array}_{task}.out").read_text()
        ranks = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        assert output.endswith("2 Using network Libfabric\n")  # the last word is on this task's output alone
        assert sorted(rank["rank"] for rank in ranks) == [0, 1]
        assert sorted(rank["host"] for rank in ranks) == SHARED_HOSTS
        assert {rank["world"] for rank in ranks} == {2}
        assert {rank["TORCHELASTIC_RUN_ID"] for rank in ranks} == {f"{ranks[0]['job']}.0"}
        endpoints |= {rank["endpoint"] for rank in ranks}
    assert len(endpoints) == len(TASKS)
    assert {endpoint.partition(":")[0] for endpoint in endpoints} == {SHARED_HOSTS[0]}


@needs_torch
def test_megatron_is_launched_with_what_it_demands(lab):
    ranks = lab.run("megatron").said
    connections = {rank["host"]: rank["CUDA_DEVICE_MAX_CONNECTIONS"] for rank in ranks}
    assert connections == dict.fromkeys(SOUND_HOSTS[:2], "1")


@needs_torch
def test_neuron_s_runtimes_meet_at_an_address_of_the_first_host(lab):
    ranks = lab.run("neuron").said
    assert len(ranks) == 2
    (meeting,) = {rank["NEURON_RT_ROOT_COMM_ID"] for rank in ranks}
    address, _, port = meeting.partition(":")
    assert address == lab.addresses()[CPU_HOSTS[0]]
    # Not the port at which torchrun meets.
    assert port not in {rank["endpoint"].partition(":")[2] for rank in ranks}


@needs_torch
@pytest.mark.parametrize(("name", "key", "value"), [("accelerate", "sum", 3.0), ("deepspeed", "weight", 0.125)])
def test_other_launchers_join_the_hosts(lab, name, key, value):
    if not list(TORCH_PYTHON.parents[1].glob(f"lib/*/site-packages/{name}")):
        pytest.skip(f"no {name} beside the PyTorch at {TORCH_PYTHON}: scripts/setup-torch.sh installs it")
    ranks = lab.run(name).said
    assert [(rank["rank"], rank["world"], rank[key]) for rank in ranks] == [(0, 2, value), (1, 2, value)]
    assert sorted(rank["host"] for rank in ranks) == SOUND_HOSTS[:2]


@pytest.mark.parametrize(("name", "launcher"), [("hello-srun", "srun"), ("hello-mpirun", "mpirun")])
def test_open_mpi_says_hello(lab, name, launcher):
    _need_open_mpi(launcher)
    ranks = lab.run(name).said
    assert [(rank["rank"], rank["size"], rank["sum"]) for rank in ranks] == [(number, 4, 10) for number in range(4)]
    assert [rank["host"] for rank in ranks] == [CPU_HOSTS[0], CPU_HOSTS[0], CPU_HOSTS[1], CPU_HOSTS[1]]
    assert {rank["launcher"] for rank in ranks} == {launcher}
    assert {rank["greeting"] for rank in ranks} == {GREETING}


def test_open_mpi_s_environment_ends_a_job_that_finds_no_efa(lab):
    """The devices' files pass the check, and libfabric finds no EFA behind them: no quiet way over TCP is left."""
    _need_open_mpi("srun")
    outcome = lab.run("hello-efa", "FAILED")
    assert outcome.said == []
    # From Open MPI 5 on, the words go to PMIx, and Slurm's prints none of them.
    assert int(open_mpi().split(".")[0]) >= 5 or "PML cm cannot be selected" in outcome.output


def _need_open_mpi(launcher: str) -> None:
    reason = (why_no_pmix() if launcher == "srun" else None) or why_no_open_mpi()
    if reason:
        pytest.skip(reason)


def test_sound_nodes_pass_the_check_and_the_body_runs(lab, record_property):
    outcome = lab.run("sound")
    marks = [line.split() for line in outcome.output.splitlines() if line.startswith("check ")]
    times = {when: float(at) for _, when, at in marks}
    seconds = times["ends"] - times["begins"]
    record_property("says", f"the check of 4 nodes at once took {seconds:.2f} s, srun's own time with it")
    checked = [line.split(None, 1) for line in outcome.output.splitlines() if "EFA devices" in line]
    assert [count for count, _ in checked] == ["4"]  # equal nodes in one line
    assert "32 EFA devices (32 needed), locked memory unlimited" in checked[0][1]
    assert "the body goes on after a failure" in outcome.output


def test_a_job_is_stopped_with_the_reason_where_a_host_lacks_a_device(lab, slow):
    outcome = lab.outcome("broken", slow["broken"])
    assert (outcome.state, outcome.exit_code) == ("FAILED", 1)
    assert f"preflight: {BROKEN}: EFA cannot work: found 31 of 32 EFA devices" in outcome.output
    assert f"preflight: {SPARE}" not in outcome.output
    assert "the body" not in outcome.output


def test_without_the_check_the_same_hosts_run_the_job(lab, slow):
    lab.outcome("broken", slow["broken"])
    outcome = lab.run("unchecked")
    assert "the body" in outcome.output
    assert "EFA devices" not in outcome.output


def test_a_job_is_stopped_where_too_little_memory_may_be_locked(lab):
    """Slurm hands on the limits of the shell that submits."""
    outcome = lab.run("limited", "FAILED", wrapper=["prlimit", "--memlock=65536:65536"])
    assert f"preflight: {LIMITED}: EFA cannot work: only 65536 bytes of memory can be locked" in outcome.output
    assert "the body" not in outcome.output


def test_the_last_word_is_which_network_nccl_took(lab):
    lines = lab.run("over-efa").output.splitlines()
    last = lines[lines.index("In the log of NCCL (times, what):") + 1 :]
    counts = dict(reversed(line.split(None, 1)) for line in last)
    assert counts == {
        "Selected provider is efa, fabric is efa-direct (found 32 nics)": "16",
        "Using network Libfabric": "16",
    }


def test_tcp_is_warned_of_and_the_program_s_exit_code_stays(lab):
    outcome = lab.run("over-tcp", "FAILED")
    assert outcome.exit_code == 3
    assert "WARNING: NCCL used TCP, not EFA" in outcome.output


def test_a_template_of_the_user_s_own_is_launched(lab):
    lines = lab.run("greeting").output.splitlines()
    assert any(line.startswith(f"2 nodes, which may meet at {SOUND_HOSTS[0]}:") for line in lines)
    assert {f"{task}: hello {GREETING}" for task in (0, 1)} <= set(lines)


@needs_torch
def test_a_requeued_job_goes_on_at_another_port(lab, slow):
    outcome = lab.outcome("requeued", slow["requeued"])
    assert outcome.state == "COMPLETED"
    runs = [[one for one in outcome.said if one["resumed"] is resumed] for resumed in (False, True)]
    assert [[one["rank"] for one in run] for run in runs] == [[0, 1], [0, 1]]
    assert [{one["TORCHELASTIC_RUN_ID"] for one in run} for run in runs] == [
        {f"{outcome.job_id}.0"},
        {f"{outcome.job_id}.1"},
    ]
    (first,), (second,) = ({one["endpoint"] for one in run} for run in runs)
    assert first != second
    assert outcome.output.count("goes on from what another run left") == 2
    # The last word is on the last run alone, though both wrote one file.
    last = outcome.output[outcome.output.rindex("In the log of NCCL") :]
    assert "2 Using network Libfabric" in last
    assert "Socket" not in last
    assert "WARNING" not in last


@needs_torch
def test_the_signal_reaches_the_ranks_and_the_job_goes_on_from_its_checkpoint(lab, slow):
    """Slurm's own signal ahead of the time limit, through torchrun, whose ranks write checkpoints and end."""
    outcome = lab.outcome("signalled", slow["signalled"])
    assert outcome.state == "COMPLETED"
    assert [(one["rank"], one["resumed"]) for one in outcome.said] == [
        (rank, resumed) for rank in range(4) for resumed in (False, True)
    ]
    for rank in range(4):
        assert f"rank {rank} goes on from the checkpoint of rank {rank}" in outcome.output


def test_no_tool_finds_fault_with_what_ran(lab):
    scripts = sorted((lab.bundle / "jobs").glob("*.sbatch"))
    for more in ([], ["--spec", lab.spec]):
        done = lab.efakit("lint", "--format", "json", *more, *scripts)
        assert {(Path(one["file"]).stem, one["rule"]) for one in json.loads(done.stdout)} == set()
    for script in scripts:
        subprocess.run(["bash", "-n", script], check=True)
    subprocess.run([shutil.which("shellcheck") or "shellcheck", *scripts], check=True)
