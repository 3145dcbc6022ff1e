"""A lab with accounting: what slurmdbd on MariaDB knows of jobs, also where slurmctld has forgotten them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .cluster import LabCluster, LabCommandError, default_node_names, missing_requirements

MISSING = missing_requirements(accounting=True)
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no accounting without {', '.join(MISSING)}: run 'make test' as root"),
]
NODES = default_node_names(2)
FIELDS = ("JobID", "State", "ExitCode", "User", "NNodes")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabCluster]:
    with LabCluster(Path(tmp_path_factory.mktemp("accounting")), NODES, accounting=True) as running:
        yield running


def submit(cluster: LabCluster, text: str, *options: str) -> int:
    script = cluster.spec.work_dir / "job.sbatch"
    script.write_text(f"#!/bin/sh\n{text}\n")
    return cluster.submit(script, *options)


def accounted(cluster: LabCluster, job: int, count: int = 1) -> list[list[str]]:
    """sacct's rows of a job, without its steps, once all have ended: slurmctld tells slurmdbd in its own time."""
    argv = ["sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={job}", f"--format={','.join(FIELDS)}"]
    deadline = time.monotonic() + 60
    while True:
        rows = [line.split("|") for line in cluster.run(argv).stdout.splitlines()]
        if len(rows) == count and all(row[1] not in ("PENDING", "RUNNING") for row in rows):
            return rows
        assert time.monotonic() < deadline, f"sacct still says {rows}"
        time.sleep(0.2)


def test_ends_of_jobs_are_accounted(cluster: LabCluster) -> None:
    good = submit(cluster, "srun true", "--nodes=2")
    failing = submit(cluster, "exit 3")
    cancelled = submit(cluster, "sleep 300", "--nodes=2", "--hold")
    cluster.run(["scancel", str(cancelled)])
    cluster.wait(failing)
    assert accounted(cluster, good) == [[str(good), "COMPLETED", "0:0", "root", "2"]]
    assert accounted(cluster, failing) == [[str(failing), "FAILED", "3:0", "root", "1"]]
    ((_, state, code, *_),) = accounted(cluster, cancelled)
    assert (state, code) == ("CANCELLED by 0", "0:0")


def test_each_task_of_an_array_has_a_row(cluster: LabCluster) -> None:
    job = submit(cluster, "exit $SLURM_ARRAY_TASK_ID", "--array=0-1")
    cluster.wait(job)
    ended = sorted(row[:3] for row in accounted(cluster, job, 2))
    assert ended == [[f"{job}_0", "COMPLETED", "0:0"], [f"{job}_1", "FAILED", "1:0"]]


def test_what_slurmctld_has_forgotten_is_accounted(cluster: LabCluster) -> None:
    job = submit(cluster, "true")
    assert accounted(cluster, job)[0][1] == "COMPLETED"
    stop = "pid=$(cat /run/slurmctld.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.05; done"
    cluster.run(["sh", "-c", f"{stop}; env -i PATH=$PATH slurmctld -f {cluster.slurm_conf} -c"])
    cluster.run(["sh", "-c", "for i in $(seq 600); do scontrol ping | grep -q UP && exit 0; sleep 0.1; done; exit 1"])
    with pytest.raises(LabCommandError, match="Invalid job id"):
        cluster.job_states(job)
    assert accounted(cluster, job)[0][1] == "COMPLETED"
