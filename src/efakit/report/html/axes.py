"""What drawings share: labels, lines, names that fit, and round numbers for a scale."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10

from markupsafe import Markup

from efakit.printable import printable

LETTER = 6.7
"""The width of a letter, of 11 pixels."""


@dataclass(frozen=True)
class Text:
    """A label: where, which end of it lies there, and whether it stands upright."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    upright: bool = False
    style: str = ""


@dataclass(frozen=True)
class Line:
    """A level line of a scale."""

    x: float
    y: float
    length: float


@dataclass(frozen=True)
class Hit:
    """What an area says when pointed at."""

    path: Markup
    says: str


def shortened(name: str, most: int) -> str:
    """Return a name of at most ``most`` letters, its middle left out: its end tells nodes apart."""
    safe = printable(name, max(len(name), 1))
    if len(safe) <= most:
        return safe
    end = (most - 1) * 3 // 5
    return f"{safe[: most - 1 - end]}\N{HORIZONTAL ELLIPSIS}{safe[len(safe) - end :]}"


def steps(most: float, wanted: int = 4) -> list[float]:
    """Return round numbers from zero to about ``most``, for a scale."""
    if most <= 0:
        return [0, 1]
    rough = most / wanted
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return [round(step * at, 6) for at in range(int(most / step + 0.999) + 1)]


def area(x: float, y: float, wide: float, high: float) -> Markup:
    """Return the path of a rectangle."""
    return path(f"M{x:g} {y:g}h{wide:g}v{high:g}h-{wide:g}z")


def path(*parts: str) -> Markup:
    """Return a path of letters and numbers that drawings made, which needs no escaping."""
    return Markup("".join(parts))  # noqa: S704 - letters and numbers
