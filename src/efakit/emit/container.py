"""Target container: a Dockerfile for each flavour, with what it copies and how it is built."""

from __future__ import annotations

from efakit.catalog import images
from efakit.emit.registry import File, target
from efakit.emit.resources import package_file
from efakit.emit.shell import quote
from efakit.plan.container import ContainerPlan, flavour_name
from efakit.plan.plan import Plan

_VENV = "/opt/venv"
_NCCL = "/opt/nccl"
# No cache of apt's: buildah 1.28 (Debian 12) waits for ever where two steps lock the same one.
_APT_ENDS = "rm -rf /var/lib/apt/lists/*"
_PIP_CACHE = "--mount=type=cache,target=/root/.cache/pip"
# Distributions take old releases of their packages away, so that a pinned one cannot be built a month later.
_UNPINNED = "# hadolint ignore=DL3008"
_BASE_PACKAGES = ("ca-certificates", "curl", "gnupg", "python3", "python3-venv")


@target("container")
def emit_container(plan: Plan) -> list[File]:
    """Return the files below container/FLAVOUR/."""
    section = plan.section(ContainerPlan)
    if section is None:
        return []
    verify = package_file("emit", "verify-efa.sh").read_bytes()
    files = []
    for flavour in section.image.flavours:
        folder = f"container/{flavour}"
        files += [
            File(f"{folder}/Dockerfile", dockerfile(section, flavour).encode()),
            File(f"{folder}/.dockerignore", b"# Only what the Dockerfile copies.\n*\n!verify-efa.sh\n"),
            File(f"{folder}/verify-efa.sh", verify, executable=True),
            File(f"{folder}/build.sh", _build(section, flavour).encode(), executable=True),
        ]
    return [*files, File("container/README.md", _readme(section).encode())]


def dockerfile(plan: ContainerPlan, flavour: str) -> str:
    """Return a flavour's Dockerfile."""
    parts = [
        f"# {_title(plan)} for {flavour_name(flavour)}. Written by efakit; DECISIONS.md has the reasons and sources.",
        _efa(plan),
    ]
    if plan.compiler:
        parts += [_pytorch(plan), _tests(plan)]
    return "\n\n".join([*parts, _last(plan, flavour)]) + "\n"


def _title(plan: ContainerPlan) -> str:
    what = f"PyTorch {plan.image.pytorch} with" if plan.compiler else "MPI programs with"
    return f"{what} EFA installer {plan.image.installer}"


def _efa(plan: ContainerPlan) -> str:
    tarball = f"aws-efa-installer-{plan.image.installer}.tar.gz"
    address = "https://efa-installer.amazonaws.com"
    steps = [
        "apt-get update",
        f"apt-get install -y --no-install-recommends {' '.join(_BASE_PACKAGES)}",
        *(f"curl -fsSLO {address}/{name}" for name in (tarball, f"{tarball}.sig", "aws-efa-installer.key")),
        "gpg --batch --import aws-efa-installer.key",
        f"gpg --batch --status-fd 1 --verify {tarball}.sig {tarball} | grep 'VALIDSIG .*{images.KEY_FINGERPRINT}'",
        f"tar -xzf {tarball} --strip-components=1",
        f"./efa_installer.sh {' '.join(plan.installer_options)}",
        "rm -rf /tmp/efa/* /root/.gnupg",
    ]
    if plan.plugin_file:
        folder = plan.plugin_file.rpartition("/")[0]
        steps += [f"test -e {plan.plugin_file}", f"echo {folder} >/etc/ld.so.conf.d/aws-ofi-nccl.conf"]
        # The plugin opens libcudart.so, and NVIDIA's images have the name with the number only.
        number = f"libcudart.so.{str(plan.cuda).partition('.')[0]}"
        steps += [
            f"cudart=$(ldconfig -p | sed -n 's/.*{number} .*=> //p')",
            "ln -sf \"${cudart%%$'\\n'*}\" /usr/local/lib/libcudart.so",
            "test -e /usr/local/lib/libcudart.so",
        ]
    lines = [
        "# The EFA software. Its kernel module is the host's.",
        f"FROM {plan.runtime} AS efa",
        'SHELL ["/bin/bash", "-euo", "pipefail", "-c"]',
        "ENV DEBIAN_FRONTEND=noninteractive",
        "WORKDIR /tmp/efa",
        _UNPINNED,
        _run([*steps, "ldconfig", _APT_ENDS]),
        "ENV PATH=/opt/amazon/openmpi/bin:/opt/amazon/efa/bin:$PATH",
    ]
    return "\n".join(lines)


def _pytorch(plan: ContainerPlan) -> str:
    packages = [f"torch=={plan.image.pytorch}", *plan.image.packages]
    steps = [
        f"python3 -m venv {_VENV}",
        f"{_VENV}/bin/pip install {' '.join(map(quote, packages))}",
        # The wheel has the library by its number only, and linkers want the plain name.
        f'ln -s "$(echo {_VENV}/lib/python3*/site-packages/nvidia/nccl)" {_NCCL}',
        f"ln -sf libnccl.so.2 {_NCCL}/lib/libnccl.so",
    ]
    lines = [
        f"# PyTorch, with NCCL {plan.nccl} of its own.",
        "FROM efa AS pytorch",
        _run(steps, (_PIP_CACHE,)),
        f"ENV PATH={_VENV}/bin:$PATH",
    ]
    return "\n".join(lines)


