"""Target sbatch: one script a job, from the Jinja2 templates in job-templates/ and the user's own folder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, TemplateError

from efakit.emit.registry import File, slurm_target
from efakit.emit.resources import folder
from efakit.emit.shell import quote, sbatch_option
from efakit.emit.template_cache import TemplateCache
from efakit.errors import UsageError
from efakit.plan.plan import Plan
from efakit.plan.slurm.job import SlurmJobPlan

_PREFLIGHT = "preflight.sh"
# How a template is compiled.
_SETTINGS: dict[str, Any] = {
    "optimized": False,  # each template is rendered once or twice
    "trim_blocks": True,
    "lstrip_blocks": True,
    "keep_trailing_newline": True,
}


@slurm_target("sbatch")
def emit_sbatch(plan: Plan) -> list[File]:
    """Return jobs/NAME.sbatch for each job, and jobs/preflight.sh where a job wants it.

    Raises UsageError where a template of the user's own cannot be used.
    """
    environment = _environment(plan.spec.templates)
    jobs = plan.slurm.jobs if plan.slurm else ()
    files = [File(f"jobs/{job.job.name}.sbatch", render_job(environment, job).encode()) for job in jobs]
    if any(job.preflight and job.preflight.own_file for job in jobs):
        text = (folder("job-templates") / _PREFLIGHT).read_bytes()
        files.append(File(f"jobs/{_PREFLIGHT}", b"#!/bin/bash\n" + text, executable=True))
    return files


def render_job(environment: Environment, plan: SlurmJobPlan) -> str:
    """Return one job's script; raise UsageError where its template is at fault."""
    name = f"{plan.job.template}.sbatch.j2"
    try:
        text = environment.get_template(name).render(job=plan.job, plan=plan)
    except TemplateError as error:
        place = f"{getattr(error, 'filename', None) or name}:{getattr(error, 'lineno', None) or 1}"
        raise UsageError(f"{place}: the template cannot be used: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name}: the template cannot be read: {error}") from error
    except Exception as error:  # a template's expressions raise whatever Python's do: 1/0, "a" + 1, endless includes
        what = f"{type(error).__name__}: {error}"
        raise UsageError(f"{name}: the template cannot be used: {what}") from error
    if not text.startswith("#!"):
        raise UsageError(
            f"{name}: the output of the template is not a script: sbatch requires '#!/bin/bash' as the first line"
        )
    return text


@lru_cache(maxsize=4)
def _environment(templates: str | None) -> Environment:
    own = folder("job-templates")
    folders = [*([Path(templates)] if templates else []), own]
    environment = Environment(  # noqa: S701 (shell text, not HTML: every value goes through a filter)
        loader=ChoiceLoader([FileSystemLoader(path) for path in folders]),
        undefined=StrictUndefined,
        bytecode_cache=TemplateCache(own, _SETTINGS),
        **_SETTINGS,
    )
    environment.filters["sh"] = quote
    environment.filters["sbatch"] = sbatch_option
    return environment
