"""What efakit renders for dstack is taken by dstack's own parsers, and its AWS backend asks EC2 for all EFA devices.

The account is simulated in the process (moto). dstack's server is not started, and no machine is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit.catalog.dstack import image_has_efa, offered
from efakit.catalog.instances import all_efa
from efakit.cli.main import efakit
from efakit.emit.registry import emit
from efakit.vendor.dstack_parsers import refusals
from tests.emit.test_dstack import TESTS, TRAIN, plan_of, spec_of

pytestmark = pytest.mark.dstack
TYPES = [item for item in all_efa() if offered(item.name)]
REGION, ZONE, VPC = "us-west-2", "us-west-2a", "my-vpc"
# AWS's and dstack's own accounts, from which its backend takes the machines' images.
IMAGES = (
    ("Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04) 20260101", "898082745236"),
    ("dstack-0.14", "142421590066"),
)


def jobs_for(instance: Any) -> list[dict[str, Any]]:
    """Return jobs that go with an instance type: training on one with GPUs, else an MPI program."""
    own = {} if image_has_efa(instance.name) else {"container": {"runtime": "pyxis", "image": "me/mine:1"}}
    if instance.gpus:
        return [{**TRAIN, **own}, {**TESTS, **own}]
    return [{"name": "solve", "template": "openmpi", "program": "./solver", **own}]


def rendered(instance: Any, **section: Any) -> dict[str, Any]:
    files = emit(plan_of(*jobs_for(instance), instance=instance.name, vpc=VPC, **section), ("dstack",))
    return {file.path: yaml.safe_load(file.content) for file in files if file.path.endswith(".yml")}


@pytest.mark.parametrize("instance", TYPES, ids=[item.name for item in TYPES])
def test_its_parsers_take_what_is_rendered_for_every_type_that_it_offers(instance):
    from dstack._internal.core.models.configurations import parse_apply_configuration
    from dstack._internal.core.services import validate_dstack_resource_name
    from dstack._internal.server.services.config import ServerConfig

    files = rendered(instance, shm_size="64GB", disk="500GB", files=["../train.py:train.py"])
    ServerConfig.model_validate(files.pop("dstack/server-config.yml"))
    kinds = []
    for data in files.values():
        parsed = parse_apply_configuration(data)
        validate_dstack_resource_name(parsed.name)
        kinds.append(parsed.type)
    assert kinds.count("fleet") == 1
    assert kinds.count("task") == len(jobs_for(instance))


def test_how_many_types_are_judged(record_property):
    left = sorted(item.name for item in all_efa() if item not in TYPES)
    assert TYPES
    record_property("says", f"dstack: {len(TYPES)} of {len(all_efa())} EFA types; not offered there: {len(left)}")


@pytest.mark.parametrize(
    "change",
    [{"placement": "clusters"}, {"nodes": "4..2"}, {"instance_type": ["p5.48xlarge"]}, {"spot_policy": "no"}],
)
def test_its_parsers_are_a_judge_that_refuses(change):
    from dstack._internal.core.errors import ConfigurationError
    from dstack._internal.core.models.configurations import parse_apply_configuration

    data = rendered(TYPES[0])["dstack/gpu-n.fleet.dstack.yml"]
    parse_apply_configuration(data)
    with pytest.raises((ConfigurationError, ValueError)):
        parse_apply_configuration({**data, **change})


def test_validate_asks_its_parsers(tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump(spec_of(TRAIN)))
    done = CliRunner().invoke(efakit, ["validate", str(spec), "--format", "json"])
    judgements = {item["judge"]: item for item in json.loads(done.stdout)["judged_by"]}
    assert (done.exit_code, judgements["dstack"]["outcome"]) == (0, "accepted"), done.output


def test_what_its_parsers_refuse_is_told():
    data = {"type": "fleet", "name": "gpu", "placement": "clusters"}
    assert [
        name
        for name, _ in refusals(
            {"gpu.fleet.dstack.yml": yaml.safe_dump(data).encode(), "server-config.yml": b"projects: 1"}
        )
    ] == [
        "gpu.fleet.dstack.yml",
        "server-config.yml",
    ]


@pytest.fixture(scope="module")
def compute(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """dstack's AWS backend on a simulated account that has the VPC; ``asked`` has what it sent to RunInstances."""
    folder = tmp_path_factory.mktemp("dstack")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "none")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("DSTACK_SERVER_DIR", str(folder))
        patch.setenv("MOTO_AMIS_PATH", str(_images(folder)))
        import botocore.client
        from dstack._internal.core.backends.aws.compute import AWSCompute
        from dstack._internal.core.backends.aws.models import AWSConfig
        from moto import mock_aws

        asked: list[dict[str, Any]] = []
        call = botocore.client.BaseClient._make_api_call

        def keep(client: Any, name: str, parameters: dict[str, Any]) -> Any:
            if name == "RunInstances":
                asked.append(parameters)
            return call(client, name, parameters)

        patch.setattr(botocore.client.BaseClient, "_make_api_call", keep)
        with mock_aws():
            _make_vpc()
            backend = rendered(TYPES[0])["dstack/server-config.yml"]["projects"][0]["backends"][0]
            config = AWSConfig.model_validate(backend)
            yield SimpleNamespace(backend=AWSCompute(config), asked=asked)


