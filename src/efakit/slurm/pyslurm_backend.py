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
from typing import Any

from efakit.slurm.job import Daemon, JobRef, SlurmJob, SourceError
from efakit.slurm.process import run

# Our own sys.path, so that the child finds the same pyslurm and the same efakit as this process would, and so that
# neither the working directory nor a script's folder comes first. `sys` is built in: no file can take its place.
_CHILD = "import sys; sys.path[:] = sys.argv[3:]; from efakit.slurm.pyslurm_child import main; main(*sys.argv[1:3])"


def ask_pyslurm(ref: JobRef, daemon: Daemon, timeout_seconds: float) -> SlurmJob | None:
    """The job as pyslurm gives it, from slurmctld (``pyslurm.Job``) or from slurmdbd (``pyslurm.db.Jobs``).

    Raises:
        SourceError: pyslurm is not installed, does not load here, or the daemon does not answer it.
    """
    if importlib.util.find_spec("pyslurm") is None:  # looks, and loads nothing
        raise SourceError("not installed", absent=True)
    search_path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 ('' is the working directory)
    # -X utf8: pyslurm decodes job names with the interpreter's default, which an odd locale could make ASCII.
    argv = [sys.executable, "-X", "utf8", "-c", _CHILD, daemon, str(ref), *search_path]
    done = run(argv, timeout_seconds, os.environ)
    last_line = done.stdout.rstrip("\n").rpartition("\n")[2]
    if done.exit_code or not last_line.startswith("{"):
        raise SourceError(done.complaint())
    answer: dict[str, Any] = json.loads(last_line)
    if "error" in answer:
        raise SourceError(answer["error"])
    return None if answer["job"] is None else job_from(answer["job"])


def job_from(fields: dict[str, Any]) -> SlurmJob:
    """The job from what the child wrote: SlurmJob's fields as JSON has them."""
    array = fields.pop("array")
    return SlurmJob(**fields, array=None if array is None else (array[0], array[1]), source="pyslurm")
