"""Measures ``efakit diagnose`` on a log of 10,000 ranks against ``grep -c``, for ``make bench``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from efakit.diagnose.search import engine
from scripts.ratios import seconds

RANKS = 10_000
BYTES = 1_000_000_000
# Of the time of `grep -c` of ten texts, which reads the log and searches it; by what searches.
LIMITS = {"re2": 20.0, "find": 100.0}
MOST_MEMORY_KIB = 200 << 10
_TEXTS = "Using network|Selected provider|closed by remote|timed out|Traceback|oom_kill|CUDA error|Killed|refused|Xid"


def bench_diagnose(diagnose: Sequence[str], folder: Path) -> int:
    """Print the ratio and the memory; return how many limits are exceeded."""
    log = folder / "ranks.log"
    write_log(log, RANKS, BYTES)
    found = engine()
    # Into /dev/null grep stops at the first line that it finds.
    grep = median(["sh", "-c", 'grep -cE "$1" "$2" | cat', "sh", _TEXTS, str(log)])
    taken = median([*diagnose, str(log)])
    ratio, speed = taken / grep, log.stat().st_size / taken / 1e6
    memory = peak_kib([*diagnose, str(log)])
    slow, big = ratio > LIMITS[found], memory > MOST_MEMORY_KIB
    print(
        f"efakit diagnose ({found}), {RANKS} ranks, {BYTES // 10**6} MB / grep -c: {ratio:.2f} (limit {LIMITS[found]}) "
        f"{'TOO SLOW' if slow else 'ok'}  [{speed:.0f} MB/s], {memory >> 10} MiB (limit {MOST_MEMORY_KIB >> 10}) "
        f"{'TOO BIG' if big else 'ok'}"
    )
    log.unlink()
    return slow + big


def median(command: Sequence[str]) -> float:
    return sorted(seconds(command, allowed=(0, 1)) for _ in range(3))[1]


def peak_kib(command: Sequence[str]) -> int:
    """Return the most memory that a command held."""
    program = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
    program += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", program, *command], check=True, capture_output=True, text=True)
    return int(done.stdout)


def write_log(path: Path, ranks: int, size: int) -> None:
    """Write what NCCL_DEBUG=INFO and a training loop print, with srun's labels."""
    with path.open("w", encoding="utf-8") as file:
        written = sum(file.write(_start(rank, ranks)) for rank in range(ranks))
        block = 0
        while written < size:
            block += 1
            written += file.write("".join(_line((block * 7919 + at) % ranks, at, ranks) for at in range(10_000)))


def _nccl(rank: int) -> str:
    return f"{rank:5d}: gpu-st-p5-{rank // 8 + 1}:{1000 + rank}:{90000 + rank} [{rank % 8}] NCCL INFO "


def _start(rank: int, ranks: int) -> str:
    nccl = _nccl(rank)
    init = f"ncclCommInitRank comm 0x55 rank {rank} nranks {ranks} cudaDev {rank % 8} nvmlDev 0 busId 53000 commId 0xab"
    lines = (
        "NET/OFI Running on p5.48xlarge platform, topology file /opt/x.xml",
        "NET/OFI Selected provider is efa, fabric is efa-direct (found 32 nics)",
        "Using network Libfabric",
        f"{init} - Init START",
        f"{init} - Init COMPLETE",
    )
    return "".join(f"{nccl}{line}\n" for line in lines)


def _line(rank: int, number: int, ranks: int) -> str:
    if number % 3:
        peer = (rank + 8) % ranks
        return (
            f"{_nccl(rank)}Channel {number % 16:02d}/0 : {rank}[0] -> {peer}[0] [send] via NET/Libfabric/0(19)/GDRDMA\n"
        )
    return f"{rank:5d}: step {number} | loss 2.31 | tokens/s 123456 | grad norm 0.91 | lr 1e-4\n"
