"""JSON without the module ``json``, whose regular expressions take longer to import than the hook's settings to read.

The interpreter's own scanner and encoder do the work, as they do behind ``json``. Where they are missing, or something
is wrong with a text, ``json`` itself takes over and says what.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

try:
    import _json
except ImportError:  # another interpreter than CPython
    _json = None  # type: ignore[assignment]

_BLANK = " \t\n\r"


class _Defaults:
    """How ``json.loads`` reads a text, unless told otherwise."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None  # Python 3.15
    parse_float = float
    parse_int = int
    parse_constant = float  # NaN and Infinity
    memo: dict[str, str] = {}


def loads(text: str) -> Any:
    """Return the value of a JSON text; raise ValueError, as ``json.loads`` does."""
    if _json is not None:
        try:
            stripped = text.strip(_BLANK)
            value, end = _json.make_scanner(_Defaults)(stripped, 0)  # type: ignore[arg-type]
            if end == len(stripped):
                return value
        except (AttributeError, StopIteration, TypeError, ValueError, SystemError):
            pass  # told by json, below, which also knows what a later Python's scanner wants
    import json

    return json.loads(text)


def dumps(value: Any) -> str:
    """Return a value as JSON on one line, in ASCII; raise TypeError where it is none."""
    if _json is not None:
        try:
            quote = _json.encode_basestring_ascii
            return "".join(_json.make_encoder(None, _refuse, quote, None, ": ", ", ", False, False, True)(value, 0))
        except (AttributeError, TypeError):
            pass  # told by json, below, which also knows what a later Python's encoder wants
    import json

    return json.dumps(value)


def dumps_lines(value: Mapping[str, Any]) -> str:
    """Return an object as JSON that people can still read: a line for each member, item and column of counters."""
    return "{\n%s\n}\n" % ",\n".join("%s: %s" % (dumps(name), _lines(member)) for name, member in value.items())


def _lines(member: Any) -> str:
    if isinstance(member, list) and member and isinstance(member[0], dict):
        return "[\n %s\n]" % ",\n ".join(map(dumps, member))
    if isinstance(member, dict) and any(isinstance(inner, dict) for inner in member.values()):
        return "{\n %s\n}" % ",\n ".join("%s: %s" % (dumps(name), _columns(inner)) for name, inner in member.items())
    return dumps(member)


def _columns(inner: Any) -> str:
    if isinstance(inner, dict) and inner:
        return "{\n  %s\n }" % ",\n  ".join("%s: %s" % (dumps(name), dumps(column)) for name, column in inner.items())
    return dumps(inner)


def _refuse(value: Any) -> Any:
    raise TypeError("%s is not JSON" % type(value).__name__)
