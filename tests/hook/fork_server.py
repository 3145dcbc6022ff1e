"""Runs the built hook in processes forked from this one, which has loaded its modules: see ``forked``, its client.

    python -I -S fork_server.py SOCKET ARCHIVE [PREPARE]

Most of a run of the hook is the start of Python and the import of these modules. PREPARE is a file whose function
``prepare`` runs in the forked process before the hook does. A request is the length of what ``marshal`` makes of it,
and that itself; with it come the descriptors that are to be stdin, stdout and stderr. The answer is the status that
waitpid gives, in 4 bytes.
"""

import _signal
import _socket
import ctypes
import gc
import marshal
import os
import sys
import zipimport

_NEWNS, _BIND, _PRIVATE, _SUBREAPER = 0x00020000, 4096, 0x4000 | 1 << 18, 36
# Not what compiles: it needs threading, which does much in each process that is forked.
_LOADED = (
    "efakit.hook.",
    "efakit.node.",
    "efakit.rules.",
    "efakit.catalog.unasked",
    "efakit.catalog.variables",
    "efakit_carried",
)
_LENGTH_BYTES, _DESCRIPTORS = 4, 3

libc = ctypes.CDLL(None)
# Python itself may set this where no variable names a locale (PEP 538).
_OF_PYTHON = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}


def serve(number: str, archive: str, prepare: str = "") -> None:
    server = _socket.socket(fileno=int(number))
    loader = zipimport.zipimporter(archive)
    code = loader.get_code("__main__")
    sys.path.insert(0, archive)
    for path in loader._files:
        name, suffix = path.replace(os.sep, ".").rpartition(".")[::2]
        if suffix == "py" and name.startswith(_LOADED):
            __import__(name.removesuffix(".__init__"))
    before = {}
    if prepare:
        with open(prepare, "rb") as file:  # noqa: PTH123 - pathlib is no part of what the hook finds there
            exec(compile(file.read(), prepare, "exec"), before)  # noqa: S102
    gc.collect()
    # So that a collection in a forked process does not copy all that is here.
    gc.freeze()
    while True:
        request, descriptors = receive(server)
        if request is None:
            return
        if request["seconds"]:
            libc.prctl(_SUBREAPER, 1, 0, 0, 0)
        child = os.fork()
        if child == 0:
            try:
                os.close(server.fileno())
                run(request, descriptors, code, loader, before.get("prepare"))
            finally:
                os._exit(126)
        for descriptor in descriptors:
            os.close(descriptor)
        server.sendall(wait(child, request["seconds"]).to_bytes(4, "little"))


def receive(server: "_socket.socket") -> "tuple[dict | None, list[int]]":
    data, more, _, _ = server.recvmsg(1 << 16, _socket.CMSG_SPACE(_DESCRIPTORS * 4))
    if not data:
        return None, []
    numbers = more[0][2]
    descriptors = [int.from_bytes(numbers[at : at + 4], sys.byteorder) for at in range(0, len(numbers), 4)]
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    while len(data) < end:
        data += server.recv(end - len(data))
    return marshal.loads(data[_LENGTH_BYTES:]), descriptors  # noqa: S302 - from the test


def wait(child: int, seconds: int) -> int:
    """Wait for the process, with ``seconds`` for all that it leaves behind as well; return its status, -1: too long."""
    if not seconds:
        return os.waitpid(child, 0)[1]
    _signal.signal(_signal.SIGALRM, too_long)
    _signal.alarm(seconds)
    result = -1
    try:
        while True:
            ended, status = os.wait()
            if ended == child:
                result = status
    except ChildProcessError:
        return result
    except TimeoutError:
        os.kill(-child, _signal.SIGKILL)
        return -1
    finally:
        _signal.alarm(0)


def too_long(*_: object) -> None:
    raise TimeoutError


def run(request: "dict", descriptors: "list[int]", code: "object", loader: "object", prepare: "object") -> None:
    if request["folder"]:
        be_apart(request["folder"])
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
    os.closerange(_DESCRIPTORS, max(descriptors) + 1)
    os.chdir("/")
    os.umask(request["umask"])
    _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
    os.environ.clear()
    os.environ.update({**_OF_PYTHON, **request["environment"]})
    sys.argv = request["argv"]
    # As python FILE has it: the hook's file itself.
    sys.path[0] = sys.argv[0]
    if prepare:
        prepare(*request["prepare"])
    if "FAIL_STATE" in os.environ:
        # The library that is preloaded (``faults/fail_at.c``) has found none of its variables before.
        libc.fail_at_begin()
    exec(code, {"__name__": "__main__", "__loader__": loader, "__spec__": type(sys.__spec__)("__main__", loader)})  # noqa: S102


def be_apart(folder: str) -> None:
    """Lead a session, as what slurmd runs does, with /run and /var/spool of its own where the kernel lets it."""
    os.setsid()
    if libc.unshare(_NEWNS) == 0 and libc.mount(None, b"/", None, _PRIVATE, None) == 0:
        for name, place in ((b"run", b"/run"), (b"spool", b"/var/spool")):
            libc.mount(os.fsencode(folder) + b"/" + name, place, None, _BIND, None)


if __name__ == "__main__":
    serve(*sys.argv[1:])
