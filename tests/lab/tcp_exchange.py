#!/usr/bin/env python3
"""Real TCP traffic in both directions between all hosts of a job: `srun --ntasks-per-node=1 tcp_exchange.py --mib 64`.

Each rank sends N MiB to its ring neighbour and receives N MiB from the other one, then prints as JSON what it sent and
received. Standard library only; ends with a message and status 1 when anything fails or takes too long.

Plain sockets, not iperf3: with a limit in bytes its server stops reading when the client reports the end, so that part
of the last MiB is lost with the connection (iperf3 3.12: 31326208 of 33554432 bytes received).
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

BLOCK_BYTES = 1 << 20
RETRY_SECONDS = 0.1
FIRST_PORT = 20000
COUNT = struct.Struct("!Q")  # the receiver's answer: how many bytes have arrived


class ExchangeError(Exception):
    """The exchange cannot be made, or was not complete."""


def neighbours(rank: int, tasks: int, nodes: Sequence[str]) -> tuple[str, str]:
    """Own host and the next one in the ring. One rank on each host, rank i on host i."""
    if tasks != len(nodes):
        raise ExchangeError(f"{tasks} tasks on {len(nodes)} nodes; start one on each: srun --ntasks-per-node=1")
    if tasks < 2:
        raise ExchangeError("a job of one node has nobody to exchange with")
    return nodes[rank], nodes[(rank + 1) % tasks]


def job_nodes() -> list[str]:
    nodelist = os.environ["SLURM_JOB_NODELIST"]
    listing = subprocess.run(["scontrol", "show", "hostnames", nodelist], capture_output=True, text=True, check=True)
    return listing.stdout.split()


def send(peer: str, port: int, amount: int, deadline: float) -> int:
    """Send to the neighbour as soon as it listens; the bytes which it says have arrived."""
    with _connect(peer, port, deadline) as connection:
        block = memoryview(bytes(BLOCK_BYTES))
        left = amount
        while left > 0:
            connection.settimeout(_remaining(deadline))
            left -= connection.send(block[: min(left, BLOCK_BYTES)])
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(_remaining(deadline))
        answer = connection.recv(COUNT.size, socket.MSG_WAITALL)
    if len(answer) != COUNT.size:
        raise ExchangeError(f"{peer} closed the connection early")
    return int(COUNT.unpack(answer)[0])


def receive(listener: socket.socket, deadline: float) -> int:
    """Take what the other neighbour sends until it is done, and tell it how much that was."""
    listener.settimeout(_remaining(deadline))
    connection, _address = listener.accept()
    with connection:
        block = bytearray(BLOCK_BYTES)
        total = 0
        while True:
            connection.settimeout(_remaining(deadline))
            count = connection.recv_into(block)
            if count == 0:
                break
            total += count
        connection.sendall(COUNT.pack(total))
    return total


def _connect(peer: str, port: int, deadline: float) -> socket.socket:
    while True:
        try:
            return socket.create_connection((peer, port), timeout=_remaining(deadline))
        except ConnectionRefusedError:  # the neighbour's rank has not started yet
            time.sleep(RETRY_SECONDS)


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise ExchangeError("out of time")
    return remaining


def exchange(amount: int, timeout_seconds: float) -> dict[str, object]:
    deadline = time.monotonic() + timeout_seconds
    rank, tasks = int(os.environ["SLURM_PROCID"]), int(os.environ["SLURM_NTASKS"])
    own, peer = neighbours(rank, tasks, job_nodes())
    port = FIRST_PORT + int(os.environ["SLURM_JOB_ID"]) % 10000  # jobs may share a node
    with socket.create_server((own, port)) as listener, ThreadPoolExecutor(max_workers=1) as pool:
        receiving = pool.submit(receive, listener, deadline)
        sent = send(peer, port, amount, deadline)
        received = receiving.result()
    if sent != amount or received != amount:
        raise ExchangeError(f"{own} got {sent} bytes through and received {received}, of {amount} each")
    return {"node": own, "rank": rank, "sent_to": peer, "sent_bytes": sent, "received_bytes": received}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=16, help="for each rank to send; default: %(default)s")
    parser.add_argument("--timeout-seconds", type=float, default=60.0, help="default: %(default)s")
    options = parser.parse_args()
    try:
        result = exchange(options.mib << 20, options.timeout_seconds)
    except KeyError as error:
        sys.stderr.write(f"tcp_exchange: {error} is not set; run me with srun\n")
        return 1
    except (ExchangeError, OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"tcp_exchange: {error}\n")
        return 1
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
