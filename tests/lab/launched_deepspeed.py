"""A script for DeepSpeed, on CPUs: one step of its engine, whose gradients are averaged over all ranks."""

from __future__ import annotations

import json
import os
import socket

import deepspeed
import torch
import torch.distributed as dist

# DeepSpeed would compile this for half a minute; only ranks of one host use it, and there is one a host.
deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
deepspeed.init_distributed("gloo", verbose=False)
model = torch.nn.Linear(1, 1, bias=False)
torch.nn.init.zeros_(model.weight)
config = {"train_micro_batch_size_per_gpu": 1, "optimizer": {"type": "SGD", "params": {"lr": 1.0}}}
engine, *_ = deepspeed.initialize(model=model, config=config)
# The loss is -weight * rank / 4: after a step of rate 1 the weight is the mean of rank / 4.
engine.backward(-engine(torch.full((1, 1), dist.get_rank() / 4)).sum())
engine.step()
says = {
    "rank": dist.get_rank(),
    "world": dist.get_world_size(),
    "host": socket.gethostname(),
    "weight": model.weight.item(),
}
os.write(1, f"{json.dumps(says)}\n".encode())  # at once, so that the ranks' lines stay whole
dist.destroy_process_group()
