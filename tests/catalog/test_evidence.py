"""The catalog's rows say what their evidence says, and no more."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from efakit.catalog.evidence import KINDS, Evidence, entries, of_variable
from efakit.catalog.variables import rows
from efakit.rules.environment import within
from scripts.prove_rows import PROJECT, prove
from scripts.row_boundaries import Boundary, boundaries
from scripts.row_claims import CLAIMS, Document, Report
from scripts.tagged_text import SOURCES, Repository, Wheels

BOUNDARIES = list(boundaries())
TABLES = sorted({boundary.table for boundary in BOUNDARIES})


def evidence_of(boundary: Boundary) -> list[Evidence]:
    side = boundary.side if boundary.version else ""
    wanted = (boundary.row, boundary.name, boundary.component, side, boundary.version)
    return [
        entry
        for entry in entries(boundary.table)
        if (entry.row, entry.name, entry.component, entry.side, entry.version) == wanted
    ]


# In one test each: there are hundreds of boundaries, and to start a test takes longer than to look at one.
def test_each_boundary_has_evidence():
    without = [str(boundary) for boundary in BOUNDARIES if not evidence_of(boundary)]
    assert without == [], "run python -m scripts.prove_rows, which wants a claim in scripts/row_claims.py"


def test_each_boundary_proven_by_code_is_where_the_text_comes_or_goes():
    elsewhere = []
    for boundary in BOUNDARIES:
        if not boundary.version or boundary.component not in SOURCES:
            continue
        source = SOURCES[boundary.component]
        for entry in evidence_of(boundary):
            if entry.kind != "code" or entry.address != source.repository or not entry.tag_without:
                continue
            versions = [version_of(boundary.component, tag) for tag in (entry.tag_with, entry.tag_without)]
            older, newer = versions if within(versions[0], None, versions[1]) else versions[::-1]
            if not (within(older, None, boundary.version) and within(newer, boundary.version, None)):
                elsewhere.append(f"{boundary}: {older} to {newer}")
    assert elsewhere == []


def version_of(component: str, tag: str) -> str:
    match = re.fullmatch(SOURCES[component].tag, tag)
    return match.group(1).replace("-", ".") if match else tag


@pytest.mark.parametrize("table", TABLES)
def test_no_evidence_is_of_a_boundary_that_no_row_has(table: str):
    proven = {entry for boundary in BOUNDARIES if boundary.table == table for entry in evidence_of(boundary)}
    assert set(entries(table)) == proven


@pytest.mark.parametrize("table", TABLES)
def test_every_entry_is_of_a_kind_and_says_where(table: str):
    for entry in entries(table):
        assert entry.kind in KINDS
        assert entry.why or entry.file or entry.address.startswith("https://")


def test_evidence_in_our_own_code_is_in_this_commit():
    own = [entry for table in TABLES for entry in entries(table) if entry.file and not entry.address]
    assert own
    for entry in own:
        assert re.search(entry.pattern, (PROJECT / entry.file).read_text(encoding="utf-8"))
        assert str(entry) == f"code: {entry.file} of efakit itself"


def test_an_error_is_proven_by_code_or_by_a_report_that_shows_the_failure():
    doubtful = [
        str(boundary)
        for boundary in BOUNDARIES
        if boundary.side == "fact" and not {entry.kind for entry in evidence_of(boundary)} & {"code", "report"}
    ]
    assert doubtful == []


def test_every_row_of_severity_error_has_its_fact_proven():
    errors = {(row.id, row.name) for row in rows() if row.severity == "error"}
    proven = {(entry.row, entry.name) for entry in entries("variables") if not entry.component}
    assert errors == proven


def test_a_row_without_boundaries_stands_in_a_document():
    row = next(row for row in rows() if not row.since and not row.until and row.severity != "error")
    assert of_variable(row) == []
    assert row.source.startswith("https://")


def test_every_claim_is_about_some_boundary():
    from scripts.prove_rows import is_about

    idle = [claim for claim in CLAIMS if not any(is_about(claim, boundary) for boundary in BOUNDARIES)]
    assert idle == []


# What the script finds out, on a small repository.
BOUNDARY = Boundary("variables", "x", "X", "https://example.org", "plugin", "since", "1.2.0", ("1.2.0", None))


@pytest.fixture
def repository(tmp_path: Path):
    """Return a function that makes a repository with a text at each release, and opens it."""

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def make(**texts: str) -> Repository:
        git("init", "-q")
        for tag, text in texts.items():
            (tmp_path / "file.c").write_text(text)
            git("add", "-A")
            git("commit", "-q", "--allow-empty", "-m", tag)
            git("tag", tag.replace("_", "."))
        return Repository(tmp_path / ".git", r"v(\d+\.\d+\.\d+)", "1.0.0")

    return make


def test_what_our_own_code_does_not_say_is_not_proven(monkeypatch):
    from scripts import prove_rows
    from scripts.row_claims import Claim, Own

    monkeypatch.setattr(prove_rows, "CLAIMS", (Claim("x", Own("pyproject.toml", "no such text here")),))
    tables, [fault] = prove([BOUNDARY], {}, {})
    assert tables["variables"] == []
    assert "'no such text here' is not in pyproject.toml" in fault


def proven(repository: Repository, boundary: Boundary, monkeypatch, pattern: str = "new"):
    from scripts import prove_rows
    from scripts.row_claims import Claim, Text

    monkeypatch.setattr(prove_rows, "CLAIMS", (Claim("x", Text("file.c", pattern)),))
    return prove([boundary], {"plugin": repository}, {})


def test_a_boundary_is_proven_where_the_text_comes(repository, monkeypatch):
    tables, faults = proven(repository(v1_1_0="old", v1_2_0="new", v1_3_0="new"), BOUNDARY, monkeypatch)
    assert faults == []
    [entry] = tables["variables"]
    assert (entry["with"], entry["without"], entry["file"]) == ("v1.2.0", "v1.1.0", "file.c")


def test_a_boundary_is_proven_where_the_text_goes(repository, monkeypatch):
    tables, faults = proven(repository(v1_1_0="old", v1_2_0="new"), BOUNDARY, monkeypatch, "old")
    assert faults == []
    assert (tables["variables"][0]["with"], tables["variables"][0]["without"]) == ("v1.1.0", "v1.2.0")


def test_a_boundary_one_release_off_is_not_proven(repository, monkeypatch):
    _, faults = proven(repository(v1_1_0="old", v1_2_0="old", v1_3_0="new"), BOUNDARY, monkeypatch)
    assert len(faults) == 1
    assert "+v1.3.0" in faults[0]


def test_a_fix_that_a_newer_release_lacks_is_found_out(repository, monkeypatch):
    # Picked onto the branch of 1.2 after 1.3.0 had come out.
    releases = repository(v1_1_0="old", v1_3_0="old", v1_2_0="new", v1_3_1="new")
    tables, faults = proven(releases, BOUNDARY, monkeypatch)
    assert tables["variables"] == []
    assert "changes again within the row: +v1.2.0, -v1.3.0, +v1.3.1" in faults[0]


def test_a_change_behind_the_end_of_the_row_is_none_of_its(repository, monkeypatch):
    boundary = BOUNDARY._replace(span=("1.2.0", "1.3.0"))
    _, faults = proven(repository(v1_1_0="old", v1_2_0="new", v1_3_0="old"), boundary, monkeypatch)
    assert faults == []


def test_a_boundary_without_a_claim_is_a_fault():
    _, faults = prove([BOUNDARY._replace(row="nobody-knows")], {}, {})
    assert "no claim" in faults[0]


def test_a_source_that_is_not_given_keeps_its_entry(monkeypatch):
    from scripts import prove_rows
    from scripts.row_claims import Claim, Text

    monkeypatch.setattr(prove_rows, "CLAIMS", (Claim("x", Text("file.c", "new")),))
    kept = {**BOUNDARY.head(), "kind": "code", "with": "v1.2.0"}
    assert prove([BOUNDARY], {}, {"variables": [kept]})[0] == {"variables": [kept]}
    assert "--plugin is not given" in prove([BOUNDARY], {}, {})[1][0]


def test_an_entry_that_cannot_be_proven_again_is_kept_and_told(repository, monkeypatch):
    from scripts import prove_rows
    from scripts.row_claims import Claim, Text

    monkeypatch.setattr(prove_rows, "CLAIMS", (Claim("x", Text("file.c", "new")),))
    kept = {**BOUNDARY.head(), "kind": "code", "with": "v1.2.0", "without": "v1.1.0"}
    releases = repository(v1_1_0="old", v1_2_0="old")
    tables, faults = prove([BOUNDARY], {"plugin": releases}, {"variables": [kept]})
    assert tables == {"variables": [kept]}
    assert len(faults) == 1


def test_a_copy_of_a_source_without_the_releases_of_an_entry_replaces_nothing(repository, monkeypatch):
    from scripts import prove_rows
    from scripts.row_claims import Claim, Text

    monkeypatch.setattr(prove_rows, "CLAIMS", (Claim("x", Text("file.c", "new")),))
    fact = BOUNDARY._replace(component="", side="fact", version="", span=(None, None))
    monkeypatch.setattr(prove_rows, "CLAIMS", (Claim("x", Text("file.c", "new", "plugin")),))
    kept = {**fact.head(), "kind": "code", "with": "v1.9.0"}
    edge = {**BOUNDARY.head(), "kind": "code", "with": "v1.2.0", "without": "v1.1.0"}
    assert prove([fact], {}, {"variables": [edge, kept]}) == ({"variables": [kept]}, [])
    releases = repository(v1_1_0="old", v1_2_0="new")
    assert prove([fact], {"plugin": releases}, {"variables": [kept]}) == ({"variables": [kept]}, [])
    assert prove([fact], {"plugin": releases}, {})[0]["variables"][0]["with"] == "v1.2.0"


def test_the_releases_of_a_project_stand_in_the_order_of_versions(repository, tmp_path):
    opened = repository(v1_10_0="b", v1_9_0="a", v0_9_0="too old", other="no release")
    assert [release.tag for release in opened.releases()] == ["v1.9.0", "v1.10.0"]
    for version in ("3.9.0", "3.14.0"):
        (tmp_path / f"aws_parallelcluster-{version}-py3-none-any.whl").touch()
    assert [release.version for release in Wheels(tmp_path, "aws_parallelcluster").releases()] == ["3.9.0", "3.14.0"]


def test_documents_and_reports_have_public_addresses():
    for claim in CLAIMS:
        if isinstance(claim.proof, (Document, Report)) and claim.proof.address:
            assert claim.proof.address.startswith("https://")
