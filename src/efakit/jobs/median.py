"""Medians of numbers: ``statistics`` has them too, and its import takes as long as the report of a small job."""

from __future__ import annotations

from collections.abc import Iterable


def median(values: Iterable[float]) -> float:
    """Return the middle of some numbers, at least one: of an even count the mean of both middle ones."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def median_low(values: Iterable[float]) -> float:
    """Return the middle of some numbers, at least one: of an even count the smaller of both middle ones."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]
