"""A training step's communication without a GPU: real torchrun, real ranks, gloo over the hosts' own TCP."""

from __future__ import annotations

import json
import os
import socket
import sys

import torch
import torch.distributed as dist

MIB = 1 << 20


def main() -> None:
    """All-reduce some MiB, check the sum, and print what this rank knows of itself."""
    steps, size_mib = int(sys.argv[1]), int(sys.argv[2])
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    for _ in range(steps):
        values = torch.full((size_mib * MIB // 4,), float(rank + 1))
        dist.all_reduce(values)
        assert values[0].item() == values[-1].item() == world * (world + 1) / 2
    host = socket.gethostname()
    hosts: list[str] = [""] * world
    dist.all_gather_object(hosts, host)
    says = {
        "rank": rank,
        "local_rank": int(os.environ["LOCAL_RANK"]),
        "world": world,
        "host": host,
        "hosts": hosts,
        "address": socket.gethostbyname(host),
        "master": os.environ["MASTER_ADDR"],
        "nccl_net": os.environ.get("NCCL_NET"),
    }
    os.write(1, f"{json.dumps(says)}\n".encode())  # at once, so that the ranks' lines stay whole
    dist.destroy_process_group()


main()
