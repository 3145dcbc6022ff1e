"""What the child process makes of pyslurm's objects.

A module stands in for pyslurm, with the attributes that pyslurm 25.11.2 has (``pyslurm/core`` and ``pyslurm/db`` of its
sources); the real one is asked in test_slurm_real_pyslurm.py, where it is there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from efakit.slurm.job import JobRef, SourceError
from efakit.slurm.nodes import Node
from efakit.slurm.partitions import Partition
from efakit.slurm.pyslurm_backend import Pyslurm

STAND_IN = """
from types import SimpleNamespace as Made

__version__ = "25.11.2"

class Nodes:
    @staticmethod
    def load():
        node = Made(
            name="gpu-st-p5-1", state="IDLE+DRAIN", available_features=["static", "p5"], reason="bad cable",
            partitions=["gpu", "all"], total_cpus=192, real_memory=2000000, configured_gres={"gpu:h100": 8},
        )
        bare = Made(
            name="n1", state="MIXED", available_features=None, reason=None, partitions=None, total_cpus=8,
            real_memory=1000, configured_gres=None,
        )
        return {"gpu-st-p5-1": node, "n1": bare}

class Partitions:
    @staticmethod
    def load():
        return {"gpu": Made(
            name="gpu", state="UP", is_default=True, nodes="gpu-st-p5-[1-2]", total_nodes=2, total_cpus=384,
            max_nodes="UNLIMITED", min_nodes=1, max_time=1440, allowed_accounts=["research"], allowed_groups=["ALL"],
            allowed_qos=None,
        )}

def job(number, **changes):
    known = dict(
        id=number, name="train", state="FAILED", run_time=12, allocated_nodes="n[1-2]", requeue_count=0,
        partition="gpu", user_name="alice", array_id=None, array_task_id=None, array_tasks_waiting=None,
        state_reason="NonZeroExitCode", account="research", exit_code=3, exit_code_signal=0, num_nodes=2,
        command="/home/alice/train.sbatch", standard_output="/home/alice/train-%j.out",
        working_directory="/home/alice", comment=None, admin_comment="", elapsed_time=12, nodelist="n[1-2]",
    )
    return Made(**{**known, **changes})

class Jobs:
    @staticmethod
    def load():
        task = job(8, array_id=7, array_task_id=None, state="RUNNING", exit_code=None, exit_code_signal=None)
        return {7: job(7), 8: task, 9: job(9, user_name="bob")}

class RPCError(Exception):
    errno = 2017

class Job:
    @staticmethod
    def load(number):
        if number not in Jobs.load():
            raise RPCError("Invalid job id specified")
        return Jobs.load()[number]

class db:
    class JobFilter:
        def __init__(self, ids):
            self.ids = ids

    class Jobs:
        @staticmethod
        def load(chosen):
            past = job(chosen.ids[0], submit_command="sbatch train.sbatch", state="COMPLETED", exit_code=0)
            del past.command, past.run_time
            return {past.id: past}
"""


@pytest.fixture
def stand_in(bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pyslurm:
    monkeypatch.delitem(sys.modules, "pyslurm")
    package = tmp_path / "site/pyslurm"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(str(package.parent))
    return Pyslurm()


def test_nodes_and_partitions(stand_in: Pyslurm):
    table = stand_in.nodes()
    assert table.default_partition == "gpu"
    assert table.nodes == (
        Node(
            name="gpu-st-p5-1",
            state=("idle", "drain"),
            features=("static", "p5"),
            reason="bad cable",
            partitions=("gpu", "all"),
            cpus=192,
            memory_mib=2_000_000,
            gres="gpu:h100:8",
        ),
        Node("n1", ("mixed",), (), None, (), 8, 1000, ""),
    )
    assert (table.nodes[0].gpus, table.nodes[0].resource) == (8, "p5")
    assert stand_in.partitions() == [
        Partition("gpu", "UP", True, "gpu-st-p5-[1-2]", 2, 384, None, 1, 1440, "research", None, None)
    ]
    assert stand_in.version() == "25.11.2"


def test_jobs(stand_in: Pyslurm):
    job = stand_in.job(JobRef(7), "slurmctld")
    assert job is not None
    assert (job.exit_code, job.reason, job.account, job.user) == ("3:0", "NonZeroExitCode", "research", "alice")
    assert (job.script, job.output_file) == ("/home/alice/train.sbatch", "/home/alice/train-7.out")
    assert (job.comment, job.admin_comment, job.node_count, job.source) == (None, None, 2, "pyslurm")
    assert [one.job_id for one in stand_in.jobs(ids=(7,))] == [7, 8]
    task = stand_in.jobs(ids=(7,))[1]
    assert (task.array, task.state, task.exit_code) == ((7, 0), "RUNNING", None)
    assert [one.job_id for one in stand_in.jobs(user="bob")] == [9]
    assert stand_in.job(JobRef(99), "slurmctld") is None


def test_past_jobs(stand_in: Pyslurm):
    (past,) = stand_in.past_jobs(7)
    assert (past.state, past.exit_code, past.submit_line) == ("COMPLETED", "0:0", "sbatch train.sbatch")


def test_what_pyslurm_does_not_tell_is_left_to_the_commands(stand_in: Pyslurm):
    for question in (stand_in.config, stand_in.instance_types):
        with pytest.raises(SourceError) as caught:
            question()
        assert caught.value.outcome == "absent"
