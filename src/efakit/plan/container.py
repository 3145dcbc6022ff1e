"""Decides what a container image holds: base, PyTorch with its NCCL, the EFA installer and how it is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from efakit.catalog import images, instances
from efakit.catalog.instances import Instance
from efakit.catalog.stacks import stack_of
from efakit.finding import INFO, Finding, Place
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
# What an instance type's accelerators are, by the kind of image that uses them.
_KIND_OF = {"gpu": "pytorch", "neuron": "neuron"}
_DOCKER_PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}


@dataclass(frozen=True)
class ContainerPlan:
    """What is built.

    ``runtime`` is the base of what runs; ``compiler`` that of what compiles, None where nothing is compiled. ``plugin``
    is the folder and the name of aws-ofi-nccl, None where the image has no NCCL.
    """

    image: Image
    runtime: str
    compiler: str | None
    nccl: str | None
    cuda: str | None
    neuron: images.NeuronRelease | None
    installer_options: tuple[str, ...]
    plugin: tuple[str, str] | None
    platforms: tuple[str, ...]
    decisions: tuple[Decision, ...]

    @property
    def tag(self) -> str:
        """The image's tag: what is in it."""
        what = {"pytorch": f"pytorch{self.image.pytorch}-", "neuron": f"neuron{self.image.neuron}-"}
        return f"{what.get(self.image.kind, 'mpi-')}efa{self.image.installer}"

    @property
    def mpi_home(self) -> str:
        """The folder of the Open MPI that stands on PATH."""
        return images.OPEN_MPI[self.image.open_mpi]


def flavour_name(flavour: str) -> str:
    """Return what a flavour is for, in words."""
    return _FLAVOURS[flavour]


def is_unprivileged(flavour: str) -> bool:
    """Say whether the image's own user is not root."""
    return flavour == "slurm"


def plan_container(plan: Plan) -> ContainerPlan:
    """Return the plan of the section."""
    image = _image(plan)
    torch = images.pytorch(image.pytorch) if image.kind == "pytorch" else None
    cuda = images.cuda_image(torch.cuda) if torch else None
    neuron = images.neuron(image.neuron) if image.kind == "neuron" else None
    runtime, compiler = f"ubuntu:{images.UBUNTU}", None
    if cuda is not None:
        runtime, compiler = (f"nvidia/cuda:{cuda.tag}-{kind}-ubuntu{cuda.ubuntu}" for kind in ("base", "devel"))
    options = images.installer_options(image.installer)
    plugin = images.plugin_path(image.installer) if torch else None
    platforms = _platforms(plan)
    decisions = [
        _of_base(image, runtime, torch),
        *(_of_pytorch(image, torch) if torch else ()),
        *(_of_pytorch_on_arm(platforms) if torch else ()),
        *(_of_neuron(neuron) if neuron else ()),
        *_of_installer(image, options, plugin),
        _of_mpi(image),
        *(decision for flavour in image.flavours for decision in _of_flavour(image, flavour)),
        Decision(
            "architecture", ", ".join(platforms), "that of the cluster's instance types", images.EFA_IN_CONTAINERS
        ),
        *_of_types(plan, image),
    ]
    return ContainerPlan(
        image=image,
        runtime=image.base or runtime,
        compiler=compiler,
        nccl=torch.nccl if torch else None,
        cuda=torch.cuda if torch else None,
        neuron=neuron,
        installer_options=options,
        plugin=plugin,
        platforms=platforms,
        decisions=tuple(decisions),
    )


def findings(plan: Plan) -> Iterator[Finding]:
    """Give what is wrong with the image's releases on the cluster's instance types."""
    image = _image(plan)
    torch = images.pytorch(image.pytorch) if image.kind == "pytorch" else None
    versions = stack_of(installer=image.installer, nccl=torch.nccl if torch else None).versions()
    seen = set()
    for instance in _instances(plan):
        for found in stack_findings(versions, instance.name):
            if found.severity > INFO and found.message not in seen:
                seen.add(found.message)
                key = "pytorch" if "nccl" in found.about else "installer"
                yield found.replaced(place=Place(keys=("container", key)), message=f"the image: {found.message}")


def _image(plan: Plan) -> Image:
    image = plan.spec.section(Image)
    assert image is not None  # noqa: S101 (asked where the section is there)
    return image


def _instances(plan: Plan) -> list[Instance]:
    found = {item.name for queue in plan.cluster.queues for it in queue.resources for item in it.resource.instances}
    return [instances.get(name) for name in sorted(found)]


def _platforms(plan: Plan) -> tuple[str, ...]:
    found = {_DOCKER_PLATFORMS.get(str(instance.architecture)) for instance in _instances(plan)}
    return tuple(sorted(name for name in found if name)) or ("linux/amd64",)


def _of_base(image: Image, fitting: str, torch: images.PyTorch | None) -> Decision:
    if image.base:
        reason = f"as the spec says; {fitting} would fit. The steps need Ubuntu's packages"
        return Decision("base image", image.base, reason)
    if torch is None:
        return Decision("base image", fitting, "nothing in it needs CUDA", images.EFA_IN_CONTAINERS)
    reason = (
        f"PyTorch {torch.version} is built for CUDA {torch.cuda} and brings its libraries; NVIDIA's runtime and devel "
        "images would have an NCCL of their own beside"
    )
    return Decision("base image", fitting, reason, images.CUDA_IMAGES)


