"""Job ids as users type them, and answers."""

from __future__ import annotations

import pytest

from efakit.errors import UsageError
from efakit.slurm.job import Attempt, JobRef, SlurmAnswer, SlurmJob


def job(job_id: int, array: tuple[int, int] | None = None) -> SlurmJob:
    return SlurmJob(job_id, "train", "RUNNING", 5, "n[0-1]", 0, "gpu", "alice", array, "squeue")


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("123", JobRef(123)),
        (" 123\n", JobRef(123)),
        ("123_4", JobRef(123, 4)),
        ("123_0", JobRef(123, 0)),
        ("4294967295", JobRef(4294967295)),
    ],
)
def test_job_id_is_a_number_or_an_array_task(text: str, ref: JobRef) -> None:
    assert JobRef.parse(text) == ref


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "12.batch", "12+1", "12_", "12_[1-3]", "1,2", "--json", "abc", "٣", "12345678901", "1 2", "1\n2"],
)
def test_anything_else_is_refused_with_what_to_give(text: str) -> None:
    with pytest.raises(UsageError, match="give a number"):
        JobRef.parse(text)


def test_job_id_is_shown_as_it_was_typed() -> None:
    assert [str(JobRef(123)), str(JobRef(123, 0))] == ["123", "123_0"]


def test_number_means_the_raw_job_id_never_the_array() -> None:
    assert JobRef(12).names(job(12))
    assert not JobRef(12).names(job(13, array=(12, 0)))
    assert JobRef(12).names(job(12, array=(12, 3)))  # an array's last task takes over the array's number


def test_array_task_is_found_whatever_its_raw_id() -> None:
    assert JobRef(12, 3).names(job(15, array=(12, 3)))
    assert not JobRef(12, 3).names(job(15, array=(12, 4)))
    assert not JobRef(12, 3).names(job(12))


def test_status_tells_an_unknown_job_from_a_slurm_that_cannot_be_asked() -> None:
    failed = Attempt("squeue", "slurmctld", "failed", "connect failure")
    unknown = Attempt("sacct", "slurmdbd", "unknown")
    assert SlurmAnswer(None, (failed, unknown)).status == "unknown"
    assert SlurmAnswer(None, (failed,)).status == "unavailable"
    assert SlurmAnswer(None, ()).status == "unavailable"
    assert SlurmAnswer(job(1), (failed,)).status == "found"
