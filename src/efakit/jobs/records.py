"""The records of a job: what lies in the records folder, as the runs that it is of."""

from __future__ import annotations

from pathlib import Path

from efakit.errors import RecordError
from efakit.jobs.fields import Record
from efakit.jobs.node_list import expand
from efakit.jobs.reader import Fault, Stored, read_records
from efakit.jobs.runs import JobRun, runs_of

__all__ = ["Fault", "JobRun", "Record", "expand", "find_runs"]


def find_runs(records_dir: Path, job_id: int, stored: Stored | None = None) -> list[JobRun]:
    """Return all runs of a job, of all clusters, the newest last; empty where there is no record of it.

    ``stored`` are records beside the JSON files: those of the store. A requeued job keeps its id, and two clusters, or
    one whose ids began anew, may each have one of this id: records of two runs never meet in one, unless its
    ``doubts`` say so. The leader and each component of a heterogeneous job give
    the whole. A file that cannot be used is one of the runs' ``faults``, and makes its node known as damaged.

    Raises:
        RecordError: the folder cannot be read, or not one record of the job can be used.
    """
    found = read_records(records_dir, job_id, stored)
    runs = runs_of(found, job_id)
    if found.faults and not runs:
        first, *others = found.faults
        raise RecordError(f"{first}; and {len(others)} more cannot be used" if others else str(first))
    return runs
