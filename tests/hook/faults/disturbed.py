"""A node, the hook as installed on it, and what must hold after a run of the hook in which one call failed."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from efakit.emit.resources import folder as shipped
from efakit.emit.resources import package_file
from efakit.jobs.records import find_runs
from scripts.record_forms import one_by_one
from tests.hook.faults.fail_at import KILL, KILL_GROUP, Call, LikeSlurmd, Outcome, Point, is_loading
from tests.hook.forked import ForkServer, built_hook
from tests.lab import efa_software, efa_tree

SCHEMA = jsonschema.Draft202012Validator(
    json.loads(package_file("node").joinpath("record.schema.json").read_text(encoding="utf-8"))
)
NODE, DEVICES = "gpu-st-p5-1", 2
BEFORE, AFTER, LATER = 10_000, 11_000, 13_000
KILLS = (KILL, KILL_GROUP)
# As Slurm 23.11 and later tell it: a job that has its node to itself.
SLURM = {
    "SLURMD_NODENAME": NODE,
    "SLURM_CLUSTER_NAME": "lab",
    "SLURM_JOB_NODELIST": NODE,
    "SLURM_JOB_NUM_NODES": "1",
    "SLURM_JOB_UID": "1000",
    "SLURM_JOB_RESTART_COUNT": "0",
    "SLURM_JOB_OVERSUBSCRIBE": "NO",
}
_SIGNALS = 128
STARTS = {7: 1_790_000_000, 8: 1_790_003_600}
# In a path: of a process, a pipe, a file that is being written.
_OWN_NUMBERS = re.compile(r"/proc/\d+|:\[\d+\]$|\.\d+\.[0-9a-f]{8}$")
# In what a run leaves: a random id, a time.
_OWN_NAME = re.compile(r"\.\d+\.[0-9a-f]{8}$|[0-9a-f]{16,}|\b1\d{9}\b")
_OWN_VALUE = re.compile(rb"\b(?:[0-9a-f]{16,}|\d+\.\d{2,}|1\d{9})\b")
SCRIPTS = {"prolog": "prolog.d/00_efakit", "epilog": "epilog.d/99_efakit", "health-check": "health-check"}


class World:
    """A node's folders, and the hook as installed."""

    def __init__(self, folder: Path, tools: Path, *, from_start: bool = False) -> None:
        self.folder = folder
        self.root, self.records, self.home = folder / "root", folder / "records", folder / "home"
        self._machine = folder / "machine"
        self._kept = folder / "kept"
        devices = efa_tree.write_node(self.root, "p4d.24xlarge", efa_tree.generic_devices(DEVICES), port_counters=5)
        self.devices = [device.name for device in devices]
        efa_software.write_software(self.root)
        efa_software.write_fi_info(self.root, self.devices)
        self.archive = self.home / "efakit-hook.pyz"
        self._install()
        self.slurmd = LikeSlurmd(tools, self._machine, None if from_start else self.archive)
        # Where the points lie before the hook's first line, every run begins there.
        self._server = None if from_start else ForkServer(tools / "fail_at.so", folder=self._machine)
        self._in_forked: dict[tuple[int, int], Call] = {}
        # What disturbed runs have left on the node, and who was disturbed how.
        self.seen: set[object] = set()
        self._places = (self._machine / "spool", self._machine / "run", self.folder / "spool", self.folder / "run-dir")
        self.begin("observe")

    def _install(self) -> None:
        for name in ("run-hook", *SCRIPTS.values()):
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = shipped("prolog").joinpath(name).read_text()
            text = text.replace("home=/opt/slurm/etc/efakit\n", f"home={self.home}\n")
            path.write_text(text.replace("\npython=\n", f"\npython={sys.executable}\n"))
            path.chmod(0o755)
        self.archive.write_bytes(built_hook())

    def begin(self, mode: str) -> None:
        """Begin anew: from what was kept, where something was."""
        for path in (*self._places, self.records):
            shutil.rmtree(path, ignore_errors=True)
            kept = self._kept / str(path.relative_to(self.folder)).replace("/", "-")
            if kept.exists():
                shutil.copytree(kept, path)
            elif path.parent == self._machine or path == self.records:
                path.mkdir()
        settings = {
            "mode": mode,
            "root": str(self.root),
            "spool_dir": str(self.folder / "spool"),
            "run_dir": str(self.folder / "run-dir"),
            "records_dir": str(self.records),
            "compute_resources": {"gpu/p5": DEVICES},
            "tcp_interfaces": ["eth0"],
        }
        (self.home / "hook.json").write_text(json.dumps(settings))

    def keep(self) -> None:
        """Keep what there is now: from here each disturbed run begins."""
        for path in (*self._places, self.records):
            if path.exists():
                shutil.copytree(path, self._kept / str(path.relative_to(self.folder)).replace("/", "-"))

    def count(self, value: int) -> None:
        """Let all bytes that are counted stand at a value."""
        folders = [self.root / "sys/class/infiniband" / name / "ports/1/hw_counters" for name in self.devices]
        statistics = self.root / "sys/class/net/eth0/statistics"
        statistics.mkdir(parents=True, exist_ok=True)
        for folder in (*folders, statistics):
            for counter in ("tx_bytes", "rx_bytes", *(("tx_packets", "rx_packets") if folder == statistics else ())):
                path = folder / counter
                path.unlink(missing_ok=True)
                path.write_text(f"{value}\n")

    def command(self, command: str, job: int | None) -> tuple[list[str], dict[str, str]]:
        """Return the command line and the environment with which slurmd runs a hook."""
        script = SCRIPTS.get(command)
        argv = ["/bin/sh", str(self.home / (script or "run-hook")), *([] if script else [command])]
        if job is None:
            return argv, {"SLURMD_NODENAME": NODE}
        times = {"SLURM_JOB_START_TIME": str(STARTS[job]), "SLURM_JOB_END_TIME": str(STARTS[job] + 3600)}
        return argv, {**SLURM, **times, "SLURM_JOB_ID": str(job)}

    def close(self) -> None:
        self.slurmd.close()
        if self._server:
            self._server.close()

    def left(self) -> frozenset[tuple[str, int, bytes]]:
        """Return all that the hook has left on the node, but for what is another in each run: ids and times."""
        found = set()
        for place in (*self._places, self.records):
            for path in (place, *place.rglob("*")) if place.exists() else ():
                name = _OWN_NAME.sub("#", str(path.relative_to(self.folder)))
                content = path.read_bytes() if path.is_file() else b""
                found.add((name, path.lstat().st_mode, _OWN_VALUE.sub(b"#", content)))
        return frozenset(found)

    def own_files(self) -> list[tuple[str, int, int, int]]:
        """Return what tells whether the hook's own files are as they were."""
        found = [(path.name, path.stat()) for path in sorted(self.home.rglob("*"))]
        return [(name, status.st_mode, status.st_ino, status.st_mtime_ns) for name, status in found]

    def run(self, command: str, job: int | None = None) -> str:
        """Run a hook with nothing wrong."""
        argv, environment = self.command(command, job)
        if self._server:
            done = self._server.run(self.archive, self._arguments(command), environment)
            outcome = Outcome(done.returncode, done.stdout, done.stderr, "")
        else:
            outcome = self.slurmd.run(argv, environment)
        assert (outcome.status, outcome.errors) == (0, "")
        return outcome.output

    def _arguments(self, command: str) -> list[str]:
        """Return those that the script run-hook gives the hook."""
        return [command, "--config", str(self.home / "hook.json"), "--refusal-status", "99"]

    def trace(self, command: str, job: int | None) -> list[Call]:
        """Run a hook with nothing wrong, and return its calls."""
        return self.slurmd.trace(*self.command(command, job))

    def match(self, calls: list[Call], command: str, job: int | None) -> None:
        """Find the calls of a whole run in a forked one, which has no modules to load and so makes fewer."""
        assert self._server is not None
        _, environment = self.command(command, job)
        forked = self.slurmd.trace_forked(self._server, self.archive, self._arguments(command), environment)
        by_kind: dict[object, list[Call]] = {}
        for call in forked:
            by_kind.setdefault(self._kind(call), []).append(call)
        for call in calls:
            if self._is_own(call) and (same := by_kind.get(self._kind(call))):
                self._in_forked[call.process, call.number] = same.pop(0)

    def matched(self, calls: list[Call]) -> float:
        """Return the share of the hook's own calls that have been found in a forked run."""
        return len(self._in_forked) / sum(self._is_own(call) for call in calls)

    def _kind(self, call: Call) -> object:
        """Return by what a call is known: not by its number, since threads make theirs in another order each time."""
        return call.process, call.name, _OWN_NUMBERS.sub("#", call.path)

    def _is_own(self, call: Call) -> bool:
        in_archive = call.path.startswith(f"{self.archive}/")
        return not in_archive and not is_loading(call, self.folder, self.archive)

    def disturb(self, point: Point, command: str, job: int | None) -> Outcome:
        """Run a hook with one fault."""
        return self.slurmd.run(*self.command(command, job), point)

    def disturb_forked(self, point: Point, command: str, job: int | None) -> Outcome | None:
        """Run a hook in a forked process with one fault; None where its shell would have a word to say.

        That is before the hook's own calls, and where the process is killed or does not come to its end.
        """
        call = self._in_forked.get((point.call.process, point.call.number))
        if self._server is None or call is None or point.fault in KILLS:
            return None
        _, environment = self.command(command, job)
        same = Point(call, point.fault)
        outcome = self.slurmd.run_forked(self._server, self.archive, self._arguments(command), environment, same)
        return outcome if outcome.status == 0 and outcome.fired else None

    def published(self, job: int) -> list[dict[str, Any]]:
        """Return the published records of a job."""
        found = [json.loads(path.read_text()) for path in self.records.glob("lab/*/[!.]*.json")]
        return [record for record in found if record["job_id"] == job]


