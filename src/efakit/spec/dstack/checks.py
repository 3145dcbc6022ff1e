"""What is wrong with the section that the schema cannot see: jobs that are named and cannot be tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.catalog.dstack import why_no_task
from efakit.catalog.image_names import from_file_of
from efakit.finding import Finding
from efakit.nearness import choice
from efakit.spec.faults import At

_Data = Mapping[str, Any]


def faults(data: _Data, at: At) -> Iterator[Finding]:
    """Give the section's faults; ``data`` is the whole spec's."""
    jobs = {job["name"]: job for job in data.get("jobs") or ()}
    for number, name in enumerate(data["dstack"].get("jobs", [])):
        keys: list[str | int] = ["dstack", "jobs", number]
        if name not in jobs:
            yield at("dstack-job", keys, f"unknown job {name!r}", choice(name, jobs, "jobs"))
            continue
        why = _why_not(jobs[name], data["cluster"]["queues"])
        if why:
            yield at("dstack-job", keys, f"job {name} cannot be a task of dstack: {why}", "remove it from dstack.jobs")


def _why_not(job: _Data, queues: list[_Data]) -> str | None:
    """Return why not; None also where the job's queue is a fault of its own."""
    queue = next((item for item in queues if job.get("queue") in (None, item["name"])), None)
    if queue is None:
        return None
    first = queue["compute_resources"][0]
    instance = first.get("instance") or first["instances"][0]
    return why_no_task(job["template"], instance, from_file_of(job.get("container")))
