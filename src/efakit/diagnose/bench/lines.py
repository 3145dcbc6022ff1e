"""Takes lines of nccl-tests and of OSU apart. Each function gives None for a line that is something else.

The layouts are those of nccl-tests 1.0 (bytes, N, res) to 2.19 (per-iteration columns, timestamps), and of OSU 3 to 7.
Sources: https://github.com/NVIDIA/nccl-tests/blob/master/src/util.cu and src/common.cu at the tags;
``osu_util_mpi.c`` of the OSU micro-benchmarks, https://mvapich.cse.ohio-state.edu/benchmarks/.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from efakit.diagnose.bench.tables import Row

# A log is its user's: no pattern may try a line of blanks, or of anything, from each of its places to the end.
_NCCL_HEAD = re.compile(r"\b(?:size|bytes)\s{1,99}(?:count|N)\s{1,99}type\s")
_RANK = re.compile(
    r"Rank\s{1,99}([0-9]{1,7})\s{1,99}(?:Group\s{1,99}([0-9]{1,7})\s{1,99})?(?:Pid\s{1,99}\d{1,10}\s{1,99})?"
    r"on\s{1,99}(\S{1,255})\s{1,99}device\s{1,99}\d"
)
_STARTS = re.compile(r"# Collective test starting: (?:\S{0,400}/)?([a-z_0-9]{1,40})_perf")
_NAMED = re.compile(r"(?<!\w)([a-z_]{3,20})_perf(?:_mpi)?\b")
_ENDS = re.compile(r"Avg bus bandwidth\s{0,99}:\s{0,99}(\S{1,40})(?:\s{1,99}(OK|FAILED))?")
_WRONG = re.compile(r"Out of bounds values\s{0,99}:\s{0,99}([0-9]{1,18})\s{1,99}(OK|FAILED)")
_OSU_TITLE = re.compile(
    r"\bOSU (MPI|MPI_|OpenSHMEM|UPC|UPC\+\+|xCCL|NCCL)(-[A-Z]{1,20})?\s{0,9}(\S.{0,100}?)\s{1,9}Test\b"
)
_OSU_BUFFERS = re.compile(r"# Send Buffer on (\S{1,20}) .{0,40}Receive Buffer on (\S{1,20})")
_OSU_PAIRS = re.compile(r"# \[ pairs: ([0-9]{1,7}) \](?: \[ window size: ([0-9]{1,9}) \])?")
_OSU_HEAD = re.compile(r"\bSize\s{2,99}\S")
_OSU_BARE_HEAD = re.compile(r"Avg Latency ?\(us\)")
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?(?:e[+-]?\d{1,3})?|nan|inf(?:inity)?)", re.IGNORECASE | re.ASCII)
_SIZE = re.compile(r"[0-9]{1,18}")
_WORD = re.compile(r"[A-Za-z][\w.+-]{0,30}")
_NAMES = {"bytes": "size", "N": "count", "op": "redop", "res": "#wrong", "error": "error", "cputime": "time"}
MOST_BYTES = 1 << 50


class Layout(NamedTuple):
    """The columns of a table of nccl-tests, and what stands before each of its lines."""

    label: str
    columns: tuple[str, ...]
    halves: tuple[int, ...]
    """Where the out-of-place and the in-place part begin."""
    end: int
    """Where the last part ends: a timestamp may follow."""
    counts_wrong: bool


class OsuLayout(NamedTuple):
    """The columns of a table of OSU."""

    label: str
    columns: int
    unit: str
    validation: int
    """The column that says Pass or Fail; 0: there is none."""
    has_size: bool = True


def nccl_layout(text: str) -> Layout | None:
    """Return the layout that a line of headings tells."""
    found = _NCCL_HEAD.search(text)
    if not found:
        return None
    columns = tuple(
        _NAMES.get(word, word) for word in text[found.start() :].replace("#wrong", "?").lstrip("# ").split()
    )
    columns = tuple("#wrong" if name == "?" else name for name in columns)
    if columns[0] != "size" or "busbw" not in columns or "algbw" not in columns or len(columns) > 40:
        return None
    halves = tuple(place for place, name in enumerate(columns) if name == "time")
    if not halves or len(halves) > 2 or any("busbw" not in columns[place : place + 4] for place in halves):
        return None
    end = len(columns) - (columns[-1] == "timestamp")
    v1 = "bytes" in text.split("#")[-1].split()[:1]
    return Layout(label_before(text, found.start()), columns, halves, end, "#wrong" in columns and not v1)


def nccl_row(text: str, layout: Layout, line: int) -> Row | None:
    """Return a row of a table; None where the line is none of it, or not whole."""
    words = without(text, layout.label).split()
    width = layout.halves[1] - layout.halves[0] if len(layout.halves) == 2 else layout.end - layout.halves[0]
    begin = layout.halves[0]
    cells = _beginning_with_size(words, begin)
    if cells is None:
        return None
    redop = layout.columns.index("redop") if "redop" in layout.columns[:begin] else 0
    if redop and len(cells) == layout.end - 1 and cells[redop] == "-1":
        cells.insert(redop, "")  # hypercube leaves it empty
    dated = layout.end < len(layout.columns)
    measured = len(cells) - begin - (2 if dated and len(cells) > layout.end + 1 else 1 if dated else 0)
    if measured == width * len(layout.halves):
        parts = [cells[place : place + width] for place in layout.halves]
    elif measured == width and len(layout.halves) == 2:
        parts = [[], cells[begin : begin + width]]  # a replayed trace has the in-place part only
    else:
        return None
    names = layout.columns[begin : begin + width]
    values = [dict(zip(names, part, strict=False)) for part in parts]
    if any(not _NUMBER.fullmatch(word) and word != "N/A" for part in parts for word in part):
        return None
    given = dict(zip(layout.columns[:begin], cells[:begin], strict=False))
    first, second = values[0], values[1] if len(values) > 1 else {}
    checked = [number_of(part.get("#wrong")) for part in values] if layout.counts_wrong else []
    counts = [count for count in checked if count is not None]
    return Row(
        int(given["size"]),
        number_of(first.get("busbw")),
        number_of(second.get("busbw")),
        number_of(first.get("time") or second.get("time"))
        if layout.counts_wrong or "error" in layout.columns
        else None,
        given.get("type", ""),
        given.get("redop", ""),
        given.get("root", ""),
        sum(counts) if counts else None,
        line,
    )


def bandwidths(text: str, layout: Layout) -> tuple[float, float] | None:
    """Return algorithm and bus bandwidth of a row: their ratio tells which test it is; None without them."""
    words = without(text, layout.label).split()
    begin = layout.halves[0]
    cells = _beginning_with_size(words, begin) or []
    names = layout.columns
    if len(cells) < layout.end:
        return None
    pair = number_of(cells[names.index("algbw")]), number_of(cells[names.index("busbw")])
    return (pair[0], pair[1]) if pair[0] is not None and pair[1] is not None else None


def in_place_checked(text: str, layout: Layout) -> bool | None:
    """Return whether a row's in-place part was checked; None where neither part was, or there is only one."""
    words = text.split()
    if len(layout.halves) < 2 or layout.end < len(layout.columns) or len(words) < layout.end:
        return None
    column = next((name for name in ("#wrong", "error") if name in layout.columns), "")
    if not column:
        return None
    cells = words[-layout.end :]
    first = layout.columns.index(column)
    second = layout.halves[1] + first - layout.halves[0]
    return None if cells[first] == "N/A" else cells[second] != "N/A"


