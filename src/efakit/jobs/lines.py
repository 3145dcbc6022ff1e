"""Reads a record's text line by line, as the hook writes it: what most records have alike is looked at once.

The hook writes a line for each field and each counter (``efakit.hook.json_text.dumps_lines``). The *form* of a text is
what stands in its lines beside the values: names, in which order, and how many devices. A text of a known form is a
record where each line's value is good by itself, since names cannot be there twice, and none is missing; and a line
that was seen before, as most are of the records of one cluster, needs no second look.

It gives a record exactly where ``parse_json`` and ``check_record`` would, with the same values, or None: then these are
asked, and they say what is wrong.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain, compress
from math import isfinite
from operator import itemgetter, ne
from typing import Any, NamedTuple

from efakit.jobs.columns import ColumnDevices
from efakit.jobs.devices import shared
from efakit.jobs.fields import KNOWN, MISSING, checks_of, has_only_known
from efakit.jobs.json_file import Unusable, parse_json
from efakit.jobs.json_text import colons, columns, decode
from efakit.node.record import SCHEMA_VERSION
from efakit.node.record_type import DeviceColumns
from efakit.node.record_type import Record as RecordType

_MOST_INT = (1 << 63) - 1
"""A greater number the common reader looks at: it has no place in a column of 64 bits with a sign."""
_MOST_BYTES = 1 << 20
_MOST_LINES = 4096
_MOST_FORMS = 64
_MOST_KNOWN = 256
"""Values of one line: of a counter each node has another, of most fields a job's nodes have one."""
_LONGEST_KNOWN = 1024
"""A longer line, as a list of a thousand nodes by their names, is known as long as the next text has it too."""
_MOST_KNOWN_BYTES = 4 << 20
"""Of the lines that one form knows, with what each takes beside its letters: thousands of findings are as many."""
_BYTES_OF_A_KNOWN = 256
_MOST_DEVICES = 256
_LONGEST_NAME = 256
_BYTES_OF_A_NUMBER = 8
_VERSION = b'{\n"schema_version": %d,\n' % SCHEMA_VERSION
_MEMBER = re.compile(rb'(?P<before> *"(?P<name>[^"\\]+)": )(?P<text>.*?)(?P<after>,?)')
_CHECKS = checks_of(SCHEMA_VERSION)
_SHAPE_OF_INTERFACES = frozenset(KNOWN[SCHEMA_VERSION, "interfaces"])
_ABOUT = ("names", "pci_addresses", "drivers")
_GROUPS = ("counters", "device_counters")
_REST = ("unknown", "errors")
_ON_LINES_OF_THEIR_OWN = ("interfaces", "findings")

_Read = Callable[[bytes], Any]
Column = tuple[bytes, int]
"""A counter of each device, 64 bits each as the machine has them, and their sum."""


