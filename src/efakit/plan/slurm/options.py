"""Decides the #SBATCH lines of a job: what efakit knows, then what the user passes through."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.catalog.sbatch_options import SOURCE, sbatch_options
from efakit.plan.decision import Decision
from efakit.plan.job_layout import Layout
from efakit.spec.model import Job

_MAKES_FOLDERS = "https://github.com/SchedMD/slurm/commit/ecc671a141"


@dataclass(frozen=True)
class Directive:
    """One #SBATCH line: an option without its hyphens, and its value (None: it has none). ``raw``: taken as it is."""

    option: str
    value: str | None = None
    raw: bool = False


def decide_directives(
    job: Job, partition: str, layout: Layout, exclusive: bool
) -> tuple[tuple[Directive, ...], tuple[Decision, ...]]:
    """Return the lines in their order, and what there is to say about them."""
    output = job.output or ("%x-%A_%a.out" if "array" in job.slurm else "%x-%j.out")
    known = [
        ("job-name", job.name),
        ("partition", partition),
        ("nodes", layout.nodes),
        ("ntasks-per-node", layout.ntasks_per_node),
        ("gpus-per-node", layout.gpus_per_node or None),
        ("cpus-per-task", layout.cpus_per_task),
        ("time", job.time),
        ("account", job.account),
        ("output", output),
        ("signal", f"{job.signal.name}@{job.signal.seconds}" if job.signal else None),
        # What the first run wrote stays.
        ("open-mode", "append" if job.requeue and "open_mode" not in job.slurm else None),
    ]
    lines = [Directive(option, str(value)) for option, value in known if value is not None]
    if exclusive:
        lines.append(Directive("exclusive"))
    if job.requeue is not None:
        lines.append(Directive("requeue" if job.requeue else "no-requeue"))
    return (*lines, *_passed_through(job)), _decisions(job, output)


def _passed_through(job: Job) -> list[Directive]:
    rows = sbatch_options()
    lines = []
    for key, value in job.slurm.items():
        if key == "extra":
            lines += [Directive(line, raw=True) for line in value] if isinstance(value, tuple) else []
        elif isinstance(value, bool):
            lines += [Directive(rows[key].option)] if value else []
        else:
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            lines.append(Directive(rows[key].option, text))
    return lines


def _decisions(job: Job, output: str) -> tuple[Decision, ...]:
    decisions = []
    if "/" in output:
        folder = output.rpartition("/")[0] or "/"
        reason = (
            f"Slurm 23.02 and later creates the folder {folder} when it opens the file; with an older Slurm the job "
            "ends: create the folder before you submit"
        )
        decisions.append(Decision(f"output of job {job.name}", output, reason, _MAKES_FOLDERS))
    if job.signal:
        reason = "to the program's processes, so that it can write a checkpoint; Slurm may send it a minute earlier"
        choice = f"SIG{job.signal.name}, {job.signal.seconds} s before the time limit"
        decisions.append(Decision(f"signal of job {job.name}", choice, reason, SOURCE))
    return tuple(decisions)
