"""A place in cluster.yaml leads back to the place in the spec that put it there."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from efakit.catalog.config_keys import sections_of_all_releases
from efakit.emit.parallelcluster import origins
from efakit.emit.parallelcluster.origins import origin
from efakit.spec.schema import spec_schema

SPEC = yaml.safe_load("""
cluster:
  region: us-east-1
  queues:
    - name: gpu
      subnet: subnet-2
      compute_resources:
        - {name: p5, instance: p5.48xlarge, nodes: 4, reservation_group: arn}
    - name: cpu
      subnets: [subnet-3, subnet-4]
      compute_resources:
        - {name: any, instances: [c5n.18xlarge, c6in.32xlarge], nodes: 4}
parallelcluster:
  head_node: {subnet: subnet-1, overrides: {Dcv: {Enabled: true}}}
  slurm_settings: {KillWait: 60}
  queues:
    gpu:
      tags: {team: a}
      iam: {role: arn}
      overrides: {Networking: {Proxy: {HttpProxyAddress: x}}, ComputeSettings: {LocalStorage: {}}}
      compute_resources:
        p5: {slurm_settings: {Weight: 5}, overrides: {MaxCount: 9}}
  storage: [{name: fsx, mount: /fsx, type: fsx-lustre, size_gb: 1200}]
  overrides: {Tags: [{Key: a, Value: b}], Scheduling: {SlurmSettings: {ScaledownIdletime: 3}}}
""")
QUEUE = ("Scheduling", "SlurmQueues")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("Region",), "cluster.region"),
        (("Image", "Os"), "parallelcluster.os.Os"),
        (("HeadNode", "InstanceType"), "parallelcluster.head_node.instance"),
        (("HeadNode", "Networking", "SubnetId"), "parallelcluster.head_node.subnet"),
        (("HeadNode", "Ssh", "KeyName"), "parallelcluster.key.KeyName"),
        (("HeadNode", "Dcv", "Enabled"), "parallelcluster.head_node.overrides.Dcv.Enabled"),
        ((*QUEUE, 0, "Networking", "SubnetIds", 0), "cluster.queues.0.subnet.0"),
        ((*QUEUE, 1, "Networking", "SubnetIds", 1), "cluster.queues.1.subnets.1"),
        (
            (*QUEUE, 0, "Networking", "Proxy", "HttpProxyAddress"),
            "parallelcluster.queues.gpu.overrides.Networking.Proxy.HttpProxyAddress",
        ),
        ((*QUEUE, 0, "ComputeResources", 0, "MinCount"), "cluster.queues.0.compute_resources.0.min_nodes"),
        (
            (*QUEUE, 0, "ComputeResources", 0, "MaxCount"),
            "parallelcluster.queues.gpu.compute_resources.p5.overrides.MaxCount",
        ),
        ((*QUEUE, 1, "ComputeResources", 0, "MaxCount"), "cluster.queues.1.compute_resources.0.nodes"),
        (
            (*QUEUE, 0, "ComputeResources", 0, "CapacityReservationTarget"),
            "cluster.queues.0.compute_resources.0.reservation_group",
        ),
        (
            (*QUEUE, 1, "ComputeResources", 0, "Instances", 1, "InstanceType"),
            "cluster.queues.1.compute_resources.0.instances.1.InstanceType",
        ),
        (
            ("Scheduling", "SlurmSettings", "CustomSlurmSettings", 0, "KillWait"),
            "parallelcluster.slurm_settings.KillWait",
        ),
        (
            ("Scheduling", "SlurmSettings", "ScaledownIdletime"),
            "parallelcluster.overrides.Scheduling.SlurmSettings.ScaledownIdletime",
        ),
        (("Tags", 0, "Key"), "parallelcluster.overrides.Tags.0.Key"),
        (("SharedStorage", 0, "FsxLustreSettings", "StorageCapacity"), "parallelcluster.storage.0.size_gb"),
        ((*QUEUE, 0, "Tags", 0), "parallelcluster.queues.gpu.tags.0"),
        ((*QUEUE, 0, "Iam", "InstanceRole"), "parallelcluster.queues.gpu.iam.role"),
        (
            (*QUEUE, 0, "ComputeResources", 0, "CustomSlurmSettings", "Weight"),
            "parallelcluster.queues.gpu.compute_resources.p5.slurm_settings.Weight",
        ),
        # Options that the spec does not have: the queue that they would be of.
        ((*QUEUE, 1, "Tags"), "cluster.queues.1.Tags"),
        ((*QUEUE, 1, "Networking", "SecurityGroups", 0), "cluster.queues.1.subnet.SecurityGroups.0"),
        (("Nobody", "Knows"), "parallelcluster"),
        ((), "parallelcluster"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_a_place_leads_back_to_the_spec(path, expected):
    assert ".".join(map(str, origin(path, SPEC))) == expected


def test_odd_specs_lead_somewhere_all_the_same():
    for spec in (None, [], {"cluster": None}, {"cluster": {"queues": "x"}}, 7):
        assert origin((*QUEUE, 3, "ComputeResources", 9, "Efa"), spec)[0] == "cluster"
        assert origin((*QUEUE, 3, "ComputeResources", 9, "Tags"), spec)[0] == "cluster"


def test_every_row_names_keys_that_parallelcluster_and_the_spec_have():
    known = {key for section in sections_of_all_releases().values() for key in section} | {"*"}
    words = set(_property_names(spec_schema())) | {"*", "@"}
    for place, target in origins._ROWS:
        assert set(place) <= known, place
        assert set(target) <= words, target


def _property_names(schema):
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                yield from value
            yield from _property_names(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _property_names(item)


def test_the_ready_specs_have_a_line_for_every_place_of_their_configs():
    from efakit.spec.yamltext import read_document

    for path in (Path(__file__).resolve().parents[2] / "cluster-configs").glob("*.cluster.yaml"):
        document = read_document(path.with_name(path.name.replace(".cluster.yaml", ".yaml")))
        for place in _paths(yaml.safe_load(path.read_text())):
            assert document.place(origin(place, document.data), at_key=True).line


def _paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(inner, (*path, key))
