"""Pages in a real Chromium: nothing runs, nothing is asked for, nothing is cut off, and everybody can read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.browser import Browser, program
from tests.report.pages import all_pages

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(program() is None, reason="no Chromium: scripts/setup-browser.sh .cache/axe installs Debian's"),
]

AXE = Path(__file__).resolve().parents[2] / ".cache/axe/axe.min.js"
WIDTHS = (360, 800, 1400)
PAGES = (
    "4 nodes",
    "32 nodes",
    "512 nodes",
    "4,096 nodes",
    "benchmarks",
    "hostile",
    "fleet of a week",
    "fleet of a year",
)
PAGES = (*PAGES, "hostile fleet")


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    running = Browser(tmp_path_factory.mktemp("browser"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for number, (name, page) in enumerate(all_pages().items()):
        found[name] = folder / f"{number}.html"
        found[name].write_text(page, encoding="utf-8")
    assert tuple(found) == PAGES
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_nothing_runs_nothing_and_fits_every_width_in_light_and_dark(
    browser, files, name, record_property
):
    milliseconds = {}
    for width in WIDTHS:
        for dark in (False, True):
            milliseconds[width, dark] = browser.open(files[name], width=width, dark=dark)
            assert browser.complaints() == []
            assert browser.requests() == [files[name].as_uri()]
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            assert browser.evaluate(_PAINTED) == ("rgb(26, 32, 39)" if dark else "rgb(255, 255, 255)")
    assert browser.evaluate(_RUNS) == 0
    assert browser.evaluate("typeof window.owned") == "undefined"
    size, soonest = files[name].stat().st_size, min(milliseconds.values())
    record_property("says", f"page of {name}: {size / 1000:.0f} KB, drawn after {soonest:.0f} ms")


_PAINTED = "getComputedStyle(document.querySelector('header')).backgroundColor"
_RUNS = """
[...document.querySelectorAll('*')].filter(e => /^(script|iframe|object|embed|img|link|form|base)$/i.test(e.tagName)
  || [...e.attributes].some(a => /^on|^style$/i.test(a.name) || /^\\s*javascript:/i.test(a.value))).length
"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["4 nodes", "benchmarks", "fleet of a week"])
@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: scripts/setup-browser.sh .cache/axe fetches it by npm")
def test_axe_finds_nothing_in_a_page_with_all_its_details_open(browser, files, name, dark):
    browser.open(files[name], dark=dark)
    browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    browser.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    assert browser.evaluate(_AXE) == []
    assert browser.complaints() == []


_AXE = """
axe.run(document, {resultTypes: ['violations']}).then(found =>
  found.violations.map(one => one.id + ': ' + one.nodes[0].html.slice(0, 200) + ' ' + one.nodes[0].failureSummary))
"""


@pytest.mark.parametrize("dark", [False, True])
def test_texts_in_drawings_and_the_colours_of_stacks_have_contrast(browser, files, dark):
    """Which axe does not measure. WCAG 2.2: 1.4.3 for texts, 1.4.11 for what a drawing needs to be understood."""
    browser.open(files["fleet of a week"], dark=dark)
    pairs: dict[str, list[Any]] = browser.evaluate(_COLOURS)
    assert len(pairs) == 12 + 7 + 2
    weak = {
        name: round(ratio, 2)
        for name, (one, other) in pairs.items()
        if (ratio := _contrast(one, other)) < (3 if name.startswith("v-") else 4.5)
    }
    assert weak == {}


