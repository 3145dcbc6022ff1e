#!/usr/bin/env python3
"""Prove the boundaries of the catalog's rows by text at git tags, and write src/efakit/catalog/evidence.json.

    python -m scripts.prove_rows --plugin DIR --libfabric DIR --nccl DIR --slurm DIR --driver DIR --parallelcluster DIR

Each DIR is a git directory (a clone, or a bare one) with all tags of aws/aws-ofi-nccl, ofiwg/libfabric, NVIDIA/nccl,
SchedMD/slurm, amzn/amzn-drivers, and for lines of logs open-mpi/ompi, NVIDIA/pyxis, NVIDIA/enroot, NVIDIA/nvshmem and
ai-dynamo/nixl (--ompi, --pyxis, --enroot, --nvshmem, --nixl); of ParallelCluster it is a folder with its wheels, which
``pip download --no-deps aws-parallelcluster==X`` fetches. What needs a source that is not given, or is a copy without
the releases of the entry, keeps the entry that it has; so does what is not proven any more, which is told. With
``--check`` nothing is written, and the exit code is 1 where something would change.

What to look for stands in row_claims.py. A boundary is proven where the text changes between the releases on its two
sides, in the order of versions, and does not change again up to the other end of its row. So a fix that was picked onto
an older branch, and is not in the newer releases that came out before it, is found out.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from efakit.catalog.minimums import MINIMUMS
from efakit.catalog.stacks import EFA_INSTALLERS
from efakit.versions import within
from scripts.row_boundaries import EDGES, Boundary, boundaries
from scripts.row_claims import CLAIMS, Claim, Own, Rows, Text
from scripts.tagged_text import SOURCES, Releases

PROJECT = Path(__file__).resolve().parent.parent
CATALOG = PROJECT / "src" / "efakit" / "catalog" / "evidence.json"
Entry = dict[str, Any]


# Of these rows the evidence names the first release too: logs come from old software.
_TOLD_FIRST = ("log_lines",)


class NotProven(Exception):
    """A boundary that its claim does not prove, or that has no claim."""


class State(NamedTuple):
    """Whether a release has the text: the file that has it, or None."""

    version: str
    tag: str
    file: str | None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for component, source in SOURCES.items():
        what = "git directory" if source.tag else "folder with wheels"
        parser.add_argument(f"--{component}", metavar="DIR", type=Path, help=f"{what} of {source.repository}")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where something would change")
    given = vars(parser.parse_args())
    opened = {name: source.open(given[name]) for name, source in SOURCES.items() if given[name] is not None}
    old = CATALOG.read_text(encoding="utf-8") if CATALOG.exists() else '{"rows": {}}'
    tables, faults = prove(boundaries(), opened, json.loads(old)["rows"])
    for fault in faults:
        print(fault, file=sys.stderr)
    text = as_text(tables)
    if not given["check"]:
        CATALOG.write_text(text, encoding="utf-8")
    kinds = collections.Counter(entry["kind"] for entries in tables.values() for entry in entries)
    print(", ".join(f"{kind}: {count}" for kind, count in kinds.most_common()))
    return 1 if faults or (given["check"] and text != old) else 0


def prove(
    wanted: Iterable[Boundary], opened: Mapping[str, Releases], kept: Mapping[str, Sequence[Entry]]
) -> tuple[dict[str, list[Entry]], list[str]]:
    """Return the evidence of every boundary by table, and what is not proven."""
    tables: dict[str, list[Entry]] = {}
    faults = []
    for boundary in wanted:
        entries = tables.setdefault(boundary.table, [])
        try:
            entry = _evidence(boundary, opened, kept.get(boundary.table, ()))
        except NotProven as error:
            faults.append(f"{boundary}: {error}")
            entry = _kept(boundary, kept.get(boundary.table, ()))
            if entry is None:
                continue
        if entry not in entries:
            entries.append(entry)
    return tables, faults


def _evidence(boundary: Boundary, opened: Mapping[str, Releases], kept: Sequence[Entry]) -> Entry:
    claim = next((claim for claim in CLAIMS if is_about(claim, boundary)), None)
    if claim is None:
        raise NotProven("no claim about it in row_claims.py")
    head, proof = boundary.head(), claim.proof
    if isinstance(proof, Rows):
        return {**head, "kind": "rows", "why": _follows(boundary)}
    if isinstance(proof, Own):
        if re.search(proof.pattern, (PROJECT / proof.file).read_text(encoding="utf-8")) is None:
            raise NotProven(f"{proof.pattern!r} is not in {proof.file}")
        return {**head, "kind": "code", "pattern": proof.pattern, "file": proof.file}
    if not isinstance(proof, Text):
        return {**head, "kind": type(proof).__name__.lower(), "address": proof.address or boundary.source}
    component = proof.component or boundary.component
    entry = _kept(boundary, kept)
    if component in opened and (entry is None or _can_be_seen(entry, opened[component])):
        return {**head, **_found(boundary, proof, component, opened[component])}
    if entry is None:
        raise NotProven(f"--{component} is not given, and there is no entry of it yet")
    return entry


def _kept(boundary: Boundary, kept: Sequence[Entry]) -> Entry | None:
    """Return the entry that a boundary has already; that of a fact names no component."""
    head = boundary.head()
    same = (entry for entry in kept if ("component" in entry) == ("component" in head))
    return next((entry for entry in same if head.items() <= entry.items()), None)


def _can_be_seen(entry: Entry, releases: Releases) -> bool:
    """Return whether a source has the releases of an entry: an older copy of it proves nothing about them."""
    tags = {tag for _, tag in releases.releases()}
    return {entry[side] for side in ("with", "without") if side in entry} <= tags


def is_about(claim: Claim, boundary: Boundary) -> bool:
    pairs = (
        (claim.table, boundary.table),
        (claim.row, boundary.row),
        (claim.name, boundary.name),
        (claim.component, boundary.component),
        (claim.side, boundary.side),
        (claim.version, boundary.version),
    )
    return all(fnmatchcase(value, pattern) for pattern, value in pairs)


def _found(boundary: Boundary, proof: Text, component: str, releases: Releases) -> Entry:
    """Return where the text comes or goes; for what is no boundary of the component, the newest release that has it."""
    states = [State(version, tag, _file_with(proof, tag, releases)) for version, tag in releases.releases()]
    entry = {
        "kind": "document" if proof.document else "code",
        "repository": SOURCES[component].repository,
        "pattern": proof.pattern,
    }
    if boundary.side not in EDGES or component != boundary.component or proof.document:
        newest = next((state for state in reversed(states) if state.file is not None), None)
        if newest is None:
            raise NotProven(f"{proof.pattern!r} is in no {proof.files} of any release")
        found = {**entry, "file": newest.file, "with": newest.tag}
        first = next(state for state in states if state.file is not None)
        return {**found, "first": first.tag} if boundary.table in _TOLD_FIRST else found
    before = [state for state in states if within(state.version, None, boundary.version)]
    after = states[len(before) :]
    if not before or not after:
        raise NotProven("none of the releases that were looked at is on its other side")
    if bool(before[-1].file) == bool(after[0].file):
        raise NotProven(f"{proof.pattern!r} changes at {_edges(states) or 'no release'}")
    inside = [state for state in (before if boundary.side == "until" else after) if boundary.holds_at(state.version)]
    if len({bool(state.file) for state in inside}) > 1:
        raise NotProven(f"{proof.pattern!r} changes again within the row: {_edges(states)}")
    there, gone = sorted((before[-1], after[0]), key=lambda state: state.file is None)
    return {**entry, "file": there.file, "with": there.tag, "without": gone.tag}


def _file_with(proof: Text, tag: str, releases: Releases) -> str | None:
    """Return the first file of a release that has the text."""
    globs = proof.files.split()
    pattern = re.compile(proof.pattern, re.DOTALL | re.MULTILINE)
    files = (path for path in releases.files(tag) if any(fnmatchcase(path, glob) for glob in globs))
    return next((path for path in files if pattern.search(releases.text(tag, path))), None)


def _edges(states: Sequence[State]) -> str:
    pairs = itertools.pairwise(states)
    return ", ".join(f"{'+' if new.file else '-'}{new.tag}" for old, new in pairs if bool(old.file) != bool(new.file))


def _follows(boundary: Boundary) -> str:
    """Return from which rows an installer's boundary follows; raise NotProven where another one does."""
    least = next((row.least for row in MINIMUMS if (row.component, row.instances) == ("plugin", boundary.name)), None)
    if least is None:
        least = next(row.least for row in MINIMUMS if row.component == "plugin" and boundary.name[:3] in row.instances)
    brings = (row for row in EFA_INSTALLERS if row.plugin not in (None, "none") and within(row.plugin, least, None))
    first = next(brings, None)
    if first is None or first.version != boundary.version:
        raise NotProven(f"the first known to bring aws-ofi-nccl {least} is {first and first.version}")
    return f"the first EFA installer known to bring aws-ofi-nccl {least}"


def as_text(tables: Mapping[str, Sequence[Entry]]) -> str:
    """Return the file's text, one entry a line."""
    parts = []
    for table, entries in tables.items():
        lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
        parts.append(f'"{table}": [\n{lines}\n]')
    return '{"rows": {\n' + ",\n".join(parts) + "\n}}\n"


if __name__ == "__main__":
    sys.exit(main())
