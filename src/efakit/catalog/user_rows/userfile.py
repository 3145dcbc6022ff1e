"""Where the user's own rows of the catalog lie, and whether they count. Looks at no more than one file.

Apart from ``userdata``, for most commands of most users need to know no more than that there is no such file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from efakit.errors import UsageError

SWITCH = "EFAKIT_CATALOG"
"""The environment variable that with the value ``builtin`` leaves the user's rows out."""


def file() -> Path | None:
    """Give the path of the user's file, be it there or not; None where the user has no home for it."""
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    # https://specifications.freedesktop.org/basedir-spec/latest/: a relative path is to be ignored.
    if not base.is_absolute():
        try:
            home = Path.home()
        except RuntimeError:
            return None
        base = home / ("Library/Application Support" if sys.platform == "darwin" else ".local/share")
    return base / "efakit" / "catalog.json" if base.is_absolute() else None


def switched_off() -> bool:
    """Say whether the environment leaves the user's rows out; raise UsageError where it says what nobody knows."""
    value = os.environ.get(SWITCH, "")
    if value not in ("", "builtin"):
        raise UsageError(f"{SWITCH}={value}: only 'builtin' has a meaning, which leaves the user's rows out")
    return value == "builtin"


def file_in_use() -> Path | None:
    """Give the path of the user's file if it is there and counts."""
    path = None if switched_off() else file()
    if path is None:
        return None
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        pass  # something is there: whoever reads it will say what is wrong with it
    return path
