"""A part of the fault matrix on the oldest Python that the hook supports and on the newest that there is here."""

from __future__ import annotations

import sys

import pytest

from tests.hook.faults import broken_settings, environments, keeping, lives, reading
from tests.hook.faults.story import Case, play
from tests.hook.pythons import HOW_TO_GET, OLDEST, found_pythons

# With the lab's tests, since they take their time.
pytestmark = pytest.mark.lab
PYTHONS = found_pythons()
NEWEST = max(PYTHONS, default=OLDEST)
# Some of each kind: what depends on the interpreter is parsing, processes, descriptors and names of files.
NAMES = {
    "a counter of device one hangs",
    "a counter is a folder",
    "a counter holds '1_000\\n'",
    "a name of a device is garbage",
    "half the devices are there",
    "an epilog twice",
    "a requeued job",
    "a reboot in the job",
    "a job inside another",
    "a baseline that lacks nearly all",
    "the spool becomes a link in the job",
    "the baseline is nested too deep",
    "the records folder is missing",
    "the variables of Slurm 22.05",
    "the variables of Slurm 26.05",
    "an empty environment",
    "text that is not UTF-8",
    "settings nested too deep",
    "settings in UTF-16",
}
TABLES = (reading.CASES, lives.CASES, keeping.CASES, environments.CASES, broken_settings.CASES)
CASES = [case for table in TABLES for case in table if case.name in NAMES]


@pytest.mark.parametrize("which", ["oldest", "newest"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_hook_stands_the_same_on_another_python(case: Case, which: str, tmp_path):
    version = OLDEST if which == "oldest" else NEWEST
    if version not in PYTHONS:
        pytest.skip(f"no Python {version[0]}.{version[1]} here: {HOW_TO_GET}")
    if version == sys.version_info[:2]:
        pytest.skip(f"the tests' own Python {version[0]}.{version[1]} is the newest here: {HOW_TO_GET}")
    play(case, tmp_path, python=str(PYTHONS[version]))


def test_the_pythons_are_told(record_property):
    assert {case.name for case in CASES} == NAMES
    versions = ", ".join(f"3.{minor}" for _, minor in sorted(PYTHONS))
    own = f"3.{sys.version_info.minor}"
    record_property("says", f"the fault matrix ran on Python {own}, in part on the oldest and newest of {versions}")
