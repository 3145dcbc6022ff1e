"""The document that doctor judges: what ``hook/collect.py`` gives of a node, checked before anybody relies on it.

Local look, ``srun``, a saved tree and an archive all lead to one of these. It may come from another release of efakit,
or from somebody else: every value's type is looked at here, once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from efakit.errors import UsageError
from efakit.hook.collect import SCHEMA_VERSION
from efakit.hook.settings import FIELDS
from efakit.printable import printable

MOST_BYTES = 16 << 20
_LONGEST = 4096
_MOST_ITEMS = 4096
_MOST_DIGITS = 32

Shape = Any
_TEXT, _INT, _BOOL, _FLOAT = "text", "int", "bool", "float"


class Maybe(NamedTuple):
    """A value that may be null."""

    shape: Shape


class ListOf(NamedTuple):
    """A list, all of one shape."""

    shape: Shape


class MapOf(NamedTuple):
    """An object with any keys, and values of one shape."""

    shape: Shape


class Either(NamedTuple):
    """A value of one of several shapes."""

    shapes: tuple[Shape, ...]


_NAMED_ERROR = {"name": _TEXT, "error": _TEXT}
_DEVICE = {
    "name": _TEXT,
    **{
        name: Maybe(_TEXT)
        for name in (
            *("pci_address", "driver", "driver_error", "device_id", "verbs", "verbs_error"),
            *("unusable", "open_error"),
        )
    },
    "device_counters": MapOf(_INT),
    "counters": MapOf(_INT),
    "errors": ListOf(_TEXT),
    "own_errors": ListOf(_TEXT),
}
_SNAPSHOT = {
    "complete": _BOOL,
    "devices_listed": _BOOL,
    "list_error": Maybe(_TEXT),
    "boot_id": Maybe(_TEXT),
    "instance_type": Maybe(_TEXT),
    "driver_version": Maybe(_TEXT),
    "hugepages": Maybe({"size_kib": _INT, "count": _INT, "wanted": _INT}),
    "late": Maybe({"devices_at_first": _INT, "waited_seconds": _FLOAT}),
    "devices_present": ListOf(_TEXT),
    "foreign_devices": ListOf(_TEXT),
    "unknown_devices": ListOf(_NAMED_ERROR),
    "unbound_functions": ListOf(_TEXT),
    "unknown_functions": ListOf(_NAMED_ERROR),
    "devices": ListOf(_DEVICE),
}
_ANSWER = {
    "error": Maybe(_TEXT),
    "status": Maybe(_INT),
    "domains": Maybe(ListOf(_TEXT)),
    "first_line": _TEXT,
    "seconds": _INT,
}
_SHAPE = {
    "schema_version": _INT,
    "efakit": _TEXT,
    "node": _TEXT,
    "time_seconds": _FLOAT,
    "is_root": _BOOL,
    "in_image": _BOOL,
    "unread": ListOf({"what": _TEXT, "why": _TEXT}),
    "devices": Maybe(_SNAPSHOT),
    "machine": Maybe({"instance_type": Maybe(_TEXT), "vendor": Maybe(_TEXT), "parallelcluster": Maybe(_TEXT)}),
    "software": Maybe(
        {
            "versions": MapOf(Maybe(_TEXT)),
            "plugins": ListOf(_TEXT),
            "has_gpu": _BOOL,
            "open_mpi": ListOf(_TEXT),
        }
    ),
    "loader": Maybe({"paths": ListOf(_TEXT), "cache": Maybe(ListOf(_TEXT))}),
    "limits": Maybe(
        {
            "locked_memory": Maybe(_INT),
            "login_limits": ListOf((_TEXT, _TEXT, _TEXT, _INT)),
            "huge_pages": Maybe({"size_kib": _INT, "count": _INT, "wanted": _INT}),
            "ptrace_scope": Maybe(_INT),
            "slurm": {
                "slurmd": _BOOL,
                "slurmctld": _BOOL,
                "memlock_bytes": Maybe(_INT),
                "memlock_unit": Maybe(_TEXT),
            },
        }
    ),
    "enroot": Maybe({"settings": Maybe({"restrict_dev": _BOOL, "infiniband_in": ListOf(_TEXT)})}),
    "fabric": Maybe({"path": Maybe(_TEXT), "distrust": Maybe(_TEXT), "answers": ListOf(_ANSWER)}),
    "fabric_not_asked": Maybe(_TEXT),
}
_KERNEL = Maybe({"modules": Maybe(ListOf(_TEXT)), "peer_memory": MapOf(Maybe(_TEXT))})
_KEEPING = Maybe(
    {
        "spool": _TEXT,
        "spool_trouble": Maybe(_TEXT),
        "waiting": Maybe(_INT),
        "set_aside": Maybe(_INT),
        "records": Maybe(_TEXT),
        "records_trouble": Maybe(_TEXT),
    }
)
_EXPORTER = Maybe(
    {
        "installed": Maybe(_BOOL),
        "version": Maybe(_TEXT),
        "unit": Maybe(_TEXT),
        "enabled": Maybe(_BOOL),
        "active": Maybe(_BOOL),
        "listen": Maybe(_TEXT),
    }
)
_SETTINGS = Maybe(
    {
        "path": Maybe(_TEXT),
        "problems": ListOf(_TEXT),
        "expected_devices": Either((_TEXT, _INT)),
        "compute_resources": MapOf(_INT),
        "stack": MapOf(_TEXT),
    }
)


class Document(NamedTuple):
    """One node's document, its shape checked. Parts that were not read are None."""

    data: Mapping[str, Any]

    @property
    def node(self) -> str:
        """The node's name."""
        return str(self.data["node"])

    @property
    def in_image(self) -> bool:
        """Whether it is of a container's image."""
        return bool(self.data["in_image"])

    @property
    def instance_type(self) -> str | None:
        """The EC2 instance type, by the DMI product name."""
        machine = self.data["machine"]
        return machine["instance_type"] if machine else None

    @property
    def versions(self) -> Mapping[str, str | None]:
        """The versions of the components; a component that is not known is None."""
        software = self.data["software"]
        return software["versions"] if software else {}

    @property
    def devices(self) -> tuple[str, ...]:
        """The names of the EFA devices, as far as they are known."""
        found = self.data["devices"]
        return tuple(found["devices_present"]) if found else ()

    def part(self, name: str) -> Any:
        """Return a part of the document, None where it was not read."""
        return self.data.get(name)


