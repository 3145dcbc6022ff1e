"""What a run of the hook leaves in slurmd's log."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from efakit.finding import Finding
    from efakit.node.snapshot import Snapshot


def summary(
    command: str,
    job: Mapping[str, Any],
    snapshot: Snapshot,
    expectation: Mapping[str, Any],
    outcome: str,
    findings: Sequence[Finding],
) -> str:
    """Return what a run found and did, in one line."""
    expected = expectation["devices_expected"]
    found = "%d" % len(snapshot["devices_present"]) if snapshot["devices_listed"] else "unknown"
    count = "%s of %s EFA devices" % (found, "?" if expected is None else expected)
    notes = "".join("; %s" % item.message for item in findings if item.severity != "info")
    return "%s of job %d: %s; %s%s" % (command, job["job_id"], count, outcome, notes)


def printable(text: str) -> str:
    """Return ``text`` in printable ASCII, all else escaped: a log or a terminal would obey what a user put there."""
    escaped = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return escaped.encode("ascii", "backslashreplace").decode("ascii")
