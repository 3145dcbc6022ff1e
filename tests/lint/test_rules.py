"""What a config alone does not tell: the account, jobs, releases; and what is worth a warning only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from efakit.finding import Finding
from efakit.lint.config import JobNodes, all_rules, lint_config
from efakit.lint.config.rule import rule
from tests.lint.wrong_configs import ARM_HEAD, TWO_TYPES, block, group, lustre, p5, queue, shared, slurm, storage
from tests.pcluster.simulated import Account, config, standard_account


@dataclass(frozen=True)
class Known:
    zones: dict[str, str] = field(default_factory=dict)
    public_subnets: frozenset[str] = frozenset()
    free_addresses: dict[str, int] = field(default_factory=dict)
    open_to_themselves: dict[str, bool] = field(default_factory=dict)


class Offered:
    """Offers p5 in use1-az2 only, and knows no other type."""

    def offered_in_region(self, instance_type: str, region: str) -> bool | None:
        return region == "us-east-1" if instance_type.startswith("p5") else None

    def offered_in_zone(self, instance_type: str, zone_id: str) -> bool | None:
        return zone_id == "use1-az2" if instance_type.startswith("p5") else None


def lint(*changes: Any, version: str = "3.16.1", **given: Any) -> list[Finding]:
    data = config(standard_account(), *changes)
    return lint_config(data, version=version, where=lambda path: (1, 1), file="x", **given)


def rules(*changes: Any, version: str = "3.16.1", **given: Any) -> dict[str, str]:
    return {item.rule: item.severity for item in lint(*changes, version=version, **given)}


@pytest.mark.parametrize(
    ("changes", "expected", "severity"),
    [
        ((group(Enabled=False),), "placement-group-off", "warning"),
        ((p5(Efa={"Enabled": False}),), "efa-off", "warning"),
        ((p5(Efa={"Enabled": True, "GdrSupport": True}),), "gdr-support", "warning"),
        ((p5(InstanceType=None, Instances=TWO_TYPES),), "placement-group-mixed", "warning"),
        (
            (p5(InstanceType=None, Instances=[{"InstanceType": "p5.48xlarge"}, {"InstanceType": "p5en.48xlarge"}]),),
            "mixed-efa",
            "warning",
        ),
        ((*block(), group(Enabled=True)), "block-placement-group", "warning"),
        (
            (p5(CapacityReservationTarget={"CapacityReservationId": Account.reservation_id}),),
            "reservation-managed-group",
            "warning",
        ),
        ((p5(SpotPrice=3.5),), "spot-price", "warning"),
        (({"Region": "us-est-1"},), "region-unknown", "warning"),
        ((*block(10, InstanceType="p6e-gb200.36xlarge"), ARM_HEAD), "ultraserver-part", "warning"),
        (({"HeadNode": {"Ssh": None}},), "key-missing", "warning"),
        (({"HeadNode": {"InstanceType": "t3.micro"}},), "head-small", "warning"),
        ((), "ubuntu-key", "info"),
        ((slurm({"KillWait": 60, "WaitTime": 5}),), "slurm-several-keys", "warning"),
        ((shared(storage("Ebs", name="a"), storage("Ebs", "/fsx/b", "b")),), "mount-nested", "warning"),
        ((queue(Networking={"SecurityGroups": [Account.open_group]}),), "security-groups-mixed", "warning"),
        ((queue(Networking={"SecurityGroups": [Account.open_group]}),), "security-group-unseen", "info"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_worth_a_word_and_no_refusal(changes, expected, severity):
    found = rules(*changes)
    assert found.get(expected) == severity
    assert "error" not in found.values()


@pytest.mark.parametrize(
    ("changes", "unwanted"),
    [
        ((p5(Efa={"Enabled": False}, MaxCount=1),), "efa-off"),
        ((*block(),), "placement-group-off"),
        (
            (p5(CapacityReservationTarget={"CapacityReservationId": Account.reservation_id}), group(Enabled=False)),
            "placement-group-off",
        ),
        (
            (p5(CapacityReservationTarget={"CapacityReservationId": Account.reservation_id}), group(Name="mine")),
            "reservation-managed-group",
        ),
        ((p5(InstanceType="vt1.24xlarge"), group(Enabled=False)), "placement-group-off"),
        ((*block(9, InstanceType="p6e-gb200.36xlarge"), ARM_HEAD), "ultraserver-part"),
        ((slurm({"NodeName": "own1", "CPUs": 4}),), "slurm-several-keys"),
        ((queue(Networking={"AdditionalSecurityGroups": [Account.open_group]}),), "security-group-unseen"),
        ((p5(InstanceType="p3dn.24xlarge"), {"Image": {"CustomAmi": "ami-0123456789abcdef0"}}), "nvidia-driver"),
        ((shared(lustre(FileSystemId="fs-0123456789abcdef0", StorageCapacity=None)),), "lustre-capacity"),
        (
            (p5(InstanceType="p9.48xlarge"), {"DevSettings": {"InstanceTypesData": '{"p9.48xlarge": {}}'}}),
            "instance-unknown",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_right_is_left_alone(changes, unwanted):
    assert unwanted not in rules(*changes)


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ("arn:aws:iam::aws:policy/AmazonSSMManagedInstaceCore", True),
        ("arn:aws-cn:iam::aws:policy/AmazonS3ReadOnlyAcces", True),
        ("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore", False),
        ("arn:aws:iam::aws:policy/AmazonSESFullAccess", False),
        ("arn:aws:iam::123456789012:policy/AmazonS3ReadOnlyAcces", False),
        ("arn:aws:iam::aws:policy/service-role/AmazonEC2RoleforSSM", False),
    ],
)
def test_a_policy_of_aws_that_is_one_slip_away_from_one_that_there_is(policy, found):
    iam = {"Iam": {"AdditionalIamPolicies": [{"Policy": policy}]}}
    assert (rules({"HeadNode": iam}).get("policy-misspelt") == "error") is found
    assert (rules(queue(**iam)).get("policy-misspelt") == "error") is found


@pytest.mark.parametrize("region", ["us-east-1", "mx-central-1", "cn-northwest-1", "us-gov-west-1", "eusc-de-east-1"])
def test_a_region_of_any_partition_is_known(region):
    assert "region-unknown" not in rules({"Region": region})


def test_images_before_3_8_have_the_driver_that_knows_older_gpus():
    assert rules(p5(InstanceType="p3dn.24xlarge"), version="3.8.0").get("nvidia-driver") == "error"
    assert "nvidia-driver" not in rules(p5(InstanceType="p3dn.24xlarge"), version="3.7.2")


def test_a_public_subnet_is_refused_for_several_interfaces_where_it_is_known():
    public = Known(public_subnets=frozenset([Account.compute_subnet]))
    assert "public-address" in rules(account=public)
    assert "public-address" in rules(p5(InstanceType="c5n.18xlarge"), account=public)
    assert "public-address" not in rules(p5(InstanceType="c5n.18xlarge", Efa=None), account=public)
    assert "public-address" not in rules()


def test_efa_interfaces_that_carry_ip_leave_one_card_with_one_interface():
    public = Known(public_subnets=frozenset([Account.compute_subnet]))
    one_card = p5(InstanceType="c5n.18xlarge")
    assert "public-address" not in rules(one_card, {"DevSettings": {"EfaInterfaceType": "efa"}}, account=public)
    assert "public-address" not in rules(one_card, version="3.14.0", account=public)
    assert "public-address" in rules(version="3.14.0", account=public)  # p5 has 32 cards


def test_own_security_groups_must_let_efa_through_to_themselves():
    own = queue(Networking={"SecurityGroups": [Account.inbound_group]})
    shut = Known(open_to_themselves={Account.inbound_group: False})
    assert rules(own, account=shut).get("security-group-self") == "error"
    assert "security-group-self" not in rules(own, p5(Efa={"Enabled": False}), account=shut)
    both = queue(Networking={"SecurityGroups": [Account.inbound_group, Account.open_group]})
    one_is_open = Known(open_to_themselves={Account.inbound_group: False, Account.open_group: True})
    assert "security-group-self" not in rules(both, account=one_is_open)


def test_additional_security_groups_stand_beside_parallelclusters_own_which_are_open():
    shut = Known(open_to_themselves={Account.inbound_group: False})
    additional = queue(Networking={"AdditionalSecurityGroups": [Account.inbound_group]})
    assert "security-group-self" not in rules(additional, account=shut)


def test_a_subnet_must_have_an_address_for_every_interface_with_one():
    small = Known(free_addresses={Account.compute_subnet: 11})
    assert "subnet-too-small" in rules(p5(MaxCount=64), account=small)
    assert "subnet-too-small" not in rules(p5(MaxCount=11), account=small)
    # Without EFA each of the 32 cards has an address; before 3.15 EFA interfaces had one too.
    assert "subnet-too-small" in rules(p5(MaxCount=1, Efa={"Enabled": False}), account=small)
    assert "subnet-too-small" in rules(p5(MaxCount=1), version="3.14.0", account=small)


def test_a_zone_must_offer_the_type():
    there, elsewhere = ({Account.compute_subnet: zone} for zone in ("use1-az2", "use1-az4"))
    assert "offering-zone" in rules(account=Known(zones=elsewhere), offerings=Offered())
    assert "offering-zone" not in rules(account=Known(zones=there), offerings=Offered())
    assert "offering-zone" not in rules(account=Known(), offerings=Offered())
    assert "offering-region" in rules({"Region": "eu-west-9"}, offerings=Offered())


def test_a_job_must_fit_its_queue():
    found = [item for item in lint(jobs=[JobNodes("train", 3, "gpu")]) if item.rule == "job-too-large"]
    assert found[0].message == "job train requests 3 nodes, but queue gpu has 2"
    assert "job-too-large" not in rules(jobs=[JobNodes("train", 2), JobNodes("other", 99, "elsewhere")])


def test_what_is_no_mapping_is_refused():
    for data in (None, [], "x", 3):
        found = lint_config(data, version="3.16.1", where=lambda path: (1, 1), file="x")
        assert [item.rule for item in found] == ["config-shape"]


@pytest.mark.parametrize(
    ("changes", "version", "words"),
    [
        (({"DevSettings": {"EfaInterfaceType": "efa"}},), "3.14.0", "3.15.0 added it"),
        ((p5(LaunchTemplateOverrides={"LaunchTemplateId": "lt-1", "Version": 1}),), "3.14.0", "3.15.0 added it"),
        (({"HeadNode": {"SharedStorageEfsSettings": {"Encrypted": True}}},), "3.13.2", "3.14.0 added it"),
        (({"DevSettings": {"Timeouts": {"ComputeInstanceInfoTimeout": 9}}},), "3.15.0", "3.16.0 added it"),
        (({"Scheduling": {"AwsBatchSettings": {}}},), "3.16.1", "3.16.0 removed it"),
    ],
)
def test_a_key_of_another_release_is_refused_with_the_release_that_has_it(changes, version, words):
    found = [item for item in lint(*changes, version=version) if item.rule == "key-not-in-release"]
    assert words in found[0].message
    assert not [item for item in lint(*changes, version=version) if item.rule == "unknown-key"]


def test_a_key_that_is_gone_is_right_where_it_still_was():
    pool = {
        "Name": "login",
        "InstanceType": "m5.xlarge",
        "Count": 1,
        "Networking": {"SubnetIds": [Account.head_subnet]},
        "Ssh": {"KeyName": Account.key_name},
    }
    login = {"LoginNodes": {"Pools": [pool]}}
    assert "key-not-in-release" not in rules(login, version="3.14.0")
    assert rules(login, version="3.15.0").get("key-not-in-release") == "error"


@pytest.mark.parametrize("version", ["3.14", "3.14.0"])
def test_a_release_has_what_came_with_it_however_it_is_written(version):
    assert "key-not-in-release" not in rules(
        {"HeadNode": {"SharedStorageEfsSettings": {"Encrypted": True}}}, version=version
    )


@pytest.mark.parametrize(
    ("os", "version", "refused"),
    [
        ("ubuntu2004", "3.13.2", False),
        ("ubuntu2004", "3.14.0", True),
        ("ubuntu2404", "3.12.0", True),
        ("alinux2", "3.15.0", False),
    ],
)
def test_operating_systems_belong_to_releases(os, version, refused):
    assert ("os-not-in-release" in rules({"Image": {"Os": os}}, version=version)) == refused


@pytest.mark.parametrize(
    ("setting", "version", "known"),
    [
        ("PrologTimeout", "3.15.0", True),
        ("PrologTimeout", "3.11.0", False),
        ("prologtimeout", "3.16.1", True),
        ("FrontendName", "3.16.1", True),  # defines something of one's own
        ("FrontEndAddr", "3.16.1", False),
        ("AccountingStorageLoc", "3.16.1", False),
        ("AccountingStorageLoc", "3.12.0", True),  # which Slurm 3.12 has is not known
    ],
)
def test_slurm_settings_belong_to_slurms_releases(setting, version, known):
    assert ("slurm-unknown" not in rules(slurm({setting: "5"}), version=version)) == known


@pytest.mark.parametrize(("version", "rule_id"), [("3.13.2", "value-not-allowed"), ("3.14.0", None)])
def test_values_belong_to_releases_too(version, rule_id):
    found = rules(
        p5(InstanceType=None, Instances=[{"InstanceType": "p5.48xlarge"}]),
        queue(AllocationStrategy="prioritized"),
        version=version,
    )
    assert ("value-not-allowed" in found) == (rule_id is not None)


def test_features_are_a_nodes_own_since_3_14_1():
    features = p5(CustomSlurmSettings={"Features": "fast"})
    assert rules(features, version="3.14.0").get("slurm-denied") == "error"
    assert "slurm-denied" not in rules(features, version="3.14.1")


def test_a_release_that_efakit_does_not_know_is_said_to_be_so():
    assert rules(version="3.10.0").get("release-unknown") == "warning"


def test_findings_come_in_the_order_of_lines_and_once():
    data = config(standard_account(), p5(InstanceType="m5.large", MaxCount=0))
    found = lint_config(data, version="3.16.1", where=lambda path: (len(path), 1), file="x")
    assert [item.line for item in found] == sorted(item.line for item in found)
    assert len(found) == len(set(found))


def test_a_rule_with_a_name_that_is_taken_is_an_error():
    taken = all_rules()[0].id
    with pytest.raises(ValueError, match=taken):
        rule(taken)(lambda view: iter(()))


def test_a_rule_without_a_row_in_the_registry_is_an_error():
    with pytest.raises(ValueError, match="no-such-rule"):
        rule("no-such-rule")(lambda view: iter(()))