@dataclass(frozen=True)
class Scenario:
    """A command that is disturbed, for a job: what comes before and after it, and what must then hold.

    ``bytes_now`` is where the counters stand when it runs. ``parts`` is how many tests share the points; in each, at
    least so many faults come (``least``). Each call of the hook's own meets ``faults_each``. ``from_start``: the points
    lie before the hook's first line.
    """

    name: str
    command: str
    job: int | None
    bytes_now: int
    before: Callable[[World], None]
    after: Callable[[World], None]
    check: Callable[[World, Point, Outcome], Iterator[str]]
    parts: int
    least: int
    faults_each: int = 2
    from_start: bool = False


# What comes before and after.


def nothing(_world: World) -> None:
    pass


def a_job_has_worked(world: World) -> None:
    world.count(BEFORE)
    world.run("prolog", 7)
    world.count(AFTER)


def a_record_waits(world: World) -> None:
    a_job_has_worked(world)
    world.records.rmdir()
    world.run("epilog", 7)
    world.records.mkdir()


def the_node_is_checked(world: World) -> None:
    world.count(BEFORE)
    world.run("health-check")
    world.run("prolog", 7)


def the_job_ends_and_another_comes(world: World) -> None:
    world.count(AFTER)
    world.run("epilog", 7)
    another_comes(world)


