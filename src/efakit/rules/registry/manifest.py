"""Rules about eksctl's configs and Kubernetes manifests."""

from __future__ import annotations

from efakit.catalog import eks as rows
from efakit.rules.registry.row import Rule

_CLAIMS = "https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/"
_ENV = "https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/"
_POD = "https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/"
_LATER = "eksctl's JSON Schema passes it, "


def _rule(id_: str, severity: str, what: str, why: str, wrong: str, right: str, source: str) -> Rule:
    return Rule(id_, "manifest", severity, what, why, source, wrong, right)


def _config(text: str) -> str:
    return "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\n%s\n" % text


def _group(keys: str, kind: str = "managedNodeGroups") -> str:
    return _config("%s:\n  - {name: gpu, %s}" % (kind, keys))


_P5 = "instanceType: p5.48xlarge, efaEnabled: true"
_ONE = _P5 + ", availabilityZones: [us-west-2a]"
_BLOCK = "capacityReservation: {capacityReservationTarget: {capacityReservationID: cr-0123456789abcdef0}}"


def _pod(resources: str, more: str = "", container: str = "") -> str:
    """Return a pod; ``more`` are keys of its spec, ``container`` those of the container."""
    return "apiVersion: v1\nkind: Pod\nspec:\n%s  containers:\n    - name: worker\n%s      resources: {%s}\n" % (
        more,
        container,
        resources,
    )


def _both(resources: str) -> str:
    return "requests: {%s}, limits: {%s}" % (resources, resources)


_NODE = "  nodeSelector: {node.kubernetes.io/instance-type: p5.48xlarge}\n"


def _mpi(worker: str = "replicas: 2", launcher: str = "replicas: 1", spec: str = "", name: str = "nccl") -> str:
    return (
        "apiVersion: kubeflow.org/v2beta1\nkind: MPIJob\nmetadata: {name: %s}\nspec:\n%s  mpiReplicaSpecs:\n"
        "    Launcher: {%s}\n    Worker: {%s}\n" % (name, spec, launcher, worker)
    )


def _launch(command: str) -> str:
    launcher = "replicas: 1, template: {spec: {containers: [{name: l, command: [%s]}]}}" % command
    worker = (
        "replicas: 2, template: {spec: {containers: [{name: w, resources: {limits: {vpc.amazonaws.com/efa: 32}}}]}}"
    )
    return _mpi(worker=worker, launcher=launcher, spec="  slotsPerWorker: 8\n")


def _worker(resources: str) -> str:
    node = "nodeSelector: {node.kubernetes.io/instance-type: p5.48xlarge}"
    return _mpi(
        worker="replicas: 2, template: {spec: {%s, containers: [{name: w, resources: {%s}}]}}" % (node, resources)
    )


