#!/usr/bin/env python3
"""Write the catalog of EC2 instance types from EC2's own description of them.

    scripts/update_catalog.py                        from the data that the installed moto carries
    scripts/update_catalog.py --from FILE [...]      from what `aws ec2 describe-instance-types` printed
    scripts/update_catalog.py --check                write nothing; exit 1 and name each difference

One region's answer lacks the types that it does not offer: give --from several times. What EC2's data lack or have
wrong comes from instances_by_hand.json beside this file, each value with its source; there, as in the catalog, null
means unknown. Where EC2's data learn what the by-hand file says, EC2's data win and a note on stderr asks to remove
the by-hand value.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.metadata
import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

Row = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parent.parent
BY_HAND = Path(__file__).resolve().with_name("instances_by_hand.json")
CATALOG = REPOSITORY / "src" / "efakit" / "catalog"

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

# Fields that follow from others by somebody's rule, with the source of the rule.
RULE_SOURCES = {"card0_efa": "pcluster-card0"}
RULES = {
    "pcluster-card0": {
        "title": "ParallelCluster, templates/queues_stack.py: card 0 carries EFA where the type has as many EFA "
        "interfaces as network cards",
        "address": "https://github.com/aws/aws-parallelcluster/blob/v3.16.1/cli/src/pcluster/templates/queues_stack.py",
        "version": "3.16.1",
    }
}

# Where DescribeInstanceTypes keeps accelerators. Neuron stands before inference: Inferentia is described under both.
ACCELERATOR_SECTIONS = (
    ("GpuInfo", "Gpus", "gpu"),
    ("NeuronInfo", "NeuronDevices", "neuron"),
    ("InferenceAcceleratorInfo", "Accelerators", "inference"),
    ("FpgaInfo", "Fpgas", "fpga"),
    ("MediaAcceleratorInfo", "Accelerators", "media"),
)
SMALL_SIZES = ("nano", "micro", "small", "medium", "large")
PERFORMANCE = re.compile(r"(?:Up to )?(?:(?P<cards>\d+)x )?(?P<gbps>\d+(?:\.\d+)?) Gigabit")


class InputError(Exception):
    """The data cannot be used; the message says which and why."""


def read_ec2(path: Path) -> dict[str, Row]:
    """Give the types in a file by name: as the AWS CLI prints them, or as moto keeps them; gzipped or not."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    content = json.loads(data)
    if isinstance(content, dict) and "InstanceTypes" in content:
        content = content["InstanceTypes"]
    if isinstance(content, list):
        content = {row["InstanceType"]: row for row in content}
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: no instance types; expected what `aws ec2 describe-instance-types` prints")
    return content


def find_moto() -> Path:
    """Give the file of instance types in the installed moto."""
    spec = importlib.util.find_spec("moto")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("moto is not installed: give --from FILE, or pip install moto")
    return Path(spec.submodule_search_locations[0]) / "ec2" / "resources" / "instance_types.json.gz"


def moto_source() -> Row:
    """Give the entry of the installed moto in the map of sources."""
    version = importlib.metadata.version("moto")
    return {
        "title": "EC2 DescribeInstanceTypes, as bundled by moto",
        "address": f"https://github.com/getmoto/moto/blob/{version}/moto/ec2/resources/instance_types.json",
        "version": version,
    }


def ec2_source(retrieved: str | None) -> Row:
    """Give the entry of the EC2 API in the map of sources."""
    return {
        "title": "EC2 DescribeInstanceTypes",
        "address": "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html",
        "retrieved": retrieved,
    }


def bandwidth_gbps(text: str) -> float:
    """Give the number in NetworkPerformance, in Gb/s: '4x 100 Gigabit' is 400, 'Up to 100 Gigabit' is 100.

    The sum over the cards is no substitute: it overstates g6e, c6in, hpc6id and hpc8a, and understates p6-b200.
    """
    match = PERFORMANCE.fullmatch(text)
    if match is None:
        raise InputError(f"NetworkPerformance {text!r} has a form that bandwidth_gbps() does not know")
    total = float(match["gbps"]) * int(match["cards"] or 1)
    return int(total) if total.is_integer() else total


