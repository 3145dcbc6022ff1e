"""The request: CreateTrainingJob as the SDK sends it.

The job's name is its first part alone: the SDK adds the time to it, in each place where it stands here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from efakit.plan.sagemaker import SageMakerPlan, TrainingJob

CHECKPOINTS = "/opt/ml/checkpoints"
_DRIVERS = "/opt/ml/input/data/sm_drivers/sm_train.sh"


def request(section: SageMakerPlan, job: TrainingJob) -> dict[str, Any]:
    """Return the request of a training job."""
    return _by_line_3(section, job) if section.section.sdk == 3 else _by_line_2(section, job)


def address(section: SageMakerPlan, *parts: str) -> str:
    """Return an address below sagemaker.output."""
    return "/".join(("s3:/", *filter(None, (section.section.bucket, section.section.prefix)), *parts))


def max_wait_seconds(section: SageMakerPlan) -> int:
    """Return how long a spot job may wait and run: twice its time, at most the 28 days that SageMaker takes."""
    return min(2 * section.max_seconds, 28 * 24 * 3600)


def _by_line_3(section: SageMakerPlan, job: TrainingJob) -> dict[str, Any]:
    inputs = f"{job.name}/{job.name}/input"
    channels = [
        *((name, address_) for name, address_ in section.section.inputs.items()),
        ("code", address(section, inputs, "code")),
        ("sm_drivers", address(section, inputs, "sm_drivers")),
    ]
    told: dict[str, Any] = {
        "TrainingJobName": job.name,
        "HyperParameters": {},
        "AlgorithmSpecification": {
            "TrainingInputMode": "File",
            "TrainingImage": job.image,
            "ContainerEntrypoint": ["/bin/bash"],
            "ContainerArguments": ["-c", f"chmod +x {_DRIVERS} && {_DRIVERS}"],
        },
        "InputDataConfig": [{**_channel(name, place), "InputMode": "File"} for name, place in channels],
        "OutputDataConfig": {"S3OutputPath": address(section), "CompressionType": "GZIP"},
        **_common(section, job),
    }
    if job.spot:
        told["CheckpointConfig"] = {"S3Uri": address(section, job.name, "checkpoints"), "LocalPath": CHECKPOINTS}
    return told


def _by_line_2(section: SageMakerPlan, job: TrainingJob) -> dict[str, Any]:
    own = {
        "sagemaker_submit_directory": f'"{address(section, job.name, "source", "sourcedir.tar.gz")}"',
        "sagemaker_program": f'"{job.entry_point}"',
        "sagemaker_container_log_level": "20",
        "sagemaker_job_name": f'"{job.name}"',
        "sagemaker_region": f'"{section.region}"',
    }
    if job.smddp:
        own["sagemaker_distributed_dataparallel_enabled"] = "true"
        own["sagemaker_instance_type"] = f'"{job.instance_type}"'
        own["sagemaker_distributed_dataparallel_custom_mpi_options"] = json.dumps(job.mpi_options)
    told: dict[str, Any] = {
        "TrainingJobName": job.name,
        "HyperParameters": own,
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": job.image},
        "OutputDataConfig": {"S3OutputPath": address(section)},
        "ProfilerConfig": {"DisableProfiler": True},
        **_common(section, job),
    }
    if section.section.inputs:
        told["InputDataConfig"] = [_channel(name, place) for name, place in section.section.inputs.items()]
    if job.spot:
        told["CheckpointConfig"] = {"S3Uri": address(section, job.name, "checkpoints"), "LocalPath": CHECKPOINTS}
    return told


def _common(section: SageMakerPlan, job: TrainingJob) -> Mapping[str, Any]:
    given = section.section
    resources: dict[str, Any] = {
        "InstanceType": job.instance_type,
        "InstanceCount": job.plan.nodes,
        "VolumeSizeInGB": given.volume_gb,
    }
    if given.keep_alive_minutes:
        resources["KeepAlivePeriodInSeconds"] = 60 * given.keep_alive_minutes
    if given.training_plan:
        resources["TrainingPlanArn"] = given.training_plan
    told: dict[str, Any] = {
        "RoleArn": given.role,
        "ResourceConfig": resources,
        "StoppingCondition": {"MaxRuntimeInSeconds": section.max_seconds},
    }
    if job.subnets:
        told["VpcConfig"] = {"SecurityGroupIds": list(given.security_groups), "Subnets": list(job.subnets)}
    if job.environment:
        told["Environment"] = {item.name: item.value for item in job.environment}
    if job.spot:
        told["EnableManagedSpotTraining"] = True
        told["StoppingCondition"]["MaxWaitTimeInSeconds"] = max_wait_seconds(section)
    return told


def _channel(name: str, place: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": place, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}
