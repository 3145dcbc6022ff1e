#!/usr/bin/env python3
"""Write the catalog of environment variables that really exist, with their life spans, from git tags.

    python -m scripts.harvest_names --nccl DIR --plugin DIR --libfabric DIR --nvshmem DIR

Each DIR is a git directory (a clone, or a bare one) with all tags of NVIDIA/nccl, aws/aws-ofi-nccl, ofiwg/libfabric and
NVIDIA/nvshmem. A component that is not given keeps the rows that it has. What no repository tells comes from
names_by_hand.json beside this file. The result is src/efakit/catalog/variable_names.json: read the diff.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
CATALOG = REPOSITORY / "src" / "efakit" / "catalog" / "variable_names.json"
BY_HAND = Path(__file__).resolve().with_name("names_by_hand.json")
CODE = (".c", ".cc", ".cpp", ".cu", ".h", ".hpp")

Row = tuple[str, str, str | None, str | None]


class Repository(NamedTuple):
    """Where one component keeps its variables: tags (the release is group 1), the oldest looked at, folders."""

    tag: str
    oldest: str
    folders: tuple[str, ...]
    names: Callable[[str], set[str]]
    source: str


def nccl_names(text: str) -> set[str]:
    """Return the variables that a file of NCCL reads: its parameter macros, and names that are whole literals."""
    found = {"NCCL_" + name for name in re.findall(r'(?<!_)NCCL_PARAM\(\s*\w+\s*,\s*"([A-Z0-9_]+)"', text)}
    found |= set(re.findall(r"DEFINE_NCCL_PARAM\(\s*\w+\s*,[^,]+,\s*(NCCL_[A-Z0-9_]+)\s*,", text))
    literals = set(re.findall(r'"(NCCL_[A-Z0-9_]+)"', text))
    return found | {name for name in literals if not name.endswith(("_INITIALIZER", "_"))}


def plugin_names(text: str) -> set[str]:
    """Return the variables that a file of aws-ofi-nccl reads; one declared as removed is not read any more."""
    macro = r'OFI_NCCL_PARAM_?(?!REMOVED|VALUE_SET)[A-Z]*\(\s*[^;"]*?"([A-Z0-9_]+)"'
    found = {"OFI_NCCL_" + name for name in re.findall(macro, text)}
    found |= set(re.findall(r'getenv\(\s*"(OFI_[A-Z0-9_]+)"', text))
    return {name for name in found if not name.endswith("_")}  # the macros' own definitions


# Providers that matter on EC2, by the variable that holds them in the source; all others are open-ended.
PROVIDERS = {
    "NULL": "FI_",
    "&core_prov": "FI_",
    "&efa_prov": "FI_EFA_",
    "&rxr_prov": "FI_EFA_",
    "&smr_prov": "FI_SHM_",
    "&sm2_prov": "FI_SM2_",
    "&tcpx_prov": "FI_TCP_",
    "&xnet_prov": "FI_TCP_",
    "&rxm_prov": "FI_OFI_RXM_",
    "&rxd_prov": "FI_OFI_RXD_",
    "&udpx_prov": "FI_UDP_",
    "&sock_prov": "FI_SOCKETS_",
    "&lnx_prov": "FI_LNX_",
}


def libfabric_names(text: str) -> set[str]:
    """Return the variables that a file of libfabric registers, or asks for itself, but not only to refuse them."""
    pairs = re.findall(r'fi_param_define\(\s*(&?\w+)\s*,\s*"(\w+)"', text)
    found = {PROVIDERS[provider] + name.upper() for provider, name in pairs if provider in PROVIDERS}
    asked = set(re.findall(r'getenv\(\s*"(FI_[A-Z0-9_]+)"', text))
    return found | asked - set(re.findall(r'getenv\("(FI_[A-Z0-9_]+)"\)\) \{[^}]*deprecated', text))


def nvshmem_names(text: str) -> set[str]:
    """Return the variables that a file of NVSHMEM defines."""
    return {"NVSHMEM_" + name for name in re.findall(r"^NVSHMEMI_ENV_DEF\(\s*([A-Z0-9_]+)\s*,", text, re.MULTILINE)}


REPOSITORIES = {
    "nccl": Repository(
        r"v(\d+\.\d+\.\d+)-\d+",
        "2.17.1",
        ("src", "plugins", "ext-env", "ext-net", "ext-profiler", "ext-tuner"),
        nccl_names,
        "https://github.com/NVIDIA/nccl",
    ),
    "plugin": Repository(
        r"v(\d+\.\d+\.\d+)(?:-aws)?", "1.5.0", ("include", "src"), plugin_names, "https://github.com/aws/aws-ofi-nccl"
    ),
    "libfabric": Repository(
        r"v(\d+\.\d+\.\d+)", "1.11.0", ("src", "prov"), libfabric_names, "https://github.com/ofiwg/libfabric"
    ),
    "nvshmem": Repository(
        r"v(\d+\.\d+\.\d+)-\d+", "3.4.5", ("src",), nvshmem_names, "https://github.com/NVIDIA/nvshmem"
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for component in REPOSITORIES:
        parser.add_argument(f"--{component}", metavar="DIR", help=f"git directory of {REPOSITORIES[component].source}")
    given = vars(parser.parse_args())
    old = json.loads(CATALOG.read_text(encoding="utf-8")) if CATALOG.exists() else {"components": {}, "names": []}
    by_hand = json.loads(BY_HAND.read_text(encoding="utf-8"))
    components: dict[str, Any] = {}
    rows: list[Row] = []
    for component, repository in REPOSITORIES.items():
        if given[component]:
            releases = list(harvest(given[component], repository))
            components[component] = {
                "source": repository.source,
                "oldest": releases[0][0],
                "newest": releases[-1][0],
            }
            rows += life_spans(component, releases)
        else:
            components[component] = old["components"][component]
            rows += [tuple(row) for row in old["names"] if row[1] == component and row[0] not in by_hand["ended"]]
    for component, part in by_hand["components"].items():
        components.setdefault(component, {"source": part["source"], "oldest": None, "newest": None})
        there = {row[0] for row in rows if row[1] == component}
        rows += [(name, component, None, None) for name in part["names"] if name not in there]
    # Names that ended before the oldest release that is looked at: each until the first tag that has it no more.
    named = {row[0] for row in rows}
    rows += [(name, of, None, until) for name, (of, until) in by_hand["ended"].items() if name not in named]
    CATALOG.write_text(as_text(components, by_hand["open_ended"], rows), encoding="utf-8")
    print(f"{len(rows)} names of {len(components)} components")


def harvest(directory: str, repository: Repository) -> Iterator[tuple[str, set[str]]]:
    """Give each release, the oldest first, with the names that it has; of several tags of one, the last counts."""
    tags: dict[tuple[int, ...], str] = {}
    for tag in sorted(git(directory, "tag").decode().split()):
        match = re.fullmatch(repository.tag, tag)
        if match and number(match.group(1)) >= number(repository.oldest):
            tags[number(match.group(1))] = tag
    for release in sorted(tags):
        yield ".".join(map(str, release)), names_at(directory, tags[release], repository)


def names_at(directory: str, tag: str, repository: Repository) -> set[str]:
    """Return the names that a tag's code has."""
    there = git(directory, "ls-tree", "--name-only", tag).decode().split()
    folders = [folder for folder in repository.folders if folder in there]
    found: set[str] = set()
    with tarfile.open(fileobj=io.BytesIO(git(directory, "archive", tag, *folders))) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(CODE):
                content = archive.extractfile(member)
                found |= repository.names(content.read().decode(errors="replace")) if content else set()
    return found


