"""Starts the watch of a job: one process on each node that says when the ranks talk over TCP and not over EFA.

The job's script runs this on its first node, as the user, beside the ranks. It finds the addresses of the job's nodes
and starts ``watch-node`` by srun, as a step that shares everything with all others. Nothing here may cost the job
anything: what fails is said in one line, and the job goes on. All of it ends with its input, the script's.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # signal itself imports enum
import os
import time

from efakit.node.bounded import run_bounded
from efakit.node.child import close, fork_with_pipe
from efakit.node.command import run_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from efakit.hook.run import Run

MODE, PEERS = "EFAKIT_WATCH", "EFAKIT_WATCH_PEERS"
# Linux takes 128 KiB for one variable. A node needs not know all others.
_MOST_ADDRESSES = 3000
_SLURM_SECONDS, _NAMES_SECONDS = 20.0, 30.0
# srun that ends with a failure so soon could not start its step; later it was ended with the job, or by the watch.
_START_SECONDS = 6.0
_FOLDERS = ("/opt/slurm/bin", "/usr/bin", "/usr/local/bin", "/bin")
_NOT_WATCHED = "watch: %s: nobody looks whether the ranks use EFA"


def watch(run: Run) -> str:
    """Watch the job until the input ends; return why it is not watched, an empty text where it was."""
    environment = run.environment
    nodes = environment.get("SLURM_JOB_NUM_NODES", "")
    if nodes == "1":
        return ""
    srun, scontrol = find_program("srun", environment), find_program("scontrol", environment)
    if not nodes.isdigit() or srun is None or scontrol is None:
        return _NOT_WATCHED % "this is no job of Slurm's, or srun and scontrol are not in PATH"
    try:
        addresses = _addresses(scontrol, environment)
        if not addresses:
            return _NOT_WATCHED % "no address of the job's nodes is known"
        hook = os.path.join(os.path.dirname(run.config or ""), "run-hook")
        argv = (
            *(srun, "--overlap", "--nodes=%s" % nodes, "--ntasks=%s" % nodes, "--ntasks-per-node=1"),
            *("--job-name=efakit-watch", "--mpi=none", "--kill-on-bad-exit=0", "--wait=0"),
            *("--export=ALL", "/bin/sh", hook, "watch-node"),
        )
        said = _run(argv, {**environment, PEERS: " ".join(addresses[:_MOST_ADDRESSES])})
    except OSError as error:
        said = error.strerror or str(error)
    return _NOT_WATCHED % said if said else ""


def find_program(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the path of one of Slurm's commands, None where it is in none of the usual folders and not in PATH."""
    for folder in (*environment.get("PATH", "").split(":"), *_FOLDERS):
        path = os.path.join(folder, name)
        if folder.startswith("/") and os.access(path, os.X_OK):
            return path
    return None


def _addresses(scontrol: str, environment: Mapping[str, str]) -> list[str]:
    """Return the addresses to which the names of the job's nodes resolve; raise NoChild.

    A look-up may take long, and nothing waits for it but the watch.
    """
    status, text = run_program([scontrol, "show", "hostnames"], environment, _SLURM_SECONDS)
    names = text.split() if status == 0 else []
    found, _ = run_bounded(lambda: _look_up(names), _NAMES_SECONDS)
    return list(dict.fromkeys(address for some in found for address in some))


def _look_up(names: Sequence[str]) -> Iterator[list[str]]:
    import _socket

    for name in names:
        try:
            # As bytes: a name in text would be encoded for the DNS first, by modules that take their time.
            answers = _socket.getaddrinfo(name.encode(), None, 0, _socket.SOCK_STREAM)
        except OSError:
            continue
        found = [str(answer[4][0]) for answer in answers]
        yield [address for address in found if not address.startswith(("127.", "fe80:", "::1"))]


def _run(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run srun with our stdin and stdout to its end; return what it said where it could not start its step.

    What it says otherwise is of no interest: it complains where the job is cancelled, as the job's own step does.
    """
    began = time.monotonic()
    child, end = fork_with_pipe(1.0)
    if child == 0:
        try:
            _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)  # Python ignores it, and a program inherits that
            os.dup2(end, 2)
            os.execve(argv[0], list(argv), dict(environment))  # noqa: S606 - an argv list, and no shell is wanted
        finally:
            os._exit(127)
    said = bytearray()
    while True:
        chunk = os.read(end, 4096)
        if not chunk:
            break
        if len(said) < 4096:
            said += chunk
    close(end)
    status = os.waitpid(child, 0)[1]
    if status == 0 or time.monotonic() - began > _START_SECONDS:
        return ""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    lines = [line for line in lines if "error:" in line or "fatal:" in line] or lines
    return lines[0] if lines else "srun ended with status %d" % (status >> 8)
