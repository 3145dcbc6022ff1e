"""The errors that efakit raises on purpose.

Each message says what is wrong, where, and what to do. The command line prints the message and exits with
``exit_code``; any other exception that reaches the user is a defect.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from efakit.finding import Finding, Place


class EfakitError(Exception):
    """The base of all errors that efakit raises on purpose; ``findings`` say the same for programs."""

    exit_code = 2
    findings: tuple[Finding, ...] = ()


class UsageError(EfakitError):
    """The user's input or the state of the machine does not allow what was asked for.

    ``place`` is where in the input; the message then begins with it.
    """

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message if place is None else f"{place}: {message}")
        if place is not None:
            from efakit.finding import ERROR, Finding

            self.findings = (Finding("input-unusable", ERROR, message, place=place),)


class SpecError(EfakitError):
    """One or more faults in a spec, each with its place."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(dict.fromkeys(findings))
        super().__init__("\n".join(self.problems))

    @property
    def problems(self) -> list[str]:
        """Each fault as a line: ``file:line:column: message; what to do``."""
        return [f"{item.place}: {item.said}" for item in self.findings]


class UnknownInstanceType(EfakitError):
    """An instance type that the catalog does not know: never taken for a type without EFA.

    ``fix`` names what is known that resembles it.
    """

    def __init__(self, message: str, fix: str) -> None:
        self.message = message
        self.fix = fix
        super().__init__(f"{message}. {fix[:1].upper()}{fix[1:]}")


class CatalogError(EfakitError):
    """Data of the catalog, or data meant for it, that cannot be used."""


class RecordError(EfakitError):
    """A record that cannot be found or read."""


class MissingExtra(EfakitError):
    """A command needs an optional dependency that is not installed."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs the extra {extra!r}: pip install 'efakit[{extra}]'")
