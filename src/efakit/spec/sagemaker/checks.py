"""What is wrong with the section that the schema cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.catalog.image_names import from_file_of
from efakit.catalog.sagemaker import MOST_LETTERS, MOST_VARIABLES, why_no_job, why_no_smddp
from efakit.catalog.stacks import nearest_installers, stack_of
from efakit.finding import Finding
from efakit.nearness import choice
from efakit.spec.faults import At

_Data = Mapping[str, Any]
_Keys = list["str | int"]


def faults(data: _Data, at: At) -> Iterator[Finding]:
    """Give the section's faults; ``data`` is the whole spec's."""
    section = data["sagemaker"]
    jobs = {job["name"]: (number, job) for number, job in enumerate(data.get("jobs") or [])}
    for number, name in enumerate(section.get("jobs", [])):
        keys: _Keys = ["sagemaker", "jobs", number]
        if name not in jobs:
            yield at("sagemaker-job", keys, f"unknown job {name!r}", choice(name, jobs, "jobs"))
            continue
        why = _why_not(jobs[name][1], data["cluster"]["queues"])
        if why:
            message = f"job {name} cannot be a training job: {why}"
            yield at("sagemaker-job", keys, message, "remove it from sagemaker.jobs")
    yield from _of_section(section, at)
    for name in section.get("jobs", jobs):
        if name in jobs and not _why_not(jobs[name][1], data["cluster"]["queues"]):
            yield from _of_job(*jobs[name], section, data["cluster"]["queues"], at)


def _of_section(section: _Data, at: At) -> Iterator[Finding]:
    stack = section.get("stack", {})
    try:
        stack_of(**stack)
    except KeyError:
        message = f"EFA installer {stack['installer']} is not known"
        fix = f"the nearest are {' and '.join(nearest_installers(stack['installer']))}"
        yield at("installer-unknown", ["sagemaker", "stack", "installer"], message, fix)
    if not section.get("smddp"):
        return
    if section.get("sdk") == 3:
        message = "SageMaker's SDK 3 has no SMDDP"
        yield at("sagemaker-smddp", ["sagemaker", "sdk"], message, "remove sdk, or write sdk: 2", at_key=True)
    if "tensorflow" in section["image"]:
        message = "SMDDP for TensorFlow ended with TensorFlow 2.11"
        fix = "remove smddp; TensorFlow's own MultiWorkerMirroredStrategy runs on NCCL"
        yield at("sagemaker-smddp", ["sagemaker", "image"], message, fix, at_key=True)


def _of_job(number: int, job: _Data, section: _Data, queues: list[_Data], at: At) -> Iterator[Finding]:
    queue = _queue(job, queues)
    if queue is None:
        return
    if section.get("smddp"):
        why = why_no_smddp(job["template"], _first_type(queue), section.get("pytorch"))
        if why is None and not section.get("source"):
            why = "SMDDP's launcher runs an uploaded script; write its folder as sagemaker.source"
        if why:
            message, _, fix = why.partition("; ")
            yield at("sagemaker-smddp", ["sagemaker", "smddp"], f"job {job['name']}: {message}", fix, at_key=True)
        yield from _lost_to_smddp(number, job, at)
    if section.get("security_groups") and not (queue.get("subnet") or queue.get("subnets")):
        message = f"queue {queue['name']} of job {job['name']} has no subnet, but security groups need one"
        yield at(
            "sagemaker-network", ["sagemaker", "security_groups"], message, "write the queue's subnet", at_key=True
        )
    yield from _of_environment(number, job, at)


def _lost_to_smddp(number: int, job: _Data, at: At) -> Iterator[Finding]:
    """Give what SMDDP's launcher has no place for: it runs a Python script, and splits its options at blanks."""
    if job.get("setup"):
        message = f"job {job['name']} has a setup, but SMDDP's launcher runs only a Python script"
        yield at("sagemaker-smddp", ["jobs", number, "setup"], message, "move it into the image", at_key=True)
    for place, option in enumerate(job.get("launcher_args") or []):
        if len(option.split()) != 1:
            message = f"{option!r} of job {job['name']} is an mpirun option with spaces: SMDDP splits it there"
            yield at("sagemaker-smddp", ["jobs", number, "launcher_args", place], message, "write one word per item")


def _of_environment(number: int, job: _Data, at: At) -> Iterator[Finding]:
    given = job.get("env") or {}
    for name, value in given.items():
        letters = max(len(name), len(str(value)))
        if letters > MOST_LETTERS:
            message = f"{name} of job {job['name']} has {letters} characters; SageMaker allows {MOST_LETTERS}"
            fix = "export it in the job's setup, which is part of the script"
            yield at("sagemaker-environment", ["jobs", number, "env", name], message, fix, at_key=True)
    # Those that efakit sets itself are fewer than ten.
    if len(given) > MOST_VARIABLES - 10:
        message = f"job {job['name']} has {len(given)} variables; with efakit's own SageMaker allows {MOST_VARIABLES}"
        yield at(
            "sagemaker-environment",
            ["jobs", number, "env"],
            message,
            "export some of them in the job's setup",
            at_key=True,
        )


def _why_not(job: _Data, queues: list[_Data]) -> str | None:
    """Return why not; None also where the job's queue is a fault of its own."""
    queue = _queue(job, queues)
    if queue is None:
        return None
    return why_no_job(job["template"], _first_type(queue), from_file_of(job.get("container")))


def _queue(job: _Data, queues: list[_Data]) -> _Data | None:
    return next((item for item in queues if job.get("queue") in (None, item["name"])), None)


def _first_type(queue: _Data) -> str:
    first = queue["compute_resources"][0]
    instance: str = first.get("instance") or first["instances"][0]
    return instance
