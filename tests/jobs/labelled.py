"""Jobs of which the truth is known: made from counters in memory, by a seed. No hook runs.

A job is a case of the table below with its own seed: nodes, driver, verdict in truth, and who is sick. Truth is what
was put in, not what efakit says.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from efakit.catalog.counters import PORT_COUNTERS
from tests.jobs.making import version_2

GB = 10**9
DRIVERS = ("1.4.0", "1.10.1", "2.5.0", "2.17.3")
"""One of each generation: 5, 13, 17 and 22 counters."""
TYPES = {"p5.48xlarge": 32, "p5en.48xlarge": 16, "p4d.24xlarge": 4, "hpc7a.96xlarge": 2}
_OLDER = {"1.4.0": 0, "1.10.1": 1, "2.5.0": 2, "2.17.3": 3}
_SINCE = {"1.4.0": 0, "1.10.1": 1, "2.5.0": 2, "2.17.0": 3}


@dataclass
class Labelled:
    """One job: its records by node, its nodes, and the truth."""

    name: str
    verdict: str
    """In truth."""
    nodes: tuple[str, ...]
    records: dict[str, dict[str, Any]]
    sick: dict[str, set[str]] = field(default_factory=dict)
    """By node, the rules of which one at least must name it."""
    whole: set[str] = field(default_factory=set)
    """Rules that must say something of the job as a whole."""
    looks_like_efa: bool = False
    """Balanced storage on a driver without classes: nothing in the record tells it from ranks' traffic."""
    undecided: bool = False
    """The record allows the truth and another verdict."""


