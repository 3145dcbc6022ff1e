"""Target sbatch: one script a job, from the Jinja2 templates in job-templates/."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from efakit.emit.registry import File, target
from efakit.emit.resources import folder
from efakit.emit.shell import quote
from efakit.plan.job import JobPlan
from efakit.plan.plan import Plan


@target("sbatch")
def emit_sbatch(plan: Plan) -> list[File]:
    """Return jobs/NAME.sbatch for each job."""
    environment = _environment()
    return [File(f"jobs/{job.job.name}.sbatch", render_job(environment, job).encode()) for job in plan.jobs]


def render_job(environment: Environment, plan: JobPlan) -> str:
    """Return one job's script."""
    return environment.get_template(f"{plan.job.template}.sbatch.j2").render(job=plan.job, plan=plan)


def _environment() -> Environment:
    environment = Environment(  # noqa: S701 (shell text, not HTML: every value goes through the filter "sh")
        loader=FileSystemLoader(folder("job-templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["sh"] = quote
    return environment
