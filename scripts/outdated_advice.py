"""Public advice on EFA that users still find, what is right today, what efakit does: docs/outdated-advice.md's rows.

Each row says by which checks a test (tests/house/test_outdated_advice.py) holds it to what efakit renders and says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from efakit.rules.registry import rule_of

GUIDE_SM = "SageMaker guide, Run Training with EFA"
GUIDE_SMDDP = "SageMaker guide, data parallel library"
GUIDE_EKS = "EKS guide, node-efa"
BLOG = "EFA Best Practices (2023)"
DSTACK = "dstack blog, EFA (2025)"
SAMPLES = "public samples"

_OFI = "https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/"
_ENV_DOC = _OFI + "doc/efa-env-var.md"
_PLATFORM = _OFI + "src/platform-aws.cpp"
_NOTES = _OFI + "RELEASENOTES.md"
_FI_EFA = "https://github.com/ofiwg/libfabric/blob/v2.6.0/man/fi_efa.7.md"
_CONTAINERS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-installer-containers.html"
_CHANGELOG = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html"
_NVCR = (
    "https://github.com/awslabs/awsome-distributed-ai/blob/main/2.ami_and_containers/containers/pytorch/"
    "0.nvcr-pytorch-aws.dockerfile"
)
_DLC = "https://github.com/aws/deep-learning-containers/blob/main/"
_EKS = "https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html"
_CHARTS = "https://github.com/aws/eks-charts/tree/master/stable/aws-efa-k8s-device-plugin"
_MPI_OPERATOR = "https://github.com/kubeflow/mpi-operator/issues/842"
_SMDDP = "https://docs.aws.amazon.com/sagemaker/latest/dg/data-parallel-release-notes.html"
_TOOLKIT = "https://github.com/aws/sagemaker-training-toolkit"
_DSTACK = "https://github.com/dstackai/dstack"
_TYPES = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html"
_PC = "https://docs.aws.amazon.com/parallelcluster/latest/ug/Scheduling-v3.html"
_KUBERNETES = "https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/"


class NotRendered(NamedTuple):
    """No rendered file has the text, comments aside."""

    text: str

    def __str__(self) -> str:
        return f"no rendered file has `{self.text}`"


class Rendered(NamedTuple):
    """A rendered file whose path ends so has the text."""

    file: str
    text: str

    def __str__(self) -> str:
        return f"`{self.file}` has `{self.text}`"


class RenderedBefore(NamedTuple):
    """A job for aws-ofi-nccl 1.14.2 has the text."""

    text: str

    def __str__(self) -> str:
        return f"a job for aws-ofi-nccl 1.14.2 has `{self.text}`"


class Found(NamedTuple):
    """A rule finds the advice, as a script, a Dockerfile, a config or a spec."""

    rule: str
    kind: str
    advice: str
    given: Mapping[str, Any] = {}

    def __str__(self) -> str:
        row = rule_of(self.rule)
        # Rules of variables stand in a table there, without headings.
        anchor = f"#{self.rule}" if row is not None and row.room.split()[0] not in ("variable", "stack") else ""
        return f"rule [`{self.rule}`](rules.md{anchor})"


class NoSuchType(NamedTuple):
    """The catalog knows no such instance type."""

    name: str

    def __str__(self) -> str:
        return f"the catalog has no {self.name}"


class TypeHas(NamedTuple):
    """The catalog says so of an instance type."""

    name: str
    field: str
    value: int

    def __str__(self) -> str:
        return f"catalog: {self.name}, {self.field} {self.value}"


Check = NotRendered | Rendered | RenderedBefore | Found | NoSuchType | TypeHas


class Advice(NamedTuple):
    """One statement, where it stands, what is right, what efakit does, on whose word, and what holds the row."""

    said: str
    where: str
    today: str
    efakit: str
    source: str
    checks: tuple[Check, ...] = ()


# The newest stack that efakit writes for, on a type with GPUs: on older ones some of these were right.
NEWEST = {"instance": "p5.48xlarge", "parallelcluster": "3.16.3", "nccl": "2.29.7"}


def _variable(line: str, where: str, rule: str, today: str, efakit: str, source: str, before: str = "") -> Advice:
    """Return a row about a line of a script; ``before``: what a job for an older plugin gets."""
    checks: tuple[Check, ...] = (
        NotRendered(f"{line.partition('=')[0]}="),
        Found(rule, "script", f"export {line}", NEWEST),
    )
    return Advice(f"`{line}`", where, today, efakit, source, (*checks, RenderedBefore(before)) if before else checks)


_ENVIRONMENT = (
    _variable(
        "FI_PROVIDER=efa",
        f"{BLOG}; {DSTACK}; {SAMPLES}",
        "fi-provider-redundant",
        "aws-ofi-nccl asks libfabric for EFA by itself from 1.6 on. For MPI, NVSHMEM and Neuron the variable still "
        "turns a missing "
        "EFA into an error.",
        "Jobs of NCCL get NCCL_NET=Libfabric, which makes a missing plugin an error; Neuron's jobs get FI_PROVIDER.",
        _ENV_DOC,
    ),
    _variable(
        "FI_EFA_USE_DEVICE_RDMA=1",
        f"{DSTACK}; {SAMPLES}",
        "fi-efa-use-device-rdma-redundant",
        "On wherever the hardware reads by RDMA, with libfabric 1.18 and aws-ofi-nccl 1.7. It aborts on types that "
        "cannot (p3dn, "
        "g4dn, g5, c5n).",
        "Not set for NCCL.",
        _ENV_DOC,
    ),
    _variable(
        "FI_EFA_FORK_SAFE=1",
        SAMPLES,
        "fi-efa-fork-safe-by-plugin",
        "The plugin sets it, and kernels from 5.13 on need none.",
        "Not set.",
        _ENV_DOC,
    ),
    _variable(
        "RDMAV_FORK_SAFE=1",
        f"{GUIDE_SMDDP}; {SAMPLES}",
        "rdmav-fork-safe",
        "It acts below libfabric, which has had FI_EFA_FORK_SAFE since 1.13.",
        "Not set.",
        _ENV_DOC,
    ),
    _variable(
        "FI_EFA_USE_HUGE_PAGE=0",
        f"{DSTACK}; {SAMPLES}",
        "fi-efa-use-huge-page-off",
        'Right only where fork() or a DataLoader fails with "Cannot allocate memory".',
        "Not set; say it in a job's `env` where you need it.",
        _FI_EFA,
    ),
    _variable(
        "FI_EFA_SET_CUDA_SYNC_MEMOPS=0",
        SAMPLES,
        "fi-efa-set-cuda-sync-memops-removed",
        "libfabric has not read it since 1.19.1.",
        "Not set.",
        _FI_EFA,
    ),
    _variable(
        "FI_EFA_ENABLE_SHM_TRANSFER=1",
        SAMPLES,
        "fi-efa-enable-shm-transfer-default",
        "The default since libfabric 1.9, and NCCL does not use it.",
        "Not set.",
        _FI_EFA,
    ),
    _variable(
        "FI_LOG_LEVEL=1", SAMPLES, "fi-log-level", "1 is no level: warn, trace, info, debug.", "Not set.", _FI_EFA
    ),
    _variable(
        "NCCL_BUFFSIZE=8388608",
        f"{GUIDE_EKS}; {SAMPLES}",
        "nccl-buffsize-set-by-plugin",
        "From 1.16.0 on aws-ofi-nccl sets the value for each type; an own one freezes an old tuning.",
        "Set for plugins before 1.16.0 alone.",
        _PLATFORM,
        "export NCCL_BUFFSIZE=8388608",
    ),
    _variable(
        "NCCL_P2P_NET_CHUNKSIZE=524288",
        f"{GUIDE_EKS}; {SAMPLES}",
        "nccl-p2p-net-chunksize-set-by-plugin",
        "As NCCL_BUFFSIZE; 1 and 2 MiB, which samples have too, are not the vendor's value.",
        "Set for plugins before 1.16.0 alone.",
        _PLATFORM,
        "export NCCL_P2P_NET_CHUNKSIZE=524288",
    ),
    _variable(
        "NCCL_TUNER_PLUGIN=/opt/aws-ofi-nccl/install/lib/libnccl-ofi-tuner.so",
        f"{GUIDE_EKS}; {SAMPLES}",
        "nccl-tuner-plugin-set-by-plugin",
        "The plugin names the file that it was loaded from. The folder is one of older images.",
        "Not set.",
        _PLATFORM,
    ),
    _variable(
        "NCCL_TOPO_FILE=/opt/amazon/efa/share/aws-ofi-nccl/xml/p4d-24xl-topo.xml",
        DSTACK,
        "nccl-topo-file",
        "The plugin has a topology for each type, and makes one from 1.11 on. p4d's is wrong on the p5 that the same "
        "page asks for.",
        "Not set.",
        _PLATFORM,
    ),
    _variable(
        "NCCL_PROTO=simple",
        SAMPLES,
        "nccl-proto",
        "It takes LL and LL128 away, from which p5 and later gain.",
        "Not set.",
        _NOTES,
    ),
    _variable(
        "NCCL_ALGO=ring",
        SAMPLES,
        "nccl-algo",
        "It takes the choice from NCCL and the plugin's tuner.",
        "Not set.",
        _NOTES,
    ),
    _variable(
        "NCCL_SOCKET_IFNAME=eth0",
        f"{SAMPLES}; SageMaker's training toolkit",
        "nccl-socket-ifname-fixed",
        "The name is another one on Ubuntu (ens5, enp...). It chooses the interface for the start alone, never EFA.",
        "Not set: NCCL leaves lo and docker0 out by itself.",
        "https://github.com/aws-samples/awsome-distributed-training/issues/168",
    ),
    _variable(
        "NCCL_SOCKET_IFNAME=^docker,lo,veth,eth",
        SAMPLES,
        "nccl-socket-ifname-excludes-eth",
        "It leaves no interface where the node's own is eth0, as on Amazon Linux 2 and in containers.",
        "Not set.",
        "https://github.com/aws-samples/awsome-distributed-training/issues/519",
    ),
    _variable(
        "NCCL_ASYNC_ERROR_HANDLING=1",
        SAMPLES,
        "nccl-async-error-handling",
        "PyTorch's old name of TORCH_NCCL_ASYNC_ERROR_HANDLING, whose default is on.",
        "Not set.",
        "https://docs.pytorch.org/docs/stable/torch_nccl_environment_variables.html",
    ),
    _variable(
        "NCCL_MIN_CHANNELS=8",
        "AWS's two cheat sheets",
        "nccl-min-channels",
        "NCCL has no such variable: NCCL_MIN_NCHANNELS, later NCCL_MIN_CTAS.",
        "Not set.",
        "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html",
    ),
    _variable(
        "NCCL_IB_DISABLE=1",
        SAMPLES,
        "nccl-not-for-efa",
        "It speaks of InfiniBand's verbs, not of EFA.",
        "Not set.",
        _ENV_DOC,
    ),
    _variable("NCCL_TIMEOUT=1800", SAMPLES, "nccl-timeout", "NCCL reads no such variable.", "Not set.", _ENV_DOC),
    _variable(
        "LD_PRELOAD=/opt/nccl/build/lib/libnccl.so",
        SAMPLES,
        "preload-fixed-nccl",
        "It gives PyTorch a NCCL that it was not built for, in every program, by a path of one image.",
        "Not set.",
        _NVCR,
    ),
    Advice(
        "`LD_LIBRARY_PATH=/opt/aws-ofi-nccl/lib` and `/opt/aws-ofi-nccl/install/lib`",
        f"{GUIDE_EKS}; {DSTACK}; {SAMPLES}",
        "Installers from 1.38 on put the plugin into /opt/amazon/ofi-nccl and tell the loader.",
        "Not set.",
        "https://github.com/aws/aws-ofi-nccl/issues/803",
        (
            NotRendered("/opt/aws-ofi-nccl"),
            Found(
                "ld-library-path-old-plugin",
                "script",
                "export LD_LIBRARY_PATH=/opt/aws-ofi-nccl/install/lib:$LD_LIBRARY_PATH",
                NEWEST,
            ),
        ),
    ),
    Advice(
        '"Minimally it needs FI_PROVIDER=efa"',
        BLOG,
        "Nothing is needed with a new stack; NCCL_NET=Libfabric (plugin 1.12 and later) makes the silent fallback to "
        "TCP an error.",
        "NCCL_NET=Libfabric in every job of NCCL.",
        "https://github.com/aws/aws-ofi-nccl/commit/7c014f0d",
        (Rendered("p5/train.sbatch", "export NCCL_NET=Libfabric"), NotRendered("FI_PROVIDER=")),
    ),
)

_CLUSTER = (
    Advice(
        "`p5.96xlarge`",
        BLOG,
        "There is no such size: p5.48xlarge, p5.4xlarge.",
        "A type that EC2 does not have is refused, with the nearest names.",
        _TYPES,
        (NoSuchType("p5.96xlarge"),),
    ),
    Advice("`p4d.48xlarge`", BLOG, "p4d has one size, 24xlarge.", "Refused.", _TYPES, (NoSuchType("p4d.48xlarge"),)),
    Advice(
        "trn1.32xlarge: 1,600 Gbps",
        BLOG,
        "800 Gbps (8 EFAs of 100); 1,600 is trn1n.32xlarge.",
        "`efakit explain --instance` says the number.",
        _TYPES,
        (TypeHas("trn1.32xlarge", "bandwidth_gbps", 800), TypeHas("trn1n.32xlarge", "bandwidth_gbps", 1600)),
    ),
    Advice(
        '"AWS EFA delivers up to 400 Gbps"',
        DSTACK,
        "That is p4d; p5 has 3,200.",
        "`efakit explain --instance` says the number.",
        _TYPES,
        (TypeHas("p4d.24xlarge", "bandwidth_gbps", 400), TypeHas("p5.48xlarge", "bandwidth_gbps", 3200)),
    ),
    Advice(
        "`Efa: {Enabled: true}` and `PlacementGroup: {Enabled: true}`, shown without their place",
        BLOG,
        "Efa belongs to a compute resource, PlacementGroup to a queue's Networking. A Capacity Block has no "
        "placement group.",
        "Both at their places, and a reason for each in DECISIONS.md.",
        _PC,
        (
            Rendered("p5.cluster.yaml", "PlacementGroup:"),
            Found("unknown-key", "config", "{Efa: {Enabled: true}}"),
            Found("unknown-key", "config", "{PlacementGroup: {Enabled: true}}"),
        ),
    ),
    Advice(
        "`Efa: {GdrSupport: true}`",
        "older ParallelCluster guides",
        "It has no effect in ParallelCluster 3; the type decides.",
        "Not written.",
        _PC,
        (NotRendered("GdrSupport"), Found("gdr-support", "resource", "{Efa: {Enabled: true, GdrSupport: true}}")),
    ),
    Advice(
        "`cat .../hw_counters/tx_pkts` to see whether EFA works; `efa_0/hw_counters` on CentOS",
        BLOG,
        "The counters lie in ports/1/hw_counters of each device. They count all jobs since boot: what one job sent "
        "is a difference.",
        "The hooks take the difference around each job, and `efakit report` says what travelled how.",
        "https://github.com/amzn/amzn-drivers/tree/master/kernel/linux/efa",
    ),
)

_OLD_INSTALLER = "RUN curl -O https://efa-installer.amazonaws.com/aws-efa-installer-{}.tar.gz"
_SWALLOWED = """FROM my/base
RUN ./efa_installer.sh -y --skip-kmod -g \\