def another_comes(world: World) -> None:
    world.count(AFTER)
    world.run("prolog", 8)
    world.count(LATER)
    world.run("epilog", 8)


# What must hold.


def the_job_has_its_record(world: World, point: Point, outcome: Outcome) -> Iterator[str]:
    found = world.published(7)
    if not found and point.fault not in KILLS:
        yield "the record of job 7 is lost"
    for record in found:
        yield from wrong_numbers(record, AFTER - BEFORE)
        if record["baseline"] == "missing" and point.fault not in KILLS:
            yield "the record of job 7 has no baseline"
    if found:
        runs = find_runs(world.records, 7)
        if len(runs) != 1:
            yield f"{len(runs)} runs of job 7"
    yield from the_next_job_is_unharmed(world, point, outcome)


def the_next_job_is_unharmed(world: World, _point: Point, _outcome: Outcome) -> Iterator[str]:
    found = world.published(8)
    if len(found) != 1:
        yield f"{len(found)} records of job 8"
    for record in found:
        if record["baseline"] != "ok" or record["shared_with"] or record["doubts"]:
            yield "job 8: %s" % {name: record[name] for name in ("baseline", "shared_with", "doubts")}
        counted = [item for item in (*one_by_one(record)["devices"], *record["interfaces"]) if item["counters"]]
        if len(counted) != DEVICES + 1:
            yield "job 8 lacks counters"
        yield from wrong_numbers(record, LATER - AFTER)


def wrong_numbers(record: dict[str, Any], right: int) -> Iterator[str]:
    """Give what is wrong with a record by itself: its form, and a difference that is known and not right."""
    yield from (f"job {record['job_id']}: {error.message}" for error in SCHEMA.iter_errors(record))
    for item in (*one_by_one(record)["devices"], *record["interfaces"]):
        for counter in ("tx_bytes", "rx_bytes"):
            if item["counters"].get(counter, right) != right:
                yield f"job {record['job_id']}: {counter} of {item['name']} is {item['counters'][counter]}, not {right}"


def the_lines_are_whole(world: World, _point: Point, outcome: Outcome) -> Iterator[str]:
    wanted = world.run("task-prolog", 7).splitlines()
    lines = outcome.output.splitlines()
    if any(line not in wanted for line in lines) or (outcome.output and not outcome.output.endswith("\n")):
        yield f"Slurm would obey {outcome.output!r}"


def play(world: World, scenario: Scenario, point: Point, mode: str) -> tuple[bool, list[str]]:
    """Play a scenario with one fault; return whether the fault came, and what is wrong then."""
    outcome = None
    for disturb in (world.disturb_forked, world.disturb):
        if outcome is None:
            world.begin(mode)
            world.count(scenario.bytes_now)
            own_files = world.own_files()
            outcome = disturb(point, scenario.command, scenario.job)
    assert outcome is not None
    # So that whatever comes after it starts as ever.
    wrong = [] if world.own_files() == own_files else ["the hook's own files are not as they were"]
    # Without its script, as a person runs it, the hook may say that it did not begin.
    if scenario.command in SCRIPTS and outcome.status != 0 and (point.fault not in KILLS or outcome.status < _SIGNALS):
        wrong.append(f"status {outcome.status}: the node is drained")
    # What comes after it finds nothing but what this run has left. Where another has left the same, it is known.
    left = (world.left(), mode, point.fault in KILLS)
    if scenario.after is nothing or left not in world.seen:
        world.seen.add(left)
        scenario.after(world)
        wrong += scenario.check(world, point, outcome)
    said = f"{outcome.output.strip()} {outcome.errors.strip()}"
    return bool(outcome.fired), [f"{mode}, {point}: {text} ({said})" for text in wrong]
