"""Runs the training job nccl-tests on SageMaker: NVIDIA's nccl-tests, one rank for each GPU.

For line 3 of SageMaker's Python SDK: pip install 'sagemaker>=3.27,<4'.
--no-wait: it ends once the job is there, and shows no log.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.training.configs import (
    Compute,
    InputData,
    OutputDataConfig,
    SourceCode,
    StoppingCondition,
)
from sagemaker.train import ModelTrainer

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "../.."
ENVIRONMENT = {
    # NCCL's log then shows the provider and the NICs that it chose
    "NCCL_DEBUG": "INFO",
    # if the plugin is missing or fails, the job ends at once; without this variable NCCL falls back to TCP
    "NCCL_NET": "Libfabric",
    # MPI only starts the ranks: cm and ucx must not use EFA devices or GPUs beside NCCL
    "OMPI_MCA_pml": "^cm,ucx",
    # MPI's own few messages go over TCP
    "OMPI_MCA_btl": "tcp,self",
    # Open MPI tries to reach other nodes through docker0, where a node has that interface, and waits
    "OMPI_MCA_btl_tcp_if_exclude": "lo,docker0",
}


def put_code(folder):
    """Put what runs on each instance into a folder: what is in SOURCE, and the script beside this file."""
    ignored = shutil.ignore_patterns(".git", ".env", ".venv*", "__pycache__", ".cache")
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True, ignore=ignored)
    shutil.copy(HERE / "nccl-tests.sagemaker.sh", folder)


def run(wait):
    session = Session(
        boto3.Session(region_name="us-west-2"),
        default_bucket="my-bucket",
        default_bucket_prefix="training",
    )
    trainer = ModelTrainer(
        training_image="123456789012.dkr.ecr.us-west-2.amazonaws.com/efa:1",
        role="arn:aws:iam::123456789012:role/SageMakerRole",
        base_job_name="nccl-tests",
        compute=Compute(
            instance_type="ml.p4d.24xlarge",
            instance_count=2,
            volume_size_in_gb=100,
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=86400),
        output_data_config=OutputDataConfig(s3_output_path="s3://my-bucket/training"),
        environment=ENVIRONMENT,
        sagemaker_session=session,
    )
    inputs = [
        InputData(channel_name="training", data_source="s3://my-bucket/data"),
    ]
    with tempfile.TemporaryDirectory() as code:
        put_code(code)
        # No distributed=...: each of the SDK's drivers sets NCCL_PROTO=simple over the job's environment.
        trainer.source_code = SourceCode(source_dir=code, command="bash nccl-tests.sagemaker.sh")
        trainer.train(input_data_config=inputs, wait=wait, logs=wait)


if __name__ == "__main__":
    run(wait="--no-wait" not in sys.argv[1:])
