"""Runs the training job train on SageMaker: PyTorch: torchrun on each node.

For line 2 of SageMaker's Python SDK: pip install 'sagemaker>=2.257,<3'.
--no-wait: it ends once the job is there, and shows no log.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import boto3
from sagemaker import Session
from sagemaker.pytorch import PyTorch

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "../.."
ENVIRONMENT = {
    # if the plugin is missing or fails, the job ends at once; without this variable NCCL falls back to TCP
    "NCCL_NET": "Libfabric",
}


def put_code(folder):
    """Put what runs on each instance into a folder: what is in SOURCE, and the script beside this file."""
    ignored = shutil.ignore_patterns(".git", ".env", ".venv*", "__pycache__", ".cache")
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True, ignore=ignored)
    if not (Path(folder) / "adapted-training-script.py").is_file():
        sys.exit(f"{SOURCE.resolve()} (sagemaker.source) has no " + "adapted-training-script.py")
    shutil.copy(HERE / "train.smddp.py", folder)


def run(wait):
    session = Session(
        boto3.Session(region_name="us-west-2"),
        default_bucket="my-bucket",
        default_bucket_prefix="training",
    )
    name = time.strftime("train-%Y%m%d%H%M%S", time.gmtime())
    with tempfile.TemporaryDirectory() as code:
        put_code(code)
        # PyTorch and no Estimator: that one drops a distribution without a word.
        estimator = PyTorch(
            image_uri="123456789012.dkr.ecr.us-west-2.amazonaws.com/smddp:1",
            role="arn:aws:iam::123456789012:role/SageMakerRole",
            entry_point="train.smddp.py",
            code_location="s3://my-bucket/training",
            output_path="s3://my-bucket/training",
            instance_type="ml.p4d.24xlarge",
            instance_count=2,
            volume_size=100,
            max_run=86400,
            distribution={"smdistributed": {"dataparallel": {"enabled": True, "custom_mpi_options": "-verbose -x NCCL_DEBUG=VERSION"}}},
            disable_profiler=True,
            debugger_hook_config=False,
            source_dir=code,
            environment=ENVIRONMENT,
            sagemaker_session=session,
        )
        estimator.fit({"training": "s3://my-bucket/data"}, wait=wait, logs="All" if wait else None, job_name=name)


if __name__ == "__main__":
    run(wait="--no-wait" not in sys.argv[1:])
