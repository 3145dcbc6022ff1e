"""The judges themselves: that they accept what pcluster accepts, and above all that they can refuse.

What each case must say was read off pcluster 3.16.1; the validators' conditions stand in its pcluster/validators.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from efakit.errors import UsageError
from efakit.vendor.simulated_account import DryRun, Judge, MotoServer, installed_pcluster_version
from tests.pcluster.simulated import Account, config, standard_account, text

pytestmark = pytest.mark.pcluster

NO_GROUP = {"queue": {"Networking": {"PlacementGroup": {"Enabled": False}}}}
C5N = {"resource": {"InstanceType": "c5n.18xlarge"}}


def p5(**more: Any) -> dict[str, Any]:
    return {"resource": more}


def subnets(*ids: str) -> dict[str, Any]:
    return {"queue": {"Networking": {"SubnetIds": list(ids)}}}


def slurm_settings(*settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"Scheduling": {"SlurmSettings": {"CustomSlurmSettings": [dict(item) for item in settings]}}}


def reservation(id_: str) -> dict[str, Any]:
    return {"resource": {"CapacityReservationTarget": {"CapacityReservationId": id_}}}


def block(id_: str, count: int) -> tuple[dict[str, Any], ...]:
    return (
        {"queue": {"CapacityType": "CAPACITY_BLOCK"}},
        reservation(id_),
        p5(MinCount=count, MaxCount=count),
        NO_GROUP,
    )


@dataclass(frozen=True)
class Case:
    """Changes to a good config, and the validators that must answer; no errors means accepted.

    ``new`` is a case that pcluster answers otherwise before 3.16.
    """

    changes: tuple[Mapping[str, Any], ...]
    errors: frozenset[str]
    warnings: frozenset[str]
    new: bool


def case(*changes: Mapping[str, Any], errors: str = "", warnings: str = "", new: bool = False) -> Case:
    return Case(changes, _validators(errors), _validators(warnings), new)


def skip_before(version: str) -> None:
    installed = str(installed_pcluster_version())
    if [int(part) for part in installed.split(".")[:2]] < [int(part) for part in version.split(".")]:
        pytest.skip(f"pcluster {installed} answers otherwise than {version}")


def _validators(names: str) -> frozenset[str]:
    return frozenset(f"{name}Validator" for name in names.split())


CASES = {
    "p5 with EFA and a placement group": case(),
    "hooks from S3": case({"HeadNode": {"CustomActions": {"OnNodeConfigured": {"Script": Account.hook_address}}}}),
    "hooks from a bucket that is not there": case(
        {"HeadNode": {"CustomActions": {"OnNodeConfigured": {"Script": "s3://no-such-bucket/install-hooks.sh"}}}},
        warnings="AsyncTimedUrl",
    ),
    "no PlacementGroup key": case({"queue": {"Networking": {"PlacementGroup": None}}}, errors="EfaPlacementGroup"),
    "PlacementGroup off": case(NO_GROUP, warnings="EfaPlacementGroup"),
    "PlacementGroup off but named": case(
        {"queue": {"Networking": {"PlacementGroup": {"Enabled": False, "Name": Account.placement_group}}}},
        errors="PlacementGroupNaming",
        warnings="EfaPlacementGroup",
    ),
    "placement group that exists": case(
        {"queue": {"Networking": {"PlacementGroup": {"Name": Account.placement_group}}}}
    ),
    "placement group that does not exist": case(
        {"queue": {"Networking": {"PlacementGroup": {"Name": "nowhere"}}}}, errors="PlacementGroupNaming"
    ),
    "EFA off": case(p5(Efa={"Enabled": False}), warnings="Efa"),
    "EFA on a type without it": case(p5(InstanceType="m5.2xlarge"), errors="Efa"),
    "own security group": case(
        {"queue": {"Networking": {"SecurityGroups": [Account.open_group]}}},
        warnings="MixedSecurityGroupOverwrite",
    ),
    "own security group, inbound from itself only": case(
        {"queue": {"Networking": {"SecurityGroups": [Account.inbound_group]}}},
        errors="EfaSecurityGroup",
        warnings="MixedSecurityGroupOverwrite",
    ),
    "subnets in two zones": case(
        subnets(Account.compute_subnet, Account.other_zone_subnet),
        errors="EfaMultiAz MultiAzPlacementGroup SingleInstanceTypeSubnet",
    ),
    "public subnet": case(subnets(Account.public_subnet), errors="MultiNetworkInterfacesInstances"),
    "public subnet, one card": case(
        subnets(Account.public_subnet), C5N, errors="MultiNetworkInterfacesInstances", new=True
    ),
    "public subnet, one card, one interface": case(
        subnets(Account.public_subnet), C5N, {"DevSettings": {"EfaInterfaceType": "efa"}}, new=True
    ),
    "AssignPublicIp": case(
        {"queue": {"Networking": {"AssignPublicIp": True}}}, errors="MultiNetworkInterfacesInstances"
    ),
    "reservation": case(reservation(Account.reservation_id), NO_GROUP, warnings="EfaPlacementGroup"),
    "reservation with a placement group of the cluster's": case(
        reservation(Account.reservation_id), warnings="PlacementGroupCapacityReservation"
    ),
    "reservation for another type": case(
        reservation(Account.reservation_id),
        NO_GROUP,
        p5(InstanceType="p5en.48xlarge"),
        errors="CapacityReservation",
        warnings="EfaPlacementGroup",
        new=True,
    ),
    "reservation in another zone": case(
        reservation(Account.reservation_id),
        NO_GROUP,
        subnets(Account.other_zone_subnet),
        errors="CapacityReservation",
        warnings="EfaPlacementGroup",
        new=True,
    ),
    "reservation too small": case(
        reservation(Account.reservation_id),
        NO_GROUP,
        p5(MaxCount=4),
        errors="CapacityReservationSize",
        warnings="EfaPlacementGroup",
    ),
    "Capacity Block": case(*block(Account.block_id, 2)),
    "Capacity Block that is none": case(*block(Account.reservation_id, 2), errors="CapacityReservation"),
    "Capacity Block without its id": case(
        {"queue": {"CapacityType": "CAPACITY_BLOCK"}},
        p5(MinCount=2),
        errors="CapacityType",
        warnings="PlacementGroupCapacityType",
    ),
    "Capacity Block, MinCount 0": case(*block(Account.block_id, 2), p5(MinCount=0), errors="ComputeResourceSize"),
    "p4d and p5 in one resource": case(
        p5(InstanceType=None, Instances=[{"InstanceType": "p4d.24xlarge"}, {"InstanceType": "p5.48xlarge"}]),
        errors="InstancesCPU",
        warnings="InstancesNetworking",
    ),
    "arm compute, x86 head": case(
        p5(InstanceType="hpc7g.16xlarge"),
        errors="InstanceArchitectureCompatibility InstanceTypeBaseAMICompatible",
    ),
    "arm compute, arm head": case(p5(InstanceType="hpc7g.16xlarge"), {"HeadNode": {"InstanceType": "m6g.2xlarge"}}),
    "type that the open NVIDIA driver lacks": case(
        p5(InstanceType="p3dn.24xlarge"), errors="InstanceTypeBaseAMICompatible"
    ),
    "type without cluster placement groups": case(p5(InstanceType="vt1.24xlarge"), errors="InstanceTypePlacementGroup"),
    "SPOT where it is not sold": case(
        p5(InstanceType="hpc7g.16xlarge"),
        {"HeadNode": {"InstanceType": "m6g.2xlarge"}, "queue": {"CapacityType": "SPOT"}},
        errors="CapacityType",
    ),
    "head node too small": case(
        {"HeadNode": {"InstanceType": "t3.micro"}},
        p5(MaxCount=300),
        errors="HeadNodeMemorySize",
        warnings="InstanceTypeOSCompatible",
        new=True,
    ),
    "RSA key on Ubuntu": case({"HeadNode": {"Ssh": {"KeyName": Account.rsa_key_name}}}, errors="KeyPair"),
    "RSA key on Amazon Linux": case(
        {"HeadNode": {"Ssh": {"KeyName": Account.rsa_key_name}}, "Image": {"Os": "alinux2023"}}
    ),
    "key that is not there": case({"HeadNode": {"Ssh": {"KeyName": "nobody"}}}, errors="KeyPair"),
    "Prolog as a Slurm setting": case(
        slurm_settings({"Prolog": "/opt/slurm/etc/prolog.sh"}), errors="CustomSlurmSettings"
    ),
    "Epilog as a Slurm setting": case(
        slurm_settings({"Epilog": "/opt/slurm/etc/epilog.sh"}), errors="CustomSlurmSettings"
    ),
    "TaskProlog, HealthCheckProgram and PrologFlags": case(
        slurm_settings(
            {"TaskProlog": "/opt/slurm/etc/task-prolog"},
            {"HealthCheckProgram": "/opt/slurm/etc/health-check"},
            {"PrologFlags": "Alloc"},
        )
    ),
    "queue name with an underscore": case({"queue": {"Name": "gpu_1"}}, errors="Name"),
    "unknown field": case(p5(EFA={"Enabled": True}), errors="ConfigSchema"),
    "operating system of the past": case({"Image": {"Os": "alinux2"}}, errors="ConfigSchema", new=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_in_process_judge_answers_as_pcluster_does(judge: Judge, account: Account, case: Case) -> None:
    if case.new:
        skip_before("3.16")
    answer = judge.dry_run(text(config(account, *case.changes)), account.simulated)
    assert (answer.accepted, answer.validators("error"), answer.validators("warning")) == (
        not case.errors,
        case.errors,
        case.warnings,
    ), answer.findings


@pytest.mark.parametrize("name", ["p5 with EFA and a placement group", "no PlacementGroup key", "Capacity Block"])
def test_command_line_gives_the_same_answer(
    moto_server: MotoServer, judge: Judge, account: Account, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(text(config(account, *CASES[name].changes)), encoding="utf-8")
    by_command_line = moto_server.dry_run(path)
    assert by_command_line.accepted == (not CASES[name].errors)
    assert by_command_line.raw == judge.dry_run(path.read_text(encoding="utf-8"), account.simulated).raw


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((p5(InstanceType="p5.96xlarge"),), "p5.96xlarge"),
        ((subnets("subnet-0000000000000000f"),), "subnet-0000000000000000f"),
        ((p5(InstanceType="hpc7a.96xlarge"),), "hpc7a.96xlarge"),  # not offered in us-east-1
        (({"Image": {"Os": "rocky9"}},), "official ParallelCluster AMI"),
        (({"Region": "mars-east-1"},), "mars-east-1"),
    ],
)
def test_refusal_before_any_validator_has_its_reason(
    judge: Judge, account: Account, changes: tuple[Mapping[str, Any], ...], words: str
) -> None:
    answer = judge.dry_run(text(config(account, *changes)), account.simulated)
    assert not answer.accepted
    assert any(words in item.message for item in answer.errors), answer.findings


@pytest.mark.parametrize("broken", ["", "- a list", "Region: [us-east-1", "HeadNode: 7"])
def test_what_is_no_config_is_refused(judge: Judge, broken: str) -> None:
    assert not judge.dry_run(broken).accepted


def test_other_region_and_zone(judge: Judge) -> None:
    account = standard_account("us-east-2", "b")
    answer = judge.dry_run(text(config(account, p5(InstanceType="hpc7a.96xlarge"))), account.simulated)
    assert answer.accepted, answer.findings


def test_what_a_region_offers_is_not_what_another_did(judge: Judge) -> None:
    """A type that the first of two regions offers alone: each has its own answer, however often both are asked."""
    for region, offered in [("us-east-2", True), ("us-east-1", False)] * 2:
        there = standard_account(region, "b" if offered else "a")
        answer = judge.dry_run(text(config(there, p5(InstanceType="hpc7a.96xlarge"))), there.simulated)
        assert any("hpc7a.96xlarge" in item.message for item in answer.errors) != offered, answer.findings


def test_region_that_pcluster_does_not_know_is_refused_in_its_own_account(judge: Judge) -> None:
    account = standard_account("mars-east-1")
    answer = judge.dry_run(text(config(account)), account.simulated)
    assert not answer.accepted
    assert "invalid or unsupported region" in answer.errors[0].message


def test_region_without_simulated_instance_types_is_not_judged(judge: Judge) -> None:
    account = standard_account("us-gov-west-1")
    with pytest.raises(UsageError, match="us-gov-west-1"):
        judge.dry_run(text(config(account)), account.simulated)


def test_region_without_simulated_instance_types_is_not_served(moto_server: MotoServer) -> None:
    gov_cloud = standard_account("us-gov-west-1").simulated
    with pytest.raises(UsageError, match="us-gov-west-1"), MotoServer(gov_cloud):
        pass
    with pytest.raises(UsageError, match="us-gov-west-1"):
        moto_server.replace_account(gov_cloud)


def test_nothing_of_one_config_reaches_the_next(judge: Judge, account: Account) -> None:
    good = text(config(account))
    elsewhere = text(config(account, subnets("subnet-0000000000000000f")))
    unreachable = text(config(account, *CASES["hooks from a bucket that is not there"].changes))
    assert judge.dry_run(elsewhere).accepted  # in the account that the config names
    assert not judge.dry_run(elsewhere, account.simulated).accepted
    assert judge.dry_run(good, account.simulated).findings == ()
    assert not judge.dry_run(text(config(account, {"Region": "us-west-2"})), account.simulated).accepted
    assert judge.dry_run(good, account.simulated).accepted
    new_type = config(account, p5(InstanceType="p9.48xlarge"))
    described = config(account, p5(InstanceType="p9.48xlarge"), {"DevSettings": {"InstanceTypesData": P9}})
    for _ in range(2):
        assert not judge.dry_run(text(new_type), account.simulated).accepted
        answer = judge.dry_run(text(described), account.simulated)
        assert answer.accepted, answer.findings
    for _ in range(2):  # pcluster remembers an address that it has looked at
        assert judge.dry_run(unreachable, account.simulated).validators("warning") == {"AsyncTimedUrlValidator"}


def test_call_that_the_simulation_lacks_is_told_from_a_fault(judge: Judge, account: Account) -> None:
    said = "The describe_instance_topology action has not been implemented"
    row = {"level": "ERROR", "type": "SomeValidator", "message": said}
    lacking = DryRun.from_answer({"configurationValidationErrors": [row]})
    assert (lacking.accepted, lacking.findings, [item.message for item in lacking.gaps]) == (False, (), [said])
    fault = judge.dry_run(text(config(account, p5(InstanceType="m5.2xlarge"))), account.simulated)
    assert fault.errors
    assert fault.gaps == ()


# A type that AWS does not have yet, as DevSettings can describe it to pcluster.
P9 = json.dumps(
    {
        "p9.48xlarge": {
            "InstanceType": "p9.48xlarge",
            "SupportedUsageClasses": ["on-demand"],
            "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
            "VCpuInfo": {"DefaultVCpus": 192, "DefaultCores": 96, "DefaultThreadsPerCore": 2},
            "MemoryInfo": {"SizeInMiB": 2097152},
            "NetworkInfo": {
                "EfaSupported": True,
                "EfaInfo": {"MaximumEfaInterfaces": 8},
                "MaximumNetworkCards": 8,
                "NetworkCards": [{"NetworkCardIndex": index, "MaximumNetworkInterfaces": 2} for index in range(8)],
            },
            "PlacementGroupInfo": {"SupportedStrategies": ["cluster"]},
        }
    }
)

# Interfaces of one node since ParallelCluster 3.15: the ENA interface, and EFA-only ones.
INTERFACES = {
    "p4d.24xlarge": (1, 4),
    "p5.48xlarge": (1, 32),
    "p5en.48xlarge": (1, 16),
    "p6-b200.48xlarge": (1, 8),
    "p6-b300.48xlarge": (1, 16),
    "trn1.32xlarge": (1, 8),
    "c5n.18xlarge": (1, 1),
}


@pytest.mark.parametrize(("instance_type", "interfaces"), INTERFACES.items())
def test_synthesis_has_the_interfaces_of_the_type(
    synthesising_judge: Judge, account: Account, instance_type: str, interfaces: tuple[int, int]
) -> None:
    skip_before("3.15")
    cluster = text(config(account, p5(InstanceType=instance_type)))
    [template] = [
        template
        for template in synthesising_judge.synthesise(cluster, account.simulated)
        if template["LaunchTemplateName"].endswith("-gpu-p5")
    ]
    kinds = [interface.get("InterfaceType", "interface") for interface in template["NetworkInterfaces"]]
    assert (kinds.count("interface"), kinds.count("efa-only")) == interfaces
    assert len(kinds) == sum(interfaces)
    assert template["Placement"]["GroupName"]
    if instance_type == "p6-b300.48xlarge":  # card 0 has no EFA
        assert [
            interface["NetworkCardIndex"]
            for interface in template["NetworkInterfaces"]
            if interface.get("InterfaceType") == "efa-only"
        ] == list(range(1, 17))


def test_config_in_yaml_reads_back(account: Account) -> None:
    assert yaml.safe_load(text(config(account))) == config(account)
