"""Reads result tables out of logs of any size: blocks of lines go in, tables come out; nothing else is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from efakit.catalog.benchmarks import COLLECTIVES
from efakit.diagnose.bench import lines, nccom_lines
from efakit.diagnose.bench.lines import Layout, OsuLayout
from efakit.diagnose.bench.nccom_lines import GB, GIB, Command, NccomLayout
from efakit.diagnose.bench.tables import NCCL_TESTS, NCCOM, OSU, Row, Table
from efakit.diagnose.log_files import Block, LogFile
from efakit.diagnose.speaker import plain
from efakit.rules.benchmarks import tests_like

# What begins something that is looked for. A block without them is passed over unless a table is open.
_NEEDLES = (b"algbw", b"OSU ", b"Using devices", b"Collective test starting", b" on ")
_SURE_NEEDLES = _NEEDLES[:-1]
_PROGRAM = b"_perf"
_NCCOM = b"nccom-test"
_NCCOM_DECIMALS = 2
_LONGEST_LINE = 2_000
_LONGEST_COMMAND = 200_000
"""It may name each host."""
_MOST_TABLES = 1_000
_MOST_ROWS = 10_000
_MOST_RANKS = 300_000
_MOST_OPEN = 20_000
"""Tables at once, and labels whose ranks are told: each rank of a job may write its own."""
_MOST_LINES_BETWEEN = 100_000
"""Without a row, and a table counts as broken off: NCCL's own lines may come between."""
_MOST_LINES_IN_OSU = 200
_LONGEST_VARIANT = 60
_KNOWN_TESTS = frozenset(row.name for row in COLLECTIVES)
_ABOVE_ONE = 1.02
_LEAST_BANDWIDTH = 1.0
"""GB/s from which on the ratio of two numbers with two decimals tells which test it is."""


@dataclass
class _Devices:
    """The lines that tell where ranks run, up to a table's headings."""

    test: str = ""
    hosts: dict[str, int] = field(default_factory=dict)
    seen: set[tuple[int, int]] = field(default_factory=set)
    twice: bool = False
    """One rank of one group is told twice: each process runs for itself."""
    groups: set[int] = field(default_factory=set)


@dataclass
class _Open:
    """A table whose rows are awaited."""

    table: Table
    layout: Layout | OsuLayout | NccomLayout | None
    idle: int = 0
    units: frozenset[str] = frozenset((GB, GIB))
    """Of nccom-test: in which its numbers may be, by the rows so far."""
    said: Command | None = None
    decimals: int | None = None
    """Of the last number of a row; None where it is not known how many there are."""
    bandwidths: tuple[float, float] | None = None
    """Algorithm and bus bandwidth of the row where they are largest."""
    checked: bool | None = None


