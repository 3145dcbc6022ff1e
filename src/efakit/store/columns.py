"""A record as a row, and a row as the record: nothing of it is lost.

Each field of the record's type (``efakit.node.record_type``) is a column: texts, numbers and truths as they are,
lists and objects as JSON text. Of the devices each counter is a list, in the order of ``device_names``; null where the
driver lacks it. What does not fit (a number above 2^63-1, a field of a newer efakit, version 1) stands whole in
``whole``, as JSON text.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from efakit.catalog.counters import PORT_COUNTERS
from efakit.jobs.fields import COLUMNS_SINCE
from efakit.node.record_type import DeviceRecord, InterfaceRecord
from efakit.node.record_type import Record as RecordType

MOST_INT = (1 << 63) - 1
DEVICE_COUNTERS = (
    "submitted_cmds", "completed_cmds", "cmds_err", "no_completion_cmds", "keep_alive_rcvd", "alloc_pd_err",
    "create_qp_err", "create_cq_err", "reg_mr_err", "alloc_ucontext_err", "create_ah_err", "mmap_err", "alloc_mr_err",
    "get_dma_mr_err",
)  # fmt: skip
"""Of the driver (``efa_verbs.c`` in amzn/amzn-drivers, EFA_DEFINE_DEVICE_STATS and _KVERBS_DEVICE_STATS)."""
INTERFACE_COUNTERS = ("tx_bytes", "rx_bytes", "tx_packets", "rx_packets")
# Kind of item: its type in the record, and of each group of counters the names that have a column, with their prefix.
_ITEMS: dict[str, tuple[Any, str, dict[str, tuple[str, tuple[str, ...]]]]] = {
    "devices": (
        DeviceRecord,
        "device",
        {
            "counters": ("device_", tuple(counter.name for counter in PORT_COUNTERS)),
            "device_counters": ("driver_", DEVICE_COUNTERS),
        },
    ),
    "interfaces": (InterfaceRecord, "interface", {"counters": ("interface_", INTERFACE_COUNTERS)}),
}

Row = dict[str, Any]


@cache
def kinds() -> dict[str, str]:
    """Return all columns of the records, each with its kind: text, int, float, bool, json, texts, ints."""
    found = {"day": "text", "cluster_folder": "text", "folder_job_id": "int", "source": "text", "whole": "text"}
    found["device_count"] = "int"
    for name, hint in _hints(RecordType).items():
        if name not in _ITEMS:
            found[name] = _kind(hint)
    for kind, (item_type, prefix, groups) in _ITEMS.items():
        for name in _hints(item_type):
            if name not in groups and _kind(_hints(item_type)[name]) == "text":
                found[f"{prefix}_{name}s" if name == "name" else f"{prefix}_{name}"] = "texts"
        for before, names in groups.values():
            found.update({before + name: "ints" for name in names})
        found[f"{kind}_more"] = "json"
    return found


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _kind(hint: Any) -> str:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    if typing.get_origin(hint) is typing.Literal:
        return "text"
    return {str: "text", int: "int", float: "float", bool: "bool"}.get(hint, "json")


@cache
def plan() -> tuple[tuple[tuple[str, ...], tuple[str, ...]], dict[str, tuple[Any, ...]]]:
    """Return the plain fields, those that are JSON, and of each kind of item how it becomes columns."""
    fields = [name for name in _hints(RecordType) if name not in _ITEMS]
    plain = tuple(name for name in fields if kinds()[name] != "json")
    items: dict[str, tuple[Any, ...]] = {}
    for kind, (item_type, prefix, groups) in _ITEMS.items():
        texts = tuple(
            (name, f"{prefix}_{name}s" if name == "name" else f"{prefix}_{name}")
            for name, hint in _hints(item_type).items()
            if name not in groups and _kind(hint) == "text"
        )
        rest = tuple(name for name in _hints(item_type) if name not in groups and name not in dict(texts))
        items[kind] = (texts, rest, tuple((group, before, names) for group, (before, names) in groups.items()))
    return (plain, tuple(name for name in fields if kinds()[name] == "json")), items


def row_of(value: Mapping[str, Any], *, sure: bool = False) -> Row:
    """Return the row of a record as its JSON file has it; ``sure``: it has the type's fields, and numbers that fit."""
    row = _row_of(value) if sure else _tried(value)
    if not sure and (row is None or value_of(row) != value):
        row = {**(row or _spare(value)), "whole": json.dumps(value)}
    assert row is not None  # noqa: S101 - for mypy
    return row


def _tried(value: Mapping[str, Any]) -> Row | None:
    try:
        row = _row_of(value)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return row if all(_fits(row.get(name), kind) for name, kind in kinds().items()) else None


def _spare(value: Mapping[str, Any]) -> Row:
    """Return those plain columns of a record that can be had, whatever the rest is."""
    return {name: value.get(name) for name, kind in kinds().items() if _fits(value.get(name), kind, plain=True)}


