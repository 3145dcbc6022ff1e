"""The ready specs render to the files beside them; a reviewer reads the diff (python -m scripts.renew_golden)."""

from __future__ import annotations

import subprocess

import pytest

from scripts.renew_golden import ROOT, golden_files

GOLDEN = golden_files()


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_golden_file_is_what_efakit_renders(path):
    assert path.read_text() == GOLDEN[path].decode()


@pytest.mark.parametrize(
    "path", [path for path in GOLDEN if path.suffix == ".sbatch"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_scripts_pass_shellcheck_and_bash(path):
    assert subprocess.run(["bash", "-n", path], capture_output=True, text=True).stderr == ""
    checked = subprocess.run(["shellcheck", path], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_every_ready_spec_says_first_what_to_fill_in():
    for spec in (ROOT / "cluster-configs").glob("*.yaml"):
        if not spec.name.endswith(".cluster.yaml"):
            assert "Fill in:" in "".join(spec.read_text().splitlines(keepends=True)[:3]), spec
