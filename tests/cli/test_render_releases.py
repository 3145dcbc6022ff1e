"""``efakit render`` says what the release cannot do, and writes all targets all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.cli.render import render

CASES = Path(__file__).resolve().parents[1] / "spec" / "cases"


@pytest.mark.parametrize(
    ("name", "rule", "code"),
    [("old", "release-lambda-runtime", 0), ("b300", "release-p6-b300", 1), ("login2", None, 0)],
)
def test_a_fault_of_the_release_is_said_and_the_bundle_is_written(
    tmp_path: Path, name: str, rule: str | None, code: int
):
    spec = tmp_path / "spec.yaml"
    spec.write_text((CASES / f"{name}.yaml").read_text())
    (tmp_path / "train.py").write_text("")
    done = CliRunner().invoke(render, [str(spec), "--out", str(tmp_path / "out")])
    assert done.exit_code == code, done.output
    assert ("release-" in done.stderr) == (rule is not None)
    assert rule is None or f"error {rule}" in done.stderr
    for file in ("cluster.yaml", "hooks/hook.json", "DECISIONS.md"):
        assert (tmp_path / "out" / file).is_file()
    assert list((tmp_path / "out" / "jobs").iterdir())
