#!/usr/bin/env python3
"""Write the catalog of EC2 instance types from EC2's own description of them, and where EC2 offers them.

    scripts/update_catalog.py                        from the data that the installed moto carries
    scripts/update_catalog.py --from FILE [...]      from what `aws ec2 describe-instance-types` printed
    scripts/update_catalog.py --check                write nothing; exit 1 and name each difference

One region's answer lacks the types that it does not offer: give --from several times. Where types are offered always
comes from moto; with --from it stays as it is. What EC2's data lack or have wrong comes from instances_by_hand.json
beside this file, each value with its source; there, as in the catalog, null means unknown. Where EC2's data learn what
the by-hand file says, EC2's data win and a note on stderr asks to remove the by-hand value.

Each run that changes a type's row raises the catalog's revision by one: users' own rows (`efakit catalog update`) that
were made against an older revision give way.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.metadata
import importlib.util
import json
import os.path
import re
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "src"))

from efakit.catalog.user_rows.describe import (  # noqa: E402
    ADDRESS,
    FIELDS,
    OPTIONAL_FIELDS,
    Row,
    card0_efa,
    changes,
    efa_row,
    has_efa,
    natural_order,
    plain_row,
    types_by_name,
)
from efakit.errors import CatalogError  # noqa: E402

BY_HAND = Path(__file__).resolve().with_name("instances_by_hand.json")
CATALOG = REPOSITORY / "src" / "efakit" / "catalog"
TYPES, PLAIN, OFFERINGS = "instances.json", "plain_types.json", "offerings.json"
EMPTY = '{"types": []}'

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


def read_json(path: Path) -> Any:
    """Give the content of a JSON file, gzipped or not."""
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)


def moto_data() -> Path:
    """Give the folder of EC2's data in the installed moto."""
    spec = importlib.util.find_spec("moto")
    if spec is None or not spec.submodule_search_locations:
        raise CatalogError("moto is not installed: give --from FILE, or pip install moto")
    return Path(spec.submodule_search_locations[0]) / "ec2" / "resources"


def moto_source(api: str, file: str) -> Row:
    """Give the entry of a file in the installed moto in the map of sources."""
    version = importlib.metadata.version("moto")
    return {
        "title": f"EC2 {api}, as bundled by moto",
        "address": f"https://github.com/getmoto/moto/blob/{version}/moto/ec2/resources/{file}",
        "version": version,
    }


def ec2_source(retrieved: str | None) -> Row:
    """Give the entry of the EC2 API in the map of sources."""
    return {"title": "EC2 DescribeInstanceTypes", "address": ADDRESS, "retrieved": retrieved}


def read_offerings(folder: Path) -> tuple[dict[str, list[str]], dict[str, dict[str, list[str]]]]:
    """Give the zone ids of each region, and for each type its regions with the zone ids there.

    ``folder`` is moto's instance_type_offerings. A region that offers a type and no zone of it has an empty list.
    """
    zones: dict[str, list[str]] = {}
    types: dict[str, dict[str, list[str]]] = {}
    files = sorted((folder / "region").glob("*.json.gz"))
    if not files:
        raise CatalogError(f"{folder}: no offerings by region; is moto complete?")
    for file in files:
        region = file.name.partition(".")[0]
        for offer in read_json(file):
            types.setdefault(offer["InstanceType"], {})[region] = []
        by_zone = read_json(folder / "availability-zone-id" / file.name)
        zones[region] = sorted({offer["Location"] for offer in by_zone})
        for offer in by_zone:
            types.setdefault(offer["InstanceType"], {}).setdefault(region, []).append(offer["Location"])
    return zones, types


def hand_row(given: Row) -> Row:
    """Give a full row from one of the by-hand file; what it does not say is None."""
    unknown = set(given) - set(FIELDS) - set(OPTIONAL_FIELDS)
    if unknown or "name" not in given or "source" not in given:
        raise CatalogError(
            f"row by hand {given.get('name')!r}: needs name and source; unknown fields: {sorted(unknown)}"
        )
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
                raise CatalogError(f"field by hand {name}.{field}: no such field")
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
        raise CatalogError(f"sources without an entry in {BY_HAND.name}: {sorted(missing)}")
    return {key: available[key] for key in sorted(used)}