def rank_line(text: str) -> tuple[str, int, int, str] | None:
    """Return label, group, rank and host of a line that tells where a rank runs."""
    found = _RANK.search(text)
    if not found:
        return None
    return label_before(text, found.start()), int(found[2] or 0), int(found[1]), found[3]


def started(text: str) -> str:
    """Return the test whose start a line tells, "" for any other line."""
    found = _STARTS.search(text)
    return found[1] if found else ""


def named(text: str) -> str:
    """Return the last program of nccl-tests that a line names, such as a command that a shell echoes."""
    names = _NAMED.findall(text)
    return str(names[-1]) if names else ""


def ended(text: str) -> tuple[float | None, bool] | None:
    """Return the average that ends a table, and whether it is below what was asked for."""
    found = _ENDS.search(text)
    return (number_of(found[1].removesuffix("GB/s")), found[2] == "FAILED") if found else None


def wrong_values(text: str) -> int | None:
    """Return how many values were out of bounds, where the line tells it."""
    found = _WRONG.search(text)
    return (int(found[1]) or 1 if found[2] == "FAILED" else 0) if found else None


def osu_title(text: str) -> tuple[str, str, str] | None:
    """Return label, title and variant of the line that begins a table of OSU: "", Bandwidth, CUDA.

    The variant also names what it measures in place of MPI.
    """
    found = _OSU_TITLE.search(text)
    if not found:
        return None
    measured = "" if found[1].startswith("MPI") else found[1]
    return label_before(text, found.start()), found[3].lstrip("_"), f"{measured}{found[2] or ''}".lstrip("-")


