"""What EKS, eksctl, the device plugins and the operators of jobs do, as rows.

Read off eksctl at 99984adb (https://github.com/eksctl-io/eksctl), aws/eks-charts at 5239609, mpi-operator v0.8.2,
Kubeflow Trainer v2.3.0 and the charts of NVIDIA's and Neuron's device plugins.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from efakit.catalog.instances import Instance

_EKSCTL = "https://github.com/eksctl-io/eksctl/blob/99984adb6164ece593c0728523b7f497ea61d60e/pkg"
_CHARTS = "https://github.com/aws/eks-charts/tree/5239609242f3430be50fb0b714a24d3ef2b47983/stable"
VALIDATION = _EKSCTL + "/apis/eksctl.io/v1alpha5/validation.go"
INTERFACES = _EKSCTL + "/cfn/builder/network_interfaces.go"
LAUNCH_TEMPLATE = _EKSCTL + "/cfn/builder/managed_launch_template.go"
NODE_GROUP = _EKSCTL + "/cfn/builder/nodegroup.go"
BUILT_IN_GROUP = _EKSCTL + "/utils/efa/efa.go"
EKSCTL_PLUGIN = _EKSCTL + "/addons/assets/efa-device-plugin.yaml"
MISCOUNT = "https://github.com/eksctl-io/eksctl/pull/8692"
NO_GROUP = "https://github.com/eksctl-io/eksctl/issues/7949"
PLUGIN_CHART = _CHARTS + "/aws-efa-k8s-device-plugin"
DRA_CHART = _CHARTS + "/aws-dranet"
NVIDIA_CHART = "https://github.com/NVIDIA/k8s-device-plugin/blob/main/deployments/helm/nvidia-device-plugin/values.yaml"
NEURON_CHART = "https://github.com/aws-neuron/neuron-helm-charts/blob/main/charts/neuron-helm-chart/values.yaml"
EFA_GUIDE = "https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html"
DEVICES_GUIDE = "https://docs.aws.amazon.com/eks/latest/userguide/device-management-efa.html"
CNI = "https://github.com/aws/amazon-vpc-cni-k8s/releases/tag/v1.7.10"
EFA_CARDS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html"
B300 = "https://github.com/aws/aws-parallelcluster/issues/7143"
MPI_OPERATOR = "https://github.com/kubeflow/mpi-operator/blob/v0.8.2/pkg/apis/kubeflow/validation/validation.go"
OPEN_MPI_5 = "https://github.com/kubeflow/mpi-operator/issues/842"
RESOLVED_LATE = "https://github.com/awslabs/awsome-distributed-ai/issues/868"
TRAINER = "https://github.com/kubeflow/trainer/blob/v2.3.0/pkg/runtime/framework/plugins/torch/torch.go"
RESOURCES_PER_NODE = "https://github.com/NVIDIA/aicr/issues/2275"
NOT_ASKED = "https://github.com/skypilot-org/skypilot/issues/10055"
LABELLED = "https://github.com/zalando-incubator/kubernetes-on-aws/pull/8881"
EXTENDED = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources"
HUGE_PAGES = "https://kubernetes.io/docs/tasks/manage-hugepages/scheduling-hugepages/"
VERSIONS = "https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html"
ENDS_WITH_NODE = "https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html"

EFA_RESOURCE = "vpc.amazonaws.com/efa"
# Types whose nodes show RDMA devices of another vendor (mlx5) beside EFA's: aws-samples/aws-do-eks PR #63.
OTHER_RDMA_DEVICES = ("p6-b200.48xlarge",)
HOST_DEVICES = "https://github.com/ofiwg/libfabric/issues/12708"
HUGE_PAGES_RESOURCE = "hugepages-2Mi"
DEVICE_CLASS = "efa.networking.k8s.aws"
TAINT = "aws.amazon.com/efa"
# The releases that the values are for.
PLUGIN_VERSION, DRA_VERSION, MPI_OPERATOR_VERSION, TRAINER_VERSION = "v0.5.30", "1.0.0", "v0.8.2", "v2.3.0"
PLUGIN_OF_EKSCTL = "v0.5.4"
EKSCTL_VERSION = "0.190.0"
"""The least release of eksctl that the EKS guide names for EFA."""
CNI_VERSION = "1.7.10"
"""The least VPC CNI for types with several network cards."""

# DefaultVersion and the newest in eksctl's types.go.
KUBERNETES, NEWEST_KUBERNETES = "1.34", "1.35"
OLDEST_KUBERNETES = "1.32"
"""Extended support of 1.31 ended on 26 November 2026."""
NO_AMAZON_LINUX_2 = "1.33"
"""AmazonLinux2EOLVersion there."""
DRA_KUBERNETES = "1.34"
"""The least Kubernetes for the EFA DRA driver, by the EKS guide; the chart's own README says 1.35."""
BUILT_IN_GROUP_KUBERNETES = "1.33"
"""From here on the security group of managed node groups lets EFA through to itself."""

