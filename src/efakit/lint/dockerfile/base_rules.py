"""Rules for what NVIDIA's base images bring."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.catalog.image_facts import NGC_OWN_PLUGIN, image_name
from efakit.lint.dockerfile.contents import Contents
from efakit.lint.dockerfile.rule import Context, rule
from efakit.lint.script.rule import Problem
from efakit.versions import within


def _of_ngc(context: Context) -> Iterator[tuple[Contents, str]]:
    """Give the images that are made of one of NGC's and run the EFA installer, with NGC's tag."""
    for contents in context.contents:
        base = contents.stage.base_image
        chain = {stage.number for stage in contents.stage.chain}
        if base is not None and base.hpcx and any(run.order[0] in chain for run in contents.runs):
            yield contents, image_name(contents.stage.root or "")[1]


@rule("image-hpcx")
def image_hpcx(context: Context) -> Iterator[Problem]:
    """Point out images of NGC that keep HPC-X beside EFA."""
    for contents, _ in _of_ngc(context):
        steps = list(contents.stage.all_steps())
        told = any(
            re.search(r"hpcx|--enable-ngc", step.instruction.code) for step in steps if step.instruction.name == "RUN"
        )
        unseen = any(_runs_another_script(step.instruction.code) for step in steps if step.instruction.name == "RUN")
        if not told and not unseen and "OPAL_PREFIX" not in contents.stage.end:
            message = f"{contents.stage.root} has HPC-X: its Open MPI and NCCL plugins may be found before EFA's"
            fix = "rm -rf /opt/hpcx/ompi /opt/hpcx/nccl_rdma_sharp_plugin /usr/local/mpi; ENV OPAL_PREFIX="
            yield Problem(contents.runs[-1].span, message, fix)


def _runs_another_script(text: str) -> bool:
    return re.search(r"(?<!efa_installer)(?<!autogen)(?<!_installer)\.sh\b", text) is not None


@rule("image-net-plugin-of-base")
def image_net_plugin_of_base(context: Context) -> Iterator[Problem]:
    """Point out images of NGC whose own NCCL_NET_PLUGIN stays."""
    for contents, tag in _of_ngc(context):
        release = re.match(r"\d\d\.\d\d", tag)
        if release is None or "NCCL_NET_PLUGIN" in contents.stage.end:
            continue
        if within(release[0], NGC_OWN_PLUGIN, None):
            message = f"{contents.stage.root} sets NCCL_NET_PLUGIN=spcx: NCCL does not look for aws-ofi-nccl"
            yield Problem(contents.runs[-1].span, message, "ENV NCCL_NET_PLUGIN=ofi")
