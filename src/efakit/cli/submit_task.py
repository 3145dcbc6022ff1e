"""What ``efakit submit`` is to submit: a batch script, or a spec's job as it renders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from efakit.errors import UsageError
from efakit.inputs import is_stdin, read_input

if TYPE_CHECKING:
    from efakit.finding import Finding
    from efakit.plan.plan import Plan
    from efakit.slurm.submission import BatchScript
    from efakit.submit.request import Request


@dataclass(frozen=True)
class Task:
    """What is to be submitted: a script, what it asks for, and what lint has against it."""

    name: str
    script: BatchScript
    request: Request
    options: tuple[str, ...]
    lint: tuple[Finding, ...]
    spec_types: dict[str, tuple[str, ...]]
    shown: Path
    """The script as findings name it."""
    text: bytes
    """The script as it was submitted."""
    given: Mapping[str, str | None]
    """What sbatch is given beside the script: options of the command line, and its variables."""
    of_spec: bool
    """Whether a spec told lint what the job runs on."""


def read_task(path: Path, job: str | None, of_spec: Path | None, options: tuple[str, ...]) -> Task:
    """Return what is to be submitted; raise UsageError or SpecError where it cannot be read."""
    if is_stdin(path):
        raise UsageError("standard input is not read here: give a spec or a batch script as a file")
    if path.suffix in (".yaml", ".yml"):
        if of_spec is not None:
            raise click.UsageError("--spec is for a script: SPEC itself is given already")
        return _of_spec(path, job, options)
    if job is not None:
        raise click.UsageError(f"{job!r}: a script has no jobs; sbatch's options stand behind --")
    return _of_script(path, of_spec, options)


def _of_script(path: Path, of_spec: Path | None, options: tuple[str, ...]) -> Task:
    from efakit.finding import Place
    from efakit.lint.script import read_script
    from efakit.rules.target import any_supported
    from efakit.slurm.submission import BatchScript
    from efakit.submit.request import read_request
    from efakit.validate.files import judge_text, on_spec, on_target

    try:
        data = read_input(path)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", Place(str(path))) from None
    if not data.startswith(b"#!"):
        raise UsageError("not a batch script: sbatch wants '#!' and a program in its first line", Place(str(path), 1))
    request = read_request(read_script(str(path), data), options, os.environ)
    where = on_target(any_supported()) if of_spec is None else on_spec(of_spec)
    types = _types_of(where.spec) if where.spec is not None else {}
    given = read_request(None, options, os.environ).options
    lint = tuple(judge_text(path, data, where, given))
    script = BatchScript(path=str(path))
    return Task(path.name, script, request, options, lint, types, path, data, given, of_spec is not None)


def _of_spec(path: Path, name: str | None, options: tuple[str, ...]) -> Task:
    from efakit.lint.script import read_script
    from efakit.nearness import nearest
    from efakit.slurm.submission import BatchScript
    from efakit.submit.request import read_request
    from efakit.validate.files import judge_text, on_spec
    from efakit.validate.spec import plan_spec

    plan = plan_spec(path)
    if plan.slurm is None:
        raise UsageError(f"{path}: {', '.join(plan.spec.platforms)} does not use Slurm: there is no job to submit")
    planned = {one.job.name: one for one in plan.slurm.jobs}
    if name is None and len(planned) == 1:
        name = next(iter(planned))
    if name is None or name not in planned:
        known = f"jobs: {', '.join(planned)}" if planned else "the spec has no jobs"
        what = "name a job" if name is None else f"unknown job {name!r}{nearest(name, planned)}"
        raise UsageError(f"{path}: {what} ({known})")
    preflight = planned[name].preflight
    if preflight and preflight.own_file:
        raise UsageError(
            f"{path}: job {name} has its check in a file of its own (preflight: file): render the bundle, and submit "
            f"its jobs/{name}.sbatch"
        )
    data = _rendered(plan, name)
    shown = Path(f"{name}.sbatch")
    request = read_request(read_script(str(shown), data), options, os.environ)
    given = read_request(None, options, os.environ).options
    lint = tuple(judge_text(shown, data, on_spec(path), given))
    types = _types_of(plan.spec)
    script = BatchScript(text=data)
    return Task(f"job {name} of {path}", script, request, options, lint, types, shown, data, given, of_spec=True)


def _rendered(plan: Plan, name: str) -> bytes:
    from efakit.emit.registry import emit

    return {file.path: file.content for file in emit(plan, ("sbatch",))}[f"jobs/{name}.sbatch"]


def _types_of(spec: Any) -> dict[str, tuple[str, ...]]:
    """Return the instance types of each partition, as a spec has them."""
    return {
        queue.name: tuple(
            dict.fromkeys(kind.name for resource in queue.compute_resources for kind in resource.instances)
        )
        for queue in spec.cluster.queues
    }
