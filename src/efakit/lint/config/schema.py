"""Keys and values by themselves: unknown and missing keys, wrong types, values that no release allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from efakit.catalog.config_keys import ROOT, Key, sections, sections_of_all_releases
from efakit.lint.config.node import Node, as_flag, as_number, as_whole, shown
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.view import ClusterView
from efakit.nearness import did_you_mean, near

_KINDS = {
    "text": "text",
    "whole": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "texts": "a list of strings",
    "mapping": "a mapping",
    "mappings": "a list of mappings",
    "section": "a mapping",
    "sections": "a list of mappings",
    "actions": "a mapping with Script or Sequence",
}


def sections_of(view: ClusterView) -> Iterator[tuple[Node, str]]:
    """Give every section of the config that is a mapping, with the name of its kind."""
    yield from _sections(view.root, ROOT, view.version)


def _sections(node: Node, section: str, version: str) -> Iterator[tuple[Node, str]]:
    if not isinstance(node.value, Mapping):
        return
    yield node, section
    for entry in node.entries:
        key = sections(version)[section].get(entry.key)
        if key is None or not key.child:
            continue
        if key.kind == "sections":
            inner = entry.items
        elif key.kind == "actions":
            # Beside a Sequence pcluster reads no other key.
            inner = entry.at("Sequence").items if entry.at("Sequence").present else [entry]
        else:
            inner = [entry]
        for child in inner:
            yield from _sections(child, key.child, version)


def _keys(view: ClusterView) -> Iterator[tuple[Node, Key]]:
    """Give every value whose key the release has."""
    for node, section in sections_of(view):
        for entry in node.entries:
            key = sections(view.version)[section].get(entry.key)
            if key is not None:
                yield entry, key


@rule("config-shape")
def config_shape(view: ClusterView) -> Iterator[Problem]:
    """Refuse what is no mapping at the top."""
    if not isinstance(view.root.value, Mapping):
        yield Problem((), f"a cluster config must be a mapping, not {shown(view.root.value)}", "begin with Region:")


@rule("unknown-key")
def unknown_key(view: ClusterView) -> Iterator[Problem]:
    """Refuse keys that no row has; the nearest one is named."""
    for node, section in sections_of(view):
        allowed = sections(view.version)[section]
        for entry in node.entries:
            if entry.key not in sections_of_all_releases()[section]:
                fix = _place_of(entry.key, view.version) or did_you_mean(map(repr, near(entry.key, allowed)))
                fix = fix or f"valid keys here: {', '.join(sorted(allowed))}"
                yield Problem(entry.path, f"unknown key {shown(entry.key)}", fix)


# A key that several sections have has no place of its own.
_MOST_PLACES = 2


@cache
def _places_of_keys(version: str) -> Mapping[str, tuple[str, ...]]:
    """Return where each key may stand, by its name: the sections that lead to it."""
    found: dict[str, dict[str, None]] = {}
    waiting: list[tuple[str, tuple[str, ...]]] = [(ROOT, ())]
    seen = set()
    while waiting:
        section, above = waiting.pop()
        if section in seen:
            continue
        seen.add(section)
        for key in sections(version)[section].values():
            found.setdefault(key.name, {})["/".join(above)] = None
            if key.child:
                waiting.append((key.child, (*above, key.name)))
    return {name: tuple(places) for name, places in found.items()}


def _place_of(name: str, version: str) -> str:
    places = _places_of_keys(version).get(name, ())
    if not 0 < len(places) <= _MOST_PLACES:
        return ""
    return f"it belongs {' or '.join(f'under {place}' if place else 'at the root' for place in places)}"


@rule("missing-key")
def missing_key(view: ClusterView) -> Iterator[Problem]:
    """Refuse sections without their required keys."""
    for node, section in sections_of(view):
        for key in sections(view.version)[section].values():
            if key.required and not node.at(key.name).present:
                yield Problem((*node.path, key.name), f"the key {key.name} is missing", f"add {key.name}")


@rule("wrong-type")
def wrong_type(view: ClusterView) -> Iterator[Problem]:
    """Refuse values that pcluster cannot convert to what the key wants."""
    for entry, key in _keys(view):
        if entry.value is None:
            yield Problem(
                entry.path, f"{key.name} has no value", f"write {_KINDS.get(key.kind, 'a value')}, or remove the key"
            )
        elif not _fits(entry, key):
            wanted = _KINDS[key.kind]
            yield Problem(entry.path, f"{key.name} is {shown(entry.value)}, not {wanted}", f"write {wanted}")


def _fits(entry: Node, key: Key) -> bool:
    value = entry.value
    if key.kind == "text":
        return isinstance(value, str)
    if key.kind == "whole":
        return as_whole(value) is not None
    if key.kind == "number":
        return as_number(value) is not None
    if key.kind == "flag":
        return as_flag(value) is not None
    if key.kind == "texts":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if key.kind in ("mapping", "section"):
        return isinstance(value, Mapping)
    if key.kind in ("mappings", "sections"):
        return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)
    return key.kind != "actions" or _is_action(value)


def _is_action(value: object) -> bool:
    if not isinstance(value, Mapping) or ("Script" in value) == ("Sequence" in value):
        return False
    steps = value.get("Sequence", [])
    return isinstance(steps, list) and all(isinstance(step, Mapping) for step in steps)


@rule("value-not-allowed")
def value_not_allowed(view: ClusterView) -> Iterator[Problem]:
    """Refuse values that are not among a key's choices, do not match its pattern, or are too small or too large."""
    for entry, key in _keys(view):
        if entry.value is None or not _fits(entry, key):
            continue
        values = entry.items if key.kind == "texts" else [entry]
        for node in values:
            yield from _value_problems(node, key)
        yield from _size_problems(entry, key)


