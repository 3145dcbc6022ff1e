"""Waiting: what is told of each change, when it ends, and that it does not wait for what cannot come.

Slurm is played here, answer by answer; tests/slurm/test_slurm_submit.py and tests/lab/test_submit.py wait on real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from efakit.catalog.slurm_reasons import SLURM_REASONS, in_words, slurm_reason
from efakit.slurm import Slurm, SlurmJob
from efakit.slurm.job import SourceError
from efakit.submit.wait import WaitError, how_it_ended, wait

Answer = list[SlurmJob] | SourceError
DOWN = SourceError("Unable to contact slurm controller")


def job(state: str, reason: str | None = None, **changes: Any) -> SlurmJob:
    known = SlurmJob(7, "train", state, 12, "n[0-1]", 0, "gpu", "me", None, "squeue", reason=reason)
    return known._replace(**changes)


class Played:
    """Gives slurmctld's answers in turn, the last one for ever, and one of slurmdbd's."""

    def __init__(self, answers: Sequence[Answer], past: Answer = DOWN) -> None:
        self.answers, self.past = list(answers), past

    def jobs(self, ids: Sequence[int] = (), user: str | None = None) -> list[SlurmJob]:
        return self._give(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    def past_jobs(self, job_id: int) -> list[SlurmJob]:
        return self._give(self.past)

    def _give(self, answer: Answer) -> list[SlurmJob]:
        if isinstance(answer, SourceError):
            raise answer
        return answer


def waited(*answers: Answer, past: Answer = DOWN) -> tuple[Any, list[str]]:
    told: list[str] = []
    seconds = iter(range(0, 100_000, 100))
    ended = wait(
        7,
        cast(Slurm, Played(answers, past)),
        told.append,
        sleep=lambda _: None,
        clock=cast("Callable[[], float]", lambda: next(seconds)),
    )
    return ended, told


def test_each_change_is_told_once():
    ended, told = waited(
        [job("PENDING", "Priority")],
        [job("PENDING", "Priority")],
        [job("PENDING", "Resources")],
        [job("RUNNING")],
        [job("RUNNING")],
        [job("COMPLETING", node_list="n1")],
        [job("COMPLETED", exit_code="0:0")],
    )
    assert told == [
        "job 7: pending: jobs of higher priority are ahead of it (Priority)",
        "job 7: pending: the nodes that it needs are in use (Resources)",
        "job 7: running on n[0-1]",
        "job 7: completing on n1: the epilog runs",
        "job 7: completed after 0:00:12",
    ]
    assert ended.succeeded


def test_what_somebody_must_do_is_told_and_waiting_goes_on():
    ended, told = waited([job("PENDING", "JobHeldUser")], [job("COMPLETED")])
    assert told[0] == "job 7: pending: it is held by its user (JobHeldUser); release it: scontrol release 7"
    assert ended.succeeded


def test_a_job_that_can_never_start_ends_the_waiting():
    ended, _ = waited([job("PENDING", "DependencyNeverSatisfied")])
    assert "can never start (DependencyNeverSatisfied)" in ended.stuck
    assert not ended.succeeded


def test_an_array_ends_when_its_last_task_has():
    rest = job("PENDING", "JobArrayTaskLimit")
    first, second = job("COMPLETED", array=(7, 0), job_id=8), job("FAILED", array=(7, 1), exit_code="1:0")
    ended, told = waited(
        [rest, first._replace(state="RUNNING")], [first, second._replace(state="RUNNING")], [first, second]
    )
    assert told == [
        "job 7: 1 pending, 1 running; those that wait: as many tasks of its array run as its % limit allows "
        "(JobArrayTaskLimit)",
        "job 7: 1 completed, 1 running",
        "job 7: 1 completed, 1 failed",
    ]
    assert [one.array for one in ended.jobs] == [(7, 0), (7, 1)]
    assert not ended.succeeded


def test_a_job_that_slurmctld_forgot_comes_from_the_accounting():
    ended, _ = waited([job("RUNNING")], [], past=[job("COMPLETED", source="sacct")])
    assert [one.source for one in ended.jobs] == ["sacct"]


def test_tasks_that_slurmctld_forgot_come_from_the_accounting():
    first = job("FAILED", array=(7, 0), job_id=8, source="sacct")
    last = job("COMPLETED", array=(7, 1))
    ended, _ = waited([last], past=[first, last._replace(source="sacct")])
    assert [(one.array, one.source) for one in ended.jobs] == [((7, 0), "sacct"), ((7, 1), "squeue")]


def test_a_controller_that_is_away_for_a_while_is_waited_for():
    ended, told = waited([job("RUNNING")], DOWN, DOWN, [job("COMPLETED")])
    assert told[1] == "job 7: Slurm does not answer (Unable to contact slurm controller); waiting goes on"
    assert ended.succeeded


def test_a_controller_that_stays_away_ends_the_waiting_with_what_is_known():
    with pytest.raises(WaitError, match="job 7 goes on"):
        waited([job("RUNNING")], DOWN)


def test_a_job_that_nobody_knows_any_more_ends_the_waiting():
    with pytest.raises(WaitError, match="does not know job 7 any more"):
        waited([job("RUNNING")], [])


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (job("FAILED", "NonZeroExitCode", exit_code="3:0"), "failed after 0:00:12, exit code 3"),
        (job("FAILED", exit_code="0:9"), "failed after 0:00:12, signal 9"),
        (job("TIMEOUT", "TimeLimit", exit_code="0:0"), "timeout after 0:00:12: its time limit was over (TimeLimit)"),
        (job("OUT_OF_MEMORY", elapsed_seconds=None), "out of memory"),
        (job("CANCELLED", exit_code="0:15"), "cancelled after 0:00:12, signal 15"),
        (job("CANCELLED", "JobArrayTaskLimit", elapsed_seconds=0), "cancelled after 0:00:00"),
    ],
)
def test_how_a_job_ended(ended: SlurmJob, words: str):
    assert how_it_ended(ended) == words


def test_reasons_are_known_with_and_without_what_slurm_adds_to_them():
    assert in_words("ReqNodeNotAvail, UnavailableNodes:n3").startswith("nodes that it needs are down")
    assert in_words("(Resources)") == "the nodes that it needs are in use (Resources)"
    assert in_words("RaisedSignal:9(Killed)") == "a signal ended its script (RaisedSignal:9(Killed))"
    assert in_words("QOSMaxGRESPerUser").startswith("it asks for more than its QOS allows")
    assert in_words("SomethingNew") == "SomethingNew"
    assert in_words("None") == "Slurm has not looked at it yet"
    assert slurm_reason("QOSMaxJobsPerUserLimit") != slurm_reason("QOSMaxGRESPerUser")


def test_every_reason_that_somebody_must_act_on_says_what_to_do():
    assert [row.code for row in SLURM_REASONS if row.until and not row.fix] == []
    assert len({row.code for row in SLURM_REASONS}) == len(SLURM_REASONS)
