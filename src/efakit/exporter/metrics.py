"""A node's reading as metrics: names as sysfs has them, with the prefix ``efa_`` and, of counters, ``_total``.

AWS's documents, CloudWatch and others call these counters so as well, so that they can be found. What was not read has
no series: a series of zeros would say that nothing was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from efakit import __version__
from efakit.catalog.counters import PORT_COUNTERS
from efakit.exporter.reading import Hooks, Job, Reading
from efakit.node.bounded import NoChild

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MEANINGS = {row.name: f"{row.unit.capitalize()}: {row.meaning}" for row in PORT_COUNTERS}
_OF_TCP = {"tx_bytes": "sent", "rx_bytes": "received"}

Families = Iterator[Any]


class Sums:
    """Sums over all devices that only grow: one that fell with a device that goes away would count as begun anew.

    Prometheus then takes all that the others ever counted for new
    (https://prometheus.io/docs/prometheus/latest/querying/functions/#rate).
    """

    def __init__(self) -> None:
        self._sums: dict[str, int] = {}
        self._last: dict[str, dict[str, int]] = {}

    def of(self, counter: str, values: Mapping[str, int]) -> int:
        """Take a counter's values by device, and return its sum.

        A device that is new or began anew adds its whole value. One that is away may come back: its last value is kept.
        """
        last = self._last.setdefault(counter, {})
        before = {name: last.get(name, 0) for name in values}
        grown = (now - before[name] if now >= before[name] else now for name, now in values.items())
        self._sums[counter] = self._sums.get(counter, 0) + sum(grown)
        last.update(values)
        return self._sums[counter]


class NodeCollector(Collector):
    """Reads the node at each scrape; one scrape at a time.

    ``read`` takes a reading, ``line_rate`` gives the bytes a second that an instance type can send, None: unknown.
    """

    def __init__(
        self, read: Callable[[], Reading], line_rate: Callable[[str], float | None], *, device_detail: bool
    ) -> None:
        self._read = read
        self._line_rate = line_rate
        self._sums = None if device_detail else Sums()
        self._one = Lock()

    def describe(self) -> Iterable[Any]:
        """Give nothing: which counters there are only a reading tells."""
        return ()

    def collect(self) -> Families:
        """Give the families of one reading."""
        with self._one:
            try:
                reading = self._read()
            except NoChild:
                yield _gauge("efa_scrape_success", "Whether the node could be read: 1, or 0", 0)
                return
            found = list(families(reading, self._line_rate, self._sums))
        yield from found


def families(reading: Reading, line_rate: Callable[[str], float | None], sums: Sums | None) -> Families:
    """Give the metrics of a reading; with ``sums`` those over all devices, where all were read, else each device's."""
    snapshot = reading.snapshot
    yield _gauge("efa_scrape_success", "Whether the node could be read: 1, or 0", int(snapshot["devices_listed"]))
    yield _gauge("efa_scrape_duration_seconds", "Seconds that reading the node took", reading.seconds)
    yield _node(reading)
    if snapshot["devices_listed"] and not snapshot["unknown_devices"]:
        yield _gauge("efa_devices_found", "EFA devices of the node", len(snapshot["devices_present"]))
    if reading.expected is not None:
        yield _gauge("efa_devices_expected", "EFA devices that the node should have", reading.expected)
    rate = line_rate(snapshot["instance_type"]) if snapshot["instance_type"] else None
    if rate is not None:
        text = "Bytes a second that the instance type's network can move each way, EFA and TCP together"
        yield _gauge("efa_line_rate_bytes_per_second", text, rate)
    if snapshot["devices_listed"]:
        yield from _devices(reading, sums)
    yield from _interfaces(reading)
    if reading.jobs is not None:
        yield _jobs(reading.jobs)
    if reading.hooks is not None:
        yield from _hooks(reading.hooks)


def _label(text: str) -> str:
    """Return a name without the bytes that are no UTF-8: one of them would cost the whole scrape."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _node(reading: Reading) -> InfoMetricFamily:
    labels = {
        "instance_type": reading.snapshot["instance_type"] or "",
        "driver_version": reading.snapshot["driver_version"] or "",
        "version": __version__,
    }
    return InfoMetricFamily("efa_node", "The node, its EFA driver and efakit's release", value=labels)


def _devices(reading: Reading, sums: Sums | None) -> Families:
    snapshot = reading.snapshot
    values = {device["name"]: _counters(device) for device in snapshot["devices"]}
    success = GaugeMetricFamily(
        "efa_device_read_success", "Whether all counters of the device were read: 1, or 0", labels=["device"]
    )
    whole = {device["name"] for device in snapshot["devices"] if not device["errors"]}
    # Of the last ones it is not known whether they are EFA devices: then nothing of them was read.
    present = [*snapshot["devices_present"], *(item["name"] for item in snapshot["unknown_devices"])]
    for name in present:
        success.add_metric([_label(name)], int(name in whole))
    if sums is None:
        yield success
    else:
        text = "EFA devices all of whose counters were read"
        yield _gauge("efa_devices_read", text, len(whole))
    labels = {name: {"device": _label(name)} for name in values}
    for counter in sorted({counter for found in values.values() for counter in found}):
        family = CounterMetricFamily(
            f"efa_{counter}", _MEANINGS.get(counter, f"Driver: {counter}"), labels=["device"] if sums is None else []
        )
        if sums is None:
            # Not by add_metric: a node with 32 devices has 1,200 of these.
            series = f"efa_{counter}_total"
            family.samples = [
                Sample(series, labels[name], found[counter]) for name, found in values.items() if counter in found
            ]
            yield family
        elif all(counter in values.get(name, {}) for name in present):
            by_device = {name: found[counter] for name, found in values.items()}
            # The driver's own counters say what is so since it was loaded, such as a dead admin queue.
            family.add_metric([], sums.of(counter, by_device) if counter in _MEANINGS else sum(by_device.values()))
            yield family


def _counters(device: Mapping[str, Any]) -> dict[str, int]:
    """Return a device's counters by name; drivers before 1.14 show each at both levels."""
    both = {**device["device_counters"], **device["counters"]}
    return {name: value for name, value in both.items() if _NAME.fullmatch(name)}


def _interfaces(reading: Reading) -> Families:
    for counter, done in _OF_TCP.items():
        family = CounterMetricFamily(
            f"efa_node_tcp_{counter}", f"Bytes {done} by an interface that carries TCP", labels=["interface"]
        )
        for interface in reading.snapshot["interfaces"]:
            if counter in interface["counters"]:
                family.add_metric([_label(interface["name"])], interface["counters"][counter])
        yield family


def _hooks(hooks: Hooks) -> Families:
    if hooks.runs is not None:
        runs = CounterMetricFamily(
            "efa_hook_runs", "Runs of the hook that came to their end", labels=["hook", "result"]
        )
        seconds = CounterMetricFamily("efa_hook_seconds", "Seconds that these runs took", labels=["hook"])
        last = GaugeMetricFamily(
            "efa_hook_last_run_timestamp_seconds", "When the hook last ran, by the node's clock", labels=["hook"]
        )
        took: dict[str, float] = {}
        latest: dict[str, float] = {}
        for key, (count, taken, at) in sorted(hooks.runs.items()):
            hook, _, result = key.partition(" ")
            runs.add_metric([hook, result], count)
            took[hook] = took.get(hook, 0.0) + taken
            latest[hook] = max(latest.get(hook, 0.0), at)
        for hook in took:
            seconds.add_metric([hook], took[hook])
            last.add_metric([hook], latest[hook])
        yield from (runs, seconds, last)
    for name, text, value in (
        ("efa_hook_records_waiting", "Records in the spool that are not published yet", hooks.waiting),
        ("efa_hook_records_dropped", "Records dropped from the spool since a record last told it", hooks.dropped),
        ("efa_hook_baselines_of_ended_jobs", "Baselines of jobs that have ended without an epilog", hooks.ended),
        (
            "efa_jobs_without_baseline",
            "Jobs with processes on the node of which no prolog left a baseline",
            hooks.without,
        ),
    ):
        if value is not None:
            yield _gauge(name, text, value)


def _jobs(jobs: Iterable[Job]) -> InfoMetricFamily:
    family = InfoMetricFamily(
        "efa_job", "A job that runs on the node; join it to the counters by instance", labels=["job_id"]
    )
    for job in jobs:
        nodes = "" if job.nodes is None else str(job.nodes)
        family.add_metric(
            [str(job.job_id)], {"user": _label(job.user), "partition": _label(job.partition), "nodes": nodes}
        )
    return family