RULES = (
    _rule(
        "eksctl-region",
        "error",
        "metadata.region is no region.",
        "Public examples have region-code there; " + _LATER + "and AWS does not know it.",
        _config("metadata: {region: region-code}"),
        _config("metadata: {region: us-west-2}"),
        rows.EFA_GUIDE,
    ),
    _rule(
        "eksctl-version",
        "error",
        "metadata.version is no Kubernetes version, or one that EKS starts no cluster with any more.",
        "Public examples have 1.XX there; " + _LATER + "and EKS refuses it.",
        _config('metadata: {version: "1.XX"}'),
        _config('metadata: {version: "1.34"}'),
        rows.VERSIONS,
    ),
    _rule(
        "eksctl-name",
        "error",
        "A cluster's or a node group's name has other letters than letters, digits and hyphens.",
        _LATER + "and CloudFormation takes no such name for a stack.",
        _config("managedNodeGroups:\n  - {name: my_group}"),
        _config("managedNodeGroups:\n  - {name: my-group}"),
        rows.VALIDATION,
    ),
    _rule(
        "eksctl-two-zones",
        "error",
        "availabilityZones of the cluster names one zone.",
        "EKS wants subnets in two zones for the control plane; "
        + _LATER
        + "and eksctl refuses it. The nodes stay in one.",
        _config("availabilityZones: [us-west-2a]"),
        _config("availabilityZones: [us-west-2a, us-west-2b]"),
        rows.VALIDATION,
    ),
    _rule(
        "eksctl-zone",
        "error",
        "A zone is of another region, or a node group's zone is not among the cluster's.",
        _LATER + "and the group's stack fails: the VPC has no subnet there.",
        _config("metadata: {region: us-west-2}\navailabilityZones: [us-east-1a, us-west-2b]"),
        _config("metadata: {region: us-west-2}\navailabilityZones: [us-west-2a, us-west-2b]"),
        rows.EFA_GUIDE,
    ),
    _rule(
        "eksctl-addon",
        "error",
        "An add-on's name is one letter away from that of an add-on of EKS.",
        _LATER + "and EKS knows no such add-on.",
        _config("addons: [{name: vpc-cnii}]"),
        _config("addons: [{name: vpc-cni}]"),
        "https://docs.aws.amazon.com/eks/latest/userguide/workloads-add-ons-available-eks.html",
    ),
    _rule(
        "eksctl-cni",
        "error",
        "The VPC CNI is older than %s." % rows.CNI_VERSION,
        "Before, it managed the interfaces on all network cards, those of EFA among them.",
        _config("addons: [{name: vpc-cni, version: v1.7.5}]"),
        _config("addons: [{name: vpc-cni}]"),
        rows.CNI,
    ),
    _rule(
        "eksctl-key",
        "error",
        "A node group, or what stands below it, has a key that eksctl does not know.",
        "eksctl refuses the file, or leaves the key out: with capacityReservationId the reservation has no target. The "
        "message has the nearest key.",
        _group("instanceType: p5.48xlarge, availabilityZones: [us-west-2a], efaEnable: true"),
        _group(_ONE),
        rows.VALIDATION,
    ),
    _rule(
        "eksctl-type",
        "error",
        "An instance type does not exist.",
        _LATER + "and EC2 does not know it. Public advice names p5.96xlarge and p4d.48xlarge.",
        _group("instanceType: p5.96xlarge"),
        _group("instanceType: p5.48xlarge"),
        "https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html",
    ),
    _rule(
        "eksctl-no-efa",
        "error",
        "efaEnabled stands at a type without EFA.",
        _LATER + "and eksctl refuses it once it has asked EC2.",
        _group("instanceType: m5.large, efaEnabled: true, availabilityZones: [us-west-2a]"),
        _group(_ONE),
        rows.INTERFACES,
    ),
    _rule(
        "eksctl-efa-count",
        "error",
        "efaEnabled stands at a type with more network cards than EFA interfaces.",
        "eksctl asks for an EFA interface on each card, and EC2 refuses the launch. A launch template with a plain "
        "interface on card 0 and efa-only ones on the others works.",
        _group("instanceType: p6-b300.48xlarge, efaEnabled: true, availabilityZones: [us-west-2a]"),
        _group("launchTemplate: {id: lt-0123456789abcdef0}, availabilityZones: [us-west-2a]"),
        rows.MISCOUNT,
    ),
    _rule(
        "eksctl-one-zone",
        "error",
        "An EFA node group has several zones or subnets, none, or both keys.",
        "EFA does not cross zones. eksctl refuses several and both; where there is none it spreads the nodes over all "
        "of the cluster's zones, and says nothing. An info for a group whose nodes come from one reservation.",
        _group(_P5),
        _group(_ONE),
        rows.VALIDATION,
    ),
    _rule(
        "eksctl-placement",
        "error",
        "placement of a node group names no group.",
        _LATER + "and eksctl refuses it. Without placement eksctl makes a placement group for EFA.",
        _group(_ONE + ", placement: {}"),
        _group(_ONE),
        rows.VALIDATION,
    ),
    _rule(
        "eksctl-market",
        "error",
        "instanceMarketOptions stands without a reservation, or has another market than capacity-block.",
        _LATER + "and eksctl refuses it.",
        _group(_ONE + ", instanceMarketOptions: {marketType: capacity-block}"),
        _group("%s, %s, instanceMarketOptions: {marketType: capacity-block}" % (_ONE, _BLOCK)),
        rows.VALIDATION,
    ),
    _rule(
        "eksctl-reservation-group",
        "error",
        "A self-managed EFA node group has a reservation and no placement.",
        "eksctl then makes a placement group, whose nodes are not where the reservation's instances are: some or all "
        "do not start. For a managed group it leaves the placement group away.",
        _group("%s, %s" % (_ONE, _BLOCK), "nodeGroups"),
        _group("%s, %s" % (_ONE, _BLOCK)),
        rows.NO_GROUP,
    ),
    _rule(
        "eksctl-sizes",
        "error",
        "minSize, desiredCapacity and maxSize of a node group do not rise.",
        _LATER + "and eksctl refuses it.",
        _group(_ONE + ", desiredCapacity: 4, maxSize: 2"),
        _group(_ONE + ", desiredCapacity: 2, maxSize: 4"),
        rows.VALIDATION,
    ),
    _rule(
        "eksctl-taint",
        "error",
        "A taint's effect is none of NoSchedule, PreferNoSchedule and NoExecute.",
        _LATER + "and eksctl refuses it.",
        _group(_ONE + ", taints: [{key: efa, effect: NoScheduling}]"),
        _group(_ONE + ", taints: [{key: efa, effect: NoSchedule}]"),
        rows.VALIDATION,
    ),
    _rule(
        "eksctl-launch-template",
        "error",
        "A key stands beside launchTemplate that belongs into the template, or the template has no id.",
        _LATER + "and eksctl refuses it.",
        _group("launchTemplate: {id: lt-0123456789abcdef0}, instanceType: p5.48xlarge"),
        _group("launchTemplate: {id: lt-0123456789abcdef0}"),
        rows.VALIDATION,
    ),
    _rule(
        "eksctl-image",
        "error",
        "amiFamily is AmazonLinux2, and Kubernetes is %s or later." % rows.NO_AMAZON_LINUX_2,
        _LATER + "and EKS makes no such images.",
        _config('metadata: {version: "1.34"}\nmanagedNodeGroups:\n  - {name: gpu, amiFamily: AmazonLinux2}'),
        _config('metadata: {version: "1.34"}\nmanagedNodeGroups:\n  - {name: gpu, amiFamily: AmazonLinux2023}'),
        rows.VALIDATION,
    ),
    _rule(
        "eksctl-driver",
        "info",
        "An EFA node group's images are not among those that the EKS guide names with EFA's driver.",
        "It names Amazon Linux 2023 for GPUs and Neuron, and Bottlerocket. Elsewhere the driver is the kernel's own "
        "at best, and nothing reserves huge pages.",
        _group(_ONE + ", amiFamily: Ubuntu2404"),
        _group(_ONE + ", amiFamily: AmazonLinux2023"),
        rows.DEVICES_GUIDE,
    ),
    _rule(
        "pod-key",
        "error",
        "A container's key stands beside the containers.",
        "The API server refuses it as an unknown field.",
        _pod(_both("memory: 1Gi"), more="  imagePullPolicy: Always\n"),
        _pod(_both("memory: 1Gi"), container="      imagePullPolicy: Always\n"),
        "https://github.com/awslabs/awsome-distributed-ai/pull/455",
    ),
    _rule(
        "pod-type",
        "error",
        "A pod's nodes are to be of an instance type that does not exist.",
        "The API takes it, and the pod waits forever.",
        _pod(_both("memory: 1Gi"), more=_NODE.replace("p5.48", "p5.96")),
        _pod(_both("memory: 1Gi"), more=_NODE),
        "https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html",
    ),
    _rule(
        "pod-requests",
        "error",
        "A device or huge pages stand in the requests alone, or with another number in the limits.",
        "The API server refuses the pod. Inside an MPIJob it takes the job, and the operator then fails it.",
        _pod("requests: {vpc.amazonaws.com/efa: 16}, limits: {vpc.amazonaws.com/efa: 32}"),
        _pod(_both("vpc.amazonaws.com/efa: 32")),
        rows.EXTENDED,
    ),
    _rule(
        "pod-hugepages",
        "error",
        "Huge pages are no multiple of 2Mi, or stand without memory or cpu.",
        "The API server refuses the pod.",
        _pod(_both("hugepages-2Mi: 5120Mi")),
        _pod(_both("hugepages-2Mi: 5120Mi, memory: 100Gi")),
        rows.HUGE_PAGES,
    ),
    _rule(
        "pod-hugepages-many",
        "warning",
        "A pod asks for more huge pages than all images with EFA's driver reserve.",
        "They reserve 5128 pages and more, by the type: with more than the node has the pod waits forever.",
        _pod(_both("hugepages-2Mi: 12000Mi, memory: 100Gi")),
        _pod(_both("hugepages-2Mi: 5120Mi, memory: 100Gi")),
        rows.EFA_GUIDE,
    ),
    _rule(
        "pod-resource-name",
        "error",
        "A resource of vpc.amazonaws.com has a name that no plugin offers.",
        "The API takes any name, and the pod waits forever.",
        _pod(_both("vpc.amazonaws.com/efas: 32")),
        _pod(_both("vpc.amazonaws.com/efa: 32")),
        rows.PLUGIN_CHART,
    ),
    _rule(
        "pod-count",
        "error",
        "A number of devices is not whole.",
        "The API server refuses it.",
        _pod(_both("vpc.amazonaws.com/efa: 1.5")),
        _pod(_both("vpc.amazonaws.com/efa: 2")),
        rows.EXTENDED,
    ),
    _rule(
        "pod-too-many",
        "error",
        "A pod asks for more EFA devices or memory than its instance type has.",
        "The API takes it, and the pod waits forever, while the others of its job hold their nodes.",
        _pod(_both("vpc.amazonaws.com/efa: 33"), more=_NODE),
        _pod(_both("vpc.amazonaws.com/efa: 32"), more=_NODE),
        rows.EXTENDED,
    ),
    _rule(
        "pod-few",
        "warning",
        "Pods with GPUs that work together ask for fewer EFA devices than the type has.",
        "NCCL uses the devices that the pod was given: with one of 32 it has one thirty-second of the bandwidth.",
        _worker(_both("nvidia.com/gpu: 8, vpc.amazonaws.com/efa: 1")),
        _worker(_both("nvidia.com/gpu: 8, vpc.amazonaws.com/efa: 32")),
        "https://github.com/aws/sagemaker-hyperpod-cli/pull/318",
    ),
    _rule(
        "pod-memory-small",
        "warning",
        "Pods with GPUs that work together have 1 GiB of memory a GPU, or less.",
        "NCCL's buffers and the ranks need more: the kernel ends a rank, and the others report a failed EFA request.",
        _worker(_both("nvidia.com/gpu: 8, vpc.amazonaws.com/efa: 32, memory: 8000Mi")),
        _worker(_both("nvidia.com/gpu: 8, vpc.amazonaws.com/efa: 32, memory: 1600Gi")),
        "https://github.com/awslabs/awsome-distributed-ai/issues/312",
    ),
    _rule(
        "pod-without-efa",
        "warning",
        "Pods that work together on a type with EFA ask for no EFA device.",
        "Then there is no device in the container: NCCL and MPI talk over TCP, and nothing says so. FI_PROVIDER=efa "
        "alone does not bring one.",
        _worker(_both("nvidia.com/gpu: 8")),
        _worker(_both("nvidia.com/gpu: 8, vpc.amazonaws.com/efa: 32")),
        rows.NOT_ASKED,
    ),
    _rule(
        "pod-mount",
        "error",
        "A container mounts a volume that the pod does not have.",
        "The API server refuses the pod.",
        _pod(_both("memory: 1Gi"), container="      volumeMounts: [{name: shm, mountPath: /dev/shm}]\n"),
        _pod(
            _both("memory: 1Gi"),
            more="  volumes: [{name: shm, emptyDir: {medium: Memory}}]\n",
            container="      volumeMounts: [{name: shm, mountPath: /dev/shm}]\n",
        ),
        _POD,
    ),
    _rule(
        "pod-host-devices",
        "warning",
        "A container with EFA devices mounts the host's /dev/infiniband, and its nodes may have other RDMA devices.",
        "The mount shows devices that the container may not open, such as the mlx5 ones of p6-b200. libfabric's EFA "
        "provider opens each RDMA device that it sees, and offers none if one fails: NCCL falls back to TCP.",
        _pod(
            _both("vpc.amazonaws.com/efa: 8, memory: 1Gi"),
            more="  volumes: [{name: devices, hostPath: {path: /dev/infiniband}}]\n",
            container="      volumeMounts: [{name: devices, mountPath: /dev/infiniband}]\n",
        ),
        _pod(_both("vpc.amazonaws.com/efa: 8, memory: 1Gi")),
        rows.HOST_DEVICES,
    ),
    _rule(
        "pod-variable",
        "warning",
        "A variable's value has $NAME or ${NAME}.",
        "Kubernetes fills in $(NAME) only, of variables that stand before: PATH becomes the text $PATH:..., and "
        "mpirun -x hands it on.",
        _pod(_both("memory: 1Gi"), container="      env: [{name: PATH, value: '$PATH:/opt/amazon/efa/bin'}]\n"),
        _pod(_both("memory: 1Gi"), container="      env: [{name: PATH, value: '/usr/bin:/opt/amazon/efa/bin'}]\n"),
        _ENV,
    ),
    _rule(
        "claim-count",
        "error",
        "A request of a resource claim is for more devices than one claim holds.",
        "The API server allows %d results a claim." % rows.MOST_CLAIMED,
        "apiVersion: resource.k8s.io/v1\nkind: ResourceClaimTemplate\nspec:\n  spec:\n    devices:\n      requests:\n"
        "        - {name: efa, exactly: {deviceClassName: efa.networking.k8s.aws, count: 33}}\n",
        "apiVersion: resource.k8s.io/v1\nkind: ResourceClaimTemplate\nspec:\n  spec:\n    devices:\n      requests:\n"
        "        - {name: efa, exactly: {deviceClassName: efa.networking.k8s.aws, count: 32}}\n",
        _CLAIMS,
    ),
    _rule(
        "mpi-role",
        "error",
        "An MPIJob has another role than Launcher and Worker, no launcher or several, or no worker.",
        "The API takes any role. The operator ignores a role that it does not know, and the launcher runs alone.",
        _mpi().replace("Worker:", "Wroker:"),
        _mpi(),
        rows.MPI_OPERATOR,
    ),
    _rule(
        "mpi-policy",
        "error",
        "A policy or the MPI of an MPIJob is none that the operator knows.",
        "The API takes it, and the operator starts no pod: kubectl describe mpijob shows a ValidationError.",
        _mpi(spec="  runPolicy: {cleanPodPolicy: Sometimes}\n"),
        _mpi(spec="  runPolicy: {cleanPodPolicy: Running}\n"),
        rows.MPI_OPERATOR,
    ),
    _rule(
        "mpi-key",
        "error",
        "A key of runPolicy stands beside it in an MPIJob of kubeflow.org/v2beta1.",
        "The API server refuses it as an unknown field; kubectl --validate=false drops it.",
        _mpi(spec="  cleanPodPolicy: Running\n"),
        _mpi(spec="  runPolicy: {cleanPodPolicy: Running}\n"),
        "https://github.com/kubeflow/mpi-operator/blob/v0.8.2/pkg/apis/kubeflow/v2beta1/types.go",
    ),
    _rule(
        "mpi-restart",
        "warning",
        "restartPolicy stands in the pod's template of an MPIJob, and is not the role's.",
        "The operator overwrites it with the role's own, which is OnFailure for the launcher and Never for the "
        "workers by default.",
        _mpi(launcher="replicas: 1, template: {spec: {restartPolicy: Always}}"),
        _mpi(launcher="replicas: 1, restartPolicy: OnFailure"),
        rows.MPI_OPERATOR,
    ),
    _rule(
        "mpi-name",
        "error",
        "An MPIJob's name makes no host name for its last worker.",
        "The API takes it, and the operator starts no pod.",
        _mpi(name="1nccl"),
        _mpi(name="nccl"),
        rows.MPI_OPERATOR,
    ),
    _rule(
        "mpi-toleration",
        "warning",
        "The workers of an MPIJob tolerate a taint that the launcher does not.",
        "Where all nodes have the taint the launcher waits forever, and the workers hold their nodes.",
        _mpi(worker="replicas: 2, template: {spec: {tolerations: [{key: aws.amazon.com/efa, operator: Exists}]}}"),
        _mpi(
            worker="replicas: 2, template: {spec: {tolerations: [{key: aws.amazon.com/efa, operator: Exists}]}}",
            launcher="replicas: 1, template: {spec: {tolerations: [{key: aws.amazon.com/efa, operator: Exists}]}}",
        ),
        "https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/",
    ),
    _rule(
        "mpi-hosts",
        "warning",
        "The launcher of an MPIJob starts mpirun without a host file.",
        "The operator tells the hosts by variables that Open MPI 4 reads and 5 does not: 5 starts all ranks on the "
        "launcher, and ends with 0. An info where the workers ask for no EFA devices.",
        _launch('mpirun, -np, "16", all_reduce_perf'),
        _launch('mpirun, --hostfile, /etc/mpi/hostfile, -np, "16", all_reduce_perf'),
        rows.OPEN_MPI_5,
    ),
    _rule(
        "mpi-ranks",
        "warning",
        "mpirun is to start more ranks than the workers have slots.",
        "Open MPI refuses to start them.",
        _launch('mpirun, --hostfile, /etc/mpi/hostfile, -np, "32", all_reduce_perf'),
        _launch('mpirun, --hostfile, /etc/mpi/hostfile, -np, "16", all_reduce_perf'),
        "https://docs.open-mpi.org/en/v4.1.x/",
    ),
    _rule(
        "trainjob-resources",
        "warning",
        "resourcesPerNode of a TrainJob has GPUs and no EFA device.",
        "It takes the place of all that the runtime asks for, its EFA devices among them: TCP, without an error.",
        "apiVersion: trainer.kubeflow.org/v1alpha1\nkind: TrainJob\nspec:\n  trainer:\n"
        "    resourcesPerNode: {limits: {nvidia.com/gpu: 8}}\n",
        "apiVersion: trainer.kubeflow.org/v1alpha1\nkind: TrainJob\nspec:\n  trainer:\n"
        "    resourcesPerNode: {limits: {nvidia.com/gpu: 8, vpc.amazonaws.com/efa: 32}}\n",
        rows.RESOURCES_PER_NODE,
    ),
)
