"""The rooms of ``src/efakit``, from the ground up: what lives in each, and what it may import.

What stands in no row is forbidden. ``lint-imports`` holds this table (scripts/walls.py), ``make check`` reads from it
which rooms must run on a compute node, and docs/architecture.md shows it (``python -m scripts.renew_golden``).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

_ON_NODES = "standard library, Python 3.9"
PACKAGE = Path(__file__).resolve().parents[1] / "src" / "efakit"


class Room(NamedTuple):
    """A folder of ``src/efakit``. It may import the ground and the rooms ``may_import``, which all stand above it."""

    name: str
    holds: str
    may_import: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    """What it may import beside the standard library."""
    on_nodes: bool = False
    """Whether it runs on compute nodes too: Python 3.9, with the standard library alone."""
    carried: bool = False
    """Whether it runs there in one file together with its packages: Python 3.9."""


# Modules that belong to no room, as far as they are there. Every room may import them, and they import no room.
GROUND = ("finding", "versions", "errors", "printable", "bytecode", "inputs", "nearness")

# What renders to different places. A room may have modules of each (ROOM/PLATFORM/, ROOM/PLATFORM_more.py).
_PLANNED = ("parallelcluster", "pcs", "hyperpod", "eks", "dstack", "sagemaker")
PLATFORMS = tuple(dict.fromkeys((*_PLANNED, *(path.parent.name for path in PACKAGE.glob("spec/*/__init__.py")))))

_ROOMS = (
    Room(
        "catalog",
        "facts as rows, and small typed loaders: instance types, software stacks, variables, counters, thresholds",
        on_nodes=True,
    ),
    Room(
        "node",
        "reads a node: devices, counters, software, limits; bounded children for what may hang; the record's format",
        on_nodes=True,
    ),
    Room(
        "slurm",
        "what Slurm knows: nodes, partitions, jobs, its configuration; submits: pyslurm, or Slurm's commands",
        packages=("pyslurm",),
    ),
    Room(
        "vendor",
        "the edge to AWS and to vendors' tools: simulated account, pcluster's validators, other judges, EC2, S3",
        ("catalog",),
        (
            *(
                "boto3",
                "botocore",
                "cfnlint",
                "dockerfile",
                "dstack",
                "jsonschema",
                "kubeflow_trainer_api",
                "kubernetes_validate",
            ),
            *("moto", "pcluster", "yaml"),
        ),
    ),
    Room("rules", "pure evaluation of the catalog's rows; the registry of rules", ("catalog",), on_nodes=True),
    Room("spec", "JSON Schema, loading with line numbers, frozen dataclasses", ("catalog",), ("jsonschema", "yaml")),
    Room(
        "hook",
        "prolog, epilog, task prolog, health check: checks, policy, spool, publishing",
        ("node", "rules", "catalog"),
        on_nodes=True,
    ),
    Room(
        "lint",
        "findings in cluster configs (`config/`), scripts and env files (`script/`), Dockerfiles (`dockerfile/`), "
        "eksctl configs and manifests of Kubernetes (`manifest/`), ours or anybody's; edits",
        ("rules", "catalog"),
        ("tree_sitter", "tree_sitter_bash", "yaml"),
    ),
    Room("plan", "pure decisions, each with its reason", ("spec", "rules", "catalog")),
    Room(
        "emit",
        "pure: plan to text; one module a target, no target knows another",
        ("plan", "spec", "catalog"),
        ("jinja2", "yaml"),
    ),
    Room(
        "validate",
        "judges specs, configs and scripts: efakit's rules, vendors' judges",
        ("spec", "plan", "emit", "lint", "vendor", "rules", "catalog"),
    ),
    Room("jobs", "the records: reading, verdicts, what stands out", ("node", "rules", "catalog"), ("msgspec",)),
    Room(
        "store",
        "records and verdicts in Parquet, and queries over all jobs",
        ("jobs", "node", "rules", "catalog"),
        ("duckdb", "msgspec", "pyarrow"),
    ),
    Room(
        "diagnose",
        "why, and what next: causes from record, script, environment and log",
        ("jobs", "lint", "slurm", "rules", "catalog"),
        ("re2",),
    ),
    Room(
        "doctor",
        "what a node and a cluster must have, and what mends it",
        ("spec", "slurm", "hook", "node", "rules", "catalog"),
    ),
    Room(
        "submit",
        "looks before a job, submits, waits",
        ("spec", "plan", "emit", "lint", "doctor", "jobs", "diagnose", "slurm", "rules", "catalog"),
    ),
    Room(
        "report",
        "shows what jobs/ and diagnose/ found: text, JSON, CSV; pages in `html/`",
        ("diagnose", "jobs", "catalog"),
        ("jinja2", "markupsafe"),
    ),
    Room("exporter", "Prometheus metrics of a node", ("node", "hook", "catalog"), ("prometheus_client",), carried=True),
    Room(
        "top",
        "live throughput of nodes and devices, from exporters or this node's counters",
        ("exporter", "node", "hook", "catalog"),
        ("rich",),
    ),
)
_CLI = Room(
    "cli",
    "click commands, one file each, imported only when called: parse, call one function, print",
    tuple(room.name for room in _ROOMS),
    ("click", "rich", "yaml"),
)
ROOMS = {room.name: room for room in (*_ROOMS, _CLI)}


def rooms_there(package: Path = PACKAGE) -> list[Room]:
    """Return the rooms that have a folder already, in the order of the table."""
    return [room for room in ROOMS.values() if (package / room.name / "__init__.py").is_file()]


def ground_there(package: Path = PACKAGE) -> list[Path]:
    """Return the modules of the ground that exist already."""
    return [module for name in GROUND if (module := package / f"{name}.py").is_file()]


def on_nodes(package: Path = PACKAGE) -> list[Path]:
    """Return what runs on compute nodes too: the ground, and some rooms."""
    there = (room for room in rooms_there(package) if room.on_nodes or room.carried)
    return [*ground_there(package), *(package / room.name for room in there)]


def architecture_table() -> str:
    """Return the table of docs/architecture.md."""
    lines = ["| room `src/efakit/...` | what lives there | may import | packages |", "|---|---|---|---|"]
    ground = ", ".join(module.name for module in ground_there())
    lines.append(f"| {ground} | the ground: every room may import it | - | {_ON_NODES} |")
    here = rooms_there()
    names = {room.name for room in here}
    for room in here:
        allowed = [name for name in room.may_import if name in names]
        listed = "all" if len(allowed) == len(names) - 1 else ", ".join(allowed) or "-"
        packages = ", ".join(room.packages) or (_ON_NODES if room.on_nodes else "-")
        lines.append(f"| {room.name}/ | {room.holds} | {listed} | {packages} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    # For `make check`: what must run on Python 3.9.
    sys.stdout.write("".join(f"{path.relative_to(PACKAGE.parents[1])}\n" for path in on_nodes()))
