"""A lab with accounting: what slurmdbd on MariaDB knows of jobs, also where slurmctld has forgotten them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.making import version_2, write

from .cluster import LabCluster, LabCommandError, default_node_names, missing_requirements
from .releases import slurm_release

MISSING = missing_requirements(accounting=True)
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no accounting without {', '.join(MISSING)}: run 'make test' as root"),
]
NODES = default_node_names(2)
RELEASE = (0, 0) if MISSING else slurm_release()
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


class Annotated:
    """Jobs of the lab with records, as hooks leave them, and what accounting says of them."""

    def __init__(self, cluster: LabCluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.name = cluster.run(["sacctmgr", "-n", "-P", "show", "cluster", "format=cluster"]).stdout.strip()

    def records(
        self,
        job: int,
        *,
        tcp: bool = False,
        comment: str = "",
        shift: float = 0.0,
        field: str = "AdminComment",
        rows: int = 1,
    ) -> None:
        """Publish the records of an ended job of both nodes, and give it a text that is there before."""
        accounted(self.cluster, job, rows)
        ended_at = time.time() + shift
        records = []
        for node in NODES:
            record = version_2(node, cluster=self.name, job_id=job, node_list=",".join(NODES))
            record |= {"node_list_at_end": ",".join(NODES), "began_at": ended_at - 5, "ended_at": ended_at}
            record["devices"][0]["counters"] = dict.fromkeys(("tx_bytes", "rx_bytes"), 0 if tcp else 10**9)
            record["interfaces"][0]["counters"] = dict.fromkeys(("tx_bytes", "rx_bytes"), 10**9 if tcp else 100)
            records.append(record)
        write(self.folder, *records)
        if comment:
            self.cluster.run(["sacctmgr", "-i", "modify", "job", f"jobid={job}", "set", f"{field}={comment}"])

    def annotate(self, *options: str) -> dict[str, Any]:
        program = [sys.executable, "-c", "from efakit.cli.main import main; main()"]
        argv = [*program, "records", "annotate", "--records", str(self.folder), "--after", "0"]
        environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
        output = self.cluster.run([*argv, "--format", "json", *options], env=environment).stdout
        return json.loads(output)  # type: ignore[no-any-return]

    def comment(self, job: int | str, field: str = "AdminComment") -> str:
        argv = ["sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={job}", f"--format={field}"]
        return self.cluster.run(argv).stdout.rstrip("\n")


def test_verdicts_become_comments_of_empty_fields_and_of_own_lines_alone(cluster: LabCluster, tmp_path: Path) -> None:
    jobs = Annotated(cluster, tmp_path)
    good, fallen, theirs, ours, other_run = (submit(cluster, "true", "--nodes=2") for _ in range(5))
    jobs.records(good)
    jobs.records(fallen, tcp=True)
    jobs.records(theirs, comment="JS1:H4sIAAAAAAAAA")
    jobs.records(ours, comment="efakit: incomplete, 2 nodes")
    jobs.records(other_run, shift=-7200.0)
    expected = {
        str(good): "efakit: efa, 2 nodes, EFA 2 GB, TCP 200 B",
        str(fallen): "efakit: tcp-fallback, 2 nodes, EFA 0 B, TCP 2 GB",
        str(ours): "efakit: efa, 2 nodes, EFA 2 GB, TCP 200 B",
    }
    before = {job: jobs.comment(job) for job in (good, fallen, theirs, ours, other_run)}
    told = jobs.annotate("--dry-run")
    assert told["written"] == expected
    assert {job: jobs.comment(job) for job in before} == before
    told = jobs.annotate()
    assert (told["written"], told["foreign"], told["unknown"]) == (expected, [theirs], [other_run])
    # sacctmgr writes small letters (22.05).
    assert {str(job): jobs.comment(job).lower() for job in (good, fallen, ours)} == {
        job: line.lower() for job, line in expected.items()
    }
    assert [jobs.comment(job) for job in (theirs, other_run)] == [before[theirs], ""]
    told = jobs.annotate()
    assert (told["written"], sorted(told["same"])) == ({}, [good, fallen, ours])


def test_the_verdict_of_an_array_s_last_task_goes_to_no_other_one(cluster: LabCluster, tmp_path: Path) -> None:
    """The last task has the array's own id, by which sacctmgr takes all tasks."""
    jobs = Annotated(cluster, tmp_path)
    array = submit(cluster, "true", "--nodes=2", "--array=0-1")
    jobs.records(array, rows=2)
    argv = ["sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={array}", "--format=JobIDRaw,JobID"]
    names = dict(line.split("|") for line in cluster.run(argv).stdout.splitlines())
    own = names.pop(str(array))
    (other,) = names.values()
    cluster.run(["sacctmgr", "-i", "modify", "job", f"jobid={other}", "set", "AdminComment=rack 7"])
    assert [jobs.comment(own), jobs.comment(other)] == ["", "rack 7"]
    line = "efakit: efa, 2 nodes, EFA 2 GB, TCP 200 B"
    assert jobs.annotate()["written"] == {str(array): line}
    assert [jobs.comment(own).lower(), jobs.comment(other)] == [line.lower(), "rack 7"]


@pytest.mark.skipif(RELEASE < (23, 2), reason="Slurm has Extra from 23.02 on")
def test_verdicts_go_into_extra_and_never_over_a_user_s(cluster: LabCluster, tmp_path: Path) -> None:
    jobs = Annotated(cluster, tmp_path)
    good, theirs, ours = (submit(cluster, "true", "--nodes=2") for _ in range(3))
    jobs.records(good)
    jobs.records(theirs, comment="rack 7", field="Extra")
    jobs.records(ours, comment="efakit: incomplete, 2 nodes", field="Extra")
    line = "efakit: efa, 2 nodes, EFA 2 GB, TCP 200 B"
    told = jobs.annotate("--field", "Extra")
    assert (told["field"], told["written"]) == ("Extra", {str(good): line, str(ours): line})
    assert told["foreign"] == [theirs]
    assert [jobs.comment(job, "Extra") for job in (good, theirs, ours)] == [line, "rack 7", line]
    assert [jobs.comment(job) for job in (good, theirs, ours)] == ["", "", ""]
    assert (jobs.annotate("--field", "Extra")["written"], jobs.annotate("--field", "Extra")["same"]) == (
        {},
        [good, ours],
    )


@pytest.mark.skipif(RELEASE >= (23, 2), reason="Slurm has Extra from 23.02 on")
def test_extra_is_refused_by_name_where_slurm_has_none(cluster: LabCluster, tmp_path: Path) -> None:
    jobs = Annotated(cluster, tmp_path)
    job = submit(cluster, "true", "--nodes=2")
    jobs.records(job)
    with pytest.raises(LabCommandError, match="has no such field in its accounting"):
        jobs.annotate("--field", "Extra")
    assert jobs.comment(job) == ""


def test_slurmctld_refuses_to_change_a_job_that_has_ended(cluster: LabCluster) -> None:
    """Why accounting is asked, and not scontrol: slurmctld still holds the job."""
    job = submit(cluster, "true")
    accounted(cluster, job)
    assert cluster.job_states(job)
    with pytest.raises(LabCommandError, match="already finished"):
        cluster.run(["scontrol", "update", f"jobid={job}", "AdminComment=x" if RELEASE < (23, 2) else "Extra=x"])
