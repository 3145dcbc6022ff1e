"""A rank without PyTorch, started by a real launcher: it says where and how it runs, and does as its options say."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import time
from pathlib import Path

DEADLINE_SECONDS = 120
POLL_SECONDS = 0.05
VARIABLES = ("MASTER_ADDR", "TORCHELASTIC_RUN_ID", "NEURON_RT_ROOT_COMM_ID", "CUDA_DEVICE_MAX_CONNECTIONS")


def main() -> None:
    """Print one line of JSON; then meet other jobs, or wait for a signal, write a checkpoint and end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--meet", type=Path, help="folder in which the jobs wait for each other")
    parser.add_argument("--jobs", type=int, default=0, help="how many jobs meet")
    parser.add_argument("--checkpoint", type=Path, help="folder: wait for SIGUSR1, then write there")
    parser.add_argument("--resume", type=Path, help="folder: go on from the checkpoint there, and end")
    parser.add_argument("--says", default="", help="a line to print")
    options, rest = parser.parse_known_args()
    rank = int(os.environ["RANK"])
    if options.says:
        _say(options.says)
    _say(json.dumps({**_facts(rank), "resumed": options.resume is not None, "rest": rest}))
    if options.meet:
        (options.meet / os.environ["SLURM_JOB_ID"]).touch()
        _wait_until_there_are(options.meet, options.jobs)
    if options.resume:
        _say(f"rank {rank} goes on from {(options.resume / str(rank)).read_text()}")
    elif options.checkpoint:
        _train_until_signal(options.checkpoint, rank)


def _say(line: str) -> None:
    """Write a line at once: print's two writes would let another rank's line come between."""
    os.write(1, f"{line}\n".encode())


def _facts(rank: int) -> dict[str, object]:
    launcher = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().decode().split("\0")
    endpoint = [word.partition("=")[2] for word in launcher if word.startswith("--rdzv-endpoint=")]
    return {
        "rank": rank,
        "local_rank": int(os.environ["LOCAL_RANK"]),
        "world": int(os.environ["WORLD_SIZE"]),
        "host": socket.gethostname(),
        "job": os.environ["SLURM_JOB_ID"],
        "endpoint": endpoint[0],
        **{name: os.environ.get(name) for name in VARIABLES},
    }


def _wait_until_there_are(folder: Path, count: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(list(folder.iterdir())) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {sorted(path.name for path in folder.iterdir())} came to {folder}")
        time.sleep(POLL_SECONDS)


def _train_until_signal(folder: Path, rank: int) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)  # a signal that is ignored would not be kept for sigtimedwait
    (folder / f"started-{rank}").touch()
    if signal.sigtimedwait({signal.SIGUSR1}, DEADLINE_SECONDS) is None:
        raise TimeoutError(f"rank {rank} got no SIGUSR1")
    (folder / str(rank)).write_text(f"the checkpoint of rank {rank}")


main()
