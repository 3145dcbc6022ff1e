"""The ready specs render to the files beside them; a reviewer reads the diff (python -m scripts.renew_golden)."""

from __future__ import annotations

import difflib
import subprocess
from pathlib import Path

import pytest

from scripts.renew_golden import ROOT, golden_files

SCRIPTS = sorted((ROOT / "tests/emit/golden").rglob("*.sbatch"))


def _first_difference(differing: list[Path], golden: dict[Path, bytes]) -> str:
    path = differing[0]
    lines = (path.read_text().splitlines(), golden[path].decode().splitlines())
    return "\n".join(difflib.unified_diff(*lines, "there", "rendered", lineterm="", n=1))


def test_every_golden_file_is_what_efakit_renders():
    golden = golden_files()
    differing = [path for path, content in golden.items() if path.read_bytes() != content]
    assert [str(path.relative_to(ROOT)) for path in differing] == [], _first_difference(differing, golden)
    assert set(SCRIPTS) <= set(golden), "a script that no spec renders"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_scripts_pass_shellcheck_and_bash(path):
    assert subprocess.run(["bash", "-n", path], capture_output=True, text=True).stderr == ""
    checked = subprocess.run(["shellcheck", path], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_every_ready_spec_says_first_what_to_fill_in():
    for spec in (ROOT / "cluster-configs").glob("*.yaml"):
        if not spec.name.endswith(".cluster.yaml"):
            assert "Fill in:" in "".join(spec.read_text().splitlines(keepends=True)[:3]), spec
