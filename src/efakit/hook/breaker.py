"""The circuit breaker: how many nodes of a cluster may fail their prolog on purpose within an hour.

A wrong expectation would else drain, replace and drain again every node of the cluster: ParallelCluster terminates
drained nodes and starts the job again (``terminate_drain_nodes`` in aws/aws-parallelcluster-node). The state is a
folder beside the records, one file a failure: ``.breaker/CLUSTER.NODE.BOOT.SECONDS``. A node writes its own file first
and then counts, so that of two nodes at once neither overlooks the other; no lock is held that a dying node could keep.
"""

from __future__ import annotations

import time

from efakit.hook.folder import open_folder
from efakit.node.record import safe_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from efakit.hook.folder import Folder

FOLDER = ".breaker"
_WINDOW_SECONDS = 3600
_FORGET_SECONDS = 7 * 86400
# Of a boot id: enough to tell a node's few boots of an hour apart.
_BOOT_LETTERS = 8


def may_fail(records_dir: str, cluster: str, node: str, boot_id: str | None, allowed: int, failure: str) -> str | None:
    """Note a failure of this node; return None where it may fail, else why not, with the note withdrawn.

    ``failure`` is the note's content. A node that fails again counts once, but not one that was started in between:
    ParallelCluster gives the instance that takes a drained node's place the same name, and a wrong expectation would
    replace that one without end. Raises OSError where the folder is no use.
    """
    if allowed < 1:
        return "breaker_nodes_per_hour is 0"
    prefix = safe_name(cluster) + "."
    own = "%s%s.%s.%d" % (prefix, safe_name(node), safe_name(boot_id or "unknown")[:_BOOT_LETTERS], time.time())
    # As with the records: where their folder is missing, its file system is probably not mounted.
    with open_folder(records_dir) as records, records.sub(FOLDER, 0o755) as folder:
        folder.write(own, failure.encode(), 0o644, durable=True)
        here = folder.stat(own).st_mtime
        failed = set()
        for name, at, written in _notes(folder, prefix):
            # Two clocks, the nodes' and the file system's: a note counts where either says that it is young, and one
            # from the future counts as well. So no clock that is set back lets more nodes fail.
            youngest = min(time.time() - at, here - written)
            if youngest < _WINDOW_SECONDS:
                failed.add(name.rpartition(".")[0])
            elif youngest > _FORGET_SECONDS:
                folder.remove(name)
        if len(failed) <= allowed:
            return None
        folder.remove(own)
    return "%d nodes failed within the hour already, and %d may (circuit breaker)" % (len(failed) - 1, allowed)


def _notes(folder: Folder, prefix: str) -> Iterator[tuple[str, int, float]]:
    """Give name, time by the node's clock and time by the file system's of each note."""
    for name in folder.names():
        at = name.rpartition(".")[2]
        if name.startswith(prefix) and at.isdigit():
            try:
                yield name, int(at), folder.stat(name).st_mtime
            except FileNotFoundError:
                pass  # withdrawn just now
