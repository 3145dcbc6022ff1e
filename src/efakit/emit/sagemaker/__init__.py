"""Target sagemaker: for each training job a Python file, the request that it sends, and what runs on each instance."""

from __future__ import annotations

import json

from efakit.emit.registry import File, target
from efakit.emit.sagemaker.python_file import python_file, smddp_script
from efakit.emit.sagemaker.readme import readme
from efakit.emit.sagemaker.request import request
from efakit.emit.sagemaker.script import script
from efakit.plan.plan import Plan
from efakit.plan.sagemaker import SageMakerPlan


@target("sagemaker")
def emit_sagemaker(plan: Plan) -> list[File]:
    """Return the files below sagemaker/."""
    section = plan.section(SageMakerPlan)
    if section is None:
        return []
    files = []
    for job in section.jobs:
        path = f"sagemaker/{job.name}"
        files.append(File(f"{path}.sagemaker.py", python_file(section, job).encode()))
        files.append(File(f"{path}.request.json", (json.dumps(request(section, job), indent=2) + "\n").encode()))
        runs = smddp_script(job) if job.smddp else script(job)
        files.append(File(f"sagemaker/{job.entry_point}", runs.encode(), executable=not job.smddp))
    return [*files, File("sagemaker/README.md", readme(section))]
