"""Skips the tests that need a lab, with the reason, where none can run."""

from __future__ import annotations

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
