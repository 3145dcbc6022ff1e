"""Plays histories: nodes with a simulated clock and device trees, a Slurm of one of three ages, the hook in process.

What is simulated, and why: the clock, so that days pass at once; devices, of which there are none; Slurm's order of
prologs and epilogs and what it tells them (``_build_env`` and ``job_requeue`` in SchedMD/slurm); a SIGKILL, by an
exception that ends every further change of a file. The hook's code is the real one, but for its children: what they do
is done in the process itself.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from efakit.hook import folder as hook_folder
from efakit.hook import path as hook_path
from efakit.hook import remembered
from efakit.hook import run as hook_run
from efakit.hook.epilog import epilog
from efakit.hook.outbox import flush
from efakit.hook.prolog import prolog
from efakit.hook.run import Run
from efakit.hook.settings import Settings
from tests.hook.forked import ForkServer
from tests.hook.histories.truth import TRAFFIC, TrueRun
from tests.lab import efa_tree

FLAVOURS = ("22.05", "23.02", "25.11")
START = 1_790_000_000
_HOUR = 3600


@functools.cache
def _server() -> ForkServer:
    server = ForkServer(prepare=Path(__file__).with_name("as_built.py"))
    atexit.register(server.close)
    return server


class Killed(BaseException):
    """The hook's process was killed."""


class Clock:
    """Time as the controller has it; a node's own clock may be off."""

    def __init__(self) -> None:
        self.now = float(START)

    def go_on(self, seconds: float) -> None:
        self.now += seconds


class FakeTime:
    """The module ``time`` as a node sees it."""

    CLOCK_BOOTTIME = 7

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.node: HistoryNode | None = None

    def time(self) -> float:
        return self._clock.now + (self.node.clock_offset if self.node else 0.0)

    def clock_gettime(self, _: int) -> float:
        return self._clock.now - (self.node.booted_at if self.node else 0.0)

    @staticmethod
    def monotonic() -> float:
        return time.monotonic()

    @staticmethod
    def sleep(_: float) -> None:
        return None


class HistoryNode:
    """One node: its device tree, its spool, its clock."""

    def __init__(self, folder: Path, name: str, clock: Clock) -> None:
        self.name, self.clock = name, clock
        self.root, self.spool = _tree(name), folder / f"spool-{name}"
        (device,) = (self.root / "sys/class/infiniband").iterdir()
        self.ports, self.statistics = device / "ports/1/hw_counters", self.root / "sys/class/net/eth0/statistics"
        self._counters = [*map(str, self.ports.iterdir()), *map(str, self.statistics.iterdir())]
        self.clock_offset = 0.0
        self.booted_at = clock.now - 1000
        self._boots = 0
        self.boot(fresh=True)

    def boot(self, *, fresh: bool) -> None:
        """Start the node, or, ``fresh``, put another instance in its place."""
        self._boots += 1
        self.booted_at = self.clock.now
        _write(f"{self.root}/proc/sys/kernel/random/boot_id", f"boot-{self.name}-{self._boots}")
        for counter in self._counters:
            _write(counter, "0")
        shutil.rmtree(self.root / "sys/fs/cgroup", ignore_errors=True)
        if fresh and self.spool.exists():
            shutil.rmtree(self.spool)

    def move(self, efa: int, tcp: int) -> None:
        """Let ranks move bytes, as many in each direction."""
        for name in ("tx_bytes", "rx_bytes", "send_bytes", "recv_bytes"):
            _add(f"{self.ports}/{name}", efa)
        for name in ("tx_bytes", "rx_bytes"):
            _add(f"{self.statistics}/{name}", tcp)

    def cgroup(self, job_id: int) -> Path:
        """Return where Slurm keeps the job's processes."""
        return self.root / f"sys/fs/cgroup/system.slice/slurmstepd.scope/job_{job_id}"

    @contextmanager
    def unreadable(self, what: str | None) -> Iterator[None]:
        """Let the byte counters of a device or an interface be unreadable for a moment."""
        places = {
            "tx": [self.ports / "tx_bytes"],
            "classes": [self.ports / "send_bytes", self.ports / "recv_bytes"],
            "efa": [self.ports / name for name in ("tx_bytes", "rx_bytes", "send_bytes", "recv_bytes")],
            "tcp": [self.statistics / "tx_bytes", self.statistics / "rx_bytes"],
            "interface": [self.statistics],
            None: [],
        }[what]
        for path in places:
            path.rename(path.with_name(path.name + ".aside"))
            if what != "interface":
                path.mkdir()  # whose read fails, as an I/O error does
        try:
            yield
        finally:
            for path in places:
                if what != "interface":
                    path.rmdir()
                path.with_name(path.name + ".aside").rename(path)


