"""Whether data surely fit a JSON Schema: the answer for specs that are right, without the validator that says why not.

It knows the keywords that the spec's schema uses. Whatever it does not know, or finds wrong, is for jsonschema to say:
to import that takes a quarter of the time in which a bundle is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

# Keywords that ask nothing of the data.
_NOTES = frozenset(("$schema", "$id", "$defs", "title", "description", "default", "errorMessage", "then"))
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    # 1.0 is a whole number to JSON Schema.
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


class _Unknown(Exception):
    """The schema asks for something that this module cannot judge."""


def surely_fits(schema: Mapping[str, Any], data: Any, pattern: Callable[[str, str], bool]) -> bool:
    """Return True only where the data fit; False where they do not, or where that cannot be told here.

    ``pattern`` says whether a pattern holds for a text.
    """
    try:
        return _Fit(schema, pattern).holds(schema, data)
    except (_Unknown, RecursionError, re.error):
        return False


class _Fit:
    def __init__(self, root: Mapping[str, Any], pattern: Callable[[str, str], bool]) -> None:
        self._root = root
        self._text_fits = pattern

    def holds(self, schema: Any, data: Any) -> bool:
        """Return whether data fit; raise _Unknown for a keyword that is not known here."""
        if isinstance(schema, bool):
            return schema
        return all(self._keyword(name, wanted, schema, data) for name, wanted in schema.items())

    def _keyword(self, name: str, wanted: Any, schema: Mapping[str, Any], data: Any) -> bool:
        if name in _NOTES or name.startswith("x-"):
            return True
        judge = getattr(self, f"_{name.lstrip('$')}", None)
        if judge is None:
            raise _Unknown(name)
        return bool(judge(wanted, data, schema))

    def _ref(self, wanted: str, data: Any, _: Any) -> bool:
        if not wanted.startswith("#/$defs/"):
            raise _Unknown(wanted)
        return self.holds(self._root["$defs"][wanted.removeprefix("#/$defs/")], data)

    def _type(self, wanted: Any, data: Any, _: Any) -> bool:
        return any(_TYPES[name](data) for name in ([wanted] if isinstance(wanted, str) else wanted))

    def _enum(self, wanted: list[Any], data: Any, _: Any) -> bool:
        return any(_same(value, data) for value in wanted)

    def _const(self, wanted: Any, data: Any, _: Any) -> bool:
        return _same(wanted, data)

    def _properties(self, wanted: Mapping[str, Any], data: Any, _: Any) -> bool:
        return not isinstance(data, dict) or all(self.holds(wanted[key], data[key]) for key in wanted if key in data)

    def _additionalProperties(self, wanted: Any, data: Any, schema: Mapping[str, Any]) -> bool:  # noqa: N802
        if not isinstance(data, dict):
            return True
        known = schema.get("properties", {})
        return all(self.holds(wanted, value) for key, value in data.items() if key not in known)

    def _propertyNames(self, wanted: Any, data: Any, _: Any) -> bool:  # noqa: N802
        return not isinstance(data, dict) or all(self.holds(wanted, key) for key in data)

    def _required(self, wanted: list[str], data: Any, _: Any) -> bool:
        return not isinstance(data, dict) or all(key in data for key in wanted)

    def _items(self, wanted: Any, data: Any, _: Any) -> bool:
        return not isinstance(data, list) or all(self.holds(wanted, item) for item in data)

    def _minProperties(self, wanted: int, data: Any, _: Any) -> bool:  # noqa: N802
        return not isinstance(data, dict) or len(data) >= wanted

    def _minItems(self, wanted: int, data: Any, _: Any) -> bool:  # noqa: N802
        return not isinstance(data, list) or len(data) >= wanted

    def _maxItems(self, wanted: int, data: Any, _: Any) -> bool:  # noqa: N802
        return not isinstance(data, list) or len(data) <= wanted

    def _uniqueItems(self, wanted: bool, data: Any, _: Any) -> bool:  # noqa: N802
        if not wanted or not isinstance(data, list):
            return True
        return not any(_same(one, other) for place, one in enumerate(data) for other in data[:place])

    def _minimum(self, wanted: float, data: Any, _: Any) -> bool:
        return not _TYPES["number"](data) or data >= wanted

    def _maximum(self, wanted: float, data: Any, _: Any) -> bool:
        return not _TYPES["number"](data) or data <= wanted

    def _multipleOf(self, wanted: float, data: Any, _: Any) -> bool:  # noqa: N802
        if not _TYPES["number"](data):
            return True
        if not isinstance(wanted, int) or not isinstance(data, int):
            raise _Unknown("multipleOf of other than whole numbers")
        return data % wanted == 0

    def _exclusiveMinimum(self, wanted: float, data: Any, _: Any) -> bool:  # noqa: N802
        return not _TYPES["number"](data) or data > wanted

    def _pattern(self, wanted: str, data: Any, _: Any) -> bool:
        return not isinstance(data, str) or self._text_fits(wanted, data)

    def _allOf(self, wanted: list[Any], data: Any, _: Any) -> bool:  # noqa: N802
        return all(self.holds(schema, data) for schema in wanted)

    def _anyOf(self, wanted: list[Any], data: Any, _: Any) -> bool:  # noqa: N802
        return any(self.holds(schema, data) for schema in wanted)

    def _oneOf(self, wanted: list[Any], data: Any, _: Any) -> bool:  # noqa: N802
        return sum(self.holds(schema, data) for schema in wanted) == 1

    def _not(self, wanted: Any, data: Any, _: Any) -> bool:
        return not self.holds(wanted, data)

    def _if(self, wanted: Any, data: Any, schema: Mapping[str, Any]) -> bool:
        if "else" in schema:
            raise _Unknown("else")
        return not self.holds(wanted, data) or self.holds(schema.get("then", True), data)


def _same(one: Any, other: Any) -> bool:
    """Return whether two scalars are the same to JSON, for which 1 is not true; raise _Unknown for other values."""
    if isinstance(one, (list, dict)) or isinstance(other, (list, dict)):
        raise _Unknown("a list or a mapping")
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
