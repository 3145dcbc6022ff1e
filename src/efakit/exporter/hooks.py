"""What the hook's spool tells of its runs, for the metrics. Read by the worker of ``exporter.reading``. Python 3.9."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from efakit.hook.baselines import Baselines
from efakit.hook.folder import SMALL_BYTES, open_folder
from efakit.hook.liveness import is_at_rest, why_ended
from efakit.hook.moment import Moment
from efakit.hook.spool import ACTIVE, LOST_FILE, MOST_RUNS_BYTES, OUTBOX, RUNS_FILE
from efakit.hook.steps import jobs_in_cgroups
from efakit.hook.trust import load_from
from efakit.node.files import below, read_text_or_none
from efakit.node.record import safe_name
from efakit.node.snapshot import since_boot

if TYPE_CHECKING:
    from efakit.hook.folder import Folder
    from efakit.hook.settings import Settings

_HOOKS = ("prolog", "epilog", "health-check")
_RESULTS = ("ok", "refused", "unpublished")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


_UNKNOWN = dict.fromkeys(("jobs", "ended", "without", "waiting", "dropped", "runs"))


class SpoolReader:
    """Reads one node's spool again and again: of the file of runs only what is new."""

    def __init__(self, settings: Settings, node: str) -> None:
        self._settings = settings
        self._node = safe_name(node)
        self._file = (0, 0)
        self._offset = 0
        self._runs: dict[str, list[float]] = {}

    def read(self) -> dict[str, Any] | None:
        """Return jobs, runs and what waits, as far as they can be read; None where the spool cannot be.

        ``jobs``: those whose baseline is there and which may still run. ``ended``: how many baselines are there of jobs
        that surely do not run any more. ``without``: how many jobs have processes here and no baseline; None: unknown.
        """
        try:
            with open_folder(self._settings.spool_dir) as folder:
                return {**self._jobs(folder), **self._waiting(folder), "runs": self._read_runs()}
        except FileNotFoundError:
            # No hook has ever run here, and jobs may.
            return {**_UNKNOWN, "without": len(jobs_in_cgroups(self._settings.root))}
        except OSError:
            return None

    def _jobs(self, spool: Folder) -> dict[str, Any]:
        """Hold each baseline to what runs here: where an epilog never came it stays (ROCm/omnistat #240)."""
        try:
            with spool.sub(ACTIVE) as folder:
                kept = list(Baselines(folder, self._node).all())
        except OSError:
            return {"jobs": None, "ended": None, "without": None}
        root = self._settings.root
        boot_id = read_text_or_none(below(root, "proc/sys/kernel/random/boot_id"))
        now = Moment(self._settings, boot_id, since_boot(), None)
        running: dict[int, tuple[int, str, str, int | None]] = {}
        ended = 0
        for item in kept:
            job = item["job"]
            if why_ended(item, now):
                ended += 1
            elif not is_at_rest(item, now):
                nodes = job.get("node_count") if type(job.get("node_count")) is int else None
                running[job["job_id"]] = (job["job_id"], _word(job, "user"), _word(job, "partition"), nodes)
        known = {job_id for item in kept for job_id in (item["job"]["job_id"], item["job"].get("het_job_id"))}
        return {
            "jobs": [running[job_id] for job_id in sorted(running)],
            "ended": ended,
            "without": len(jobs_in_cgroups(root) - known),
        }

    def _waiting(self, spool: Folder) -> dict[str, int | None]:
        try:
            with spool.sub(OUTBOX) as folder:
                waiting: int | None = sum(not name.startswith(".") for name in folder.names())
        except OSError:
            waiting = None
        dropped = (load_from(spool, LOST_FILE, SMALL_BYTES) or {}).get("dropped", 0)
        return {"waiting": waiting, "dropped": dropped if type(dropped) is int else None}

    def _read_runs(self) -> dict[str, list[float]] | None:
        """Return for each "HOOK RESULT" how many runs were noted, their seconds, and when the last one was.

        The file begins anew when it has grown: the counts then do, as counters may.
        """
        path = os.path.join(self._settings.spool_dir, RUNS_FILE)
        try:
            descriptor = os.open(path, _READ)
        except FileNotFoundError:
            return {}
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            file = (status.st_dev, status.st_ino)
            if file != self._file or status.st_size < self._offset:
                self._file, self._offset, self._runs = file, 0, {}
            data = os.pread(descriptor, 2 * MOST_RUNS_BYTES, self._offset)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        _count(whole.decode("ascii", "replace").splitlines(), self._runs)
        return self._runs


def _count(lines: Iterable[str], runs: dict[str, list[float]]) -> None:
    for line in lines:
        words = line.split(" ")
        try:
            hook, result, seconds, at = words[0], words[1], float(words[2]), float(words[3])
        except (IndexError, ValueError):
            continue  # half a line of a hook that was killed
        if hook in _HOOKS and result in _RESULTS:
            entry = runs.setdefault(f"{hook} {result}", [0, 0.0, 0.0])
            entry[0] += 1
            entry[1] += seconds
            entry[2] = max(entry[2], at)


def _word(job: Mapping[str, Any], name: str) -> str:
    value = job.get(name)
    return value if isinstance(value, str) else ""
