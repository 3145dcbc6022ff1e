"""pyslurm, in a process of its own.

libslurm ends the process that it is loaded into: `fatal()` calls exit() when it finds no slurm.conf, or one that it
cannot parse, and pyslurm calls slurm_init() while it is imported. With PYSLURM_DISABLE_AUTO_INIT it is our own
slurm_init() that ends the process, and looking for a slurm.conf first does not help where that file is faulty.
Besides, a question to a slurmctld that is gone takes as long as Slurm's own retries, and pyslurm switches the whole
process to RTLD_GLOBAL | RTLD_DEEPBIND for whatever is loaded after it. In a child process all of that is one exit code
and one line on stderr, and the report goes on with squeue.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from efakit.slurm.commands import job_of
from efakit.slurm.interface import TIMEOUT_SECONDS, NodeTable
from efakit.slurm.job import Daemon, JobRef, SlurmJob, SourceError
from efakit.slurm.process import run

if TYPE_CHECKING:
    from efakit.slurm.config import SlurmConfig
    from efakit.slurm.nodes import Node
    from efakit.slurm.partitions import Partition

# Our own sys.path, so that the child finds the same pyslurm and the same efakit as this process would, and so that
# neither the working directory nor a script's folder comes first. `sys` is built in: no file can take its place.
_CHILD = "import sys; sys.path[:] = sys.argv[2:]; from efakit.slurm.pyslurm_child import main; main(sys.argv[1])"


class Pyslurm:
    """Asks by pyslurm, a child process a question."""

    name = "pyslurm"

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """``timeout_seconds`` bounds each question."""
        self._timeout_seconds = timeout_seconds

    def version(self) -> str:
        """Return the release that pyslurm was built for."""
        return str(self._ask("version"))

    def nodes(self) -> NodeTable:
        """Return all nodes."""
        found = self._ask("nodes")
        return NodeTable(tuple(_node(fields) for fields in found["nodes"]), found["default_partition"])

    def instance_types(self) -> dict[str, str]:
        """Leave the instance types to scontrol: pyslurm's nodes have no such field.

        Raises:
            SourceError: always.
        """
        raise SourceError("does not tell the nodes' instance types", absent=True)

    def partitions(self) -> list[Partition]:
        """Return all partitions."""
        from efakit.slurm.partitions import Partition

        return [Partition(**fields) for fields in self._ask("partitions")]

    def job(self, ref: JobRef, daemon: Daemon) -> SlurmJob | None:
        """Return one job, from slurmctld (``pyslurm.Job``) or from slurmdbd (``pyslurm.db.Jobs``)."""
        fields = self._ask("job", ref=str(ref), daemon=daemon)
        return None if fields is None else _job(fields)

    def jobs(self, ids: Sequence[int] = (), user: str | None = None) -> list[SlurmJob]:
        """Return the jobs that slurmctld knows."""
        return [_job(fields) for fields in self._ask("jobs", ids=list(ids), user=user)]

    def past_jobs(self, job_id: int) -> list[SlurmJob]:
        """Return what slurmdbd knows of an id."""
        return [_job(fields) for fields in self._ask("past_jobs", job_id=job_id)]

    def batch_script(self, job_id: int) -> str | None:
        """Leave the script to scontrol and sacct: pyslurm asks slurmctld alone.

        Raises:
            SourceError: always.
        """
        raise SourceError("does not tell the scripts of past jobs", absent=True)

    def config(self) -> SlurmConfig:
        """Leave the configuration to scontrol: pyslurm's has other names, and says less of the hooks' settings.

        Raises:
            SourceError: always.
        """
        raise SourceError("does not tell Slurm's configuration by its own names", absent=True)

    def _ask(self, what: str, **values: Any) -> Any:
        """Return the answer to a question.

        Raises:
            SourceError: pyslurm is not installed, does not load here, or the daemon does not answer it.
        """
        try:
            installed = importlib.util.find_spec("pyslurm") is not None  # looks, and loads nothing
        except ValueError:
            installed = False
        if not installed:
            raise SourceError("not installed", absent=True)
        search_path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 ('' is the working directory)
        question = json.dumps({"what": what, **values})
        # -X utf8: pyslurm decodes job names with the interpreter's default, which an odd locale could make ASCII.
        argv = [sys.executable, "-X", "utf8", "-c", _CHILD, question, *search_path]
        done = run(argv, self._timeout_seconds, os.environ)
        last_line = done.stdout.rstrip("\n").rpartition("\n")[2]
        if done.exit_code or not last_line.startswith("{"):
            raise SourceError(done.complaint())
        answer: dict[str, Any] = json.loads(last_line)
        if "error" in answer:
            raise SourceError(answer["error"])
        return answer["answer"]


def _job(fields: dict[str, Any]) -> SlurmJob:
    """Return a job from what the child wrote: SlurmJob's fields as JSON has them."""
    array = fields["array"]
    return job_of({**fields, "array": None if array is None else (array[0], array[1])}, "pyslurm")


def _node(fields: dict[str, Any]) -> Node:
    from efakit.slurm.nodes import Node, state_words

    listed = {name: tuple(fields[name]) for name in ("features", "partitions")}
    return Node(**{**fields, **listed, "state": state_words(fields["state"])})