class Reader:
    """What was read of some logs: ``tables``, in the order of their lines."""

    def __init__(self) -> None:
        self.tables: list[Table] = []
        self.left_out = 0
        """Tables beyond the most that are kept."""
        self._devices: dict[str, _Devices] = {}
        self._open: dict[str, _Open] = {}
        self._named = ""
        self._command: Command | None = None
        self._name = ""
        self._waiting = 0
        """Lines since ranks were told, without headings."""
        self._lengths: list[int] = []
        """Of the labels of open tables, the longest first; some may have none any more."""

    def read(self, file: LogFile) -> None:
        """Read one log to its end; raise UsageError where it cannot be opened."""
        self.begin(file.name)
        for block in file.blocks():
            self.feed(block)
        self.end()

    def begin(self, name: str) -> None:
        """Begin with a log."""
        self._name, self._named, self._command = name, "", None
        self._devices, self._open, self._lengths = {}, {}, []

    def end(self) -> None:
        """Close what is open at the end of a log."""
        for label in list(self._open):
            self._close(label)

    def feed(self, block: Block) -> None:
        """Take some whole lines."""
        data, number, place = block.data, block.line, 0
        if not self._open and not self._devices:
            places = [at for needle in _SURE_NEEDLES if (at := data.find(needle)) >= 0]
            if not places:
                self._look_for_program(data)
                return
            place = data.rfind(b"\n", 0, min(places)) + 1
            self._look_for_program(data[:place])
            number += data.count(b"\n", 0, place)
        rows = data[place:].split(b"\n")
        for offset, raw in enumerate(rows):
            if raw and len(raw) < _LONGEST_LINE:
                # The last one, unless it is empty, has no end: its writer may have been killed within it.
                self._line(raw, number + offset, ends=offset + 1 < len(rows))
            elif len(raw) < _LONGEST_COMMAND and _NCCOM in raw:
                self._command = nccom_lines.command_of(_text(plain(raw))) or self._command
        self._waiting = self._waiting + data.count(b"\n") if self._devices and not self._open else 0
        if self._waiting > _MOST_LINES_BETWEEN:
            self._devices, self._waiting = {}, 0

    def _look_for_program(self, data: bytes) -> None:
        at = data.rfind(_NCCOM)
        if at >= 0:
            end = data.find(b"\n", at)
            line = data[data.rfind(b"\n", 0, at) + 1 : len(data) if end < 0 else end]
            if len(line) < _LONGEST_COMMAND:
                self._command = nccom_lines.command_of(_text(plain(line))) or self._command
        at = data.rfind(_PROGRAM)
        if at >= 0:
            start = max(data.rfind(b"\n", 0, at) + 1, at - _LONGEST_LINE)
            self._named = lines.named(_text(data[start : at + len(_PROGRAM)])) or self._named

    def _line(self, raw: bytes, number: int, *, ends: bool = True) -> None:
        if b"\r" in raw:
            raw = raw.rstrip(b"\r").rpartition(b"\r")[2]
        if any(needle in raw for needle in _NEEDLES) and self._begins(_text(plain(raw)), number):
            return
        if b"ut of bounds" in raw or b"vg bus band" in raw or b"test failed" in raw:
            self._ends(_text(plain(raw)))
            return
        if _PROGRAM in raw:
            self._named = lines.named(_text(plain(raw))) or self._named
        if _NCCOM in raw:
            self._command = nccom_lines.command_of(_text(plain(raw))) or self._command
        if self._open:
            self._row(_text(plain(raw)), number, ends=ends)

    def _begins(self, text: str, number: int) -> bool:
        """Take a line that begins something; say whether it is one."""
        rank = lines.rank_line(text) if " on " in text else None
        if rank:
            self._rank(*rank)
            return True
        if "Collective test starting" in text and (test := lines.started(text)):
            self._tell_devices(text.partition("#")[0].strip()[:100], _Devices(test))
            return True
        if "Using devices" in text:
            label = text.partition("#")[0].replace("Using devices", "").strip()[:100]
            known = self._devices.get(label)
            self._tell_devices(label, _Devices(known.test if known and not known.seen else ""))
            return True
        layout = lines.nccl_layout(text) if "algbw" in text else None
        if layout:
            self._nccl(layout, number)
            return True
        of_nccom = nccom_lines.nccom_layout(text) if "algbw" in text else None
        if of_nccom:
            self._nccom(of_nccom, number)
            return True
        title = lines.osu_title(text) if "OSU " in text else None
        if title:
            label, name, variant = title
            self._close(label)
            table = Table(OSU, self._name, number, label, name, variant, unit="")
            self._begin_table(_Open(table, None))
            return True
        return False

    def _tell_devices(self, label: str, devices: _Devices) -> None:
        if label in self._devices or len(self._devices) < _MOST_OPEN:
            self._devices[label] = devices

    def _rank(self, label: str, group: int, rank: int, host: str) -> None:
        if label not in self._devices and len(self._devices) >= _MOST_OPEN:
            return
        devices = self._devices.setdefault(label, _Devices())
        if len(devices.seen) < _MOST_RANKS:
            devices.twice |= (group, rank) in devices.seen
            devices.seen.add((group, rank))
            devices.groups.add(group)
            host = host.partition(".")[0]
            devices.hosts[host] = devices.hosts.get(host, 0) + 1

    def _nccl(self, layout: Layout, number: int) -> None:
        before = self._open.get(layout.label)
        # Two headings, and no row yet: of one process, the first would have ended.
        twice = before is not None and before.table.tool == NCCL_TESTS and not before.table.rows
        self._close(layout.label)
        devices = self._devices.pop(layout.label, None) or _Devices()
        table = Table(NCCL_TESTS, self._name, number, layout.label, devices.test)
        table.ranks, table.groups, table.hosts = len(devices.seen), len(devices.groups), dict(devices.hosts)
        if before is not None and before.table.is_alone and not devices.seen:
            table.is_alone = True
        if devices.twice or (twice and len(devices.seen) == 1):
            table.is_alone = True
        if table.is_alone:
            table.ranks = table.groups = 1
        elif table.groups > 1:
            table.variant = f"{table.groups} groups"
        self._begin_table(_Open(table, layout))

    def _nccom(self, layout: NccomLayout, number: int) -> None:
        self._close(layout.label)
        said, self._command = self._command, None  # another table has a command of its own
        table = Table(NCCOM, self._name, number, layout.label)
        if said is not None:
            each = said.ranks // said.nodes
            table.ranks, table.nodes, table.hosts = said.ranks, said.nodes, dict.fromkeys(said.hosts, each)
        self._begin_table(_Open(table, layout, said=said, decimals=_NCCOM_DECIMALS))

    def _begin_table(self, awaited: _Open) -> None:
        label = awaited.table.label
        if len(self._open) >= _MOST_OPEN:
            self._close(next(iter(self._open)))
        self._open[label] = awaited
        if len(label) not in self._lengths:
            self._lengths = sorted([*self._lengths, len(label)], reverse=True)

    def _row(self, text: str, number: int, *, ends: bool) -> None:
        label = self._owner(text)
        if label is None:
            return
        awaited = self._open[label]
        table = awaited.table
        decimals = _decimals(text)
        is_whole = ends or awaited.decimals in (None, decimals)
        row = self._taken(awaited, text, number) if is_whole else None
        if row is None:
            awaited.idle += 1
            if awaited.idle > (_MOST_LINES_IN_OSU if table.tool == OSU else _MOST_LINES_BETWEEN):
                self._close(label)
            return
        if table.tool == OSU and table.rows and row.size_bytes <= table.rows[-1].size_bytes:
            self._close(label)  # what follows is somebody else's
            return
        awaited.idle, awaited.decimals = 0, decimals
        table.no_numbers += row.best is None
        if len(table.rows) < _MOST_ROWS:
            table.rows.append(row)
        if isinstance(awaited.layout, OsuLayout) and not awaited.layout.has_size:
            self._close(label)

    def _taken(self, awaited: _Open, text: str, number: int) -> Row | None:
        """Return the row that a line is, None where it is none; learn OSU's headings."""
        layout, table = awaited.layout, awaited.table
        if isinstance(layout, Layout):
            row = lines.nccl_row(text, layout, number)
            if row is not None:
                self._learn(awaited, text, layout)
            return row
        if isinstance(layout, NccomLayout):
            row = nccom_lines.nccom_row(text, layout, number)
            if row is not None:
                self._learn_nccom(awaited, text, layout)
            return row
        if layout is not None:
            return lines.osu_row(text, layout, number)
        found = lines.osu_layout(text)
        if found is not None:
            awaited.layout, table.unit = found, found.unit
        elif "Buffer on" in text or "pairs: " in text:
            more = lines.osu_buffers(text) or lines.osu_pairs(text)
            if more and not table.variant.endswith(more):
                table.variant = f"{table.variant} {more}".strip()[:_LONGEST_VARIANT]
        return None

    def _owner(self, text: str) -> str | None:
        """Return the label of the open table that a line belongs to."""
        begins = text.lstrip()
        for length in self._lengths:  # of tables by the thousand, labels have few lengths
            if length and begins[:length] in self._open:
                return begins[:length]
        if "" in self._open:
            return ""
        return next(iter(self._open)) if len(self._open) == 1 else None

    def _learn(self, awaited: _Open, text: str, layout: Layout) -> None:
        """Learn from a row which test it may be."""
        pair, known = lines.bandwidths(text, layout), awaited.bandwidths
        if pair is not None and pair[0] >= _LEAST_BANDWIDTH and (known is None or pair[0] > known[0]):
            awaited.bandwidths = pair
        if awaited.checked is None:
            awaited.checked = lines.in_place_checked(text, layout)

    def _learn_nccom(self, awaited: _Open, text: str, layout: NccomLayout) -> None:
        """Learn from a row in which unit its numbers are, and which test it may be."""
        pair, known = nccom_lines.nccom_bandwidths(text, layout), awaited.bandwidths
        if pair is not None and pair[0] >= _LEAST_BANDWIDTH and (known is None or pair[0] > known[0]):
            awaited.bandwidths = pair
        units = nccom_lines.units_of(text, layout)
        if units:
            awaited.units &= units

    def _ends(self, text: str) -> None:
        label = self._owner(text)
        if label is None or self._open[label].table.tool == OSU:
            return
        table = self._open[label].table
        if table.tool == NCCOM and nccom_lines.test_failed(text):
            table.ended = True
            self._close(label)
            return
        wrong = lines.wrong_values(text)
        if wrong is not None:
            layout = self._open[label].layout
            unchecked = (
                isinstance(layout, Layout) and layout.counts_wrong and all(row.wrong is None for row in table.rows)
            )
            # nccl-tests says 0 OK too where it was told to check nothing (-c 0).
            table.wrong_values = None if unchecked and not wrong else wrong
            return
        found = lines.ended(text)
        if found is not None:
            table.average, table.minimum_failed = found
            table.ended = True
            self._close(label)

    def _close(self, label: str) -> None:
        awaited = self._open.pop(label, None)
        if awaited is None:
            return
        table = awaited.table
        if table.tool == OSU:
            table.ended = bool(table.rows)
            if awaited.layout is None:
                return  # a title alone, such as in a listing of programs
        elif table.tool == NCCOM:
            self._settle_nccom(awaited)
        elif not table.test and table.rows:
            table.test = self._told(awaited)
        if len(self.tables) < _MOST_TABLES:
            self.tables.append(table)
        else:
            self.left_out += 1

    def _settle_nccom(self, awaited: _Open) -> None:
        """Say of a table of nccom-test what its command and all of its rows tell."""
        table, said = awaited.table, awaited.said
        table.unit = next(iter(awaited.units)) if len(awaited.units) == 1 else ""
        like = tests_like("sum", None, table.ranks, awaited.bandwidths, None)
        like += tests_like(None, None, table.ranks, awaited.bandwidths, None)
        if said is not None and said.test:
            # What it is called with, unless its own numbers contradict.
            fits = said.test in like or said.test not in _KNOWN_TESTS
            table.test = said.test if fits else ""
        elif awaited.bandwidths is not None and awaited.bandwidths[1] > awaited.bandwidths[0] * _ABOVE_ONE:
            table.test = "all_reduce"  # of the others, none has more bus bandwidth than algorithm bandwidth

    def _told(self, awaited: _Open) -> str:
        """Return the test that a table is of: the only one that looks so, else the one that the log named last."""
        layout, row = awaited.layout, awaited.table.rows[-1]
        columns = layout.columns if isinstance(layout, Layout) else ()
        like = tests_like(
            row.operation if "redop" in columns else None,
            row.root if "root" in columns else None,
            awaited.table.ranks,
            awaited.bandwidths,
            awaited.checked,
        )
        if len(like) == 1:
            return like[0]
        return self._named if self._named in like else ""


def read_tables(files: Iterator[LogFile]) -> Reader:
    """Read logs, one after the other; raise UsageError where one cannot be opened."""
    reader = Reader()
    for file in files:
        reader.read(file)
    return reader


def _decimals(text: str) -> int:
    return len((text.split() or [""])[-1].partition(".")[2])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