ENV PATH="$OPEN_MPI_PATH/bin:$PATH"
"""
_CONTAINER = (
    Advice(
        "`--no-kmod`",
        f"{BLOG} (its text; its code has `--skip-kmod`)",
        "There is no such option: `--skip-kmod`. Without it a build fails.",
        "`--skip-kmod` in every image.",
        _NVCR,
        (
            Rendered("slurm/Dockerfile", "--skip-kmod"),
            Found("image-kernel-module", "dockerfile", "FROM my/base\nRUN ./efa_installer.sh -y --no-kmod"),
        ),
    ),
    Advice(
        "`./efa_installer.sh -y --skip-kmod -g \\`, an empty line, `ENV PATH=...`",
        GUIDE_SM,
        "The backslash swallows the ENV: the variable is never set, and the installer gets it as words.",
        "No empty line within an instruction; whole values. `docker build --check` says it too.",
        "https://docs.docker.com/reference/build-checks/no-empty-continuation/",
        (
            Rendered("slurm/Dockerfile", "ENV PATH=/opt/amazon/openmpi/bin"),
            Found("instruction-swallowed", "dockerfile", _SWALLOWED),
        ),
    ),
    Advice(
        "`./efa_installer.sh -y --skip-kmod -g`",
        f"{GUIDE_SM}; {GUIDE_SMDDP}",
        "`-y --skip-kmod --skip-limit-conf --no-verify`; on images of CUDA from 1.48 on also `--disable-ngc "
        "--disable-build-ngc`.",
        "These options, by the installer's release.",
        _CONTAINERS,
        (
            Rendered("slurm/Dockerfile", "--skip-limit-conf --no-verify --disable-ngc --disable-build-ngc"),
            Found("image-self-test", "dockerfile", "FROM my/base\nRUN ./efa_installer.sh -y --skip-kmod -g"),
            Found(
                "image-taken-for-ngc",
                "dockerfile",
                "FROM nvidia/cuda:13.0.2-devel-ubuntu24.04\n"
                f"{_OLD_INSTALLER.format('1.51.0')} && ./efa_installer.sh -y --skip-kmod --no-verify",
            ),
        ),
    ),
    *(
        Advice(
            f"EFA installer {version}",
            where,
            "1.51.0 is of October 2026. Releases before 1.38 bring no aws-ofi-nccl; p5e and later types are not "
            "known before 1.34.",
            "The newest known, or the spec's.",
            _CHANGELOG,
            (
                Rendered("slurm/Dockerfile", "aws-efa-installer-1.51.0.tar.gz"),
                Found("image-installer-old", "dockerfile", f"FROM my/base\n{_OLD_INSTALLER.format(version)}"),
            ),
        )
        for version, where in (
            ("1.11.2", GUIDE_SM),
            ("1.14.1", GUIDE_SMDDP),
            ("1.26.1", f"{BLOG} (least version)"),
            ("1.28.0", f"{BLOG} (code)"),
        )
    ),
    Advice(
        "NCCL 2.7.8 and 2.10.3 built in the image",
        f"{GUIDE_SM}; {GUIDE_SMDDP}",
        "The NCCL that PyTorch's wheel asks for: of torch 2.14.1 it is 2.30.7. aws-ofi-nccl 1.13 and later need "
        "2.17.1.",
        "PyTorch's own, and nccl-tests are built with it.",
        "https://pypi.org/project/torch/",
        (
            Rendered("slurm/Dockerfile", "NCCL_HOME=/opt/nccl"),
            NotRendered("NVIDIA/nccl.git"),
            Found(
                "image-nccl-not-pytorchs",
                "dockerfile",
                "FROM my/base\nRUN pip install torch==2.14.1\n"
                "RUN git clone https://github.com/NVIDIA/nccl.git -b v2.7.8-1",
            ),
            Found(
                "software-risky",
                "dockerfile",
                "FROM my/base\nRUN git clone https://github.com/NVIDIA/nccl.git -b v2.10.3-1\n"
                "RUN git clone -b v1.21.1 https://github.com/aws/aws-ofi-nccl.git",
            ),
        ),
    ),
    Advice(
        "Build aws-ofi-nccl from source",
        f"{GUIDE_SM}; {GUIDE_SMDDP}; {SAMPLES}",
        "Installers from 1.38 on bring it. Two plugins in one image make the loader's order decide.",
        "The installer's plugin alone.",
        "https://github.com/awslabs/awsome-distributed-ai/pull/861",
        (
            NotRendered("aws-ofi-nccl.git"),
            Found(
                "image-plugin-twice",
                "dockerfile",
                f"FROM my/base\n{_OLD_INSTALLER.format('1.47.0')} && ./efa_installer.sh -y --skip-kmod --no-verify\n"
                "RUN git clone https://github.com/aws/aws-ofi-nccl.git -b v1.14.0 && ./configure --prefix=/usr/local "
                "--with-libfabric=/opt/amazon/efa",
            ),
        ),
    ),
    Advice(
        "`ENV LD_LIBRARY_PATH=...:$LD_LIBRARY_PATH` on a base that has none",
        f"{GUIDE_SM}; {GUIDE_SMDDP}; {SAMPLES}",
        "The list then ends with a colon, and the loader searches the current folder. Write whole values.",
        "No LD_LIBRARY_PATH: the loader is told by a file.",
        "https://man7.org/linux/man-pages/man8/ld.so.8.html",
        (
            NotRendered("LD_LIBRARY_PATH="),
            Rendered("slurm/Dockerfile", "/etc/ld.so.conf.d/000_efa.conf"),
            Found(
                "image-variable-undefined",
                "dockerfile",
                "FROM ubuntu:24.04\nENV LD_LIBRARY_PATH=/opt/amazon/openmpi/lib/:$LD_LIBRARY_PATH",
            ),
        ),
    ),
    Advice(
        "The plugin's folder `/opt/amazon/ofi-nccl/lib/x86_64-linux-gnu`",
        SAMPLES,
        "From installer 1.44 on `/opt/amazon/ofi-nccl/lib` on Ubuntu.",
        "The folder that goes with the installer's release.",
        _DLC + "scripts/docker/common/install_efa.sh",
        (
            Rendered("slurm/Dockerfile", '"/opt/amazon/ofi-nccl/lib/libnccl-net-ofi.so"'),
            Found(
                "image-plugin-folder",
                "dockerfile",
                f"FROM ubuntu:24.04\n{_OLD_INSTALLER.format('1.47.0')} && ./efa_installer.sh -y --skip-kmod\n"
                "ENV LD_LIBRARY_PATH=/opt/amazon/ofi-nccl/lib/x86_64-linux-gnu",
            ),
        ),
    ),
    Advice(
        "`FROM nvidia/cuda:...-ubuntu20.04`",
        f"{GUIDE_SMDDP}; {SAMPLES}",
        "The EFA installer dropped Ubuntu 20.04 with 1.43.0, Amazon Linux 2 with 1.50.0, Debian 11 with 1.51.0.",
        "Ubuntu 24.04, or 22.04 for older CUDA.",
        _CHANGELOG,
        (
            NotRendered("ubuntu20.04"),
            Found(
                "image-system-dropped",
                "dockerfile",
                f"FROM nvidia/cuda:11.3.1-cudnn8-devel-ubuntu20.04\n{_OLD_INSTALLER.format('1.51.0')}",
            ),
        ),
    ),
    Advice(
        "An image of NGC's brings aws-ofi-nccl",
        "reports of 2025",
        "Newer ones do not, and set NCCL_NET_PLUGIN=spcx: install the plugin and set NCCL_NET_PLUGIN=ofi.",
        "Found in Dockerfiles of images from 26.07 on.",
        "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/5033",
        (
            Found(
                "image-net-plugin-of-base",
                "dockerfile",
                "FROM nvcr.io/nvidia/pytorch:26.08-py3\nRUN ./efa_installer.sh -y --skip-kmod --no-verify",
            ),
        ),
    ),
)

_POD = """apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  nodeSelector: {node.kubernetes.io/instance-type: p5.48xlarge}
  containers:
    - name: train
      image: my/image:1
      %s
