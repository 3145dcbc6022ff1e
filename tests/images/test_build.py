"""Every flavour's Dockerfile is built as it stands, and each known mistake in it fails the build.

Stand-ins take the place of NVIDIA's images, AWS's installer and PyTorch (``standins.py``): what is proved is that the
steps fit together, and not that EFA works.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from efakit.emit.registry import emit
from efakit.plan.container import ContainerPlan
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document
from tests.images.standins import STOOD_IN, Registry, missing

pytestmark = [
    pytest.mark.images,
    pytest.mark.skipif(bool(missing()), reason=f"nothing is built without {', '.join(missing())}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="images are built as root"),
]
FLAVOURS = ("slurm", "eks", "sagemaker", "dstack")
IMAGES = [
    *(("pytorch", flavour) for flavour in FLAVOURS),
    *(("neuron", flavour) for flavour in FLAVOURS[:3]),
    *(("mpi", flavour) for flavour in FLAVOURS),
]
built: list[str] = []


def plan_of(**section: object) -> Plan:
    node = {"name": "n", "instance": "p5.48xlarge", "nodes": 2}
    cluster = {"queues": [{"name": "gpu", "compute_resources": [node]}]}
    return make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump({"cluster": cluster, "container": section}))))


def written(folder: Path, plan: Plan) -> Path:
    for file in emit(plan, ("container",)):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(0o755 if file.executable else 0o644)
    return folder / "container"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Registry]:
    plan = plan_of().section(ContainerPlan)
    assert plan is not None
    assert plan.compiler is not None
    assert plan.plugin is not None
    made = Registry(
        tmp_path_factory.mktemp("registry"),
        cuda=[plan.runtime, plan.compiler],
        plain=["ubuntu:24.04"],
        installer=plan.image.installer,
        plugin=plan.plugin,
    )
    try:
        with made.serving():
            yield made
    finally:
        made.close()
        with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\nbuilt as they stand: {len(built)} of {len(IMAGES)} images: {', '.join(built)}. What stood in:")
            print("\n".join(f"  {thing}" for thing in STOOD_IN))


@pytest.mark.parametrize(("kind", "flavour"), IMAGES)
def test_every_flavour_is_built_as_it_stands(registry, tmp_path, kind, flavour):
    flavours = [name for of, name in IMAGES if of == kind]
    context = written(tmp_path, plan_of(kind=kind, flavours=flavours)) / flavour
    tag = f"{kind}:{flavour}"
    done = registry.build(context, tag)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    built.append(tag)
    code, said = registry.read(tag, "verify-efa.sh", "--build")
    assert code == 0, said
    assert registry.setting(tag, "{{.Docker.Config.User}}") == ("1000:1000" if flavour == "slurm" else "")
    if kind == "pytorch":
        assert "aws-ofi-nccl 1.22.0: /opt/amazon/ofi-nccl/lib/libnccl-net-ofi.so" in said
        assert "it loads the EFA installer's libfabric: /opt/amazon/efa/lib/libfabric.so.1" in said
        assert said.count("ok       NCCL 2.30.7: ") == 1
        assert "unknown" not in said
        assert "warning" not in said
        code, needed = registry.read(tag, "ldd", "/opt/nccl-tests/build/all_reduce_perf")
        assert (code, "not found" in needed) == (0, False), needed
        assert "libnccl.so.2 => /opt/nccl/lib/libnccl.so.2" in needed


def test_an_older_installer_has_its_plugin_elsewhere_and_knows_no_ngc(registry, tmp_path):
    plan = plan_of(installer="1.43.2")
    section = plan.section(ContainerPlan)
    assert section is not None
    assert section.plugin is not None
    registry.make_installer("1.43.2", section.plugin)
    done = registry.build(written(tmp_path, plan) / "slurm", "pytorch:older")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    code, said = registry.read("pytorch:older", "verify-efa.sh", "--build")
    assert code == 0, said
    assert "-linux-gnu/libnccl-net.so" in said


def test_in_a_container_without_devices_verify_says_so(registry, tmp_path):
    done = registry.build(written(tmp_path, plan_of()) / "slurm", "pytorch:slurm")
    assert done.returncode == 0
    code, said = registry.read("pytorch:slurm", "verify-efa.sh")
    assert code == 1
    assert "FAILED   no device /dev/infiniband/uverbs*" in said


MISTAKES = [
    (" --skip-kmod", "", "no kernel module can be built here"),
    ("--skip-kmod", "--no-kmod", "unknown option --no-kmod"),
    ("efa_installer.sh -y", "efa_installer.sh", "nobody answers here"),
    (" --disable-ngc", "", ""),
    ("aws-efa-installer-1.51.0", "aws-efa-installer-9.9.9", "404"),
    ("--branch v", "--branch w", "w2.18.3"),
    ("MPI_HOME=/opt/amazon/openmpi", "MPI_HOME=/usr/local/mpi", "/usr/local/mpi/include/mpi.h"),
    ("ln -sf libnccl.so.2", "true", "/opt/nccl/lib/libnccl.so"),
    # And what the eight of the field do not have.
    ("4E9091BC", "00000000", ""),
    (" /opt/amazon/efa/lib ", " ", "cannot be loaded: it needs libfabric.so.1"),
    ("ca-certificates curl gnupg", "ca-certificates curl", "gpg: command not found"),
]


@pytest.mark.parametrize(
    ("right", "wrong", "said"), MISTAKES, ids=[wrong.strip() or right for right, wrong, _ in MISTAKES]
)
def test_each_known_mistake_fails_the_build(registry, tmp_path, right, wrong, said):
    context = written(tmp_path, plan_of()) / "slurm"
    text = (context / "Dockerfile").read_text()
    assert right in text
    (context / "Dockerfile").write_text(text.replace(right, wrong))
    assert said in registry.refusal(context, "efa:wrong", said)


def test_an_installer_that_was_changed_after_it_was_signed_fails_the_build(registry, tmp_path):
    plan = plan_of(installer="1.50.0")
    section = plan.section(ContainerPlan)
    assert section is not None
    assert section.plugin is not None
    archive = registry.make_installer("1.50.0", section.plugin)
    archive.write_bytes(archive.read_bytes() + b"more")
    said = "BAD signature"
    assert said in registry.refusal(written(tmp_path, plan) / "slurm", "efa:wrong", said)
