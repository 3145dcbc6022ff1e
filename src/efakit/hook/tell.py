"""Tells findings on the node: to the system's log, and in a file that the job's own processes may read.

Neither may hold up a job: a log that does not take a message at once does not get it.
"""

from __future__ import annotations

import os
import time

from efakit.hook.folder import open_folder
from efakit.hook.json_text import dumps
from efakit.hook.summary import printable
from efakit.node.record import finding_records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from efakit.finding import Finding
    from efakit.hook.folder import Folder

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
    run_dir: str, job_id: int, node: str, mode: str, findings: Sequence[Finding], *, task_prolog: bool
) -> None:
    """Leave what the job's processes are to know in ``run_dir/job-ID.json``; none where there is nothing to say.

    ``job_id`` is the id that the job's tasks are told.
    ``task_prolog`` is what the job's comment says, which no other program of the job is told: whether its tasks may be
    given anything. Anybody may read the note, so it holds no more of the comment than that. Raises OSError.
    """
    if not findings and task_prolog:
        forget_note(run_dir, job_id)
        return
    note = {
        "schema_version": NOTE_VERSION,
        "job_id": job_id,
        "node": node,
        "written_at": time.time(),
        "mode": mode,
        "task_prolog": task_prolog,
        "findings": finding_records(findings),
    }
    with prepare_run_dir(run_dir) as folder:
        folder.write(_name(job_id), dumps(note).encode() + b"\n", 0o644)


def forget_note(run_dir: str, job_id: int) -> None:
    """Remove the job's note, where there is one; raise OSError where that fails."""
    try:
        folder = open_folder(run_dir)
    except (FileNotFoundError, NotADirectoryError):
        return
    with folder:
        folder.remove(_name(job_id))


def prepare_run_dir(run_dir: str) -> Folder:
    """Make the folder that the jobs' processes read and open it; raise OSError (Untrusted) where it is no use."""
    return open_folder(run_dir, 0o755)


def _name(job_id: int) -> str:
    return "job-%d.json" % job_id