"""


def _example(rule: str) -> str:
    """Return the wrong example of a rule, which is the advice."""
    row = rule_of(rule)
    return row.wrong if row is not None else ""


_GROUPS = """apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: {name: my-cluster, region: %s, version: "%s"}
availabilityZones: [us-west-2a, us-west-2c]
managedNodeGroups:
  - {name: efa, instanceType: %s, availabilityZones: [us-west-2a], efaEnabled: true}
"""
_EKS_ROWS = (
    Advice(
        '`hugepages-2Mi: 5210Mi`, four EFAs, 8000Mi of memory as "all the resources of a p5.48xlarge"',
        f"{GUIDE_EKS} (text; its manifest has 5120Mi, 32 and 32000Mi)",
        "A p5.48xlarge has 32 EFAs and 2 TiB; 5120Mi of huge pages fit every node that has EKS's 5128 pages.",
        "All EFAs of the type, 5120Mi, and most of the node's memory.",
        _EKS,
        (
            TypeHas("p5.48xlarge", "efa_interfaces", 32),
            Rendered("eks/train.job.yaml", "vpc.amazonaws.com/efa: 32"),
            Rendered("eks/train.job.yaml", "hugepages-2Mi: 5120Mi"),
            NotRendered("5210Mi"),
        ),
    ),
    Advice(
        "`value: $PATH:/opt/amazon/efa/bin`, `LD_LIBRARY_PATH: ...:$LD_LIBRARY_PATH` in a pod's env",
        GUIDE_EKS,
        "Kubernetes fills in `$(NAME)` alone, and only what stands above: the text stays, and mpirun hands it on.",
        "A job's script exports what it needs; paths are the image's.",
        _KUBERNETES,
        (
            Found("pod-variable", "manifest", _POD % 'env: [{name: PATH, value: "$PATH:/opt/amazon/efa/bin"}]'),
            NotRendered("value: $PATH"),
        ),
    ),
    Advice(
        '`version: "1.XX"`, `region: region-code` with zones of us-west-2',
        GUIDE_EKS,
        "eksctl's schema takes both; the cluster cannot be made.",
        "A version that eksctl knows, and the spec's region.",
        _EKS,
        (
            Found("eksctl-version", "manifest", _GROUPS % ("us-west-2", "1.XX", "p5.48xlarge")),
            Found("eksctl-region", "manifest", _GROUPS % ("region-code", "1.34", "p5.48xlarge")),
            Rendered("eks/cluster.yaml", "region: us-west-2"),
        ),
    ),
    Advice(
        "`helm install aws-efa-k8s-device-plugin` after eksctl's `efaEnabled: true`",
        GUIDE_EKS,
        "eksctl has installed a DaemonSet of that name (0.5.4, which does not know p6), which Helm does not own. The "
        "chart tolerates no taint by default. The EFA DRA driver is preferred for new clusters from 1.34 on.",
        "The README takes eksctl's away first; the chart's values have the tolerations.",
        _CHARTS,
        (
            Rendered("eks/values-efa-device-plugin.yaml", "tolerations:"),
            Rendered("eks/README.md", "kubectl delete daemonset aws-efa-k8s-device-plugin"),
        ),
    ),
    Advice(
        "restartPolicy in the launcher's pod template",
        GUIDE_EKS,
        "The MPI operator overwrites it by the replica's own.",
        "restartPolicy stands in the replica.",
        "https://github.com/kubeflow/mpi-operator",
        (Rendered("eks/all-reduce.job.yaml", "      restartPolicy: Never\n      template:"),),
    ),
    Advice(
        "Any Open MPI in an MPIJob",
        "MPIJob examples",
        "Open MPI 5 ignores what the operator sets, runs on the launcher alone and ends with 0: Open MPI 4 and "
        "--hostfile.",
        "Open MPI 4 of the EFA installer, with --hostfile.",
        _MPI_OPERATOR,
        (Rendered("eks/all-reduce.job.yaml", "/opt/amazon/openmpi/bin/mpirun --allow-run-as-root --hostfile"),),
    ),
    Advice(
        "`vpc.amazonaws.com/efa: 1`, or none and FI_PROVIDER=efa",
        "skypilot #10055, hyperpod-cli #306 and PR #318",
        "All EFAs of the type, as request and limit; with none the pod uses TCP without an error.",
        "The type's count, and NCCL_NET=Libfabric, which makes it an error.",
        "https://github.com/skypilot-org/skypilot/issues/10055",
        (
            Found("pod-few", "manifest", _example("pod-few")),
            Found("pod-without-efa", "manifest", _example("pod-without-efa")),
            Rendered("eks/train.job.yaml", "export NCCL_NET=Libfabric"),
        ),
    ),
    Advice(
        "eksctl `efaEnabled: true` for p6-b300",
        "eksctl",
        "eksctl asks for an EFA on each of its 17 cards; 16 have one. A launch template of your own is needed.",
        "A launch template by CloudFormation for such types.",
        "https://github.com/eksctl-io/eksctl/pull/8692",
        (
            Found("eksctl-efa-count", "manifest", _GROUPS % ("us-west-2", "1.34", "p6-b300.48xlarge")),
            TypeHas("p6-b300.48xlarge", "efa_interfaces", 16),
            TypeHas("p6-b300.48xlarge", "network_cards", 17),
        ),
    ),
)

_DSTACK_ROWS = (
    Advice(
        "`--num_processes $DSTACK_NODES_NUM`",
        DSTACK,
        "The number of all ranks: nodes times GPUs. With the number of nodes a task of 2 nodes starts 2 of 16.",
        "accelerate gets nodes times GPUs.",
        _DSTACK,
        (Rendered("dstack/train.sh", '--num_processes "$((DSTACK_NODES_NUM * 8))"'),),
    ),
    Advice(
        "`LD_LIBRARY_PATH=...:$LD_LIBRARY_PATH` under env",
        DSTACK,
        "dstack fills nothing in there: the text stays, and the image's own value is lost.",
        "No env; the task's script exports what is needed.",
        _DSTACK,
        (NotRendered("LD_LIBRARY_PATH="),),
    ),
    Advice(
        "`os_images.nvidia.name: Deep Learning Base OSS ... 20241115`",
        DSTACK,
        "dstack takes the newest of these images by itself.",
        "No os_images.",
        _DSTACK,
        (NotRendered("os_images"), NotRendered("20241115")),
    ),
    Advice(
        "`gpu: H100:8` in a fleet that names no backend",
        DSTACK,
        "Any backend with H100 may be taken; a type of AWS needs `backends: [aws]` and instance_types.",
        "Backend, region and instance type by name.",
        _DSTACK,
        (Rendered("gpu-p5.fleet.dstack.yml", "- p5.48xlarge"), Rendered("gpu-p5.fleet.dstack.yml", "- aws")),
    ),
    Advice(
        "`pip install requirements.txt`",
        DSTACK,
        "-r is missing: pip looks for a package of that name.",
        "Left to the job's `setup`.",
        "https://pip.pypa.io/en/stable/cli/pip_install/",
        (NotRendered("pip install requirements.txt"),),
    ),
    Advice(
        '`public_ips: false` "is needed" for p4 and p5',
        DSTACK,
        "Needed before dstack attached an Elastic IP to machines with several interfaces.",
        "false by default, with the reason; the spec may say true.",
        _DSTACK,
        (Rendered("dstack/server-config.yml", "public_ips: false"),),
    ),
    Advice(
        "dstack's image has EFA",
        DSTACK,
        "On 15 patterns of instance types only, none of them trn, hpc or c types; an own image must bring EFA itself.",
        "A job on another type is left out, with the reason, unless it names an image.",
        _DSTACK,
        (Rendered("dstack/train.dstack.yml", "python: '3.12'"),),
    ),
)

_ON_P5 = """
cluster: {queues: [{name: gpu, compute_resources: [{name: n, instance: p5.48xlarge, nodes: 2}]}]}
sagemaker: {smddp: true, pytorch: "2.0.1", source: ../..}
jobs:
  - {name: train, template: torchrun, script: train.py}
