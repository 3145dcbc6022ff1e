#!/usr/bin/env python3
"""A rank, one a host, that talks for some seconds, as the options say over TCP, over EFA, with storage, or all at once.

`--tcp`: with its neighbours in the ring, both ways, by real connections. `--storage ADDRESS:PORT`: as if it wrote files
and read them, both ways alike, with an echo server that is no node of the job (`--serve PORT` is one). `--efa ROOT`:
moves the counters of the stand-in devices (move_counters.py), where no byte travels. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import move_counters
import tcp_exchange

BLOCK = bytes(1 << 20)
PAUSE_SECONDS = 0.05  # so that two cores carry it: some 20 MiB a second each way
PORT = 20400


def send_until(connection: socket.socket, ends_at: float) -> None:
    while time.time() < ends_at:
        connection.sendall(BLOCK)
        time.sleep(PAUSE_SECONDS)
    connection.shutdown(socket.SHUT_WR)


def receive_all(connection: socket.socket) -> None:
    while connection.recv(len(BLOCK)):
        pass


def over_tcp(listener: socket.socket, ends_at: float) -> None:
    rank, tasks = int(os.environ["SLURM_PROCID"]), int(os.environ["SLURM_NTASKS"])
    _own, peer = tcp_exchange.neighbours(rank, tasks, tcp_exchange.job_nodes())
    with tcp_exchange._connect(peer, PORT, time.monotonic() + 30) as out, listener.accept()[0] as into:
        receiver = threading.Thread(target=receive_all, args=(into,))
        receiver.start()
        send_until(out, ends_at)
        receiver.join()


def with_storage(address: str, ends_at: float) -> None:
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        receiver = threading.Thread(target=receive_all, args=(connection,))
        receiver.start()
        send_until(connection, ends_at)
        receiver.join()


def over_efa(root: Path, ends_at: float) -> None:
    while time.time() < ends_at:
        move_counters.move(root, 1 << 20, {})
        time.sleep(0.5)


def serve(port: int) -> None:
    """Send back what comes, to any number of clients, for ever."""

    def echo(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(len(BLOCK)):
                connection.sendall(data)

    with socket.create_server(("", port)) as listener:
        print("serving", flush=True)
        while True:
            threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", type=int, metavar="PORT")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--storage", metavar="ADDRESS:PORT")
    parser.add_argument("--efa", type=Path, metavar="ROOT")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    ends_at = time.time() + options.seconds
    work: list[Callable[[], None]] = []
    if options.tcp:
        listener = socket.create_server(("", PORT))
        work.append(lambda: over_tcp(listener, ends_at))
    if options.storage:
        work.append(lambda: with_storage(options.storage, ends_at))
    if options.efa:
        work.append(lambda: over_efa(options.efa, ends_at))
    print(f"talks from {time.time():.2f}", flush=True)
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
