"""Tells findings on the node: to the system's log, and in a file that the job's own processes may read.

Neither may hold up a job: a log that does not take a message at once does not get it.
"""

from __future__ import annotations

import os
import time

from efakit.hook.json_text import dumps
from efakit.hook.spool import Untrusted, write_atomically
from efakit.hook.summary import printable
from efakit.hook.trust import distrust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Finding = Mapping[str, str]

NOTE_VERSION = 1
# RFC 5424 and syslog(3): facility daemon, and the severities.
_DAEMON, _SEVERITIES = 3 << 3, {"error": 3, "warning": 4, "info": 6}
_MOST_MESSAGES, _MOST_BYTES = 16, 1024


def to_syslog(root: str, messages: Sequence[tuple[str, str]]) -> None:
    """Send messages, each with its severity, to the log's socket below ``root``; never waits, raises OSError."""
    import _socket

    log = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        log.setblocking(False)
        log.connect(os.path.join(root, "dev/log"))
        for severity, message in messages[:_MOST_MESSAGES]:
            text = "<%d>efakit[%d]: %s" % (_DAEMON | _SEVERITIES[severity], os.getpid(), printable(message))
            log.send(text.encode()[:_MOST_BYTES])
    finally:
        log.close()


def keep_note(
    run_dir: str, job: Mapping[str, Any], mode: str, findings: Sequence[Finding], *, task_prolog: bool
) -> None:
    """Leave what the job's processes are to know in ``run_dir/job-ID.json``; none where there is nothing to say.

    ``task_prolog`` is what the job's comment says, which no other program of the job is told: whether its tasks may be
    given anything. Anybody may read the note, so it holds no more of the comment than that. Raises OSError.
    """
    if not findings and task_prolog:
        forget_note(run_dir, job)
        return
    prepare_run_dir(run_dir)
    note = {
        "schema_version": NOTE_VERSION,
        "job_id": job["job_id"],
        "node": job["node"],
        "written_at": time.time(),
        "mode": mode,
        "task_prolog": task_prolog,
        "findings": list(findings),
    }
    write_atomically(_path(run_dir, job), dumps(note).encode() + b"\n", 0o644, durable=False)


def forget_note(run_dir: str, job: Mapping[str, Any]) -> None:
    """Remove the job's note, where there is one; raise OSError where that fails."""
    try:
        os.lstat(_path(run_dir, job))
    except (FileNotFoundError, NotADirectoryError):
        return
    prepare_run_dir(run_dir)
    os.unlink(_path(run_dir, job))


def _path(run_dir: str, job: Mapping[str, Any]) -> str:
    return os.path.join(run_dir, "job-%d.json" % job["job_id"])


def prepare_run_dir(run_dir: str) -> None:
    """Make the folder that the jobs' processes read; raise OSError (Untrusted) where it cannot be used."""
    try:
        os.makedirs(run_dir, 0o755)
        os.chmod(run_dir, 0o755)  # noqa: S103 - the job's processes read here
    except FileExistsError:
        pass
    reason = distrust(run_dir)
    if reason:
        raise Untrusted(reason)
