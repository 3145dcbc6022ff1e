"""The lab's network: one bridge in the head node's network namespace, a veth pair for each host."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from .labspec import BRIDGE_NAME, LabSpec, head_address, node_address

MTU = 9001  # jumbo frames, as inside a VPC


def _ip(lines: list[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


def _no_ipv6() -> None:
    """Neighbour discovery would move the interface counters without any job."""
    for scope in ("all", "default"):
        setting = Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6")
        if setting.exists():
            setting.write_text("1")


def make_bridge(slot: int) -> None:
    """In the head node: loopback and the bridge, which is also the head node's own interface."""
    _no_ipv6()
    _ip(
        [
            "link set lo up",
            f"link add {BRIDGE_NAME} mtu {MTU} type bridge",
            f"address add {head_address(slot)}/24 dev {BRIDGE_NAME}",
            f"link set {BRIDGE_NAME} up",
        ]
    )


def plug_hosts(spec: LabSpec, host_pids: Mapping[str, int]) -> None:
    """In the head node: one cable for each host, its far end already named eth0 inside the host.

    The near ends are numbered (h1, h2, ...) because interface names end at 15 characters.
    """
    lines = []
    for number, name in enumerate(spec.node_names, start=1):
        peer = f"peer name eth0 mtu {MTU} netns {host_pids[name]}"
        lines.append(f"link add h{number} mtu {MTU} type veth {peer}")
        lines.append(f"link set h{number} master {BRIDGE_NAME} up")
    _ip(lines)


def configure_host(slot: int, index: int) -> None:
    """In a host, once it is plugged in."""
    _no_ipv6()
    _ip(
        [
            "link set lo up",
            f"address add {node_address(slot, index)}/24 dev eth0",
            "link set eth0 up",
        ]
    )
