"""README, help and docs agree with what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from efakit.cli.main import COMMANDS
from efakit.jobs.verdict import VERDICTS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_place_in_the_readme(command):
    assert f"efakit {command}" in README


def test_every_command_in_the_readme_exists():
    named = set(re.findall(r"efakit ([a-z]+)\b", README)) - {
        "and",
        "makes",
        "with",
        "needs",
        "decides",
        "does",
        "calls",
        "writes",
    }
    assert named <= set(COMMANDS), named - set(COMMANDS)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_is_explained_in_the_readme(verdict):
    assert f"| `{verdict}` |" in README


def test_links_within_the_repository_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_room_has_its_row_in_the_architecture():
    text = (ROOT / "docs/architecture.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "src/efakit").glob("*/__init__.py")}
    for room in rooms:
        assert f"| {room}/ |" in text, room
