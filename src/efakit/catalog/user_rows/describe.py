"""Rows of the catalog from what EC2's DescribeInstanceTypes says of a type.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html
``scripts/update_catalog.py`` makes the built-in catalog with it, ``efakit catalog update`` the user's own.
"""

from __future__ import annotations

import re
from typing import Any, Callable, TypeVar

from efakit.errors import CatalogError
from efakit.printable import as_written

Row = dict[str, Any]
_Made = TypeVar("_Made")

ADDRESS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html"

# The order of the fields in a row, hence in every diff. The optional ones stand in a row only where it has them.
FIELDS = (
    "name",
    "vcpus",
    "cores",
    "threads_per_core",
    "memory_mib",
    "architecture",
    "accelerators",
    "efa_interfaces",
    "network_cards",
    "card0_efa",
    "card0_interfaces",
    "bandwidth_gbps",
    "placement_strategies",
    "usage_classes",
    "instance_storage_gb",
    "source",
)
OPTIONAL_FIELDS = ("slurm_sockets", "slurm_cores_per_socket", "note", "field_sources")
ACCELERATOR_FIELDS = ("count", "name", "manufacturer", "memory_mib", "kind")

# Where DescribeInstanceTypes keeps accelerators. Neuron stands before inference: Inferentia is described under both.
_ACCELERATOR_SECTIONS = (
    ("GpuInfo", "Gpus", "gpu"),
    ("NeuronInfo", "NeuronDevices", "neuron"),
    ("InferenceAcceleratorInfo", "Accelerators", "inference"),
    ("FpgaInfo", "Fpgas", "fpga"),
    ("MediaAcceleratorInfo", "Accelerators", "media"),
)
_SMALL_SIZES = ("nano", "micro", "small", "medium", "large")
_PERFORMANCE = re.compile(r"(?:Up to )?(?:(?P<cards>\d+)x )?(?P<gbps>\d+(?:\.\d+)?) Gigabit")
# A difference is shown however long its values are.
_WHOLE = 1 << 20
_NAME = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")


def types_by_name(content: Any, origin: str) -> dict[str, Row]:
    """Give the described types by name: from an answer as the AWS CLI prints it, its list, or a map by name.

    ``origin`` says in an error where the content is from. Raises CatalogError where there are no types in it.
    """
    if isinstance(content, dict) and "InstanceTypes" in content:
        content = content["InstanceTypes"]
    rows = list(content.values()) if isinstance(content, dict) else content
    if not rows or not isinstance(rows, list):
        raise CatalogError(f"{origin}: no instance types; expected what `aws ec2 describe-instance-types` prints")
    types = {}
    for row in rows:
        name = row.get("InstanceType") if isinstance(row, dict) else None
        if not isinstance(name, str) or not is_type_name(name):
            raise CatalogError(
                f"{origin}: an entry's InstanceType is {name!r}, which is not a name of an instance type"
            )
        types[name] = row
    return types


def is_type_name(text: str) -> bool:
    """Say whether a text has the form of an instance type's name, such as p6-b200.48xlarge."""
    return _NAME.fullmatch(text) is not None


def has_efa(raw: Row) -> bool:
    """Say whether EC2 says that a type supports EFA."""
    return _described(raw, lambda: bool(raw["NetworkInfo"].get("EfaSupported")))


def efa_row(raw: Row, source: str) -> Row:
    """Give the row of a type with EFA; raise CatalogError where its description lacks what a row needs."""
    return _described(raw, lambda: _efa_row(raw, source))


def plain_row(raw: Row) -> list[Any]:
    """Give the row of a type without EFA: vCPUs, memory in MiB, architecture, threads per core[, accelerators].

    Raises CatalogError where its description lacks what a row needs.
    """
    return _described(raw, lambda: _plain_row(raw))


def bandwidth_gbps(text: str) -> float | None:
    """Give the number in NetworkPerformance, in Gb/s: '4x 100 Gigabit' is 400, 'Up to 100 Gigabit' is 100.

    None where it has another form. The sum over the cards is no substitute: it overstates g6e, c6in, hpc6id and hpc8a,
    and understates p6-b200.
    """
    match = _PERFORMANCE.fullmatch(text)
    if match is None:
        return None
    total = float(match["gbps"]) * int(match["cards"] or 1)
    return int(total) if total.is_integer() else total


