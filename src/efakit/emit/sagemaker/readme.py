"""README.md of the folder: the commands, in order."""

from __future__ import annotations

from efakit.emit.sagemaker.python_file import SDK_RELEASES
from efakit.plan.sagemaker import SageMakerPlan


def readme(section: SageMakerPlan) -> bytes:
    """Return README.md."""
    given = section.section
    images = sorted({job.image for job in section.jobs})
    lines = [
        "# SageMaker",
        "",
        "In this order:",
        "",
        f"1. Install SageMaker's SDK in an environment of its own: `pip install {SDK_RELEASES[given.sdk]}`.",
        "2. Push the image to ECR, in the region of the jobs: " + ", ".join(f"`{image}`" for image in images) + ".",
        "   It must have EFA's libfabric, aws-ofi-nccl, Python 3 and pip"
        + (", and SageMaker's training toolkit." if given.sdk == 2 else "."),
    ]
    if any(job.by_mpirun for job in section.jobs):
        lines.append(
            "   For jobs that mpirun starts, it must have Open MPI, sshd, and a key by which root reaches root."
        )
    lines += [
        "3. Look at the quota of the instance types for training jobs (Service Quotas, SageMaker).",
        "4. Run a job. Its log comes to the screen; `--no-wait` leaves it to CloudWatch:",
        "",
        "   ```sh",
        *(f"   python {job.name}.sagemaker.py" for job in section.jobs),
        "   ```",
        "",
        f"5. Results are below `{given.output}`, in a folder by the job's name.",
        "",
        "`NAME.request.json` is the request CreateTrainingJob that the Python file sends, for whoever reviews it. The "
        "SDK adds the time to the job's name wherever it stands there, and puts the code into S3 first.",
        "",
    ]
    relative = sorted({job.plan.job.script for job in section.jobs if job.plan.job.script})
    relative = [name for name in relative if not name.startswith("/")]
    if relative and not given.source:
        names = ", ".join(f"`{name}`" for name in relative)
        lines += [f"{names}: name its folder in the spec's `sagemaker.source`, else the jobs do not find it.", ""]
    lines.append(
        "efakit's Slurm hooks do not run here: nothing records EFA's counters, and no report says what they were. "
        "NCCL's log tells its way: write `NCCL_DEBUG: INFO` into a job's `env`, and look for `NET/OFI Selected "
        "provider is efa`."
    )
    return ("\n".join(lines) + "\n").encode()
