"""Excerpts of public reports are answered rightly, however they come; healthy logs are passed over."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.diagnose.reading import FOLDER, Report, diagnosis, report, told

REPORTS = [pytest.param(report(path), id=path.stem) for path in sorted((FOLDER / "reports").glob("*.txt"))]
HEALTHY = [pytest.param(path, id=path.stem) for path in sorted((FOLDER / "healthy").glob("*"))]


def _coloured(log: str) -> str:
    return "".join(f"\x1b[1;31m{line}\x1b[0m\n" for line in log.splitlines())


FORMS = {
    "plain": str.encode,
    "coloured": lambda log: _coloured(log).encode(),
    "Windows line ends": lambda log: log.replace("\n", "\r\n").encode(),
    "gzip": lambda log: gzip.compress(log.encode()),
    "bytes that are no text": lambda log: b"\x80\xff\x00\n".join(line.encode() for line in log.splitlines(True)),
    "no last newline": lambda log: log.rstrip("\n").encode(),
    "behind a progress bar": lambda log: b"".join(
        b"\r 10%|###" * 500 + b"\r" + line.encode() for line in log.splitlines(True)
    ),
}


def test_there_are_enough_of_them():
    assert len(REPORTS) >= 60


@pytest.mark.parametrize("given", REPORTS)
def test_a_public_report_is_answered(given: Report, tmp_path: Path):
    found = diagnosis(given.log, folder=tmp_path)
    assert told(found) == given.says
    assert given.follows <= {item.finding.rule for item in found.said if item.follows}
    if given.first == ():
        assert found.first is None
    elif given.first is not None:
        assert found.first is not None
        rule, *who = given.first
        assert found.first.rule == rule
        assert all(word in str(found.first.hit.speaker) for word in who)
    if given.network:
        network, provider, nics = given.network
        choice = found.choices[0]
        assert (choice.network or "?", choice.provider) == (network, provider)
        assert nics in ("?", str(choice.nics))


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_a_log_changes_no_answer(form: str, tmp_path: Path):
    for given in (item.values[0] for item in REPORTS):
        assert told(diagnosis(FORMS[form](given.log), folder=tmp_path)) == given.says, given.source


def test_srun_s_labels_change_no_answer(tmp_path: Path):
    for given in (item.values[0] for item in REPORTS):
        # What srun and slurmstepd say has no label.
        lines = given.log.splitlines(True)
        labelled = "".join(line if "slurmstepd" in line or "srun:" in line else f"12: {line}" for line in lines)
        assert told(diagnosis(labelled, folder=tmp_path)) == given.says, given.source


def test_each_report_has_a_public_source():
    assert all(item.values[0].source.startswith("https://github.com/") for item in REPORTS)


@pytest.mark.parametrize("path", HEALTHY)
def test_a_healthy_log_is_passed_over(path: Path, tmp_path: Path):
    found = diagnosis(path.read_bytes(), folder=tmp_path)
    assert found.said == ()
    assert found.first is None
