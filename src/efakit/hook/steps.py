"""Which jobs have steps or processes on this node, as Slurm's own processes and cgroups tell."""

from __future__ import annotations

import os

from efakit.node.files import below, list_folder, read_text_or_none

_STEP_PROGRAM = "slurmstepd"
_MOST_BYTES, _MOST_DIGITS, _MOST_GROUP_BYTES = 512, 20, 8192
_JOB = b"job_"


def jobs_with_steps(root: str) -> set[int] | None:
    """Return the ids of the jobs that have a step on this node; None where that cannot be known.

    Each step has a slurmstepd, which writes its job's id into its command line: ``slurmstepd: [42.batch]``
    (``setproctitle`` in SchedMD/slurm, ``src/slurmd/slurmstepd``). A user's process may have the same name and title,
    and its title may lie in memory that never answers: only those of root, or of the hook's own user, are asked.
    """
    folder = below(root, "proc")
    try:
        names = [name for name in os.listdir(folder) if name.isdigit()]
    except OSError:
        return None
    found: set[int] = set()
    for name in names:
        try:
            if _read(os.path.join(folder, name, "comm")).strip() != _STEP_PROGRAM.encode():
                continue
            if _real_user(_read(os.path.join(folder, name, "status"))) not in (0, os.geteuid()):
                continue
            title = _read(os.path.join(folder, name, "cmdline"))
        except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
            continue  # it ended just now
        except OSError:
            return None
        after = title.partition(b"[")[2]
        digits = after[: len(after) - len(after.lstrip(b"0123456789"))]
        if 0 < len(digits) <= _MOST_DIGITS:
            found.add(int(digits))
    return found if names else None


def jobs_in_cgroups(root: str) -> set[int]:
    """Return the ids of the jobs that have processes here, as far as Slurm's cgroups tell: a sign, and cheap to read.

    Version 2 only: ``system.slice/slurmstepd.scope/job_42``, with the node's name before ``slurmstepd`` where a host
    has several (``src/plugins/cgroup/v2`` in SchedMD/slurm).
    """
    found: set[int] = set()
    slices = below(root, "sys/fs/cgroup/system.slice")
    for scope in list_folder(slices):
        if not scope.endswith("slurmstepd.scope"):
            continue
        for name in list_folder(os.path.join(slices, scope)):
            start, _, digits = name.partition("_")
            if start != "job" or not digits.isascii() or not digits.isdigit() or len(digits) > _MOST_DIGITS:
                continue
            events = read_text_or_none(os.path.join(slices, scope, name, "cgroup.events")) or ""
            if "populated 0" not in events:  # what a job left may outlive it
                found.add(int(digits))
    return found


def jobs_of_user(root: str, user_id: int) -> set[int]:
    """Return the ids of the jobs of which this user has processes here, by their cgroups of either version: a sign.

    ``.../job_42/step_0/...`` (``src/plugins/cgroup`` in SchedMD/slurm).
    """
    folder = below(root, "proc")
    found: set[int] = set()
    for name in list_folder(folder):
        path = os.path.join(folder, name)
        try:
            if not name.isdigit() or os.stat(path).st_uid != user_id:
                continue
            groups = _read(os.path.join(path, "cgroup"), _MOST_GROUP_BYTES)
        except OSError:
            continue  # it ended just now
        for part in groups.replace(b"\n", b"/").split(b"/"):
            digits = part[len(_JOB) :] if part.startswith(_JOB) else b""
            if digits.isdigit() and len(digits) <= _MOST_DIGITS:
                found.add(int(digits))
    return found


def _real_user(status: bytes) -> int | None:
    """Return whose a process is by its ``status``; not by who owns its folder, root for one that may not be dumped.

    The first of the four ids: a program that runs as root for a user has the user's there (proc_pid_status(5)).
    """
    fields = status.partition(b"\nUid:")[2].split(None, 1)
    return int(fields[0]) if fields and fields[0].isdigit() else None


def _read(path: str, most_bytes: int = _MOST_BYTES) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, most_bytes)
    finally:
        os.close(descriptor)
