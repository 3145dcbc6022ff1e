"""What the devices counted of failures: operations, peers, paths, commands, retransmits and drops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from efakit.jobs.devices import ListedDevices
from efakit.jobs.findings.node import Job, Limits, Node, Standout, count, share, some, standout
from efakit.jobs.median import median

_LOOK = "compare the node with its peers over several jobs; where it stays, drain it"


class _Counted(NamedTuple):
    """Counters of which each event is remarkable."""

    rule: str
    counters: tuple[str, ...]
    limit: str
    one: str
    many: str
    fix: str


_EVENTS = (
    _Counted(
        "job-commands-unanswered",
        ("no_completion_cmds",),
        "unanswered-commands",
        "admin command was not answered",
        "admin commands were not answered",
        "drain the node and reboot or replace it: the driver closes the admin queue of such a device",
    ),
    _Counted(
        "job-operations-failed",
        ("rdma_read_wr_err", "rdma_write_wr_err"),
        "failed-operations",
        "RDMA operation failed",
        "RDMA operations failed",
        "read the job's log: efakit diagnose LOG names the rank that saw it first",
    ),
    _Counted(
        "job-peers-unresponsive",
        ("unresponsive_remote_events",),
        "unresponsive-peers",
        "remote device did not respond",
        "remote devices did not respond",
        "look for nodes that ended early, and at the security group: it must allow all traffic to itself",
    ),
    _Counted(
        "job-connections-impaired",
        ("impaired_remote_conn_events",),
        "impaired-connections",
        "connection changed to a lower rate",
        "connections changed to a lower rate",
        _LOOK,
    ),
    _Counted(
        "job-commands-refused",
        ("cmds_err",),
        "refused-commands",
        "admin command was refused",
        "admin commands were refused",
        "a program asked for more than a device has, such as too many queue pairs",
    ),
)
_READ = (
    *("tx_bytes", "rx_bytes", "tx_pkts", "rx_pkts", "rx_drops"),
    *("retrans_pkts", "retrans_timeout_events"),
    *(name for row in _EVENTS for name in row.counters),
)
_EVERY_EVENT = ("rx_drops", "retrans_timeout_events", *(name for row in _EVENTS for name in row.counters))
_OF_DRIVER_2_17 = ("retrans_pkts", "retrans_timeout_events", *(row.counters[0] for row in _EVENTS[2:4]))


def check(_: Job, nodes: Sequence[Node], limits: Limits) -> Iterator[Standout]:
    """Give what was counted of failures, each rule once with all its nodes; then what was not read."""
    counted = [node for node in nodes if node.counted]
    # Of thousands of nodes few have counted an event.
    with_events = [node for node in counted if node.counted_any(_EVERY_EVENT)]
    for row in _EVENTS:
        yield from _events(row, with_events, limits[row.limit])
    yield from _timeouts(with_events, limits)
    yield from _retransmits(counted, limits)
    yield from _drops(with_events, limits["drop-ratio"])
    yield from _unread(counted)


def _events(row: _Counted, nodes: Sequence[Node], limit: float) -> Iterator[Standout]:
    found: list[tuple[int, Node]] = []
    for node in nodes:
        own = sum(map(node.total, row.counters))
        if own > limit:
            found.append((own, node))
    if found:
        devices = _devices(row.counters, [node for _, node in found])
        total = sum(own for own, _ in found)
        words = row.one if total == 1 else row.many
        message = f"{total:,} {words}, on {_where(devices)}{_most(found)}"
        yield standout(row.rule, message, [node.name for _, node in found], devices, fix=row.fix)


def _paired(counter: str, of: str, nodes: Sequence[Node]) -> tuple[int, int]:
    """Return the sums of a part and its whole over the devices of some nodes of which both were read."""
    pairs = [node.paired(counter, of) for node in nodes]
    return sum(part for part, _ in pairs), sum(whole for _, whole in pairs)


def _devices(counters: Sequence[str], nodes: Sequence[Node]) -> list[str]:
    """Return the names of the devices that counted any of it, those with the most first."""
    totals: dict[str, int] = {}
    for node in nodes:
        for counter in counters:
            for name, value in zip(node.devices.names, node.column(counter) or (), strict=False):
                if value:
                    totals[name] = totals.get(name, 0) + value
    return sorted(totals, key=lambda name: -totals[name])


def _where(devices: Sequence[str]) -> str:
    return some(devices) if len(devices) <= 3 else f"{len(devices)} devices ({some(devices, 2)})"


def _most(found: Sequence[tuple[float, Node]]) -> str:
    if len(found) < 2:
        return ""
    value, node = max(found, key=lambda item: item[0])
    return f"; most on {some([node.name])}: {value:,.0f}"


def _timeouts(nodes: Sequence[Node], limits: Limits) -> Iterator[Standout]:
    counter = "retrans_timeout_events"
    for severity, many in (("warning", True), ("info", False)):
        found: list[tuple[int, Node]] = []
        for node in nodes:
            own = node.total(counter)
            if own <= limits["timeouts"]:
                continue
            of_packets, packets = node.paired(counter, "tx_pkts")
            if (of_packets > limits["timeout-ratio"] * packets) == many:
                found.append((own, node))
        if found:
            devices = _devices((counter,), [node for _, node in found])
            total = sum(own for own, _ in found)
            of_packets, packets = _paired(counter, "tx_pkts", [node for _, node in found])
            ratio = f", {share(of_packets / packets)} of packets" if of_packets and packets else ""
            message = f"{count(total, 'time-out')} of a network path{ratio}, on {_where(devices)}{_most(found)}"
            names = [node.name for _, node in found]
            yield standout("job-path-timeouts", message, names, devices, severity=severity, fix=_LOOK)


def _retransmits(nodes: Sequence[Node], limits: Limits) -> Iterator[Standout]:
    ratios: list[tuple[float, Node]] = []
    least = limits["retransmit-packets"]
    for node in nodes:
        packets = node.total("tx_pkts")
        if packets and packets >= least:
            again = node.devices.total("retrans_pkts")
            if again is not None and isinstance(node.devices, ListedDevices):
                again, packets = node.paired("retrans_pkts", "tx_pkts")
                again = again if packets >= least else None
            if again is not None:
                ratios.append((again / packets, node))
    over = [item for item in ratios if item[0] > limits["retransmit-ratio"]]
    if not over:
        return
    middle = median(ratio for ratio, _ in ratios)
    has_peers = len(ratios) >= limits["peers-least"]
    far = [item for item in over if not has_peers or item[0] > limits["retransmit-peers"] * middle]
    if far:
        ratio, worst = max(far, key=lambda item: item[0])
        against = f", against {share(middle)} on the node in the middle" if has_peers else ""
        on = f" on {some([worst.name])}" if len(far) > 1 else ""
        devices = _devices(("retrans_pkts",), [node for _, node in far])
        message = f"{share(ratio)} of packets sent again{on}{against}; most on {some(devices)}"
        yield standout("job-retransmits", message, [node.name for _, node in far], devices, fix=_LOOK)
    if has_peers and middle > limits["retransmit-ratio"]:
        message = f"{share(middle)} of packets sent again on the node in the middle: all nodes alike"
        yield standout("job-retransmits", message, severity="info", whole=True)


def _drops(nodes: Sequence[Node], limit: float) -> Iterator[Standout]:
    found: list[tuple[float, Node]] = []
    for node in nodes:
        dropped = node.total("rx_drops")
        if not dropped:
            continue
        of_packets, packets = node.paired("rx_drops", "rx_pkts")
        # Each one is above a limit of none, though its device's packets may not have been read.
        if not limit or of_packets > limit * (of_packets + packets):
            found.append((dropped, node))
    if found:
        total = round(sum(dropped for dropped, _ in found))
        of_packets, packets = _paired("rx_drops", "rx_pkts", [node for _, node in found])
        ratio = f" {share(of_packets / (of_packets + packets))}," if of_packets else ""
        devices = _devices(("rx_drops",), [node for _, node in found])
        message = f"{count(total, 'received packet')} dropped,{ratio} on {_where(devices)}"
        names = [node.name for _, node in found]
        yield standout("job-drops", message + _most(found), names, devices)


def _unread(nodes: Sequence[Node]) -> Iterator[Standout]:
    """Name the counters that were not read, and those that the driver does not have: neither is zero."""
    unread: dict[str, tuple[list[str], dict[str, None]]] = {}
    lacking: list[str] = []
    for node in nodes:
        if not isinstance(node.devices, ListedDevices):
            if node.devices.names and not node.devices.has_any(_OF_DRIVER_2_17):
                lacking.append(node.name)
            continue  # all that it counts was read
        for counter in _READ:
            column = node.column(counter)
            if column is not None and None in column:
                names, devices = unread.setdefault(counter, ([], {}))
                names.append(node.name)
                devices.update(
                    {name: None for name, value in zip(node.devices.names, column, strict=True) if value is None}
                )
        if node.devices.names and all(node.devices.total(counter) is None for counter in _OF_DRIVER_2_17):
            lacking.append(node.name)
    if unread:
        nodes_of = dict.fromkeys(name for names, _ in unread.values() for name in names)
        devices_of = dict.fromkeys(name for _, devices in unread.values() for name in devices)
        message = f"{some(list(unread))} not read at both moments, on {some(list(devices_of))}: nothing is said of them"
        yield standout("job-counters-unknown", message, nodes_of, devices_of, whole=True)
    if lacking:
        message = "retransmits, time-outs and failed peers are not counted by this EFA driver (2.17.0 and later do)"
        yield standout("job-counters-absent", message, lacking, whole=True)
