"""What SageMaker's training jobs take, as rows: instance types, limits, SMDDP, the templates that can be jobs.

Read off the service's model in botocore 1.44.8, SageMaker's Python SDK at 2.257.7 and 3.27.0, and its training toolkit
at 5.1.4.
"""

from __future__ import annotations

from efakit.catalog.files import read_data
from efakit.versions import version_key

_SDK = "https://github.com/aws/sagemaker-python-sdk/blob"
_TOOLKIT = "https://github.com/aws/sagemaker-training-toolkit/blob/master/src/sagemaker_training"
_GUIDE = "https://docs.aws.amazon.com/sagemaker/latest/dg"
CREATE = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html"
ENVIRONMENT = CREATE + "#sagemaker-CreateTrainingJob-request-Environment"
RESOURCES = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html"
EFA = _GUIDE + "/your-algorithms-training-efa.html"
HOSTS = _GUIDE + "/your-algorithms-training-algo-running-container.html"
# "CMD="{base_command}"", then "eval $CMD".
COMMAND = _SDK + "/master/sagemaker-train/src/sagemaker/train/templates.py"
TORCHRUN = _TOOLKIT + "/torch_distributed.py"
ENTRY_POINT = _TOOLKIT + "/process.py"
MPI = _SDK + "/master/sagemaker-train/src/sagemaker/train/container_drivers/distributed_drivers/mpi_utils.py"
SMDDP = _GUIDE + "/distributed-data-parallel-support.html"
SMDDP_NOTES = _GUIDE + "/data-parallel-release-notes.html"
SMDDP_P5 = "https://github.com/aws/sagemaker-python-sdk/issues/4988"
PLANS = _GUIDE + "/reserve-capacity-with-training-plans.html"
WARM_POOLS = _GUIDE + "/train-warm-pools.html"
SPOT = _GUIDE + "/model-managed-spot-training.html"
VPC = _GUIDE + "/train-vpc.html"

# Of a request, by the service's model.
MOST_VARIABLES, MOST_LETTERS = 100, 512
MOST_NAME_LETTERS = 63

# SMDDP's last release, 2.5.0, is for PyTorch 2.4.1; P3 was dropped before.
SMDDP_TYPES = ("p4d.24xlarge", "p4de.24xlarge")
SMDDP_LAST_PYTORCH = "2.4.1"

# Those that start each node's ranks themselves, and those that mpirun starts.
NODE_TEMPLATES = ("torchrun", "accelerate", "deepspeed", "megatron", "neuron")
MPI_TEMPLATES = ("nccl-tests", "openmpi", "osu")
# What SMDDP's own launcher runs: one Python script a rank.
SMDDP_TEMPLATES = ("torchrun",)


def offered(instance_type: str) -> bool:
    """Return whether SageMaker's training jobs take an instance type."""
    return instance_type in read_data("sagemaker_types.json")["types"]


def why_no_job(template: str, instance_type: str, from_file: bool | None) -> str | None:
    """Return why a job cannot be a training job, None where it can.

    ``from_file``: whether the image of the job's container is a file, None without a container.
    """
    if template not in (*NODE_TEMPLATES, *MPI_TEMPLATES):
        return "nothing in SageMaker starts the ranks of the template %s" % template
    if not offered(instance_type):
        return "SageMaker has no training on ml.%s" % instance_type
    if from_file:
        return "SageMaker runs images of a registry, and no image files (Apptainer, squashfs)"
    return None


def why_no_smddp(template: str, instance_type: str, pytorch: str | None) -> str | None:
    """Return why SMDDP cannot be had for a job, and what to use; None where it can."""
    instead = "leave smddp out: PyTorch's own DistributedDataParallel runs on NCCL over EFA"
    if instance_type not in SMDDP_TYPES:
        return "SMDDP is for ml.%s only, and the job is on ml.%s; %s" % (
            " and ml.".join(SMDDP_TYPES),
            instance_type,
            instead,
        )
    if template not in SMDDP_TEMPLATES:
        return "SMDDP's launcher runs a Python script of the template torchrun, and no %s; %s" % (template, instead)
    if pytorch is None:
        return "SMDDP depends on the release of PyTorch in the image; name it in sagemaker.pytorch"
    if version_key(pytorch) > version_key(SMDDP_LAST_PYTORCH):
        return "SMDDP ended with PyTorch %s, and the image has %s; %s" % (SMDDP_LAST_PYTORCH, pytorch, instead)
    return None
