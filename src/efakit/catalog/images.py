"""What container images are built from, as rows: PyTorch's own NCCL, base images, the EFA installer's options."""

from __future__ import annotations

from typing import NamedTuple

from efakit.catalog.stacks import EFA_INSTALLERS
from efakit.versions import version_key

_PYPI = "https://pypi.org/project/torch/"
EFA_IN_CONTAINERS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-installer-containers.html"
VERIFY = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html"
NGC = "https://github.com/aws/deep-learning-containers/tree/main/scripts/docker/common"
NCCL_TESTS = "https://github.com/NVIDIA/nccl-tests"
CUDA_IMAGES = "https://hub.docker.com/r/nvidia/cuda"

# The key that signs every installer, as EC2's guide prints its fingerprint.
KEY_FINGERPRINT = "4E9091BCBB97A96B26B15E59A05480B1DD2D3CCC"
NCCL_TESTS_TAG = "v2.18.3"
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
)
PYTORCH_SOURCE = _PYPI

# Tags of nvidia/cuda with a runtime and a devel image on Ubuntu 24.04, by CUDA's line.
CUDA_TAGS = {"13.0": "13.0.2", "12.8": "12.8.1", "12.6": "12.6.3"}
UBUNTU = "24.04"


def pytorch(version: str) -> PyTorch:
    """Return a release's row; raise KeyError where there is none."""
    return {row.version: row for row in PYTORCH}[version]


def installer_options(installer: str) -> tuple[str, ...]:
    """Return the options with which an EFA installer is run in a container.

    From 1.48 on it takes every image of NVIDIA's for one of NGC, and leaves parts out: two more options say no.
    """
    options = ("-y", "--skip-kmod", "--skip-limit-conf", "--no-verify")
    return (*options, "--disable-ngc", "--disable-build-ngc") if _from(installer, "1.48.0") else options


def plugin_file(installer: str) -> str:
    """Return the path of aws-ofi-nccl that an EFA installer gives an Ubuntu on x86_64."""
    if _from(installer, "1.44.0"):
        return "/opt/amazon/ofi-nccl/lib/libnccl-net-ofi.so"
    return "/opt/amazon/ofi-nccl/lib/x86_64-linux-gnu/libnccl-net.so"


def _from(version: str, least: str) -> bool:
    return version_key(version) >= version_key(least)