MOST_CLAIMED = 32
"""Devices that one request of a resource claim can hold."""
HUGE_PAGES_MIB = 5120
"""What a pod asks for: AMIs with the EFA driver reserve 5128 pages of 2 MiB and more."""
LEAST_HUGE_PAGES_MIB = 10256
"""Those 5128 pages; images of p5 were seen with 42,242 MiB."""
MOST_LETTERS = 40
"""Of a job's name: the operators append -worker-N and -node-0-0, and 63 letters are the most of a host's name."""

NODE_TEMPLATES = ("torchrun", "accelerate", "deepspeed", "megatron", "neuron")
MPI_TEMPLATES = ("nccl-tests", "openmpi", "osu")


def miscounted(instance: Instance) -> bool:
    """Return whether eksctl's efaEnabled would ask for another number of EFA interfaces than the type has.

    It makes one for each network card.
    """
    cards, interfaces = instance.network_cards, instance.efa_interfaces
    return bool(cards and interfaces and cards != interfaces)


def accelerator_resource(instance: Instance) -> str | None:
    """Return the resource that a device plugin offers a type's accelerators as; None: no plugin is installed here."""
    accelerators = instance.accelerators
    if accelerators is None or not accelerators.count:
        return None
    if accelerators.kind == "neuron":
        return "aws.amazon.com/neuron"
    return "nvidia.com/gpu" if accelerators.kind == "gpu" and accelerators.manufacturer == "NVIDIA" else None


def ami_family(instance: Instance) -> str:
    """Return the family of images that has EFA's driver for a type."""
    return "AmazonLinux2023" if accelerator_resource(instance) else "Bottlerocket"


def minor(version: str) -> tuple[int, ...]:
    """Return a Kubernetes version such as 1.34 as numbers; an empty tuple where it is none."""
    parts = version.split(".")
    return tuple(map(int, parts)) if len(parts) == 2 and all(part.isdigit() for part in parts) else ()


def why_no_job(template: str, instances: tuple[Instance, ...], image: str | None, from_file: bool | None) -> str | None:
    """Return why a job cannot run on EKS, None where it can.

    ``image`` is the section's own; ``from_file``: whether the job's is a file, None without a container.
    """
    if template not in (*NODE_TEMPLATES, *MPI_TEMPLATES):
        return "no operator here starts the ranks of the template %s" % template
    if from_file and image is None:
        return "a pod runs images of a registry, and no image files (Apptainer, squashfs): name one in eks.image"
    if from_file is None and image is None:
        return "a pod needs an image: the job has no container, and the section no image"
    for instance in instances:
        if instance.efa_interfaces is None:
            return (
                "no public source says how many EFA interfaces %s has, and a pod must ask for a number" % instance.name
            )
        accelerators = instance.accelerators
        unplugged = accelerators is not None and accelerators.kind == "gpu" and not accelerator_resource(instance)
        if unplugged and template not in ("openmpi", "osu"):
            return "no device plugin is installed for the accelerators of %s" % instance.name
    return None
