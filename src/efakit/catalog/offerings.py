"""Where EC2 offers the catalog's types with EFA: in which regions, and in which availability zones there.

A zone is named by its id, such as use1-az4, and never by a name such as us-east-1a: names are dealt out to each account
differently, so only ids are facts (https://docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html).

The data are EC2's DescribeInstanceTypeOfferings at one time (``source``), and EC2 adds to them all the time: False
means "not offered then". A region or a type of which they say nothing (China, GovCloud, a type without EFA, a type
newer than the data) gives None or an empty tuple: unknown, and never "not offered".

In ``offerings.json``, ``regions`` has for each region what its zone ids begin with, and then how each ends; a type has
the regions that offer it, and behind a colon the zones, by their ends, where they are not all of the region's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from efakit.catalog.files import read_data
from efakit.catalog.instances import Source

# Regions that the data do not cover: botocore's endpoints.json, all partitions.
_FURTHER_REGIONS = (
    *("ap-east-2", "ap-southeast-6", "ap-southeast-7", "mx-central-1", "cn-north-1", "cn-northwest-1", "us-gov-east-1"),
    *("us-gov-west-1", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1", "eu-isoe-west-1"),
    *("us-isof-east-1", "us-isof-south-1", "eusc-de-east-1"),
)


def all_regions() -> tuple[str, ...]:
    """Give every region that is known, whether the data cover it or not."""
    return (*regions(), *_FURTHER_REGIONS)


def regions() -> tuple[str, ...]:
    """Give the regions that the data cover."""
    return tuple(_zones())


def regions_of(instance_type: str) -> tuple[str, ...]:
    """Give the regions that offer a type; empty where the data know nothing of the type."""
    return tuple(_offers(instance_type))


def zones_of(instance_type: str, region: str) -> tuple[str, ...]:
    """Give the ids of a region's zones that offer a type; empty where none does or nothing is known."""
    return _offers(instance_type).get(region, ())


def offered_in_region(instance_type: str, region: str) -> bool | None:
    """Say whether a region offers a type; None where the data know nothing of the region or of the type."""
    if region not in _zones() or instance_type not in _data()["types"]:
        return None
    return region in _offers(instance_type)


def offered_in_zone(instance_type: str, zone_id: str) -> bool | None:
    """Say whether a zone, by its id, offers a type; None where the data know nothing of the zone or of the type."""
    region = _region_of_zone().get(zone_id)
    if region is None or instance_type not in _data()["types"]:
        return None
    return zone_id in zones_of(instance_type, region)


def source() -> Source:
    """Give the source of all that this module says."""
    return Source(key="offerings", **_data()["source"])


@lru_cache(maxsize=None)
def _data() -> dict[str, Any]:
    return read_data("offerings.json")


@lru_cache(maxsize=None)
def _zones() -> dict[str, tuple[str, ...]]:
    zones = {}
    for region, text in _data()["regions"].items():
        prefix, *ends = text.split()
        zones[region] = tuple(prefix + end for end in ends)
    return zones


@lru_cache(maxsize=None)
def _region_of_zone() -> dict[str, str]:
    return {zone: region for region, zones in _zones().items() for zone in zones}


@lru_cache(maxsize=None)
def _offers(instance_type: str) -> dict[str, tuple[str, ...]]:
    """Give the zones of a type by region."""
    offers = {}
    for word in _data()["types"].get(instance_type, "").split():
        region, colon, ends = word.partition(":")
        if colon:
            prefix = _data()["regions"][region].split()[0]
            offers[region] = tuple(prefix + end for end in ends.split(",") if end)
        else:
            offers[region] = _zones()[region]
    return offers
