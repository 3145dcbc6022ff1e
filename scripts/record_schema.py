"""Makes the record's JSON Schema from its type: what the hook writes, readers check and others may rely on."""

from __future__ import annotations

import json
import types
import typing
from pathlib import Path
from typing import Any

from efakit.node.record import SCHEMA_VERSION
from efakit.node.record_type import DeviceColumns, Doc, FindingRecord, InterfaceRecord, LnetRecord, Record

PATH = Path(__file__).parent.parent / "src/efakit/node/record.schema.json"
_NAMED = {DeviceColumns: "devices", InterfaceRecord: "interface", FindingRecord: "finding", LnetRecord: "lnet"}
_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}


def schema() -> dict[str, Any]:
    """Return the schema of the version that the hook writes."""
    whole = _object(Record)
    whole["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "efakit record",
        "description": "One node's part of one run of a job, by the epilog. Unknown fields are to be accepted.",
        **whole,
        "$defs": {name: _object(kind) for kind, name in _NAMED.items()},
    }


def text() -> str:
    """Return the schema as it is published."""
    return json.dumps(schema(), indent=1) + "\n"


def _object(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return {
        "type": "object",
        "required": list(hints),
        "properties": {name: _of(hint) for name, hint in hints.items()},
    }


def _of(hint: Any) -> dict[str, Any]:
    if hint in _NAMED:
        return {"$ref": f"#/$defs/{_NAMED[hint]}"}
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if typing.is_typeddict(hint):
        return _object(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _documented(_of(arguments[0]), arguments[1:])
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _of(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(arguments[1])}
    if origin in (typing.Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        found = _of(inner)
        if isinstance(found.get("type"), str):
            return {**found, "type": [found["type"], "null"]}
        return {"anyOf": [found, {"type": "null"}]}
    raise TypeError(f"{hint!r} has no JSON Schema")


def _documented(found: dict[str, Any], docs: tuple[Any, ...]) -> dict[str, Any]:
    for doc in docs:
        if isinstance(doc, Doc):
            found = {**found, **doc.keywords}
            if doc.text:
                found = {
                    "description": doc.text,
                    **{name: value for name, value in found.items() if name != "description"},
                }
    return found


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
