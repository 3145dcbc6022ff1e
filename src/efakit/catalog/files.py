"""Reads the data files that stand beside this module, also where the package is inside a zip file."""

from __future__ import annotations

import os.path
from typing import Any

_LOADER: Any = globals()["__loader__"]


def read_data(file: str) -> dict[str, Any]:
    """Give the content of one of the catalog's JSON files."""
    import json  # here, for a module that only imports this one need not pay for it

    # By the loader, for the catalog may be inside a zip file; pathlib and pkgutil would cost more than all the rest.
    path = os.path.join(os.path.dirname(__file__), file)  # noqa: PTH118, PTH120
    data: dict[str, Any] = json.loads(_LOADER.get_data(path))
    return data


def in_archive() -> bool:
    """Say whether the package is inside a zip file, as it is on a compute node."""
    return "zipimport" in type(_LOADER).__module__
