"""Kinds of untrue words, each with its reproductions, in all modes: see ``kinds``."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from pathlib import Path

import pytest

from efakit.hook import remembered
from tests.hook.faults.kinds import KINDS
from tests.hook.faults.story import Case, play

pytestmark = pytest.mark.thorough
ROWS = [pytest.param(case, id=f"{kind}: {case.name}") for kind, cases in KINDS.items() for case in cases]


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path):
    """The hook remembers its settings in /run for root; a test's are not the machine's."""
    yield
    for path in Path(remembered.FOLDER).glob("settings-*.json"):
        with contextlib.suppress(OSError, ValueError):
            if json.loads(path.read_text())["config"].startswith(str(tmp_path)):
                path.unlink()


@pytest.mark.parametrize("mode", ["observe", "warn", "enforce"])
@pytest.mark.parametrize("case", ROWS)
def test_what_is_said_is_so(case: Case, mode: str, tmp_path):
    if case.needs_root and os.geteuid() != 0:
        pytest.skip("only root remembers settings")
    play(dataclasses.replace(case, settings={**case.settings, "mode": mode}), tmp_path)


def test_each_kind_has_its_reproductions(record_property):
    names = [case.name for cases in KINDS.values() for case in cases]
    assert len(names) == len(set(names)), "each name is one case's"
    parts = ", ".join(f"{len(cases)} {kind}" for kind, cases in KINDS.items())
    record_property("says", f"kinds: {len(names)} cases ({parts})")
