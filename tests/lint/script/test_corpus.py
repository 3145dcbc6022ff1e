"""Ordinary scripts have no findings; defective ones have exactly those that the side file names."""

from __future__ import annotations

import subprocess

import pytest

from efakit.rules.registry import rules_of
from tests.lint.script.linting import CORPUS, found

ORDINARY = sorted((CORPUS / "ordinary").iterdir())
DEFECTIVE = sorted(path for path in (CORPUS / "defective").iterdir() if path.name != "expected.txt")
STEPS = (CORPUS.parent / "script" / "test_steps.py").read_text().splitlines()
EXPECTED = (CORPUS / "defective" / "expected.txt").read_text().splitlines()


def findings_of(path):
    return found(path.read_bytes(), file=str(path), has_folder=lambda folder: False)


@pytest.mark.parametrize("path", ORDINARY, ids=lambda path: path.name)
def test_an_ordinary_script_has_no_finding(path):
    assert findings_of(path) == []


def test_false_positives_on_the_corpus_are_none(record_property):
    count = sum(len(findings_of(path)) for path in ORDINARY)
    record_property("says", f"{count} false positives in {len(ORDINARY)} ordinary scripts")
    assert count == 0
    assert ORDINARY


@pytest.mark.parametrize("path", DEFECTIVE, ids=lambda path: path.name)
def test_a_defective_script_has_the_findings_that_are_written_down(path):
    lines = [f"{path.name}:{item.line}:{item.column} {item.severity} {item.rule}" for item in findings_of(path)]
    assert lines == [line for line in EXPECTED if line.startswith(f"{path.name}:")]
    assert lines


def test_every_structural_rule_finds_something_in_the_corpus():
    seen = {line.split()[-1] for line in EXPECTED}
    missing = set(rules_of("script")) - seen
    # These have tests of their own, for they need bytes, an instance type or versions.
    elsewhere = {"not-utf-8", "not-understood", "gpus-of-instance", "software-broken", "software-risky"}
    elsewhere |= {"cpus-of-instance", "srun-forgets-cpus", "tasks-per-node-lost"}
    of_steps = {line.rpartition(" | ")[2] for line in STEPS}
    assert missing <= {*elsewhere, "variable-not-read", *of_steps}


@pytest.mark.parametrize("path", [*ORDINARY, *DEFECTIVE], ids=lambda path: path.name)
def test_the_corpus_is_shell(path):
    if path.suffix in (".sbatch", ".sh"):
        subprocess.run(["bash", "-n", path], check=True)
