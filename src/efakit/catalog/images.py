"""What container images are built from, as rows: PyTorch's own NCCL, base images, the EFA installer's options."""

from __future__ import annotations

from typing import NamedTuple

from efakit.catalog.stacks import EFA_INSTALLERS
from efakit.versions import version_key

PYTORCH_SOURCE = "https://pypi.org/project/torch/"
EFA_IN_CONTAINERS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-installer-containers.html"
VERIFY = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html"
NGC = "https://github.com/aws/deep-learning-containers/tree/main/scripts/docker/common"
NCCL_TESTS = "https://github.com/NVIDIA/nccl-tests"
CUDA_IMAGES = "https://hub.docker.com/r/nvidia/cuda"
PLUGIN_NOTES = "https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/RELEASENOTES.md"
CUDART = "https://github.com/aws/deep-learning-containers/blob/main/docker/pytorch/Dockerfile.cuda"
DLC_WITHOUT_EFA = "https://github.com/aws/deep-learning-containers/issues/2675"
NEURON = "https://github.com/aws-neuron/deep-learning-containers/blob/main/pytorch/training/2.9.0/Dockerfile.neuronx"
TOOLKIT = "https://github.com/aws/sagemaker-training-toolkit"
PYTORCH_TOOLKIT = "https://github.com/aws/sagemaker-pytorch-training-toolkit"
DSTACK_SSHD = "https://github.com/dstackai/dstack/blob/master/runner/internal/shim/docker.go"
MPI_OPERATOR = "https://github.com/kubeflow/mpi-operator/issues/842"
PYXIS = "https://github.com/NVIDIA/pyxis"

# The key that signs every installer, as EC2's guide prints its fingerprint.
KEY_FINGERPRINT = "4E9091BCBB97A96B26B15E59A05480B1DD2D3CCC"
# The release that AWS's own example is built with, against NCCL 2.30 (awslabs/awsome-distributed-ai, nccl-tests).
NCCL_TESTS_TAG = "v2.18.3"
# SageMaker's own packages; both come as source with a C extension (PyPI).
TOOLKIT_PACKAGES = ("sagemaker-training==5.1.4", "sagemaker-pytorch-training==3.0.0")
NEWEST_INSTALLER = max((row.version for row in EFA_INSTALLERS), key=version_key)


class PyTorch(NamedTuple):
    """A release of PyTorch in the package index, and what its wheel asks for: by pip's own resolution, 2026-11-28."""

    version: str
    nccl: str
    cuda: str
    """The line, such as 13.0."""


PYTORCH = (
    PyTorch(version="2.14.1", nccl="2.30.7", cuda="13.0"),
    PyTorch(version="2.14.0", nccl="2.30.7", cuda="13.0"),
    PyTorch(version="2.13.0", nccl="2.29.7", cuda="13.0"),
    PyTorch(version="2.12.0", nccl="2.29.7", cuda="13.0"),
    PyTorch(version="2.11.0", nccl="2.28.9", cuda="13.0"),
    PyTorch(version="2.10.0", nccl="2.27.5", cuda="12.8"),
    PyTorch(version="2.9.0", nccl="2.27.5", cuda="12.8"),
    PyTorch(version="2.8.0", nccl="2.27.3", cuda="12.8"),
    PyTorch(version="2.7.1", nccl="2.26.2", cuda="12.6"),
    PyTorch(version="2.7.0", nccl="2.26.2", cuda="12.6"),
    PyTorch(version="2.6.0", nccl="2.21.5", cuda="12.4"),
    PyTorch(version="2.5.1", nccl="2.21.5", cuda="12.4"),
)


class CudaImage(NamedTuple):
    """Tags of nvidia/cuda (``TAG-base-ubuntuU``, ``TAG-devel-ubuntuU``) for a line of CUDA."""

    cuda: str
    tag: str
    ubuntu: str


CUDA_IMAGE_ROWS = (
    CudaImage(cuda="13.0", tag="13.0.2", ubuntu="24.04"),
    CudaImage(cuda="12.8", tag="12.8.1", ubuntu="24.04"),
    CudaImage(cuda="12.6", tag="12.6.3", ubuntu="24.04"),
    CudaImage(cuda="12.4", tag="12.4.1", ubuntu="22.04"),
)
UBUNTU = "24.04"


class NeuronRelease(NamedTuple):
    """A release of the Neuron SDK: the packages that AWS's own training image of it pins."""

    version: str
    pytorch: str
    apt: tuple[str, ...]
    pip: tuple[str, ...]
    apt_suite: str
    """AWS's image takes this suite on Ubuntu 24.04 too."""


NEURON_RELEASES = (
    NeuronRelease(
        version="2.28.0",
        pytorch="2.9.0",
        apt=(
            "aws-neuronx-collectives=2.30.59.0-f5cdefb39",
            "aws-neuronx-runtime-lib=2.30.51.0-faafe26f0",
            "aws-neuronx-tools=2.28.23.0-f1c114a9d",
        ),
        pip=(
            "torch-neuronx==2.9.0.2.12.22436+0f1dac25",
            "neuronx-cc==2.23.6484.0+3b612583",
            "neuronx_distributed==0.17.26814+4b18de63",
        ),
        apt_suite="jammy",
    ),
)

# Images of NVIDIA's catalogue that bring MPI, NCCL and PyTorch of their own: nothing here fits beside them.
OWN_STACK_IMAGES = ("nvcr.io/nvidia/pytorch", "nvcr.io/nvidia/nemo", "nvcr.io/nvidia/tensorflow")
OWN_STACK = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/5033"

# Where the installer puts each line of Open MPI.
OPEN_MPI = {"4": "/opt/amazon/openmpi", "5": "/opt/amazon/openmpi5"}
# What a kind of image cannot be, and why.
NO_FLAVOUR = {
    ("neuron", "dstack"): "dstack offers no instance type with Neuron",
}


NAMED_PLUGIN = "libnccl-net-ofi.so"
"""The plugin's own name from 1.15.0 on: NCCL_NET_PLUGIN=ofi."""


def pytorch(version: str) -> PyTorch:
    """Return a release's row; raise KeyError where there is none."""
    return {row.version: row for row in PYTORCH}[version]


def cuda_image(cuda: str) -> CudaImage:
    """Return the row of a line of CUDA; raise KeyError where there is none."""
    return {row.cuda: row for row in CUDA_IMAGE_ROWS}[cuda]


def neuron(version: str) -> NeuronRelease:
    """Return a release's row; raise KeyError where there is none."""
    return {row.version: row for row in NEURON_RELEASES}[version]


def installer_options(installer: str) -> tuple[str, ...]:
    """Return the options with which an EFA installer is run in a container.

    From 1.48 on it takes an image of NVIDIA's for one of NGC, and leaves parts out: two more options say no.
    Before, they are unknown options.
    """
    options = ("-y", "--skip-kmod", "--skip-limit-conf", "--no-verify")
    return (*options, "--disable-ngc", "--disable-build-ngc") if _from(installer, "1.48.0") else options


def plugin_path(installer: str) -> tuple[str, str]:
    """Return the folder and the name of aws-ofi-nccl on Ubuntu; ``$(uname -m)`` in it is the shell's."""
    if _from(installer, "1.44.0"):
        return "/opt/amazon/ofi-nccl/lib", NAMED_PLUGIN
    return "/opt/amazon/ofi-nccl/lib/$(uname -m)-linux-gnu", "libnccl-net.so"


def _from(version: str, least: str) -> bool:
    return version_key(version) >= version_key(least)