"""
_TENSORFLOW = """
cluster: {queues: [{name: gpu, compute_resources: [{name: n, instance: p4d.24xlarge, nodes: 2}]}]}
sagemaker:
  {smddp: true, pytorch: "2.0.1", source: ../.., image: 1.dkr.ecr.us-east-1.amazonaws.com/tensorflow-training:2.9.1}
jobs:
  - {name: train, template: torchrun, script: train.py}
"""
_SAGEMAKER_ROWS = (
    Advice(
        '`distribution={"smdistributed": {"dataparallel": {"enabled": True}}}`',
        GUIDE_SMDDP,
        "SMDDP ended with 2.5.0 (October 2024): PyTorch up to 2.4.1, on p4d and p4de. On p5 the SDK refuses it; on "
        "p5e and later it takes it, "
        "and it does not work.",
        "Refused in a spec where it does not exist, with what to use; found in Dockerfiles.",
        _SMDDP,
        (
            Found("sagemaker-smddp", "spec", _ON_P5),
            Found(
                "image-smddp",
                "dockerfile",
                "FROM my/base\nARG B=https://smdataparallel.s3.amazonaws.com/binary/pytorch/1.10.2/x.whl\n"
                "RUN SMDATAPARALLEL_PT=1 pip install --no-cache-dir ${B}",
            ),
        ),
    ),
    Advice(
        '`instance_type="ml.p3.16xlarge"`',
        GUIDE_SMDDP,
        "p3.16xlarge has no EFA, and SMDDP dropped p3.",
        "`efakit explain --instance` says which types have EFA.",
        _SMDDP,
        (NoSuchType("p3.16xlarge"),),
    ),
    Advice(
        'TensorFlow with SMDDP (`framework_version="2.9.1"`)',
        GUIDE_SMDDP,
        "Ended with TensorFlow 2.11.0; the SDK refuses 2.9.1.",
        "No template for it, and refused in a spec. TensorFlow's own MultiWorkerMirroredStrategy runs on NCCL.",
        _SMDDP,
        (Found("sagemaker-smddp", "spec", _TENSORFLOW),),
    ),
    Advice(
        '`base_job_name="training_job_name_prefix"`',
        GUIDE_SMDDP,
        "A job's name has letters, digits and hyphens; the SDK takes the underscore, the service does not.",
        "A name that the service takes, made from the job's.",
        "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html",
        (Rendered("sagemaker/all-reduce.request.json", '"TrainingJobName": "all-reduce"'),),
    ),
    Advice(
        "`Estimator(image_uri=..., distribution=...)`",
        "SDK examples",
        "The generic class drops `distribution` without a word: use PyTorch(image_uri=...), or version 3 with a "
        "command.",
        "Version 3 with a command, or PyTorch(image_uri=...).",
        "https://github.com/aws/sagemaker-python-sdk",
        (NotRendered("Estimator("), Rendered("sagemaker/train.sagemaker.py", "ModelTrainer(")),
    ),
    Advice(
        "`torch_distributed` on p5 and later",
        "SDK examples",
        "The toolkit forces NCCL_PROTO=simple and NCCL_SOCKET_IFNAME=eth0 onto the job. Version 3 of the SDK with a "
        "command leaves the "
        "environment alone.",
        "Version 3 with a command; found in scripts.",
        _TOOLKIT,
        (
            NotRendered("torch_distributed"),
            Rendered("sagemaker/train.sagemaker.py", 'command="bash train.sagemaker.sh"'),
            Found("nccl-proto", "script", "export NCCL_PROTO=simple", NEWEST),
        ),
    ),
    Advice(
        "One device, /dev/infiniband/uverbs0; four on p4d",
        GUIDE_SM,
        "As many as the type has EFAs: 4 on p4d, 32 on p5.48xlarge.",
        "The hooks, the tasks of dstack and SageMaker's training jobs count the devices before a job.",
        _CONTAINERS,
        (
            TypeHas("p4d.24xlarge", "efa_interfaces", 4),
            Rendered("dstack/train.sh", "-lt 32 ]"),
            Rendered("sagemaker/train.sagemaker.sh", "-lt 32 ]"),
        ),
    ),
)

SECTIONS = (
    ("Environment of a job", _ENVIRONMENT),
    ("Instance types and clusters", _CLUSTER),
    ("Container images", _CONTAINER),
    ("EKS", _EKS_ROWS),
    ("dstack", _DSTACK_ROWS),
    ("SageMaker", _SAGEMAKER_ROWS),
)

_HEAD = """\
# Outdated advice

