"""Children of the hook: what they may say, what they leave, and what is done without one."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import subprocess
import sys
import time

import pytest

from efakit.node import command
from efakit.node.bounded import run_bounded, run_here
from efakit.node.child import close_inherited
from efakit.node.command import run_program

pytestmark = pytest.mark.thorough


def in_a_process_of_its_own(code: str, **options) -> str:
    """Run code in another Python, since it changes limits, signals or descriptors; return what it printed.

    Where coverage is measured it is not measured there: coverage needs a file and a process's memory at its end.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=90, env=environment, **options
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# Whoever is not root may be kept from forking; descriptors are short for everybody.
SHORT = {
    "processes": "os.setuid(65534) if os.geteuid() == 0 else None\nresource.setrlimit(resource.RLIMIT_NPROC, (0, 0))",
    "descriptors": "resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))",
}
MESSAGES = {"processes": "Resource temporarily unavailable", "descriptors": "Too many open files"}


@pytest.mark.parametrize("what", SHORT)
def test_where_no_child_can_be_made_that_is_told_and_the_work_can_be_done_here(what):
    said = in_a_process_of_its_own(f"""
import os, resource, select, time
from efakit.node.bounded import NoChild, run_bounded, run_here
work = lambda: iter([1, [2]])
{SHORT[what]}
try:
    print(run_bounded(work, 0.5))
except NoChild as error:
    print(error.strerror)
    print(run_here(work, 60))
""")
    if said == "([1, [2]], True)\n":
        pytest.skip("no limit keeps this user from making processes: run on a machine that has them")
    assert said == f"no child process could be made: {MESSAGES[what]}\n([1, [2]], True)\n"


def test_what_is_short_for_a_moment_is_asked_for_again(tmp_path):
    """Another thread gives a descriptor back as soon as the first attempt has failed."""
    said = in_a_process_of_its_own("""
import os, resource, threading, time
from efakit.node import child
from efakit.node.bounded import run_bounded
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
sleep = time.sleep
child.time.sleep = lambda seconds: ([os.close(held.pop()) for _ in held[:4]], sleep(seconds))
print(run_bounded(lambda: iter([1]), 60))
""")
    assert said == "([1], True)\n"


def test_work_done_here_is_interrupted_when_its_time_is_over(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def hangs():
        yield {"one": 1}
        try:
            pipe.read_text()
        except Exception:
            yield "an alarm that work could handle as an error would not end it"

    assert run_here(hangs, 0.2) == ([{"one": 1}], False)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_work_done_here_that_falls_ends_its_values():
    def falls():
        yield 1
        raise OSError(errno.EIO, "as any")

    assert run_here(falls, 60) == ([1], False)


def test_an_alarm_that_was_blocked_rings_all_the_same():
    said = in_a_process_of_its_own("""
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
from efakit.node.bounded import run_here
print(run_here(lambda: iter([time.sleep(80)]), 0.2))
""")
    assert said == "([], False)\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x00\x04\xff\xff\xff\xff",  # no value
        b"\x00\x00\x00\x05[\x01\x00\x00\x00",  # a list that lacks its item
        b"\x00\x00\x00\x00",
        b"\xff\xff\xff\xffi",  # cut off
        b"\x00\x00",
        b"garbage " * 1000,
    ],
)
def test_what_a_damaged_child_says_raises_nothing(data):
    def damaged():
        yield 1
        os.write(3, data)
        os._exit(1)

    assert run_bounded(damaged, 60) == ([1], False)


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_child_that_never_stops_talking_is_left(size):
    def talks():
        while True:
            yield "x" * size

    values, finished = run_bounded(talks, 1.0)
    assert not finished
    assert values[:1] == ["x" * size]
    assert sum(len(value) for value in values) < 1 << 25


def test_a_killed_child_costs_what_it_had_not_said():
    def dies():
        yield 1
        os.kill(os.getpid(), signal.SIGKILL)

    assert run_bounded(dies, 60) == ([1], False)


def test_the_parent_s_pipe_ends_with_its_own_child():
    """Else a child that hangs would hold the next one's pipe, or the hook's output, open."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)

    def waits():
        yield os.getpid()
        time.sleep(80)

    ((_child,), finished) = run_bounded(waits, 0.5)
    assert not finished
    os.close(writer)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    assert poll.poll(60_000), "nobody else has the other end"
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_descriptors_of_any_number_do_for_a_child_and_a_program():
    said = in_a_process_of_its_own("""
import os, resource
from efakit.node.bounded import run_bounded
from efakit.node.command import run_program
most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 5000)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
nothing = os.open(os.devnull, os.O_RDONLY)
for number in range(3, most - 20):
    os.dup2(nothing, number)
print(run_bounded(lambda: iter([len(os.listdir("/proc/self/fd"))]), 60))
print(run_program(["/bin/sh", "-c", "set -- /proc/self/fd/*; echo $#"], {}, 60))
""")
    children, program = said.splitlines()
    assert children == "([5], True)"
    assert program.startswith("(0, '")
    assert int(program[len("(0, '") :].partition("\\")[0]) <= 5, "and what the shell opens to look"


def test_a_program_s_status_is_known_where_children_are_ignored():
    """As whoever runs the hook may have it: the kernel then keeps no child's status."""
    said = in_a_process_of_its_own("""
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
from efakit.node.command import run_program
print(run_program(["/bin/sh", "-c", "exit 61"], {}, 60))
""")
    assert said == "(61, '')\n"


def test_a_program_that_prints_without_end_is_left():
    status, text = run_program(["/bin/sh", "-c", "while :; do echo 0123456789012345678901234567890; done"], {}, 30.0)
    assert status is None
    assert 1 << 22 <= len(text) < 1 << 23


def test_a_program_that_is_left_does_not_seem_to_have_ended_by_itself(monkeypatch):
    """Also where the machine is busy, and there is time for it to write into the closed pipe."""

    def close_and_wait(end):
        os.close(end)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)

    monkeypatch.setattr(command, "close", close_and_wait)
    prints = "import os, signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\nwhile True: os.write(1, bytes(4096))"
    status, _ = run_program([sys.executable, "-I", "-S", "-c", prints], {}, 30.0)
    assert status is None


@pytest.mark.parametrize("has_proc", [True, False])
def test_inherited_descriptors_are_closed_with_and_without_proc(monkeypatch, has_proc):
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if not has_proc:
                os.listdir = lambda path: (_ for _ in ()).throw(FileNotFoundError(path))
            close_inherited(but=write_end)
            kept = [number for number in range(3, 200) if _is_open(number)]
            os._exit(0 if kept == [write_end] else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    os.close(read_end)
    os.close(write_end)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_without_threads_the_work_is_done_one_after_the_other():
    said = in_a_process_of_its_own(f"""
import os, resource, time
from efakit.node.parallel import in_parallel_when_slow
{SHORT["processes"]}
print(sorted(in_parallel_when_slow(lambda number: (time.sleep(0.01), number)[1], range(5))))
""")
    assert said == "[0, 1, 2, 3, 4]\n"
