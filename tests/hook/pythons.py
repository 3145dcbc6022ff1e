"""Finds the Pythons of this machine on which the hook can be tested."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
OLDEST = (3, 9)
# Those that scripts/setup-pythons.sh fetched, the system's, and those that pyenv built.
_FOLDERS = (REPOSITORY / ".venv-pythons/bin", Path("/usr/bin"), Path("/usr/local/bin"))
HOW_TO_GET = "scripts/setup-pythons.sh .venv-pythons fetches Debian's, where apt reaches them"


def found_pythons() -> dict[tuple[int, int], Path]:
    """Return an interpreter for each version that the hook supports, by major and minor number."""
    candidates = [path for folder in _FOLDERS if folder.is_dir() for path in sorted(folder.glob("python3.*"))]
    candidates += sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3.*"))
    found: dict[tuple[int, int], Path] = {}
    for path in candidates:
        match = re.fullmatch(r"python(3)\.(\d+)", path.name)
        version = (int(match[1]), int(match[2])) if match else (0, 0)
        if version >= OLDEST and version not in found and os.access(path, os.X_OK) and _runs(path):
            found[version] = path
    return found


def _runs(path: Path) -> bool:
    return subprocess.run([path, "-I", "-S", "-c", "pass"], check=False, capture_output=True).returncode == 0
