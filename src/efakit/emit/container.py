"""Target container: a Dockerfile for each flavour, with what it copies and how it is built."""

from __future__ import annotations

from efakit.catalog import images
from efakit.emit.registry import File, target
from efakit.emit.resources import package_file
from efakit.emit.shell import quote
from efakit.plan.container import ContainerPlan, flavour_name, is_unprivileged
from efakit.plan.plan import Plan

_VENV = "/opt/venv"
_NCCL = "/opt/nccl"
_NEURON = "/opt/aws/neuron"
_TESTS = "/opt/nccl-tests"
_WHEELS = "/opt/wheels"
# No cache of apt's: buildah 1.28 (Debian 12) waits for ever where two steps lock the same one.
_APT_ENDS = "rm -rf /var/lib/apt/lists/*"
_PIP_CACHE = "--mount=type=cache,target=/root/.cache/pip"
# Distributions take old releases of their packages away, so that a pinned one cannot be built a month later.
_UNPINNED = "# hadolint ignore=DL3008"
_SHELL = 'SHELL ["/bin/bash", "-euo", "pipefail", "-c"]'
_NEURON_APT = "apt.repos.neuron.amazonaws.com"
_NEURON_PIP = "pip.repos.neuron.amazonaws.com"


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
        f"# {_title(plan)} for {flavour_name(flavour)}.\n"
        "# Written by efakit; DECISIONS.md in the bundle has the reasons and their sources.",
        _efa(plan),
    ]
    software = "efa"
    if plan.image.kind != "mpi" or plan.image.packages or flavour == "sagemaker":
        software = "python"
        parts.append(_python(plan))
    if plan.compiler:
        parts.append(_tests(plan))
    if flavour == "sagemaker":
        parts.append(_toolkit(plan))
    return "\n\n".join([*parts, _last(plan, flavour, software)]) + "\n"


def _title(plan: ContainerPlan) -> str:
    what = {"pytorch": f"PyTorch {plan.image.pytorch}", "neuron": f"Neuron SDK {plan.image.neuron}"}
    return f"{what.get(plan.image.kind, 'MPI programs')} with EFA installer {plan.image.installer}"


def _efa(plan: ContainerPlan) -> str:
    tarball = f"aws-efa-installer-{plan.image.installer}.tar.gz"
    address = "https://efa-installer.amazonaws.com"
    steps = [
        "apt-get update",
        "apt-get install -y --no-install-recommends ca-certificates curl gnupg",
        *(f"curl -fsSLO {address}/{name}" for name in (tarball, f"{tarball}.sig", "aws-efa-installer.key")),
        "gpg --batch --no-autostart --import aws-efa-installer.key",
        f"gpg --batch --status-fd 1 --verify {tarball}.sig {tarball} | grep 'VALIDSIG .*{images.KEY_FINGERPRINT}'",
        f"tar -xzf {tarball} --strip-components=1",
        f"./efa_installer.sh {' '.join(plan.installer_options)}",
        "rm -rf /tmp/efa/* /root/.gnupg",
        f"test -x {plan.mpi_home}/bin/mpirun",
    ]
    folders = ["/opt/amazon/efa/lib", f"{plan.mpi_home}/lib"]
    if plan.plugin:
        folder, name = plan.plugin
        folders.insert(0, folder)
        # The plugin opens libcudart.so, and NVIDIA's base images have the name with the number only.
        number = f"libcudart.so.{str(plan.cuda).partition('.')[0]}"
        steps += [
            f'test -e "{folder}/{name}"',
            f"cudart=$(find -L /usr/local/cuda -name {number} -print -quit)",
            'ln -sf "$cudart" /usr/local/lib/libcudart.so',
            "test -e /usr/local/lib/libcudart.so",
        ]
    steps += [
        f"printf '%s\\n' {' '.join(_in_shell(folder) for folder in folders)} >/etc/ld.so.conf.d/000_efa.conf",
        "ldconfig",
        _APT_ENDS,
    ]
    lines = [
        "# The EFA software. Its kernel module is the host's.",
        f"FROM {plan.runtime} AS efa",
        _SHELL,
        "ENV DEBIAN_FRONTEND=noninteractive",
        "WORKDIR /tmp/efa",
        _UNPINNED,
        _run(steps),
        f"ENV PATH={plan.mpi_home}/bin:/opt/amazon/efa/bin:$PATH",
    ]
    if plan.plugin and plan.plugin[1] == images.NAMED_PLUGIN:
        lines.append("ENV NCCL_NET_PLUGIN=ofi")
    return "\n".join(lines)


def _in_shell(folder: str) -> str:
    return f'"{folder}"' if "$" in folder else folder