def accelerators(raw: Row) -> Row | None:
    """Give the accelerators of a type, or None where it has none."""
    for section, members, kind in ACCELERATOR_SECTIONS:
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


def architecture(raw: Row) -> str:
    """Give the one architecture that a 64-bit operating system sees."""
    names = [name for name in raw["ProcessorInfo"]["SupportedArchitectures"] if name != "i386"]
    if len(names) != 1:
        raise InputError(f"{raw['InstanceType']}: architectures {names}, expected one")
    return str(names[0])


def card0_efa(row: Row) -> bool | None:
    """Say whether ParallelCluster gives card 0 an EFA interface (RULES, pcluster-card0); None where unknown."""
    if row["efa_interfaces"] is None or row["network_cards"] is None:
        return None
    return bool(row["efa_interfaces"] == row["network_cards"])


def efa_row(raw: Row, source: str) -> Row:
    """Give the row of a type with EFA."""
    network = raw["NetworkInfo"]
    cards = {card["NetworkCardIndex"]: card for card in network["NetworkCards"]}
    processor = raw["VCpuInfo"]
    row = {
        "name": raw["InstanceType"],
        "vcpus": processor["DefaultVCpus"],
        "cores": processor["DefaultCores"],
        "threads_per_core": processor["DefaultThreadsPerCore"],
        "memory_mib": raw["MemoryInfo"]["SizeInMiB"],
        "architecture": architecture(raw),
        "accelerators": accelerators(raw),
        # Absent from answers of old API versions: then unknown, and neither 0 nor 1.
        "efa_interfaces": network.get("EfaInfo", {}).get("MaximumEfaInterfaces"),
        "network_cards": len(cards),
        "card0_interfaces": cards[0]["MaximumNetworkInterfaces"],
        "bandwidth_gbps": bandwidth_gbps(network["NetworkPerformance"]),
        "placement_strategies": sorted(raw["PlacementGroupInfo"]["SupportedStrategies"]),
        "usage_classes": sorted(raw["SupportedUsageClasses"]),
        "instance_storage_gb": raw.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
        "source": source,
    }
    row["card0_efa"] = card0_efa(row)
    return row


def plain_row(raw: Row) -> list[Any]:
    """Give the row of a type without EFA: vCPUs, memory in MiB, architecture, threads per core[, accelerators]."""
    processor = raw["VCpuInfo"]
    threads = processor["DefaultThreadsPerCore"]
    if processor["DefaultCores"] * threads != processor["DefaultVCpus"]:
        raise InputError(f"{raw['InstanceType']}: cores do not follow from vCPUs and threads; plain rows need them")
    row = [processor["DefaultVCpus"], raw["MemoryInfo"]["SizeInMiB"], architecture(raw), threads]
    found = accelerators(raw)
    if found:
        row.append([found[field] for field in ACCELERATOR_FIELDS])
    return row


def natural_order(name: str) -> tuple[str, int, int, str]:
    """Sort by family, then by size: large, 2xlarge, 10xlarge, metal."""
    family, _, size = name.partition(".")
    if size in SMALL_SIZES:
        return family, 0, SMALL_SIZES.index(size), size
    number = re.search(r"(\d+)xl", size)
    rank = 2 if size.startswith("metal") else 1
    return family, rank, int(number[1]) if number else 1, size


def hand_row(given: Row) -> Row:
    """Give a full row from one of the by-hand file; what it does not say is None."""
    unknown = set(given) - set(FIELDS) - set(OPTIONAL_FIELDS)
    if unknown or "name" not in given or "source" not in given:
        raise InputError(f"row by hand {given.get('name')!r}: needs name and source; unknown fields: {sorted(unknown)}")
    row = dict.fromkeys(FIELDS)
    row.update(given)
    if row["card0_efa"] is None:
        row["card0_efa"] = card0_efa(row)
    return row


