"""Rows: what the hook's own process is short of, or is not let do: no device's fault, and it costs no record.

Each row with a device's files runs in mode ``enforce`` with every rule that a device's state can break.
"""

from __future__ import annotations

import atexit
import errno
import functools
import os
import resource
import subprocess
import sys

import pytest

from tests.hook.faults.environments import NAMED, written_config
from tests.hook.faults.fail_at import always, library, missing_for_preload
from tests.hook.faults.reading import without
from tests.hook.faults.story import (
    DEVICES,
    Case,
    Step,
    Story,
    epilog,
    finding,
    flush,
    no_finding,
    prolog,
    record,
    said,
    traffic,
    waits,
    whole,
)
from tests.hook.forked import Ended, ForkServer
from tests.lab import efa_tree

OWN = ("EACCES", "EAGAIN", "EINTR", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "ETIMEDOUT")
RULES = [
    *("devices-missing", "driver-unbound", "verbs-missing", "verbs-unusable"),
    *("counters-unreadable", "commands-unanswered", "device-unreadable", "snapshot-incomplete", "devices-fewer"),
]
ENFORCING = {"mode": "enforce", "enforce": RULES, "breaker_nodes_per_hour": 100}
QUICK = {"deadline_seconds": 1}
DEVICE = "rdmap16s27"
# Python itself asks again as long as a call is interrupted.
INTERRUPTED_TIMES = 4


def short_of(command: str, name: str, part: str, error: str, *, process: int = -1, times: int = 0) -> Step:
    """Run the hook while calls of this name to this path fail; it must end with 0 all the same."""

    def step(story: Story) -> None:
        if missing_for_preload():
            pytest.skip(f"no faults in libc's calls without {', '.join(missing_for_preload())}")
        node = story.node
        number = getattr(errno, error)
        often = times or (INTERRUPTED_TIMES if error == "EINTR" else 0)
        state = node.root.parent / "fail-at.state"
        variables = always(state, None, name, part, number, process=process, times=often)
        arguments = [command, "--config", written_config(node)]
        done: Ended = _server().run(node.archive, arguments, {**NAMED, **variables})
        assert (done.returncode, done.stderr) == (0, "")
        assert "internal error" not in done.stdout
        assert int.from_bytes(state.read_bytes()[4:8], sys.byteorder) > 0, "no call has failed: the row shows nothing"
        story.said.append(done.stdout)

    return step


@functools.cache
def _server() -> ForkServer:
    """Return a server of this test process whose forked hooks have the library; their calls count from the fork on."""
    server = ForkServer(library())
    atexit.register(server.close)
    return server


