"""Pages of reports: what they say, that nothing in them runs, and how large they are."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import date
from html.parser import HTMLParser

import pytest

from efakit.report.html import grid as grids
from efakit.report.html import heat, timeline
from efakit.report.html.fleet import fleet_page
from efakit.report.html.job import job_page
from scripts.golden_reports import golden_page, report_of
from tests.jobs.labelled import Maker
from tests.report import pages
from tests.report.pages import HOSTILE

_ELEMENTS = {
    "a",
    "b",
    "body",
    "caption",
    "code",
    "dd",
    "defs",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "footer",
    "g",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
    "li",
    "main",
    "meta",
    "p",
    "path",
    "pattern",
    "rect",
    "section",
    "small",
    "span",
    "style",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
}
_ATTRIBUTES = {
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "charset",
    "class",
    "content",
    "d",
    "fill",
    "focusable",
    "height",
    "href",
    "http-equiv",
    "id",
    "lang",
    "name",
    "patternunits",
    "preserveaspectratio",
    "rel",
    "role",
    "scope",
    "tabindex",
    "text-anchor",
    "transform",
    "viewbox",
    "width",
    "x",
    "y",
}
_MOST_LETTERS = 500_000


class _Read(HTMLParser):
    """What a browser makes of a page: elements, attributes and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.texts: list[str] = []
        self.metas: list[dict[str, str | None]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag == "meta":
            self.metas.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.elements.add(f"a comment: {data}")


def _read(page: str) -> tuple[_Read, str]:
    read = _Read(page)
    return read, " ".join("".join(read.texts).split())


def _hostile_fleet() -> str:
    return fleet_page(pages.fleet(90, None, HOSTILE), "0")


def _fleet() -> str:
    return fleet_page(pages.fleet(7), "0")


@pytest.mark.parametrize("make", [pages.hostile_job, _hostile_fleet])
def test_no_text_of_a_record_becomes_markup_and_none_turns_the_page_round(make):
    page = make()
    read, text = _read(page)
    assert read.elements <= _ELEMENTS
    assert read.attributes <= _ATTRIBUTES
    assert all(link.startswith(("#", "https://")) for link in read.links)
    assert HOSTILE[0] in text
    assert HOSTILE[4] in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)
    assert len(page) < _MOST_LETTERS
    page.encode()


@pytest.mark.parametrize("by", ["job", "node", "user"])
def test_no_text_of_a_table_of_all_jobs_becomes_markup(by):
    read, text = _read(fleet_page(pages.fleet(7, by, HOSTILE), "0"))
    assert read.elements <= _ELEMENTS
    assert read.attributes <= _ATTRIBUTES
    assert HOSTILE[1] in text


@pytest.mark.parametrize("make", [golden_page, _fleet])
def test_the_policy_allows_the_pages_own_style_and_nothing_else(make):
    page = make()
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [meta["content"] for meta in _read(page)[0].metas if meta.get("http-equiv")]
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]
    assert not re.search("url\\((?!#)|@import|https?:", style)


@pytest.mark.thorough
@pytest.mark.parametrize("make", [pages.many, pages.restless])
def test_a_page_of_512_nodes_with_32_devices_and_with_benchmarks_is_under_500_kb(make):
    report = make(512)
    assert len(job_page(report, "0").encode()) < len(job_page(pages.benched(report), "0").encode()) < _MOST_LETTERS


@pytest.mark.thorough
def test_a_page_of_4096_nodes_folds_them_and_lists_those_that_are_unlike_or_to_be_looked_at():
    page = pages.job_of(4096)
    _, text = _read(page)
    assert len(page.encode()) < _MOST_LETTERS
    assert "One column is 8 nodes, and shows the most remarkable of them." in text
    assert "4,096 nodes by 32 devices: 31 moved nothing" in text
    table = page[page.index('id="h-all"') :]
    assert {name for name in ("3", "9", "41", "51", "52") if f">gpu-st-p5-{name}<td" in table} == {"3", "9", "41", "51"}


def test_all_nodes_are_listed_where_that_is_asked_for():
    report = pages.many(700)
    assert job_page(report, "0").count('<th scope="row">gpu-st-p5-') == 4
    assert job_page(report, "0", all_nodes=True).count('<th scope="row">gpu-st-p5-') == 700


def _grid(make: Maker) -> grids.Grid:
    return grids.grid_of(make.names, make.records, 65536)