def parse_document(text: str, where: str) -> Document:
    """Return the document in a JSON text; raise UsageError where it is none."""
    try:
        data = load_json(text)
    except ValueError as error:
        raise UsageError(f"{where}: no JSON that doctor knows: {error}") from None
    return document_of(data, where)


def load_json(text: str | bytes) -> Any:
    """Return the value of a JSON text that anybody may have written; raise ValueError."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_int=_int)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def document_of(data: object, where: str) -> Document:
    """Return checked JSON values as a document; raise UsageError for whatever is missing or of another type."""
    if not isinstance(data, dict) or type(data.get("schema_version")) is not int:
        raise UsageError(f"{where}: no document of 'efakit doctor --collect' or of the hook's 'collect'")
    if data["schema_version"] > SCHEMA_VERSION:
        raise UsageError(
            f"{where}: written by a newer efakit ({_shown(data.get('efakit'))}); use that release, or a later one"
        )
    check_shape(data, _SHAPE, where)
    check_shape(data.get("kernel"), _KERNEL, where, "kernel")
    check_shape(data.get("settings"), _SETTINGS, where, "settings")
    check_shape(data.get("keeping"), _KEEPING, where, "keeping")
    check_shape(data.get("exporter"), _EXPORTER, where, "exporter")
    for name in ("expected_devices", "compute_resources") if data.get("settings") else ():
        if not FIELDS[name][1](data["settings"][name]):
            raise UsageError(f"{where}: settings.{name} is no value of hook.json; it was changed")
    return Document(data)


def check_shape(value: object, shape: Shape, where: str, place: str = "") -> None:
    """Raise UsageError, which names ``where`` and the place in it, where a value has another shape."""
    problem = _wrong(value, shape, place)
    if problem:
        raise UsageError(f"{where}: {problem}; it was changed, or another program wrote it")


def _int(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:  # longer ones take Python quadratic time
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _shown(value: object) -> str:
    return printable(str(value))[:40]


def _wrong(value: object, shape: Shape, place: str) -> str | None:
    """Return what is wrong with a value, None where it has the shape."""
    if shape is None:
        return None  # whoever uses it looks at it
    if isinstance(shape, Maybe):
        return None if value is None else _wrong(value, shape.shape, place)
    if isinstance(shape, Either):
        problems = [_wrong(value, own, place) for own in shape.shapes]
        return None if None in problems else problems[0]
    if isinstance(shape, str):
        return _wrong_plain(value, shape, place)
    if isinstance(shape, (MapOf, dict)):
        return _wrong_object(value, shape, place)
    if not isinstance(value, list) or len(value) > _MOST_ITEMS:
        return f"{place} must be a list of at most {_MOST_ITEMS} items"
    if isinstance(shape, ListOf):
        found = (_wrong(item, shape.shape, f"{place}[{index}]") for index, item in enumerate(value))
        return next(filter(None, found), None)
    if len(value) != len(shape):
        return f"{place} must have {len(shape)} items"
    found = (_wrong(item, own, place) for item, own in zip(value, shape, strict=True))
    return next(filter(None, found), None)


def _wrong_plain(value: object, shape: str, place: str) -> str | None:
    if shape == _TEXT:
        right = isinstance(value, str) and len(value) <= _LONGEST
    elif shape == _BOOL:
        right = isinstance(value, bool)
    else:
        right = type(value) is int or (shape == _FLOAT and type(value) is float)
    return None if right else f"{place} must be of type {shape}"


def _wrong_object(value: object, shape: MapOf | dict[str, Shape], place: str) -> str | None:
    if not isinstance(value, dict) or len(value) > _MOST_ITEMS:
        return f"{place or 'the document'} must be an object"
    names = list(value) if isinstance(shape, MapOf) else list(shape)
    for name in names:
        where = f"{place}.{printable(name)}" if place else printable(name)
        if name not in value:
            return f"{where} is missing"
        problem = _wrong(value[name], shape.shape if isinstance(shape, MapOf) else shape[name], where)
        if problem:
            return problem
    return None
