"""Works out which variables a node's software needs, for any task: the catalog's rows for what is really installed.

That changes only when something is installed, and costs as much as starting Python. So the health check, which slurmd
runs before the node takes jobs, does it and leaves the result for the task prologs. Where that is missing, or of other
software than what is installed by now, a task prolog does it itself.
"""

from __future__ import annotations

import os
import sys

from efakit.hook.exports import EXPORTS_FILE, SCHEMA_VERSION, age_and_size, load_exports
from efakit.node.files import below, read_text_or_none
from efakit.node.software import PACKAGES, PLUGIN_LOADER_FILE, find_plugins, find_software

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def find_exports(root: str) -> list[dict[str, str]]:
    """Return what the software below ``root`` needs: ``name``, ``value`` and ``when`` (see ``catalog.unasked``)."""
    software = find_software(root)
    if not find_plugins(root):  # without its library there is no plugin, whatever the list of packages says
        software["plugin"] = None
    # On Nitro the DMI product name is the instance type.
    return _exports(software, read_text_or_none(below(root, "sys/class/dmi/id/product_name")))


def keep_exports(root: str, run_dir: str) -> Iterator[bool]:
    """Leave the node's exports for the tasks, where they are not there already; give whether they were written.

    Raises OSError (Untrusted) where the folder cannot be used. For root only.
    """
    from efakit.hook.json_text import dumps_lines
    from efakit.hook.tell import prepare_run_dir

    if load_exports(run_dir) is not None:
        yield False
        return
    folder = prepare_run_dir(run_dir)
    # What an installation changes, and an upgrade of this hook.
    files = (below(root, PACKAGES), below(root, PLUGIN_LOADER_FILE), os.path.abspath(sys.argv[0]))
    kept = {
        "schema_version": SCHEMA_VERSION,
        "seen": {path: age_and_size(path) for path in files},
        "exports": find_exports(root),
    }
    folder.write(EXPORTS_FILE, dumps_lines(kept).encode(), 0o644)
    yield True


def _exports(software: Mapping[str, str | None], instance_type: str | None) -> list[dict[str, str]]:
    """Evaluate the catalog's rows for this software, and for a program that uses NCCL.

    What Open MPI or Intel MPI needs contradicts what NCCL needs of them, so a script that nobody has seen gets none of
    that.
    """
    from efakit.catalog.unasked import NEVER, unasked
    from efakit.rules.environment import needed
    from efakit.rules.target import Target

    if instance_type is None:
        return []
    # Not NCCL's own version: a job often brings its own, and a row that depends on it then does not hold.
    names = ("installer", "libfabric", "plugin", "kernel")
    versions = {name: software[name] for name in names if software[name] is not None}
    items = needed(Target({name: str(version) for name, version in versions.items()}, {}, instance_type), ("nccl",))
    judged = [{"name": item.name, "value": item.value, "when": unasked(item.name)} for item in items]
    return [item for item in judged if item["when"] != NEVER]
