"""What the hooks cost on a node with 32 devices: whole processes, as ratios. Part of ``make bench``.

What runs is what Slurm runs: the scripts in prolog.d and epilog.d, as the installer puts them there, with the hook
compiled for the Python that runs it, in Slurm's environment. The devices are files in a folder: no admin command is
behind them. What is measured is the hooks' own cost.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

from efakit.emit.hooks import emit_hooks
from efakit.node.counters import read_port_counters
from efakit.node.parallel import in_parallel_when_slow
from efakit.plan.make import make_plan
from efakit.plan.slurm.site import INSTALLER
from efakit.spec.load import load_spec
from scripts.ratios import median_ratio
from tests.hook.hookrun import Node
from tests.lab import efa_tree

RUNS = 25
PROLOG_LIMIT, EPILOG_LIMIT, CAT_LIMIT = 5.0, 6.0, 10.0
MOST_MEMORY_MIB = 30
# ib_core keeps a refresh of a port's counters for so long; a slower pass would cost five more admin commands.
CACHE_SECONDS = 0.010
SLOW_REFRESH_SECONDS = 0.020

_ROOT = Path(__file__).resolve().parents[1]
_SOURCE = Path(__file__).with_name("read_counters.c")
# A process of its own: the peak of one that a large process starts begins at that one's.
_PEAK = "import os, sys; print(os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)[2].ru_maxrss)"


class Installed:
    """The hooks of a ready spec, installed for a node of p5.48xlarge; ``prolog`` and ``epilog`` are what Slurm runs."""

    def __init__(self, folder: Path) -> None:
        self.node = Node(folder)
        efa_tree.write_node(self.node.root, "p5.48xlarge")
        self.node.set_interface(1000, 2000)
        scripts, home = folder / "scripts", folder / "home"
        for name in ("prolog.d", "epilog.d"):
            (scripts / name).mkdir(parents=True)
        installer = folder / INSTALLER
        installer.write_bytes(self._installer(folder))
        options = ["--scripts-dir", scripts, "--home", home, "--records-dir", self.node.records]
        subprocess.run(["/bin/sh", installer, *options], check=True, stdout=subprocess.DEVNULL)
        self.prolog, self.epilog = [str(scripts / "prolog.d/00_efakit")], [str(scripts / "epilog.d/99_efakit")]
        asked = subprocess.run(["/bin/sh", home / "run-hook", "--python"], capture_output=True, text=True, check=True)
        self.bare = [asked.stdout.strip(), "-I", "-S", "-c", "pass"]
        self.variables = _slurm_variables(self.node.name)

    def _installer(self, folder: Path) -> bytes:
        spec = yaml.safe_load((_ROOT / "cluster-configs/p5.yaml").read_text(encoding="utf-8"))
        names = ("root", "spool_dir", "run_dir", "records_dir", "tcp_interfaces")
        spec["hooks"] = {name: self.node.settings[name] for name in names}
        del spec["jobs"]
        path = folder / "bench.yaml"
        path.write_text(yaml.safe_dump(spec), encoding="utf-8")
        return next(file.content for file in emit_hooks(make_plan(load_spec(path))) if file.path.endswith(INSTALLER))

    def run(self, script: list[str]) -> None:
        """Run one of the scripts, and nothing is measured."""
        subprocess.run(script, env=self.variables, stdout=subprocess.DEVNULL, check=True)


def _slurm_variables(node: str) -> dict[str, str]:
    """Return what slurmd 23.02 and later give to prolog and epilog: no PATH and no HOME."""
    job = {"ID": "7", "UID": "1000", "GID": "1000", "USER": "ec2-user", "WORK_DIR": "/home/ec2-user"}
    job |= {"PARTITION": "gpu", "NODELIST": node, "NUM_NODES": "1", "RESTART_COUNT": "0"}
    job |= {"START_TIME": "1795910400", "END_TIME": "1795914000", "OVERSUBSCRIBE": "NO"}
    slurm = {"CONF": "/opt/slurm/etc/slurm.conf", "CLUSTER_NAME": "lab", "NODELIST": node, "JOBID": "7", "UID": "1000"}
    variables = {f"SLURM_JOB_{name}": value for name, value in job.items()}
    return {**variables, **{f"SLURM_{name}": value for name, value in slurm.items()}, "SLURMD_NODENAME": node}


def bench_hook(folder: Path) -> int:
    """Print the hooks' lines; return how many limits are exceeded."""
    if os.geteuid() != 0:
        print("hooks as installed: SKIPPED, the installer wants root (make bench)")
        return 0
    hooks = Installed(folder)
    node, variables = hooks.node, hooks.variables
    failed = 0
    for title, script, limit, before in (
        ("prolog as installed, 32 devices / bare Python", hooks.prolog, PROLOG_LIMIT, hooks.epilog),
        ("epilog as installed, 32 devices / bare Python", hooks.epilog, EPILOG_LIMIT, hooks.prolog),
    ):
        ratio = median_ratio(
            script, hooks.bare, RUNS, environment=variables, prepare=lambda other=before: hooks.run(other)
        )
        failed += ratio.value > limit
        print(ratio.line(title, f"(limit {limit:.3f}) {'ok' if ratio.value <= limit else 'TOO SLOW'}"))
    failed += _against_others(node, hooks.prolog, variables, folder)
    for title, script in (("prolog", hooks.prolog), ("epilog", hooks.epilog)):
        peak = _peak_mib(script, variables)
        failed += peak >= MOST_MEMORY_MIB
        print(f"{title}, peak memory: {peak:.1f} MiB (limit {MOST_MEMORY_MIB}) {_word(peak < MOST_MEMORY_MIB)}")
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
    print(cat.line("one cat a counter, in bash / prolog", f"(at least {CAT_LIMIT:.3f}) {_word(fast)}"))
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        print("prolog / C program that only reads the files: SKIPPED, no C compiler here (install gcc)")
        return not fast
    reader = folder / "read_counters"
    subprocess.run([compiler, "-O2", "-o", reader, _SOURCE], check=True)
    ratio = median_ratio(prolog, [str(reader), str(devices)], RUNS, environment=variables)
    print(ratio.line("prolog / C program that only reads the files", "(no limit)"))
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
