"""The report's texts as a reader sees them: tests/report/golden, renewed by ``python -m scripts.renew_golden``."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.golden_reports import golden_page, golden_reports

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.name for path in GOLDEN.glob("*.txt"))


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Made when a test wants them, and not by whoever only looks for tests: that is seconds."""
    return golden_reports()


def test_each_report_has_its_golden_text(texts):
    assert sorted(texts) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_report_reads_as_its_golden_text(name, texts):
    assert texts[name] == (GOLDEN / name).read_text()


@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_asked_for_and_the_answer_stands_in_the_second_line(name, texts):
    lines = texts[name].splitlines()
    assert max(map(len, lines)) <= int(name.rpartition("-")[2].removesuffix(".txt"))
    assert lines[0].startswith("Job 42 train: ")
    assert lines[1].split(":")[0] in ("EFA", "Not EFA", "Partly EFA", "Not known")
    assert len(lines) <= 80


def test_a_page_is_its_golden_file():
    assert golden_page() == (GOLDEN / "mixed.html").read_text(encoding="utf-8")
