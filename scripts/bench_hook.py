"""What the hook costs on a node with 32 devices: whole processes, as ratios. Part of ``make bench``.

The devices are files in a folder: no admin command is behind them. What is measured is the hook's own cost.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from efakit.node.counters import read_port_counters
from efakit.node.parallel import in_parallel_when_slow
from scripts.ratios import median_ratio
from tests.hook.hookrun import Node
from tests.lab import efa_tree

RUNS = 25
PROLOG_LIMIT, EPILOG_LIMIT, CAT_LIMIT = 7.0, 9.0, 10.0
MOST_MEMORY_MIB = 30
# ib_core keeps a refresh of a port's counters for so long; a slower pass would cost five more admin commands.
CACHE_SECONDS = 0.010
SLOW_REFRESH_SECONDS = 0.020

_SOURCE = Path(__file__).with_name("read_counters.c")
# A process of its own: the peak of one that a large process starts begins at that one's.
_PEAK = "import os, sys; print(os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)[2].ru_maxrss)"


def bench_hook(folder: Path) -> int:
    """Print the hook's lines; return how many limits are exceeded."""
    node = Node(folder)
    efa_tree.write_node(node.root, "p5.48xlarge")
    node.set_interface(1000, 2000)
    node.config.write_text(json.dumps(node.settings))
    variables = {"SLURM_JOB_ID": "7", "SLURMD_NODENAME": node.name, "SLURM_CLUSTER_NAME": "lab"}
    bare = [sys.executable, "-I", "-S", "-c", "pass"]
    hook = [sys.executable, "-I", "-S", str(node.archive)]
    prolog = [*hook, "prolog", "--config", str(node.config)]
    epilog = [*hook, "epilog", "--config", str(node.config)]

    def run_prolog() -> None:
        subprocess.run(prolog, env=variables, stdout=subprocess.DEVNULL, check=True)

    failed = 0
    for title, command, limit, before in (
        ("hook prolog, 32 devices / bare Python", prolog, PROLOG_LIMIT, None),
        ("hook epilog, 32 devices / bare Python", epilog, EPILOG_LIMIT, run_prolog),
    ):
        ratio = median_ratio(command, bare, RUNS, environment=variables, prepare=before)
        failed += ratio.value > limit
        print(ratio.line(title, f"(limit {limit:.3f}) {'ok' if ratio.value <= limit else 'TOO SLOW'}"))
    failed += _against_others(node, prolog, variables, folder)
    for title, command in (("prolog", prolog), ("epilog", epilog)):
        peak = _peak_mib(command, variables)
        failed += peak >= MOST_MEMORY_MIB
        print(f"hook {title}, peak memory: {peak:.1f} MiB (limit {MOST_MEMORY_MIB}) {_word(peak < MOST_MEMORY_MIB)}")
    failed += _one_device(node)
    _slow_devices(node)
    return failed


def _against_others(node: Node, prolog: list[str], variables: dict[str, str], folder: Path) -> int:
    devices = node.root / "sys/class/infiniband"
    script = 'for file in "$1"/*/ports/1/hw_counters/* "$1"/*/hw_counters/*; do cat "$file"; done'
    cat = median_ratio(
        ["bash", "-c", script, "bash", str(devices)], prolog, 3, environment={**variables, "PATH": "/bin"}
    )
    fast = cat.value >= CAT_LIMIT
    print(cat.line("one cat a counter, in bash / hook prolog", f"(at least {CAT_LIMIT:.3f}) {_word(fast)}"))
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        print("hook prolog / C program that only reads the files: SKIPPED, no C compiler here (install gcc)")
        return not fast
    reader = folder / "read_counters"
    subprocess.run([compiler, "-O2", "-o", reader, _SOURCE], check=True)
    ratio = median_ratio(prolog, [str(reader), str(devices)], RUNS, environment=variables)
    print(ratio.line("hook prolog / C program that only reads the files", "(no limit)"))
    return not fast


def _peak_mib(command: list[str], variables: dict[str, str]) -> float:
    measure = [sys.executable, "-I", "-S", "-c", _PEAK, *command]
    done = subprocess.run(measure, env=variables, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


def _one_device(node: Node) -> int:
    times = []
    for device in sorted((node.root / "sys/class/infiniband").iterdir()):
        began = time.perf_counter()
        read_port_counters(str(device))
        times.append(time.perf_counter() - began)
    slowest = sorted(times)[-len(times) // 4]  # the machine's own pauses left out
    within = slowest < CACHE_SECONDS
    print(
        f"one device's counters, all read in {slowest * 1000:.2f} ms "
        f"(the kernel keeps a refresh for {CACHE_SECONDS * 1000:.0f} ms) {_word(within)}"
    )
    return not within


def _slow_devices(node: Node) -> None:
    """Say what slow devices cost: each one's refresh is simulated by a pause, and the kernel's cache by its age."""
    folders = sorted((node.root / "sys/class/infiniband").glob("*/ports/1/hw_counters"))

    def read(folder: Path) -> int:
        refreshes, refreshed_at = 0, 0.0
        for file in folder.iterdir():
            if time.monotonic() - refreshed_at >= CACHE_SECONDS:
                time.sleep(SLOW_REFRESH_SECONDS)
                refreshes, refreshed_at = refreshes + 1, time.monotonic()
            file.read_bytes()
        return refreshes

    began = time.perf_counter()
    refreshes = sum(in_parallel_when_slow(read, folders))
    taken = time.perf_counter() - began
    print(
        f"{len(folders)} devices whose refresh takes {SLOW_REFRESH_SECONDS * 1000:.0f} ms (simulated): "
        f"read in {taken * 1000:.0f} ms with {refreshes} refreshes; "
        f"one after the other takes {len(folders) * SLOW_REFRESH_SECONDS * 1000:.0f} ms"
    )


def _word(good: bool) -> str:
    return "ok" if good else "EXCEEDED"