<!-- Made by python -m scripts.renew_golden from scripts/outdated_advice.py: do not edit. -->

What public pages and samples on EFA still say, what is right with the software of today, and what efakit does. The
last column says what a test holds the row to: a text that no rendered file has, or that one has; a rule that finds
the advice in a script, a config or a Dockerfile; a number of the catalog. "-" in the fourth column: efakit writes
nothing there.

Right "today" means ParallelCluster 3.16.3 with EFA installer 1.51.0. With older releases some of this advice is still
right, and `efakit explain --variable NAME` says with which; `efakit lint` asks the same rows.

Where it stands: the SageMaker guide's pages *Run Training with EFA* and *SageMaker data parallel library*, the EKS
guide's page *node-efa*, the blog post *EFA Best Practices* of December 2023, dstack's blog post on EFA of February
2025, and public samples (awsome-distributed-training, aws-do-eks and others)."""


def document() -> str:
    """Return docs/outdated-advice.md."""
    lines = [_HEAD.rstrip()]
    for title, rows in SECTIONS:
        lines += ["", f"## {title}", ""]
        lines += ["| advice | where | today | efakit | source | held by |", "|---|---|---|---|---|---|"]
        lines += [_row(row) for row in rows]
    return "\n".join(lines) + "\n"


def _row(row: Advice) -> str:
    held = "; ".join(dict.fromkeys(map(str, row.checks))) or "not held by a test yet"
    cells = (row.said, row.where, row.today, row.efakit, f"[source]({row.source})", held)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
