"""Watches one node of a job, as the user, until its input ends: see ``hook.watch``, and ``hook.exchange`` who decides.

A read of EFA's counters may hang for 30 s: it is done in a child, and only while the ranks talk over TCP.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # signal itself imports enum
import os
import select
import time

from efakit.catalog.thresholds import EFA_FLOOR
from efakit.hook.exchange import LOOK_SECONDS, Exchange, ranks_bytes
from efakit.hook.output import say
from efakit.hook.steps import jobs_of_user
from efakit.hook.watch import MODE, PEERS, find_program
from efakit.node.bounded import NoChild, run_bounded
from efakit.node.command import run_program
from efakit.node.connections import packed, read_connections
from efakit.node.counters import find_interfaces, read_byte_counters, read_interface
from efakit.node.devices import find_devices
from efakit.node.files import OWN_LACK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from efakit.hook.exchange import Answer, Devices
    from efakit.hook.run import Run
    from efakit.node.connections import Connections

STOP, REQUEUE = "stop", "requeue"
# What a job may ask Slurm to send to its steps before its time is over (sbatch --signal): it is meant for the ranks.
_OF_THE_RANKS = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGURG")
_READ_SECONDS = 10.0
_WAYS = ("tx_bytes", "rx_bytes")
# After it has spoken it looks for EFA's first bytes, more and more seldom.
_LATER_SECONDS, _LATEST_SECONDS = 30.0, 300.0
# All nodes speak before the job ends: the first node ends it, and the others only where the first does not.
_FIRST_WAITS_LOOKS, _OTHERS_WAIT_LOOKS = 1, 4
# A fallback that comes back after each requeue is no fault of one node.
_MOST_RESTARTS = 3
# What scontrol says of a job that another node has put back into the queue (slurm, src/common/slurm_errno.c).
_REQUEUED_BEFORE = "Job is pending execution"
# So often in a row the node may be too short of something to tell of its connections.
_MOST_FAILURES = 30
_SLURM_SECONDS = 30.0


def watch_node(run: Run) -> str:
    """Say what is to be said while the job runs, and end with it; return an empty text, or why nothing is watched."""
    for name in _OF_THE_RANKS:
        _signal.signal(getattr(_signal, name), _signal.SIG_IGN)
    peers = {address for address in map(packed, run.environment.get(PEERS, "").split()) if address}
    nodes = run.environment.get("SLURM_JOB_NUM_NODES", "")
    if not peers or not nodes.isdigit() or nodes == "1":
        return ""
    return _Watch(run, peers, int(nodes)).until_end()


class _Watch:
    def __init__(self, run: Run, peers: set[bytes], nodes: int) -> None:
        self._run, self._peers, self._user = run, peers, os.getuid()
        self._root, self._exchange = run.settings.root, Exchange(nodes)
        try:
            self._interfaces = find_interfaces(self._root, run.settings.tcp_interfaces)
        except OSError:
            self._interfaces = []
        self._input = select.poll()
        self._input.register(0, select.POLLIN)
        self._children: list[int] = []
        self._failures = 0
        self._told_of_others = False
        self._paths: list[tuple[str, str]] = []

    def until_end(self) -> str:
        try:
            devices = self._devices()
            if devices == ({}, True):
                return ""  # the prolog and the check before the launch have said so
            self._exchange.begin(time.monotonic(), self._connections(), devices)
            found = self._wait_for_answer()
        except OSError as error:
            why = error.strerror or str(error)
            return "watch of %s ends: its TCP connections cannot be read: %s" % (self._run.node, why)
        return "" if found is None else self._speak(*found)

    def _wait_for_answer(self) -> tuple[Answer, Devices] | None:
        """Return what there is to say, and the counters that it was said of; None where the input ended before."""
        exchange = self._exchange
        while not self._ended(LOOK_SECONDS):
            if not exchange.glance(time.monotonic(), self._bytes()):
                continue
            connections = self._connections()
            now = time.monotonic()
            if connections is not None and exchange.look(now, connections):
                devices = self._devices()
                answer = exchange.answer(now, devices)
                if answer == "fallback" and self._may_be_anothers():
                    exchange.put_off(now)
                elif answer is not None:
                    return answer, devices
        return None

    def _may_be_anothers(self) -> bool:
        """Return whether the connections may be those of another job of this user, which the first time is said."""
        # Of a heterogeneous job the components have ids of their own.
        begins = ("SLURM_JOB_ID", "SLURM_HET_JOB_ID", "SLURM_PACK_JOB_ID")
        own = {value for name, value in self._run.environment.items() if name.startswith(begins)}
        others = sorted(job for job in jobs_of_user(self._root, self._user) if str(job) not in own)
        if others and not self._told_of_others:
            self._told_of_others = True
            text = "warning on %s: %s, none over EFA, and job %d of the same user runs here too: whose ranks talk is "
            say((text + "not known") % (self._run.node, self._how_much(), others[0]))
        return bool(others)

    def _how_much(self) -> str:
        exchange = self._exchange
        return "%d MB exchanged with %d of the job's nodes over TCP in %d s" % (
            exchange.exchanged_bytes // 1_000_000,
            len(exchange.peers),
            round(time.monotonic() - exchange.since),
        )

    def _speak(self, answer: Answer, before: Devices) -> str:
        node, how_much = self._run.node, self._how_much()
        if answer == "unknown":
            say(
                "warning on %s: %s, and EFA's counters cannot be read: whether EFA is used is not known"
                % (node, how_much)
            )
            return ""
        mode = self._run.environment.get(MODE, "")
        severity = "error" if mode in (STOP, REQUEUE) else "warning"
        text = "%s on %s: the ranks talk over TCP and not over EFA: %s, none over EFA; 'efakit diagnose' on this output"
        say((text + " looks for the cause") % (severity, node, how_much))
        if mode in (STOP, REQUEUE):
            return self._end_job(mode)
        pause = _LATER_SECONDS
        while not self._ended(pause):
            pause = min(2 * pause, _LATEST_SECONDS)
            devices = self._devices()
            moved = ranks_bytes(before[0], devices[0])
            if moved is not None and moved >= EFA_FLOOR.value:
                say("on %s EFA traffic has begun: %d MB" % (node, moved // 1_000_000))
                break
            before = devices if moved is None else before
        return ""

    def _end_job(self, mode: str) -> str:
        environment, node = self._run.environment, self._run.node
        first = environment.get("SLURM_NODEID") == "0"
        if self._ended(LOOK_SECONDS * (_FIRST_WAITS_LOOKS if first else _OTHERS_WAIT_LOOKS)):
            return ""
        job = job_name(environment)
        if mode == REQUEUE and _restarts(environment) >= _MOST_RESTARTS:
            say("job %s was requeued %d times: it is cancelled now" % (job, _restarts(environment)))
        elif mode == REQUEUE:
            say("job %s is requeued by its watch on %s, since its ranks do not use EFA" % (job, node))
            failed = _call(("scontrol", "requeue", job), environment)
            # Several nodes may ask at once: whose request comes later must not take the job out of the queue.
            if not failed or _REQUEUED_BEFORE in failed or self._ended(LOOK_SECONDS * _OTHERS_WAIT_LOOKS):
                return ""
            say("job %s cannot be requeued: %s" % (job, failed))
        say("job %s is cancelled by its watch on %s, since its ranks do not use EFA" % (job, node))
        failed = _call(("scancel", job), environment)
        return "job %s cannot be cancelled: %s" % (job, failed) if failed else ""

    def _ended(self, seconds: float) -> bool:
        """Wait for so long; return whether the input ended meanwhile."""
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            if not self._input.poll(max(0, int(left * 1000))):
                return False
            try:
                if not os.read(0, 4096):
                    return True
            except OSError:
                return True

    def _bytes(self) -> tuple[int, int] | None:
        """Return what the TCP interfaces sent and received; None where that is not known."""
        sent = received = 0
        for name in self._interfaces:
            counters = read_interface(self._root, name, _WAYS)["counters"]
            if len(counters) < len(_WAYS):
                return None
            sent += counters["tx_bytes"]
            received += counters["rx_bytes"]
        return (sent, received) if self._interfaces else None

    def _connections(self) -> Connections | None:
        """Return the connections with the job's nodes, None where the node is short of what it takes to read them.

        Raises OSError where they cannot be read at all, or where the node stays so.
        """
        try:
            found = read_connections(self._peers, self._user)
        except OSError as error:
            self._failures += 1
            # socket's own time-out has no number
            if error.errno not in (None, *OWN_LACK) or self._failures >= _MOST_FAILURES:
                raise
            return None
        self._failures = 0
        return found

    def _devices(self) -> Devices:
        """Return the byte counters of the EFA devices that can be read in time, and whether those are all."""
        self._children = [child for child in self._children if not _has_ended(child)]
        try:
            work = lambda: _read_devices(self._root, self._paths)  # noqa: E731
            values, finished = run_bounded(work, _READ_SECONDS, self._children)
        except NoChild:
            return {}, False
        counters = {name: found for name, _, found in values if found is not None}
        complete = finished and len(counters) == len(values)
        # To look for them again takes longer than to read them.
        self._paths = [(name, path) for name, path, _ in values] if complete else []
        return counters, complete


def _read_devices(root: str, known: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, Mapping[str, int] | None]]:
    """Give each EFA device's name, its path and its byte counters, None where they could not all be read.

    ``known`` are names and paths from before; none: the devices are looked for.
    """
    if not known:
        devices, _, unknown = find_devices(root)
        for item in unknown:
            yield item["name"], "", None
        known = [(device["name"], device["path"]) for device in devices]
    for name, path in known:
        reading = read_byte_counters(path)
        yield name, path, None if reading["errors"] or not reading["counters"] else reading["counters"]


def _has_ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] != 0
    except OSError:
        return True


def job_name(environment: Mapping[str, str]) -> str:
    """Return the job's name for Slurm's commands: an array's last task has the array's id, which means all tasks."""
    task, array = environment.get("SLURM_ARRAY_TASK_ID"), environment.get("SLURM_ARRAY_JOB_ID")
    return "%s_%s" % (array, task) if task and array else environment.get("SLURM_JOB_ID", "")


def _restarts(environment: Mapping[str, str]) -> int:
    count = environment.get("SLURM_RESTART_COUNT", "0")
    return int(count) if count.isdigit() else 0


def _call(argv: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """Run one of Slurm's commands; return why it failed, an empty text where it did not."""
    path = find_program(argv[0], environment)
    if path is None:
        return "%s is not in PATH" % argv[0]
    status, text = run_program((path, *argv[1:]), environment, _SLURM_SECONDS)
    return "" if status == 0 else text.strip() or "%s ended with status %s" % (argv[0], status)
