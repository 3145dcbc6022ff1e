"""The hook's own folders on a node: its spool, and the shared folder of the records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from efakit.doctor.document import Document
from efakit.finding import Finding

# Each run of a hook publishes what waits: more than a few mean that it could not for a while.
_MANY_WAIT = 10


def keeping_findings(document: Document) -> Iterator[Finding]:
    """Give why the hook cannot keep or publish its records on this node."""
    keeping: Any = document.part("keeping")
    if not keeping:
        return
    if keeping["spool_trouble"]:
        yield Finding("spool-unusable", "error", f"the hook cannot use its spool: {keeping['spool_trouble']}")
    if keeping["set_aside"]:
        message = f"{keeping['set_aside']} files lie in {keeping['spool']}/aside: they could not be read"
        yield Finding("spool-damaged", "warning", message)
    if keeping["records_trouble"]:
        message = f"this node cannot publish records: {keeping['records_trouble']}"
        yield Finding("records", "error", message)
    elif keeping["waiting"] is not None and keeping["waiting"] >= _MANY_WAIT:
        message = f"{keeping['waiting']} records wait in {keeping['spool']} to be published"
        yield Finding("records-wait", "warning", message)
