"""Finds the three folders that stand at the top of the repository and ship inside the package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """Return ``cluster-configs``, ``job-templates`` or ``prolog``: of the wheel, else of the checkout."""
    shipped = _PACKAGE / "data" / name
    return shipped if shipped.is_dir() else _PACKAGE.parents[1] / name


def package_file(*parts: str) -> Path:
    """Return a file of the package itself."""
    return _PACKAGE.joinpath(*parts)
