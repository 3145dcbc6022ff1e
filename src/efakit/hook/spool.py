"""The node's spool: what the hook must keep between its runs, on the node's own disk.

``active/``  one baseline for each job that runs here now, and a note for each job that overlapped with it
``outbox/``  records that are not published yet

Names hold node, job and run, so that requeues, array tasks and two jobs of the same id never meet.
"""

from __future__ import annotations

from efakit.hook.folder import LARGE_BYTES, open_folder
from efakit.hook.json_text import dumps
from efakit.hook.trust import load_from
from efakit.node.record import run_key, safe_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from efakit.hook.folder import Folder

ACTIVE, OUTBOX = "active", "outbox"
FOLDER_MODE = 0o700
# What the health check leaves for the prologs.
HEALTH_FILE = "health.json"
_SHARED = ".shared-with."


def is_second(record: Mapping[str, Any], folder: Folder, name: str) -> bool:
    """Return whether ``record`` comes from an epilog that ran again, and the file holds what the first one wrote.

    Slurm runs a job's epilog again where the node did not answer, as when slurmd was restarted under it. The first
    has used up the baseline: the second knows less.
    """
    return record.get("baseline") == "missing" and folder.has_file(name)


class Spool:
    """The spool of one node in the folder ``path``; methods raise OSError (Untrusted) where it cannot be used.

    Each process calls ``prepare`` first: the children of ``node.bounded`` inherit no folder.
    """

    _active: Folder
    _outbox: Folder

    def __init__(self, path: str, node: str) -> None:
        self.path = path
        self._node = safe_name(node)

    def prepare(self) -> None:
        """Make the spool's folders (0700) where they are missing; raise Untrusted where others may write there."""
        with open_folder(self.path, FOLDER_MODE) as folder:
            self._active = folder.sub(ACTIVE, FOLDER_MODE)
            self._outbox = folder.sub(OUTBOX, FOLDER_MODE)

    def keep_baseline(self, job: Mapping[str, Any], baseline: dict[str, Any]) -> None:
        """Keep the baseline of a job that begins here.

        Jobs whose baseline is still here run on this node too: each gets a note of the other. A baseline of another
        boot belongs to a job that died with the node, and one of the same job to an earlier run of it: both go. But one
        of this very run stays, and counts: a slurmd that was killed may forget that it has run the prolog.
        """
        own = self._name_of(job)
        is_there = False
        for name, other in self._baselines():
            if name == own and _is_same_run(job, baseline["snapshot"], other):
                is_there = True
            elif other["job"]["job_id"] == job["job_id"]:
                self._forget(name)
        # First our own, then the look at the others: of two jobs that begin at once, one at least sees the other.
        if not is_there:
            self._active.write(own, dumps(baseline).encode(), 0o600)
        for name, other in self._baselines():
            if _is_of_another_boot(other["snapshot"], baseline["snapshot"]):
                self._forget(name)
            elif name != own:
                self._note(name, job["job_id"])
                self._note(own, other["job"]["job_id"])

    def find_baseline(self, job: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[int]]:
        """Return the job's baseline, and the ids of the jobs that ran here at the same time.

        The run that the epilog is told of is preferred, and the job's newest baseline taken otherwise: Slurm may tell
        the epilog no restart count, and tells the one of a requeued job the count of the run to come (22.05).
        """
        own: list[tuple[bool, float, str, dict[str, Any]]] = []
        overlapping: set[int] = set()
        for name, kept in self._baselines():
            if kept["job"]["job_id"] == job["job_id"]:
                own.append((name == self._name_of(job), kept["snapshot"].get("taken_at", 0.0), name, kept))
            else:
                overlapping.add(kept["job"]["job_id"])
        if not own:
            return None, sorted(overlapping)
        _, _, name, baseline = max(own, key=lambda item: item[:2])
        overlapping.update(self._notes(name))
        return baseline, sorted(overlapping)

    def forget_baseline(self, job: Mapping[str, Any]) -> None:
        """Remove the job's baseline and the notes on it."""
        self._forget(self._name_of(job))

    def forget_used_baseline(self, record: Mapping[str, Any]) -> None:
        """Remove the baseline of which a record was made, where an epilog was killed before it could."""
        name = self._name_of(record)
        kept = load_from(self._active, name, LARGE_BYTES)
        if kept is not None and self._is_baseline(kept) and kept["snapshot"].get("taken_at") == record.get("began_at"):
            self._forget(name)

    def forget_ended(self, has_ended: Callable[[dict[str, Any]], bool]) -> None:
        """Remove the baselines of jobs that have ended: else they would share this node with every job to come."""
        for name, kept in self._baselines():
            if has_ended(kept):
                self._forget(name)

    def keep_record(self, record: Mapping[str, Any]) -> None:
        """Keep a record until it is published; one without baseline does not take the place of another."""
        name = self._name_of(record)
        if not is_second(record, self._outbox, name):
            self._outbox.write(name, dumps(record).encode(), 0o600)

    def sync_newest(self) -> Iterator[str]:
        """Put the record that came last, which could not be published, on stable storage; give its name.

        What stays on the node is not made durable before it is published: a sync waits for all that the job has left to
        write, many seconds on a busy disk, and the record could miss its deadline.
        """
        self.prepare()
        for name in self._newest_first()[:1]:
            self._outbox.sync(name)
            self._outbox.sync()
            yield name

    def waiting_records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give the name and content of each record that is not published yet, the newest first.

        Behind many that wait, the job that ended just now would else not get its turn before the deadline.
        """
        for name in self._newest_first():
            record = load_from(self._outbox, name, LARGE_BYTES)
            if record is not None:
                yield name, record

    def is_waiting(self, name: str) -> bool:
        """Return whether a record of that name waits, or may: where the spool cannot be looked at."""
        try:
            self._outbox.stat(name)
        except FileNotFoundError:
            return False
        except OSError:
            pass
        return True

    def forget_record(self, name: str) -> bool:
        """Remove a record that is published; return whether it still waited: another run of the hook may be first."""
        return self._outbox.remove(name)

    def _newest_first(self) -> list[str]:
        waiting = [name for name in self._outbox.names() if not name.startswith(".")]
        return sorted(waiting, key=self._modified_at, reverse=True)

    def _modified_at(self, name: str) -> float:
        try:
            return self._outbox.stat(name).st_mtime
        except OSError:
            return 0.0

    def _name_of(self, job: Mapping[str, Any]) -> str:
        run = safe_name(run_key(job["sluid"], job["restart_count"]))
        return "%s.%d.%s.json" % (self._node, job["job_id"], run)

    def _baselines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in sorted(self._active.names()):
            if name.startswith(self._node + ".") and name.endswith(".json"):
                kept = load_from(self._active, name, LARGE_BYTES)
                if kept is not None and self._is_baseline(kept):
                    yield name, kept

    def _is_baseline(self, kept: dict[str, Any]) -> bool:
        job, snapshot = kept.get("job"), kept.get("snapshot")
        if not isinstance(job, dict) or not isinstance(snapshot, dict) or not isinstance(job.get("job_id"), int):
            return False
        # The file of node "a.b" begins as one of node "a" does.
        return safe_name(str(job.get("node"))) == self._node

    def _note(self, baseline: str, job_id: int) -> None:
        """Note beside the baseline of this name that the job of this id ran at the same time."""
        self._active.write("%s%s%d" % (baseline, _SHARED, job_id), b"", 0o600)

    def _notes(self, baseline: str) -> list[int]:
        start = baseline + _SHARED
        found = [name[len(start) :] for name in self._active.names() if name.startswith(start)]
        return [int(job_id) for job_id in found if job_id.isdigit()]

    def _forget(self, baseline: str) -> None:
        for name in self._active.names():
            if name == baseline or name.startswith(baseline + _SHARED):
                self._active.remove(name)


def _is_same_run(job: Mapping[str, Any], snapshot: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether Slurm names the same run of a job twice; where it names none, it may be another one."""
    named = [(item.get("sluid"), item.get("restart_count")) for item in (job, other["job"])]
    boots = snapshot["boot_id"], other["snapshot"].get("boot_id")
    return named[0] == named[1] != (None, None) and boots[0] == boots[1] is not None


def _is_of_another_boot(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two snapshots are of two boots; one that the deadline cut short does not know its own."""
    boots = one.get("boot_id"), other.get("boot_id")
    return all(boots) and boots[0] != boots[1]
