"""squeue and sacct of a real Slurm: slurmctld, slurmd, and slurmdbd on MariaDB, started for these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from efakit.slurm import SlurmAnswer, SlurmJob, commands, find_job
from tests.slurm.single_host import SingleHostSlurm, wait_until

pytestmark = pytest.mark.lab

OTHER_USER = "daemon"  # Slurm 25.11 refuses jobs of nobody in places
AWKWARD_NAME = "a|b,c:d\n  7|train %x \\ 'q' $(id) é中 #"


def found(job_id: str) -> SlurmJob:
    answer = find_job(job_id)
    assert answer.job is not None, answer
    return answer.job


def basics(job: SlurmJob) -> SlurmJob:
    """The fields that every source tells."""
    return SlurmJob(*job[:10])


def outcomes(answer: SlurmAnswer) -> list[tuple[str, str]]:
    return [(attempt.source, attempt.outcome) for attempt in answer.attempts if attempt.outcome != "absent"]


@pytest.fixture
def forgetful(accounting: SingleHostSlurm) -> Iterator[SingleHostSlurm]:
    """A Slurm with accounting; after the test, slurmctld runs again if the test stopped it."""
    yield accounting
    for name in ("slurmctld", "slurmdbd"):
        accounting.resume_daemon(name)
    if "slurmctld" not in accounting.daemons:
        accounting.start_slurmctld()
        accounting.wait_for_idle_nodes()


# -- squeue --------------------------------------------------------------------------------------------------------


def test_running_job(slurm: SingleHostSlurm) -> None:
    job_id = slurm.submit("--nodes=2", f"--job-name={AWKWARD_NAME}", user=OTHER_USER)
    slurm.wait_for_state(job_id, "RUNNING")
    job = found(job_id)
    assert job.elapsed_seconds is not None
    assert 0 <= job.elapsed_seconds < 60
    assert basics(job) == SlurmJob(
        job_id=int(job_id),
        name=AWKWARD_NAME,
        state="RUNNING",
        elapsed_seconds=job.elapsed_seconds,
        node_list="n[0-1]",
        restart_count=0,
        partition="efa",
        user=OTHER_USER,
        array=None,
        source="squeue",
    )
    assert (job.node_count, job.exit_code, job.work_dir) == (2, None, str(slurm.root))


def test_elapsed_time_moves(slurm: SingleHostSlurm) -> None:
    job_id = slurm.submit()
    slurm.wait_for_state(job_id, "RUNNING")
    wait_until("two seconds have passed", lambda: (found(job_id).elapsed_seconds or 0) >= 2)


def test_job_name_of_any_length(slurm: SingleHostSlurm) -> None:
    name = "x" * 1000
    assert found(slurm.submit(f"--job-name={name}", "--hold")).name == name


def test_job_name_that_is_not_utf8(slurm: SingleHostSlurm) -> None:
    latin1 = "été".encode("latin-1").decode("utf-8", "surrogateescape")
    assert found(slurm.submit(f"--job-name={latin1}", "--hold")).name == "\ufffdt\ufffd"


def test_pending_job_has_no_nodes(slurm: SingleHostSlurm) -> None:
    job = found(slurm.submit("--hold"))
    assert (job.state, job.node_list, job.elapsed_seconds) == ("PENDING", "", 0)


def test_job_that_ended_is_known_for_a_while(slurm: SingleHostSlurm) -> None:
    job_id = slurm.submit(script="exit 3")
    slurm.wait_for_state(job_id, "FAILED")
    job = found(job_id)
    assert (job.state, job.source) == ("FAILED", "squeue")
    assert (job.exit_code, job.reason) == ("3:0", "NonZeroExitCode")
    assert job.output_file == "/dev/null"
    assert job.node_list in ("n0", "n1")


def test_array_task_by_its_index_and_by_its_raw_job_id(slurm: SingleHostSlurm) -> None:
    array = slurm.submit("--array=0-5", "--exclusive")
    slurm.wait_for_state(f"{array}_0", "RUNNING")
    slurm.wait_for_state(f"{array}_1", "RUNNING")
    for task in (0, 1):
        job = found(f"{array}_{task}")
        assert job.array == (int(array), task)
        assert job.job_id != int(array)
        assert found(str(job.job_id)).array == job.array
    rest = found(array)
    assert (rest.job_id, rest.state, rest.array) == (int(array), "PENDING", None)
    waiting = found(f"{array}_4")
    assert (waiting.job_id, waiting.state, waiting.node_list) == (int(array), "PENDING", "")


def test_task_that_the_array_does_not_have_is_unknown(slurm: SingleHostSlurm) -> None:
    array = slurm.submit("--array=0-1", "--hold")
    assert find_job(f"{array}_9").status == "unknown"


def test_requeued_job_shows_its_latest_run(slurm: SingleHostSlurm) -> None:
    job_id = slurm.submit()
    slurm.wait_for_state(job_id, "RUNNING")
    assert found(job_id).restart_count == 0
    slurm.requeue(job_id)
    job = found(job_id)
    assert (job.restart_count, job.state) == (1, "RUNNING")


def test_variables_of_the_users_shell_do_not_hide_the_job(
    slurm: SingleHostSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = slurm.submit("--hold")
    monkeypatch.setenv("SQUEUE_STATES", "RUNNING")
    monkeypatch.setenv("SQUEUE_PARTITION", "other")
    monkeypatch.setenv("SQUEUE_USERS", OTHER_USER)
    monkeypatch.setenv("SQUEUE_FORMAT", "%i")
    monkeypatch.setenv("SLURM_CLUSTERS", "elsewhere")
    assert found(job_id).state == "PENDING"


def test_commands_outside_path(slurm: SingleHostSlurm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    job_id = slurm.submit("--hold")
    directory = slurm.bin_directory
    monkeypatch.setattr(commands, "INSTALL_DIRECTORIES", (str(directory),))
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        assert find_job(job_id).status == "found"


@pytest.mark.parametrize("job_id", ["60000000", "60000000_3", "4000000000"])
def test_unknown_job(slurm: SingleHostSlurm, job_id: str) -> None:
    answer = find_job(job_id)
    assert answer.status == "unknown"
    assert answer.reason.startswith(f"Slurm does not know job {job_id} (any more), or does not show it to this user")


def test_cluster_without_accounting_gives_the_reason(
    slurm: SingleHostSlurm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = (slurm.root / "slurm.conf").read_text().splitlines()
    kept = [line for line in settings if not line.startswith("AccountingStorage")]
    conf = tmp_path / "slurm.conf"
    conf.write_text("\n".join([*kept, "AccountingStorageType=accounting_storage/none"]) + "\n")
    monkeypatch.setenv("SLURM_CONF", str(conf))
    answer = find_job("60000000")
    assert answer.status == "unknown"
    assert "sacct: Slurm accounting storage is disabled" in answer.reason


# -- sacct ---------------------------------------------------------------------------------------------------------


def test_job_that_slurmctld_forgot(forgetful: SingleHostSlurm) -> None:
    job_id = forgetful.submit_stoppable("--nodes=2", f"--job-name={AWKWARD_NAME}", user=OTHER_USER)
    forgetful.finish(job_id, state="COMPLETED")
    forgetful.forget_jobs()
    answer = find_job(job_id)
    assert outcomes(answer) == [("squeue", "unknown"), ("sacct", "found")]
    job = answer.job
    assert job is not None
    assert job.elapsed_seconds is not None
    assert basics(job) == SlurmJob(
        job_id=int(job_id),
        name=job.name,
        state="COMPLETED",
        elapsed_seconds=job.elapsed_seconds,
        node_list="n[0-1]",
        restart_count=0 if forgetful.release() >= (24, 11) else None,
        partition="efa",
        user=OTHER_USER,
        array=None,
        source="sacct",
    )
    assert (job.exit_code, job.node_count, job.work_dir) == ("0:0", 2, str(forgetful.root))
    assert "--nodes=2" in (job.submit_line or "")
    assert job.output_file == ("/dev/null" if forgetful.release() >= (24, 5) else None)
    # What the database has no letter for is a question mark (latin1 tables); all else is as it was.
    assert job.name in (AWKWARD_NAME, AWKWARD_NAME.replace("中", "?"))


def test_cancelled_job_is_cancelled_by_whomever(forgetful: SingleHostSlurm) -> None:
    job_id = forgetful.submit()
    forgetful.wait_for_accounting(job_id, "RUNNING")
    forgetful.run("scancel", job_id)
    forgetful.wait_for_accounting(job_id, "CANCELLED")
    forgetful.forget_jobs()
    assert found(job_id).state == "CANCELLED"


def test_array_task_from_the_accounting(forgetful: SingleHostSlurm) -> None:
    array = forgetful.submit_stoppable("--array=0-1")
    forgetful.finish(f"{array}_0", f"{array}_1", state="COMPLETED")
    forgetful.forget_jobs()
    jobs = [found(f"{array}_{task}") for task in (0, 1)]
    assert [job.array for job in jobs] == [(int(array), 0), (int(array), 1)]
    assert {job.source for job in jobs} == {"sacct"}
    assert [found(str(job.job_id)) for job in jobs] == jobs


def test_requeued_job_from_the_accounting_is_its_latest_run(forgetful: SingleHostSlurm) -> None:
    job_id = forgetful.submit_stoppable(exit_code=3)
    forgetful.wait_for_accounting(job_id, "RUNNING")
    forgetful.requeue(job_id)
    forgetful.finish(job_id, state="FAILED")
    runs = forgetful.run("sacct", "--noheader", "--allocations", "--duplicates", f"--jobs={job_id}", "--format=State")
    assert "REQUEUED" in runs
    forgetful.forget_jobs()
    job = found(job_id)
    assert (job.state, job.source) == ("FAILED", "sacct")
    assert job.restart_count == (1 if forgetful.release() >= (24, 11) else None)


def test_job_id_that_was_used_twice_means_the_latest_job(forgetful: SingleHostSlurm) -> None:
    job_ids = []
    for name in ("first", "second"):
        forgetful.forget_jobs(next_job_id=900_000)
        job_id = forgetful.submit_stoppable(f"--job-name={name}")
        forgetful.finish(job_id, state="COMPLETED")
        job_ids.append(job_id)
    assert job_ids[0] == job_ids[1]
    forgetful.forget_jobs()
    assert (found(job_ids[1]).name, found(job_ids[1]).source) == ("second", "sacct")


def test_slurmctld_that_is_down_leaves_the_accounting(forgetful: SingleHostSlurm) -> None:
    job_id = forgetful.submit_stoppable()
    forgetful.finish(job_id, state="COMPLETED")
    forgetful.cancel_all()
    forgetful.stop_daemon("slurmctld")
    answer = find_job(job_id)
    assert outcomes(answer) == [("squeue", "failed"), ("sacct", "found")]
    assert "Unable to contact slurm controller" in next(
        attempt.detail for attempt in answer.attempts if attempt.source == "squeue"
    )


def test_slurmctld_that_does_not_answer_costs_one_timeout(forgetful: SingleHostSlurm) -> None:
    job_id = forgetful.submit_stoppable()
    forgetful.finish(job_id, state="COMPLETED")
    forgetful.suspend_daemon("slurmctld")
    answer = find_job(job_id, timeout_seconds=2)
    assert outcomes(answer) == [("squeue", "failed"), ("sacct", "found")]
    assert any(attempt.detail == "no answer within 2 s" for attempt in answer.attempts)


def test_everything_down(forgetful: SingleHostSlurm, monkeypatch: pytest.MonkeyPatch) -> None:
    forgetful.suspend_daemon("slurmdbd")
    forgetful.cancel_all()
    forgetful.stop_daemon("slurmctld")
    answer = find_job("1", timeout_seconds=2)
    assert answer.status == "unavailable"
    assert outcomes(answer) == [("squeue", "failed"), ("sacct", "failed")]
    assert answer.reason.startswith("Slurm cannot be asked about job 1; squeue")