def _fits(value: Any, kind: str, *, plain: bool = False) -> bool:
    if value is None:
        return True
    if kind in ("text", "json"):
        return (not plain or kind == "text") and isinstance(value, str) and _is_unicode(value)
    if kind == "int":
        return type(value) is int and -MOST_INT <= value <= MOST_INT
    if kind == "float":
        return type(value) in (int, float) and abs(value) <= MOST_INT
    if kind == "bool":
        return isinstance(value, bool)
    inner = "text" if kind == "texts" else "int"
    return not plain and all(_fits(one, inner) for one in value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _row_of(value: Mapping[str, Any]) -> Row:
    plain, as_json = plan()[0]
    row: Row = {name: value.get(name) for name in plain}
    for name in as_json:
        given = value.get(name)
        row[name] = None if given is None else "[]" if given == [] else json.dumps(given)
    for kind in plan()[1]:
        row |= items_row(value, kind)
    row["device_count"] = len(row["device_names"])
    return row


def items_row(value: Mapping[str, Any], kind: str) -> Row:
    """Return the columns of a record's devices or interfaces."""
    texts, rest, groups = plan()[1][kind]
    row: Row = {}
    if isinstance(value[kind], dict):
        _add_columns(row, value[kind], kind, groups)
        return row
    own: Sequence[Mapping[str, Any]] = value[kind]
    for name, column in texts:
        row[column] = [item.get(name) for item in own]
    more: dict[str, Any] = {}
    for group, before, names in groups:
        counted: list[Any] = [item.get(group) for item in own]
        if None in counted:
            more[group] = counted
        else:
            _add_counters(row, more, counted, group, before, names)
    for name in rest:
        if any(item.get(name) for item in own):
            more[name] = [item.get(name) for item in own]
    row[f"{kind}_more"] = json.dumps(more) if more else None
    return row


def _add_columns(row: Row, columns: Mapping[str, Any], kind: str, groups: Iterable[tuple[str, str, Any]]) -> None:
    """Add what is by columns already."""
    more = {name: columns[name] for name in ("unknown", "errors") if columns[name]}
    row.update(zip(_ABOUT, (columns[name] for name in _ABOUT.values()), strict=True))
    for group, before, names in groups:
        for name, column in columns[group].items():
            if name in names:
                row[before + name] = column
            else:
                more.setdefault(group, {})[name] = column
    row[f"{kind}_more"] = json.dumps(more) if more else None


_ABOUT = {"device_names": "names", "device_pci_address": "pci_addresses", "device_driver": "drivers"}


def _add_counters(
    row: Row, more: dict[str, Any], own: list[dict[str, int]], group: str, before: str, names: tuple[str, ...]
) -> None:
    if not own:
        return
    first = tuple(own[0])
    if len(first) > 1 and _known(first, names) and len(set(map(len, own))) == 1:
        # Nearly always: each device has the same counters.
        try:
            columns = zip(*map(itemgetter(*first), own), strict=True)
            row.update(zip([before + name for name in first], columns, strict=True))
            return
        except KeyError:
            pass
    others = [{name: count for name, count in one.items() if name not in names} for one in own]
    if any(others):
        more[group] = others
    for name in names:
        if any(name in one for one in own):
            row[before + name] = [one.get(name) for one in own]


@cache
def _known(first: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return set(first) <= set(names)


def value_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record's JSON value that a row was made from."""
    if row.get("whole") is not None:
        whole: dict[str, Any] = json.loads(row["whole"])
        return whole
    (plain, as_json), items = plan()
    # A generation of an older efakit lacks the columns of fields that are new since.
    value: dict[str, Any] = {name: row.get(name) for name in plain}
    for name in as_json:
        value[name] = None if row.get(name) is None else json.loads(row[name])
    for kind, (texts, rest, groups) in items.items():
        more = json.loads(row[f"{kind}_more"]) if row.get(f"{kind}_more") else {}
        if kind == "devices" and type(row["schema_version"]) is int and row["schema_version"] >= COLUMNS_SINCE:
            value[kind] = _columns_of(row, more, groups)
            continue
        own: list[dict[str, Any]] = [{} for _ in row[texts[0][1]] or ()]
        for name, column in texts:
            for item, text in zip(own, row[column], strict=True):
                item[name] = text
        for group, before, names in groups:
            _set_counters(own, row, more.get(group), group, before, names)
        for name in rest:
            for item, rested in zip(own, more.get(name) or ([] for _ in own), strict=True):
                item[name] = rested
        value[kind] = own
    return value


def _columns_of(row: Mapping[str, Any], more: dict[str, Any], groups: Iterable[tuple[str, str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {name: row[column] for column, name in _ABOUT.items()}
    for group, before, names in groups:
        own = {name: row[before + name] for name in names if row.get(before + name) is not None}
        found[group] = {**own, **more.get(group, {})}
    return {**found, "unknown": more.get("unknown", {}), "errors": more.get("errors", {})}


def _set_counters(
    own: list[dict[str, Any]], row: Mapping[str, Any], others: Any, group: str, before: str, names: Iterable[str]
) -> None:
    for item in own:
        item[group] = {}
    for name in names:
        for item, count in zip(own, row.get(before + name) or (), strict=False):
            if count is not None:
                item[group][name] = count
    if isinstance(others, list):
        for item, other in zip(own, others, strict=True):
            if other is None:
                del item[group]
            else:
                item[group].update(other)
