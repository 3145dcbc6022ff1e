"""Rules for Dockerfiles: what NVIDIA's base images bring that stands before EFA."""

from __future__ import annotations

from efakit.catalog.image_facts import NGC_OWN_PLUGIN, NGC_OWN_PLUGIN_SOURCE, SAMPLES
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "image-hpcx",
        room="dockerfile",
        severity="info",
        what="The image is made of one of NGC's, gets the EFA installer, and keeps HPC-X.",
        why="HPC-X has an Open MPI and NCCL plugins of its own. OPAL_PREFIX and the loader's folders lead to them: "
        "mpirun may mix two Open MPIs, and NCCL may find a libnccl-net.so that knows no EFA. AWS's sample takes both "
        "out.",
        wrong="""
            FROM nvcr.io/nvidia/pytorch:24.09-py3
            RUN apt-get update && ./efa_installer.sh -y --skip-kmod --no-verify
        """,
        right="""
            FROM nvcr.io/nvidia/pytorch:24.09-py3
            RUN rm -rf /opt/hpcx/ompi /opt/hpcx/nccl_rdma_sharp_plugin /usr/local/mpi && ldconfig
            ENV OPAL_PREFIX=
            RUN apt-get update && ./efa_installer.sh -y --skip-kmod --no-verify
        """,
        source=SAMPLES + "2.ami_and_containers/containers/pytorch/0.nvcr-pytorch-aws.dockerfile",
    ),
    Rule(
        "image-net-plugin-of-base",
        room="dockerfile",
        severity="warning",
        what=f"The image is made of one of NGC's from {NGC_OWN_PLUGIN} on, and does not set NCCL_NET_PLUGIN.",
        why="These set NCCL_NET_PLUGIN=spcx, HPC-X's plugin for Spectrum-X: NCCL never looks for aws-ofi-nccl.",
        wrong="""
            FROM nvcr.io/nvidia/pytorch:26.08-py3
            RUN rm -rf /opt/hpcx && apt-get update && ./efa_installer.sh -y --skip-kmod --no-verify
        """,
        right="""
            FROM nvcr.io/nvidia/pytorch:26.08-py3
            RUN rm -rf /opt/hpcx && apt-get update && ./efa_installer.sh -y --skip-kmod --no-verify
            ENV NCCL_NET_PLUGIN=ofi
        """,
        source=NGC_OWN_PLUGIN_SOURCE,
    ),
)
