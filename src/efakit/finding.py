"""A finding: one thing that lint, validate, doctor, a hook or a report has to say. Python 3.9, imports nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Severity(str):
    """``info``, ``warning`` or ``error``: a word as JSON has it, ordered by weight and not by the alphabet.

    An error fails a job or a cluster, or loses EFA without a sign; a warning is wrong or without effect; an info is
    advice.
    """

    __slots__ = ()

    def __new__(cls, word: str) -> Severity:
        """Raise ValueError for any other word."""
        if word not in _RANKS:
            raise ValueError(f"unknown severity {word!r}: it must be info, warning or error")
        return super().__new__(cls, word)

    @property
    def rank(self) -> int:
        """0 for info, 1 for warning, 2 for error."""
        return _RANKS[str(self)]

    def __lt__(self, other: str) -> bool:
        return self.rank < _RANKS[str(other)]

    def __le__(self, other: str) -> bool:
        return self.rank <= _RANKS[str(other)]

    def __gt__(self, other: str) -> bool:
        return self.rank > _RANKS[str(other)]

    def __ge__(self, other: str) -> bool:
        return self.rank >= _RANKS[str(other)]


_RANKS = {"info": 0, "warning": 1, "error": 2}
INFO, WARNING, ERROR = (Severity(word) for word in _RANKS)


class Place:
    """Where something stands: a file, and within it line and column, both from 1; 0 where it has none.

    ``end_column`` is the column behind the last letter, where the place is a part of one line. ``keys`` lead to it in
    a document of keys and values.
    """

    __slots__ = ("column", "end_column", "file", "keys", "line")

    def __init__(
        self,
        file: str = "",
        line: int = 0,
        column: int = 0,
        end_column: int | None = None,
        keys: tuple[str | int, ...] = (),
    ) -> None:
        self.file = file
        self.line = line
        self.column = column
        self.end_column = end_column
        self.keys = keys

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return f"Place{self._values()!r}"

    def __str__(self) -> str:
        """Return ``file:line:column``, as far as it is known."""
        numbers = (self.line, self.column) if self.column else (self.line,) if self.line else ()
        return ":".join([self.file, *map(str, numbers)])

    def _values(self) -> tuple[Any, ...]:
        return self.file, self.line, self.column, self.end_column, self.keys


NOWHERE = Place()


class Finding:
    """One thing to say: which rule says it, how bad it is, where, what is wrong, what to do, on whose word.

    ``fix`` is empty where the message says what to do; ``source`` is the public address of the rule. ``mendable`` says
    whether efakit can mend it by itself; ``edits`` are the changes of the file that do. ``about`` names, for programs,
    what the message speaks of: components of a stack, variables, devices.
    """

    __slots__ = ("about", "edits", "fix", "mendable", "message", "place", "rule", "severity", "source")

    def __init__(
        self,
        rule: str,
        severity: str,
        message: str,
        *,
        place: Place = NOWHERE,
        fix: str = "",
        source: str = "",
        mendable: bool = False,
        edits: tuple[Any, ...] = (),
        about: tuple[str, ...] = (),
    ) -> None:
        """Raise ValueError for an unknown severity."""
        self.rule = rule
        self.severity = Severity(severity)
        self.message = message
        self.place = place
        self.fix = fix
        self.source = source
        self.mendable = mendable or bool(edits)
        self.edits = edits
        self.about = about

    @property
    def file(self) -> str:
        """The place's file."""
        return self.place.file

    @property
    def line(self) -> int:
        """The place's line."""
        return self.place.line

    @property
    def column(self) -> int:
        """The place's column."""
        return self.place.column

    @property
    def end_column(self) -> int | None:
        """The column behind the place."""
        return self.place.end_column

    @property
    def said(self) -> str:
        """The message and what to do, as one line."""
        return f"{self.message}; {self.fix}" if self.fix else self.message

    def replaced(self, **changes: Any) -> Finding:
        """Return the finding with other values of some fields."""
        kept = {name: getattr(self, name) for name in self.__slots__}
        return Finding(**{**kept, **changes})

    def as_data(self) -> dict[str, Any]:
        """Return the finding as JSON values; line and column are null where the place has none."""
        return {
            "file": self.file,
            "line": self.line or None,
            "column": self.column or None,
            "rule": self.rule,
            "severity": str(self.severity),
            "message": self.message,
            "fix": self.fix,
            "source": self.source,
            "mendable": self.mendable,
            "about": list(self.about),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Finding:
        """Return the finding that JSON values hold; rule, severity and message must be there.

        Raises ValueError where a value is missing or of another type.
        """
        texts = {name: data.get(name, "") for name in ("rule", "severity", "message", "file", "fix", "source")}
        numbers = {name: data.get(name) or 0 for name in ("line", "column")}
        about = data.get("about", [])
        wrong = [name for name, value in texts.items() if not isinstance(value, str)]
        wrong += [name for name in ("rule", "severity", "message") if not texts[name]]
        wrong += [name for name, value in numbers.items() if type(value) is not int or value < 0]
        if not isinstance(about, list) or not all(isinstance(name, str) for name in about):
            wrong.append("about")
        if wrong:
            raise ValueError(f"no finding: {', '.join(dict.fromkeys(wrong))} is missing or of another type")
        place = Place(texts.pop("file"), numbers["line"], numbers["column"])
        return cls(**texts, place=place, mendable=data.get("mendable") is True, about=tuple(about))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Finding) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return f"Finding({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)


def findings_in(values: object) -> list[Finding]:
    """Return the findings of a list as JSON has it; what is none is left out: other versions of efakit wrote it."""
    found = []
    for item in values if isinstance(values, list) else ():
        try:
            found.append(Finding.from_data(item))
        except (AttributeError, TypeError, ValueError):
            continue
    return found
