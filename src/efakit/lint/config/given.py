"""What a caller may know beyond the config itself: jobs, offerings, the account. Shapes only; others fill them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from efakit.lint.config.node import Path

OF_SPEC = "jobs"
"""What a place begins with that is the spec's own: no config has jobs."""


@dataclass(frozen=True)
class JobNodes:
    """How many nodes a job asks a queue for; ``queue`` None: the first.

    ``software`` holds the versions in the job's container, by ``stack_of``'s words; empty: it runs in none, or nothing
    is known of it. ``keys`` lead to the job in the spec that it is of.
    """

    name: str
    nodes: int
    queue: str | None = None
    software: Mapping[str, str] = field(default_factory=dict)
    keys: Path = (OF_SPEC, 0)


class Offerings(Protocol):
    """Where instance types are offered; ``efakit.catalog.offerings`` is one."""

    def offered_in_region(self, instance_type: str, region: str) -> bool | None:
        """Say whether a region offers a type; None: not known."""

    def offered_in_zone(self, instance_type: str, zone_id: str) -> bool | None:
        """Say whether an Availability Zone, such as use1-az4, offers a type; None: not known."""


class Account(Protocol):
    """What is known of the things in an AWS account that a config names; what is missing is unknown."""

    @property
    def zones(self) -> Mapping[str, str]:
        """Availability Zones by subnet id, best as zone ids, such as use1-az4, which name the same in every account."""

    @property
    def public_subnets(self) -> frozenset[str]:
        """Subnets that give public addresses to what starts in them."""

    @property
    def free_addresses(self) -> Mapping[str, int]:
        """How many addresses are free, by subnet id."""

    @property
    def open_to_themselves(self) -> Mapping[str, bool]:
        """Whether a security group lets all traffic in from itself and out to itself, by its id."""
