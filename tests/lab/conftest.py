"""Skips the tests that need a lab, with the reason, where none can run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .cluster import missing_requirements


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = missing_requirements()
    if not missing:
        return
    skip = pytest.mark.skip(reason=f"a Slurm lab needs {', '.join(missing)}")
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def _tmp_is_everybodys() -> None:
    """A user's job writes to /tmp; where root made it its own, no such job can run."""
    tmp = Path("/tmp")
    if os.geteuid() == 0 and tmp.stat().st_mode & 0o7777 != 0o1777:
        tmp.chmod(0o1777)
