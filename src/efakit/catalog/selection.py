"""Chooses instance types by what is known of them, and says which are left out because too little is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from efakit.catalog import offerings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from efakit.catalog.instances import Instance


class Selection(NamedTuple):
    """The chosen types, and what a reader of the list must know of those that are not in it."""

    types: list[Instance]
    notes: list[str]


def select(
    types: Iterable[Instance],
    *,
    family: str | None = None,
    accelerator: str | None = None,
    arch: str | None = None,
    efa_min: int = 0,
    region: str | None = None,
) -> Selection:
    """Choose the types that surely have everything that is asked for, in the order given.

    ``accelerator`` is any part of an accelerator's name, manufacturer or kind. With ``efa_min`` 1 a type with EFA
    whose number of interfaces is unknown counts as having one.
    """
    chosen = Selection([instance for instance in types if family in (None, instance.family)], [])
    if accelerator is not None:
        chosen = _accelerated(chosen, accelerator.lower())
    if arch is not None:
        chosen = _without_unknown(chosen, "architecture")
        chosen = chosen._replace(types=[instance for instance in chosen.types if instance.architecture == arch])
    if efa_min > 1:
        chosen = _without_unknown(chosen, "efa_interfaces")
        enough = [instance for instance in chosen.types if (instance.efa_interfaces or 0) >= efa_min]
        chosen = chosen._replace(types=enough)
    return chosen if region is None else _offered_in(chosen, region)


def _accelerated(chosen: Selection, text: str) -> Selection:
    found = []
    unknown = []
    for instance in chosen.types:
        device = instance.accelerators
        words = (device.name, device.manufacturer, device.kind) if device else ()
        if any(word is not None and text in word.lower() for word in words):
            found.append(instance)
        elif None in words:
            unknown.append(instance.name)
    return _leaving_out(Selection(found, chosen.notes), unknown, "not all of their accelerators is known")


def _without_unknown(chosen: Selection, field: str) -> Selection:
    unknown = [instance.name for instance in chosen.types if getattr(instance, field) is None]
    return _leaving_out(chosen, unknown, f"the catalog does not have their {field}")


def _offered_in(chosen: Selection, region: str) -> Selection:
    offered = {instance.name: offerings.offered_in_region(instance.name, region) for instance in chosen.types}
    unknown = [instance.name for instance in chosen.types if instance.efa_capable and offered[instance.name] is None]
    left = _leaving_out(chosen, unknown, "it is unknown where EC2 offers them")
    notes = list(left.notes)
    if not all(instance.efa_capable for instance in chosen.types):
        notes.append("types without EFA are left out: the catalog does not have where EC2 offers them")
    return Selection([instance for instance in left.types if offered[instance.name]], notes)


def _leaving_out(chosen: Selection, names: list[str], reason: str) -> Selection:
    if not names:
        return chosen
    note = f"left out, since {reason}: {', '.join(names)}"
    return Selection([instance for instance in chosen.types if instance.name not in names], [*chosen.notes, note])