def inherited(command: str, count: int, first: int = 3, *, proc: bool = True) -> Step:
    """Run the hook with so many open descriptors besides its own three, from a number on; also without /proc."""

    def step(story: Story) -> None:
        node = story.node
        code = (
            "import os, resource, sys\n"
            "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
            # Where so high a number is not allowed, the highest that is.
            f"first = min({first}, hard - 64 - {count})\n"
            f"last = first + {count}\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (last + 64, hard))\n"
            "nothing = os.open(os.devnull, os.O_RDWR)\n"
            "[os.dup2(nothing, number) for number in range(first, last)]\n"
            f"{'' if proc else NO_PROC}\n"
            "os.execv(sys.argv[1], sys.argv[1:])\n"
        )
        argv = [node.python, "-I", "-S", str(node.archive), command, "--config", written_config(node)]
        if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < count + 128:
            pytest.skip(f"no {count} descriptors are allowed here: raise 'ulimit -Hn'")
        apart = [] if proc else ["/usr/bin/unshare", "--mount"]
        if apart and os.geteuid() != 0:
            pytest.skip("only root takes /proc away: run as root")
        done = subprocess.run(
            [*apart, sys.executable, "-c", code, *argv],
            env=NAMED,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "internal error" not in done.stdout
        story.said.append(done.stdout)

    return step


NO_PROC = "import subprocess; subprocess.run(['/bin/mount', '-t', 'tmpfs', 'none', '/proc'], check=True)"


def both(*steps: Step) -> tuple[Step, ...]:
    """Return a job's steps with what is wrong in its prolog alone."""
    return (*steps, traffic, epilog)


def of_device(error: str) -> list[Case]:
    """Return the rows of one error: each thing that is read of a device."""
    rows = {
        "a driver's link": ("readlink", f"{DEVICE}/device/driver$", whole()),
        "all that is in a PCI function": ("*", f"{DEVICE}/device/", (record(baseline="ok"),)),
        "the list of verbs devices": ("opendir", "class/infiniband_verbs$", whole()),
        "a verbs device's name": ("open", "uverbs0/ibdev$", whole()),
        "a verbs device": ("stat", "dev/infiniband/uverbs0$", whole()),
        "a device's counters": ("open", f"{DEVICE}/ports/1/hw_counters$", (record(devices=DEVICES),)),
        "a counter": ("openat", "rdma_read_bytes$", whole()),
        "a counter that is open": ("read", "hw_counters/rdma_read_bytes$", whole()),
    }
    # An interrupted call succeeds when it is asked again.
    must = {True: (finding("device-unreadable"),), False: ()}
    return [
        Case(
            f"enforce, and {what} fails with {error}",
            both(short_of("prolog", name, part, error)),
            (*checks, *must[error != "EINTR"], *(no_finding(rule) for rule in RULES if rule != "device-unreadable")),
            ENFORCING,
        )
        for what, (name, part, checks) in rows.items()
    ]


def unbound(story: Story) -> None:
    """Take the driver from a device, of which then only the PCI function is seen."""
    efa_tree.unbind_device(story.node.root, DEVICE)


BY_TYPE = {**ENFORCING, "compute_resources": {}, "deadline_seconds": 2}
FEWER = (finding("devices-fewer"), no_finding("devices-missing"))

CASES = [
    *(case for error in OWN for case in of_device(error)),
    *(
        Case(
            f"enforce, and the list of devices fails with {error}",
            both(short_of("prolog", "opendir", "class/infiniband$", error)),
            (finding("snapshot-incomplete"), no_finding("devices-missing")),
            ENFORCING,
        )
        for error in OWN
        if error != "EINTR"
    ),
    *(
        Case(
            f"enforce, and the list of PCI functions fails with {error}",
            both(unbound, short_of("prolog", "opendir", "bus/pci/devices$", error)),
            (*FEWER, no_finding("driver-unbound"), finding("device-unreadable")),
            BY_TYPE,
        )
        for error in ("EMFILE", "ENOMEM", "EACCES")
    ),
    *(
        Case(
            f"enforce, and what shows a fault in the first look is sound in the second ({error})",
            both(short_of("prolog", "stat", "dev/infiniband/uverbs0$", error, process=1)),
            (*whole(), finding("enforce-suspended"), no_finding("verbs-unusable")),
            ENFORCING,
        )
        for error in ("ENOENT", "ENODEV", "ENXIO", "EIO")
    ),
    # Fewer cards with EFA than the type has.
    Case("enforce, and the node has fewer devices than its type", both(without(0, 1), prolog), FEWER, BY_TYPE),
    Case("enforce, and the node has one device of its type's", both(without(0, 1, 2), prolog), FEWER, BY_TYPE),
    # Processes, pipes and threads.
    *(
        Case(f"{what} fails {often} in the {command} with {error}", steps, whole())
        for what, name, errors in (("fork", "fork", ("EAGAIN", "ENOMEM")), ("a pipe", "pipe", ("EMFILE", "ENFILE")))
        for error in errors
        for often, command, steps in (
            ("once", "prolog", both(short_of("prolog", name, "*", error, times=1))),
            ("twice", "prolog", both(short_of("prolog", name, "*", error, times=2))),
            ("once", "epilog", (prolog, traffic, short_of("epilog", name, "*", error, times=1))),
            ("twice", "epilog", (prolog, traffic, short_of("epilog", name, "*", error, times=2))),
        )
    ),
    *(
        Case(
            f"{what} never works in the prolog",
            both(short_of("prolog", name, "*", error)),
            (*whole(), finding("hook-without-child")),
            QUICK,
        )
        for what, name, error in (("fork", "fork", "EAGAIN"), ("a pipe", "pipe", "EMFILE"))
    ),
    *(
        Case(
            f"{what} never works in the epilog",
            (prolog, traffic, short_of("epilog", name, "*", error), flush),
            (*whole(), waits(), finding("hook-without-child"), said("kept in the spool, not published: no child")),
            QUICK,
        )
        for what, name, error in (("fork", "fork", "EAGAIN"), ("a pipe", "pipe", "ENFILE"))
    ),
    Case(
        "fork never works in health check, flush and task prolog",
        (
            *(short_of(command, "fork", "*", "EAGAIN") for command in ("health-check", "flush", "task-prolog")),
            *(prolog, traffic, epilog),
        ),
        (*whole(), said("flush: the spool cannot be looked at: no child process")),
        QUICK,
    ),
    Case(
        "no thread can be started",
        (
            short_of("prolog", "pthread_create", "*", "EAGAIN"),
            traffic,
            short_of("epilog", "pthread_create", "*", "EAGAIN"),
        ),
        whole(),
    ),
    Case(
        "fork never works where a device's faults would be enforced",
        both(without(0), short_of("prolog", "fork", "*", "EAGAIN")),
        (finding("devices-missing"), finding("enforce-suspended"), finding("hook-without-child")),
        {**ENFORCING, "deadline_seconds": 2},
    ),
    *(
        Case(
            f"{name} fails with {error} in each child",
            (short_of("prolog", name, "*", error), traffic, short_of("epilog", name, "*", error)),
            whole(),
        )
        for name, error in (("setsid", "EPERM"), ("dup2", "EMFILE"), ("close_range", "EINTR"), ("poll", "EINTR"))
    ),
    Case(
        "/dev/null cannot be opened",
        (
            short_of("prolog", "open", "/dev/null$", "ENFILE"),
            traffic,
            short_of("epilog", "open", "/dev/null$", "ENFILE"),
        ),
        whole(),
    ),
    Case(
        "the list of open descriptors cannot be had",
        (
            short_of("prolog", "opendir", "/proc/self/fd", "ENFILE"),
            traffic,
            short_of("epilog", "opendir", "/fd", "ENOENT"),
        ),
        whole(),
    ),
    # Descriptors that the hook is left with.
    *(
        Case(
            f"{count} inherited descriptors from {first} on",
            (inherited("prolog", count, first), traffic, inherited("epilog", count, first)),
            whole(),
        )
        for count, first in ((1_024, 3), (5_000, 3), (8, 1_000_000))
    ),
    Case(
        "5,000 inherited descriptors and no /proc",
        (inherited("prolog", 5_000, proc=False), traffic, inherited("epilog", 5_000, proc=False)),
        whole(),
    ),
    Case(
        "5,000 inherited descriptors in health check, flush and task prolog",
        (*(inherited(command, 5_000) for command in ("health-check", "flush", "task-prolog")), prolog, traffic, epilog),
        whole(),
    ),
]
