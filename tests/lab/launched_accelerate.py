"""A script for `accelerate launch`, on CPUs: Hugging Face's Accelerator sums over all ranks."""

from __future__ import annotations

import json
import os
import socket

import torch
from accelerate import Accelerator

accelerator = Accelerator(cpu=True)
total = accelerator.reduce(torch.tensor([accelerator.process_index + 1.0]))
says = {
    "rank": accelerator.process_index,
    "world": accelerator.num_processes,
    "host": socket.gethostname(),
    "sum": total.item(),
}
os.write(1, f"{json.dumps(says)}\n".encode())  # at once, so that the ranks' lines stay whole
accelerator.end_training()
