"""Rules for Dockerfiles: aws-ofi-nccl, the libfabric that it needs, and NCCL."""

from __future__ import annotations

from efakit.catalog.image_facts import DLC, TORCH_NCCL_SOURCE
from efakit.rules.registry.row import Rule

_OFI = "https://github.com/aws/aws-ofi-nccl/blob/master/"
_GET = "RUN apt-get update && curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.51.0.tar.gz"
_FLAGS = "-y --skip-kmod --skip-limit-conf --no-verify --disable-ngc --disable-build-ngc"

RULES = (
    Rule(
        "image-plugin-libfabric",
        room="dockerfile",
        severity="warning",
        what="aws-ofi-nccl is configured with a libfabric in /opt/amazon/efa that nothing has put there yet.",
        why="The EFA installer puts it there. Without it configure fails, or takes another libfabric, which knows no "
        "EFA.",
        wrong="""
            FROM nvidia/cuda:13.0.2-devel-ubuntu24.04
            RUN git clone -b v1.19.0 https://github.com/aws/aws-ofi-nccl.git && cd aws-ofi-nccl && ./autogen.sh \\
                && ./configure --prefix=/usr/local --with-libfabric=/opt/amazon/efa --with-cuda=/usr/local/cuda
        """,
        right=f"""
            FROM nvidia/cuda:13.0.2-devel-ubuntu24.04
            {_GET}
            RUN ./efa_installer.sh {_FLAGS}
            RUN git clone -b v1.21.1 https://github.com/aws/aws-ofi-nccl.git && cd aws-ofi-nccl && ./autogen.sh \\
                && ./configure --prefix=/opt/amazon/ofi-nccl --with-libfabric=/opt/amazon/efa
        """,
        source=_OFI + "INSTALL.md",
    ),
    Rule(
        "image-plugin-not-found",
        room="dockerfile",
        severity="warning",
        what="aws-ofi-nccl is built into a folder that the loader is not told of.",
        why="NCCL loads the plugin by its name. Where LD_LIBRARY_PATH, ldconfig or NCCL_NET_PLUGIN do not lead to it, "
        "NCCL uses TCP without an error.",
        wrong="""
            FROM my/base
            RUN git clone -b v1.21.1 https://github.com/aws/aws-ofi-nccl.git && cd aws-ofi-nccl && ./autogen.sh \\
                && ./configure --prefix=/opt/plugin --with-libfabric=/opt/amazon/efa && make install
        """,
        right="""
            FROM my/base
            RUN git clone -b v1.21.1 https://github.com/aws/aws-ofi-nccl.git && cd aws-ofi-nccl && ./autogen.sh \\
                && ./configure --prefix=/opt/plugin --with-libfabric=/opt/amazon/efa && make install
            RUN echo /opt/plugin/lib >/etc/ld.so.conf.d/plugin.conf && ldconfig
        """,
        source="https://github.com/NVIDIA-NeMo/RL/issues/1973",
    ),
    Rule(
        "image-plugin-twice",
        room="dockerfile",
        severity="info",
        what="The image builds aws-ofi-nccl beside the one that the EFA installer brings.",
        why="Installers from 1.38 on bring it. NCCL loads the one that the loader finds first, so that the version in "
        "force follows from the order of LD_LIBRARY_PATH.",
        wrong="""
            FROM ubuntu:24.04
            RUN apt-get update && curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.47.0.tar.gz
            RUN ./efa_installer.sh -y --skip-kmod --no-verify
            RUN git clone -b v1.14.0 https://github.com/aws/aws-ofi-nccl.git && cd aws-ofi-nccl && ./autogen.sh \\
                && ./configure --prefix=/usr/local --with-libfabric=/opt/amazon/efa && make install && ldconfig
        """,
        right="""
            FROM ubuntu:24.04
            RUN apt-get update && curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.47.0.tar.gz
            RUN ./efa_installer.sh -y --skip-kmod --no-verify
        """,
        source="https://github.com/awslabs/awsome-distributed-ai/pull/861",
    ),
    Rule(
        "image-plugin-folder",
        room="dockerfile",
        severity="warning",
        what="A variable names a folder of aws-ofi-nccl that the image's EFA installer does not make.",
        why="On Ubuntu the plugin lies in /opt/amazon/ofi-nccl/lib from installer 1.44 on, and before that in a folder "
        "of the architecture below it. The loader passes over a folder that is not there.",
        wrong="""
            FROM ubuntu:24.04
            RUN apt-get update && curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.47.0.tar.gz
            RUN ./efa_installer.sh -y --skip-kmod --no-verify
            ENV LD_LIBRARY_PATH=/opt/amazon/ofi-nccl/lib/x86_64-linux-gnu
        """,
        right="""
            FROM ubuntu:24.04
            RUN apt-get update && curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.47.0.tar.gz
            RUN ./efa_installer.sh -y --skip-kmod --no-verify
            ENV LD_LIBRARY_PATH=/opt/amazon/ofi-nccl/lib
        """,
        source=DLC + "scripts/docker/common/install_efa.sh",
    ),
    Rule(
        "image-cudart-link",
        room="dockerfile",
        severity="warning",
        what="aws-ofi-nccl is in an image made of nvidia/cuda's runtime image, which has no libcudart.so.",
        why="The plugin loads libcudart.so, and the runtime image has it only with its version behind. The plugin then "
        "fails to start, and NCCL uses TCP.",
        wrong=f"""
            FROM nvidia/cuda:13.0.2-runtime-ubuntu24.04
            {_GET}
            RUN ./efa_installer.sh {_FLAGS}
        """,
        right=f"""
            FROM nvidia/cuda:13.0.2-runtime-ubuntu24.04
            {_GET}
            RUN ./efa_installer.sh {_FLAGS}
            RUN ln -s libcudart.so.13 /usr/local/cuda/lib64/libcudart.so && ldconfig
        """,
        source=DLC + "docker/pytorch/Dockerfile.cuda",
    ),
    Rule(
        "image-efa-without-rdma-core",
        room="dockerfile",
        severity="warning",
        what="/opt/amazon is copied from another stage, and nothing installs rdma-core beside it.",
        why="libfabric's provider for EFA needs libibverbs and libefa, which the installer puts into the system's "
        "folders. Without them fi_info finds no EFA.",
        wrong="""
            FROM ubuntu:24.04 AS efa
            RUN apt-get update && ./efa_installer.sh -y --skip-kmod --no-verify
            FROM ubuntu:24.04
            COPY --from=efa /opt/amazon /opt/amazon
        """,
        right="""
            FROM ubuntu:24.04
            RUN apt-get update && ./efa_installer.sh -y --skip-kmod --no-verify
        """,
        source="https://github.com/PrimeIntellect-ai/prime-rl/pull/3447",
    ),
    Rule(
        "image-nccl-not-pytorchs",
        room="dockerfile",
        severity="warning",
        what="The image installs a release of PyTorch, and another NCCL than the one in it.",
        why="PyTorch's wheel asks for a NCCL of its own and loads that. nccl-tests and the plugin then run with "
        "another one than the training does; with LD_PRELOAD or LD_LIBRARY_PATH it is PyTorch that gets one it was not "
        "built for.",
        wrong="""
            FROM ubuntu:24.04
            RUN pip install torch==2.8.0
            RUN git clone -b v2.23.4-1 https://github.com/NVIDIA/nccl.git && make -C nccl src.build
        """,
        right="""
            FROM ubuntu:24.04
            RUN pip install torch==2.8.0
            RUN git clone -b v2.27.3-1 https://github.com/NVIDIA/nccl.git && make -C nccl src.build
        """,
        source=TORCH_NCCL_SOURCE,
    ),
)
