"""The fault matrix: the built hook with something broken around it, one row a case. What needs mounts is apart."""

from __future__ import annotations

import pytest

from tests.hook.faults import broken_settings, environments, keeping, lives, mounts, reading, shortage
from tests.hook.faults.story import Case, play

pytestmark = pytest.mark.thorough

TABLES = {
    "reading": reading.CASES,
    "lives": lives.CASES,
    "keeping": keeping.CASES,
    "environment": environments.CASES,
    "settings": broken_settings.CASES,
    "shortage": shortage.CASES,
}
ROWS = [pytest.param(case, id=f"{table}: {case.name}") for table, cases in TABLES.items() for case in cases]
LEAST_CASES = 60


@pytest.mark.parametrize("case", ROWS)
def test_the_job_is_unharmed_and_the_record_as_complete_as_can_be(case: Case, tmp_path):
    play(case, tmp_path)


def test_the_matrix_has_its_cases(record_property):
    names = [case.name for cases in (*TABLES.values(), mounts.CASES) for case in cases]
    assert len(names) == len(set(names)), "each name is one case's"
    assert len(names) >= LEAST_CASES
    parts = ", ".join(f"{len(cases)} {table}" for table, cases in TABLES.items())
    record_property(
        "says", f"fault matrix: {len(names)} cases ({parts}, {len(mounts.CASES)} with mounts in the lab part)"
    )
