"""A fault at every call into libc, one at a time: no drain, no record lost that a disk could take, no harm later."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from efakit.emit.resources import folder as shipped
from tests.hook.faults.fail_at import (
    KILL,
    KILL_GROUP,
    Call,
    Outcome,
    Point,
    Preloaded,
    compile_tools,
    missing_for_preload,
    points,
)
from tests.hook.hookrun import built_hook
from tests.lab import efa_software, efa_tree

MISSING = missing_for_preload()
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(bool(MISSING), reason=f"no faults in libc's calls without {', '.join(MISSING)}"),
]

NODE, DEVICES = "gpu-st-p5-1", 2
MODES = ("enforce", "observe", "warn")
BEFORE, AFTER, LATER = 10_000, 11_000, 13_000
# As Slurm 23.11 and later tell it.
SLURM = {
    "SLURMD_NODENAME": NODE,
    "SLURM_CLUSTER_NAME": "lab",
    "SLURM_JOB_NODELIST": NODE,
    "SLURM_JOB_NUM_NODES": "1",
    "SLURM_JOB_UID": "1000",
    "SLURM_JOB_RESTART_COUNT": "0",
    "SLURM_JOB_OVERSUBSCRIBE": "NO",
}
STARTS = {7: 1_790_000_000, 8: 1_790_003_600}
SCRIPTS = {
    "prolog": "prolog.d/00_efakit",
    "epilog": "epilog.d/99_efakit",
    "health-check": "health-check",
    "flush": "run-hook",
    "task-prolog": "run-hook",
}


class World:
    """A node's folders, and the hook as installed."""

    def __init__(self, folder: Path, tools: Path) -> None:
        self.folder = folder
        self.root, self.spool, self.records = folder / "root", folder / "spool", folder / "records"
        self.run_dir, self.home = folder / "run", folder / "home"
        devices = efa_tree.write_node(self.root, "p4d.24xlarge", efa_tree.generic_devices(DEVICES), port_counters=5)
        self.devices = [device.name for device in devices]
        efa_software.write_software(self.root)
        efa_software.write_fi_info(self.root, self.devices)
        self._install()
        self.preloaded = Preloaded(tools, folder, self.home / "efakit-hook.pyz")
        self.states: dict[str, Path] = {}
        self.clear()

    def _install(self) -> None:
        source = shipped("prolog")
        for name in ("run-hook", "health-check", "prolog.d/00_efakit", "epilog.d/99_efakit"):
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = source.joinpath(name).read_text().replace("home=/opt/slurm/etc/efakit\n", f"home={self.home}\n")
            path.write_text(text.replace("\npython=\n", f"\npython={sys.executable}\n"))
            path.chmod(0o755)
        (self.home / "efakit-hook.pyz").write_bytes(built_hook())

    def clear(self, state: str | None = None, mode: str = "observe") -> None:
        """Begin anew, from a state that was kept."""
        for path in (self.spool, self.records, self.run_dir):
            shutil.rmtree(path, ignore_errors=True)
            if state and (self.states[state] / path.name).exists():
                shutil.copytree(self.states[state] / path.name, path)
        self.records.mkdir(exist_ok=True)
        settings = {
            "mode": mode,
            "root": str(self.root),
            "spool_dir": str(self.spool),
            "run_dir": str(self.run_dir),
            "records_dir": str(self.records),
            "compute_resources": {"gpu/p5": DEVICES},
            "tcp_interfaces": ["eth0"],
        }
        (self.home / "hook.json").write_text(json.dumps(settings))

    def keep(self, state: str) -> None:
        """Keep the state of the folders under a name."""
        self.states[state] = self.folder / f"state-{state}"
        for path in (self.spool, self.records, self.run_dir):
            if path.exists():
                shutil.copytree(path, self.states[state] / path.name)

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
        argv = ["/bin/sh", str(self.home / SCRIPTS[command])]
        argv += [command] if command in ("flush", "task-prolog") else []
        if job is None:
            return argv, {"SLURMD_NODENAME": NODE}
        times = {"SLURM_JOB_START_TIME": str(STARTS[job]), "SLURM_JOB_END_TIME": str(STARTS[job] + 3600)}
        return argv, {**SLURM, **times, "SLURM_JOB_ID": str(job)}

    def run(self, command: str, job: int | None = None) -> str:
        """Run a hook with nothing wrong."""
        argv, environment = self.command(command, job)
        done = subprocess.run(argv, env=environment, cwd="/", capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def trace(self, command: str, job: int | None) -> list[Call]:
        return self.preloaded.trace(*self.command(command, job))

    def run_with(self, point: Point, command: str, job: int | None) -> Outcome:
        return self.preloaded.run(*self.command(command, job), point)

    def published(self, job: int) -> list[dict[str, Any]]:
        """Return the published records of a job; all files must be whole."""
        found = [json.loads(path.read_text()) for path in self.records.glob("lab/*/[!.]*.json")]
        return [record for record in found if record["job_id"] == job]


@dataclass(frozen=True)
class Scenario:
    """A command that is disturbed: from which state, for which job, what comes after it, and what must then hold."""

    command: str
    job: int | None
    prepare: Callable[[World], None]
    after: Callable[[World], None]
    check: Callable[[World, Point, Outcome], Iterator[str]]
    parts: int
    least: int


def nothing(world: World) -> None:
    world.count(BEFORE)


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


def the_epilog_and_a_job(world: World) -> None:
    world.count(AFTER)
    world.run("epilog", 7)
    another_job(world)


def another_job(world: World) -> None:
    world.run("prolog", 8)
    world.count(LATER)
    world.run("epilog", 8)


def later_a_job(world: World) -> None:
    world.count(AFTER)
    another_job(world)


def no_more(world: World) -> None:
    pass


def the_job_has_its_record(world: World, point: Point, outcome: Outcome) -> Iterator[str]:
    found = world.published(7)
    if not found and point.fault not in (KILL, KILL_GROUP):
        yield "the record of job 7 is lost"
    if len(found) > 1:
        yield f"{len(found)} records of job 7"
    for record in found:
        yield from wrong_numbers(record, AFTER - BEFORE)
    yield from the_next_job_is_unharmed(world, point, outcome)


def the_next_job_is_unharmed(world: World, point: Point, outcome: Outcome) -> Iterator[str]:
    found = world.published(8)
    if len(found) != 1:
        yield f"{len(found)} records of job 8"
    for record in found:
        if record["baseline"] != "ok" or len(record["devices"]) != DEVICES:
            yield f"the record of job 8 is not whole: baseline {record['baseline']}"
        if record["shared_with"] and point.fault not in (KILL, KILL_GROUP):
            yield f"job 8 seems to share the node with {record['shared_with']}"
        began_at = AFTER if world.published(7) or point else BEFORE
        yield from wrong_numbers(record, LATER - began_at)
        if not record["shared_with"] and not all(item["counters"] for item in record["devices"]):
            yield "job 8 lacks counters"


def wrong_numbers(record: dict[str, Any], right: int) -> Iterator[str]:
    for item in (*record["devices"], *record["interfaces"]):
        for counter in ("tx_bytes", "rx_bytes"):
            if item["counters"].get(counter, right) != right:
                yield f"job {record['job_id']}: {counter} of {item['name']} is {item['counters'][counter]}, not {right}"


def lines_are_whole(world: World, point: Point, outcome: Outcome) -> Iterator[str]:
    wanted = world.run("task-prolog", 7).splitlines()
    lines = outcome.output.splitlines()
    if any(line not in wanted for line in lines) or (outcome.output and not outcome.output.endswith("\n")):
        yield f"Slurm would obey {outcome.output!r}"


SCENARIOS = [
    Scenario("prolog", 7, nothing, the_epilog_and_a_job, the_job_has_its_record, 8, 300),
    Scenario("epilog", 7, a_job_has_worked, another_job, the_job_has_its_record, 8, 300),
    Scenario("flush", None, a_record_waits, another_job, the_job_has_its_record, 4, 150),
    Scenario(
        "health-check",
        None,
        nothing,
        later_a_job,
        the_next_job_is_unharmed,
        6,
        250,
    ),
    Scenario("task-prolog", 7, the_node_is_checked, no_more, lines_are_whole, 2, 100),
]
PARTS = [
    pytest.param(scenario, part, id=f"{scenario.command} {part + 1} of {scenario.parts}")
    for scenario in SCENARIOS
    for part in range(scenario.parts)
]


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools")
    compile_tools(folder)
    return folder


@pytest.fixture
def world(tmp_path: Path, tools: Path) -> Iterator[World]:
    world = World(tmp_path, tools)
    yield world
    world.preloaded.close()


def disturbed(world: World, scenario: Scenario, point: Point, mode: str) -> tuple[str, list[str]]:
    """Play a scenario with one fault; return where it came, and what is wrong then."""
    world.clear(scenario.command, mode)
    world.count(BEFORE if scenario.prepare in (nothing, the_node_is_checked) else AFTER)
    outcome = world.run_with(point, scenario.command, scenario.job)
    wrong = []
    if outcome.status != 0 and point.fault not in (KILL, KILL_GROUP):
        wrong.append(f"status {outcome.status}")
    scenario.after(world)
    wrong += scenario.check(world, point, outcome)
    return outcome.fired, [
        f"{mode}, {point}: {text} ({outcome.output.strip()} {outcome.errors.strip()})" for text in wrong
    ]


@pytest.mark.parametrize(("scenario", "part"), PARTS)
def test_a_fault_at_any_call_drains_no_node_and_loses_no_record(scenario, part, world, record_property):
    scenario.prepare(world)
    world.keep(scenario.command)
    calls = world.trace(scenario.command, scenario.job)
    wanted = list(points(calls, world.folder, world.home / "efakit-hook.pyz"))[part :: scenario.parts]
    fired, wrong = 0, []
    for turn, point in enumerate(wanted):
        where, found = disturbed(world, scenario, point, MODES[turn % len(MODES)])
        fired += bool(where)
        wrong += found
    if os.environ.get("FAIL_LOG"):
        with Path(os.environ["FAIL_LOG"]).open("a") as f:
            f.write(f"{scenario.command} {part} {fired}/{len(wanted)}\n" + "\n".join(wrong) + "\n")
    assert wrong == []
    assert fired >= scenario.least // scenario.parts
