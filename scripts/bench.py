"""Measures speed as ratios of whole processes, run in turn: ``make bench``.

Ratios, since a machine's own speed says nothing; medians of several runs, since one run says little.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from efakit.slurm import NodeTable
from efakit.slurm.nodes import NODE_COLUMNS, nodes_of
from efakit.slurm.table import read_table
from efakit.vendor.isolated_environment import isolated_environment
from efakit.vendor.simulated_account import account_for, config_in
from scripts.bench_diagnose import bench_diagnose
from scripts.bench_hook import bench_hook
from scripts.bench_report import bench_report
from scripts.bench_store import bench_store
from scripts.ratios import median_ratio, seconds

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
RUNS = 9


def vendor_alone(config: Path, folder: Path) -> list[str]:
    """Return the command of pcluster's own validation of a config, on a simulated account, with nothing of efakit's."""
    text = config.read_text(encoding="utf-8")
    account = account_for(config_in(text)).to_json()
    request = folder / "request.json"
    question = {"operation": "dry_run", "config": text, "cluster_name": "efakit", "account": account}
    request.write_text(json.dumps(question) + "\n", encoding="utf-8")
    environment = [f"{name}={value}" for name, value in isolated_environment(folder).items()]
    worker = [sys.executable, "-m", "efakit.vendor.simulated_account.worker"]
    enter = f"cd {shlex.quote(str(folder))} && exec {shlex.join(worker)} < {shlex.quote(str(request))}"
    return ["env", "-i", *environment, "sh", "-c", enter]


LINT_SECONDS = 1.5


def lint_is_quick(lint: Sequence[str], folder: Path) -> bool:
    """Print how long efakit lint takes for 100 scripts of 100 lines on two cores; say whether that is within bounds."""
    jobs = folder / "jobs"
    jobs.mkdir()
    corpus = [
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests/lint/corpus/ordinary").glob("*.sbatch"))
    ]
    for number in range(100):
        lines = (corpus[number % len(corpus)] + "".join(corpus[number % 7 :])).splitlines(keepends=True)
        (jobs / f"{number}.sbatch").write_text("".join(lines[:100]), encoding="utf-8")
    cores = ["taskset", "-c", "0,1"] if shutil.which("taskset") else []
    command = [*cores, *lint, str(jobs)]
    taken = statistics.median(seconds(command, allowed=(0, 1)) for _ in range(RUNS))
    outcome = "ok" if taken <= LINT_SECONDS else "TOO SLOW"
    print(f"efakit lint, 100 scripts of 100 lines: {taken:.2f} s (limit {LINT_SECONDS} s) {outcome}")
    return taken <= LINT_SECONDS


def parse_nodes() -> None:
    """Print how long efakit takes to read what sinfo prints of 10,000 nodes in three partitions each."""
    separator = "|0123456789abcdef|"
    row = "{}-dy-p5-{}", "{}", "idle+cloud+powered_down", "dynamic,p5.48xlarge,p5,efa,gpu", "none", "192", "2000000"
    output = "".join(
        separator.join((*row, "gpu:h100:8", "\n")).format("gpu", number, partition)
        for number in range(10_000)
        for partition in ("gpu*", "all", "low")
    )
    start = time.perf_counter()
    nodes, default = nodes_of(read_table(output, separator, NODE_COLUMNS))
    read = time.perf_counter()
    groups = NodeTable(tuple(nodes), default).groups()
    grouped = time.perf_counter()
    print(
        f"sinfo of {len(nodes)} nodes, {len(output) / 1e6:.1f} MB: read in {read - start:.2f} s, "
        f"{len(groups)} groups in {grouped - read:.2f} s"
    )


def main() -> int:
    """Print each comparison with its limit; return 1 where one is exceeded."""
    efakit, pcluster = str(BIN / "efakit"), str(BIN / "pcluster")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bundle"
        os.environ.update(PCLUSTER_LOG_FILE=str(Path(folder) / "pcluster.log"), AWS_DEFAULT_REGION="us-east-1")
        # As where both are installed: Python keeps what it has compiled.
        os.environ.update(PYTHONDONTWRITEBYTECODE="", PYTHONPYCACHEPREFIX=str(Path(folder) / "bytecode"))
        render = [efakit, "render", str(ROOT / "cluster-configs/p5.yaml"), "--out", str(out)]
        validate = [efakit, "validate", str(ROOT / "cluster-configs/p5.yaml")]
        vendor = vendor_alone(ROOT / "cluster-configs/p5.cluster.yaml", Path(folder))
        for title, first, second, limit in (
            ("efakit --version / pcluster version", [efakit, "--version"], [pcluster, "version"], 0.06),
            ("efakit render p5 / pcluster version", render, [pcluster, "version"], 0.3),
            ("efakit validate p5 / pcluster's own validation alone", validate, vendor, 1.1),
        ):
            ratio = median_ratio(first, second, RUNS)
            print(ratio.line(title, f"(limit {limit:.3f}) {'ok' if ratio.value <= limit else 'TOO SLOW'}"))
            failed += ratio.value > limit
        failed += not lint_is_quick([efakit, "lint", "--fail-on", "error"], Path(folder))
        parse_nodes()
        failed += bench_diagnose([efakit, "diagnose"], Path(folder))
        failed += bench_hook(Path(folder))
        failed += bench_report([efakit], Path(folder))
        failed += bench_store()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