_COLOURS = """
(() => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  document.querySelector('section').append(svg);
  const fill = name => {
    const one = document.createElementNS('http://www.w3.org/2000/svg', name.startsWith('t') ? 'text' : 'path');
    one.setAttribute('class', name);
    svg.append(one);
    return getComputedStyle(one).fill;
  };
  const card = getComputedStyle(document.querySelector('section')).backgroundColor;
  const found = {text: [fill('text'), card], zero: [fill('text zero'), card]};
  for (const letter of '012345678') found['t' + letter] = [fill('t' + letter), fill('c' + letter)];
  for (const letter of 'zua') found['t' + letter] = [fill('t' + letter), fill(letter + '0')];
  for (const name of ['tcp-fallback', 'mixed', 'incomplete', 'shared', 'no-traffic', 'single-node', 'efa'])
    found['v-' + name] = [fill('v-' + name), card];
  return found;
})()
"""


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("name", ["4 nodes", "benchmarks"])
def test_the_keyboard_reaches_the_content_every_drawing_and_every_table(browser, files, name):
    browser.open(files[name], width=400)
    reached = []
    for _ in range(60):
        for kind in ("keyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        name = browser.evaluate("document.activeElement.className || document.activeElement.tagName")
        if name == "BODY":
            break
        reached.append(name)
        assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert reached[0] == "skip"
    assert sum(name.startswith("scrolls") for name in reached) == browser.evaluate(
        "[...document.querySelectorAll('.scrolls')].filter(one => one.checkVisibility()).length"
    )
    assert reached.count("SUMMARY") == browser.evaluate("document.querySelectorAll('summary').length")


def test_a_reader_without_eyes_has_the_verdict_as_heading_and_each_drawing_in_words(browser, files):
    browser.open(files["4 nodes"])
    browser.call("Accessibility.enable")
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    browser.call("Accessibility.disable")
    said = {}
    for node in nodes:
        said.setdefault(node.get("role", {}).get("value"), []).append(node.get("name", {}).get("value", ""))
    assert said["heading"][0] == "Job 42 train mixed"
    drawings = [*said.get("image", []), *said.get("img", [])]
    assert len(drawings) == 2
    assert drawings[0].startswith("4 nodes by 4 devices: 4 moved nothing (less than 65.5 KB); 1 not known")


def test_a_benchmark_is_said_in_words_and_its_lines_differ_by_more_than_colour(browser, files):
    browser.open(files["benchmarks"])
    drawn = browser.evaluate(_DRAWN)
    assert len(drawn) == 5
    assert drawn[0]["says"].startswith("all_reduce, GB/s by size, of 31 sizes: 8 B: 0 GB/s, 0 % of what the line rate")
    assert "; 1 not known." in drawn[1]["says"]
    assert set(drawn[0]["curves"]) == {"curve most", "curve median", "curve this"}
    dashes = [value for value, _ in drawn[0]["curves"].values()]
    assert len(set(dashes)) == 3


@pytest.mark.parametrize("dark", [False, True])
def test_the_lines_of_a_benchmark_have_contrast(browser, files, dark):
    browser.open(files["benchmarks"], dark=dark)
    card = browser.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
    colours = {name: colour for name, (_, colour) in browser.evaluate(_DRAWN)[0]["curves"].items()}
    assert {name: colour for name, colour in colours.items() if _contrast(colour, card) < 3} == {}


_DRAWN = """
[...document.querySelectorAll('[aria-labelledby="h-bench"] .chart')].map(one => ({
  says: one.getAttribute('aria-label'),
  curves: Object.fromEntries([...one.querySelectorAll('.curve')].map(curve => {
    const style = getComputedStyle(curve.querySelector('.line'));
    return [curve.getAttribute('class'), [style.strokeDasharray, style.stroke]];
  })),
}))
"""


def test_a_narrow_screen_shows_a_benchmark_from_the_sizes_that_tell_most(browser, files):
    browser.open(files["benchmarks"], width=360)
    shown = browser.evaluate(_SHOWN)
    assert [one["first"] for one in shown] == [False, False, True, False, False]
    assert [one["last"] for one in shown] == [True, True, False, True, True]


_SHOWN = """
[...document.querySelectorAll('[aria-labelledby="h-bench"] .chart')].map(one => {
  const box = one.parentElement.getBoundingClientRect();
  const spaces = one.querySelectorAll('.hits path');
  const seen = at => { const own = at.getBoundingClientRect();
    return own.left >= box.left - 1 && own.right <= box.right + 1 };
  return {first: seen(spaces[0]), last: seen(spaces[spaces.length - 1])};
})
"""


def test_a_page_prints_in_light_colours_without_what_is_folded(browser, files):
    browser.open(files["512 nodes"], dark=False, media="print")
    shown = "[...document.querySelectorAll('details')].filter(one => one.checkVisibility()).length"
    assert browser.evaluate(shown) == 0
    pdf = browser.call("Page.printToPDF", printBackground=True)["data"]
    assert len(pdf) > 10_000


def test_the_map_of_512_nodes_shows_the_device_that_moved_nothing(browser, files):
    """A page without errors may still show nothing: pixels of the class of zero are in the picture."""
    browser.open(files["512 nodes"])
    box = browser.evaluate(
        "(() => { const box = document.querySelector('.heat path[fill=\"url(#z)\"]').getBoundingClientRect();"
        " return {width: box.width, height: box.height} })()"
    )
    assert box["width"] >= 2
    assert box["height"] == pytest.approx(31 * 12, abs=1)
    assert json.loads(browser.evaluate("JSON.stringify(document.querySelectorAll('.hits path').length)")) == 512
