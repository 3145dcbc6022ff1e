"""Measures the report of a job of 4,096 nodes with 32 devices each against reading the same files by json.loads."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from efakit.catalog.counters import PORT_COUNTERS
from scripts.ratios import median_ratio

_NODES, _DEVICES, _JOB = 4096, 32, 7
_RATIO, _MIB, _LINES = 1.5, 300, 80
_RUNS = 5
_LIST = f"gpu-st-p5-[1-{_NODES}]"
_COMMANDS = (
    *("submitted_cmds", "completed_cmds", "cmds_err", "no_completion_cmds", "keep_alive_rcvd", "alloc_pd_err"),
    *("create_qp_err", "create_cq_err", "reg_mr_err", "alloc_ucontext_err", "create_ah_err", "mmap_err"),
)
_READ = """
import os, json, sys
for name in os.listdir(sys.argv[1]):
    with open(os.path.join(sys.argv[1], name), "rb") as file:
        json.loads(file.read())
"""


def bench_report(efakit: Sequence[str], folder: Path) -> int:
    """Print time as a ratio, memory and lines, each with its limit; return how many are exceeded."""
    records = folder / "records"
    own = records / "lab" / str(_JOB)
    own.mkdir(parents=True)
    source = random.Random(_JOB)  # noqa: S311 - figures, no secrets
    for number in range(1, _NODES + 1):
        text = json.dumps(_record(source, number))
        (own / f"gpu-st-p5-{number}.r0.{number:016x}.json").write_text(text, encoding="utf-8")
    command = [*efakit, "report", str(_JOB), "--records", str(records)]
    environment = {**os.environ, "SLURM_CONF": str(folder / "none")}
    ratio = median_ratio(command, [sys.executable, "-c", _READ, str(own)], _RUNS, environment=environment)
    title = f"efakit report, {_NODES} nodes / json.loads of the same files"
    print(ratio.line(title, f"(limit {_RATIO:.3f}) {_outcome(ratio.value <= _RATIO)}"))
    lines = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.count("\n")
    # The largest child until now; the report's own children give all they have read to it.
    mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"efakit report, {_NODES} nodes: {mib:.0f} MiB (limit {_MIB}) {_outcome(mib <= _MIB)}")
    print(f"efakit report, {_NODES} nodes: {lines} lines (limit {_LINES}) {_outcome(lines <= _LINES)}")
    return (ratio.value > _RATIO) + (mib > _MIB) + (lines > _LINES)


def _outcome(good: bool) -> str:
    return "ok" if good else "TOO MUCH"


def _record(source: random.Random, number: int) -> dict[str, object]:
    return {
        "schema_version": 2,
        "record_id": f"{number:016x}",
        "cluster": "lab",
        "job_id": _JOB,
        "restart_count": 0,
        "sluid": None,
        "started_at": 1_790_000_000,
        "ends_at": None,
        "het_job_id": None,
        "node": f"gpu-st-p5-{number}",
        "node_list": _LIST,
        "node_list_at_end": _LIST,
        "node_count": _NODES,
        "user_id": 1000,
        "user": "me",
        "partition": "gpu",
        "exit_code": "0:0",
        "derived_exit_code": "0:0",
        "run": "t1790000000",
        "run_from": "baseline",
        "doubts": [],
        "installation_id": "0f" * 8,
        "devices_expected": _DEVICES,
        "expected_by": "compute resource gpu/p5",
        "began_at": 1_790_000_001.5,
        "ended_at": 1_790_003_600.5,
        "clock_jump_seconds": 0.0,
        "boot_id": f"{source.getrandbits(128):032x}",
        "instance_type": "p5.48xlarge",
        "driver_version": "2.17.3",
        "baseline": "ok",
        "resets": [],
        "devices_found": _DEVICES,
        "devices_unknown": False,
        "interfaces_unknown": False,
        "foreign_devices": [],
        "late_devices": None,
        "hugepages": None,
        "lnet": None,
        "devices": [_device(source, place) for place in range(_DEVICES)],
        "interfaces": [
            {"name": "ens5", "counters": {"tx_bytes": 900_000, "rx_bytes": 990_000}, "unknown": [], "errors": []}
        ],
        "mode": "warn",
        "shared_with": [],
        "prolog_failed": None,
        "findings": [],
    }


def _device(source: random.Random, place: int) -> dict[str, object]:
    moved = source.randrange(95 * 10**9, 105 * 10**9)
    counters = dict.fromkeys((row.name for row in PORT_COUNTERS), 0)
    for name in ("tx_bytes", "rx_bytes", "rdma_write_bytes", "rdma_write_recv_bytes"):
        counters[name] = moved
    for name in ("tx_pkts", "rx_pkts", "rdma_write_wrs"):
        counters[name] = moved // 8192
    counters["retrans_pkts"] = source.randrange(100)
    return {
        "name": f"rdmap{79 + place}s0",
        "pci_address": f"0000:{79 + place:02x}:00.0",
        "driver": "efa",
        "counters": counters,
        "device_counters": dict.fromkeys(_COMMANDS, 0) | {"submitted_cmds": 300, "completed_cmds": 300},
        "unknown": [],
        "errors": [],
    }
