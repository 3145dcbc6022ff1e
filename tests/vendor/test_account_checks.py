"""What is read off an AWS account, with moto in AWS's place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from efakit.errors import UsageError
from efakit.vendor.account_checks import AccountFacts, is_open_to_itself, look_at_account

pytestmark = pytest.mark.thorough

REGION = "us-east-1"


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    boto3 = pytest.importorskip("boto3", reason="the extra 'aws' brings boto3")
    moto = pytest.importorskip("moto", reason="the extra 'pcluster' brings moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with moto.mock_aws():
        yield boto3.client("ec2", region_name=REGION)


def all_traffic(group: str) -> list[dict[str, Any]]:
    return [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]


@pytest.mark.thorough
def test_subnets_groups_and_offerings_of_the_account(ec2: Any):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    private, public = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/28", AvailabilityZone="us-east-1a")["Subnet"][
            "SubnetId"
        ]
        for index in range(2)
    )
    ec2.modify_subnet_attribute(SubnetId=public, MapPublicIpOnLaunch={"Value": True})
    shut, half, wide = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("shut", "half", "wide")
    )
    for group in (half, wide):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=all_traffic(group))
    ec2.authorize_security_group_egress(GroupId=wide, IpPermissions=all_traffic(wide))
    facts = look_at_account(REGION, [private, public, "subnet-00000000"], [shut, half, wide], ["p5.48xlarge"])
    assert facts.free_addresses == {private: 11, public: 11}
    assert facts.public_subnets == {public}
    assert set(facts.zones) == {private, public}
    # egress to everywhere, which every new group has, is not egress to itself
    assert facts.open_to_themselves == {shut: False, half: False, wide: True}
    assert facts.missing == ("subnet-00000000",)
    assert facts.offered_in_region("p5.48xlarge", REGION) is True
    assert any(facts.offered_in_zone("p5.48xlarge", zone) for _, zone in facts.offers)
    assert facts.offered_in_zone("p5.48xlarge", "use1-az99") is False
    assert facts.offered_in_zone("m5.large", "use1-az99") is None


def test_nothing_is_asked_for_what_is_not_named(ec2: Any):
    assert look_at_account(REGION, [], [], []) == AccountFacts(REGION)


def test_without_credentials_the_message_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Any):
    pytest.importorskip("boto3", reason="the extra 'aws' brings boto3")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UsageError, match="credentials"):
        look_at_account(REGION, ["subnet-00000000"], [], [])


def test_a_region_that_is_none_is_refused(ec2: Any):
    with pytest.raises(UsageError, match="cannot be looked at"):
        look_at_account("no region", ["subnet-00000000"], [], [])


@pytest.mark.parametrize(
    ("protocol", "other", "expected"), [("-1", False, True), ("tcp", False, False), ("-1", True, False)]
)
def test_a_group_is_open_to_itself_only_for_all_protocols_and_by_its_own_id(protocol: str, other: bool, expected: bool):
    rules = [{"IpProtocol": protocol, "UserIdGroupPairs": [{"GroupId": "sg-2" if other else "sg-1"}]}]
    assert is_open_to_itself({"GroupId": "sg-1", "IpPermissions": rules, "IpPermissionsEgress": rules}) is expected
    assert not is_open_to_itself({"GroupId": "sg-1", "IpPermissions": rules})
