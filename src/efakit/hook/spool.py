"""The node's spool: what the hook must keep between its runs, on the node's own disk.

``active/``  one baseline for each job that runs here now, and a note for each job that overlapped with it
``outbox/``  records that are not published yet

Names hold node, job and run, so that requeues, array tasks and two jobs of the same id never meet.
"""

from __future__ import annotations

import os

from efakit.hook.json_text import dumps, loads
from efakit.hook.trust import distrust
from efakit.node.record import run_key, safe_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

# What the health check leaves for the prologs.
HEALTH_FILE = "health.json"
_SHARED = ".shared-with."


class Untrusted(OSError):
    """A folder or file that root code must not use."""


def write_atomically(path: str, data: bytes, mode: int, *, durable: bool) -> None:
    """Write a file so that a reader sees all of it or nothing; with ``durable`` also after a crash of the machine.

    What stays on the node is not made durable before it is published: a sync waits for all that the job has left to
    write, many seconds on a busy disk, and the record could miss its deadline. ``Spool.sync_newest`` comes after that.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, ".%s.%d" % (name, os.getpid()))
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, mode)
    try:
        try:
            os.fchmod(descriptor, mode)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
    if durable:
        _sync_folder(folder)


def is_second(record: Mapping[str, Any], path: str) -> bool:
    """Return whether ``record`` comes from an epilog that ran again, and ``path`` holds what the first one wrote.

    Slurm runs a job's epilog again where the node did not answer, as when slurmd was restarted under it. The first
    has used up the baseline: the second knows less.
    """
    return record.get("baseline") == "missing" and os.path.isfile(path)


class Spool:
    """The spool of one node below ``folder``; methods raise OSError (Untrusted) where it cannot be used."""

    def __init__(self, folder: str, node: str) -> None:
        self._active = os.path.join(folder, "active")
        self._outbox = os.path.join(folder, "outbox")
        self._folder = folder
        self._node = safe_name(node)

    def prepare(self) -> None:
        """Make the spool's folders (0700) where they are missing; raise Untrusted where others may write there."""
        for folder in (self._folder, self._active, self._outbox):
            try:
                os.makedirs(folder, 0o700)
            except FileExistsError:
                pass
            reason = distrust(folder)
            if reason:
                raise Untrusted(reason)

    def keep_baseline(self, job: Mapping[str, Any], baseline: dict[str, Any]) -> None:
        """Keep the baseline of a job that begins here.

        Jobs whose baseline is still here run on this node too: each gets a note of the other. A baseline of another
        boot belongs to a job that died with the node, and one of the same job to an earlier run of it: both go. But one
        of this very run stays, and counts: a slurmd that was killed may forget that it has run the prolog.
        """
        own = self._path_of(job)
        is_there = False
        for path, other in self._baselines():
            if path == own and _is_same_run(job, baseline["snapshot"], other):
                is_there = True
            elif other["job"]["job_id"] == job["job_id"]:
                self._forget(path)
        # First our own, then the look at the others: of two jobs that begin at once, one at least sees the other.
        if not is_there:
            write_atomically(own, dumps(baseline).encode(), 0o600, durable=False)
        for path, other in self._baselines():
            if _is_of_another_boot(other["snapshot"], baseline["snapshot"]):
                self._forget(path)
            elif path != own:
                self._note(path, job["job_id"])
                self._note(own, other["job"]["job_id"])

    def find_baseline(self, job: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[int]]:
        """Return the job's baseline, and the ids of the jobs that ran here at the same time.

        The run that the epilog is told of is preferred, and the job's newest baseline taken otherwise: Slurm may tell
        the epilog no restart count, and tells the one of a requeued job the count of the run to come (22.05).
        """
        own: list[tuple[bool, float, str, dict[str, Any]]] = []
        overlapping: set[int] = set()
        for path, kept in self._baselines():
            if kept["job"]["job_id"] == job["job_id"]:
                own.append((path == self._path_of(job), kept["snapshot"].get("taken_at", 0.0), path, kept))
            else:
                overlapping.add(kept["job"]["job_id"])
        if not own:
            return None, sorted(overlapping)
        _, _, path, baseline = max(own, key=lambda item: item[:2])
        overlapping.update(self._notes(path))
        return baseline, sorted(overlapping)

    def forget_baseline(self, job: Mapping[str, Any]) -> None:
        """Remove the job's baseline and the notes on it."""
        self._forget(self._path_of(job))

    def forget_used_baseline(self, record: Mapping[str, Any]) -> None:
        """Remove the baseline of which a record was made, where an epilog was killed before it could."""
        path = self._path_of(record)
        kept = _load(path)
        if kept is not None and self._is_baseline(kept) and kept["snapshot"].get("taken_at") == record.get("began_at"):
            self._forget(path)

    def forget_ended(self, has_ended: Callable[[dict[str, Any]], bool]) -> None:
        """Remove the baselines of jobs that have ended: else they would share this node with every job to come."""
        for path, kept in self._baselines():
            if has_ended(kept):
                self._forget(path)

    def keep_record(self, record: Mapping[str, Any]) -> None:
        """Keep a record until it is published; one without baseline does not take the place of another."""
        path = os.path.join(self._outbox, os.path.basename(self._path_of(record)))
        if not is_second(record, path):
            write_atomically(path, dumps(record).encode(), 0o600, durable=False)

    def sync_newest(self) -> Iterator[str]:
        """Put the record that came last, which could not be published, on stable storage; give its path."""
        paths = [os.path.join(self._outbox, name) for name in os.listdir(self._outbox) if not name.startswith(".")]
        for path in sorted(paths, key=_modified_at)[-1:]:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            _sync_folder(self._outbox)
            yield path

    def waiting_records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give the path and content of each record that is not published yet, the newest first.

        Behind many that wait, the job that ended just now would else not get its turn before the deadline.
        """
        paths = [os.path.join(self._outbox, name) for name in os.listdir(self._outbox) if not name.startswith(".")]
        for path in sorted(paths, key=_modified_at, reverse=True):
            record = _load(path)
            if record is not None:
                yield path, record

    def _path_of(self, job: Mapping[str, Any]) -> str:
        run = safe_name(run_key(job["sluid"], job["restart_count"]))
        return os.path.join(self._active, "%s.%d.%s.json" % (self._node, job["job_id"], run))

    def _baselines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in sorted(os.listdir(self._active)):
            path = os.path.join(self._active, name)
            if name.startswith(self._node + ".") and name.endswith(".json"):
                kept = _load(path)
                if kept is not None and self._is_baseline(kept):
                    yield path, kept

    def _is_baseline(self, kept: dict[str, Any]) -> bool:
        job, snapshot = kept.get("job"), kept.get("snapshot")
        if not isinstance(job, dict) or not isinstance(snapshot, dict) or not isinstance(job.get("job_id"), int):
            return False
        # The file of node "a.b" begins as one of node "a" does.
        return safe_name(str(job.get("node"))) == self._node

    def _note(self, path: str, job_id: int) -> None:
        """Note beside the baseline at ``path`` that the job of this id ran at the same time."""
        write_atomically("%s%s%d" % (path, _SHARED, job_id), b"", 0o600, durable=False)

    def _notes(self, path: str) -> list[int]:
        start = os.path.basename(path) + _SHARED
        found = [name[len(start) :] for name in os.listdir(self._active) if name.startswith(start)]
        return [int(job_id) for job_id in found if job_id.isdigit()]

    def _forget(self, path: str) -> None:
        start = os.path.basename(path)
        for name in os.listdir(self._active):
            if name == start or name.startswith(start + _SHARED):
                try:
                    os.unlink(os.path.join(self._active, name))
                except FileNotFoundError:
                    pass  # another run of the hook did


def _load(path: str) -> dict[str, Any] | None:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="utf-8") as file:
            value = loads(file.read())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_same_run(job: Mapping[str, Any], snapshot: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether Slurm names the same run of a job twice; where it names none, it may be another one."""
    named = [(item.get("sluid"), item.get("restart_count")) for item in (job, other["job"])]
    boots = snapshot["boot_id"], other["snapshot"].get("boot_id")
    return named[0] == named[1] != (None, None) and boots[0] == boots[1] is not None


def _is_of_another_boot(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two snapshots are of two boots; one that the deadline cut short does not know its own."""
    boots = one.get("boot_id"), other.get("boot_id")
    return all(boots) and boots[0] != boots[1]


def _modified_at(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
