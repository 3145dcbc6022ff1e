"""The calls that pcluster's validators need and moto (5.2) lacks or answers in part, answered from an account.

EC2: capacity reservations and placement groups. Resource groups: those of reservations. FSx: ids, VPC and network
interfaces of file systems, and volumes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from efakit.vendor.simulated_account import things
from efakit.vendor.simulated_account.contents import FileSystem, Reservation, SimulatedAccount

OWNER = "123456789012"  # moto's account

# What the calls answer from: by kind, then by id. Replaced as a whole by `answer_from`.
_rows: dict[str, dict[str, dict[str, Any]]] = {}


def fill_gaps() -> None:
    """Teach the moto of this process the missing calls; once, before it serves its first request."""
    from moto.ec2.responses import EC2Response
    from moto.fsx.responses import FSxResponse
    from moto.resourcegroups import urls
    from moto.resourcegroups.responses import ResourceGroupsResponse

    calls: dict[type, tuple[Callable[[Any], Any], ...]] = {
        EC2Response: (describe_capacity_reservations, describe_placement_groups),
        FSxResponse: (describe_file_systems, describe_volumes),
        ResourceGroupsResponse: (get_group_configuration, list_group_resources),
    }
    for response, methods in calls.items():
        for method in methods:
            setattr(response, method.__name__, method)
    urls.url_paths["{0}/list-group-resources$"] = ResourceGroupsResponse.dispatch
    things.fill_gaps()
    _without_doubles()


def _without_doubles() -> None:
    """Let EC2's calls take an id that is named twice as AWS does; moto counts the ids and misses one."""
    from moto.ec2.responses import EC2Response

    original = EC2Response._get_param

    def get_param(response: Any, name: str, if_none: Any = None) -> Any:
        value = original(response, name, if_none)
        listed = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return list(dict.fromkeys(value)) if listed else value

    setattr(EC2Response, original.__name__, get_param)


def answer_from(account: SimulatedAccount, *, vpc_id: str, file_system_interface: str) -> None:
    """Let the calls answer from ``account``; file systems are reached through that one network interface."""
    things.answer_from(account, vpc_id=vpc_id, interface_id=file_system_interface)
    region = account.region
    _rows["reservation"] = {item.id: _reservation_row(item, region) for item in account.reservations}
    _rows["reservation group"] = {
        group.arn: {
            "Resources": [
                {"Identifier": {"ResourceArn": _reservation_arn(region, id_), "ResourceType": _RESERVATION_TYPE}}
                for id_ in group.reservation_ids
            ]
        }
        for group in account.reservation_groups
    }
    _rows["placement group"] = {
        name: {"GroupName": name, "GroupId": f"pg-{index:017x}", "State": "available", "Strategy": "cluster"}
        for index, name in enumerate(account.placement_groups, 1)
    }
    _rows["file system"] = {
        item.id: {
            "FileSystemId": item.id,
            "FileSystemType": item.kind,
            "Lifecycle": "AVAILABLE",
            "VpcId": vpc_id,
            "SubnetIds": [subnet.id for subnet in account.subnets[:1]],
            "NetworkInterfaceIds": [file_system_interface],
            "DNSName": f"{item.id}.fsx.{region}.amazonaws.com",
            "LustreConfiguration": {"MountName": "fsx"},
        }
        for item in account.file_systems
        if item.kind != "EFS"
    }
    _rows["volume"] = {
        item.volume_id: {
            "VolumeId": item.volume_id,
            "VolumeType": item.kind,
            "FileSystemId": item.id,
            **_path(item),
        }
        for item in account.file_systems
        if item.volume_id
    }


def _path(item: FileSystem) -> dict[str, Any]:
    if item.kind == "OPENZFS":
        return {"OpenZFSConfiguration": {"VolumePath": "/fsx"}}
    machine = f"svm-{item.volume_id.partition('-')[2]}"
    return {"OntapConfiguration": {"JunctionPath": "/fsx", "StorageVirtualMachineId": machine}}


