"""Rules for Dockerfiles: variables and limits of the image."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

_LOADER = "https://man7.org/linux/man-pages/man8/ld.so.8.html"

RULES = (
    Rule(
        "image-library-order",
        room="dockerfile",
        severity="warning",
        what="LD_LIBRARY_PATH has another libfabric's folder before EFA's.",
        why="The loader takes the first that it finds. aws-ofi-nccl and Open MPI of the EFA installer are built for "
        "the libfabric in /opt/amazon/efa; another one may know no EFA, or too old an interface.",
        wrong="""
            FROM ubuntu:24.04
            RUN apt-get update && ./efa_installer.sh -y --skip-kmod --no-verify
            RUN git clone https://github.com/ofiwg/libfabric && cd libfabric && ./configure --prefix=/opt/libfabric
            ENV LD_LIBRARY_PATH=/opt/libfabric/lib:/opt/amazon/efa/lib
        """,
        right="""
            FROM ubuntu:24.04
            RUN apt-get update && ./efa_installer.sh -y --skip-kmod --no-verify
            ENV LD_LIBRARY_PATH=/opt/amazon/efa/lib
        """,
        source=_LOADER,
    ),
    Rule(
        "image-run-setting",
        room="dockerfile",
        severity="warning",
        what="RUN exports a variable of the network, or sets a limit, and runs nothing behind it.",
        why="The shell of a RUN ends with it, and its variables and limits do too. An image keeps what ENV sets; "
        "limits are the container's: --ulimit memlock=-1.",
        wrong="""
            FROM ubuntu:24.04
            RUN export NCCL_DEBUG=INFO
        """,
        right="""
            FROM ubuntu:24.04
            ENV NCCL_DEBUG=INFO
        """,
        source="https://docs.docker.com/reference/dockerfile/#env",
    ),
    Rule(
        "image-smddp",
        room="dockerfile",
        severity="info",
        what="The image installs SageMaker's library smdistributed.dataparallel (SMDDP).",
        why="Its last release is 2.5.0 of October 2024, for PyTorch 2.4.1, on p4d and p4de; p3 was dropped. NCCL with "
        "aws-ofi-nccl runs on every type with EFA.",
        wrong="""
            FROM ubuntu:24.04
            RUN pip install https://smdataparallel.s3.amazonaws.com/binary/pytorch/2.4.1/smdistributed_dataparallel.whl
        """,
        right="""
            FROM ubuntu:24.04
            RUN pip install torch==2.14.1
        """,
        source="https://docs.aws.amazon.com/sagemaker/latest/dg/data-parallel-release-notes.html",
    ),
)
