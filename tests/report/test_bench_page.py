"""The section Benchmarks of a page: the text's judgement, right drawings, and what was not read is not zero."""

from __future__ import annotations

import re
from html import unescape

import pytest

from efakit.diagnose.bench.judge import Judged
from efakit.diagnose.bench.tables import OSU, Row, Table
from efakit.jobs.findings import limits_with
from efakit.report.bench import sentences
from efakit.report.html.bench import benchmarks
from efakit.report.html.bench_chart import NOT_KNOWN, draw
from efakit.report.html.job import job_page
from efakit.report.job import JobReport
from tests.report import benching, pages

LIMITS = limits_with({})
_POINT = re.compile(r"([ML])([\d.]+) ([\d.]+)")


@pytest.fixture(scope="module")
def report() -> JobReport:
    return pages.benched(pages.many(16))


def judged(values: dict[int, float | None], *, unit: str = "GB/s", **about: object) -> Judged:
    table = Table(OSU, "job.out", 1, test="Latency", unit=unit, ended=True)
    table.rows = [Row(size, value, data_type="float") for size, value in values.items()]
    return Judged(table, table.judged_row(), **about)  # type: ignore[arg-type]


def points(chart, name: str) -> list[tuple[str, float, float]]:
    (curve,) = [one for one in chart.curves if one.name == name]
    return [(pen, float(x), float(y)) for pen, x, y in _POINT.findall(str(curve.line))]


def test_a_page_has_the_section_only_where_tables_were_asked_for_and_says_what_the_text_says(report):
    page = unescape(job_page(report, "0"))
    assert 'id="h-bench"' not in job_page(pages.many(16), "0")
    told = list(sentences(report.bench))
    assert len(told) == 21
    assert all(text in page for text in told)


def test_only_the_first_tables_are_drawn_and_the_others_are_sentences(report):
    shown = benchmarks(report.bench)
    assert [one.chart is not None for one in shown] == [True] * 8 + [False] * 12
    assert all(one.sentence for one in shown)


@pytest.mark.thorough
def test_tables_of_very_many_sizes_keep_the_largest_page_under_500_kb():
    wide = benching.all_reduce(["gpu-st-p5-1", "gpu-st-p5-2"], 300.0, tuple(range(1 << 20, 801 << 20, 1 << 20)))
    report = benching.with_tables(pages.restless(512), *(wide,) * 8, earlier=((wide,),))
    shown = benchmarks(report.bench)
    assert [one.chart is not None for one in shown] == [True] * 3 + [False] * 5
    assert list(shown[3].notes) == ["Its figures are in --format json."]
    assert len(job_page(report, "0").encode()) < 500_000


def test_no_table_and_no_log_is_said_on_the_page():
    page = job_page(benching.with_tables(pages.many(4), "hello\n"), "0")
    assert "no result table of nccl-tests, nccom-test or OSU in nccl.out" in page


def test_a_size_without_a_number_is_not_known_and_never_zero(report):
    broken = benchmarks(report.bench)[1]
    cells = {row[0]: row[1:] for row in broken.figures.rows}
    assert cells["8 KiB"][:2] == [NOT_KNOWN, NOT_KNOWN]
    assert cells["8 KiB"][-2:] == [NOT_KNOWN, "0"]
    assert cells["256 KiB"][-1] == "24"
    assert [pen for pen, _, _ in points(broken.chart, "this")].count("M") == 2
    assert len(points(broken.chart, "this")) == len(broken.figures.rows) - 1
    assert str(broken.chart.unknown).count("M") == 1
    assert "8 KiB: not known" in [hit.says for hit in broken.chart.hits]
    assert any("breaks off" in note for note in broken.notes)
    assert not re.search(r"""="[^"]*\b(nan|inf)\b[^"]*"|<td[^>]*>(nan|inf)\b""", job_page(report, "0").lower())


def test_what_was_not_checked_has_no_count_of_wrong_values():
    log = (
        benching.all_reduce(["gpu-st-p5-1"], 100.0)
        .replace("       0\n", "     N/A\n")
        .replace("       0  ", "     N/A  ")
    )
    assert "     N/A" in log
    found = benching.with_tables(pages.many(4), log).bench
    assert {row.wrong for row in found.judged[0].table.rows} == {None}
    assert "wrong values" not in benchmarks(found)[0].figures.columns


def test_a_value_stands_on_the_scale_where_its_like_stands():
    one = judged(
        {8: 0.0, 16: 200.0, 32: 400.0}, most=400.0, line_rate=400.0, medians={16: 200.0, 32: 100.0}, earlier_runs=3
    )
    chart = draw(one, LIMITS)
    (_, x0, y0), (_, x1, y1), (_, x2, y2) = points(chart, "this")
    assert (x1 - x0, y0 - y1) == pytest.approx((x2 - x1, y1 - y2))
    (most,) = points(chart, "most")
    assert most[2] == y2
    (_, at, same), (_, _, quarter) = points(chart, "median")
    assert (at, same) == (x1, y1)
    assert y0 - quarter == pytest.approx((y0 - y2) / 4)
    assert [one.says for one in chart.curves] == [
        "what the line rate allows: 400 GB/s",
        "median of 3 earlier runs",
        "this run",
    ]
    assert chart.hits[2].says == "32 B: 400 GB/s, 100 % of what the line rate allows; earlier 100"


def test_a_latency_stands_on_a_scale_of_tens_and_has_no_line_rate():
    chart = draw(judged({1: 1.0, 2: 10.0, 4: 100.0}, unit="us"), LIMITS)
    (_, _, y0), (_, _, y1), (_, _, y2) = points(chart, "this")
    assert y0 - y1 == pytest.approx(y1 - y2)
    assert chart.is_log
    assert [one.name for one in chart.curves] == ["this"]


def test_a_number_above_the_line_rate_has_no_bound_drawn_as_the_text_names_none():
    shown = draw(judged({8: 1.0, 16: 900.0}, most=400.0), LIMITS)
    assert [one.name for one in shown.curves] == ["this"]


def test_of_many_sizes_a_point_shows_the_worst_and_a_size_without_a_number_stays_seen():
    values: dict[int, float | None] = dict.fromkeys(range(1, 1001), 100.0)
    values[505] = 3.0
    values[777] = None
    chart = draw(judged(values), LIMITS)
    assert chart.sizes_a_point == 10
    assert [hit.says for hit in chart.hits if " 3 GB/s" in hit.says] == ["501 B to 510 B, the worst: 3 GB/s"]
    assert str(chart.unknown).count("M") == 1
    slow = draw(judged({**values, 505: 900.0}, unit="us"), LIMITS)
    assert [hit.says for hit in slow.hits if " 900 us" in hit.says] == ["501 B to 510 B, the worst: 900 us"]


@pytest.mark.parametrize("values", [{}, {8: 1.0}, {8: None, 16: None}])
def test_what_has_no_two_sizes_or_no_number_is_not_drawn(values):
    assert draw(judged(values), LIMITS) is None


@pytest.mark.parametrize("unit", ["GB/s", "us"])
@pytest.mark.parametrize("value", [0.0, 1e-300, 5e-5, 1.0, 9.9e11])
def test_numbers_of_any_size_stay_within_the_drawing(value, unit):
    for other in (0.0, value, 5.0, None):
        chart = draw(judged({0: value, 1 << 50: other}, unit=unit), LIMITS)
        assert all(0 <= y <= chart.height for _, _, y in points(chart, "this"))
        assert len(chart.lines) <= 8