def osu_buffers(text: str) -> str:
    """Return where the buffers are, "" for any other line."""
    found = _OSU_BUFFERS.search(text)
    return f"{found[1]} {found[2]}" if found else ""


def osu_pairs(text: str) -> str:
    """Return how many pairs of ranks there are, and of how many messages their window is; "" for any other line."""
    found = _OSU_PAIRS.search(text)
    if not found:
        return ""
    return f"{found[1]} pairs{f', window {found[2]}' if found[2] else ''}"


def osu_layout(text: str) -> OsuLayout | None:
    """Return the layout that a line of headings of OSU tells."""
    found = _OSU_HEAD.search(text)
    if found:
        cells = re.split(r"\s{2,}", text[found.start() :].lstrip("# ").strip())
        unit = "us" if "(us)" in cells[1] else "MB/s" if "MB/s" in cells[1] else ""
        validation = next((place for place, cell in enumerate(cells) if cell == "Validation"), 0)
        return (
            OsuLayout(label_before(text, found.start()), len(cells), unit, validation)
            if unit and len(cells) < 20
            else None
        )
    found = _OSU_BARE_HEAD.search(text)
    if not found:
        return None
    cells = re.split(r"\s{2,}", text[found.start() :].lstrip("# ").strip())
    return OsuLayout(label_before(text, found.start()), len(cells), "us", 0, has_size=False)


def osu_row(text: str, layout: OsuLayout, line: int) -> Row | None:
    """Return a row of OSU; None where the line is none, or not whole."""
    cells = without(text, layout.label).split()
    if len(cells) != layout.columns:
        return None
    failed = None
    if layout.validation:
        verdict = cells.pop(layout.validation)
        if verdict not in ("Pass", "Fail"):
            return None
        failed = verdict == "Fail"
    if not all(_NUMBER.fullmatch(cell) for cell in cells):
        return None
    if not layout.has_size:
        return Row(0, number_of(cells[0]), line=line)
    if not _SIZE.fullmatch(cells[0]) or int(cells[0]) > MOST_BYTES:
        return None
    return Row(int(cells[0]), number_of(cells[1]), wrong=None if failed is None else int(failed), line=line)


def _beginning_with_size(words: Sequence[str], begin: int) -> list[str] | None:
    """Return the cells of a row from its size on: behind a label that has blanks, for example."""
    for place in range(min(len(words), 4)):
        if _SIZE.fullmatch(words[place]) and len(words) > place + begin:
            count, kind = words[place + 1 : place + 3]
            if _SIZE.fullmatch(count) and _WORD.fullmatch(kind):
                return list(words[place:]) if int(words[place]) <= MOST_BYTES else None
    return None


def without(text: str, label: str) -> str:
    """Return a line without its label."""
    return text.lstrip()[len(label) :] if label and text.lstrip().startswith(label) else text


def label_before(text: str, place: int) -> str:
    """Return what a launcher puts before a line, of which a table's text begins at ``place``."""
    return text[:place].rstrip().removesuffix("#").strip()[:100]


def number_of(text: str | None) -> float | None:
    """Return a number, None for N/A, NaN and infinity, and for what cannot be one of a measurement."""
    if text is None or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) and 0 <= value < 1e12 else None