def _value_problems(node: Node, key: Key) -> Iterator[Problem]:
    text = str(as_whole(node.value)) if key.kind == "whole" else node.value
    if key.choices and text not in key.choices:
        fix = did_you_mean(map(repr, near(text, key.choices))) if isinstance(text, str) else ""
        yield Problem(
            node.path,
            f"{key.name}: {shown(node.value)} is not one of {', '.join(key.choices)}",
            fix or "write one of these",
        )
    if key.pattern and isinstance(text, str) and not re.match(key.pattern, text):
        yield Problem(
            node.path,
            f"{key.name}: {shown(text)} has the wrong form",
            f"it must match {key.pattern}",
        )


def _size_problems(entry: Node, key: Key) -> Iterator[Problem]:
    counted = isinstance(entry.value, str | list) and key.kind in ("texts", "text")
    size = len(entry.value) if counted else as_number(entry.value)  # type: ignore[arg-type]
    if size is None or _within(size, key.least, key.most):
        return
    unit = "" if not counted else " items" if key.kind == "texts" else " characters"
    limits = [f"at least {key.least}"] if key.least is not None else []
    limits += [f"at most {key.most}"] if key.most is not None else []
    allowed = " and ".join(limits) + unit
    has = f"has {size}{unit}" if counted else f"is {shown(entry.value)}"
    yield Problem(entry.path, f"{key.name} {has}; allowed: {allowed}", f"write {allowed}")


def _within(size: float, least: int | None, most: int | None) -> bool:
    return (least is None or size >= least) and (most is None or size <= most)


@rule("exclude-each-other")
def exclude_each_other(view: ClusterView) -> Iterator[Problem]:
    """Refuse keys of one section of which only one may be there."""
    for node, section in sections_of(view):
        for names in _EXCLUSIVE.get(section, ()):
            there = [name for name in names if node.at(name).value]
            if len(there) > 1:
                yield Problem((*node.path, there[1]), f"{' and '.join(there)} exclude each other", "keep one of them")


_GROUPS = ("SecurityGroups", "AdditionalSecurityGroups")
_PROFILE = ("InstanceRole", "InstanceProfile", "AdditionalIamPolicies")
_BUCKETS = (("InstanceRole", "S3Access"), ("InstanceProfile", "S3Access"))
_EXCLUSIVE = {
    "HeadNodeNetworking": (_GROUPS,),
    "LoginNodesNetworking": (_GROUPS,),
    "SlurmQueueNetworking": (_GROUPS,),
    "HeadNodeIam": (_PROFILE, *_BUCKETS),
    "QueueIam": (_PROFILE, *_BUCKETS),
    "LoginNodesIam": (_PROFILE,),
    "SlurmComputeResource": (("InstanceType", "Instances"),),
    "CapacityReservationTarget": (("CapacityReservationId", "CapacityReservationResourceGroupArn"),),
}
