"""Findings and severities: one shape for every room, ordered by weight, JSON in and out."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise, permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efakit.finding import ERROR, INFO, NOWHERE, WARNING, Finding, Place, Severity

SOURCE = Path(__file__).resolve().parents[2] / "src"
NAMES = st.text(min_size=1, max_size=10)
FINDINGS = st.builds(
    Finding,
    NAMES,
    st.sampled_from(["info", "warning", "error"]),
    NAMES,
    place=st.builds(Place, st.text(max_size=10), st.integers(1, 99), st.integers(1, 99)),
    fix=st.text(max_size=10),
    source=st.text(max_size=10),
    mendable=st.booleans(),
    about=st.lists(NAMES, max_size=3).map(tuple),
)


def test_severities_are_ordered_by_weight():
    for given_ in permutations((INFO, WARNING, ERROR)):
        assert sorted(given_) == [INFO, WARNING, ERROR]
    assert all(one < other and other > one and one <= one >= one for one, other in pairwise((INFO, WARNING, ERROR)))
    assert "info" < WARNING < "error"
    assert ERROR >= "warning"


def test_a_severity_is_its_word():
    assert ERROR == "error"
    assert json.dumps(ERROR) == '"error"'
    assert f"{ERROR:<8}|" == "error   |"
    assert {"error": 1}[ERROR] == 1


@pytest.mark.parametrize("word", ["", "Error", "ok", "fatal"])
def test_another_word_is_no_severity(word):
    with pytest.raises(ValueError, match="info, warning or error"):
        Severity(word)
    with pytest.raises(ValueError, match="info, warning or error"):
        Finding("x", word, "x")


@given(FINDINGS)
def test_a_finding_survives_json(finding):
    assert Finding.from_data(json.loads(json.dumps(finding.as_data()))) == finding


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"rule": "x", "severity": "error"},
        {"rule": "x", "severity": "bad", "message": "x"},
        {"rule": "x", "severity": "error", "message": 3},
        {"rule": "x", "severity": "error", "message": "x", "line": "3"},
        {"rule": "x", "severity": "error", "message": "x", "line": True},
        {"rule": "x", "severity": "error", "message": "x", "about": "y"},
        {"rule": "x", "severity": "error", "message": "x", "fix": None},
    ],
)
def test_what_is_no_finding_is_refused(data):
    with pytest.raises(ValueError, match=r"finding|severity"):
        Finding.from_data(data)


def test_a_record_s_finding_is_one():
    finding = Finding.from_data({"rule": "devices-missing", "severity": "error", "message": "15 of 16"})
    assert (finding.place, finding.fix, finding.mendable) == (NOWHERE, "", False)


def test_a_place_is_shown_as_far_as_it_is_known():
    assert [str(place) for place in (Place("a", 3, 4), Place("a", 3), Place("a"))] == ["a:3:4", "a:3", "a"]


def test_a_finding_with_edits_is_mendable():
    assert Finding("x", "info", "x", edits=((0, 1, b""),)).mendable
    assert not Finding("x", "info", "x").mendable
    assert Finding("x", "info", "x").replaced(severity="error", message="y") == Finding("x", "error", "y")


def test_it_imports_nothing():
    code = "import sys; before = set(sys.modules); import efakit.finding; print(*sorted(set(sys.modules) - before))"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"__future__", "efakit", "efakit.finding"}
