"""README.md: the commands in their order."""

from __future__ import annotations

from efakit.catalog import eks as rows
from efakit.catalog.instances import Instance
from efakit.emit.eks.cluster import NO_TEMPLATE
from efakit.emit.eks.values import values_files
from efakit.plan.eks import EksPlan
from efakit.plan.eks.groups import Group

_MPI_FILES = "https://raw.githubusercontent.com/kubeflow/mpi-operator"
_MPI = f"{_MPI_FILES}/{rows.MPI_OPERATOR_VERSION}/deploy/v2beta1/mpi-operator.yaml"
_TRAINER = f"https://github.com/kubeflow/trainer.git/manifests/overlays/manager?ref={rows.TRAINER_VERSION}"


def readme(section: EksPlan) -> str:
    """Return the page."""
    parts = [_cluster(section), *(_template(section, group) for group in section.groups if group.launch_template)]
    parts += [_devices(section), _operators(section), _jobs(section), _end(section)]
    numbered = [f"{number}. {part}" for number, part in enumerate(filter(None, parts), 1)]
    head = f"# EKS\n\nFor eksctl {rows.EKSCTL_VERSION} or later, kubectl and Helm, in this order:\n\n"
    return head + "\n".join(numbered) + "\n" + _tail(section)


def _block(words: str, *commands: str) -> str:
    return "\n".join([words, "", "   ```sh", *(f"   {command}" for command in commands), "   ```", ""])


def _cluster(section: EksPlan) -> str:
    words = "Create the cluster and its node groups. Helm installs the plugins for accelerators in a later step."
    off = "--install-nvidia-plugin=false --install-neuron-plugin=false"
    return _block(words, f"eksctl create cluster -f cluster.yaml {off}")


def _template(section: EksPlan, group: Group) -> str:
    cluster, name = section.section.name, group.name
    ask = f"aws eks describe-cluster --region {section.region} --name {cluster} --output text"
    ask += " --query cluster.resourcesVpcConfig"
    more = [f"SecurityGroup{number}={group_id}" for number, group_id in enumerate(section.section.security_groups, 1)]
    parameters = " ".join(['Vpc="$vpc"', 'ClusterSecurityGroup="$group"', *more])
    output = "--query 'Stacks[0].Outputs[?OutputKey==`LaunchTemplateId`].OutputValue' --output text"
    return _block(
        f"Create the node group {name}, with its own launch template.",
        f"vpc=$({ask}.vpcId)",
        f"group=$({ask}.clusterSecurityGroupId)",
        f"aws cloudformation deploy --region {section.region} --stack-name {cluster}-{name} \\",
        f"  --template-file {name}.launch-template.yaml --parameter-overrides {parameters}",
        f"template=$(aws cloudformation describe-stacks --region {section.region} --stack-name {cluster}-{name} \\",
        f"  {output})",
        f'sed "s/{NO_TEMPLATE}/$template/" {name}.nodegroup.yaml | eksctl create nodegroup -f -',
    )


def _devices(section: EksPlan) -> str:
    files = values_files(section)
    if not files:
        return ""
    commands = []
    words = "Install what offers the devices to pods."
    if any(group.efa and not group.launch_template for group in section.groups):
        words += (
            f" eksctl has installed the EFA plugin {rows.PLUGIN_OF_EKSCTL}, which does not support p6 and does not "
            "belong to Helm. Delete it first, and again after each `eksctl create nodegroup` with efaEnabled."
        )
        commands.append("kubectl delete daemonset aws-efa-k8s-device-plugin -n kube-system --ignore-not-found")
    if section.efa_types:
        commands.append("helm repo add eks https://aws.github.io/eks-charts")
        chart = ("aws-efa-k8s-device-plugin", rows.PLUGIN_VERSION, "values-efa-device-plugin.yaml")
        if section.section.devices == "dra":
            chart = ("aws-dranet", rows.DRA_VERSION, "values-efa-dra.yaml")
        commands.append(
            f"helm upgrade --install {chart[0]} eks/{chart[0]} --version {chart[1]} -n kube-system -f {chart[2]}"
        )
    if "values-nvidia-device-plugin.yaml" in files:
        commands.append("helm repo add nvdp https://nvidia.github.io/k8s-device-plugin")
        commands.append(
            "helm upgrade --install nvidia-device-plugin nvdp/nvidia-device-plugin -n kube-system "
            "-f values-nvidia-device-plugin.yaml"
        )
    if "values-neuron.yaml" in files:
        commands.append(
            "helm upgrade --install neuron oci://public.ecr.aws/neuron/neuron-helm-chart -n kube-system -f "
            "values-neuron.yaml"
        )
    return _block(words, *commands) + "\n" + _look(section)


