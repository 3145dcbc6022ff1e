"""Takes lines of nccom-test apart, AWS Neuron's benchmark of collectives. Each function gives None for another line.

Its table tells neither test nor nodes nor ranks: the command line does, where the log has it (``set -x``). Its column
``busbw(GB/s)`` was in GiB/s at first, and is in GB/s in newer releases, under one heading: size and time tell which.
Sources: https://awsdocs-neuron.readthedocs-hosted.com/en/latest/tools/neuron-sys-tools/nccom-test.html and
https://github.com/awslabs/awsome-distributed-ai/tree/main/micro-benchmarks/nccom-tests.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from efakit.catalog.benchmarks import NEURON_OPERATIONS
from efakit.diagnose.bench.lines import MOST_BYTES, label_before, number_of, without
from efakit.diagnose.bench.tables import Row

GB, GIB = "GB/s", "GiB/s"
_BYTES = {GB: 1e9, GIB: float(1 << 30)}
_HEAD = re.compile(r"\bsize\(B\)\s{1,99}count\(elems\)\s")
_COMMAND = re.compile(r"(?:^|[\s/])nccom-test\s{1,99}(?=\S)")
_FAILED = re.compile(r"([0-9]{1,18})\s{1,99}Failure\b")
_ERRORS = re.compile(r"\b[0-9]{1,9} errors? found - test failed\b")
_SIZE = re.compile(r"[0-9]{1,18}")
_ADDRESS = re.compile(r"[0-9.]{1,64}|[0-9a-fA-F:.]{0,64}:[0-9a-fA-F:.]{0,64}")
_TESTS = {row.word: row.test for row in NEURON_OPERATIONS}
_LEAST_BANDWIDTH = 1.0
"""From which on two decimals tell GB from GiB, which are 7 % apart."""
_CLOSE = 0.015


class NccomLayout(NamedTuple):
    """The columns of a table, and what stands before each of its lines."""

    label: str
    columns: tuple[str, ...]


class Command(NamedTuple):
    """What a command line says of the tables below it; 0 and "" where it does not."""

    test: str
    ranks: int
    nodes: int
    hosts: tuple[str, ...]
    """Names; none where the hosts are addresses."""


def nccom_layout(text: str) -> NccomLayout | None:
    """Return the layout that a line of headings tells."""
    found = _HEAD.search(text)
    if not found:
        return None
    columns = tuple(text[found.start() :].split())
    known = all(name in columns for name in ("type", "algbw(GB/s)", "busbw(GB/s)")) and len(columns) <= 30
    has_time = any(name.startswith("time") for name in columns)
    return NccomLayout(label_before(text, found.start()), columns) if known and has_time else None


def nccom_row(text: str, layout: NccomLayout, line: int) -> Row | None:
    """Return a row of a table, without a number where its test failed; None where the line is none, or not whole."""
    cells = _cells(text, layout)
    if cells is None:
        failed = _FAILED.match(without(text, layout.label).strip())
        is_row = failed is not None and int(failed[1]) <= MOST_BYTES
        return Row(int(failed[1]), None, line=line) if failed is not None and is_row else None
    times = _times(cells, layout)
    return Row(
        int(cells[0]),
        number_of(cells[layout.columns.index("busbw(GB/s)")]),
        time_us=times[0],
        data_type=cells[layout.columns.index("type")],
        line=line,
    )


def nccom_bandwidths(text: str, layout: NccomLayout) -> tuple[float, float] | None:
    """Return algorithm and bus bandwidth of a row: their ratio tells which test it may be."""
    cells = _cells(text, layout)
    if cells is None:
        return None
    pair = tuple(number_of(cells[layout.columns.index(name)]) for name in ("algbw(GB/s)", "busbw(GB/s)"))
    return (pair[0], pair[1]) if pair[0] is not None and pair[1] is not None else None


def units_of(text: str, layout: NccomLayout) -> frozenset[str]:
    """Return the units in which a row's bandwidth can be, by its size and times; empty where it does not tell."""
    cells = _cells(text, layout)
    if cells is None:
        return frozenset()
    shown = number_of(cells[layout.columns.index("algbw(GB/s)")])
    if shown is None or shown < _LEAST_BANDWIDTH:
        return frozenset()
    rates = [int(cells[0]) / time * 1e6 for time in _times(cells, layout) if time]
    return frozenset(
        unit for unit, size in _BYTES.items() if any(abs(rate / size - shown) <= _CLOSE * shown for rate in rates)
    )


def command_of(text: str) -> Command | None:
    """Return what a command line of nccom-test says, as a shell echoes it; None for any other line."""
    found = _COMMAND.search(text)
    if not found:
        return None
    words = [word.strip("'\"") for part in text[found.end() :].split() for word in part.split("=", 1)]
    test, ranks, nodes, hosts = "", 0, 0, list[str]()
    place = 0
    while place < len(words):
        word, following = words[place], words[place + 1] if place + 1 < len(words) else ""
        place += 1
        if word in ("-r", "--nworkers"):
            ranks = _count(following)
        elif word in ("-N", "--nnodes"):
            nodes = _count(following)
        elif word == "--hosts":
            while place < len(words) and not words[place].startswith("-") and words[place] not in _TESTS:
                hosts.append(words[place])
                place += 1
        elif word in _TESTS:
            test = _TESTS[word]
    if not ranks:
        return None  # it is a required option: this is a sentence about the program
    nodes = nodes or 1  # its default
    names = [] if any(map(_ADDRESS.fullmatch, hosts)) else dict.fromkeys(name.partition(".")[0] for name in hosts)
    # Of more hosts than nodes it takes some.
    return Command(test, ranks, nodes, tuple(names) if len(names) == nodes else ())


def test_failed(text: str) -> bool:
    """Return whether a line ends a table whose test failed."""
    return _ERRORS.search(text) is not None


def _cells(text: str, layout: NccomLayout) -> list[str] | None:
    words = without(text, layout.label).split()
    width = len(layout.columns)
    if not width <= len(words) <= width + 3:
        return None
    cells = words[-width:]
    for name, cell in zip(layout.columns, cells, strict=True):
        is_count = name in ("size(B)", "count(elems)")
        if is_count and not _SIZE.fullmatch(cell):
            return None
        if not is_count and name != "type" and number_of(cell) is None and cell.lower().lstrip("+-") not in _NO_NUMBER:
            return None
    return cells if int(cells[0]) <= MOST_BYTES else None


_NO_NUMBER = ("nan", "inf", "infinity", "n/a")


def _times(cells: Sequence[str], layout: NccomLayout) -> list[float | None]:
    columns = zip(layout.columns, cells, strict=True)
    return [number_of(cell) for name, cell in columns if name.startswith("time")]


def _count(word: str) -> int:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 8 else 0
