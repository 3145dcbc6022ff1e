"""Decides what a container image holds: base, PyTorch with its NCCL, the EFA installer and how it is run."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.catalog import images
from efakit.catalog.stacks import stack_of
from efakit.plan.decision import Decision
from efakit.plan.plan import Plan
from efakit.plan.platforms import Platform, register
from efakit.rules.stack import stack_findings
from efakit.spec.container.model import Image

_FLAVOURS = {
    "slurm": "Slurm with Pyxis or Apptainer",
    "eks": "EKS, with sshd for MPIJobs",
    "sagemaker": "SageMaker's training toolkit",
    "dstack": "dstack",
}
_SSHD = "https://github.com/kubeflow/mpi-operator/issues/842"
_TOOLKIT = "https://github.com/aws/sagemaker-training-toolkit"


@dataclass(frozen=True)
class ContainerPlan:
    """What is built.

    ``runtime`` is the base of what runs; ``compiler`` that of what compiles, None where nothing is compiled.
    """

    image: Image
    runtime: str
    compiler: str | None
    nccl: str | None
    cuda: str | None
    installer_options: tuple[str, ...]
    plugin_file: str | None
    decisions: tuple[Decision, ...]

    @property
    def tag(self) -> str:
        """The image's tag: what is in it."""
        pytorch = f"pytorch{self.image.pytorch}-" if self.image.kind == "pytorch" else "mpi-"
        return f"{pytorch}efa{self.image.installer}"


def flavour_name(flavour: str) -> str:
    """Return what a flavour is for, in words."""
    return _FLAVOURS[flavour]


def plan_container(plan: Plan) -> ContainerPlan:
    """Return the plan of the section."""
    image = plan.spec.section(Image)
    assert image is not None  # noqa: S101 (asked where the section is there)
    has_gpu = image.kind == "pytorch"
    torch = images.pytorch(image.pytorch) if has_gpu else None
    options = images.installer_options(image.installer)
    plugin = images.plugin_file(image.installer) if has_gpu else None
    runtime, compiler = f"ubuntu:{images.UBUNTU}", None
    decisions = []
    if torch is not None:
        tag = images.CUDA_TAGS[torch.cuda]
        runtime, compiler = (f"nvidia/cuda:{tag}-{kind}-ubuntu{images.UBUNTU}" for kind in ("base", "devel"))
        reason = (
            f"PyTorch {torch.version} is built for CUDA {torch.cuda} and brings its libraries; NVIDIA's runtime image "
            "would have an NCCL of its own beside"
        )
        decisions.append(Decision("base image", runtime, reason, images.CUDA_IMAGES))
        reason = f"PyTorch {torch.version} brings it; a second one in the image may be loaded in its place"
        decisions.append(Decision("NCCL", torch.nccl, reason, images.PYTORCH_SOURCE))
        reason = "linked against PyTorch's own NCCL, so that what is measured is what trains"
        decisions.append(Decision("nccl-tests", images.NCCL_TESTS_TAG, reason, images.NCCL_TESTS))
    else:
        decisions.append(Decision("base image", runtime, "programs on CPUs need no CUDA", images.EFA_IN_CONTAINERS))
    decisions += _of_installer(image, options, plugin)
    decisions += _of_flavours(image)
    decisions += _of_software(plan, image, torch)
    return ContainerPlan(
        image=image,
        runtime=runtime,
        compiler=compiler,
        nccl=torch.nccl if torch else None,
        cuda=torch.cuda if torch else None,
        installer_options=options,
        plugin_file=plugin,
        decisions=tuple(decisions),
    )


def _of_installer(image: Image, options: tuple[str, ...], plugin: str | None) -> list[Decision]:
    reason = (
        "the kernel module is the host's, the limits are the runtime's, and a build has no device to try; each release "
        "is signed, and the key's fingerprint is checked"
    )
    found = [Decision("EFA installer", f"{image.installer} {' '.join(options)}", reason, images.EFA_IN_CONTAINERS)]
    if "--disable-ngc" in options:
        reason = "from 1.48 on the installer takes NVIDIA's images for those of NGC and leaves parts out"
        found.append(Decision("NGC", "off", reason, images.NGC))
    if plugin:
        reason = "the loader's cache finds it, and no LD_LIBRARY_PATH can hide it"
        found.append(Decision("aws-ofi-nccl", plugin, reason, images.EFA_IN_CONTAINERS))
    return found


def _of_flavours(image: Image) -> list[Decision]:
    found = []
    for flavour in image.flavours:
        reason, source = "nothing more than the image itself is needed", images.EFA_IN_CONTAINERS
        if flavour == "eks":
            reason = (
                "mpi-operator starts ranks over ssh, and Open MPI 4 reads its host file (5 runs on the launcher alone)"
            )
            source = _SSHD
        if flavour == "sagemaker":
            reason, source = "the training toolkit starts the program as SageMaker's request says", _TOOLKIT
        found.append(Decision(f"flavour {flavour}", flavour_name(flavour), reason, source))
    return found


def _of_software(plan: Plan, image: Image, torch: images.PyTorch | None) -> list[Decision]:
    """Return what is to say of the versions on the cluster's instance types."""
    versions = stack_of(installer=image.installer, nccl=torch.nccl if torch else None).versions()
    types = {item.name for queue in plan.cluster.queues for it in queue.resources for item in it.resource.instances}
    return [
        Decision(f"software of the image on {name}", found.fix or "as it is", found.message, found.source)
        for name in sorted(types)
        for found in stack_findings(versions, name)
        if found.severity != "info"
    ]


register("container", Platform(plan_container))