def _python(plan: ContainerPlan) -> str:
    packages = list(plan.image.packages)
    head = "# Python packages."
    index = ""
    if plan.compiler:
        head = f"# PyTorch, with NCCL {plan.nccl} of its own."
        packages.insert(0, f"torch=={plan.image.pytorch}")
    apt = ["apt-get update", "apt-get install -y --no-install-recommends python3 python3-venv", _APT_ENDS]
    lines = [head, "FROM efa AS python", _SHELL, _UNPINNED, _run(apt)]
    if plan.neuron:
        lines[0] = f"# Neuron SDK {plan.neuron.version}, with PyTorch {plan.neuron.pytorch}. Its driver is the host's."
        lines += _neuron_runtime(plan.neuron)
        packages[:0] = plan.neuron.pip
        index = f"--index-url https://{_NEURON_PIP} --extra-index-url https://pypi.org/simple "
    steps = [f"python3 -m venv {_VENV}"]
    if packages:
        steps.append(f"{_VENV}/bin/pip install {index}{' '.join(map(quote, packages))}")
    if plan.compiler:
        steps += [
            f'ln -s "$(echo {_VENV}/lib/python3*/site-packages/nvidia/nccl)" {_NCCL}',
            # The wheel has the library by its number only, and linkers want the plain name.
            f"ln -sf libnccl.so.2 {_NCCL}/lib/libnccl.so",
            f"echo {_NCCL}/lib >>/etc/ld.so.conf.d/000_efa.conf",
            "ldconfig",
        ]
    path = f"{_VENV}/bin:{_NEURON}/bin" if plan.neuron else f"{_VENV}/bin"
    return "\n".join([*lines, _run(steps, (_PIP_CACHE,)), f"ENV PATH={path}:$PATH"])


def _neuron_runtime(release: images.NeuronRelease) -> list[str]:
    key = "/etc/apt/keyrings/neuron.gpg"
    steps = [
        "mkdir -p /etc/apt/keyrings",
        f"curl -fsSL https://{_NEURON_APT}/GPG-PUB-KEY-AMAZON-AWS-NEURON.PUB | gpg --batch --dearmor >{key}",
        f"echo 'deb [signed-by={key}] https://{_NEURON_APT} {release.apt_suite} main' "
        ">/etc/apt/sources.list.d/neuron.list",
        "apt-get update",
        f"apt-get install -y --no-install-recommends {' '.join(map(quote, release.apt))}",
        f"test -e {_NEURON}/lib/libnccom.so",
        f"echo {_NEURON}/lib >>/etc/ld.so.conf.d/000_efa.conf",
        "ldconfig",
        _APT_ENDS,
    ]
    return [_run(steps)]


def _tests(plan: ContainerPlan) -> str:
    flags = f"MPI=1 MPI_HOME={plan.mpi_home} NCCL_HOME={_NCCL} CUDA_HOME=/usr/local/cuda"
    lines = [
        "# nccl-tests, on PyTorch's NCCL. Only this stage has a compiler.",
        f"FROM {plan.compiler} AS tests",
        _SHELL,
        f"WORKDIR {_TESTS}",
        _UNPINNED,
        _run(["apt-get update", "apt-get install -y --no-install-recommends git make g++", _APT_ENDS]),
        "COPY --from=python /opt/amazon /opt/amazon",
        f"COPY --from=python {_NCCL}/ {_NCCL}/",
        _run(
            [
                f"git clone --branch {plan.image.nccl_tests} {images.NCCL_TESTS}.git .",
                f'make -j "$(nproc)" {flags}',
                "test -x build/all_reduce_perf",
            ]
        ),
    ]
    return "\n".join(lines)


def _toolkit_packages(plan: ContainerPlan) -> str:
    return " ".join(images.TOOLKIT_PACKAGES if plan.image.kind != "mpi" else images.TOOLKIT_PACKAGES[:1])


def _toolkit(plan: ContainerPlan) -> str:
    steps = [
        "apt-get update",
        "apt-get install -y --no-install-recommends gcc libc6-dev python3-dev",
        f"{_VENV}/bin/pip wheel --wheel-dir {_WHEELS} {_toolkit_packages(plan)}",
    ]
    return "\n".join(
        [
            "# SageMaker's training toolkit: it comes as source, and only this stage compiles it.",
            "FROM python AS toolkit",
            _UNPINNED,
            _run(steps, (_PIP_CACHE,)),
        ]
    )


