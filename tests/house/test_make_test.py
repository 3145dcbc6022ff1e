"""``make test`` names folders where it looks for the lab's tests: it names each that has some."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
RELEASES = ("24.11", "26.05")


@functools.cache
def commands() -> list[list[str]]:
    """Return the words of each command that ``make test`` would run, those of the makes within it too."""
    # Not as a part of the make that runs this test.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    command = ["make", "--dry-run", "--always-make", "test"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return [re.findall(r'"[^"]*"|\S+', line) for line in done.stdout.splitlines()]


def marked(mark: str) -> set[Path]:
    return {path for path in TESTS.rglob("test_*.py") if re.search(rf"mark\.{mark}\b", path.read_text())}


def looked_at(words: list[str]) -> set[Path]:
    """Return the files with tests that a run of pytest looks at."""
    left_out = [ROOT / word.partition("=")[2] for word in words if word.startswith("--ignore=")]
    named = [ROOT / word for word in words if word.startswith("tests/")] or [TESTS]
    found = {path for place in named for path in ([place] if place.is_file() else place.rglob("test_*.py"))}
    return {path for path in found if not any(folder in path.parents for folder in left_out)}


@pytest.mark.parametrize(
    ("mark", "expression", "release"),
    [
        ("lab", {"lab", '"lab and not alone"'}, ()),
        ("alone", {"alone"}, ()),
        ("alone", {"alone"}, ("26.05",)),
        ("images", {"images"}, ()),
        ("dstack", {"dstack"}, ()),
        ("eks", {"eks"}, ()),
        ("sagemaker", {"sagemaker"}, ()),
        ("spark", {"spark"}, ()),
    ],
)
def test_each_file_with_such_tests_is_looked_at(mark, expression, release):
    runs = [words for words in commands() if expression & set(words) and set(RELEASES) & set(words) == set(release)]
    assert runs
    assert marked(mark) - {path for words in runs for path in looked_at(words)} == set()


def test_what_the_lab_needs_runs_on_both_other_releases():
    on = {release: [words for words in commands() if release in words and "pytest" in words] for release in RELEASES}
    assert {release: bool(words) for release, words in on.items()} == dict.fromkeys(RELEASES, True)
    whole = {path for words in on["26.05"] for path in looked_at(words)}
    assert {path for path in marked("lab") if path.parent.name in ("lab", "slurm")} <= whole
