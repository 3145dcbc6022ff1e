"""Submitting on a real Slurm whose controller is down, comes back, or loses its answer: never twice, never silently."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from efakit.slurm import SlurmHere
from efakit.slurm.job import SourceError
from efakit.slurm.submission import BatchScript, set_admin_comment
from efakit.submit.send import Refused, SubmitError, new_ticket, send
from efakit.submit.wait import wait
from tests.slurm.single_host import SingleHostSlurm, wait_until

pytestmark = pytest.mark.lab

SCRIPT = BatchScript(text=b"#!/bin/sh\nexit 0\n")
OPTIONS = ("--output=/dev/null", "--hold")


@pytest.fixture
def mended(slurm: SingleHostSlurm) -> Iterator[SingleHostSlurm]:
    """After the test, slurmctld runs and answers again."""
    yield slurm
    slurm.resume_daemon("slurmctld")
    if "slurmctld" not in slurm.daemons:
        slurm.start_slurmctld()
        slurm.wait_for_idle_nodes()


def marked(slurm: SingleHostSlurm, word: str) -> list[str]:
    """The ids of the jobs that carry a ticket's word."""
    rows = slurm.run("squeue", "--noheader", "--states=all", "--format=%A %k").splitlines()
    return [row.split()[0] for row in rows if word in row]


def test_a_job_is_submitted_and_found_by_its_ticket_beside_the_user_s_own_comment(slurm: SingleHostSlurm):
    ticket = new_ticket("efakit=off for a while")
    job_id = send(SCRIPT, OPTIONS, ticket, SlurmHere(), pytest.fail)
    comment = slurm.run("squeue", "--noheader", f"--jobs={job_id}", "--format=%k").strip()
    assert comment == f"efakit=off for a while {ticket.word}"
    assert marked(slurm, ticket.word) == [str(job_id)]


def test_a_refusal_is_slurm_s_own_words_and_is_not_tried_again(slurm: SingleHostSlurm):
    with pytest.raises(Refused, match="invalid partition specified: nowhere"):
        send(SCRIPT, ("--partition=nowhere",), new_ticket(None), SlurmHere(), pytest.fail)


def test_the_script_of_a_job_is_as_it_was_submitted(slurm: SingleHostSlurm):
    text = "#!/bin/sh\n# é  two blanks\nexit 0\n"
    job_id = send(BatchScript(text=text.encode()), OPTIONS, new_ticket(None), SlurmHere(), pytest.fail)
    assert SlurmHere().batch_script(job_id) == text
    assert SlurmHere().batch_script(60000000) is None


def test_a_comment_of_the_administrator_is_kept_with_the_job(slurm: SingleHostSlurm):
    job_id = slurm.submit("--hold")
    set_admin_comment(int(job_id), "efakit: tcp-fallback, see 'efakit report'", 10)
    (job,) = SlurmHere().jobs(ids=(int(job_id),))
    assert job.admin_comment == "efakit: tcp-fallback, see 'efakit report'"
    with pytest.raises(SourceError, match="Invalid job id"):
        set_admin_comment(60000000, "none", 10)


def test_a_controller_that_is_down_is_tried_so_often_and_no_more(mended: SingleHostSlurm):
    mended.cancel_all()
    mended.stop_daemon("slurmctld")
    ticket, said, slept = new_ticket(None), [], []
    with pytest.raises(SubmitError, match=r"the job was not submitted, after 2 tries\. Is slurmctld up"):
        send(SCRIPT, OPTIONS, ticket, SlurmHere(2), said.append, pauses=(1,), sleep=slept.append)
    assert slept == [1]
    assert len(said) == 1
    assert "Unable to contact slurm controller" in said[0]
    mended.start_slurmctld()
    assert marked(mended, ticket.word) == []


def test_a_controller_that_comes_back_gets_the_job_once(mended: SingleHostSlurm):
    mended.cancel_all()
    mended.stop_daemon("slurmctld")
    ticket = new_ticket(None)
    job_id = send(
        SCRIPT, OPTIONS, ticket, SlurmHere(), lambda _: None, pauses=(1,), sleep=lambda _: mended.start_slurmctld()
    )
    assert marked(mended, ticket.word) == [str(job_id)]


