"""Rules for Dockerfiles: how the EFA installer is run in an image."""

from __future__ import annotations

from efakit.catalog.image_facts import DLC, EFA_CHANGELOG, SAMPLES
from efakit.catalog.images import EFA_IN_CONTAINERS
from efakit.rules.registry.row import Rule

_NVCR = SAMPLES + "2.ami_and_containers/containers/pytorch/0.nvcr-pytorch-aws.dockerfile"

RULES = (
    Rule(
        "image-kernel-module",
        room="dockerfile",
        severity="error",
        what="The EFA installer runs without --skip-kmod.",
        why="An image has no kernel, and the kernel module is the node's. Without the option the build fails. There is "
        "no option --no-kmod, though some advice names it.",
        wrong="""
            FROM ubuntu:24.04
            RUN apt-get update && ./efa_installer.sh -y --no-kmod --no-verify
        """,
        right="""
            FROM ubuntu:24.04
            RUN apt-get update && ./efa_installer.sh -y --skip-kmod --no-verify
        """,
        source=_NVCR,
    ),
    Rule(
        "image-self-test",
        room="dockerfile",
        severity="info",
        what="The EFA installer runs without --no-verify.",
        why="At its end it looks for an EFA device with lspci, and a build has none.",
        wrong="""
            FROM ubuntu:24.04
            RUN apt-get update && ./efa_installer.sh -y --skip-kmod
        """,
        right="""
            FROM ubuntu:24.04
            RUN apt-get update && ./efa_installer.sh -y --skip-kmod --skip-limit-conf --no-verify
        """,
        source=EFA_IN_CONTAINERS,
    ),
    Rule(
        "image-taken-for-ngc",
        room="dockerfile",
        severity="warning",
        what="An EFA installer of 1.48 or later runs on an image of CUDA without the options which say that it is none "
        "of NGC.",
        why="Such images have /opt/nvidia/nvidia_entrypoint.sh, by which the installer takes them for images of NGC. "
        "It then leaves rdma-core out, or on Amazon Linux the package of aws-ofi-nccl. --disable-ngc and "
        "--disable-build-ngc say that it is none.",
        wrong="""
            FROM nvidia/cuda:13.0.2-devel-ubuntu24.04
            RUN apt-get update && curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.51.0.tar.gz
            RUN ./efa_installer.sh -y --skip-kmod --skip-limit-conf --no-verify
        """,
        right="""
            FROM nvidia/cuda:13.0.2-devel-ubuntu24.04
            RUN apt-get update && curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.51.0.tar.gz
            RUN ./efa_installer.sh -y --skip-kmod --skip-limit-conf --no-verify --disable-ngc --disable-build-ngc
        """,
        source=DLC + "scripts/docker/common/install_efa_amzn2023.sh",
    ),
    Rule(
        "image-installer-option",
        room="dockerfile",
        severity="warning",
        what="The EFA installer gets an option that its release is not known to have.",
        why="--disable-ngc and --disable-build-ngc are used from 1.48.0 on, --enable-ngc from 1.49.0 on.",
        wrong="""
            FROM ubuntu:24.04
            RUN apt-get update && curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.43.2.tar.gz
            RUN ./efa_installer.sh -y --enable-ngc --skip-kmod --no-verify
        """,
        right="""
            FROM ubuntu:24.04
            RUN apt-get update && curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.43.2.tar.gz
            RUN ./efa_installer.sh -y --skip-kmod --no-verify
        """,
        source=EFA_IN_CONTAINERS,
    ),
    Rule(
        "image-installer-old",
        room="dockerfile",
        severity="warning",
        what="The image gets an EFA installer before 1.34.",
        why="It is older than every release that efakit supports. It knows no p5e and later types and brings no "
        "aws-ofi-nccl; its libfabric is the one that everything in the image must be built for.",
        wrong="""
            FROM ubuntu:24.04
            RUN curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.28.0.tar.gz
        """,
        right="""
            FROM ubuntu:24.04
            RUN curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.51.0.tar.gz
        """,
        source=EFA_CHANGELOG,
    ),
    Rule(
        "image-installer-unpinned",
        room="dockerfile",
        severity="info",
        what="The image gets the EFA installer called latest.",
        why="The same file builds another image on another day, and a layer in a cache keeps an old one. What is in an "
        "image can then not be read off its Dockerfile.",
        wrong="""
            FROM ubuntu:24.04
            RUN curl -O https://efa-installer.amazonaws.com/aws-efa-installer-latest.tar.gz
        """,
        right="""
            FROM ubuntu:24.04
            RUN curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.51.0.tar.gz
        """,
        source=EFA_CHANGELOG,
    ),
    Rule(
        "image-package-lists",
        room="dockerfile",
        severity="warning",
        what="The EFA installer runs where apt knows no packages: nothing has run apt-get update since the lists were "
        "removed, or since the base image, which has none.",
        why="The installer gets what its packages need (environment-modules, tcl and more) from apt, and apt finds "
        "none of it. An info where the base image may have all of it already.",
        wrong="""
            FROM ubuntu:24.04
            RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*
            RUN ./efa_installer.sh -y --skip-kmod --no-verify
        """,
        right="""
            FROM ubuntu:24.04
            RUN apt-get update && apt-get install -y curl
            RUN ./efa_installer.sh -y --skip-kmod --no-verify && rm -rf /var/lib/apt/lists/*
        """,
        source=SAMPLES + "3.test_cases/pytorch/pointworld/pointworld.Dockerfile",
    ),
    Rule(
        "image-failure-lost",
        room="dockerfile",
        severity="warning",
        what="The EFA installer, or the chain of && that it stands in, is followed by ;, a new line or a pipe, and "
        "no set -e or pipefail ends the shell there: the build does not see that it failed. Not where later code looks "
        "at the status, or needs what the installer brings.",
        why="RUN has the status of its last command. After a failed installer the image lacks EFA, and jobs may run "
        "over TCP.",
        wrong="""
            FROM ubuntu:24.04
            RUN apt-get update; ./efa_installer.sh -y --skip-kmod --no-verify; rm -rf /var/lib/apt/lists/*
        """,
        right="""
            FROM ubuntu:24.04
            RUN apt-get update && ./efa_installer.sh -y --skip-kmod --no-verify && rm -rf /var/lib/apt/lists/*
        """,
        source="https://github.com/vllm-project/vllm/pull/55783",
    ),
    Rule(
        "image-system-dropped",
        room="dockerfile",
        severity="warning",
        what="The base image's system is one that the EFA installer's release no longer supports.",
        why="Debian 10 ended with 1.40.0, Ubuntu 20.04 with 1.43.0, Amazon Linux 2 with 1.50.0, Debian 11 with 1.51.0.",
        wrong="""
            FROM ubuntu:20.04
            RUN curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.47.0.tar.gz
        """,
        right="""
            FROM ubuntu:24.04
            RUN curl -O https://efa-installer.amazonaws.com/aws-efa-installer-1.47.0.tar.gz
        """,
        source=EFA_CHANGELOG,
    ),
)
