"""What a config can name beside nodes, networks and storage, answered from an account.

EC2: Elastic IP addresses, snapshots, launch templates. FSx: backups, file caches, virtual machines of ONTAP. KMS keys,
Route 53's hosted zones, Secrets Manager's secrets. moto lacks some of the calls, and all of the ids.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from efakit.vendor.simulated_account.contents import SimulatedAccount, Thing

_OWNER = "123456789012"  # moto's account
# What a MUNGE key must be (pcluster's MungeKeySecretSizeAndBase64Validator): 256 to 8192 bits, in Base64.
_SECRET = base64.b64encode(bytes(range(128))).decode()
_DOMAIN = "simulated.internal."

# Things by kind and id, and what all of them are reached by; replaced as a whole by `answer_from`.
_ids: dict[str, dict[str, Thing]] = {}
_reached: dict[str, str] = {}


def answer_from(account: SimulatedAccount, *, vpc_id: str, interface_id: str) -> None:
    """Let the calls answer from ``account``."""
    _ids.clear()
    for thing in account.things:
        _ids.setdefault(thing.kind, {})[thing.id] = thing
    _reached.update(vpc=vpc_id, interface=interface_id, region=account.region)


def fill_gaps() -> None:
    """Teach the moto of this process the calls; once, before it serves its first request."""
    from moto.ec2.responses import EC2Response
    from moto.fsx.responses import FSxResponse
    from moto.kms.responses import KmsResponse
    from moto.route53.responses import Route53
    from moto.secretsmanager.responses import SecretsManagerResponse

    calls: dict[type, tuple[Callable[[Any], Any], ...]] = {
        EC2Response: (describe_addresses, describe_snapshots, describe_launch_template_versions),
        FSxResponse: (describe_backups, describe_file_caches, describe_storage_virtual_machines),
        KmsResponse: (describe_key,),
        Route53: (get_hosted_zone,),
        SecretsManagerResponse: (describe_secret, get_secret_value),
    }
    for response, methods in calls.items():
        for method in methods:
            setattr(response, method.__name__, method)


def describe_addresses(response: Any) -> Any:
    """EC2 DescribeAddresses."""
    from moto.core.responses import ActionResult

    wanted = _of_ec2("Elastic IP address", response._get_param("PublicIps", []), "InvalidAddress.NotFound")
    rows = [
        {"PublicIp": address, "AllocationId": f"eipalloc-{number:017x}", "Domain": "vpc"}
        for number, address in enumerate(wanted, 1)
    ]
    return ActionResult({"Addresses": rows})


def describe_snapshots(response: Any) -> Any:
    """EC2 DescribeSnapshots."""
    from moto.core.responses import ActionResult

    wanted = _of_ec2("EBS snapshot", response._get_param("SnapshotIds", []), "InvalidSnapshot.NotFound")
    rows = [
        {"SnapshotId": id_, "State": "completed", "VolumeSize": _size(id_), "OwnerId": _OWNER, "Progress": "100%"}
        for id_ in wanted
    ]
    return ActionResult({"Snapshots": rows})


def describe_launch_template_versions(response: Any) -> Any:
    """EC2 DescribeLaunchTemplateVersions: a template that holds network interfaces alone, as pcluster wants it."""
    from moto.core.responses import ActionResult

    id_ = str(response._get_param("LaunchTemplateId"))
    (wanted,) = _of_ec2("launch template", [id_], "InvalidLaunchTemplateId.NotFound")
    version = {
        "LaunchTemplateId": wanted,
        "VersionNumber": 1,
        "LaunchTemplateData": {"NetworkInterfaces": [{"DeviceIndex": 0, "NetworkCardIndex": 0}]},
    }
    return ActionResult({"LaunchTemplateVersions": [version]})


def describe_backups(response: Any) -> str:
    """FSx DescribeBackups."""
    wanted = _of_json("FSx backup", json.loads(response.body).get("BackupIds", []), "BackupNotFound")
    return json.dumps({"Backups": [{"BackupId": id_, "Lifecycle": "AVAILABLE"} for id_ in wanted]})


def describe_file_caches(response: Any) -> str:
    """FSx DescribeFileCaches."""
    wanted = _of_json("file cache", json.loads(response.body).get("FileCacheIds", []), "FileCacheNotFound")
    rows = [
        {
            "FileCacheId": id_,
            "FileCacheType": "LUSTRE",
            "Lifecycle": "AVAILABLE",
            "VpcId": _reached["vpc"],
            "NetworkInterfaceIds": [_reached["interface"]],
            "DNSName": f"{id_}.fsx.{_reached['region']}.amazonaws.com",
            "LustreConfiguration": {"MountName": "cache"},
        }
        for id_ in wanted
    ]
    return json.dumps({"FileCaches": rows})


def describe_storage_virtual_machines(response: Any) -> str:
    """FSx DescribeStorageVirtualMachines: whichever is asked for."""
    wanted = json.loads(response.body).get("StorageVirtualMachineIds", [])
    region = _reached["region"]
    rows = [
        {
            "StorageVirtualMachineId": id_,
            "Lifecycle": "CREATED",
            "Endpoints": {"Nfs": {"DNSName": f"{id_}.fsx.{region}.amazonaws.com"}},
        }
        for id_ in wanted
    ]
    return json.dumps({"StorageVirtualMachines": rows})


def describe_key(response: Any) -> str:
    """KMS DescribeKey."""
    (id_,) = _of_json("KMS key", [json.loads(response.body)["KeyId"]], "NotFoundException")
    return json.dumps({"KeyMetadata": {"KeyId": id_, "Enabled": True, "KeyState": "Enabled"}})


def describe_secret(response: Any) -> str:
    """Secrets Manager DescribeSecret."""
    (arn,) = _of_json("secret", [json.loads(response.body)["SecretId"]], "ResourceNotFoundException")
    return json.dumps({"ARN": arn, "Name": arn.rpartition(":")[2]})


def get_secret_value(response: Any) -> str:
    """Secrets Manager GetSecretValue."""
    (arn,) = _of_json("secret", [json.loads(response.body)["SecretId"]], "ResourceNotFoundException")
    return json.dumps({"ARN": arn, "Name": arn.rpartition(":")[2], "SecretString": _SECRET})


def get_hosted_zone(response: Any) -> Any:
    """Route 53 GetHostedZone: a private zone of the account's VPC."""
    from moto.core.responses import ActionResult

    (id_,) = _of_json("hosted zone", [response._get_param("Id")], "NoSuchHostedZone")
    zone = {"Id": f"/hostedzone/{id_}", "Name": _DOMAIN, "CallerReference": id_, "Config": {"PrivateZone": True}}
    vpc = {"VPCRegion": _reached["region"], "VPCId": _reached["vpc"]}
    return ActionResult({"HostedZone": zone, "VPCs": [vpc]})


def _size(snapshot_id: str) -> int:
    return _ids["EBS snapshot"][snapshot_id].size_gib


def _of_ec2(kind: str, wanted: list[str], error_code: str) -> list[str]:
    from moto.ec2.exceptions import EC2ClientError

    for id_ in wanted:
        if id_ not in _ids.get(kind, ()):
            raise EC2ClientError(error_code, f"The {kind} '{id_}' does not exist")
    return list(wanted)


def _of_json(kind: str, wanted: list[str], error_code: str) -> list[str]:
    from moto.core.exceptions import JsonRESTError

    for id_ in wanted:
        if id_ not in _ids.get(kind, ()):
            raise JsonRESTError(error_code, f"The {kind} '{id_}' does not exist")
    return list(wanted)