def test_a_job_whose_answer_was_lost_is_found_and_not_submitted_again(mended: SingleHostSlurm):
    """slurmctld is stopped with the request in its socket; sbatch gives up; slurmctld goes on and takes the job."""
    ticket, said = new_ticket(None), []
    mended.suspend_daemon("slurmctld")

    def go_on(_: float) -> None:
        mended.resume_daemon("slurmctld")
        wait_until("slurmctld has taken the job", lambda: marked(mended, ticket.word))

    job_id = send(SCRIPT, OPTIONS, ticket, SlurmHere(), said.append, pauses=(1,), sleep=go_on, sbatch_seconds=4)
    assert marked(mended, ticket.word) == [str(job_id)]
    assert said[-1] == f"Slurm had taken the job, although its answer was lost: it is job {job_id}"


def test_where_nobody_knows_whether_the_job_was_taken_it_is_not_submitted_again(mended: SingleHostSlurm):
    ticket = new_ticket(None)
    mended.suspend_daemon("slurmctld")
    with pytest.raises(SubmitError, match=rf"not known whether Slurm took the job.*grep {ticket.word}"):
        send(SCRIPT, OPTIONS, ticket, SlurmHere(1), lambda _: None, pauses=(1,), sleep=lambda _: None, sbatch_seconds=2)
    mended.resume_daemon("slurmctld")
    wait_until("slurmctld has taken the job", lambda: marked(mended, ticket.word))
    assert len(marked(mended, ticket.word)) == 1


def test_waiting_outlasts_a_controller_that_restarts(mended: SingleHostSlurm):
    job_id = mended.submit("--hold", script="true")
    told: list[str] = []

    def is_released() -> bool:
        # A controller that has just begun refuses to change a job until accounting has given the job its number.
        mended.run("scontrol", "release", job_id, check=False)
        return "Held" not in mended.run("squeue", "--noheader", f"--jobs={job_id}", "--format=%r", check=False)

    def say(line: str) -> None:
        told.append(line)
        if "it is held by its user" in line:
            mended.stop_daemon("slurmctld")
        elif "does not answer" in line:
            mended.start_slurmctld()
            wait_until("the job is released", is_released)

    ended = wait(int(job_id), SlurmHere(5), say)
    assert ended.succeeded
    assert "release it: scontrol release" in told[0]
    assert any("Slurm does not answer" in line for line in told)


def test_without_a_controller_the_command_says_so_and_ends_with_2(mended: SingleHostSlurm, tmp_path: Path):
    script = tmp_path / "job.sbatch"
    script.write_text("#!/bin/bash\ntrue\n")
    mended.cancel_all()
    mended.stop_daemon("slurmctld")
    run = "from efakit.cli import submit; submit.LOOK_PAUSES_SECONDS = (0.1,); from efakit.cli.main import main; main()"
    argv = [sys.executable, "-c", run, "submit", str(script)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("Unable to contact slurm controller") == 2
    assert "next try in 0.1 s" in done.stderr
    assert "Nothing was submitted, after 2 tries" in done.stderr


def test_partitions_nodes_and_their_states_as_slurm_has_them(slurm: SingleHostSlurm):
    slurm.run("scontrol", "update", "NodeName=n1", "State=DRAIN", "Reason=bad cable, left port")
    try:
        asked = SlurmHere()
        nodes = {node.name: node for node in asked.nodes().nodes}
    finally:
        slurm.run("scontrol", "update", "NodeName=n1", "State=RESUME")
    assert {name: node.out_of_use for name, node in nodes.items()} == {"n0": False, "n1": True}
    assert nodes["n1"].reason == "bad cable, left port"
    assert (nodes["n0"].partitions, nodes["n0"].cpus, nodes["n0"].memory_mib) == (("efa",), 8, 1000)
    (partition,) = asked.partitions()
    assert (partition.name, partition.state, partition.default, partition.node_count) == ("efa", "UP", True, 2)
    assert asked.version().startswith(".".join(f"{part:02d}" for part in slurm.release()))
    assert asked.name == "commands"


def test_the_instance_type_that_slurm_was_told_of_a_node(slurm: SingleHostSlurm):
    """Slurm has the field since 23.11; where it has not, nothing is told and nothing fails."""
    if slurm.release() < (23, 11):
        assert SlurmHere().instance_types() == {}
        return
    slurm.run("scontrol", "update", "NodeName=n0", "InstanceType=p5.48xlarge")
    assert SlurmHere().instance_types() == {"n0": "p5.48xlarge"}
    slurm.run("scontrol", "update", "NodeName=n0", "InstanceType=")


def test_a_partition_that_is_down_is_so(slurm: SingleHostSlurm):
    slurm.run("scontrol", "update", "PartitionName=efa", "State=DOWN")
    try:
        assert SlurmHere().partitions()[0].state == "DOWN"
    finally:
        slurm.run("scontrol", "update", "PartitionName=efa", "State=UP")
