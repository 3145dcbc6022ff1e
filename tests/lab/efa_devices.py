"""Which EFA devices an instance type has, and which counters a driver generation shows. Rows for `efa_tree`; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# amzn-drivers src/efa_verbs.c, in driver order.
BASIC_COUNTERS = ("tx_bytes", "tx_pkts", "rx_bytes", "rx_pkts", "rx_drops")
MESSAGE_COUNTERS = ("send_bytes", "send_wrs", "recv_bytes", "recv_wrs")
READ_COUNTERS = ("rdma_read_wrs", "rdma_read_bytes", "rdma_read_wr_err", "rdma_read_resp_bytes")
WRITE_COUNTERS = ("rdma_write_wrs", "rdma_write_bytes", "rdma_write_wr_err", "rdma_write_recv_bytes")
NETWORK_COUNTERS = (
    "retrans_bytes",
    "retrans_pkts",
    "retrans_timeout_events",
    "unresponsive_remote_events",
    "impaired_remote_conn_events",
)
DEVICE_COUNTERS = (
    "submitted_cmds",
    "completed_cmds",
    "cmds_err",
    "no_completion_cmds",
    "keep_alive_rcvd",
    "alloc_pd_err",
    "create_qp_err",
    "create_cq_err",
    "reg_mr_err",
    "alloc_ucontext_err",
    "create_ah_err",
    "mmap_err",
)
KERNEL_VERBS_COUNTERS = ("alloc_mr_err", "get_dma_mr_err")


@dataclass(frozen=True)
class Generation:
    """A generation of the efa driver, known by its number of port counters."""

    driver_version: str
    port_counters: tuple[str, ...]
    device_counters: tuple[str, ...] = DEVICE_COUNTERS
    has_device_rate: bool = False  # since 2.13.0; before that every link reads 100 Gb/sec
    has_node_guid: bool = False  # since 2.12.0
    has_p2p: bool = False  # since 2.6.0, `gdr` before


GENERATIONS = {
    5: Generation("1.9.0g", BASIC_COUNTERS),
    13: Generation("2.1.0g", BASIC_COUNTERS + MESSAGE_COUNTERS + READ_COUNTERS),
    17: Generation("2.8.0g", BASIC_COUNTERS + MESSAGE_COUNTERS + READ_COUNTERS + WRITE_COUNTERS, has_p2p=True),
    22: Generation(
        "3.1.0g",
        BASIC_COUNTERS + MESSAGE_COUNTERS + READ_COUNTERS + WRITE_COUNTERS + NETWORK_COUNTERS,
        DEVICE_COUNTERS + KERNEL_VERBS_COUNTERS,
        has_device_rate=True,
        has_node_guid=True,
        has_p2p=True,
    ),
}


@dataclass(frozen=True)
class Device:
    """One RDMA device: an EFA, or with driver mlx5_core a foreign one."""

    name: str
    rate_gbps: int = 100
    pci_device_id: int = 0xEFA2
    numa_node: int = 0
    driver: str = "efa"

    @property
    def pci_address(self) -> str:
        """As udev's name tells it (rdma-core, rdma_rename.c): rdmap16s27 is 0000:10:1b.0."""
        match = re.fullmatch(r"(?:rdma|ib)(?:P(\d+))?p(\d+)s(\d+)(?:f(\d+))?", self.name)
        if match is None:
            index = int(re.sub(r"\D", "", self.name) or 0)  # efa_0: the kernel's own name says nothing
            return f"0000:00:{6 + index:02x}.0"
        domain, bus, slot, function = (int(part or 0) for part in match.groups())
        return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def _devices(names: Sequence[str], rate_gbps: int, pci_device_id: int) -> list[Device]:
    half = (len(names) + 1) // 2
    return [Device(name, rate_gbps, pci_device_id, index // half) for index, name in enumerate(names)]


def _groups(buses: Sequence[int]) -> list[str]:
    """Four neighbouring buses for each first one: the PCIe switches of p5 and p5en."""
    return [f"rdmap{first + offset}s0" for first in buses for offset in range(4)]


def generic_devices(count: int, rate_gbps: int = 100, pci_device_id: int = 0xEFA2) -> list[Device]:
    """Any number of EFA devices, with names of the real form."""
    return _devices([f"rdmap{16 + 3 * index}s0" for index in range(count)], rate_gbps, pci_device_id)


def instance_devices(instance_type: str) -> list[Device]:
    """The devices of an instance type, under their real names where public samples show them.

    p6-b200: the names of the two foreign devices are public, those of the eight EFA devices are not.
    """
    family = instance_type.partition(".")[0]
    if family in ("p4d", "p4de"):
        return _devices(["rdmap16s27", "rdmap32s27", "rdmap144s27", "rdmap160s27"], 100, 0xEFA0)
    if instance_type in ("p5.48xlarge", "p5e.48xlarge"):
        return _devices(_groups((79, 96, 113, 130, 147, 164, 181, 198)), 100, 0xEFA2)
    if family == "p5en":
        return _devices(_groups((85, 110, 135, 160)), 200, 0xEFA2)
    if family == "p6-b200":
        foreign = [
            Device(name, 400, 0x1021, numa, driver="mlx5_core")
            for numa, name in enumerate(("ibp115s0f0", "ibp116s0f0"))
        ]
        return generic_devices(8, 400, 0xEFA3) + foreign
    if instance_type == "p5.4xlarge":
        return generic_devices(1)
    if family == "hpc6a":
        return _devices(["rdmap0s31"], 100, 0xEFA1)
    raise ValueError(f"no device names known for {instance_type}; give generic_devices(count)")
