"""What dstack offers on AWS, as rows: instance families, the image with EFA, and the templates that can be tasks.

Read off dstack's source at 0.22.5 (https://github.com/dstackai/dstack).
"""

from __future__ import annotations

from fnmatch import fnmatchcase

_SOURCE = "https://github.com/dstackai/dstack/blob/master"
COMPUTE = _SOURCE + "/src/dstack/_internal/core/backends/aws/compute.py"
PROVISIONING = _SOURCE + "/src/dstack/_internal/server/services/backends/provisioning.py"
DOCKERFILE = _SOURCE + "/docker/base/Dockerfile"
SHIM = _SOURCE + "/runner/internal/shim/docker.go"
RUNNER = _SOURCE + "/runner/internal/runner/executor/executor.go"
FLEETS = _SOURCE + "/src/dstack/_internal/core/models/fleets.py"
ELASTIC = "https://github.com/dstackai/dstack/pull/3282"
PUBLIC_IPS = _SOURCE + "/src/dstack/_internal/core/backends/aws/models.py"

# _supported_instances; a type outside of them is offered where the backend's experimental_instance_types names it.
FAMILIES = (
    *("m7i", "c7i", "r7i", "t3", "c5", "m5", "p6-b300", "p6-b200", "p5", "p5e", "p5en", "p4d", "p4de"),
    *("g7", "g7e", "g6", "g6e", "gr6", "g5", "g4dn"),
)

# _AWS_EFA_ENABLED_INSTANCE_TYPE_PATTERNS: on these the default image becomes its flavour with EFA.
IMAGE_TYPES = (
    "p6-b300.48xlarge p6-b200.48xlarge p5.4xlarge p5.48xlarge p5e.48xlarge p5en.48xlarge p4d.24xlarge p4de.24xlarge "
    "g7.8xlarge g7.12xlarge g7.24xlarge g7.48xlarge g7e.8xlarge g7e.12xlarge g7e.24xlarge g7e.48xlarge g6.8xlarge "
    "g6.12xlarge g6.16xlarge g6.24xlarge g6.48xlarge g6e.8xlarge g6e.12xlarge g6e.16xlarge g6e.24xlarge g6e.48xlarge "
    "gr6.8xlarge g5.8xlarge g5.12xlarge g5.16xlarge g5.24xlarge g5.48xlarge g4dn.8xlarge g4dn.12xlarge g4dn.16xlarge "
    "g4dn.metal p3dn.24xlarge"
)
# What that flavour holds: EFA_VERSION and NCCL_VERSION of docker/base/Dockerfile.
IMAGE_INSTALLER, IMAGE_NCCL = "1.48.0", "2.28.3"

# Those that start each node's ranks themselves, or that mpirun can start: nothing else starts ranks in dstack.
NODE_TEMPLATES = ("torchrun", "accelerate", "deepspeed", "megatron")
MPI_TEMPLATES = ("nccl-tests", "openmpi", "osu")


def offered(instance_type: str) -> bool:
    """Return whether dstack offers an instance type without being told of it."""
    return instance_type.split(".")[0] in FAMILIES


def image_has_efa(instance_type: str) -> bool:
    """Return whether dstack takes its image with EFA on an instance type."""
    return any(fnmatchcase(instance_type, pattern) for pattern in IMAGE_TYPES.split())


def why_no_task(template: str, instance_type: str, from_file: bool | None) -> str | None:
    """Return why a job cannot be a task of dstack, None where it can.

    ``from_file``: whether the image of the job's container is a file, None without a container.
    """
    if template not in (*NODE_TEMPLATES, *MPI_TEMPLATES):
        return "dstack has no launcher for the ranks of the template %s" % template
    if not offered(instance_type):
        return "dstack does not offer %s" % instance_type
    if from_file:
        return "dstack runs images from a registry, no image files (Apptainer, squashfs)"
    if from_file is None and not image_has_efa(instance_type):
        return "dstack's image has no EFA for %s, and the job names no image (container)" % instance_type
    return None