class World:
    """A cluster of three nodes, and the truth about its jobs."""

    def __init__(self, folder: Path, flavour: str, built: bytes | None = None) -> None:
        self.flavour, self.clock = flavour, Clock()
        self.archive = folder / "efakit-hook.pyz" if built else None
        if self.archive:
            self.archive.write_bytes(built or b"")
        self.time = FakeTime(self.clock)
        self.records = folder / "records"
        self.records.mkdir()
        self.nodes = {name: HistoryNode(folder, name, self.clock) for name in ("n0", "n1", "n2")}
        self.runs: list[TrueRun] = []
        self.running: list[TrueRun] = []
        self.next_id = 1
        self.installation = "install-1"
        self.knows_installation = True
        self.from_prolog: dict[str, int] = {}
        self.from_epilog: dict[str, int] = {}
        self.log: list[str] = []

    # What Slurm does.

    def start(
        self,
        nodes: tuple[str, ...],
        kind: str,
        *,
        exclusive: bool,
        user_id: int = 1000,
        job_id: int | None = None,
        count: int = 0,
        het: int | None = None,
    ) -> TrueRun:
        if job_id is None:
            job_id, self.next_id = self.next_id, self.next_id + 1
        number = len(self.runs)
        run = TrueRun(
            number,
            job_id,
            count,
            int(self.clock.now),
            f"s{number:X}RUN",
            user_id,
            nodes,
            exclusive,
            kind,
            het,
            list(nodes),
        )
        for other in self.running:
            if set(other.left) & set(nodes):
                other.shared = run.shared = True
        self.runs.append(run)
        self.running.append(run)
        self.log.append(f"run {number} is job {job_id} r{count} on {nodes}: {kind}")
        return run

    def prolog(self, run: TrueRun, node: str, **faults: Any) -> None:
        before = self._ids(node, "active")
        self._hook("prolog", prolog, run, node, run.restart_count, **faults)
        new = self._ids(node, "active") - before
        self.from_prolog.update(dict.fromkeys(new, run.number))
        if not new:
            run.lost.add(node)

    def work(self, run: TrueRun, share: float = 1.0) -> None:
        efa, tcp = TRAFFIC[run.kind]
        for name in run.left:
            self.nodes[name].move(int(efa * share), int(tcp * share))
            self.nodes[name].cgroup(run.job_id).mkdir(parents=True, exist_ok=True)

    def epilog(self, run: TrueRun, node: str, *, told_count: int, **faults: Any) -> None:
        before = self._all_ids()
        shutil.rmtree(self.nodes[node].cgroup(run.job_id), ignore_errors=True)  # all its processes are gone
        self._hook("epilog", epilog, run, node, told_count, **faults)
        self.from_epilog.update(dict.fromkeys(self._all_ids() - before, run.number))

    def flush(self, node: str) -> None:
        self._hook("flush", flush, None, node, 0)

    # How the hook runs.

    def _environment(self, run: TrueRun | None, node: str, count: int, at_end: bool) -> dict[str, str]:
        environment = {"SLURMD_NODENAME": node, "SLURM_CLUSTER_NAME": "lab"}
        if run is None:
            return environment
        nodes = run.left if at_end else run.nodes
        environment.update(
            {
                "SLURM_JOB_ID": str(run.job_id),
                "SLURM_JOB_UID": str(run.user_id),
                "SLURM_JOB_PARTITION": "gpu",
                "SLURM_JOB_RESTART_COUNT": str(count),
                "SLURM_JOB_NODELIST": ",".join(sorted({*nodes, node})),
            }
        )
        if run.het_job_id:
            environment["SLURM_HET_JOB_ID"] = str(run.het_job_id)
        if self.flavour != "22.05":
            environment["SLURM_JOB_START_TIME"] = str(run.started_at)
            environment["SLURM_JOB_END_TIME"] = str(run.started_at + 24 * _HOUR)
            environment["SLURM_JOB_OVERSUBSCRIBE"] = "NO" if run.exclusive else "OK"
        if self.flavour == "25.11":
            environment["SLURM_JOB_SLUID"] = run.sluid
        return environment

    def _hook(
        self,
        command: str,
        program: Callable[[Run], str],
        run: TrueRun | None,
        name: str,
        count: int,
        *,
        killed_at: int | None = None,
        unread: str | None = None,
    ) -> None:
        node = self.nodes[name]
        settings = Settings(
            installation_id=self.installation if self.knows_installation else None,
            root=str(node.root),
            spool_dir=str(node.spool),
            run_dir=str(node.spool.with_name(f"run-{name}")),
            records_dir=str(self.records),
            expected_devices=1,
            tcp_interfaces=["eth0"],
        )
        environment = self._environment(run, name, count, command == "epilog")
        with node.unreadable(unread):
            if self.archive:
                said = self._as_built(node, command, settings, environment, killed_at)
            else:
                with self._in_process(node, killed_at):
                    try:
                        said = program(Run(settings, [], environment))
                    except Killed:
                        said = f"{command}: killed"
        self.log.append(f"  {name} {said}{' unread: ' + unread if unread else ''}")

    def _as_built(
        self,
        node: HistoryNode,
        command: str,
        settings: Settings,
        environment: dict[str, str],
        killed_at: int | None,
    ) -> str:
        config = node.spool.with_name(f"hook-{node.name}.json")
        config.write_text(json.dumps(settings.as_data()))
        self.time.node = node
        clocks = str(self.time.time()), str(self.time.clock_gettime(FakeTime.CLOCK_BOOTTIME))
        done = _server().run(
            self.archive,
            [command, "--config", str(config)],
            environment,
            prepare=[*clocks, str(-1 if killed_at is None else killed_at)],
        )
        assert done.stderr == "", done.stderr
        assert done.returncode in (0, -signal.SIGKILL)
        return done.stdout.strip() or f"{command}: killed"

    @contextmanager
    def _in_process(self, node: HistoryNode, killed_at: int | None) -> Iterator[None]:
        real_call, real_bounded = hook_path.call, hook_run.run_bounded
        calls = 0

        def call(path: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if killed_at is not None and calls > killed_at:
                raise Killed
            return real_call(path, function, *arguments, **options)

        modules = _modules_with_time(len(sys.modules))
        self.time.node = node
        hook_folder.call = hook_path.call = call
        hook_run.run_bounded = lambda work, *_, **__: (list(work()), True)
        remember, remembered.remember = remembered.remember, lambda *_: None
        for module in modules:
            module.time = self.time  # type: ignore[attr-defined]
        try:
            yield
        finally:
            for module in modules:
                module.time = time  # type: ignore[attr-defined]
            hook_folder.call = hook_path.call = real_call
            hook_run.run_bounded = real_bounded
            remembered.remember = remember

    def _ids(self, node: str, place: str) -> set[str]:
        folder = self.nodes[node].spool / place
        if not folder.is_dir():
            return set()
        return {_record_id(path) for path in folder.iterdir() if path.suffix == ".json" and path.name[0] != "."}

    def _all_ids(self) -> set[str]:
        waiting = {name for node in self.nodes for name in self._ids(node, "outbox")}
        published = {_record_id(path) for path in self._records_folder().glob("*/*/[!.]*.json")}
        return waiting | published

    def _records_folder(self) -> Path:
        away = self.records.with_name("records-away")
        return away if away.is_dir() else self.records


def _record_id(path: Path) -> str:
    return str(json.loads(path.read_text())["record_id"])


@functools.lru_cache(maxsize=1)
def _modules_with_time(_modules: int) -> list[Any]:
    """Return efakit's modules that use ``time``: to look through all takes a tenth of a history, and few come later."""
    of_efakit = [module for name, module in sys.modules.items() if name.startswith("efakit.")]
    return [module for module in of_efakit if getattr(module, "time", None) is time]


@functools.cache
def _tree(name: str) -> Path:
    """Return the device tree of the nodes of this name, made once: to write one takes a third of a history's time.

    A history begins with the boot of its nodes, and what it makes unreadable is readable when its hook has ended.
    """
    memory = os.environ.get("PYTEST_DEBUG_TEMPROOT") or None
    root = Path(tempfile.mkdtemp(prefix=f"efakit-history-{name}-", dir=memory))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    efa_tree.write_node(root, "c5n.18xlarge", efa_tree.generic_devices(1), port_counters=13)
    statistics = root / "sys/class/net/eth0/statistics"
    statistics.mkdir(parents=True)
    for counter in ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets"):
        (statistics / counter).touch()
    for path in (*root.glob("sys/class/infiniband/*/ports/1/hw_counters/*"), root / "proc/sys/kernel/random/boot_id"):
        path.chmod(0o644)
    return root


def _write(path: str, text: str) -> None:
    """Write a file that is there: a history does that a hundred times, so by few calls."""
    file = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(file, f"{text}\n".encode())
    os.close(file)


def _add(path: str, amount: int) -> None:
    file = os.open(path, os.O_RDWR)
    os.pwrite(file, b"%d\n" % (int(os.read(file, 32)) + amount), 0)
    os.close(file)


def random_history(seed: int, folder: Path, built: bytes | None = None) -> World:
    """Play the history of a seed, its jobs and what goes wrong around them; by the ``built`` hook where it is given."""
    chance = random.Random(seed)  # noqa: S311 - the same history for the same seed
    world = World(folder, chance.choice(FLAVOURS), built)
    world.knows_installation = chance.random() < 0.8
    calm = chance.random() < 0.25
    for _ in range(chance.randint(3, 12)):
        world.clock.go_on(chance.choice((1, 30, 600, 5 * _HOUR)))
        _Step(world, chance, calm).play()
    for run in list(world.running):
        _Step(world, chance, calm).end(run)
    back = world.records.with_name("records-away")
    if back.is_dir():
        back.rename(world.records)
    for node in world.nodes:
        world.flush(node)
    return world


class _Step:
    """One thing that happens in a history."""

    def __init__(self, world: World, chance: random.Random, calm: bool) -> None:
        self.world, self.chance, self.calm = world, chance, calm

    def play(self) -> None:
        world, chance = self.world, self.chance
        plain: list[Callable[[], None]] = [self.begin, self.begin, self.end_one, self.end_one, self.requeue]
        odd = [self.reset_ids, self.reboot, self.jump, self.shrink, self.begin_het, self.records_away, self.flush]
        happens = chance.choice(plain if self.calm or chance.random() < 0.65 else odd)
        happens()
        world.clock.go_on(1)

    def _fault(self, run: TrueRun) -> dict[str, Any]:
        if self.calm or self.chance.random() < 0.75:
            return {}
        run.touched = True
        if self.chance.random() < 0.5:
            return {"killed_at": self.chance.randint(0, 60)}
        return {"unread": self.chance.choice(("tx", "classes", "efa", "tcp", "interface"))}

    def begin(self, *, het: bool = False) -> None:
        world, chance = self.world, self.chance
        free = [name for name in world.nodes if not any(name in run.left for run in world.running)]
        shares = not self.calm and not het and chance.random() < 0.25
        taken = {name for run in world.running if run.exclusive for name in run.left}
        candidates = [name for name in world.nodes if name not in taken] if shares else free
        if not candidates:
            return
        nodes = tuple(sorted(chance.sample(candidates, chance.randint(1, len(candidates)))))
        exclusive = not shares and chance.random() < 0.7
        if het and len(nodes) > 1:
            leader = world.next_id
            parts = [nodes[:1], nodes[1:]]
            kind = chance.choice(list(TRAFFIC))
            runs = [world.start(part, kind, exclusive=exclusive, het=leader) for part in parts]
        else:
            runs = [world.start(nodes, chance.choice(list(TRAFFIC)), exclusive=exclusive, user_id=self._user())]
        for run in runs:
            self._prologs(run)

    def begin_het(self) -> None:
        self.begin(het=True)

    def _user(self) -> int:
        return self.chance.choice((1000, 1000, 1000, 1001))

    def _prologs(self, run: TrueRun) -> None:
        for name in run.nodes:
            if not self.calm and self.chance.random() < 0.06:
                self.world.prolog(run, name, killed_at=0)  # as if it were not there, while the job runs
                run.touched = True
                continue
            self.world.prolog(run, name, **self._fault(run))
        self.world.work(run, 0.5)

    def end_one(self) -> None:
        if self.world.running:
            self.end(self.chance.choice(self.world.running))

    def end(self, run: TrueRun, *, requeued: bool = False) -> None:
        world = self.world
        world.work(run, 0.5)
        world.running.remove(run)
        for name in list(run.left):
            world.clock.go_on(self.chance.choice((0, 1)))
            self._epilog(run, name, run.restart_count + requeued)

    def _epilog(self, run: TrueRun, name: str, told_count: int) -> None:
        world, chance = self.world, self.chance
        if not self.calm and chance.random() < 0.08:
            run.lost.add(name)
            run.touched = True
            world.log.append(f"  {name} no epilog of run {run.number}")
            shutil.rmtree(world.nodes[name].cgroup(run.job_id), ignore_errors=True)
            return
        before = len(world.from_epilog)
        fault = self._fault(run)
        world.epilog(run, name, told_count=told_count, **fault)
        if "killed_at" in fault and chance.random() < 0.5:
            world.clock.go_on(30)
            world.epilog(run, name, told_count=told_count)  # Slurm asks again
        elif not self.calm and chance.random() < 0.1:
            world.clock.go_on(30)
            world.epilog(run, name, told_count=told_count)
        if len(world.from_epilog) == before:
            run.lost.add(name)

    def requeue(self) -> None:
        world, chance = self.world, self.chance
        if not world.running:
            return
        run = chance.choice(world.running)
        if run.het_job_id:
            return
        counted_first = chance.random() < 0.7
        self.end(run, requeued=counted_first)
        world.clock.go_on(chance.choice((1, 20, 600)))
        free = [name for name in world.nodes if not any(name in other.left for other in world.running)]
        if len(free) < len(run.nodes):
            return
        nodes = run.nodes if set(run.nodes) <= set(free) else tuple(sorted(free[: len(run.nodes)]))
        again = world.start(
            nodes,
            chance.choice(list(TRAFFIC)),
            exclusive=run.exclusive,
            user_id=run.user_id,
            job_id=run.job_id,
            count=run.restart_count + 1,
        )
        self._prologs(again)

    def reset_ids(self) -> None:
        """A cluster made anew, or a controller that lost its state: ids begin at 1 again."""
        world, chance = self.world, self.chance
        for run in list(world.running):
            # Whatever ran is gone, and no epilog ever comes.
            for name in run.left:
                shutil.rmtree(world.nodes[name].cgroup(run.job_id), ignore_errors=True)
            run.lost.update(run.left)
            run.touched = True
            world.running.remove(run)
        world.next_id = 1
        world.clock.go_on(chance.choice((120, _HOUR, 40 * _HOUR)))
        anew = chance.random() < 0.5
        world.log.append("a cluster made anew" if anew else "a controller without its state")
        if anew:
            world.installation = f"install-{len(world.log)}"
            for node in world.nodes.values():
                node.clock_offset = 0.0
                node.boot(fresh=True)

    def reboot(self) -> None:
        world, chance = self.world, self.chance
        name = chance.choice(list(world.nodes))
        world.log.append(f"{name} boots")
        fresh = chance.random() < 0.4
        for run in list(world.running):
            if name in run.left:
                run.lost.add(name)
                run.touched = True
        if fresh:  # with its disk goes what waited there
            for run in world.runs:
                if name in run.nodes:
                    run.touched = True
        world.nodes[name].boot(fresh=fresh)

    def jump(self) -> None:
        name = self.chance.choice(list(self.world.nodes))
        self.world.nodes[name].clock_offset += self.chance.choice((-1, 1)) * self.chance.choice((2, 300, 7 * _HOUR))
        self.world.log.append(f"{name}'s clock is set")
        for run in self.world.runs:
            run.touched = True

    def shrink(self) -> None:
        candidates = [run for run in self.world.running if len(run.left) > 1 and not run.shared]
        if not candidates:
            return
        run = self.chance.choice(candidates)
        name = run.left[-1]
        self.world.log.append(f"run {run.number} gives {name} back")
        efa, tcp = TRAFFIC[run.kind]
        # What it would have moved until its end, so that the totals are as for the others.
        self.world.nodes[name].move(efa // 2, tcp // 2)
        run.left.remove(name)
        self._epilog(run, name, run.restart_count)

    def records_away(self) -> None:
        away = self.world.records.with_name("records-away")
        if away.is_dir():
            away.rename(self.world.records)
        else:
            self.world.records.rename(away)

    def flush(self) -> None:
        self.world.flush(self.chance.choice(list(self.world.nodes)))
