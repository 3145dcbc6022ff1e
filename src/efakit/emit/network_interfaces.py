"""The network interfaces of an instance with EFA, as a launch template lists them."""

from __future__ import annotations

from typing import Any

from efakit.catalog.instances import Instance


def network_interfaces(instance: Instance, shared: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an interface for each EFA device, each with ``shared``; the first one carries TCP too.

    Where card 0 has EFA, its interface is ``efa`` and those of the other cards are ``efa-only``, with device index 1.
    Where it has none, it gets a plain interface, and the EFA devices have device index 0 on the cards after it, as
    AWS's engineers say of p6-b300: https://github.com/aws/aws-parallelcluster/issues/7143
    """
    count = instance.efa_interfaces or 0
    first: dict[str, Any] = {
        "NetworkCardIndex": 0,
        "DeviceIndex": 0,
        "InterfaceType": "efa" if instance.card0_efa else "interface",
    }
    cards = range(1, count) if instance.card0_efa else range(1, count + 1)
    index = 1 if instance.card0_efa else 0
    others: list[dict[str, Any]] = [
        {"NetworkCardIndex": card, "DeviceIndex": index, "InterfaceType": "efa-only"} for card in cards
    ]
    return [{**item, **shared, "DeleteOnTermination": True} for item in (first, *others)]
