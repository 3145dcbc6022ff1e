"""What is known of container images that others wrote: base images, the EFA installer's options, PyTorch's own NCCL.

A None is "not known". What is not known of a base image is never taken for its absence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple, Optional

from efakit.catalog.images import EFA_IN_CONTAINERS, PYTORCH, PYTORCH_SOURCE

EFA_CHANGELOG = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html"
SAMPLES = "https://github.com/awslabs/awsome-distributed-ai/blob/main/"
DLC = "https://github.com/aws/deep-learning-containers/blob/main/"


class BaseImage(NamedTuple):
    """What a family of images brings. ``images``: patterns of names without a registry's default parts, by blanks."""

    images: str
    source: str
    sets: Optional[tuple[str, ...]] = None
    """Every variable that its configuration sets; None: not known."""
    has_efa: Optional[bool] = None
    """Whether it brings libfabric with EFA."""
    apt_lists: Optional[bool] = None
    """Whether apt knows packages before ``apt-get update``."""
    hpcx: bool = False
    """Whether it brings NVIDIA's HPC-X: an Open MPI and NCCL plugins of its own."""
    ngc_marker: bool = False
    """Whether it has /opt/nvidia/nvidia_entrypoint.sh, by which the EFA installer takes it for an image of NGC."""


_PLAIN = ("PATH",)
BASE_IMAGES = (
    BaseImage(
        images="ubuntu ubuntu/ubuntu debian",
        source="https://hub.docker.com/_/ubuntu",
        sets=_PLAIN,
        has_efa=False,
        apt_lists=False,
    ),
    BaseImage(
        images="amazonlinux amazonlinux/amazonlinux rockylinux rockylinux/rockylinux almalinux scratch",
        source="https://hub.docker.com/_/amazonlinux",
        sets=_PLAIN,
        has_efa=False,
    ),
    BaseImage(
        images="nvidia/cuda nvcr.io/nvidia/cuda",
        source="https://hub.docker.com/r/nvidia/cuda",
        has_efa=False,
        ngc_marker=True,
    ),
    BaseImage(
        images="nvcr.io/nvidia/pytorch nvcr.io/nvidia/nemo",
        source=SAMPLES + "2.ami_and_containers/containers/pytorch/0.nvcr-pytorch-aws.dockerfile",
        hpcx=True,
        ngc_marker=True,
    ),
)

# From this release on NGC's images set NCCL_NET_PLUGIN to HPC-X's own plugin; how much earlier is not known.
NGC_OWN_PLUGIN = "26.07"
NGC_OWN_PLUGIN_SOURCE = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/5033"

_DEFAULT_PARTS = ("docker.io/library/", "docker.io/", "public.ecr.aws/docker/library/", "library/", "public.ecr.aws/")


def image_name(reference: str) -> tuple[str, str]:
    """Return an image's name without a registry's default parts, and its tag; "" where it names none."""
    name = reference.partition("@")[0]
    last = name.rpartition("/")[2]
    tag = last.partition(":")[2]
    name = name[: len(name) - len(tag) - 1] if tag else name
    part = next((part for part in _DEFAULT_PARTS if name.startswith(part)), "")
    return name[len(part) :], tag


def base_image(reference: str) -> BaseImage | None:
    """Return what is known of an image, None where nothing is."""
    name, _ = image_name(reference)
    return next((row for row in BASE_IMAGES if any(fnmatchcase(name, one) for one in row.images.split())), None)


# By the release of the installer: the first that no longer supports the system.
DROPPED_SYSTEMS: Mapping[str, str] = {
    "Debian 10": "1.40.0",
    "Ubuntu 20.04": "1.43.0",
    "Amazon Linux 2": "1.50.0",
    "Debian 11": "1.51.0",
}
_SYSTEM_TAGS = (
    (r"\bubuntu-?20\.?04|\bfocal\b", "Ubuntu 20.04"),
    (r"\bdebian-?10\b|\bbuster\b", "Debian 10"),
    (r"\bdebian-?11\b|\bbullseye\b", "Debian 11"),
    (r"\bamzn2(?!0)|\bamazonlinux-?2(?!0)", "Amazon Linux 2"),
)


def system_of(reference: str) -> str | None:
    """Return the system of an image where its name tells that, and the EFA installer has dropped it at some time."""
    name, tag = image_name(reference)
    last = name.rpartition("/")[2]
    text = f"{last}-{tag}" if last in ("ubuntu", "debian", "amazonlinux") else tag
    return next((system for pattern, system in _SYSTEM_TAGS if re.search(pattern, text)), None)


class InstallerOption(NamedTuple):
    """An option of efa_installer.sh that not every release knows; ``since`` is the first that surely does."""

    name: str
    since: str
    source: str


INSTALLER_OPTIONS = (
    InstallerOption("--disable-ngc", "1.48.0", DLC + "scripts/docker/common/install_efa_amzn2023.sh"),
    InstallerOption("--disable-build-ngc", "1.48.0", SAMPLES + "micro-benchmarks/nccl-tests/nccl-tests.Dockerfile"),
    InstallerOption("--enable-ngc", "1.49.0", EFA_IN_CONTAINERS),
)
# From this release on the installer looks for NGC's entry point, and leaves parts out where it finds it.
NGC_DETECTED_SINCE = "1.48.0"
# The first release that puts the plugin into lib/ on Ubuntu, with no folder of the architecture below.
PLUGIN_IN_LIB_SINCE = "1.44.0"
PLUGIN_IN_LIB_SOURCE = DLC + "scripts/docker/common/install_efa.sh"
# The first release that brings aws-ofi-nccl.
PLUGIN_BUNDLED_SINCE = "1.38.0"

TORCH_NCCL_SOURCE = PYTORCH_SOURCE
TORCH_NCCL: Mapping[str, str] = {
    **{row.version: row.nccl for row in PYTORCH},
    "2.4.1": "2.20.5",
    "2.3.1": "2.20.5",
    "2.2.2": "2.19.3",
    "2.1.2": "2.18.1",
    "2.0.1": "2.14.3",
}
"""The NCCL that a release of torch asks for: of those that images are built with, and of older ones."""