def card0_efa(row: Row) -> bool | None:
    """Say whether ParallelCluster gives card 0 an EFA interface (``Instance.card0_efa``); None where unknown."""
    if row["efa_interfaces"] is None or row["network_cards"] is None:
        return None
    return bool(row["efa_interfaces"] == row["network_cards"])


def natural_order(name: str) -> tuple[str, int, int, str]:
    """Sort by family, then by size: large, 2xlarge, 10xlarge, metal."""
    family, _, size = name.partition(".")
    if size in _SMALL_SIZES:
        return family, 0, _SMALL_SIZES.index(size), size
    number = re.search(r"(\d+)xl", size)
    rank = 2 if size.startswith("metal") else 1
    return family, rank, int(number[1]) if number else 1, size


def changes(old: Any, new: Any) -> list[str]:
    """Name what differs between two rows, field by field where they have fields."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [f"{as_written(old, _WHOLE)} -> {as_written(new, _WHOLE)}"]
    fields = list(new) + [field for field in old if field not in new]
    return [
        f"{field} {as_written(old.get(field), _WHOLE)} -> {as_written(new.get(field), _WHOLE)}"
        for field in fields
        if old.get(field) != new.get(field)
    ]


def _described(raw: Row, make: Callable[[], _Made]) -> _Made:
    """Make something of a description; where it has not the API's shape, say so."""
    try:
        return make()
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, StopIteration) as error:
        what = f"no {error.args[0]}" if isinstance(error, KeyError) else str(error)
        raise CatalogError(
            f"{raw['InstanceType']}: not as DescribeInstanceTypes describes a type ({what}); see {ADDRESS}"
        ) from error


def _efa_row(raw: Row, source: str) -> Row:
    network, processor = raw["NetworkInfo"], raw["VCpuInfo"]
    cards = {card["NetworkCardIndex"]: card for card in network["NetworkCards"]}
    row = {
        "name": raw["InstanceType"],
        "vcpus": processor["DefaultVCpus"],
        "cores": processor["DefaultCores"],
        "threads_per_core": processor["DefaultThreadsPerCore"],
        "memory_mib": raw["MemoryInfo"]["SizeInMiB"],
        "architecture": _architecture(raw),
        "accelerators": _accelerators(raw),
        # Absent from answers of old API versions: then unknown, and neither 0 nor 1.
        "efa_interfaces": network.get("EfaInfo", {}).get("MaximumEfaInterfaces"),
        "network_cards": len(cards),
        "card0_efa": None,
        "card0_interfaces": cards[0]["MaximumNetworkInterfaces"],
        "bandwidth_gbps": bandwidth_gbps(network["NetworkPerformance"]),
        "placement_strategies": sorted(raw["PlacementGroupInfo"]["SupportedStrategies"]),
        "usage_classes": sorted(raw["SupportedUsageClasses"]),
        "instance_storage_gb": raw.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
        "source": source,
    }
    row["card0_efa"] = card0_efa(row)
    return row


def _plain_row(raw: Row) -> list[Any]:
    processor = raw["VCpuInfo"]
    threads = processor["DefaultThreadsPerCore"]
    if processor["DefaultCores"] * threads != processor["DefaultVCpus"]:
        raise CatalogError(f"{raw['InstanceType']}: cores do not follow from vCPUs and threads; plain rows need them")
    row = [processor["DefaultVCpus"], raw["MemoryInfo"]["SizeInMiB"], _architecture(raw), threads]
    found = _accelerators(raw)
    if found:
        row.append([found[field] for field in ACCELERATOR_FIELDS])
    return row


def _accelerators(raw: Row) -> Row | None:
    for section, members, kind in _ACCELERATOR_SECTIONS:
        if section not in raw:
            continue
        devices = raw[section][members]
        first = devices[0]
        return {
            # A slice of a GPU counts as no GPU; the instance sees one device all the same.
            "count": sum(max(device["Count"], device.get("LogicalGpuCount", 0)) for device in devices),
            "name": first["Name"],
            # Neuron devices are AWS's own and have no field for it.
            "manufacturer": first.get("Manufacturer", "AWS"),
            "memory_mib": first.get("MemoryInfo", {}).get("SizeInMiB"),
            "kind": kind,
        }
    return None


def _architecture(raw: Row) -> str:
    """Give the one architecture that a 64-bit operating system sees."""
    names = [name for name in raw["ProcessorInfo"]["SupportedArchitectures"] if name != "i386"]
    if len(names) != 1:
        raise CatalogError(f"{raw['InstanceType']}: architectures {names}, expected one")
    return str(names[0])
