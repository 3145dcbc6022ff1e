"""A fault at every call into libc, one at a time: no drain, no record lost that a disk could take, no harm later."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hook.faults.disturbed import (
    AFTER,
    BEFORE,
    Scenario,
    World,
    a_job_has_worked,
    a_record_waits,
    another_comes,
    nothing,
    play,
    the_job_ends_and_another_comes,
    the_job_has_its_record,
    the_lines_are_whole,
    the_next_job_is_unharmed,
    the_node_is_checked,
)
from tests.hook.faults.fail_at import Point, always, compile_tools, missing_for_preload, points, points_at_start

MISSING = missing_for_preload()
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(bool(MISSING), reason=f"no faults in libc's calls without {', '.join(MISSING)}"),
]

MODES = ("enforce", "observe", "enforce", "warn")
PROLOG = ("prolog", 7, BEFORE, nothing, the_job_ends_and_another_comes, the_job_has_its_record)
EPILOG = ("epilog", 7, AFTER, a_job_has_worked, another_comes, the_job_has_its_record)
FLUSH = ("flush", None, AFTER, a_record_waits, another_comes, the_job_has_its_record)
HEALTH = ("health-check", None, BEFORE, nothing, another_comes, the_next_job_is_unharmed)
TASK = ("task-prolog", 7, BEFORE, the_node_is_checked, nothing, the_lines_are_whole)
SCENARIOS = [
    Scenario("prolog", *PROLOG, parts=4, least=70),
    Scenario("epilog", *EPILOG, parts=4, least=90),
    Scenario("flush", *FLUSH, parts=2, least=100),
    Scenario("health check", *HEALTH, parts=2, least=100, faults_each=1),
    Scenario("task prolog", *TASK, parts=1, least=90),
    # Before the hook's first line: the shell and Python itself. A record is worth that Python is started again.
    Scenario("start of a prolog", *PROLOG, parts=1, least=40, from_start=True),
    Scenario("start of an epilog", *EPILOG, parts=1, least=40, from_start=True),
]
PARTS = [
    pytest.param(scenario, part, id=f"{scenario.name}, part {part + 1} of {scenario.parts}")
    for scenario in SCENARIOS
    for part in range(scenario.parts)
]
LEAST_POINTS = 1000
MOST = 0.9


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("tools")
    compile_tools(folder)
    return folder


def points_of(world: World, scenario: Scenario) -> Iterator[Point]:
    world.begin("enforce")
    world.count(scenario.bytes_now)
    calls = world.trace(scenario.command, scenario.job)
    if scenario.from_start:
        return points_at_start(calls, world.archive)
    world.begin("enforce")
    world.match(calls, scenario.command, scenario.job)
    return points(calls, world.folder, world.archive, scenario.faults_each)


@pytest.mark.parametrize(("scenario", "part"), PARTS)
def test_a_fault_at_any_call_drains_no_node_and_loses_no_record(scenario, part, tools, tmp_path):
    world = World(tmp_path, tools, from_start=scenario.from_start)
    scenario.before(world)
    world.keep()
    chosen = list(points_of(world, scenario))[part :: scenario.parts]
    came, wrong = 0, []
    for turn, point in enumerate(chosen):
        has_come, found = play(world, scenario, point, MODES[turn % len(MODES)])
        came += has_come
        wrong += found
    world.close()
    assert not wrong, "\n".join(wrong)
    assert came >= scenario.least


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if not one.from_start], ids=lambda one: one.name)
def test_a_forked_hook_makes_the_calls_of_a_whole_one(scenario, tools, tmp_path):
    """So that a fault at one of them is the same fault: what a run waits for may change their order at its end."""
    world = World(tmp_path, tools)
    scenario.before(world)
    world.keep()
    world.begin("enforce")
    world.count(scenario.bytes_now)
    calls = world.trace(scenario.command, scenario.job)
    world.begin("enforce")
    world.match(calls, scenario.command, scenario.job)
    assert world.matched(calls) > MOST
    world.close()


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("command", ["prolog", "epilog"])
def test_where_no_process_can_be_started_at_all_the_hook_runs_instead_of_the_shell(command, shell, tools, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here: apt-get install {shell}")
    world = World(tmp_path, tools)
    world.count(BEFORE)
    if command == "epilog":
        world.run("prolog", 7)
        world.count(AFTER)
    argv, environment = world.command(command, 7)
    variables = always(tmp_path / "state", None, "fork", "*", errno.ENOMEM)
    done = subprocess.run(
        [shutil.which(shell), *argv[1:]], env={**environment, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 0
    world.run("flush")
    world.count(AFTER)
    if command == "prolog":
        world.run("epilog", 7)
    (record,) = world.published(7)
    assert record["baseline"] == "ok"
    assert "hook-without-child" in [item["rule"] for item in record["findings"]]
    world.close()


def test_there_are_more_than_a_thousand_points(record_property):
    """Each part asserts that so many faults came."""
    count = sum(scenario.least * scenario.parts for scenario in SCENARIOS)
    assert count >= LEAST_POINTS
    record_property(
        "says", f"faults at libc's calls: at least {count} points in {len(SCENARIOS)} commands and their start"
    )