def add_by_hand(rows: dict[str, Row], by_hand: Row) -> list[str]:
    """Add the by-hand rows and fields to the rows; give notes about those that EC2's data have overtaken."""
    notes = []
    for given in by_hand["rows"]:
        if given["name"] in rows:
            notes.append(f"{given['name']}: EC2's data have it now; remove its row from {BY_HAND.name}")
        else:
            rows[given["name"]] = hand_row(given)
    for change in by_hand["fields"]:
        name = change["name"]
        row = rows.get(name)
        if row is None:
            notes.append(f"{name}: not in EC2's data; its fields in {BY_HAND.name} are left out")
            continue
        for field, value in change["set"].items():
            if field not in FIELDS and field not in OPTIONAL_FIELDS:
                raise InputError(f"field by hand {name}.{field}: no such field")
            expected = change.get("instead_of", {}).get(field)
            if row.get(field) != expected:
                notes.append(
                    f"{name}: EC2's data have {field} {row.get(field)!r} and no longer {expected!r}; "
                    f"look at it again in {BY_HAND.name}"
                )
                continue
            row[field] = value
            row.setdefault("field_sources", {})[field] = change["source"]
    return notes


def used_sources(rows: list[Row], available: dict[str, Row]) -> dict[str, Row]:
    """Give the entries that the rows name; a name without an entry is an error."""
    used = set(RULE_SOURCES.values())
    for row in rows:
        used.add(row["source"])
        used.update(row.get("field_sources", {}).values())
    missing = used - set(available)
    if missing:
        raise InputError(f"sources without an entry in {BY_HAND.name}: {sorted(missing)}")
    return {key: available[key] for key in sorted(used)}


