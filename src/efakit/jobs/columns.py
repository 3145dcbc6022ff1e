"""The devices of a record of version 3, which has them by columns: as readers see them, one by one or packed."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from efakit.jobs.devices import PackedDevices, shared

_GROUPS = ("counters", "device_counters")


def is_even(columns: Mapping[str, Any]) -> bool:
    """Whether each column has one value for each device, and what is said of devices is said of these."""
    names = columns["names"]
    lists = (
        columns["pci_addresses"],
        columns["drivers"],
        *(list_ for name in _GROUPS for list_ in columns[name].values()),
    )
    known = set(names)
    return (
        len(known) == len(names)
        and all(len(one) == len(names) for one in lists)
        and columns["unknown"].keys() <= known
        and columns["errors"].keys() <= known
    )


def listed(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the devices one by one, as version 2 has them."""
    counted = [[(name, column) for name, column in columns[group].items()] for group in _GROUPS]
    about = zip(columns["names"], columns["pci_addresses"], columns["drivers"], strict=True)
    return [
        {
            "name": name,
            "pci_address": pci_address,
            "driver": driver,
            **{
                group: {counter: column[at] for counter, column in own if column[at] is not None}
                for group, own in zip(_GROUPS, counted, strict=True)
            },
            "unknown": columns["unknown"].get(name, []),
            "errors": columns["errors"].get(name, []),
        }
        for at, (name, pci_address, driver) in enumerate(about)
    ]


def packed(columns: Mapping[str, Any]) -> PackedDevices | None:
    """Return devices packed; None where not all have the same counters, or one was not read.

    Raises:
        AttributeError, KeyError, OverflowError, TypeError: they are no columns of numbers of 64 bits.
    """
    names, port, software = columns["names"], columns["counters"], columns["device_counters"]
    if columns["unknown"] != {} or columns["errors"] != {} or not {"tx_bytes", "rx_bytes"} <= port.keys():
        return None
    own = [*port.values(), *software.values()]
    lists = [names, columns["pci_addresses"], columns["drivers"], *own]
    if set(map(type, lists)) != {list} or set(map(len, lists)) != {len(names)} or len(columns) != _FIELDS:
        return None
    if set(map(type, chain.from_iterable(own))) != {int}:
        return None
    about = zip(columns["pci_addresses"], columns["drivers"], strict=True)
    return ColumnDevices.of_columns(
        shared(tuple(names)),
        shared(tuple(chain.from_iterable(about))),
        shared(tuple(port)),
        shared(tuple(software)),
        own,
    )


_FIELDS = 7


class ColumnDevices(PackedDevices):
    """Packed devices whose counters lie column after column; a device by itself is hardly ever asked for.

    Most counters are zero on all devices: of these no column is kept, and their sum tells.
    """

    __slots__ = ("_numbers",)

    def __init__(
        self,
        names: tuple[str, ...],
        about: tuple[str | None, ...],
        port: tuple[str, ...],
        numbers: array[int],
        software: tuple[str, ...],
        sums: tuple[int, ...],
    ) -> None:
        super().__init__(names, about, port, _NONE, software, _NONE, sums)
        self._numbers = numbers

    @classmethod
    def of_columns(
        cls,
        names: tuple[str, ...],
        about: tuple[str | None, ...],
        port: tuple[str, ...],
        software: tuple[str, ...],
        columns: Sequence[Sequence[int]],
    ) -> ColumnDevices:
        """Pack a column for each port counter, and then for each of the driver's own."""
        numbers = array("Q", chain.from_iterable(filter(any, columns)))
        return cls(names, about, port, numbers, software, tuple(map(sum, columns)))

    def column(self, name: str) -> Sequence[int | None] | None:
        """Return a counter of each device; None where the driver has no such counter."""
        place = self._places.get(name)
        return None if place is None else self._column(place)

    def _column(self, place: int) -> array[int]:
        width = len(self.names)
        if not self._sums[place]:
            return array("Q", bytes(width * _NONE.itemsize))
        begin = width * sum(map(bool, self._sums[:place]))
        return self._numbers[begin : begin + width]

    def __getitem__(self, index: Any) -> Any:
        return self._by_device()[index]

    def __reduce__(self) -> tuple[Any, ...]:
        return ColumnDevices, (self.names, self.about, self._port, self._numbers, self._software, self._sums)

    def _by_device(self) -> PackedDevices:
        columns = [self._column(place) for place in range(len(self._sums))]
        parts = columns[: len(self._port)], columns[len(self._port) :]
        counters, software = (array("Q", chain.from_iterable(zip(*part, strict=True))) for part in parts)
        return PackedDevices(self.names, self.about, self._port, counters, self._software, software, self._sums)


_NONE = array("Q")
