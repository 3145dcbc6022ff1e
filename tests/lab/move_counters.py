#!/usr/bin/env python3
"""Moves the EFA counters of a stand-in device tree by known amounts, as a job's traffic would on real hardware.

Runs by itself (standard library only) in a job of the lab or in any test:
`move_counters.py --root ROOT --bytes-per-device N` prints as JSON what it added. The device with index i (from 0, in
the order of names) sends N*(i+1) bytes and receives twice as many, so that devices and directions cannot be mixed up
unnoticed. A simulation: no byte travels.

With many devices the output is longer than srun's line buffer, and several tasks' lines may mix: give each task a file
(`srun --output=moved.%N.json`), or compute what was added with `amounts`.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

PACKET_BYTES = 4096
WRITE_BYTES = 1 << 20


def add(root: Path, device: str, counter: str, amount: int) -> int:
    """Add to one port or device counter and return its new value; readers see the old or the new one, nothing else.

    Raises FileNotFoundError, naming the counters there are, when this driver generation has no such counter.
    """
    path = _counter_path(root, device, counter)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # several ranks of a node may add at the same time
        value = int(path.read_text()) + amount
        replace_text(path, f"{value}\n", root / "tmp")
    finally:
        os.close(folder)
    return value


def _counter_path(root: Path, device: str, counter: str) -> Path:
    base = root / "sys/class/infiniband" / device
    folders = [base / "ports/1/hw_counters", base / "hw_counters"]
    for folder in folders:
        if (folder / counter).is_file():
            return folder / counter
    known = sorted({path.name for folder in folders if folder.is_dir() for path in folder.iterdir()})
    raise FileNotFoundError(f"{device} has no counter {counter!r}; it has {', '.join(known) or 'none at all'}")


def replace_text(path: Path, text: str, temporary_folder: Path) -> None:
    """Atomically, from a folder of its own: a temporary file beside the counters would look like a counter."""
    descriptor, name = tempfile.mkstemp(dir=temporary_folder)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        os.fchmod(file.fileno(), 0o444)
    Path(name).replace(path)


def efa_devices(root: Path) -> list[str]:
    """Names of the devices whose driver is efa, rdmap9s0 before rdmap10s0."""
    names = [
        path.name
        for path in (root / "sys/class/infiniband").glob("*")
        if (path / "device/driver").resolve().name == "efa"
    ]
    return sorted(names, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)])


def amounts(index: int, bytes_per_device: int) -> dict[str, int]:
    """What the device with this index moves: a quarter as sends, the rest as RDMA writes."""
    sent = bytes_per_device * (index + 1)
    received = 2 * sent
    send_bytes, recv_bytes = sent // 4, received // 4
    return {
        "tx_bytes": sent,
        "rx_bytes": received,
        "tx_pkts": _ceil(sent, PACKET_BYTES),
        "rx_pkts": _ceil(received, PACKET_BYTES),
        "send_bytes": send_bytes,
        "send_wrs": _ceil(send_bytes, PACKET_BYTES),
        "recv_bytes": recv_bytes,
        "recv_wrs": _ceil(recv_bytes, PACKET_BYTES),
        "rdma_write_bytes": sent - send_bytes,
        "rdma_write_wrs": _ceil(sent - send_bytes, WRITE_BYTES),
        "rdma_write_recv_bytes": received - recv_bytes,
    }


def _ceil(amount: int, unit: int) -> int:
    return -(-amount // unit)


def move(root: Path, bytes_per_device: int, extra: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Move every EFA device; device -> counter -> amount. Counters which the driver lacks are left out.

    `extra` is added to every device too, and must exist.
    """
    moved: dict[str, dict[str, int]] = {}
    for index, device in enumerate(efa_devices(root)):
        port = root / "sys/class/infiniband" / device / "ports/1/hw_counters"
        known = {name: n for name, n in amounts(index, bytes_per_device).items() if (port / name).exists()}
        moved[device] = {**known, **extra}
        for counter, amount in moved[device].items():
            add(root, device, counter, amount)
    return moved


def _assignment(text: str) -> tuple[str, int]:
    name, _, amount = text.partition("=")
    return name, int(amount)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--bytes-per-device", type=int, required=True, metavar="N")
    parser.add_argument(
        "--add",
        type=_assignment,
        action="append",
        default=[],
        metavar="COUNTER=AMOUNT",
        help="also add this to every device, such as retrans_pkts=7",
    )
    options = parser.parse_args()
    try:
        moved = move(options.root, options.bytes_per_device, dict(options.add))
    except OSError as error:
        sys.stderr.write(f"move_counters: {error}\n")
        return 1
    json.dump({"node": socket.gethostname(), "moved": moved}, sys.stdout)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
