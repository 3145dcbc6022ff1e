"""Moments on the command line: spans before now, and days and moments in UTC."""

from __future__ import annotations

import pytest

from efakit.cli.moments import moment
from efakit.report.fleet_text import when

NOW = 1_790_000_000.0
LATEST = 253_402_300_799.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7d", NOW - 7 * 86_400),
        ("2026-09-21", 1_789_948_800.0),
        ("2026-09-21T13:00", 1_789_995_600.0),
        ("2026-09-21T13:00Z", 1_789_995_600.0),
        ("2026-09-21T13:00+02:00", 1_789_988_400.0),
        # No record is older than 1970 or younger than the year 9999.
        ("999999w", 0.0),
        ("0001-01-01", 0.0),
        ("9999-12-31T23:59:59-12:00", LATEST),
    ],
)
def test_a_moment_is_one_that_a_record_may_have(text, seconds):
    assert moment(text, "--since", NOW) == seconds
    assert when(seconds).endswith("Z")
