"""A script for `accelerate launch`, on CPUs: Hugging Face's Accelerator sums over all ranks."""

from __future__ import annotations

import json
import socket

import torch
from accelerate import Accelerator

accelerator = Accelerator(cpu=True)
total = accelerator.reduce(torch.tensor([accelerator.process_index + 1.0]))
print(
    json.dumps(
        {
            "rank": accelerator.process_index,
            "world": accelerator.num_processes,
            "host": socket.gethostname(),
            "sum": total.item(),
        }
    )
)
accelerator.end_training()
