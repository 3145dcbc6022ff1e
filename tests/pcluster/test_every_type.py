"""For every EFA type that pcluster's data know: what init writes renders to a config that the real pcluster accepts."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from efakit.catalog import instances
from efakit.catalog.instances import Instance
from efakit.emit.parallelcluster import cluster_config
from efakit.plan.make import make_plan
from efakit.spec.load import read_spec
from efakit.spec.starter import spec_text
from efakit.spec.yamltext import Document
from efakit.vendor.simulated_account import Judge, account_for

pytestmark = pytest.mark.pcluster
PREFERRED = ("us-east-1", "us-east-2", "us-west-2", "eu-north-1", "ap-northeast-1", "eu-central-1")


@pytest.fixture(scope="module")
def regions() -> dict[str, str]:
    """A region for each type that ParallelCluster supports, by moto's copy of EC2's offerings."""
    pytest.importorskip("moto", reason="the extra 'pcluster' brings moto")
    pytest.importorskip("moto", reason="the extra 'pcluster' brings moto")
    supported = files("pcluster").joinpath("resources/supported-regions").read_text().split()
    offered: dict[str, list[str]] = defaultdict(list)
    folder = files("moto.ec2").joinpath("resources/instance_type_offerings/region")
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        region = file.name.partition(".")[0]
        if region in supported and not region.startswith(("us-gov", "cn-", "us-iso")):
            for row in json.loads(gzip.decompress(file.read_bytes())):
                offered[row["InstanceType"]].append(region)
    return {name: min(found, key=_preference) for name, found in offered.items()}


def _preference(region: str) -> tuple[int, str]:
    return (PREFERRED.index(region) if region in PREFERRED else len(PREFERRED), region)


def written_by_init(instance: Instance, region: str) -> dict[str, Any]:
    """Return the config of the spec that init writes."""
    block = instance.usage_classes is not None and "on-demand" not in instance.usage_classes
    text = spec_text(
        instance,
        nodes=2,
        subnet="subnet-0123456789abcdef1",
        head_subnet="subnet-0123456789abcdef0",
        key="my-key",
        region=region,
        os_name="alinux2023",
        bucket=None,
        reservation="cr-0123456789abcdef0" if block else None,
    )
    return cluster_config(make_plan(read_spec(Document(Path("spec.yaml"), text))))


def test_pcluster_accepts_what_init_writes_for_every_efa_type(judge: Judge, regions, record_property):
    left_out: dict[str, str] = {}
    refused: dict[str, str] = {}
    accepted = Counter[str]()
    for instance in sorted(instances.all_efa(), key=lambda item: _preference(regions.get(item.name, "zz"))):
        region = regions.get(instance.name)
        if region is None:
            left_out[instance.name] = "moto knows no region of ParallelCluster's that offers it"
            continue
        config = written_by_init(instance, region)
        resource = config["Scheduling"]["SlurmQueues"][0]["ComputeResources"][0]
        assert resource["Efa"] == {"Enabled": True}, instance.name
        grouped = instance.supports_cluster_placement is not False
        block = config["Scheduling"]["SlurmQueues"][0]["CapacityType"] == "CAPACITY_BLOCK"
        assert resource["Networking"]["PlacementGroup"] == {"Enabled": grouped and not block}, instance.name
        answer = judge.dry_run(yaml.safe_dump(config), account_for(config))
        if answer.accepted:
            accepted["placement group" if grouped and not block else "no placement group"] += 1
        else:
            refused[instance.name] = "; ".join(item.message for item in answer.errors)
    expected = {name: text for name, text in refused.items() if _is_known_refusal(text)}
    total = len(instances.all_efa())
    lines = [f"pcluster accepts {accepted.total()} of {total} EFA types ({dict(accepted)})"]
    lines += [f"  left out: {name}: {reason[:160]}" for name, reason in sorted({**left_out, **expected}.items())]
    record_property("says", "\n".join(lines))
    assert {name: text for name, text in refused.items() if name not in expected} == {}
    assert accepted.total() >= 290


def _is_known_refusal(text: str) -> bool:
    """The open NVIDIA driver of the official images needs Turing or later: p3dn wants an image of the user's own."""
    return "p3dn" in text


# One type of each network layout: cards, interfaces of card 0, EFA on card 0 or not.
LAYOUTS = [
    "c5n.18xlarge",
    "c6in.32xlarge",
    "g6e.48xlarge",
    "hpc6id.32xlarge",
    "hpc7a.96xlarge",
    "hpc7g.16xlarge",
    "i7ie.48xlarge",
    "p4d.24xlarge",
    "p5.48xlarge",
    "p5en.48xlarge",
    "p6-b200.48xlarge",
    "p6-b300.48xlarge",
    "trn1.32xlarge",
    "trn2.48xlarge",
]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_launch_template_holds_as_many_efa_interfaces_as_the_catalog_says(name, synthesising_judge: Judge, regions):
    instance = instances.get(name)
    config = written_by_init(instance, regions[name])
    templates = synthesising_judge.synthesise(yaml.safe_dump(config), account_for(config))
    compute = max((template.get("NetworkInterfaces", []) for template in templates), key=len)
    with_efa = [interface for interface in compute if str(interface.get("InterfaceType")).startswith("efa")]
    assert len(with_efa) == instance.efa_interfaces
    assert (0 in {interface["NetworkCardIndex"] for interface in with_efa}) == instance.card0_efa
