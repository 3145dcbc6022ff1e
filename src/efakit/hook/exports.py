"""What the task prolog reads, and what it makes of it: kept small, since it runs for every task.

``exports.json`` lies in the run folder (root's, 0644). The health check leaves it there, see ``hook.needed``.
"""

from __future__ import annotations

import os

from efakit.hook.trust import load_trusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = 1
EXPORTS_FILE = "exports.json"
_NAME_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def chosen(
    exports: list[dict[str, str]], environment: Mapping[str, str], *, enforced: bool, nodes: int
) -> list[tuple[str, str]]:
    """Return name and value of what a task is to get.

    Nothing that its environment has, also where it is set to nothing: the user has spoken. What makes a fallback fail
    only where EFA is ``enforced`` and the job has several nodes: on one node nothing needs the network.
    """
    allowed = ("always", "enforce") if enforced and nodes > 1 else ("always",)
    return [
        (item["name"], item["value"])
        for item in exports
        if item["when"] in allowed and item["name"] not in environment and _is_printable(item["name"], item["value"])
    ]


def load_exports(run_dir: str) -> list[dict[str, str]] | None:
    """Return the exports that root has left: ``name``, ``value`` and ``when`` (see ``catalog.unasked``) of each.

    None where there is nothing that can be trusted, or where other software is installed by now.
    """
    kept = load_trusted(os.path.join(run_dir, EXPORTS_FILE))
    if kept is None or kept.get("schema_version") != SCHEMA_VERSION:
        return None
    exports, seen = kept.get("exports"), kept.get("seen")
    if not isinstance(seen, dict) or any(age_and_size(path) != then for path, then in seen.items()):
        return None
    if not isinstance(exports, list):
        return None
    for item in exports:
        if not isinstance(item, dict) or not all(isinstance(item.get(name), str) for name in ("name", "value", "when")):
            return None
    return exports


def age_and_size(path: str) -> str | None:
    """Return what changes when a file does: its time and size; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return "%d %d" % (status.st_mtime_ns, status.st_size)


def _is_printable(name: str, value: str) -> bool:
    """Return whether Slurm can be told so: one line, ``export NAME=value``, the value taken as it stands."""
    return bool(name) and set(name) <= _NAME_LETTERS and all(" " <= letter <= "~" for letter in value)
