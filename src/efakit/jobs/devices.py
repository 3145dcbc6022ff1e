"""The EFA devices of one record as columns: one counter of all devices, in the order of their names.

What was not read is None, never zero. A record of which every device has the same counters is kept packed: a record of
32 devices has a thousand numbers, and a job thousands of records.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, overload

Column = Sequence["int | None"]


class PackedDevices(Sequence[Mapping[str, Any]]):
    """Devices of which every counter was read, as the record has them, in a tenth of the memory."""

    __slots__ = ("_counters", "_device_counters", "_places", "_port", "_software", "_sums", "about", "names")

    def __init__(
        self,
        names: tuple[str, ...],
        about: tuple[str | None, ...],
        port: tuple[str, ...],
        counters: array[int],
        software: tuple[str, ...],
        device_counters: array[int],
        sums: tuple[int, ...],
    ) -> None:
        """``port`` and ``software`` name the counters of which the arrays hold a row for each device.

        ``about`` has PCI address and driver of one device after the other, ``sums`` the sum of each counter.
        """
        self.names = names
        self.about = about
        self._port, self._counters = port, counters
        self._software, self._device_counters = software, device_counters
        self._sums = sums
        self._places = _places(port, software)

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
            "pci_address": self.about[2 * place],
            "driver": self.about[2 * place + 1],
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
            self._sums,
        )

    def total(self, name: str) -> int | None:
        """Return the sum of a counter over the devices; None where the driver has no such counter."""
        place = self._places.get(name)
        return None if place is None else self._sums[place]

    def totals(self, names: tuple[str, ...]) -> tuple[int | None, ...]:
        """Return the sum of each of some counters over the devices; None for one that the driver lacks."""
        of_all = self._places.getters.get(names)
        if of_all is None:
            of_all = self._places.getters[names] = self._places.getter(names)
        return of_all(self._sums)

    def has_any(self, names: Iterable[str]) -> bool:
        """Return whether the driver has one of these counters."""
        return not self._places.keys().isdisjoint(names)

    def counted_any(self, names: tuple[str, ...]) -> bool:
        """Return whether one of these counters is more than zero on a device."""
        return any(self.totals(names))

    def column(self, name: str) -> Column | None:
        """Return a counter of each device; None where the driver has no such counter."""
        if name in self._port:
            return self._counters[self._port.index(name) :: len(self._port)]
        if name in self._software:
            return self._device_counters[self._software.index(name) :: len(self._software)]
        return None


_Sums = tuple[int, ...]


class _Places(dict[str, int]):
    """Where each counter stands among the sums; ``getters`` pick several of them at once, by their names."""

    def __init__(self, port: tuple[str, ...], software: tuple[str, ...]) -> None:
        # A name that both groups have is the port's.
        super().__init__((name, place) for place, name in reversed(list(enumerate((*port, *software)))))
        self.getters: dict[tuple[str, ...], Callable[[_Sums], tuple[int | None, ...]]] = {}

    def getter(self, names: tuple[str, ...]) -> Callable[[_Sums], tuple[int | None, ...]]:
        """Return what gives the sums of some counters, of two at least; None for one that is not there."""
        places = [self.get(name) for name in names]
        if None not in places:
            return itemgetter(*places)
        return lambda sums: tuple([None if place is None else sums[place] for place in places])


@lru_cache(maxsize=256)
def _places(port: tuple[str, ...], software: tuple[str, ...]) -> _Places:
    return _Places(port, software)


def _sums(counters: list[int], width: int) -> list[int]:
    return [sum(counters[place::width]) for place in range(width)]


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

    def total(self, name: str) -> int | None:
        """Return the sum of a counter over the devices that were read; None where no driver has it."""
        column = self.column(name)
        return None if column is None else sum(value for value in column if value is not None)

    def paired(self, name: str, of: str) -> tuple[int, int]:
        """Return the sums of two counters over the devices of which both were read: a part and its whole."""
        columns = zip(self.column(name) or (), self.column(of) or (), strict=False)
        known = [(one, other) for one, other in columns if one is not None and other is not None]
        return sum(one for one, _ in known), sum(other for _, other in known)

    def totals(self, names: tuple[str, ...]) -> tuple[int | None, ...]:
        """Return the sum of each of some counters."""
        return tuple(map(self.total, names))


Devices = PackedDevices | ListedDevices


def devices_of(record: Mapping[str, Any]) -> Devices:
    """Return a record's devices as columns."""
    devices = record["devices"]
    # Asking for PackedDevices, an abstract class, takes as long as the sums of ten counters.
    return ListedDevices(devices) if isinstance(devices, list) else devices


def pack(devices: Sequence[Mapping[str, Any]]) -> PackedDevices | None:
    """Return devices packed; None where they have not all the same counters, or one was not read.

    Raises:
        OverflowError: a counter is not a number of 64 bits.
        AttributeError, KeyError, TypeError: a device is none, or lacks a field.
    """
    if not devices:
        return None
    first = devices[0]
    fields, port, software = list(first), list(first["counters"]), list(first["device_counters"])
    if "tx_bytes" not in port or "rx_bytes" not in port or set(fields) != _FIELDS:
        return None
    counters: list[int] = []
    device_counters: list[int] = []
    names: list[str] = []
    about: list[str | None] = []
    for device in devices:
        own, other = device["counters"], device["device_counters"]
        if list(own) != port or list(other) != software or list(device) != fields:
            return None
        if device["unknown"] != [] or device["errors"] != []:
            return None
        counters += own.values()
        device_counters += other.values()
        names.append(device["name"])
        about += (device["pci_address"], device["driver"])
    if set(map(type, counters)) != _WHOLE or (device_counters and set(map(type, device_counters)) != _WHOLE):
        return None
    return PackedDevices(
        shared(tuple(names)),
        shared(tuple(about)),
        shared(tuple(port)),
        array("Q", counters),
        shared(tuple(software)),
        array("Q", device_counters),
        (*_sums(counters, len(port)), *_sums(device_counters, len(software))),
    )


_FIELDS = {"name", "counters", "device_counters", "pci_address", "driver", "unknown", "errors"}
_WHOLE = {int}
_MOST_SHARED = 4096
_SHARED: dict[tuple[Any, ...], tuple[Any, ...]] = {}


def shared(names: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the same tuple for the same names: nodes of one type have one set of devices."""
    if len(_SHARED) > _MOST_SHARED:
        _SHARED.clear()
    return _SHARED.setdefault(names, names)


def _value(device: Mapping[str, Any], name: str) -> int | None:
    value: int | None = device["counters"].get(name)
    if value is None and name not in device["unknown"]:
        value = (device.get("device_counters") or {}).get(name)
    return value
