"""The errors that efakit raises on purpose.

Each message says what is wrong, where, and what to do. The command line prints the message and exits with
``exit_code``; any other exception that reaches the user is a defect.
"""

from __future__ import annotations


class EfakitError(Exception):
    """The base of all errors that efakit raises on purpose."""

    exit_code = 2


class UsageError(EfakitError):
    """The user's input or the state of the machine does not allow what was asked for."""


class SpecError(EfakitError):
    """One or more faults in a spec; each line reads ``file:line:column: message``."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class UnknownInstanceType(EfakitError):
    """An instance type that the catalog does not know: never taken for a type without EFA."""


class CatalogError(EfakitError):
    """Data of the catalog, or data meant for it, that cannot be used."""


class RecordError(EfakitError):
    """A record that cannot be found or read."""


class MissingExtra(EfakitError):
    """A command needs an optional dependency that is not installed."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs the extra {extra!r}: pip install 'efakit[{extra}]'")
