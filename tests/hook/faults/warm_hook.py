"""Runs the built hook as ``as_slurmd`` does, again and again: ``python -I -S warm_hook.py ARCHIVE FOLDER``.

Each run is a process of its own, forked from one that has loaded the hook's modules already: four fifths of a run are
Python's start and these. Reads requests from standard input and answers on standard output, each the length of what
``marshal`` makes of it and that itself: the hook's arguments and environment; status and what stdout and stderr got.
"""

import ctypes
import importlib.machinery
import marshal
import os
import signal
import sys
import zipimport

_NEWNS, _BIND, _PRIVATE, _SUBREAPER = 0x00020000, 4096, 0x4000 | 1 << 18, 36
_MOST_SECONDS, _STILL_THERE = 60, 125
_COMMANDS = ("prolog", "epilog", "health", "task_prolog", "outbox", "settings", "job", "summary", "main")

archive, folder = sys.argv[1:3]
libc = ctypes.CDLL(None)
loader = zipimport.zipimporter(archive)
code = loader.get_code("__main__")


def load() -> None:
    sys.path.insert(0, archive)
    for name in _COMMANDS:
        __import__("efakit.hook." + name)
    __import__("efakit_carried")


def as_slurmd(arguments: "list[str]", environment: "dict[str, str]", out: int, errors: int) -> int:
    """Run the hook to the end of all that it leaves behind, and return its status."""
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    program = os.fork()
    if program == 0:
        try:
            hook(arguments, environment, out, errors)
        finally:
            os._exit(126)
    signal.signal(signal.SIGALRM, lambda *_: (os.killpg(program, signal.SIGKILL), os._exit(_STILL_THERE)))
    signal.alarm(_MOST_SECONDS)
    result = _STILL_THERE
    while True:
        try:
            ended, status = os.wait()
        except ChildProcessError:
            return result
        if ended == program:
            result = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def hook(arguments: "list[str]", environment: "dict[str, str]", out: int, errors: int) -> None:
    os.setsid()
    if libc.unshare(_NEWNS) == 0 and libc.mount(None, b"/", None, _PRIVATE, None) == 0:
        for name, place in ((b"run", b"/run"), (b"spool", b"/var/spool")):
            libc.mount(os.fsencode(folder) + b"/" + name, place, None, _BIND, None)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(errors, 2)
    os.chdir("/")
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [archive, *arguments]
    spec = importlib.machinery.ModuleSpec("__main__", loader)
    exec(code, {"__name__": "__main__", "__loader__": loader, "__spec__": spec})  # noqa: S102


def answer(arguments: "list[str]", environment: "dict[str, str]") -> "tuple[int, str, str]":
    (read_out, out), (read_errors, errors) = os.pipe(), os.pipe()
    middle = os.fork()
    if middle == 0:
        try:
            os._exit(as_slurmd(arguments, environment, out, errors))
        finally:
            os._exit(_STILL_THERE)
    os.close(out)
    os.close(errors)
    with os.fdopen(read_out, "rb") as said, os.fdopen(read_errors, "rb") as complained:
        texts = said.read().decode(), complained.read().decode()
    return os.WEXITSTATUS(os.waitpid(middle, 0)[1]), *texts


def main() -> None:
    load()
    requests, answers = os.fdopen(0, "rb"), os.fdopen(1, "wb")
    while length := requests.read(4):
        request = marshal.loads(requests.read(int.from_bytes(length, "little")))  # noqa: S302 - from our own parent
        told = marshal.dumps(answer(*request))
        answers.write(len(told).to_bytes(4, "little") + told)
        answers.flush()


main()