def _of_pytorch(image: Image, torch: images.PyTorch) -> Iterator[Decision]:
    reason = f"PyTorch {torch.version} brings it; a second one in the image may be loaded in its place"
    yield Decision("NCCL", torch.nccl, reason, images.PYTORCH_SOURCE)
    reason = "linked against PyTorch's own NCCL, so that what is measured is what trains; NVIDIA signs no tag of it"
    yield Decision("nccl-tests", image.nccl_tests, reason, images.NCCL_TESTS)
    reason = "the plugin opens libcudart.so, and NVIDIA's base image has that name with a number only"
    yield Decision("libcudart.so", "linked", reason, images.CUDART)


def _of_pytorch_on_arm(platforms: tuple[str, ...]) -> Iterator[Decision]:
    if _DOCKER_PLATFORMS["arm64"] in platforms:
        reason = "whether the package index has this release with CUDA for arm64 is not known: the build ends where not"
        yield Decision("PyTorch on arm64", "tried", reason, images.PYTORCH_SOURCE)


def _of_neuron(neuron: images.NeuronRelease) -> Iterator[Decision]:
    reason = f"the packages that AWS's own image of Neuron SDK {neuron.version} pins, with PyTorch {neuron.pytorch}"
    yield Decision("Neuron", neuron.version, reason, images.NEURON)
    reason = "the driver is the host's (aws-neuronx-dkms), and so is the EFA driver"
    yield Decision("Neuron's driver", "not in the image", reason, images.NEURON)
    reason = "AWS prints no fingerprint of this key: it is trusted as TLS brings it"
    yield Decision("key of Neuron's packages", "not compared", reason, images.NEURON)


def _of_installer(image: Image, options: tuple[str, ...], plugin: tuple[str, str] | None) -> Iterator[Decision]:
    reason = (
        "the kernel module is the host's, the limits are the runtime's, and a build has no device to try; each release "
        "is signed, and the key's fingerprint is compared"
    )
    yield Decision("EFA installer", f"{image.installer} {' '.join(options)}", reason, images.EFA_IN_CONTAINERS)
    if "--disable-ngc" in options:
        reason = "from 1.48 on the installer takes NVIDIA's images for those of NGC and leaves parts out"
        yield Decision("NGC", "off", reason, images.NGC)
    if plugin:
        reason = (
            "where this installer puts it on Ubuntu; the loader's cache has its folder, so that NCCL finds it without "
            "LD_LIBRARY_PATH, which a job or a platform may overwrite"
        )
        yield Decision("aws-ofi-nccl", "/".join(plugin), reason, images.NGC)
    if plugin and plugin[1] == images.NAMED_PLUGIN:
        reason = (
            f"{plugin[1]} is the plugin's own name; up to 1.20 the other one, libnccl-net.so, may be a link, which the "
            "loader's cache does not list"
        )
        yield Decision("NCCL_NET_PLUGIN", "ofi", reason, images.PLUGIN_NOTES)


def _of_mpi(image: Image) -> Decision:
    reason = "of the two that the installer brings; MPIJobs on EKS, and most programs, are for 4"
    if image.open_mpi == "5":
        reason = "as the spec says"
    return Decision("Open MPI", image.open_mpi, reason, images.EFA_IN_CONTAINERS)


def _of_flavour(image: Image, flavour: str) -> Iterator[Decision]:
    subject = f"flavour {flavour}"
    if flavour == "slurm":
        reason = (
            "Pyxis and Apptainer run the image as the job's user, whatever its own user is; no other one needs root"
        )
        yield Decision(subject, "user 1000", reason, images.PYXIS)
    elif flavour == "eks":
        reason = (
            "mpi-operator starts ranks over ssh as root with keys that it makes, and Open MPI 4 reads its host file (5 "
            "runs on the launcher alone). The host keys in the image are no secret: nobody compares them"
        )
        yield Decision(subject, "root, with sshd", reason, images.MPI_OPERATOR)
    elif flavour == "dstack":
        reason = (
            "dstack reaches each node by ssh: it installs sshd as root when a task starts, where the image has none"
        )
        yield Decision(subject, "root, with sshd", reason, images.DSTACK_SSHD)
    else:
        reason = "the toolkit's 'train' writes below /opt/ml, which SageMaker mounts; no source says that others may"
        yield Decision(subject, "root, with the training toolkit", reason, images.TOOLKIT)
        reason = (
            "the toolkit sets NCCL_PROTO=simple and NCCL_SOCKET_IFNAME for every 'distribution': SageMaker's SDK 3 "
            "with SourceCode(command=...) starts a program without it"
        )
        yield Decision(f"{subject}: environment", "as the toolkit sets it", reason, images.PYTORCH_TOOLKIT)


def _of_types(plan: Plan, image: Image) -> Iterator[Decision]:
    for instance in _instances(plan):
        if instance.efa_interfaces == 0:
            reason = (
                "the type has no EFA, and aws-ofi-nccl ends programs there that find no device: use an image without it"
            )
            yield Decision(f"image on {instance.name}", "not this one", reason, images.DLC_WITHOUT_EFA)
        accelerators = instance.accelerators
        wanted = _KIND_OF.get(str(accelerators.kind)) if accelerators else "mpi"
        if wanted and wanted != image.kind:
            reason = f"the type wants an image of kind {wanted}, and this one is of kind {image.kind}"
            yield Decision(f"image on {instance.name}", "another kind", reason, images.EFA_IN_CONTAINERS)


register("container", Platform(plan_container, findings=findings))