class Maker:
    """Makes the records of one job; cases change them."""

    def __init__(self, seed: int, *, nodes: int = 0, driver: str = "", instance: str = "") -> None:
        self.draw = random.Random(seed)  # noqa: S311 - the same jobs in each run
        self.driver = driver or self.draw.choice(DRIVERS)
        self.instance = instance or self.draw.choice(list(TYPES))
        count = nodes or self.draw.choice((2, 4, 8, 16))
        self.names = tuple(f"gpu-st-p5-{number}" for number in range(1, count + 1))
        self.noise = self.draw.choice((0.0, 0.01, 0.03, 0.05))
        self.kind = self.draw.choice(("send", "read", "write") if _OLDER[self.driver] > 1 else ("send", "read"))
        self.moved = {name: [0] * TYPES[self.instance] for name in self.names}
        self.records = {name: self._record(name) for name in self.names}

    def devices(self, node: str) -> list[dict[str, Any]]:
        return self.records[node]["devices"]  # type: ignore[no-any-return]

    def has(self, counter: str) -> bool:
        return counter in self.devices(self.names[0])[0]["counters"]

    def some(self, least: int = 1) -> list[str]:
        """Return a few nodes: at most one in eight, so that most are well."""
        most = max(least, len(self.names) // 8)
        return self.draw.sample(self.names, self.draw.randint(least, most))

    def exchange(self, device_bytes: int = 100 * GB, of: Callable[[str], float] = lambda _: 1.0) -> None:
        """Let the ranks exchange bytes over EFA: all devices of all nodes alike, but for noise."""
        for node in self.names:
            for device in self.devices(node):
                much = int(device_bytes * of(node) * (1 + self.draw.uniform(-self.noise, self.noise)))
                self.add(device, self.kind, much, much)

    def add(self, device: dict[str, Any], kind: str, sent: int, received: int) -> None:
        counters = device["counters"]
        counters["tx_bytes"] += sent
        counters["rx_bytes"] += received
        counters["tx_pkts"] += sent // 8192
        counters["rx_pkts"] += received // 8192
        out, into = {
            "send": ("send_bytes", "recv_bytes"),
            "read": ("rdma_read_resp_bytes", "rdma_read_bytes"),
            "write": ("rdma_write_bytes", "rdma_write_recv_bytes"),
        }[kind]
        for name, value in ((out, sent), (into, received)):
            if name in counters:
                counters[name] += value

    def tcp(self, node: str, sent: int, received: int) -> None:
        counters = self.records[node]["interfaces"][0]["counters"]
        counters["tx_bytes"] += sent
        counters["rx_bytes"] += received

    def lustre(self, node: str, sent: int, received: int, networks: tuple[str, ...] = ("efa",)) -> None:
        """Let Lustre write and read over EFA, with LNet's counters in the record: by reads, as kefalnd does.

        Each RPC of 4 MiB is some messages more, whose headers LNet does not count.
        """
        devices = self.devices(node)
        for device in devices:
            self.add(device, "read", sent // len(devices), received // len(devices))
            self.add(device, "send", 4_000_000 // len(devices), 4_000_000 // len(devices))
        self.lnet(node, sent + 2_000_000, received + 2_000_000, networks)

    def lnet(self, node: str, sent: int, received: int, networks: tuple[str, ...]) -> None:
        self.records[node]["lnet"] = {
            "networks": list(networks),
            "send_bytes": sent,
            "recv_bytes": received,
            "messages": 8_000 + (sent + received) // 1_000_000,
            "all_tcp": True,
            "error": None,
        }

    def clear(self, device: dict[str, Any]) -> None:
        device["counters"] = dict.fromkeys(device["counters"], 0)

    def job(self, name: str, verdict: str, **truth: Any) -> Labelled:
        return Labelled(name, verdict, self.names, self.records, **truth)

    def _record(self, node: str) -> dict[str, Any]:
        counters = [row.name for row in PORT_COUNTERS if _SINCE.get(row.driver_since, 3) <= _OLDER[self.driver]]
        commands = ("submitted_cmds", "completed_cmds", "cmds_err", "no_completion_cmds")
        devices = [
            {
                "name": f"rdmap{79 + place}s0",
                "pci_address": f"0000:{79 + place:02x}:00.0",
                "driver": "efa",
                "counters": dict.fromkeys(counters, 0),
                "device_counters": dict.fromkeys(commands, 0),
                "unknown": [],
                "errors": [],
            }
            for place in range(TYPES[self.instance])
        ]
        slack = self.draw.randrange(100_000, 900_000)
        everyone = f"gpu-st-p5-[1-{len(self.names)}]"
        return version_2(
            node,
            node_list=everyone,
            node_list_at_end=everyone,
            instance_type=self.instance,
            driver_version=self.driver,
            devices_expected=len(devices),
            devices_found=len(devices),
            began_at=1_790_000_000.0,
            ended_at=1_790_036_000.0,
            devices=devices,
            interfaces=[
                {"name": "ens5", "counters": {"tx_bytes": slack, "rx_bytes": slack}, "unknown": [], "errors": []}
            ],
        )


def healthy(make: Maker) -> Labelled:
    make.exchange()
    return make.job("healthy", "efa")


def chatty(make: Maker) -> Labelled:
    """NFS, S3 and logs: much TCP, less than EFA."""
    make.exchange()
    for node in make.names:
        make.tcp(node, GB, 20 * GB)
    return make.job("chatty", "efa")


def fallback(make: Maker) -> Labelled:
    for node in make.names:
        make.tcp(node, 100 * GB, 100 * GB)
    return make.job("fallback", "tcp-fallback")


def fallback_after_a_probe(make: Maker) -> Labelled:
    for node in make.names:
        make.tcp(node, 100 * GB, 100 * GB)
        make.add(make.devices(node)[0], "send", 2000, 2000)
    return make.job("fallback after a probe", "tcp-fallback")


def fallback_with_storage(make: Maker) -> Labelled:
    """Data come over EFA from FSx, and the ranks talk over TCP."""
    for node in make.names:
        make.tcp(node, 100 * GB, 100 * GB)
        for device in make.devices(node):
            make.add(device, "write" if make.has("rdma_write_bytes") else "read", 0, 50 * GB)
    return make.job("fallback with storage", "tcp-fallback")


def fallback_with_balanced_storage(make: Maker) -> Labelled:
    """Storage that reads and writes alike: a driver with classes tells it apart, one without does not."""
    for node in make.names:
        make.tcp(node, GB, GB)
        for device in make.devices(node):
            if make.has("rdma_write_bytes"):
                make.add(device, "read", 50 * GB, 0)
                make.add(device, "write", 0, 50 * GB)
            else:
                make.add(device, "read", 50 * GB, 0)
                make.add(device, "send", 0, 50 * GB)
    return make.job("balanced storage", "tcp-fallback", looks_like_efa=not make.has("send_bytes"))


def fallback_beside_lustre(make: Maker) -> Labelled:
    """Lustre reads and writes alike over EFA, and LNet says so: the ranks' bytes are not there, in no driver."""
    for node in make.names:
        make.tcp(node, GB, GB)
        make.lustre(node, 50 * GB, 50 * GB)
    return make.job("fallback beside Lustre", "tcp-fallback", whole={"job-storage-traffic"})


def fallback_beside_lustre_over_both(make: Maker) -> Labelled:
    """LNet has a network over TCP as well: what travelled over TCP may have been Lustre's, and over EFA the ranks'."""
    for node in make.names:
        make.tcp(node, 10 * GB, 10 * GB)
        make.lustre(node, 50 * GB, 50 * GB, ("efa", "tcp"))
    return make.job("fallback beside Lustre over both", "tcp-fallback", undecided=True)


def efa_beside_lustre(make: Maker) -> Labelled:
    make.exchange()
    for node in make.names:
        make.tcp(node, GB, GB)
        make.lustre(node, 30 * GB, 40 * GB, ("efa", "tcp"))
    return make.job("EFA beside Lustre", "efa", whole={"job-storage-traffic"})


def efa_beside_lustre_over_tcp(make: Maker) -> Labelled:
    """LNet could use EFA, and reads all its files over TCP: the file system has no EFA."""
    make.exchange(10 * GB)
    for node in make.names:
        much = 40 * GB * len(make.devices(node))
        make.tcp(node, much // 100, much)
        make.lnet(node, much // 1000, much, ("efa", "tcp"))
    return make.job("EFA, and Lustre over TCP", "efa")


def only_lustre_over_tcp(make: Maker) -> Labelled:
    """The same over TCP, whose interfaces count headers too: no ranks talk."""
    for node in make.names:
        make.lnet(node, 50 * GB, 45 * GB, ("tcp",))
        make.tcp(node, int(50.8 * GB), int(45.8 * GB))
    return make.job("only Lustre over TCP", "no-traffic")


def fallback_beside_lustre_over_tcp(make: Maker) -> Labelled:
    for node in make.names:
        make.lnet(node, 50 * GB, 45 * GB, ("tcp",))
        make.tcp(node, 90 * GB, 85 * GB)
    return make.job("fallback beside Lustre over TCP", "tcp-fallback")


def only_lustre(make: Maker) -> Labelled:
    """Ranks that do not talk to each other, and read and write their files."""
    for node in make.names:
        make.lustre(node, 50 * GB, 50 * GB)
    return make.job("only Lustre", "no-traffic", whole={"job-storage-traffic"})


def one_fell_back(make: Maker) -> Labelled:
    make.exchange()
    node = make.draw.choice(make.names)
    for device in make.devices(node):
        make.clear(device)
    for name in make.names:
        make.tcp(name, 50 * GB, 50 * GB)
    if len(make.names) == 2:
        # Whom would the other have exchanged with?
        for device in make.devices(next(name for name in make.names if name != node)):
            make.clear(device)
        return make.job("one of two fell back", "tcp-fallback")
    return make.job("one fell back", "mixed", sick={node: {"verdict"}})


def idle_device(make: Maker) -> Labelled:
    make.exchange()
    sick = {}
    for node in make.some():
        count = make.draw.randint(1, len(make.devices(node)) - 1)
        for device in make.draw.sample(make.devices(node), count):
            make.clear(device)
        sick[node] = {"job-device-idle"}
    return make.job("idle devices", "efa", sick=sick)


def idle_rails(make: Maker) -> Labelled:
    """Fewer ranks than devices: nobody is sick."""
    make.exchange()
    for node in make.names:
        for device in make.devices(node)[::2]:
            make.clear(device)
    return make.job("idle rails", "efa", whole={"job-rail-idle"})


def uneven_rails(make: Maker) -> Labelled:
    """One rail carries less on all nodes: nobody is sick."""
    make.exchange()
    for node in make.names:
        device = make.devices(node)[0]
        device["counters"] = {name: value * 6 // 10 for name, value in device["counters"].items()}
    return make.job("uneven rails", "efa", whole={"job-rail-uneven"})


def _counts(rule: str, counter: str, least: int, most: int) -> Callable[[Maker], Labelled]:
    def case(make: Maker) -> Labelled:
        make.exchange()
        sick = {}
        for node in make.some():
            device = make.draw.choice(make.devices(node))
            group = "counters" if counter in device["counters"] else "device_counters"
            if counter in device[group]:
                device[group][counter] += make.draw.randint(least, most)
                sick[node] = {rule}
        return make.job(rule, "efa", sick=sick)

    return case


def retransmits(make: Maker) -> Labelled:
    """All retransmit a little; the sick ones much."""
    make.exchange()
    if not make.has("retrans_pkts"):
        return make.job("retransmits, not counted", "efa", whole={"job-counters-absent"})
    for node in make.names:
        for device in make.devices(node):
            device["counters"]["retrans_pkts"] = device["counters"]["tx_pkts"] // make.draw.randint(40_000, 200_000)
    sick = {}
    for node in make.some():
        for device in make.devices(node):
            device["counters"]["retrans_pkts"] = device["counters"]["tx_pkts"] // make.draw.randint(500, 2_000)
        sick[node] = {"job-retransmits"}
    return make.job("retransmits", "efa", sick=sick)


def half_the_bytes(make: Maker) -> Labelled:
    make.exchange()
    if len(make.names) < 8:
        return make.job("few nodes", "efa")
    (node,) = make.draw.sample(make.names, 1)
    for device in make.devices(node):
        device["counters"] = {name: value // 2 for name, value in device["counters"].items()}
    return make.job("half the bytes", "efa", sick={node: {"job-node-differs"}})


def one_device_differs(make: Maker) -> Labelled:
    make.exchange()
    if len(make.names) < 8 or TYPES[make.instance] < 4:
        return make.job("few devices", "efa")
    node = make.draw.choice(make.names)
    device = make.draw.choice(make.devices(node))
    device["counters"] = {name: value // 4 for name, value in device["counters"].items()}
    return make.job("one device differs", "efa", sick={node: {"job-device-differs"}})


def pipeline(make: Maker) -> Labelled:
    """Stages: the first and the last quarter of the nodes move less. Nobody is sick."""
    quarter = max(1, len(make.names) // 4)
    ends = {*make.names[:quarter], *make.names[-quarter:]}
    make.exchange(of=lambda node: 0.5 if node in ends else 1.0)
    return make.job("pipeline", "efa", whole={"job-node-groups"} if quarter > 1 else set())


def halves(make: Maker) -> Labelled:
    half = set(make.names[: len(make.names) // 2])
    make.exchange(of=lambda node: 0.4 if node in half else 1.0)
    return make.job("halves", "efa", whole={"job-node-groups"} if len(make.names) > 2 else set())


def shared(make: Maker) -> Labelled:
    make.exchange()
    sick = {}
    for node in make.some():
        make.records[node]["shared_with"] = [41]
        sick[node] = {"job-node-shared"}
    return make.job("shared", "shared", sick=sick)


def reset(make: Maker) -> Labelled:
    make.exchange()
    sick = {}
    for node in make.some():
        make.records[node] |= {"resets": ["the node was rebooted"], "devices_unknown": True}
        for device in make.devices(node):
            device |= {"counters": {}, "unknown": ["rx_bytes", "tx_bytes"]}
        sick[node] = {"verdict"}
    return make.job("reset", "incomplete", sick=sick)


def lost(make: Maker) -> Labelled:
    """A node whose record does not come, or comes after the report."""
    make.exchange()
    sick = {}
    for node in make.some():
        del make.records[node]
        sick[node] = {"verdict"}
    return make.job("lost", "incomplete", sick=sick)


def no_baseline(make: Maker) -> Labelled:
    make.exchange()
    sick = {}
    for node in make.some():
        make.records[node] |= {"baseline": "missing", "began_at": None, "devices_unknown": True}
        for item in (*make.devices(node), *make.records[node]["interfaces"]):
            item |= {"counters": {}, "unknown": ["rx_bytes", "tx_bytes"]}
        sick[node] = {"verdict"}
    return make.job("no baseline", "incomplete", sick=sick)


def unread(make: Maker) -> Labelled:
    """A counter that one moment lacks: no finding of it, and it is named."""
    make.exchange()
    for node in make.some():
        device = make.devices(node)[0]
        device["counters"].pop("rx_drops")
        device |= {"unknown": ["rx_drops"], "errors": ["rx_drops: Input/output error"]}
    return make.job("unread", "efa", whole={"job-counters-unknown"})


def storage(make: Maker) -> Labelled:
    """The ranks use EFA, and checkpoints go to FSx over EFA."""
    make.exchange()
    for node in make.names:
        for device in make.devices(node):
            make.add(device, "read", 30 * GB, 0)
    return make.job("storage", "efa", whole={"job-storage-traffic"} if make.has("send_bytes") else set())


def drivers_differ(make: Maker) -> Labelled:
    make.exchange()
    node = make.draw.choice(make.names)
    make.records[node]["driver_version"] = "2.13.0"
    if len(make.names) == 2:
        return make.job("drivers differ", "efa", whole={"job-drivers-differ"}, sick={})
    return make.job("drivers differ", "efa", sick={node: {"job-drivers-differ"}})


def over_line_rate(make: Maker) -> Labelled:
    make.exchange()
    sick = {}
    for node in make.some():
        make.records[node]["began_at"] = make.records[node]["ended_at"] - 2
        sick[node] = {"job-over-line-rate"}
    return make.job("over line rate", "efa", sick=sick)


def devices_missing(make: Maker) -> Labelled:
    make.exchange()
    sick = {}
    for node in make.some():
        make.devices(node).pop()
        count = len(make.devices(node))
        message = f"{count} of {count + 1} EFA devices found"
        finding = {"rule": "devices-missing", "severity": "error", "message": message}
        make.records[node] |= {"devices_found": count, "findings": [finding]}
        sick[node] = {"note"}
    return make.job("devices missing", "efa", sick=sick)


def idle(make: Maker) -> Labelled:
    """The messages of all nodes together are far above the floor of one."""
    for node in make.names:
        item = make.records[node]["interfaces"][0]
        item["counters"] = dict.fromkeys(item["counters"], 2_000_000)
    return make.job("idle", "no-traffic")


def readers(make: Maker) -> Labelled:
    """Each node reads its own files over TCP; what comes back to the servers are TCP's answers."""
    for node in make.names:
        read = make.draw.randrange(GB, 500 * GB)
        make.tcp(node, int(read * make.draw.uniform(0.002, 0.024)), read)
    return make.job("readers", "no-traffic")


def readers_over_tcp(make: Maker) -> Labelled:
    """They read their files, and the ranks fell back."""
    for node in make.names:
        read = make.draw.randrange(GB, 500 * GB)
        make.tcp(node, 100 * GB + int(read * make.draw.uniform(0.002, 0.024)), 100 * GB + read)
    return make.job("fallback beside files", "tcp-fallback")


def single(make: Maker) -> Labelled:
    make.exchange(5 * GB)
    return make.job("single", "single-node")


CASES: dict[str, Callable[[Maker], Labelled]] = {
    **{
        case.__name__: case
        for case in (
            *(healthy, chatty, fallback, fallback_after_a_probe, fallback_with_storage, fallback_with_balanced_storage),
            *(fallback_beside_lustre, fallback_beside_lustre_over_both, efa_beside_lustre, efa_beside_lustre_over_tcp),
            *(only_lustre, only_lustre_over_tcp, fallback_beside_lustre_over_tcp),
            *(
                one_fell_back,
                idle_device,
                idle_rails,
                uneven_rails,
                retransmits,
                half_the_bytes,
                one_device_differs,
                pipeline,
                halves,
            ),
            *(shared, reset, lost, no_baseline, unread, storage, drivers_differ, over_line_rate, devices_missing, idle),
        )
    },
    "reads_failed": _counts("job-operations-failed", "rdma_read_wr_err", 1, 2000),
    "writes_failed": _counts("job-operations-failed", "rdma_write_wr_err", 1, 2000),
    "timeouts": _counts("job-path-timeouts", "retrans_timeout_events", 1, 3000),
    "unresponsive": _counts("job-peers-unresponsive", "unresponsive_remote_events", 1, 20),
    "impaired": _counts("job-connections-impaired", "impaired_remote_conn_events", 1, 20),
    "drops": _counts("job-drops", "rx_drops", 1, 500),
    "refused": _counts("job-commands-refused", "cmds_err", 1, 20),
    "unanswered": _counts("job-commands-unanswered", "no_completion_cmds", 1, 3),
    "readers": readers,
    "readers_over_tcp": readers_over_tcp,
}
SEEDS = 10


def jobs() -> Iterator[Labelled]:
    """Give all jobs: each case with each driver generation, on nodes of several types and numbers."""
    for number, case in enumerate(CASES.values()):
        for seed in range(SEEDS):
            yield case(Maker(1000 * number + seed, driver=DRIVERS[seed % len(DRIVERS)]))
    for seed in range(4):
        yield single(Maker(90_000 + seed, nodes=1, driver=DRIVERS[seed]))
    for seed in range(4):
        yield healthy(Maker(91_000 + seed, nodes=128, driver=DRIVERS[seed], instance="p4d.24xlarge"))