def _images(folder: Path) -> Path:
    common = {
        "architecture": "x86_64",
        "virtualization_type": "hvm",
        "hypervisor": "xen",
        "root_device_name": "/dev/sda1",
        "root_device_type": "ebs",
        "image_type": "machine",
        "image_location": "x",
        "description": "",
        "sriov": "simple",
        "state": "available",
        "platform": None,
        "public": True,
        "creation_date": "2026-01-01T00:00:00.000Z",
    }
    path = folder / "images.json"
    images = [
        {"ami_id": f"ami-{number:017x}", "name": name, "owner_id": owner, **common}
        for number, (name, owner) in enumerate(IMAGES, 1)
    ]
    path.write_text(json.dumps(images))
    return path


def _make_vpc() -> None:
    """Make a VPC with a public and a private subnet, each with its way out."""
    import boto3

    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": VPC}])
    public, private = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=ZONE)["Subnet"]["SubnetId"]
        for number in (0, 1)
    )
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address()["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=address)["NatGateway"]["NatGatewayId"]
    for subnet, way in ((public, {"GatewayId": gateway}), (private, {"NatGatewayId": nat})):
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **way)
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)


def _offer(instance_type: str) -> Any:
    from dstack._internal.core.models.backends.base import BackendType
    from dstack._internal.core.models.instances import (
        Disk,
        Gpu,
        InstanceAvailability,
        InstanceOfferWithAvailability,
        InstanceType,
        Resources,
    )

    gpus = [Gpu(name="H100", memory_mib=80 << 10)]
    resources = Resources(cpus=8, memory_mib=64 << 10, gpus=gpus, spot=False, disk=Disk(size_mib=100 << 10))
    return InstanceOfferWithAvailability(
        backend=BackendType.AWS,
        instance=InstanceType(name=instance_type, resources=resources),
        region=REGION,
        price=1.0,
        availability=InstanceAvailability.AVAILABLE,
        availability_zones=[ZONE],
    )


@pytest.mark.parametrize("instance", TYPES, ids=[item.name for item in TYPES])
def test_its_backend_asks_ec2_for_every_efa_device_in_a_placement_group(compute, instance):
    from botocore.exceptions import ClientError
    from dstack._internal.core.models.instances import InstanceConfiguration, SSHKey

    fleet = rendered(instance)["dstack/gpu-n.fleet.dstack.yml"]
    (name,) = fleet["instance_types"]
    key = SSHKey(public="ssh-rsa AAAA")
    config = InstanceConfiguration(project_name="main", instance_name="i", user="u", ssh_keys=[key])
    compute.asked.clear()
    try:
        compute.backend.create_instance(_offer(name), config, SimpleNamespace(name="group"))
    except ClientError as error:
        pytest.skip(f"moto does not know {name}: {error}")
    (request,) = compute.asked
    kinds = [item.get("InterfaceType", "interface") for item in request["NetworkInterfaces"]]
    devices = sum(kind in ("efa", "efa-only") for kind in kinds)
    assert request["InstanceType"] == name
    assert request["Placement"]["GroupName"] == "group"
    assert instance.efa_interfaces in (None, devices), kinds
