"""pyslurm against a real Slurm of its own release; skipped, with the way to run it, where there is none.

No Debian release has a Slurm that the pyslurm on PyPI builds against, so both are built by hand.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from efakit.slurm import SlurmAnswer, SlurmJob, find_job
from efakit.slurm.by_commands import Commands
from efakit.slurm.commands import ask_sacct, ask_squeue
from efakit.slurm.job import JobRef
from efakit.slurm.pyslurm_backend import Pyslurm
from tests.slurm.single_host import NoSlurmHere, SingleHostSlurm, pyslurm_prefix

try:
    pyslurm_prefix()
except NoSlurmHere as error:
    pytest.skip(str(error), allow_module_level=True)

pytestmark = pytest.mark.lab

OTHER_USER = "daemon"  # Slurm 25.11 refuses jobs of nobody in places
AWKWARD_NAME = "a|b,c:d\n  7|train %x \\ 'q' $(id) é中 #"


def from_pyslurm(job_id: str) -> SlurmJob:
    answer = find_job(job_id)
    assert answer.job is not None, answer
    assert answer.job.source == "pyslurm", answer
    return answer.job


def outcomes(answer: SlurmAnswer) -> list[tuple[str, str, str]]:
    return [(attempt.source, attempt.daemon, attempt.outcome) for attempt in answer.attempts]


def same(one: SlurmJob, other: SlurmJob | None) -> bool:
    """The same but for the source, and for a second that passed between the two questions."""
    assert other is not None
    assert one.elapsed_seconds is not None
    assert other.elapsed_seconds is not None
    assert abs(one.elapsed_seconds - other.elapsed_seconds) <= 2
    return one._replace(elapsed_seconds=0, source="sacct") == other._replace(elapsed_seconds=0, source="sacct")


@pytest.fixture
def forgetful(pyslurm_slurm: SingleHostSlurm) -> Iterator[SingleHostSlurm]:
    """After the test, slurmctld runs again if the test stopped it."""
    yield pyslurm_slurm
    pyslurm_slurm.resume_daemon("slurmctld")
    if "slurmctld" not in pyslurm_slurm.daemons:
        pyslurm_slurm.start_slurmctld()
        pyslurm_slurm.wait_for_idle_nodes()


def test_running_job_is_what_squeue_says(pyslurm_slurm: SingleHostSlurm) -> None:
    job_id = pyslurm_slurm.submit(f"--job-name={AWKWARD_NAME}", user=OTHER_USER)
    pyslurm_slurm.wait_for_state(job_id, "RUNNING")
    job = from_pyslurm(job_id)
    assert same(job, ask_squeue(JobRef.parse(job_id), 10))
    assert SlurmJob(*job[:10]) == SlurmJob(
        int(job_id), AWKWARD_NAME, "RUNNING", job.elapsed_seconds, "n0", 0, "efa", OTHER_USER, None, "pyslurm"
    )


def test_nodes_and_partitions_are_what_the_commands_say(pyslurm_slurm: SingleHostSlurm) -> None:
    pyslurm_slurm.run("scontrol", "update", "NodeName=n0", "State=DRAIN", "Reason=bad cable")
    try:
        ours, theirs = Pyslurm().nodes(), Commands().nodes()
    finally:
        pyslurm_slurm.run("scontrol", "update", "NodeName=n0", "State=RESUME")
    assert ours == theirs
    assert Pyslurm().partitions() == Commands().partitions()
    assert Pyslurm().version().split(".")[:2] == Commands().version().split(".")[:2]


def test_all_jobs_are_what_squeue_says(pyslurm_slurm: SingleHostSlurm) -> None:
    pyslurm_slurm.submit("--hold", "--job-name=one", "--comment=efakit=off", "--error=%j.err")
    pyslurm_slurm.submit("--hold", "--job-name=two", "--array=0-3", user=OTHER_USER)
    for user in (None, "root", OTHER_USER):
        ours, theirs = ({job.job_id: job for job in side.jobs(user=user)} for side in (Pyslurm(), Commands()))
        assert set(ours) == set(theirs)
        assert [job for job in ours.values() if not same(job, theirs[job.job_id])] == []
        assert {job.user for job in ours.values()} == ({user} if user else {"root", OTHER_USER})


def test_pending_job_is_what_squeue_says(pyslurm_slurm: SingleHostSlurm) -> None:
    job_id = pyslurm_slurm.submit("--hold")
    job = from_pyslurm(job_id)
    assert same(job, ask_squeue(JobRef.parse(job_id), 10))
    assert (job.state, job.node_list, job.elapsed_seconds) == ("PENDING", "", 0)


def test_job_that_ended_is_what_squeue_says(pyslurm_slurm: SingleHostSlurm) -> None:
    job_id = pyslurm_slurm.submit(script="exit 3")
    pyslurm_slurm.wait_for_state(job_id, "FAILED")
    assert same(from_pyslurm(job_id), ask_squeue(JobRef.parse(job_id), 10))


def test_array_task_by_its_index_and_by_its_raw_job_id(pyslurm_slurm: SingleHostSlurm) -> None:
    array = pyslurm_slurm.submit("--array=0-3", "--ntasks=1")
    for task in (0, 1, 2, 3):
        pyslurm_slurm.wait_for_state(f"{array}_{task}", "RUNNING")
        job = from_pyslurm(f"{array}_{task}")
        assert job.array == (int(array), task)
        assert same(job, ask_squeue(JobRef(int(array), task), 10))
        assert from_pyslurm(str(job.job_id)).array == job.array


def test_array_that_waits(pyslurm_slurm: SingleHostSlurm) -> None:
    array = pyslurm_slurm.submit("--array=0-3", "--exclusive")
    pyslurm_slurm.wait_for_state(f"{array}_0", "RUNNING")
    rest = from_pyslurm(array)
    assert (rest.job_id, rest.state, rest.array) == (int(array), "PENDING", None)
    waiting = find_job(f"{array}_3")  # pyslurm has no way to tell a task that waits from one that is not
    assert outcomes(waiting) == [("pyslurm", "slurmctld", "failed"), ("squeue", "slurmctld", "found")]
    assert waiting.job is not None
    assert waiting.job.state == "PENDING"


def test_requeued_job_shows_its_latest_run(pyslurm_slurm: SingleHostSlurm) -> None:
    job_id = pyslurm_slurm.submit()
    pyslurm_slurm.wait_for_state(job_id, "RUNNING")
    assert from_pyslurm(job_id).restart_count == 0
    pyslurm_slurm.requeue(job_id)
    assert from_pyslurm(job_id).restart_count == 1


@pytest.mark.parametrize("name", ["None", "(null)", " ", "x" * 1000])
def test_job_with_an_odd_name(pyslurm_slurm: SingleHostSlurm, name: str) -> None:
    job_id = pyslurm_slurm.submit("--hold", f"--job-name={name}")
    job = from_pyslurm(job_id)
    assert job.name == name
    assert same(job, ask_squeue(JobRef.parse(job_id), 10))


def test_job_without_a_name(pyslurm_slurm: SingleHostSlurm) -> None:
    job_id = pyslurm_slurm.submit("--hold", "--job-name=")
    assert same(from_pyslurm(job_id), ask_squeue(JobRef.parse(job_id), 10))


def test_job_name_that_is_not_utf8_comes_from_squeue(pyslurm_slurm: SingleHostSlurm) -> None:
    latin1 = "été".encode("latin-1").decode("utf-8", "surrogateescape")
    answer = find_job(pyslurm_slurm.submit(f"--job-name={latin1}", "--hold"))
    assert outcomes(answer) == [("pyslurm", "slurmctld", "failed"), ("squeue", "slurmctld", "found")]
    assert answer.job is not None
    assert answer.job.name == "\ufffdt\ufffd"


def test_unknown_job(pyslurm_slurm: SingleHostSlurm) -> None:
    for job_id in ("60000000", "60000000_3"):
        answer = find_job(job_id)
        assert answer.status == "unknown"
        assert answer.reason == f"Slurm does not know job {job_id} (any more), or does not show it to this user"
        assert outcomes(answer) == [("pyslurm", "slurmctld", "unknown"), ("pyslurm", "slurmdbd", "unknown")]


def test_job_that_slurmctld_forgot_is_what_sacct_says(forgetful: SingleHostSlurm) -> None:
    job_id = forgetful.submit_stoppable(f"--job-name={AWKWARD_NAME}", user=OTHER_USER)
    forgetful.finish(job_id, state="COMPLETED")
    forgetful.forget_jobs()
    answer = find_job(job_id)
    assert outcomes(answer) == [("pyslurm", "slurmctld", "unknown"), ("pyslurm", "slurmdbd", "found")]
    assert answer.job is not None
    assert (answer.job.state, answer.job.node_list, answer.job.user) == ("COMPLETED", "n0", OTHER_USER)
    assert same(answer.job, ask_sacct(JobRef.parse(job_id), 10))


def test_array_task_that_slurmctld_forgot_is_what_sacct_says(forgetful: SingleHostSlurm) -> None:
    array = forgetful.submit_stoppable("--array=0-1")
    forgetful.finish(f"{array}_0", f"{array}_1", state="COMPLETED")
    forgetful.forget_jobs()
    for task in (0, 1):
        job = from_pyslurm(f"{array}_{task}")
        assert job.array == (int(array), task)
        assert same(job, ask_sacct(JobRef(int(array), task), 10))
        assert from_pyslurm(str(job.job_id)) == job


def test_requeued_job_that_slurmctld_forgot_is_what_sacct_says(forgetful: SingleHostSlurm) -> None:
    job_id = forgetful.submit_stoppable(exit_code=3)
    forgetful.wait_for_accounting(job_id, "RUNNING")
    forgetful.requeue(job_id)
    forgetful.finish(job_id, state="FAILED")
    forgetful.forget_jobs()
    job = from_pyslurm(job_id)
    assert (job.state, job.restart_count) == ("FAILED", 1)
    assert same(job, ask_sacct(JobRef.parse(job_id), 10))


def test_job_id_that_was_used_twice_means_the_latest_job(forgetful: SingleHostSlurm) -> None:
    job_ids = []
    for name in ("first", "second"):
        forgetful.forget_jobs(next_job_id=900_000)
        job_id = forgetful.submit_stoppable(f"--job-name={name}")
        forgetful.finish(job_id, state="COMPLETED")
        job_ids.append(job_id)
    assert job_ids[0] == job_ids[1]
    forgetful.forget_jobs()
    assert from_pyslurm(job_ids[1]).name == "second"


def test_slurmctld_that_is_down_leaves_the_accounting(forgetful: SingleHostSlurm) -> None:
    job_id = forgetful.submit_stoppable()
    forgetful.finish(job_id, state="COMPLETED")
    forgetful.stop_daemon("slurmctld")
    answer = find_job(job_id, timeout_seconds=30)
    assert answer.attempts[0].outcome == "failed"
    assert outcomes(answer)[-1] == ("pyslurm", "slurmdbd", "found")


def test_slurmctld_that_does_not_answer_costs_one_timeout(forgetful: SingleHostSlurm) -> None:
    job_id = forgetful.submit_stoppable()
    forgetful.finish(job_id, state="COMPLETED")
    forgetful.suspend_daemon("slurmctld")
    answer = find_job(job_id, timeout_seconds=4.5)  # less than MessageTimeout
    assert outcomes(answer) == [("pyslurm", "slurmctld", "failed"), ("pyslurm", "slurmdbd", "found")]


def test_cluster_without_accounting_gives_the_reason(
    pyslurm_slurm: SingleHostSlurm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = (pyslurm_slurm.root / "slurm.conf").read_text().splitlines()
    kept = [line for line in settings if not line.startswith("AccountingStorage")]
    conf = tmp_path / "slurm.conf"
    conf.write_text("\n".join([*kept, "AccountingStorageType=accounting_storage/none"]) + "\n")
    monkeypatch.setenv("SLURM_CONF", str(conf))
    answer = find_job("60000000")
    assert answer.status == "unknown"
    assert "sacct: Slurm accounting storage is disabled" in answer.reason


def test_configuration_that_ends_pyslurms_process_does_not_end_ours(
    pyslurm_slurm: SingleHostSlurm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    conf = tmp_path / "slurm.conf"
    conf.write_text("NoSuchKey=1\n")
    monkeypatch.setenv("SLURM_CONF", str(conf))
    directly = subprocess.run(
        [sys.executable, "-c", "import pyslurm; print('alive')"], capture_output=True, check=False
    )
    assert (directly.returncode, directly.stdout) == (1, b"")
    answer = find_job("1")
    assert answer.status == "unavailable"
    assert "Unable to process configuration file" in answer.reason