def life_spans(component: str, releases: list[tuple[str, set[str]]]) -> list[Row]:
    """Return a row for each name: the first release that has it, and the first that has it no more."""
    rows: list[Row] = []
    for name in sorted(set().union(*(names for _, names in releases))):
        having = [place for place, (_, names) in enumerate(releases) if name in names]
        first, last = having[0], having[-1]
        if len(having) != last - first + 1:
            print(f"{component}: {name} has gaps between {releases[first][0]} and {releases[last][0]}", file=sys.stderr)
        since = releases[first][0] if first else None
        until = releases[last + 1][0] if last + 1 < len(releases) else None
        rows.append((name, component, since, until))
    return rows


def as_text(components: dict[str, Any], open_ended: list[Any], rows: list[Row]) -> str:
    """Return the file: one row a line, so that a diff can be read."""
    order = list(components)
    lines = [json.dumps(row) for row in sorted(rows, key=lambda row: (order.index(row[1]), row[0]))]
    parts = [f"  {json.dumps(name)}: {json.dumps(part)}" for name, part in components.items()]
    return (
        '{\n"components": {\n'
        + ",\n".join(parts)
        + '\n},\n"open_ended": [\n  '
        + ",\n  ".join(json.dumps(item) for item in open_ended)
        + '\n],\n"names": [\n  '
        + ",\n  ".join(lines)
        + "\n]\n}\n"
    )


def number(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))


def git(directory: str, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", directory, *arguments], check=True, capture_output=True).stdout


if __name__ == "__main__":
    main()
