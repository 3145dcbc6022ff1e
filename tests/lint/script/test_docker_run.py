"""Docker gives a container no EFA device by itself: aws/aws-ofi-nccl #1020 and #879."""

from __future__ import annotations

import pytest

from tests.lint.script.linting import job, rules

RULE = "container-without-devices"


@pytest.mark.parametrize(
    "line",
    [
        "srun docker run --rm --gpus all --net=host nccl-tests /opt/nccl-tests/build/all_reduce_perf -g 8",
        "srun --ntasks-per-node=1 sudo nvidia-docker run --net=host nccl-tests torchrun train.py",
        "docker run --gpus all nccl-tests fi_info -p efa -t FI_EP_RDM",
        "docker run --gpus all -e FI_PROVIDER=efa -e NCCL_DEBUG=INFO nccl-tests python train.py",
        "docker run --gpus all nccl-tests bash -c 'fi_info -p efa && python train.py'",
        "podman run --gpus all --env FI_EFA_USE_DEVICE_RDMA=1 nccl-tests python train.py",
    ],
)
def test_docker_run_without_devices_is_found(line):
    assert RULE in rules(job(line))


@pytest.mark.parametrize(
    "line",
    [
        "srun docker run --gpus all --device=/dev/infiniband nccl-tests all_reduce_perf",
        "srun docker run --gpus all --device /dev/infiniband/uverbs0 nccl-tests all_reduce_perf",
        "srun docker run --gpus all --privileged nccl-tests all_reduce_perf",
        "srun docker run --gpus all -v /dev/infiniband:/dev/infiniband nccl-tests all_reduce_perf",
        "srun docker run --gpus all $MORE nccl-tests all_reduce_perf",
        # One node, no GPUs, another command of docker, another runtime.
        "srun --nodes=1 --ntasks=1 docker run --gpus all nccl-tests all_reduce_perf",
        "srun docker run post-process python merge.py",
        "srun docker pull nccl-tests",
        "srun apptainer run --nv nccl-tests.sif all_reduce_perf",
    ],
)
def test_docker_run_with_devices_or_without_need_is_not(line):
    assert RULE not in rules(job(line))
