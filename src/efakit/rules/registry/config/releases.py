"""Rules for configs: known faults of releases, from the catalog's rows. Each has an example that is made of its row."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from efakit.catalog.instances import efa_table
from efakit.catalog.known_faults import FAULTS, RESOURCE, ReleaseFault
from efakit.catalog.stacks import OLDER_PARALLELCLUSTER_RELEASES, PARALLELCLUSTER_RELEASES, newest_parallelcluster
from efakit.rules.registry.examples import below
from efakit.rules.registry.row import Rule
from efakit.versions import newest, within

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUBNET = "subnet-0123456789abcdef0"
# What an example has where the row says no value, by the setting's last key that is a name.
_VALUES: Mapping[str, Any] = {
    "Pools": {"Name": "login", "Count": 1, "InstanceType": "m7i.large", "Networking": {"SubnetIds": [_SUBNET]}},
    "Database": {
        "Uri": "db.example.com:3306",
        "UserName": "slurm",
        "PasswordSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:slurm",
    },
    "SharedStorage": {"Name": "data", "MountDir": "/data", "StorageType": "Efs"},
    "DirectoryService": {
        "DomainName": "dc=example,dc=com",
        "DomainAddr": "ldaps://corp.example.com",
        "PasswordSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:reader",
        "DomainReadOnlyUser": "cn=reader,dc=example,dc=com",
    },
    "StorageCapacity": 1200,
    "KeyName": "another-key",
    "SecurityGroups": ["sg-0123456789abcdef0"],
    "CapacityReservationId": "cr-0123456789abcdef0",
    "Instances": [{"InstanceType": "p5.48xlarge"}],
}
# A value that is right, where another release than the fault's refuses the setting as such.
_RIGHT_VALUES = {"KeyName": "my-key"}
_HEADS = {"arm64": "m7g.2xlarge"}


def _rule(row: ReleaseFault) -> Rule:
    wrong, right = _example(row, right=False), _example(row, right=True)
    by_release = row.until is not None and not any(setting.keys[-1] in _RIGHT_VALUES for setting in row.settings)
    note = " Only the making of a new cluster is concerned." if row.creation_only else ""
    return Rule(
        row.id,
        room="config",
        severity=row.severity,
        what=f"The config is for ParallelCluster {_span(row)}{_on(row)}.",
        why=f"By a known fault, {row.effect}. To do: {row.fix}.{note}",
        source=row.source,
        wrong=wrong,
        right=wrong if by_release else right,
        given={"parallelcluster": _inside(row)},
        right_given={"parallelcluster": row.until} if by_release else None,
        vendor=row.vendor,
        stricter=_STRICTER if row.severity == "error" and not row.vendor else "",
        where=", ".join(row.instances.split()) if row.instances != "*" else "",
    )


_STRICTER = "pcluster does not look for it: the cluster would not be made, or its nodes would not come up"


def _span(row: ReleaseFault) -> str:
    if row.since and row.until:
        return f"{row.since} to before {row.until}"
    return f"before {row.until}" if row.until else f"{row.since} or later" if row.since else "of any release"


def _on(row: ReleaseFault) -> str:
    """Return in words on what a fault shows."""
    words = []
    if row.efa:
        words.append("nodes with EFA")
    if row.systems:
        words.append(f"the operating system {' or '.join(row.systems)}")
    if row.head:
        words.append("a head node without a GPU" if row.head == "no-gpu" else f"a head node with {row.head}")
    for setting in row.settings:
        keys = "/".join(key for key in setting.keys if key != "*")
        there = f"no {keys}" if setting.absent else f"{keys}: {setting.value}" if setting.value else keys
        words.append(there)
    return f", and has {', '.join(words)}" if words else ""


def _inside(row: ReleaseFault) -> str:
    known = [item.version for item in (*OLDER_PARALLELCLUSTER_RELEASES, *PARALLELCLUSTER_RELEASES)]
    there = newest(version for version in known if within(version, row.since, row.until))
    return there or row.since or (below(row.until) if row.until else newest_parallelcluster())


def _example(row: ReleaseFault, *, right: bool) -> str:
    """Return a config that has the fault; of a fault of every release, ``right`` is the config without it."""
    config: dict[str, Any] = {}
    if row.systems:
        config["Image"] = {"Os": "alinux2023" if right and row.head else row.systems[0]}
    if row.head in _HEADS:
        config["HeadNode"] = {"InstanceType": _HEADS[row.head]}
    resource: dict[str, Any] = {}
    if row.instances != "*":
        resource["InstanceType"] = "p5.48xlarge" if right and not row.settings else _sample(row.instances)
    missing = []
    for setting in row.settings:
        name = [key for key in setting.keys if key != "*"][-1]
        if setting.absent:
            if name == "InstanceType":
                missing.append(name)
            continue
        value: Any = setting.value or _VALUES.get(name, "true")
        if right:
            value = "false" if setting.of == RESOURCE else _RIGHT_VALUES.get(name, value)
        _put(resource if setting.of == RESOURCE else config, setting.keys, value)
    if resource or missing:
        below_queue = {**resource, **dict.fromkeys(missing)}
        scheduling = config.setdefault("Scheduling", {})
        scheduling["SlurmQueues"] = [{"ComputeResources": [below_queue]}]
    return "\n".join(_lines(config)) if config else "Region: us-east-1"


def _put(config: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    """Put a value into nested mappings; "*" is the one item of a list."""
    key, rest = keys[0], keys[1:]
    if not rest:
        config[key] = value
    elif rest == ("*",):
        config[key] = [value]
    elif rest[0] == "*":
        listed = config.setdefault(key, [{}])
        if _VALUES.get(key) and key == "Pools":
            listed[0] = {**_VALUES[key], **listed[0]}
        if key == "SharedStorage":
            kind = {"FsxLustreSettings": "FsxLustre"}.get(rest[1], "Efs")
            listed[0] = {**_VALUES[key], "StorageType": kind, **listed[0]}
        _put(listed[0], rest[1:], value)
    else:
        _put(config.setdefault(key, {}), rest, value)


def _lines(value: Any) -> list[str]:
    """Return a mapping as YAML's lines; None: the key is missing."""
    lines = []
    for key, inner in value.items():
        if inner is None:
            lines.append(f"# {key} is missing")
        elif isinstance(inner, dict):
            lines += [f"{key}:", *("  " + line for line in _lines(inner))]
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            first, *others = _lines(inner[0])
            lines += [f"{key}:", f"  - {first}", *("    " + line for line in others)]
        elif isinstance(inner, list):
            lines.append(f"{key}: [{', '.join(inner)}]")
        else:
            lines.append(f"{key}: {inner}")
    return lines


def _sample(patterns: str) -> str:
    names = sorted(efa_table())
    first = patterns.split()[0]
    if fnmatchcase("p5.48xlarge", first):
        return "p5.48xlarge"
    return next((name for name in names if fnmatchcase(name, first)), first.replace("*", "48xlarge"))


RULES = tuple(map(_rule, FAULTS))
