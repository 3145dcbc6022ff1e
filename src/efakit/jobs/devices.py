"""The EFA devices of one record as columns: one counter of all devices, in the order of their names.

What was not read is None, never zero. A record of which every device has the same counters is kept packed: a record of
32 devices has a thousand numbers, and a job thousands of records.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, overload

Column = Sequence["int | None"]

_PLAIN = ("name", "counters", "device_counters", "pci_address", "driver", "unknown", "errors")


class PackedDevices(Sequence[Mapping[str, Any]]):
    """Devices of which every counter was read, as the record has them, in a tenth of the memory."""

    __slots__ = ("_counters", "_device_counters", "_port", "_software", "about", "names")

    def __init__(
        self,
        names: tuple[str, ...],
        about: tuple[tuple[str | None, str | None], ...],
        port: tuple[str, ...],
        counters: array[int],
        software: tuple[str, ...],
        device_counters: array[int],
    ) -> None:
        """``port`` and ``software`` name the counters of which the arrays hold a row for each device."""
        self.names = names
        self.about = about
        self._port, self._counters = port, counters
        self._software, self._device_counters = software, device_counters

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[Mapping[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | list[Mapping[str, Any]]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        place = index % len(self)
        wide, narrow = len(self._port), len(self._software)
        own = self._counters[place * wide : (place + 1) * wide]
        other = self._device_counters[place * narrow : (place + 1) * narrow]
        return {
            "name": self.names[place],
            "pci_address": self.about[place][0],
            "driver": self.about[place][1],
            "counters": dict(zip(self._port, own, strict=True)),
            "device_counters": dict(zip(self._software, other, strict=True)),
            "unknown": [],
            "errors": [],
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedDevices, (
            self.names,
            self.about,
            self._port,
            self._counters,
            self._software,
            self._device_counters,
        )

    def column(self, name: str) -> Column | None:
        """Return a counter of each device; None where the driver has no such counter."""
        if name in self._port:
            return self._counters[self._port.index(name) :: len(self._port)]
        if name in self._software:
            return self._device_counters[self._software.index(name) :: len(self._software)]
        return None


class ListedDevices:
    """Devices as a record lists them, of which some counters may not have been read."""

    def __init__(self, devices: Sequence[Mapping[str, Any]]) -> None:
        self._devices = devices
        self.names = tuple(device["name"] for device in devices)

    def column(self, name: str) -> Column | None:
        """Return a counter of each device, None for each that was not read; None where no driver has it."""
        values = [_value(device, name) for device in self._devices]
        if any(value is not None for value in values):
            return values
        return values if any(name in device["unknown"] for device in self._devices) else None


Devices = PackedDevices | ListedDevices


def devices_of(record: Mapping[str, Any]) -> Devices:
    """Return a record's devices as columns."""
    devices = record["devices"]
    return devices if isinstance(devices, PackedDevices) else ListedDevices(devices)


def pack(devices: Sequence[Mapping[str, Any]]) -> PackedDevices | None:
    """Return devices packed; None where they have not all the same counters, or one was not read.

    Raises:
        OverflowError, TypeError: a counter is not a whole number of 64 bits.
    """
    first = devices[0] if devices else None
    if first is None or not first["counters"]:
        return None
    port, software = tuple(first["counters"]), tuple(first.get("device_counters") or ())
    ports, softwares = list(port), list(software)
    if "tx_bytes" not in port or "rx_bytes" not in port:
        return None
    for device in devices:
        if device["unknown"] or device["errors"] or list(device["counters"]) != ports:
            return None
        if list(device.get("device_counters") or ()) != softwares or not device.keys() <= _KEYS:
            return None
    return PackedDevices(
        tuple([device["name"] for device in devices]),
        tuple([(device.get("pci_address"), device.get("driver")) for device in devices]),
        port,
        array("Q", chain.from_iterable([device["counters"].values() for device in devices])),
        software,
        array("Q", chain.from_iterable([device["device_counters"].values() for device in devices] if software else ())),
    )


_KEYS = frozenset(_PLAIN)


def _value(device: Mapping[str, Any], name: str) -> int | None:
    value: int | None = device["counters"].get(name)
    if value is None and name not in device["unknown"]:
        value = (device.get("device_counters") or {}).get(name)
    return value


def each(column: Column) -> Iterator[int]:
    """Give the values of a column that are known."""
    return (value for value in column if value is not None)
