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
from efakit.plan.plan import Plan, make_plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document
from tests.container.standins import Registry, missing

pytestmark = [
    pytest.mark.images,
    pytest.mark.skipif(bool(missing()), reason=f"nothing is built without {', '.join(missing())}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="images are built as root"),
]
FLAVOURS = ("slurm", "eks", "sagemaker", "dstack")


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
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    plan = plan_of().section(ContainerPlan)
    assert plan is not None
    assert plan.compiler is not None
    assert plan.plugin_file is not None
    images = [plan.runtime, plan.compiler, "ubuntu:24.04"]
    made = Registry(
        tmp_path_factory.mktemp("registry"), images, installer=plan.image.installer, plugin=plan.plugin_file
    )
    with made.serving():
        yield made


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_flavour_is_built_as_it_stands(registry, tmp_path, flavour):
    context = written(tmp_path, plan_of(flavours=list(FLAVOURS))) / flavour
    done = registry.build(context, f"efa:{flavour}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    said = registry.read(f"efa:{flavour}", "verify-efa.sh", "--build")
    assert "FAILED" not in said
    assert "aws-ofi-nccl: /opt/amazon/ofi-nccl/lib/libnccl-net-ofi.so" in said
    assert said.count("NCCL") >= 1
    assert registry.read(f"efa:{flavour}", "cat", "/opt/nccl-tests/build/all_reduce_perf") == "all_reduce_perf\n"


def test_an_image_for_mpi_programs_is_built(registry, tmp_path):
    context = written(tmp_path, plan_of(kind="mpi")) / "slurm"
    done = registry.build(context, "efa:mpi")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (" --skip-kmod", ""),
        ("--skip-kmod", "--no-kmod"),
        ("efa_installer.sh -y", "efa_installer.sh"),
        (" --disable-ngc", ""),
        ("installer-1.", "installer-9."),
        ("--branch v", "--branch w"),
        ("MPI_HOME=/opt/amazon/openmpi", "MPI_HOME=/usr/local/mpi"),
        ("ln -sf libnccl.so.2", "true"),
        ("4E9091BC", "00000000"),
    ],
)
def test_each_known_mistake_fails_the_build(registry, tmp_path, right, wrong):
    context = written(tmp_path, plan_of()) / "slurm"
    text = (context / "Dockerfile").read_text()
    assert right in text
    (context / "Dockerfile").write_text(text.replace(right, wrong))
    assert registry.build(context, "efa:wrong").returncode != 0
