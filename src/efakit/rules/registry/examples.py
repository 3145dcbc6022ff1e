"""Examples that are made from the catalog's rows, and what must be known beside an example, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from efakit.versions import COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def below(version: str) -> str:
    """Return a release before another one: of 1.16.0 it is 1.15.0, of 2.31.2 it is 2.31.1."""
    parts = [int(part) for part in version.split(".")]
    place = max(index for index, part in enumerate(parts) if part)
    parts[place] -= 1
    return ".".join(map(str, parts))


def given_text(given: Mapping[str, Any]) -> str:
    """Return in words what must be known beside an example: ``aws-ofi-nccl 1.15.0, p5.48xlarge``."""
    words = []
    for name, value in given.items():
        if name in COMPONENTS:
            words.append(f"{COMPONENTS[name]} {value}")
        elif name in _WORDS:
            words.append(_WORDS[name](value))
    return ", ".join(words)


def _jobs(jobs: Any) -> str:
    return ", ".join(f"the job {name} asks for {nodes} nodes" for name, nodes in jobs)


def _groups(groups: Any) -> str:
    return ", ".join(
        f"{group} {'allows' if is_open else 'does not allow'} all traffic from and to itself"
        for group, is_open in groups.items()
    )


_WORDS: dict[str, Callable[[Any], str]] = {
    "instance": str,
    "os": str,
    "region": str,
    "ranks_per_node": "{} ranks on a node".format,
    "cores_per_rank": "{} cores for each rank".format,
    "efa_interfaces": "{} EFA interfaces on a node".format,
    "jobs": _jobs,
    "zones": lambda zones: ", ".join(f"{subnet} lies in {zone}" for subnet, zone in zones.items()),
    "free_addresses": lambda free: ", ".join(f"{subnet} has {count} free addresses" for subnet, count in free.items()),
    "open_to_themselves": _groups,
}
