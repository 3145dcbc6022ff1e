"""The baselines of the jobs that run on a node, in the spool's folder ``active``.

A job has one. Names hold node, job and run. Whether a baseline is of the run in question decides ``hook.same_run``,
whether its job still runs ``hook.liveness``.
"""

from __future__ import annotations

from efakit.hook.folder import LARGE_BYTES
from efakit.hook.json_text import dumps
from efakit.hook.same_run import doubt, is_begun_again, why_not_ended_by
from efakit.hook.trust import load_from, load_or_damage
from efakit.node.record import run_key, safe_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from efakit.hook.folder import Folder
    from efakit.hook.moment import Moment

_SHARED = ".shared-with."
_BEGUN_TWICE = (
    "a prolog ran twice for this job id and restart count, once in another run perhaps; Slurm before 23.02 does not say"
)


# What other jobs' baselines are judged by.
_TYPES = (
    *((name, int) for name in ("restart_count", "started_at", "ends_at", "het_job_id", "user_id")),
    ("sluid", str),
)


class Found:
    """What an epilog finds: its ``baseline`` (None: none of its run) and the file's ``name``.

    ``doubts`` say why it is not sure that the baseline is of this run, ``foreign`` why those of the same id are not.
    """

    def __init__(self) -> None:
        self.baseline: dict[str, Any] | None = None
        self.name: str | None = None
        self.doubts: list[str] = []
        self.foreign: list[str] = []


class Others:
    """Other jobs of the node: those that ran at the same time, or may have, and the baselines that were given up.

    ``given_up`` says which jobs' baselines were removed, since their jobs do not run any more, and why.
    """

    def __init__(self, shared_with: list[int], given_up: list[str]) -> None:
        self.shared_with = shared_with
        self.given_up = given_up