def one_line(value: Any) -> str:
    """Give JSON on one line, so that a diff shows one line for each changed row."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def render_instances(rows: list[Row], sources: dict[str, Row], revision: int) -> str:
    """Give the text of instances.json."""
    ordered = []
    for row in sorted(rows, key=lambda row: natural_order(row["name"])):
        fields = {field: row[field] for field in FIELDS}
        fields.update({field: row[field] for field in OPTIONAL_FIELDS if row.get(field) is not None})
        ordered.append(fields)
    source_lines = ",\n".join(f"{json.dumps(key)}: {one_line(entry)}" for key, entry in sources.items())
    row_lines = ",\n".join(one_line(row) for row in ordered)
    rules = one_line(RULE_SOURCES)
    return (
        f'{{\n"revision": {revision},\n"sources": {{\n{source_lines}\n}},\n'
        f'"rule_sources": {rules},\n"types": [\n{row_lines}\n]\n}}\n'
    )


def render_plain(rows: dict[str, list[Any]], source: str) -> str:
    """Give the text of plain_types.json."""
    lines = ",\n".join(f"{json.dumps(name)}: {one_line(rows[name])}" for name in sorted(rows, key=natural_order))
    return f'{{\n"source": {json.dumps(source)},\n"types": {{\n{lines}\n}}\n}}\n'


def render_offerings(zones: dict[str, list[str]], types: dict[str, dict[str, list[str]]], source: Row) -> str:
    """Give the text of offerings.json, whose form efakit/catalog/offerings.py explains."""
    prefixes = {region: re.sub(r"\d+$", "", os.path.commonprefix(ids)) for region, ids in zones.items()}  # noqa: RUF071

    def ends(region: str, ids: list[str]) -> list[str]:
        return [zone[len(prefixes[region]) :] for zone in sorted(ids)]

    def offers(regions: dict[str, list[str]]) -> str:
        whole = {region for region, ids in regions.items() if set(ids) == set(zones[region])}
        return " ".join(
            region if region in whole else f"{region}:{','.join(ends(region, regions[region]))}"
            for region in sorted(regions)
        )

    region_lines = ",\n".join(
        f'"{region}": "{" ".join([prefixes[region], *ends(region, ids)])}"' for region, ids in sorted(zones.items())
    )
    type_lines = ",\n".join(f'"{name}": "{offers(types[name])}"' for name in sorted(types, key=natural_order))
    return f'{{\n"source": {one_line(source)},\n"regions": {{\n{region_lines}\n}},\n"types": {{\n{type_lines}\n}}\n}}\n'


def build(ec2: dict[str, Row], key: str, source: Row, by_hand: Row, revision: int) -> tuple[dict[str, str], list[str]]:
    """Give the text of each file of types by name, and the notes about by-hand values."""
    efa: dict[str, Row] = {}
    plain: dict[str, list[Any]] = {}
    for name, raw in ec2.items():
        if has_efa(raw):
            efa[name] = efa_row(raw, key)
            if efa[name]["bandwidth_gbps"] is None:
                performance = raw["NetworkInfo"]["NetworkPerformance"]
                raise CatalogError(f"{name}: NetworkPerformance {performance!r}: teach bandwidth_gbps() this form")
        else:
            plain[name] = plain_row(raw)
    notes = add_by_hand(efa, by_hand)
    both = set(efa) & set(plain)
    if both:
        raise CatalogError(f"EC2's data say that these have no EFA, {BY_HAND.name} says they have: {sorted(both)}")
    rows = list(efa.values())
    sources = used_sources(rows, {**by_hand["sources"], **RULES, key: source})
    return {TYPES: render_instances(rows, sources, revision), PLAIN: render_plain(plain, key)}, notes


def build_offerings(source: Row, types: str) -> str:
    """Give the text of offerings.json for the types in the text of instances.json."""
    zones, offered = read_offerings(moto_data() / "instance_type_offerings")
    names = {row["name"] for row in json.loads(types)["types"]} & set(offered)
    return render_offerings(zones, {name: offered[name] for name in names}, source)


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
    if old == EMPTY:
        return [f"{file}: new"]
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


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], epilog=__doc__.split("\n\n", 2)[2], allow_abbrev=False
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
        file = moto_data() / "instance_types.json.gz"
        source = moto_source("DescribeInstanceTypes", "instance_types.json")
        return types_by_name(read_json(file), str(file)), "moto", source
    ec2: dict[str, Row] = {}
    for file in options.files:
        for name, row in types_by_name(read_json(file), str(file)).items():
            ec2.setdefault(name, row)
    return ec2, "ec2", ec2_source(options.retrieved)


def recorded_source(before: dict[str, str], key: str, source: Row) -> tuple[str, Row]:
    """Give the source that the catalog records for EC2's data, if any, else the one given.

    --check compares facts: where another moto or EC2 itself says the same, the catalog is as true as before.
    """
    recorded = json.loads(before[PLAIN]).get("source", key)
    entry = json.loads(before[TYPES]).get("sources", {}).get(recorded)
    return (recorded, entry) if entry else (key, source)


def make(options: argparse.Namespace, before: dict[str, str]) -> tuple[dict[str, str], list[str], list[str]]:
    """Give the text of each file by name, the differences from before, and the notes."""
    ec2, key, source = read_input(options)
    by_hand = read_json(options.by_hand)
    if options.check:
        key, source = recorded_source(before, key, source)
    revision = json.loads(before[TYPES]).get("revision", 0)
    after, notes = build(ec2, key, source, by_hand, revision)
    found = [change for file, text in after.items() for change in differences(file, before[file], text)]
    if found:
        after, _ = build(ec2, key, source, by_hand, revision + 1)
    if not options.files:
        source = moto_source("DescribeInstanceTypeOfferings", "instance_type_offerings")
        if options.check:
            source = json.loads(before[OFFERINGS]).get("source", source)
        after[OFFERINGS] = build_offerings(source, after[TYPES])
        found += differences(OFFERINGS, before[OFFERINGS], after[OFFERINGS])
    return after, found, notes


def main(arguments: list[str] | None = None) -> int:
    """Run the script; give its exit status."""
    options = parse(arguments)
    try:
        before = {
            file: (options.out / file).read_text(encoding="utf-8") if (options.out / file).exists() else EMPTY
            for file in (TYPES, PLAIN, OFFERINGS)
        }
        after, found, notes = make(options, before)
    except (CatalogError, OSError, ValueError) as error:
        print(f"update_catalog: {error}", file=sys.stderr)
        return 2
    for note in notes:
        print(f"update_catalog: note: {note}", file=sys.stderr)
    if not options.check:
        options.out.mkdir(parents=True, exist_ok=True)
        for file, text in after.items():
            (options.out / file).write_text(text, encoding="utf-8")
    for difference in found:
        print(difference)
    return 1 if options.check and found else 0


if __name__ == "__main__":
    sys.exit(main())