def describe_capacity_reservations(response: Any) -> Any:
    """EC2 DescribeCapacityReservations."""
    from moto.core.responses import ActionResult

    rows = _chosen(
        "reservation", response._get_param("CapacityReservationIds", []), "InvalidCapacityReservationId.NotFound"
    )
    return ActionResult({"CapacityReservations": rows})


def describe_placement_groups(response: Any) -> Any:
    """EC2 DescribePlacementGroups."""
    from moto.core.responses import ActionResult

    rows = _chosen("placement group", response._get_param("GroupNames", []), "InvalidPlacementGroup.Unknown")
    return ActionResult({"PlacementGroups": rows})


def describe_file_systems(response: Any) -> str:
    """FSx DescribeFileSystems."""
    return _fsx(response, "file system", "FileSystemIds", "FileSystems", "FileSystemNotFound")


def describe_volumes(response: Any) -> str:
    """FSx DescribeVolumes."""
    return _fsx(response, "volume", "VolumeIds", "Volumes", "VolumeNotFound")


def get_group_configuration(response: Any) -> str:
    """Resource Groups GetGroupConfiguration: a service-linked pool of reservations."""
    _group(response)
    return json.dumps({"GroupConfiguration": {"Configuration": [{"Type": "AWS::EC2::CapacityReservationPool"}]}})


def list_group_resources(response: Any) -> str:
    """Resource Groups ListGroupResources."""
    return json.dumps(_group(response))


_RESERVATION_TYPE = "AWS::EC2::CapacityReservation"


def _reservation_arn(region: str, reservation_id: str) -> str:
    return f"arn:aws:ec2:{region}:{OWNER}:capacity-reservation/{reservation_id}"


def _reservation_row(reservation: Reservation, region: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "CapacityReservationId": reservation.id,
        "CapacityReservationArn": _reservation_arn(region, reservation.id),
        "OwnerId": OWNER,
        "InstanceType": reservation.instance_type,
        "InstancePlatform": reservation.platform,
        "AvailabilityZone": reservation.zone,
        "Tenancy": "default",
        "TotalInstanceCount": reservation.count,
        "AvailableInstanceCount": reservation.count,
        "State": "active",
        "InstanceMatchCriteria": "targeted",
    }
    if reservation.capacity_block:
        row["ReservationType"] = "capacity-block"
    if reservation.placement_group:
        row["PlacementGroupArn"] = f"arn:aws:ec2:{region}:{OWNER}:placement-group/{reservation.placement_group}"
    return row


def _chosen(kind: str, ids: Iterable[str], error_code: str) -> list[Mapping[str, Any]]:
    from moto.ec2.exceptions import EC2ClientError

    rows = _rows.get(kind, {})
    wanted = list(ids)
    missing = [id_ for id_ in wanted if id_ not in rows]
    if missing:
        raise EC2ClientError(error_code, f"The {kind} '{missing[0]}' does not exist")
    return [rows[id_] for id_ in wanted or rows]


def _fsx(response: Any, kind: str, request_field: str, answer_field: str, error_code: str) -> str:
    from moto.core.exceptions import JsonRESTError

    rows = _rows.get(kind, {})
    wanted = json.loads(response.body).get(request_field) or list(rows)
    missing = [id_ for id_ in wanted if id_ not in rows]
    if missing:
        raise JsonRESTError(error_code, f"The {kind} '{missing[0]}' does not exist")
    return json.dumps({answer_field: [rows[id_] for id_ in wanted]})


def _group(response: Any) -> dict[str, Any]:
    from moto.core.exceptions import JsonRESTError

    arn = response._get_param("Group")
    try:
        return _rows.get("reservation group", {})[arn]
    except KeyError:
        raise JsonRESTError("NotFoundException", f"Group not found: {arn}") from None
