"""Measures the report of a job of 4,096 nodes with 16 and 32 devices each against reading its files by json.loads."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from efakit.catalog.counters import PORT_COUNTERS
from efakit.hook.json_text import dumps_lines
from scripts.ratios import Ratio, median_ratio
from scripts.record_forms import by_columns

_NODES, _JOB = 4096, 7
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
_MEMORY = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def bench_report(efakit: Sequence[str], folder: Path) -> int:
    """Print time as a ratio, memory and lines, each with its limit; return how many are exceeded."""
    failed = 0
    environment = {**os.environ, "SLURM_CONF": str(folder / "none")}
    for devices in (16, 32):
        second, third = (folder / f"records-{devices}-{version}" for version in (2, 3))
        source = random.Random(_JOB)  # noqa: S311 - figures, no secrets
        for number in range(1, _NODES + 1):
            record = _record(source, number, devices)
            for place, form in ((second, record), (third, by_columns(record))):
                path = place / "lab" / str(_JOB) / f"gpu-st-p5-{number}.t1790000000.{number:016x}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(dumps_lines(form), encoding="utf-8")
        for version, place in ((2, second), (3, third)):
            ratio = _against_reading(efakit, place, environment)
            title = (
                f"efakit report, {_NODES} nodes, {devices} devices, version {version} / json.loads of the same files"
            )
            good = ratio.value <= _RATIO
            failed += not good
            print(ratio.line(title, f"(limit {_RATIO:.3f}) {_outcome(good)}"))
        command = _report(efakit, second)
        lines = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.count("\n")
        # The report's own children give all they have read to it.
        measured = [sys.executable, "-c", _MEMORY, *command]
        mib = int(subprocess.run(measured, check=True, capture_output=True, text=True, env=environment).stdout) / 1024
        print(f"efakit report, {_NODES} nodes: {mib:.0f} MiB (limit {_MIB}) {_outcome(mib <= _MIB)}")
        print(f"efakit report, {_NODES} nodes: {lines} lines (limit {_LINES}) {_outcome(lines <= _LINES)}")
        failed += (mib > _MIB) + (lines > _LINES)
    return failed


def _report(efakit: Sequence[str], records: Path) -> list[str]:
    return [*efakit, "report", str(_JOB), "--records", str(records)]


def _against_reading(efakit: Sequence[str], records: Path, environment: Mapping[str, str]) -> Ratio:
    reading = [sys.executable, "-c", _READ, str(records / "lab" / str(_JOB))]
    return median_ratio(_report(efakit, records), reading, _RUNS, environment=environment)


def _outcome(good: bool) -> str:
    return "ok" if good else "TOO MUCH"


def _record(source: random.Random, number: int, devices: int) -> dict[str, object]:
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
        "devices_expected": devices,
        "expected_by": "compute resource gpu/p5",
        "began_at": 1_790_000_001.5,
        "ended_at": 1_790_003_600.5,
        "clock_jump_seconds": 0.0,
        "boot_id": f"{source.getrandbits(128):032x}",
        "instance_type": "p5.48xlarge",
        "driver_version": "2.17.3",
        "baseline": "ok",
        "resets": [],
        "devices_found": devices,
        "devices_unknown": False,
        "interfaces_unknown": False,
        "foreign_devices": [],
        "late_devices": None,
        "hugepages": None,
        "lnet": None,
        "devices": [_device(source, place) for place in range(devices)],
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
