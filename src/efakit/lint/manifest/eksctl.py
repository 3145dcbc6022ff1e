"""Rules for eksctl's ClusterConfig: what its JSON Schema passes, and eksctl, CloudFormation or EC2 refuse later.

eksctl's own rules: pkg/apis/eksctl.io/v1alpha5/validation.go (https://github.com/eksctl-io/eksctl).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from efakit.catalog import eks as rows
from efakit.catalog import instances
from efakit.catalog.instances import Instance
from efakit.errors import UnknownInstanceType
from efakit.lint.manifest.problem import Path, Problem, at, items, mapping, texts
from efakit.nearness import choice, near
from efakit.printable import as_text, as_written

_Data = Mapping[str, Any]
_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-[0-9]+")
_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]*")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NO_DRIVER = "Ubuntu"
_WITH_TEMPLATE = (
    *("instanceType", "ami", "volumeSize", "securityGroups", "instanceName", "instancePrefix", "maxPodsPerNode"),
    *("disablePodIMDS", "preBootstrapCommands", "overrideBootstrapCommand", "placement"),
)
"""What eksctl refuses beside a launch template."""
# Of both kinds of groups, in the JSON Schema.
_GROUP_KEYS = frozenset(
    "additionalVolumes ami amiFamily asgMetricsCollection asgSuspendProcesses availabilityZones bottlerocket "  # noqa: SIM905
    "capacityReservation classicLoadBalancerNames clusterDNS containerRuntime cpuCredits desiredCapacity disableIMDSv1 "
    "disablePodIMDS ebsOptimized efaEnabled enableDetailedMonitoring enclaveEnabled iam instanceMarketOptions "
    "instanceName instancePrefix instanceSelector instanceType instanceTypes instancesDistribution kubeletExtraConfig "
    "labels launchTemplate localZones maxInstanceLifetime maxPodsPerNode maxSize minSize name nodeRepairConfig "
    "outpostARN overrideBootstrapCommand placement preBootstrapCommands privateNetworking propagateASGTags "
    "releaseVersion securityGroups spot ssh subnets tags taints targetGroupARNs updateConfig volumeEncrypted "
    "volumeIOPS volumeKmsKeyID volumeName volumeSize volumeThroughput volumeType".split()
)
# Of what stands below a group, by its path; a target under another name is dropped without a word.
_KEYS_BELOW: dict[tuple[str, ...], tuple[str, ...]] = {
    ("capacityReservation",): ("capacityReservationPreference", "capacityReservationTarget"),
    ("capacityReservation", "capacityReservationTarget"): (
        *("capacityReservationID", "capacityReservationResourceGroupARN"),
    ),
    ("instanceMarketOptions",): ("marketType",),
    ("placement",): ("groupName", "spreadLevel"),
    ("launchTemplate",): ("id", "version"),
    ("securityGroups",): ("attachIDs", "withLocal", "withShared"),
}
_ADDONS = (
    *("vpc-cni", "coredns", "kube-proxy", "eks-pod-identity-agent", "aws-ebs-csi-driver", "aws-efs-csi-driver"),
    *("aws-fsx-csi-driver", "metrics-server", "eks-node-monitoring-agent", "snapshot-controller"),
)


def config_problems(data: _Data) -> Iterator[Problem]:
    """Give what is wrong with a ClusterConfig."""
    yield from _metadata(data)
    yield from _zones(data)
    yield from _addons(data)
    version = rows.minor(str(at(data, "metadata", "version") or ""))
    for kind in ("managedNodeGroups", "nodeGroups"):
        yield from _unread(data.get(kind), kind)
        for path, group in items(data, kind):
            yield from _keys(group, path)
            yield from _types(group, path)
            yield from _place(data, group, path)
            yield from _capacity(group, path, managed=kind == "managedNodeGroups")
            yield from _sizes(group, path)
            yield from _taints(group, path)
            yield from _template(group, path)
            yield from _image(group, path, version)


def _unread(groups: Any, kind: str) -> Iterator[Problem]:
    """Give what stands where a node group should, and of which no other rule would say anything."""
    if groups is not None and not isinstance(groups, list):
        yield Problem("eksctl-key", (kind,), f"{kind} is no list of node groups", "write a list: - name: ...")
    for number, group in enumerate(groups if isinstance(groups, list) else []):
        if not isinstance(group, Mapping):
            message = f"{as_written(group)} is no node group"
            yield Problem("eksctl-key", (kind, number), message, "write the group's keys, or remove it")


def _metadata(data: _Data) -> Iterator[Problem]:
    region, version = at(data, "metadata", "region"), at(data, "metadata", "version")
    if region is not None and not _REGION.fullmatch(str(region)):
        fix = "write a region such as us-west-2"
        yield Problem("eksctl-region", ("metadata", "region"), f"{as_written(region)} is not a region", fix)
    if version is not None:
        numbers = rows.minor(str(version))
        if not numbers or numbers < rows.minor(rows.OLDEST_KUBERNETES):
            message = f"EKS does not create clusters with Kubernetes {as_text(version)}"
            fix = f"write version '{rows.OLDEST_KUBERNETES}' or later, in quotes, such as '{rows.KUBERNETES}'"
            yield Problem("eksctl-version", ("metadata", "version"), message, fix)
    names: list[tuple[Path, Any]] = [(("metadata", "name"), at(data, "metadata", "name"))]
    for kind in ("managedNodeGroups", "nodeGroups"):
        names += [((*path, "name"), group.get("name")) for path, group in items(data, kind)]
    for path, name in names:
        if name is not None and not _NAME.fullmatch(str(name)):
            fix = "use letters, digits and hyphens; begin with a letter"
            yield Problem(
                "eksctl-name", path, f"{as_written(name)} cannot be part of a CloudFormation stack's name", fix
            )


def _zones(data: _Data) -> Iterator[Problem]:
    zones, region = texts(data, "availabilityZones"), str(at(data, "metadata", "region") or "")
    if len(zones) == 1:
        message = "a cluster needs subnets in two zones"
        yield Problem(
            "eksctl-two-zones", ("availabilityZones",), message, "name a second zone; the nodes need not use it"
        )
    for number, zone in enumerate(zones):
        if _REGION.fullmatch(region) and zone[:-1] != region:
            message = f"zone {zone} is not in region {region}"
            yield Problem("eksctl-zone", ("availabilityZones", number), message, f"name zones of {region}")


def _addons(data: _Data) -> Iterator[Problem]:
    for path, addon in items(data, "addons"):
        name = str(addon.get("name", ""))
        if name and name not in _ADDONS and near(name, _ADDONS, cutoff=0.8):
            yield Problem("eksctl-addon", (*path, "name"), f"unknown add-on {name!r}", choice(name, _ADDONS, "add-ons"))
        release = [int(part) for part in re.findall(r"\d+", str(addon.get("version", "")))[:3]]
        least = [int(part) for part in rows.CNI_VERSION.split(".")]
        if name == "vpc-cni" and len(release) == len(least) and release < least:
            message = (
                f"the VPC CNI before {rows.CNI_VERSION} treats the addresses of all network cards as the node's own"
            )
            yield Problem(
                "eksctl-cni", (*path, "version"), message, f"write {rows.CNI_VERSION} or later, or remove version"
            )


def _keys(group: _Data, path: Path) -> Iterator[Problem]:
    for key in group:
        if key not in _GROUP_KEYS:
            message = f"unknown key {key!r} of a node group"
            meant = near(str(key), sorted(_GROUP_KEYS))
            yield Problem("eksctl-key", (*path, str(key)), message, f"write {meant[0]}" if meant else "remove it")
    for below, known in _KEYS_BELOW.items():
        for key in mapping(group, *below):
            if key not in known:
                message = f"{'.'.join(below)} has no key {key!r}"
                yield Problem("eksctl-key", (*path, *below, str(key)), message, choice(key, known, "keys"))


def _names_of(group: _Data, path: Path) -> Iterator[tuple[Path, str]]:
    if group.get("instanceType"):
        yield (*path, "instanceType"), as_text(group["instanceType"])
    for keys in (("instanceTypes",), ("instancesDistribution", "instanceTypes")):
        for number, name in enumerate(texts(group, *keys)):
            yield (*path, *keys, number), name


def _types(group: _Data, path: Path) -> Iterator[Problem]:
    for where, name in _names_of(group, path):
        if name in ("mixed", ""):
            continue
        try:
            instance = instances.get(name)
        except UnknownInstanceType as error:
            yield Problem("eksctl-type", where, error.message, error.fix)
            continue
        if group.get("efaEnabled") is not True:
            continue
        if not instance.efa_capable:
            yield Problem("eksctl-no-efa", where, f"{name} has no EFA", "remove efaEnabled, or use a type with EFA")
        elif rows.miscounted(instance):
            message = (
                f"eksctl attaches {instance.network_cards} EFA interfaces to {name}, one for each network card, "
                f"but the type supports {instance.efa_interfaces}"
            )
            fix = "write launchTemplate: {id: lt-...} with the interfaces, instead of instanceType and efaEnabled"
            yield Problem("eksctl-efa-count", where, message, fix)


def _has_efa(group: _Data) -> bool:
    return group.get("efaEnabled") is True


def _place(data: _Data, group: _Data, path: Path) -> Iterator[Problem]:
    zones, subnets = texts(group, "availabilityZones"), texts(group, "subnets")
    region, cluster = str(at(data, "metadata", "region") or ""), texts(data, "availabilityZones")
    if zones and subnets:
        message = "availabilityZones and subnets exclude each other"
        yield Problem("eksctl-one-zone", (*path, "subnets"), message, "remove one of them")
    elif _has_efa(group) and (len(zones) > 1 or len(subnets) > 1):
        key = "availabilityZones" if len(zones) > 1 else "subnets"
        yield Problem("eksctl-one-zone", (*path, key), "EFA does not work across zones", "keep one")
    elif _has_efa(group) and not zones and not subnets:
        fix = "write availabilityZones with one zone that offers the type"
        if at(group, "capacityReservation", "capacityReservationTarget", "capacityReservationID"):
            message = "the group would use all zones of the cluster, but its reservation is in one"
            yield Problem("eksctl-one-zone", path, message, fix, "info", rows.VALIDATION)
        else:
            message = "the group would use all zones of the cluster, but EFA does not work across zones"
            yield Problem("eksctl-one-zone", path, message, fix)
    for number, zone in enumerate(zones):
        where = (*path, "availabilityZones", number)
        if _REGION.fullmatch(region) and zone[:-1] != region:
            yield Problem("eksctl-zone", where, f"zone {zone} is not in region {region}", f"name one of {region}")
        elif cluster and zone not in cluster:
            message = f"the cluster has no subnet in {zone}"
            yield Problem("eksctl-zone", where, message, choice(zone, cluster, "zones"))


def _capacity(group: _Data, path: Path, *, managed: bool) -> Iterator[Problem]:
    reservation, market = group.get("capacityReservation"), mapping(group, "instanceMarketOptions")
    if "placement" in group and not at(group, "placement", "groupName"):
        yield Problem("eksctl-placement", (*path, "placement"), "names no group", "write placement: {groupName: NAME}")
    if "instanceMarketOptions" in group and not reservation:
        message = "a Capacity Block needs the id of its reservation"
        fix = "write capacityReservation: {capacityReservationTarget: {capacityReservationID: cr-...}}"
        yield Problem("eksctl-market", (*path, "instanceMarketOptions"), message, fix)
    kind = market.get("marketType")
    if kind is not None and kind != "capacity-block":
        fix = "write capacity-block, or spot: true for a managed group on spot"
        yield Problem(
            "eksctl-market",
            (*path, "instanceMarketOptions", "marketType"),
            f"unknown market type {as_written(kind)}",
            fix,
        )
    targeted = at(group, "capacityReservation", "capacityReservationTarget")
    if not managed and _has_efa(group) and targeted and "placement" not in group:
        message = (
            "eksctl puts self-managed EFA nodes into its own placement group, but the reservation's "
            "instances are outside of it"
        )
        fix = "use a managed group, or write placement with the reservation's own group"
        yield Problem("eksctl-reservation-group", (*path, "capacityReservation"), message, fix)


def _sizes(group: _Data, path: Path) -> Iterator[Problem]:
    sizes = [group.get(key) for key in ("minSize", "desiredCapacity", "maxSize")]
    known = [size for size in sizes if isinstance(size, int)]
    if known != sorted(known):
        message = f"minSize, desiredCapacity and maxSize are {', '.join(map(as_text, sizes))}"
        yield Problem("eksctl-sizes", path, message, "write minSize <= desiredCapacity <= maxSize")


def _taints(group: _Data, path: Path) -> Iterator[Problem]:
    for where, taint in items(group, "taints"):
        effect = taint.get("effect")
        if effect not in _EFFECTS:
            message = f"unknown taint effect {as_written(effect)}"
            yield Problem("eksctl-taint", (*path, *where, "effect"), message, choice(effect, _EFFECTS, "effects"))


def _template(group: _Data, path: Path) -> Iterator[Problem]:
    if "launchTemplate" not in group:
        return
    if not at(group, "launchTemplate", "id"):
        yield Problem("eksctl-launch-template", (*path, "launchTemplate"), "names no template", "write its id, lt-...")
    beside = [key for key in _WITH_TEMPLATE if key in group]
    if beside:
        message = f"{', '.join(beside)} cannot be combined with a launch template"
        fix = "move it into the launch template; without efaEnabled the template must also list the EFA interfaces"
        yield Problem("eksctl-launch-template", (*path, beside[0]), message, fix)


def _image(group: _Data, path: Path, version: tuple[int, ...]) -> Iterator[Problem]:
    family = str(group.get("amiFamily", ""))
    where = (*path, "amiFamily")
    if family == "AmazonLinux2" and version >= rows.minor(rows.NO_AMAZON_LINUX_2):
        message = f"EKS has no Amazon Linux 2 images since Kubernetes {rows.NO_AMAZON_LINUX_2}"
        yield Problem("eksctl-image", where, message, "write AmazonLinux2023")
    elif _has_efa(group) and "ami" not in group and family.startswith(_NO_DRIVER):
        message = f"the {family} images for EKS do not include the EFA driver"
        yield Problem("eksctl-driver", where, message, "write AmazonLinux2023 for GPUs and Neuron, else Bottlerocket")
    elif _has_efa(group) and "ami" not in group and family in ("", "AmazonLinux2023"):
        plain = [item.name for item in _known(group, path) if rows.ami_family(item) == "Bottlerocket"]
        if plain:
            message = (
                f"Amazon Linux 2023 includes the EFA driver only in its images for GPUs and Neuron; {plain[0]} "
                "has neither"
            )
            yield Problem("eksctl-driver", where if family else path, message, "write amiFamily: Bottlerocket")


def _known(group: _Data, path: Path) -> Iterator[Instance]:
    for _, name in _names_of(group, path):
        if instances.known(name) and instances.get(name).efa_capable:
            yield instances.get(name)
