"""What a node remembers of the hook's settings, should hook.json be away when a job ends.

hook.json lies on shared storage, which can be away, and so names the folders in which an epilog looks for its baseline.
So each prolog leaves the settings it had in memory's file system, in a place that no setting names, one file for each
hook.json. Only root can.
"""

from __future__ import annotations

import os

from efakit.hook.folder import SMALL_BYTES, open_folder
from efakit.hook.json_text import dumps
from efakit.hook.trust import load_trusted
from efakit.node.record import safe_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FOLDER = "/run/efakit"


def remember(config: str, settings: Mapping[str, Any]) -> None:
    """Keep the settings that were read from ``config``, as data; nothing happens where they are kept, or cannot be."""
    if os.geteuid() != 0:
        return
    text = dumps({"config": config, "settings": settings}).encode()
    name = _name(config)
    try:
        with open_folder(FOLDER, 0o755) as folder:
            if not folder.has_file(name) or folder.read(name, SMALL_BYTES) != text:
                folder.write(name, text, 0o600)
    except OSError:
        pass  # the job's own baseline is kept all the same


def recall(config: str) -> dict[str, Any] | None:
    """Return the settings that the last prolog had from ``config``, None where there are none."""
    kept = load_trusted(os.path.join(FOLDER, _name(config))) or {}
    settings = kept.get("settings")
    return settings if kept.get("config") == config and isinstance(settings, dict) else None


def _name(config: str) -> str:
    return "settings-%s.json" % safe_name(os.path.abspath(config).replace("/", "_") + "/")