def test_zero_unread_missing_and_lost_are_classes_of_their_own():
    make = Maker(1, nodes=5, driver="2.17.3", instance="p4d.24xlarge")
    make.exchange()
    first, second, third, fourth, fifth = make.names
    make.clear(make.devices(first)[0])
    make.devices(second)[1]["unknown"] = ["rx_bytes"]
    del make.devices(second)[1]["counters"]["rx_bytes"]
    make.devices(third).pop()
    del make.records[fourth]
    make.records[fifth]["baseline"] = "missing"
    found = _grid(make)
    assert [re.sub("[0-8]", ".", row) for row in found.classes] == ["z...", ".u..", "...a", "uuuu", "uuuu"]
    assert found.middle == pytest.approx(200e9, rel=0.1)
    assert [rail.nothing for rail in found.rails] == [1, 0, 0, 0]
    assert [rail.unknown for rail in found.rails] == [2, 3, 2, 2]
    assert not any(rail.sent.complete for rail in found.rails)


def test_a_device_that_moved_bytes_by_operation_only_is_not_at_zero():
    make = Maker(1, nodes=2, driver="2.17.3", instance="p4d.24xlarge")
    make.exchange()
    device = make.devices(make.names[0])[0]
    device["counters"] |= {"tx_bytes": 0, "rx_bytes": 0}
    assert "z" not in "".join(_grid(make).classes)


def test_all_that_fell_back_is_at_zero_and_there_is_no_median():
    make = Maker(1, nodes=4, driver="2.17.3", instance="p4d.24xlarge")
    found = _grid(make)
    assert (set("".join(found.classes)), found.middle) == ({"z"}, None)


def test_the_class_of_a_device_is_its_part_of_the_median():
    values = [[0, 65536, 24 * 10**9, 30 * 10**9, 60 * 10**9, 90 * 10**9, 100 * 10**9]]
    values[0] += [100 * 10**9, 110 * 10**9, 150 * 10**9, 300 * 10**9, 500 * 10**9]
    values[0] += [100 * 10**9] * 9
    found = grids.Grid(("n",), tuple("d" * len(values[0])), values, 65536, ())
    assert found.classes[0][:12] == "z00123445678"


def test_of_several_nodes_in_one_column_zero_never_disappears():
    make = Maker(1, nodes=2000, driver="2.17.3", instance="hpc7a.96xlarge")
    make.exchange()
    make.clear(make.devices(make.names[1234])[1])
    del make.records[make.names[77]]
    drawn = heat.draw(_grid(make))
    assert drawn is not None
    assert drawn.a_column == 4
    wide, high = drawn.cell
    column = drawn.left + 1234 // 4 * wide
    assert f"M{column:g} {drawn.top + high:g}h{wide:g}v{high:g}" in drawn.areas["z"]
    assert set(drawn.areas) == {"z", "u"}


def test_a_node_of_which_the_devices_have_many_names_is_shown_by_their_places():
    make = Maker(1, nodes=40, driver="2.17.3", instance="p4d.24xlarge")
    make.exchange()
    for name in make.names:
        for device in make.devices(name):
            device["name"] += name
    found = _grid(make)
    assert (found.by_place, found.devices) == (True, ("device 1", "device 2", "device 3", "device 4"))
    assert set("".join(found.classes)) <= set(grids.SCALE)


def test_a_job_without_any_record_has_a_page():
    make = Maker(1, nodes=2)
    make.records.clear()
    _, text = _read(job_page(report_of(make.job("lost", "incomplete")), "0"))
    assert "No node has a record with devices." in text


@pytest.mark.parametrize(("days", "a_bar"), [(1, 1), (7, 1), (400, 1), (401, 2), (5000, 13)])
def test_a_timeline_has_days_without_runs_and_each_run_once(days, a_bar):
    first = date(2026, 11, 29)
    last = date.fromordinal(first.toordinal() + days - 1)
    runs = dict.fromkeys(("tcp-fallback", "mixed", "incomplete", "shared", "no-traffic", "single-node"), 0)
    held = {first: {**runs, "efa": 3}, last: {**runs, "efa": 4, "mixed": 1}}
    bars = timeline.bars_of(held, first, last)
    assert (len(bars), bars[0].first, bars[-1].last) == (-(-days // a_bar), first, last)
    assert sum(sum(bar.runs.values()) for bar in bars) == (5 if days == 1 else 8)
    assert timeline.draw(bars).days_a_bar == min(a_bar, days)


def test_a_fleet_says_first_how_many_of_the_runs_with_traffic_used_efa():
    _, text = _read(fleet_page(pages.fleet(7), "0"))
    assert "420 of 446 runs whose nodes exchanged data used EFA; 13 fell back to TCP and 13 did in part." in text
    assert "Fell back to TCP" in text
    assert "Wholly, then in part, the latest first." in text
    assert "0.09 %" in text


def test_a_fleet_without_runs_says_so():
    report = pages.fleet(7)
    empty = [(columns, []) for columns, _ in report.answers]
    _, text = _read(fleet_page(type(report)(report.filters, None, empty, 0, (), (["day"], [])), "0"))
    assert "No runs: no record of this time, or none that fits." in text