def _last(plan: ContainerPlan, flavour: str, software: str) -> str:
    lines = ["# What runs.", f"FROM {software}"]
    if plan.compiler:
        lines.append(f"COPY --from=tests {_TESTS}/build {_TESTS}/build")
    lines.append("COPY verify-efa.sh /usr/local/bin/verify-efa.sh")
    if flavour == "eks":
        lines += _sshd("mpi-operator's launcher reaches the workers over ssh, with keys that it mounts.")
    elif flavour == "dstack":
        lines += _sshd("dstack reaches the nodes over ssh; without sshd it would install one at each start.")
    elif flavour == "sagemaker":
        steps = [f"{_VENV}/bin/pip install --no-cache-dir --no-index --find-links {_WHEELS} {_toolkit_packages(plan)}"]
        lines += [
            "# The entry point 'train' of SageMaker's requests.",
            _run(steps, (f"--mount=type=bind,from=toolkit,source={_WHEELS},target={_WHEELS}",)),
        ]
        if plan.image.kind != "mpi":
            lines.append("ENV SAGEMAKER_TRAINING_MODULE=sagemaker_pytorch_container.training:main")
    lines += ["# A build without EFA's parts fails here, and no job has to.", _run(["verify-efa.sh --build"])]
    if is_unprivileged(flavour):
        lines += [_run(["install -d -o 1000 -g 1000 /workspace"]), "USER 1000:1000"]
    lines.append(f"WORKDIR {'/opt/ml/code' if flavour == 'sagemaker' else '/workspace'}")
    return "\n".join(lines)


def _sshd(why: str) -> list[str]:
    steps = [
        "apt-get update",
        "apt-get install -y --no-install-recommends openssh-server openssh-client",
        "mkdir -p /run/sshd",
        # The operator mounts keys whose folder belongs to a group, which sshd would refuse.
        "printf '%s\\n' 'StrictModes no' 'PermitRootLogin prohibit-password' >/etc/ssh/sshd_config.d/mpi.conf",
        "printf '%s\\n' 'Host *' '  StrictHostKeyChecking no' '  UserKnownHostsFile /dev/null' "
        ">/etc/ssh/ssh_config.d/mpi.conf",
    ]
    return [f"# {why}", _UNPINNED, _run([*steps, _APT_ENDS])]


def _run(steps: list[str], mounts: tuple[str, ...] = ()) -> str:
    lines = [f"RUN {mount}" if number == 0 else f"    {mount}" for number, mount in enumerate(mounts)]
    first = f"    {steps[0]}" if mounts else f"RUN {steps[0]}"
    return " \\\n".join([*lines, first, *(f"    && {step}" for step in steps[1:])])


def _build(plan: ContainerPlan, flavour: str) -> str:
    several = len(plan.platforms) > 1
    image = '"${1-}"' + quote(f"{plan.image.name}:{plan.tag}-{flavour}")
    platform = '"$platform"' if several else plan.platforms[0]
    steps = [
        f"image={image}{'-${platform#linux/}' if several else ''}",
        f'docker buildx build --platform {platform} --tag "$image" --load .',
        'if [ -n "${1-}" ]; then docker push "$image"; fi',
    ]
    if flavour == "slurm":
        steps.append('echo "for Pyxis: enroot import dockerd://$image"')
        steps.append('echo "for Apptainer: apptainer build efa.sif docker-daemon://$image"')
    if several:
        steps = [f"for platform in {' '.join(plan.platforms)}; do", *(f"  {step}" for step in steps), "done"]
    lines = [
        "#!/bin/bash",
        "# Builds the image: build.sh [REGISTRY/]. With a registry, it gets the image too.",
        "set -euo pipefail",
        'cd "$(dirname "$0")"',
        *steps,
    ]
    return "\n".join(lines) + "\n"


def _readme(plan: ContainerPlan) -> str:
    devices = "$(printf -- '--device=%s ' /dev/infiniband/uverbs*)"
    lines = [
        "# Container images",
        "",
        f"{_title(plan)}. In this order:",
        "",
        "1. Build, where Docker with buildx is. A registry with a slash at its end gets the image too:",
        "",
        "   ```sh",
        *(f"   {flavour}/build.sh 123456789012.dkr.ecr.REGION.amazonaws.com/" for flavour in plan.image.flavours),
        "   ```",
        "",
        "2. Does EFA work in it? On a node with EFA devices:",
        "",
        "   ```sh",
        f"   docker run --rm {devices} --ulimit memlock=-1 IMAGE verify-efa.sh",
        "   ```",
        "",
        *_started(plan),
        "",
        "The build checks that the software is there and fits. Only a node with devices can check the rest, and only a "
        "job of several nodes shows that they reach each other.",
    ]
    return "\n".join(lines) + "\n"


def _started(plan: ContainerPlan) -> list[str]:
    how = {
        "slurm": "Slurm: name the image in a job's `container`; Pyxis gives it the node's devices and limits.",
        "eks": "EKS: a pod must ask for `vpc.amazonaws.com/efa`, requests equal to limits, else it gets no device. "
        "Kubernetes has no field for locked memory: the node's limit holds.",
        "sagemaker": "SageMaker: `image_uri` of a training job. With SDK 3, `SourceCode(command=...)` leaves NCCL's "
        "variables alone; the toolkit's 'distribution' sets NCCL_PROTO=simple.",
        "dstack": "dstack: `image` of a task; dstack gives it the devices and the locked memory.",
    }
    return ["3. Run it:", "", *(f"   - {how[flavour]}" for flavour in plan.image.flavours)]