def one_line(value: Any) -> str:
    """Give JSON on one line, so that a diff shows one line for each changed row."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def render_instances(rows: list[Row], sources: dict[str, Row]) -> str:
    """Give the text of instances.json."""
    ordered = []
    for row in sorted(rows, key=lambda row: natural_order(row["name"])):
        fields = {field: row[field] for field in FIELDS}
        fields.update({field: row[field] for field in OPTIONAL_FIELDS if row.get(field) is not None})
        ordered.append(fields)
    source_lines = ",\n".join(f"{json.dumps(key)}: {one_line(entry)}" for key, entry in sources.items())
    row_lines = ",\n".join(one_line(row) for row in ordered)
    rules = one_line(RULE_SOURCES)
    return f'{{\n"sources": {{\n{source_lines}\n}},\n"rule_sources": {rules},\n"types": [\n{row_lines}\n]\n}}\n'


def render_plain(rows: dict[str, list[Any]], source: str) -> str:
    """Give the text of plain_types.json."""
    lines = ",\n".join(f"{json.dumps(name)}: {one_line(rows[name])}" for name in sorted(rows, key=natural_order))
    return f'{{\n"source": {json.dumps(source)},\n"types": {{\n{lines}\n}}\n}}\n'


def build(ec2: dict[str, Row], key: str, source: Row, by_hand: Row) -> tuple[dict[str, str], list[str]]:
    """Give the text of each file of the catalog by name, and the notes about by-hand values."""
    efa: dict[str, Row] = {}
    plain: dict[str, list[Any]] = {}
    for name, raw in ec2.items():
        if raw["NetworkInfo"].get("EfaSupported"):
            efa[name] = efa_row(raw, key)
        else:
            plain[name] = plain_row(raw)
    notes = add_by_hand(efa, by_hand)
    both = set(efa) & set(plain)
    if both:
        raise InputError(f"EC2's data say that these have no EFA, {BY_HAND.name} says they have: {sorted(both)}")
    rows = list(efa.values())
    sources = used_sources(rows, {**by_hand["sources"], **RULES, key: source})
    return {"instances.json": render_instances(rows, sources), "plain_types.json": render_plain(plain, key)}, notes


def by_name(text: str) -> dict[str, Any]:
    """Give everything in a catalog file that a difference can be named after."""
    content = json.loads(text)
    types = content.pop("types")
    named = {row["name"]: row for row in types} if isinstance(types, list) else dict(types)
    for key, entry in content.pop("sources", {}).items():
        named[f"source {key}"] = entry
    named.update(content)
    return named


def differences(file: str, old: str, new: str) -> list[str]:
    """Name each difference between two texts of a catalog file."""
    if old == new:
        return []
    before, after = by_name(old), by_name(new)
    found = []
    for name in list(after) + [name for name in before if name not in after]:
        if name not in before:
            found.append(f"{file}: {name}: new")
        elif name not in after:
            found.append(f"{file}: {name}: gone")
        elif before[name] != after[name]:
            found.extend(f"{file}: {name}: {change}" for change in changes(before[name], after[name]))
    return found or [f"{file}: same rows, other order or form"]


def changes(old: Any, new: Any) -> list[str]:
    """Name what differs between two rows, field by field where they have fields."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [f"{old!r} -> {new!r}"]
    fields = list(new) + [field for field in old if field not in new]
    return [f"{field} {old.get(field)!r} -> {new.get(field)!r}" for field in fields if old.get(field) != new.get(field)]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], epilog=__doc__.rpartition("\n\n")[2], allow_abbrev=False
    )
    parser.add_argument(
        "--from",
        dest="files",
        type=Path,
        action="append",
        metavar="FILE",
        help="output of `aws ec2 describe-instance-types`, plain or gzipped; may be repeated; default: moto's copy",
    )
    parser.add_argument("--retrieved", metavar="YYYY-MM-DD", help="the day of the files given with --from")
    parser.add_argument("--by-hand", type=Path, default=BY_HAND, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=CATALOG, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name each difference")
    return parser.parse_args(arguments)


def read_input(options: argparse.Namespace) -> tuple[dict[str, Row], str, Row]:
    """Give EC2's types by name, the key of their source, and its entry."""
    if not options.files:
        return read_ec2(find_moto()), "moto", moto_source()
    ec2: dict[str, Row] = {}
    for file in options.files:
        for name, row in read_ec2(file).items():
            ec2.setdefault(name, row)
    return ec2, "ec2", ec2_source(options.retrieved)


def recorded_source(before: dict[str, str], key: str, source: Row) -> tuple[str, Row]:
    """Give the source that the catalog records for EC2's data, if any, else the one given.

    --check compares facts: where another moto or EC2 itself says the same, the catalog is as true as before.
    """
    recorded = json.loads(before["plain_types.json"]).get("source", key)
    entry = json.loads(before["instances.json"]).get("sources", {}).get(recorded)
    return (recorded, entry) if entry else (key, source)


def main(arguments: list[str] | None = None) -> int:
    """Run the script; give its exit status."""
    options = parse(arguments)
    try:
        ec2, key, source = read_input(options)
        by_hand = json.loads(options.by_hand.read_text(encoding="utf-8"))
        before = {
            file: (options.out / file).read_text(encoding="utf-8") if (options.out / file).exists() else '{"types": []}'
            for file in ("instances.json", "plain_types.json")
        }
        if options.check:
            key, source = recorded_source(before, key, source)
        after, notes = build(ec2, key, source, by_hand)
    except (InputError, OSError, ValueError) as error:
        print(f"update_catalog: {error}", file=sys.stderr)
        return 2
    for note in notes:
        print(f"update_catalog: note: {note}", file=sys.stderr)
    found = [difference for file, text in after.items() for difference in differences(file, before[file], text)]
    for difference in found:
        print(difference)
    if options.check:
        return 1 if found else 0
    options.out.mkdir(parents=True, exist_ok=True)
    for file, text in after.items():
        (options.out / file).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