class LineRecord(NamedTuple):
    """A record of which every counter of every device was read."""

    values: Sequence[Any]
    places: _Places
    shape: Shape
    about: About
    columns: tuple[Column, ...]
    """Of each counter of the shape."""

    def fields(self) -> dict[str, Any]:
        """Return every field that is there but the devices.

        Lists and objects may be another record's too: they are not to be changed.
        """
        return dict(zip(self.places.names, self.places.every(self.values), strict=True))

    def picked(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return these fields, None for one that is not there, in the same way."""
        return dict(zip(names, self.places.of(names)(self.values), strict=True))

    def devices(self) -> ColumnDevices:
        """Return the devices as readers see them."""
        return _LineDevices(self.about, self.shape, self.columns)


class _Places:
    """Where each field's value stands among those of the lines; the last of these is None."""

    __slots__ = ("_getters", "_places", "every", "names")

    def __init__(self, places: Mapping[str, int]) -> None:
        self.names = tuple(places)
        self.every: Callable[[Sequence[Any]], tuple[Any, ...]] = itemgetter(*places.values())
        self._places = places
        self._getters: dict[tuple[str, ...], Callable[[Sequence[Any]], tuple[Any, ...]]] = {}

    def of(self, names: tuple[str, ...]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
        """Return what picks the values of some fields, of two at least."""
        getter = self._getters.get(names)
        if getter is None:
            getter = self._getters[names] = itemgetter(*[self._places.get(name, -1) for name in names])
        return getter


class Shape:
    """How many devices, and which counters each of them has: of the port, and of the driver.

    One object for all texts of a form: it is itself alone, and never compared by its names.
    """

    __slots__ = ("devices", "port", "software")

    def __init__(self, devices: int, port: tuple[str, ...], software: tuple[str, ...]) -> None:
        self.devices = devices
        self.port = port
        self.software = software


class About(NamedTuple):
    """Names of a node's devices, with their PCI addresses and drivers; most records of a fleet have one of a few."""

    names: tuple[str, ...]
    pci_addresses: tuple[str | None, ...]
    drivers: tuple[str | None, ...]
    both: tuple[str | None, ...]
    """PCI address and driver of one device after the other."""


class _LineDevices(ColumnDevices):
    """Packed devices whose columns are those of the lines, until another process gets them."""

    __slots__ = ("_columns",)

    def __init__(self, about: About, shape: Shape, columns: tuple[Column, ...]) -> None:
        sums = tuple([total for _, total in columns])
        super().__init__(about.names, about.both, shape.port, _NO_NUMBERS, shape.software, sums)
        self._columns = columns

    def _column(self, place: int) -> array[int]:
        return array("Q", self._columns[place][0])

    def __reduce__(self) -> tuple[Any, ...]:
        counted = array("Q", b"".join([column for column, total in self._columns if total]))
        return ColumnDevices, (self.names, self.about, self._port, counted, self._software, self._sums)


_NO_NUMBERS = array("Q")


def read_lines(data: bytes) -> LineRecord | None:
    """Return the record in a text that the hook wrote; None where something is not as it writes most."""
    if len(data) > _MOST_BYTES or not data.isascii() or b"\\" in data:
        return None
    if not data.startswith(_VERSION):
        return None
    lines = data.split(b"\n")
    if len(lines) > _MOST_LINES:
        return None
    forms = _FORMS.setdefault(len(lines), [])
    for form in forms:
        try:
            return form.read(lines)
        except _OtherForm:
            continue
        except (ValueError, RecursionError):
            return None
    if sum(map(len, _FORMS.values())) >= _MOST_FORMS:
        return None
    learned = _learn(data, lines)
    if learned is None:
        return None
    forms.append(learned)
    return learned.read(lines)


_FORMS: dict[int, list[_Form]] = {}


class _OtherForm(Exception):
    """A line does not begin or end as it does in this form."""


class _Line(NamedTuple):
    """What one line has before and after its value, and what reads that; without ``read`` it is the line as it is."""

    before: bytes
    after: bytes = b""
    read: _Read | None = None
    is_column: bool = False


class _Form:
    """What is in each line of a text; ``fields`` to ``columns`` are the lines' places.

    ``commas`` are those in the line of the devices' names, ``count`` is their number.
    """

    def __init__(
        self,
        lines: Sequence[_Line],
        fields: Mapping[str, int],
        items: Mapping[str, Sequence[int]],
        about: Sequence[int],
        columns: Mapping[tuple[str, str], int],
        commas: int,
        count: int,
    ) -> None:
        self.counters = tuple(columns)
        self._lines = lines
        self._known: list[dict[bytes, Any]] = [{} if line.read else {line.before: None} for line in lines]
        # Where the value begins and ends, and what is before and after it.
        self._ends = [(len(line.before), -len(line.after) or _MOST_BYTES, line.before, line.after) for line in lines]
        self._known_bytes = 0
        self._count, self._pack = count, struct.Struct(f"={count}q").pack
        self._zero: Column = (self._pack(*[0] * count), 0)
        self._zeros: dict[int, bytes] = {}
        # Most lines are as they were in the text before.
        self._all = range(len(lines))
        self._last: Sequence[bytes | None] = [None] * len(lines)
        # Behind those of the lines the lists of what has lines of its own, and None for a field that is not there.
        places = {**fields, **{name: len(lines) + at for at, name in enumerate(items)}}
        self._values: list[Any] = [None] * (len(lines) + len(items) + 1)
        self._places = _Places(places)
        self._items = tuple((places[name], tuple(of_item)) for name, of_item in items.items())
        self._interfaces_at = places.get("interfaces", -1)
        self._about = itemgetter(*about)
        self._names_at, self._commas = about[0], commas
        self._abouts: dict[tuple[bytes, ...], About] = {}
        self._columns = itemgetter(*columns.values())
        port, software = (tuple(name for group, name in columns if group == which) for which in _GROUPS)
        self._shape = Shape(count, port, software)

    def read(self, lines: Sequence[bytes]) -> LineRecord:
        """Return the record; raise _OtherForm where it is of another form, ValueError where a value is not good."""
        # Texts of any number of devices have as many lines.
        if lines[self._names_at].count(b",") != self._commas:
            raise _OtherForm
        found = self._values.copy()
        new = []
        for at in compress(self._all, map(ne, lines, self._last)):
            line = lines[at]
            if not self._lines[at].is_column:
                value = self._known[at].get(line, _NEW)
                found[at] = self._look(at, line) if value is _NEW else value
            elif line == self._zeros.get(at):
                found[at] = self._zero
            else:
                new.append(at)
        if new:
            self._read_columns(new, lines, found)
        self._last, self._values = lines, found
        for place, of_item in self._items:
            found[place] = [found[at] for at in of_item]
        interfaces = found[self._interfaces_at]
        if len(interfaces) > 1 and len({item["name"] for item in interfaces}) < len(interfaces):
            raise ValueError("an interface is there twice")
        about = self._about_of(self._about(lines), self._about(found))
        return LineRecord(found, self._places, self._shape, about, self._columns(found))

    def _look(self, at: int, line: bytes) -> Any:
        own, known = self._lines[at], self._known[at]
        if own.read is None:
            raise _OtherForm
        begin, end, before, after = self._ends[at]
        if line[:begin] != before or line[end:] != after:
            raise _OtherForm
        value = own.read(line[begin:end])
        if len(line) <= _LONGEST_KNOWN:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            self._make_room(len(line))
            known[line] = value
        return value

    def _make_room(self, size: int) -> None:
        """Forget what is known where it is too much together with a line of this size."""
        self._known_bytes += size + _BYTES_OF_A_KNOWN
        if self._known_bytes > _MOST_KNOWN_BYTES:
            for own, known in zip(self._lines, self._known, strict=True):
                if own.read:
                    known.clear()
            self._abouts.clear()
            self._known_bytes = size + _BYTES_OF_A_KNOWN

    def _read_columns(self, places: Sequence[int], lines: Sequence[bytes], found: list[Any]) -> None:
        """Read counters, all of them at once; only zeros are ever seen again."""
        texts = []
        for at in places:
            line, (begin, end, before, after) = lines[at], self._ends[at]
            if line[:begin] != before or line[end:] != after:
                raise _OtherForm
            text = line[begin:end]
            # So each is a list at least, and none is two.
            if text[:1] != b"[" or text[-1:] != b"]":
                raise ValueError("not a list of numbers")
            texts.append(text)
        read = columns(b"[%b]" % b",".join(texts))
        if len(read) != len(texts):
            raise ValueError("not a list of numbers")
        for at, numbers in zip(places, read, strict=True):
            if len(numbers) != self._count:
                raise ValueError("a number for each device")
            total = sum(numbers)
            if total:
                try:
                    found[at] = self._pack(*numbers), total
                except struct.error as error:
                    raise ValueError("a number of more than 63 bits") from error
            else:
                found[at] = self._zero
                self._zeros[at] = lines[at]

    def _about_of(self, lines: tuple[bytes, ...], values: tuple[Any, ...]) -> About:
        about = self._abouts.get(lines)
        if about is None:
            names, pci_addresses, drivers = map(shared, values)
            both = shared(tuple(chain.from_iterable(zip(pci_addresses, drivers, strict=True))))
            about = About(names, pci_addresses, drivers, both)
            if len(self._abouts) >= _MOST_KNOWN:
                self._abouts.clear()
            self._make_room(sum(map(len, lines)))
            self._abouts[lines] = about
        return about


_NEW = object()


def _learn(data: bytes, lines: Sequence[bytes]) -> _Form | None:
    """Return the form of a text that the common reader takes; None where it is none, or a counter was not read."""
    try:
        value = parse_json(data)
    except Unusable:
        return None
    if type(value) is not dict or not all(check(value.get(name, MISSING)) for name, check in _CHECKS.items()):
        return None
    devices = value["devices"]
    count = len(devices["names"])
    if not 0 < count <= _MOST_DEVICES or not value.keys() <= FIELDS or devices.keys() != _FIELDS_OF_DEVICES:
        return None
    if any(devices[name] for name in _REST) or not {"tx_bytes", "rx_bytes"} <= devices["counters"].keys():
        return None
    scan = _Scan(count)
    for line in lines:
        scan.add(line)
    try:
        form = scan.form()
        read = form.read(lines)
    except (_OtherForm, ValueError, RecursionError):
        return None
    is_same = {**read.fields(), "devices": devices} == value
    return (
        form
        if is_same and list(form.counters) == [(group, name) for group in _GROUPS for name in devices[group]]
        else None
    )


class _Scan:
    """Goes through the lines of a text, and notes what is in each."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._within: list[str] = []
        self._lines: list[_Line] = []
        self._fields: dict[str, int] = {}
        self._items: dict[str, list[int]] = {name: [] for name in _ON_LINES_OF_THEIR_OWN}
        self._about: dict[str, int] = {}
        self._commas = 0
        self._columns: dict[tuple[str, str], int] = {}

    def add(self, line: bytes) -> None:
        """Note the next line."""
        at = len(self._lines)
        found = _MEMBER.fullmatch(line)
        if found is None:
            self._lines.append(self._without_name(at, line))
            return
        before, name, text, after = found["before"], found["name"].decode(), found["text"], found["after"]
        read = None
        if text in (b"{", b"["):
            self._within.append(name)
        elif not self._within and name in FIELDS:
            self._fields[name], read = at, _field(name)
        elif self._within == ["devices"] and name in _ABOUT:
            self._about[name], read = at, _texts(self._count, are_names=name == "names")
            if name == "names":
                self._commas = line.count(b",")
        elif len(self._within) == 2 and self._within[1] in _GROUPS:
            self._columns[self._within[1], name] = at
            self._lines.append(_Line(before, after, is_column=True))
            return
        self._lines.append(_Line(before, after, read) if read else _Line(line))

    def _without_name(self, at: int, line: bytes) -> _Line:
        if line.strip(b" ,") in (b"}", b"]"):
            self._within = self._within[:-1]
        elif self._within and self._within[-1] in self._items:
            self._items[self._within[-1]].append(at)
            read = _interface if self._within[-1] == "interfaces" else _item(self._within[-1])
            return _Line(b" ", b"," if line.endswith(b",") else b"", read)
        return _Line(line)

    def form(self) -> _Form:
        """Return what the lines are the form of; raise ValueError where devices are not told of in the known order."""
        # Of a single field or counter, an itemgetter gives no tuple.
        if list(self._about) != list(_ABOUT) or min(len(self._fields), len(self._columns)) < 2:
            raise ValueError("devices")
        # An empty list is on the line of its field.
        items = {name: places for name, places in self._items.items() if name not in self._fields}
        return _Form(
            self._lines, self._fields, items, tuple(self._about.values()), self._columns, self._commas, self._count
        )


FIELDS = frozenset(RecordType.__annotations__)
"""All that a hook of today writes."""
_FIELDS_OF_DEVICES = frozenset(DeviceColumns.__annotations__)


@cache
def _field(name: str) -> _Read:
    check = _CHECKS.get(name, _is_flat)

    def read(text: bytes) -> Any:
        value = _value(text)
        if not check(value):
            raise ValueError(name)
        if type(value) is str:
            return value
        if (type(value) is int and value > _MOST_INT) or not has_only_known(name, value):
            raise ValueError(name)
        if name in _ON_LINES_OF_THEIR_OWN and value:
            raise ValueError(name)
        return value

    return read


@cache
def _item(field: str) -> _Read:
    check = _CHECKS[field]

    def read(text: bytes) -> Any:
        value = _value(text)
        if not check([value]) or not has_only_known(field, [value]):
            raise ValueError(field)
        return value

    return read


def _interface(text: bytes) -> Any:
    """Return an interface that has no fields that a reader does not know; raise ValueError where it is none."""
    value = decode(text)
    if type(value) is not dict or value.keys() != _SHAPE_OF_INTERFACES:
        raise ValueError("an interface of another shape")
    name, counters = value["name"], value["counters"]
    if type(name) is not str or not 0 < len(name) <= _LONGEST_NAME or type(counters) is not dict or not counters:
        raise ValueError("an interface of another shape")
    counts = counters.values()
    if set(map(type, counts)) != {int} or not 0 <= min(counts) <= max(counts) <= _MOST_INT:
        raise ValueError("a counter that is none")
    # Nearly always all was read.
    if value["unknown"] == value["errors"] == []:
        expected = len(value) + len(counters) + "".join((name, *counters)).count(":")
    elif _CHECKS["interfaces"]([value]):
        expected = colons(value)
    else:
        raise ValueError("an interface of another shape")
    if text.count(b":") != expected:
        raise ValueError("a name is there twice")
    return value


@cache
def _texts(count: int, *, are_names: bool) -> _Read:
    def read(text: bytes) -> tuple[str | None, ...]:
        value = _value(text)
        if type(value) is not list or len(value) != count:
            raise ValueError(text)
        kinds = set(map(type, value))
        if kinds != {str} if are_names else not kinds <= {str, type(None)}:
            raise ValueError(text)
        if are_names and (len(set(value)) < count or not all(0 < len(name) <= _LONGEST_NAME for name in value)):
            raise ValueError(text)
        return tuple(value)

    return read


def _value(text: bytes) -> Any:
    """Return a value; raise ValueError where it is none, or an object has a name twice."""
    value = decode(text)
    if type(value) in (list, dict) and colons(value) != text.count(b":"):
        raise ValueError(text)
    return value


def _is_flat(value: Any) -> bool:
    """Whether what no report reads is a short list or object of plain values."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else (value,)
    return len(inner) <= _MOST_DEVICES and all(
        isinstance(one, (str, bool, type(None)))
        or (isinstance(one, (int, float)) and isfinite(one) and abs(one) <= _MOST_INT)
        for one in inner
    )
