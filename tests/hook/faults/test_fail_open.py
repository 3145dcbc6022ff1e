"""Mode ``enforce`` fails a prolog for what is wrong with the devices, never for a fault of the hook's own world."""

from __future__ import annotations

import dataclasses
import json
import subprocess

import pytest

from tests.hook.faults import broken_settings, environments, keeping, lives, mounts, reading
from tests.hook.faults.faulty_mount import missing_for_fuse
from tests.hook.faults.mount_steps import clean_mounts
from tests.hook.faults.story import DEVICES, Case, play

MISSING = missing_for_fuse()
pytestmark = pytest.mark.lab
ENFORCING = {
    "mode": "enforce",
    "enforce": ["devices-missing", "driver-unbound", "verbs-missing", "verbs-unusable"],
    "breaker_nodes_per_hour": 100,
}
# A snapshot that was cut short is no proof that a device is missing.
CUT_SHORT = [case for case in reading.CASES if case.must[: len(reading.CUT_SHORT)] == reading.CUT_SHORT]
# Theirs say otherwise: the settings are not read, or are checked for mode observe.
SETTINGS = [case for case in broken_settings.CASES if "mode" not in case.name and "root" not in case.name]
# A node that lacks a device is refused, and rightly.
KEEPING = [case for case in keeping.CASES if case.settings.get("expected_devices", DEVICES) == DEVICES]
PLAIN = [*CUT_SHORT, *lives.CASES, *KEEPING, *environments.CASES, *SETTINGS]


def enforcing(case: Case) -> Case:
    return dataclasses.replace(case, settings={**case.settings, **ENFORCING})


def test_it_does_enforce_where_devices_are_missing(tmp_path):
    """Else the other tests here would show nothing."""
    (half,) = (case for case in reading.CASES if case.name == "half the devices are there")
    case = dataclasses.replace(enforcing(half), steps=half.steps[:1], must=())
    node = play(case, tmp_path).node
    node.config.write_text(json.dumps(node.settings))
    prolog = [node.python, "-I", "-S", str(node.archive), "prolog", "--config", str(node.config)]
    done = subprocess.run(prolog, env=environments.NAMED, capture_output=True, text=True)
    assert (done.returncode, "on purpose" in done.stdout) == (1, True)


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.name)
def test_enforce_lets_the_job_run(case: Case, tmp_path):
    play(enforcing(case), tmp_path)


@pytest.mark.skipif(bool(MISSING), reason=f"no FUSE mounts without {', '.join(MISSING)}: run 'make test' as root")
@pytest.mark.parametrize("case", mounts.CASES, ids=lambda case: case.name)
def test_enforce_lets_the_job_run_whatever_file_systems_do(case: Case, tmp_path):
    with clean_mounts():
        play(enforcing(case), tmp_path)
