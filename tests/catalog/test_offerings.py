"""Where EC2 offers types: what is known, what is unknown, and that it is what moto's data say."""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections import defaultdict
from pathlib import Path

import pytest

from efakit.catalog import instances, offerings

FILE = Path(offerings.__file__).with_name("offerings.json")


def test_regions_and_zones_of_a_type():
    assert "us-east-1" in offerings.regions_of("p5.48xlarge")
    assert "use1-az4" in offerings.zones_of("p5.48xlarge", "us-east-1")
    assert offerings.zones_of("p6-b200.48xlarge", "af-south-1") == ()


def test_a_region_that_does_not_offer_a_type_is_known_not_to():
    assert offerings.offered_in_region("hpc7g.16xlarge", "us-east-1") is True
    assert offerings.offered_in_region("hpc7g.16xlarge", "sa-east-1") is False


def test_a_zone_that_does_not_offer_a_type_is_known_not_to():
    (only,) = offerings.zones_of("p5.48xlarge", "ca-central-1")
    assert offerings.offered_in_zone("p5.48xlarge", only) is True
    assert offerings.offered_in_zone("p5.48xlarge", "cac1-az1") is False
    assert offerings.offered_in_zone("hpc7g.16xlarge", "sae1-az1") is False


@pytest.mark.parametrize("name", ["m5.large", "dl1.24xlarge", "p6e-gb300.36xlarge", "p99.48xlarge", ""])
def test_of_a_type_that_the_data_do_not_have_nothing_is_known(name):
    assert offerings.regions_of(name) == ()
    assert offerings.zones_of(name, "us-east-1") == ()
    assert offerings.offered_in_region(name, "us-east-1") is None
    assert offerings.offered_in_zone(name, "use1-az4") is None


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "us-east-9", ""])
def test_of_a_region_that_the_data_do_not_have_nothing_is_known(region):
    assert offerings.zones_of("p5.48xlarge", region) == ()
    assert offerings.offered_in_region("p5.48xlarge", region) is None


@pytest.mark.parametrize("zone", ["us-east-1a", "use1-az9", "cnn1-az1", ""])
def test_of_a_zone_that_the_data_do_not_have_nothing_is_known_and_a_zone_s_name_is_none(zone):
    assert offerings.offered_in_zone("p5.48xlarge", zone) is None


def test_each_type_is_one_of_the_catalog_with_efa_and_the_file_is_small():
    content = json.loads(FILE.read_text())
    assert set(content["types"]) <= {instance.name for instance in instances.all_efa()}
    assert FILE.stat().st_size < 150_000
    assert offerings.source().version
    assert offerings.source().address.startswith("https://")


def test_the_offers_are_those_of_moto():
    spec = importlib.util.find_spec("moto")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("moto is not installed: pip install 'efakit[pcluster]' to compare the offers with EC2's data")
    folder = Path(spec.submodule_search_locations[0]) / "ec2" / "resources" / "instance_type_offerings"
    efa = {instance.name for instance in instances.all_efa()}
    expected: dict[str, dict[str, set[str]]] = defaultdict(dict)
    seen = []
    for file in (folder / "region").iterdir():
        region = file.name.removesuffix(".json.gz")
        seen.append(region)
        for kind in ("region", "availability-zone-id"):
            for offer in json.loads(gzip.decompress((folder / kind / file.name).read_bytes())):
                if offer["InstanceType"] in efa:
                    zones = expected[offer["InstanceType"]].setdefault(region, set())
                    if kind != "region":
                        zones.add(offer["Location"])
    differences = []
    for name in sorted(efa):
        found = {region: set(offerings.zones_of(name, region)) for region in offerings.regions_of(name)}
        for region in sorted({*found, *expected[name]}):
            ours, moto = found.get(region), expected[name].get(region)
            if ours != moto:
                differences.append(f"{name} in {region}: {ours} in the catalog, {moto} in moto")
    assert sorted(offerings.regions()) == sorted(seen)
    assert not differences, "\n".join([*differences, "run scripts/update_catalog.py with this moto and read the diff"])
