"""Reads this node's own counters: the same reading as the exporter's."""

from __future__ import annotations

import time
from collections.abc import Callable

from efakit.exporter.reading import Reader
from efakit.node.bounded import NoChild
from efakit.top.exporters import Unreachable
from efakit.top.sample import EFA, TCP, Sample


class Here:
    """This node; ``line_rate`` gives what an instance type can send."""

    def __init__(self, reader: Reader, line_rate: Callable[[str], float | None]) -> None:
        self._reader = reader
        self._line_rate = line_rate

    def __call__(self) -> Sample:
        """Read once; raise Unreachable."""
        # Before: a device that hangs holds the reading up, and the counters of the others were read at its beginning.
        began = time.monotonic()
        try:
            reading = self._reader.read()
        except NoChild as error:
            raise Unreachable(error.strerror or str(error)) from error
        snapshot = reading.snapshot
        if not snapshot["devices_listed"]:
            raise Unreachable(snapshot["list_error"] or "this node's devices could not be listed")
        tcp = {
            interface["name"]: {
                name: float(interface["counters"][name]) for name in TCP if name in interface["counters"]
            }
            for interface in snapshot["interfaces"]
        }
        devices = {
            device["name"]: {name: float(device["counters"][name]) for name in EFA if name in device["counters"]}
            for device in snapshot["devices"]
        }
        unknown = [item["name"] for item in snapshot["unknown_devices"]]
        kind = snapshot["instance_type"]
        return Sample(
            began,
            devices,
            (*snapshot["devices_present"], *unknown),
            tcp=tcp,
            found=None if unknown else len(snapshot["devices_present"]),
            expected=reading.expected,
            line_rate=self._line_rate(kind) if kind else None,
            jobs=tuple(str(job.job_id) for job in reading.jobs or ()),
        )
