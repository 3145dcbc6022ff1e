"""Moments and spans of time on the command line: 7d, 36h, 2026-11-01."""

from __future__ import annotations

from datetime import datetime, timezone

from efakit.errors import UsageError

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_MOST_DIGITS = 6
_LATEST = 253_402_300_799.0
"""The end of the year 9999."""


def span_seconds(text: str, option: str) -> float:
    """Return a span such as 90m, 36h, 7d or 2w in seconds."""
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS and unit in _SECONDS):
        raise UsageError(f"{option}: {text!r} is not a span of time such as 90m, 36h, 7d or 2w")
    return int(number) * _SECONDS[unit]


def moment(text: str, option: str, now: float) -> float:
    """Return a moment in seconds since the epoch: a span before ``now``, or a day or a moment of ISO 8601, in UTC.

    A moment beyond the years that a record may have is the first or the last of these.
    """
    if text[-1:] in _SECONDS and text[:-1].isdigit():
        return max(0.0, now - span_seconds(text, option))
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
        since_epoch = (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp()
        return min(max(0.0, since_epoch), _LATEST)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: {text!r} is neither a span before now (90m, 36h, 7d, 2w) nor a day or moment in UTC "
            "(2026-11-01, 2026-11-01T12:00)"
        ) from None