def _look(section: EksPlan) -> str:
    if section.section.devices == "dra":
        return _block("   Each node must have a slice with all its devices:", "kubectl get resourceslices")
    counts = sorted({_count(item) for group in section.groups if group.efa for item in group.instances})
    escaped = rows.EFA_RESOURCE.replace(".", "\\.")
    columns = f"NAME:.metadata.name,EFA:.status.allocatable.{escaped}"
    return _block(
        f"   Each node must offer all its devices ({', '.join(counts)}):",
        f"kubectl get nodes -o custom-columns='{columns}'",
    )


def _count(instance: Instance) -> str:
    number = instance.efa_interfaces
    return f"{instance.name}: {'no public source says how many' if number is None else number}"


def _operators(section: EksPlan) -> str:
    commands = []
    if any(pods.by_mpirun for pods in section.jobs):
        commands.append(f"kubectl apply --server-side -f {_MPI}")
    if any(not pods.by_mpirun for pods in section.jobs):
        commands.append(f'kubectl apply --server-side -k "{_TRAINER}"')
    if not commands:
        return ""
    words = (
        "Install the operators. Without `--server-side` the API refuses their definitions, which are too large for "
        "an annotation."
    )
    return _block(words, *commands)


def _jobs(section: EksPlan) -> str:
    if not section.jobs:
        return ""
    commands = []
    if section.section.namespace != "default":
        commands.append(f"kubectl create namespace {section.section.namespace}")
    commands += [f"kubectl apply -f {pods.name}.job.yaml" for pods in section.jobs]
    words = (
        "Run a job. Each pod takes a whole node, so a second job waits. If one pod of a job cannot start, the others "
        "keep their nodes and wait: `kubectl describe pod` shows the reason."
    )
    return _block(words, *commands)


def _end(section: EksPlan) -> str:
    where = f"--region {section.region}"
    cluster = section.section.name
    commands = [
        f"eksctl scale nodegroup {where} --cluster {cluster} --name {group.name} --nodes 0 --nodes-min 0"
        for group in section.groups
        if group.efa
    ]
    down = _block("Nodes cost money until they are gone. Scale the groups down:", *commands) if commands else ""
    commands = []
    for group in section.groups:
        if group.launch_template:
            stack = f"{cluster}-{group.name}"
            commands.append(f"eksctl delete nodegroup {where} --cluster {cluster} --name {group.name} --wait")
            commands.append(f"aws cloudformation delete-stack {where} --stack-name {stack}")
            commands.append(f"aws cloudformation wait stack-delete-complete {where} --stack-name {stack}")
    commands.append("eksctl delete cluster -f cluster.yaml --disable-nodegroup-eviction --wait")
    away = "   Or delete all:" if down else "Delete the cluster when you are done:"
    return f"{down}\n{_block(away, *commands)}".lstrip()


def _tail(section: EksPlan) -> str:
    scripts = (pods.plan.job.script or "/" for pods in section.jobs)
    relative = sorted({script for script in scripts if not script.startswith("/")})
    lines = []
    if relative:
        names = ", ".join(f"`{name}`" for name in relative)
        lines += [
            f"{names}: must be in the image's working folder, or on a volume (`eks.volumes`).",
            "",
        ]
    lines.append(
        "efakit's Slurm hooks do not run here: nothing records EFA's counters, and no report says what they were."
    )
    return "\n".join(lines) + "\n"