class Baselines:
    """The baselines of one node; methods raise OSError."""

    def __init__(self, folder: Folder, node: str) -> None:
        self._folder = folder
        self._node = node

    def keep(self, baseline: dict[str, Any], now: Moment) -> list[str]:
        """Keep the baseline of a job that begins here; return which jobs' baselines were given up, and why.

        Jobs that run here, or may, are noted beside it, and it beside theirs. Another baseline of this job is of an
        earlier run and goes. But one of this very run stays, and counts: a slurmd that was killed may forget that it
        has run the prolog.
        """
        job = baseline["job"]
        own = self._name_of(job)
        given_up: list[str | None] = []
        kept = None
        for name, other in self._all():
            if other["job"]["job_id"] != job["job_id"]:
                given_up.append(self._give_up(name, other, now))
                continue
            again = _is_again(other, baseline)
            doubtful = again is None and other["job"].get("restart_count") is not None
            if again or doubtful:
                kept = name
            else:
                self._forget(name)
                if again is None:
                    baseline = _begun_twice(baseline)
                else:
                    given_up.append("an earlier run of job %d left no record here: no epilog came" % job["job_id"])
            if doubtful:
                self._folder.write(name, dumps(_begun_twice(other)).encode(), 0o600)
        # First our own, then the look at the others: of two jobs that begin at once, one at least sees the other.
        try:
            if kept is None:
                self._folder.write(own, dumps(baseline).encode(), 0o600)
        finally:
            # Also where the disk has no room for the baseline: a note takes none, and the other job shares the node.
            others = [(name, other) for name, other in self._all() if other["job"]["job_id"] != job["job_id"]]
            for name, _ in others:
                self._note(name, job["job_id"])
        for _, other in others:
            self._note(kept or own, other["job"]["job_id"])
        for job_id in now.other_jobs(job["job_id"], job["het_job_id"]):
            # One whose prolog left no baseline.
            self._note(kept or own, job_id)
        return [text for text in given_up if text]

    def find(self, told: Mapping[str, Any]) -> Found:
        """Return what there is of the run that an epilog ends, which was ``told`` this of its job."""
        found = Found()
        own: list[tuple[bool, float, str, dict[str, Any]]] = []
        for name, kept in self._all():
            if kept["job"]["job_id"] == told["job_id"]:
                why = why_not_ended_by(kept["job"], told)
                if why:
                    found.foreign.append(why)
                else:
                    own.append((name == self._name_of(told), _seconds(kept, "taken_at"), name, kept))
        if own:
            _, _, found.name, found.baseline = max(own, key=lambda item: item[:2])
            unsure = doubt(found.baseline["job"], told)
            kept_doubts: Any = found.baseline.get("doubts")
            found.doubts = [str(text) for text in kept_doubts] if isinstance(kept_doubts, list) else []
            found.doubts += [unsure] if unsure else []
        return found

    def find_others(self, found: Found, told: Mapping[str, Any], now: Moment) -> Others:
        """Return which jobs ran here at the same time; the baselines of those that have ended are given up.

        That this job has the node to itself says something of those alone that began before it.
        """
        sharing: set[int] = set()
        given_up = []
        for name, kept in self._all():
            if kept["job"]["job_id"] == told["job_id"]:
                continue
            before = found.baseline is not None and _seconds(kept, "since_boot_seconds") <= _seconds(
                found.baseline, "since_boot_seconds"
            )
            why = self._give_up(name, kept, now if before else now.without_job())
            if why is not None:
                given_up.append(why)
                continue
            sharing.add(kept["job"]["job_id"])
            try:
                # It may not know of this job, whose prolog may have left no baseline.
                self._note(name, told["job_id"])
            except OSError:
                pass  # on a disk that is read-only, say; this job's own record is worth more
        sharing |= now.other_jobs(told["job_id"], told.get("het_job_id"))
        if found.name is not None:
            sharing.update(self._notes(found.name))
            sharing.discard(told["job_id"])
        return Others(sorted(sharing), given_up)

    def forget_job(self, job_id: int) -> None:
        """Remove all baselines of a job that has ended here, and the notes on them."""
        start = "%s.%d." % (self._node, job_id)
        # A node may be called "n1.7": its files go on with another number.
        self._remove(
            name
            for name in self._folder.names()
            if name.startswith(start) and name[len(start) :].partition(".")[2].startswith("json")
        )

    def forget_used(self, record: Mapping[str, Any]) -> None:
        """Remove the baseline of which a record was made, where an epilog was killed before it could."""
        for name, kept in self._all():
            job_id, taken_at = kept["job"]["job_id"], kept["snapshot"].get("taken_at")
            if job_id == record.get("job_id") and taken_at is not None and taken_at == record.get("began_at"):
                self._forget(name)

    def all(self) -> Iterator[dict[str, Any]]:
        """Give all baselines that are here."""
        return (kept for _, kept in self._all())

    def forget_ended(self, ended: Mapping[str, Any]) -> None:
        """Remove a baseline of ``all`` whose job is known to have ended."""
        for name, kept in self._all():
            if kept == ended:
                self._forget(name)

    def set_aside_damaged(self, aside: Folder) -> int:
        """Move what is no baseline out of the way, and clear up what killed hooks left; return how many those were."""
        moved = 0
        names = self._folder.names()
        here = frozenset(names)
        for name in names:
            baseline, is_note, _ = name.rpartition(_SHARED)
            # A note may have come just after its baseline went.
            if name.startswith(".") or (is_note and baseline not in here):
                self._folder.remove_orphan(name)
            elif name.endswith(".json"):
                kept, damaged = load_or_damage(self._folder, name)
                if damaged or (kept is not None and not _has_parts(kept)):
                    moved += self._folder.move(name, aside)
        return moved

    def _give_up(self, name: str, kept: dict[str, Any], now: Moment) -> str | None:
        """Give up the baseline of a job that does not run any more; return what to say of it, None where it stays."""
        from efakit.hook.liveness import why_ended

        why = why_ended(kept, now)
        if why is None:
            return None
        try:
            self._forget(name)
        except OSError:
            pass  # on a disk that is read-only, say: the next job gives it up again
        return "no epilog ended the baseline of job %d, and %s" % (kept["job"]["job_id"], why)

    def _name_of(self, job: Mapping[str, Any]) -> str:
        run = safe_name(run_key(job.get("sluid"), job.get("started_at"), job.get("restart_count")))
        return "%s.%d.%s.json" % (self._node, job["job_id"], run)

    def _all(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in sorted(self._folder.names()):
            if name.startswith(self._node + ".") and name.endswith(".json"):
                kept = load_from(self._folder, name, LARGE_BYTES)
                if kept is not None and self._is_baseline(kept):
                    yield name, kept

    def _is_baseline(self, kept: dict[str, Any]) -> bool:
        # The file of node "a.b" begins as one of node "a" does.
        return _has_parts(kept) and safe_name(str(kept["job"].get("node"))) == self._node

    def _note(self, baseline: str, job_id: int) -> None:
        """Note beside the baseline of this name that the job of this id ran at the same time."""
        self._folder.write("%s%s%d" % (baseline, _SHARED, job_id), b"", 0o600)

    def _notes(self, baseline: str) -> list[int]:
        start = baseline + _SHARED
        found = [name[len(start) :] for name in self._folder.names() if name.startswith(start)]
        return [int(job_id) for job_id in found if job_id.isascii() and job_id.isdigit()]

    def _forget(self, baseline: str) -> None:
        self._remove(name for name in self._folder.names() if name == baseline or name.startswith(baseline + _SHARED))

    def _remove(self, names: Iterable[str]) -> None:
        """Remove files, and where one of them stays the others all the same: a baseline shares its node for good."""
        failure: OSError | None = None
        for name in names:
            try:
                self._folder.remove(name)
            except OSError as error:
                failure = failure or error
        if failure:
            raise failure


def _is_again(other: dict[str, Any], baseline: dict[str, Any]) -> bool | None:
    """Return whether a baseline of the same job is of this very run; None where Slurm does not say."""
    boots = other["snapshot"].get("boot_id"), baseline["snapshot"]["boot_id"]
    return is_begun_again(other["job"], baseline["job"]) if None not in boots and boots[0] == boots[1] else False


def _begun_twice(kept: dict[str, Any]) -> dict[str, Any]:
    return {**kept, "doubts": [*kept.get("doubts", ()), _BEGUN_TWICE]}


def _has_parts(kept: dict[str, Any]) -> bool:
    job, snapshot = kept.get("job"), kept.get("snapshot")
    if not isinstance(job, dict) or not isinstance(snapshot, dict) or type(job.get("job_id")) is not int:
        return False
    return all(job.get(name) is None or type(job[name]) is kind for name, kind in _TYPES)


def _seconds(kept: dict[str, Any], name: str) -> float:
    value = kept["snapshot"].get(name)
    return value if isinstance(value, (int, float)) else 0.0