def _tests(plan: ContainerPlan) -> str:
    lines = [
        "# nccl-tests, on PyTorch's NCCL. Only this stage has a compiler.",
        f"FROM {plan.compiler} AS tests",
        'SHELL ["/bin/bash", "-euo", "pipefail", "-c"]',
        "WORKDIR /opt/nccl-tests",
        _UNPINNED,
        _run(["apt-get update", "apt-get install -y --no-install-recommends git make g++", _APT_ENDS]),
        "COPY --from=pytorch /opt/amazon /opt/amazon",
        f"COPY --from=pytorch {_NCCL}/ {_NCCL}/",
        _run(
            [
                f"git clone --branch {images.NCCL_TESTS_TAG} {images.NCCL_TESTS}.git .",
                f'make -j "$(nproc)" MPI=1 MPI_HOME=/opt/amazon/openmpi NCCL_HOME={_NCCL} CUDA_HOME=/usr/local/cuda',
            ]
        ),
    ]
    return "\n".join(lines)


def _last(plan: ContainerPlan, flavour: str) -> str:
    lines = ["# What runs.", f"FROM {'pytorch' if plan.compiler else 'efa'}"]
    if plan.compiler:
        lines.append("COPY --from=tests /opt/nccl-tests/build /opt/nccl-tests/build")
    lines.append("COPY verify-efa.sh /usr/local/bin/verify-efa.sh")
    if flavour == "eks":
        lines += _sshd()
    if flavour == "sagemaker":
        steps = [f"{_VENV}/bin/pip install sagemaker-training==5.1.4"]
        steps = steps if plan.compiler else [f"python3 -m venv {_VENV}", *steps]
        lines += ["# The entry point 'train' of SageMaker's requests.", _run(steps, (_PIP_CACHE,))]
        lines += [] if plan.compiler else [f"ENV PATH={_VENV}/bin:$PATH"]
    lines += ["# A build without EFA's parts fails here, and no job has to.", _run(["verify-efa.sh --build"])]
    workdir = "/opt/ml/code" if flavour == "sagemaker" else "/workspace"
    return "\n".join([*lines, f"WORKDIR {workdir}"])


def _sshd() -> list[str]:
    steps = [
        "apt-get update",
        "apt-get install -y --no-install-recommends openssh-server openssh-client",
        "mkdir -p /run/sshd",
        # The operator mounts keys whose folder belongs to a group, which sshd would refuse.
        "printf '%s\\n' 'StrictModes no' 'PermitRootLogin prohibit-password' >/etc/ssh/sshd_config.d/mpi.conf",
        "printf '%s\\n' 'Host *' '  StrictHostKeyChecking no' '  UserKnownHostsFile /dev/null' "
        ">/etc/ssh/ssh_config.d/mpi.conf",
    ]
    return ["# mpi-operator's launcher reaches the workers over ssh.", _UNPINNED, _run([*steps, _APT_ENDS])]


def _run(steps: list[str], mounts: tuple[str, ...] = ()) -> str:
    lines = [f"RUN {mount}" if number == 0 else f"    {mount}" for number, mount in enumerate(mounts)]
    first = f"    {steps[0]}" if mounts else f"RUN {steps[0]}"
    return " \\\n".join([*lines, first, *(f"    && {step}" for step in steps[1:])])


def _build(plan: ContainerPlan, flavour: str) -> str:
    tag = f"{plan.image.name}:{plan.tag}-{flavour}"
    lines = [
        "#!/bin/bash",
        "# Builds the image: build.sh [REGISTRY/]. With a registry, it gets the image too.",
        "set -euo pipefail",
        'cd "$(dirname "$0")"',
        f"image=${{1-}}{tag}",
        'docker buildx build --platform linux/amd64 --tag "$image" --load .',
        'if [ -n "${1-}" ]; then docker push "$image"; fi',
    ]
    if flavour == "slurm":
        lines.append('echo "for Pyxis: enroot import dockerd://$image"')
    return "\n".join(lines) + "\n"


def _readme(plan: ContainerPlan) -> str:
    devices = "$(printf -- '--device=%s ' /dev/infiniband/uverbs*)"
    lines = [
        "# Container images",
        "",
        f"{_title(plan)}. In this order:",
        "",
        "```sh",
        *(f"{flavour}/build.sh    # {flavour_name(flavour)}" for flavour in plan.image.flavours),
        "```",
        "",
        "Does EFA work in it? On a node with EFA devices:",
        "",
        "```sh",
        f"docker run --rm {devices} --ulimit memlock=-1 --network host IMAGE verify-efa.sh",
        "```",
        "",
        "The build checks the software; only a node with devices can check the rest.",
    ]
    return "\n".join(lines) + "\n"
