"""Which network each process chose, with how many NICs, and on how many nodes the job ran: what its log tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from efakit.diagnose.speaker import Speaker
from efakit.finding import NOWHERE, Place

NCCL = "NCCL"
_OPEN_MPI, _INTEL_MPI = "Open MPI", "Intel MPI"
_BTL = f"{_OPEN_MPI} btl "
SOCKETS = ("Socket", f"{_BTL}tcp")
"""The name that NCCL gives to TCP sockets, and what we say of Open MPI's."""
_OPEN_MPI_EFA = f"{_OPEN_MPI} pml cm"
"""The one that sends messages by libfabric's providers."""
_BY_BTL = ("", f"{_OPEN_MPI} pml ob1", f"{_BTL}tcp")
"""Where Open MPI's btl carries the messages, or nothing else is known to; with another pml it is for one-sided calls.
"""
_ADDRESS = re.compile(r"[\d.]+")
_TCP_PROVIDERS = ("tcp", "sockets", "udp", "net")
_EFA = "efa"
_MOST_PROCESSES = 200_000


@dataclass
class Process:
    """What one process said of itself and of its network."""

    host: str
    rank: int = -1
    task: int = -1
    ranks: int = 0
    """The size of the largest communicator that it spoke of; ``rank`` is the one in it."""
    network: str = ""
    provider: str = ""
    fabric: str = ""
    nics: int = -1


class Choice(NamedTuple):
    """Processes that chose the same."""

    network: str
    provider: str
    fabric: str
    nics: int
    """The NICs that the provider found; -1: the log does not say."""
    processes: tuple[Process, ...]

    @property
    def falls_back(self) -> bool:
        """Whether the data goes over TCP sockets."""
        return tells_of_sockets(self.network, self.provider)

    @property
    def is_efa(self) -> bool:
        """Whether it is known that EFA was chosen."""
        return self.provider.partition(";")[0].startswith(_EFA)

    @property
    def program(self) -> str:
        """Who chose: NCCL where it is neither of the two MPIs, whose names begin their networks."""
        return next((name for name in (_OPEN_MPI, _INTEL_MPI) if self.network.startswith(name)), NCCL)

    @property
    def ranks(self) -> tuple[int, ...]:
        """The ranks that are known."""
        return tuple(sorted({process.rank for process in self.processes if process.rank >= 0}))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The nodes that are known."""
        return tuple(sorted({process.host for process in self.processes if process.host}))

    def __str__(self) -> str:
        """Return what was chosen, in words."""
        words = [self.network] if self.network else []
        if self.provider:
            words.append(f"provider {self.provider}")
        if self.fabric:
            words.append(f"fabric {self.fabric}")
        if self.nics >= 0:
            words.append(f"{self.nics} NIC{'s' * (self.nics != 1)}")
        return ", ".join(words)


@dataclass
class Network:
    """What the lines that are facts tell, taken together."""

    instances: dict[str, int] = field(default_factory=dict)
    """Instance types that the plugin named, and on how many lines."""
    most_nodes: int = 0
    """The most nodes that a communicator spans, as NCCL says; 0: it does not say."""
    most_ranks: int = 0
    data_over_sockets: bool = False
    """Whether a channel of NCCL's between nodes was made over sockets."""
    nccl_is_there: bool = False
    """Whether NCCL is used, though it may say nothing of its network."""
    _fell_back_at: dict[bool, Place] = field(default_factory=dict)
    """The first line that tells of sockets; by whether it is an MPI's."""
    _processes: dict[tuple[str, int, int, int], Process] = field(default_factory=dict)
    _of_mpi: dict[tuple[str, int, int, int], Process] = field(default_factory=dict)
    """The same processes by what their MPI said: beside NCCL it starts the ranks, over a network of its own."""
    _btls: set[str] = field(default_factory=set)
    """What Open MPI's processes send by, on one node or between nodes."""
    _far_btls: set[str] = field(default_factory=set)
    """The same between nodes."""
    _hosts: set[str] = field(default_factory=set)
    _tasks: dict[int, Process | None] = field(default_factory=dict)
    _tasks_of: int = 0

    def learn(self, fact: str, groups: Mapping[str, str], speaker: Speaker, place: Place) -> None:
        """Take what one line says; ``fact`` is the id of its row."""
        if speaker.host:
            self._hosts.add(speaker.host)
        is_mpi = fact.startswith(("log-fact-ompi-", "log-fact-intel-"))
        if tells_of_sockets(groups.get("network", ""), groups.get("provider", "")):
            self._fell_back_at.setdefault(is_mpi, place)
        if fact == "log-fact-hosts":
            self._hosts.add(groups["host"])
        elif fact == "log-fact-platform":
            self.instances[groups["instance"]] = self.instances.get(groups["instance"], 0) + 1
        elif fact == "log-fact-nccl":
            self.nccl_is_there = True
        elif fact == "log-fact-sockets":
            self.data_over_sockets = True
        elif fact == "log-fact-ompi-btl":
            self._of_btl(groups["btl"], groups["peer"], self._process(speaker, self._of_mpi), place)
        else:
            self._of_process(fact, groups, self._process(speaker, self._of_mpi if is_mpi else self._processes))

    def _of_btl(self, btl: str, peer: str, process: Process, place: Place) -> None:
        """Take by what Open MPI sends to a peer, where that is on another node."""
        self._btls.add(btl)
        # Open MPI 5 says unknown where it has no name. An address does not tell whether it is this node's.
        is_named = peer != "unknown" and not _ADDRESS.fullmatch(peer)
        if not is_named or not process.host or peer.partition(".")[0] == process.host.partition(".")[0]:
            return
        self._far_btls.add(btl)
        if process.network in _BY_BTL:
            process.network, process.provider, process.fabric = f"{_BTL}{btl}", "", ""
            self._hosts.add(peer)
            if btl == "tcp":
                self._fell_back_at.setdefault(True, place)

    def _process(self, speaker: Speaker, known: dict[tuple[str, int, int, int], Process]) -> Process:
        # A process is known by host and id, else by its rank, else by its task.
        by_id = (speaker.host, speaker.pid, -1, -1)
        key = by_id if speaker.pid else ("", 0, speaker.rank, speaker.task)
        process = known.get(key)
        if process is None:
            process = Process(speaker.host, speaker.rank, speaker.task)
            if len(known) < _MOST_PROCESSES:
                known[key] = process
        return process

    def _of_process(self, fact: str, groups: Mapping[str, str], process: Process) -> None:
        if "ranks" in groups:
            ranks = int(groups["ranks"])
            self.most_ranks = max(self.most_ranks, ranks)
            if ranks > process.ranks:
                process.ranks, process.rank = ranks, int(groups["rank"])
            self.most_nodes = max(self.most_nodes, int(groups.get("nodes") or 0))
        elif fact == "log-fact-network":
            process.network = groups["network"]
        elif fact == "log-fact-ompi-pml":
            process.network = f"{_OPEN_MPI} pml {groups['pml']}"
            if process.network != _OPEN_MPI_EFA:
                process.provider = process.fabric = ""  # a provider was looked for, and is not used
        else:
            if fact == "log-fact-intel-provider":
                process.network = _INTEL_MPI
            elif fact == "log-fact-ompi-provider":
                process.network = process.network or _OPEN_MPI
            process.provider, process.fabric = groups["provider"], groups.get("fabric") or ""
            process.nics = int(groups["nics"]) if groups.get("nics") else -1

    def rank_of(self, speaker: Speaker) -> Speaker:
        """Return a speaker with the rank that its process has, where another line told it."""
        if speaker.rank >= 0:
            return speaker
        if speaker.pid:
            key = (speaker.host, speaker.pid, -1, -1)
            process = self._processes.get(key) or self._of_mpi.get(key)
            return speaker if process is None else speaker._replace(rank=process.rank)
        alone = self._of_tasks().get(speaker.task)
        return speaker if alone is None else speaker._replace(rank=alone.rank, host=speaker.host or alone.host)

    def _of_tasks(self) -> dict[int, Process | None]:
        """Return the process of each task; None where a task has several, as with torchrun."""
        if len(self._processes) != self._tasks_of:
            self._tasks, self._tasks_of = {}, len(self._processes)
            for process in self._processes.values():
                if process.task >= 0:
                    self._tasks[process.task] = None if process.task in self._tasks else process
        return self._tasks

    @property
    def hosts(self) -> set[str]:
        """The nodes whose processes said something."""
        return self._hosts

    @property
    def ranks(self) -> set[int]:
        """The ranks that said something of their network."""
        return {process.rank for process in self._processes.values() if process.rank >= 0}

    def choices(self) -> list[Choice]:
        """Return what was chosen, by the most processes first."""
        groups: dict[tuple[str, str, str, int], list[Process]] = {}
        for process in (*self._processes.values(), *self._of_mpi.values()):
            if process.network or process.provider:
                key = (process.network, process.provider, process.fabric, process.nics)
                groups.setdefault(key, []).append(process)
        return sorted(
            (Choice(*key, tuple(found)) for key, found in groups.items()),
            key=lambda choice: (
                choice.program != NCCL,
                not choice.falls_back,
                -len(choice.processes),
                str(choice),
            ),
        )

    def carrier(self) -> str:
        """Return whose network the job's bytes take: NCCL's where it is used, else an MPI's."""
        return NCCL if self.nccl_is_there else next((choice.program for choice in self.choices()), NCCL)

    def fell_back_at(self, program: str) -> Place:
        """Return the first line of a program that tells of sockets."""
        return self._fell_back_at.get(program != NCCL, NOWHERE)

    @property
    def ob1_over_tcp(self) -> bool:
        """Whether Open MPI's pml ob1 has nothing better than TCP between nodes, as far as is known, and matters."""
        by_tcp = self._far_btls == {"tcp"} if self._btls else True
        return by_tcp and bool(self.several_nodes()) and self.carrier() == _OPEN_MPI

    def several_nodes(self) -> bool | None:
        """Return whether the job ran on more than one node; None: the log does not say."""
        if self.data_over_sockets or self.most_nodes > 1:
            return True
        if self.most_nodes == 1 or self._is_whole_on_each_host():
            return False
        if len(self._hosts) > 1:
            return True
        known = {process.rank for process in self._processes.values() if process.rank >= 0}
        return False if self.most_ranks and len(known) >= self.most_ranks else None

    def _is_whole_on_each_host(self) -> bool:
        """Return whether each node has all ranks of a communicator of its own, as several jobs in one log have."""
        ranks: dict[str, set[int]] = {}
        sizes: dict[str, int] = {}
        for process in self._processes.values():
            ranks.setdefault(process.host, set()).add(process.rank)
            sizes[process.host] = max(sizes.get(process.host, 0), process.ranks)
        return set(ranks) == self._hosts and all(
            sizes[host] and len(found - {-1}) >= sizes[host] for host, found in ranks.items()
        )


def tells_of_sockets(network: str, provider: str) -> bool:
    """Return whether a network of NCCL, or a provider of libfabric, is TCP."""
    return network in SOCKETS or provider.partition(";")[0].lower() in _TCP_PROVIDERS


def numbers(found: Iterable[int], most: int = 12) -> str:
    """Return numbers as ranges: ``0-7,9``; of many ranges the first ones, and how many more."""
    ranges: list[list[int]] = []
    for number in sorted(set(found)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    shown = [f"{low}-{high}" if high > low else str(low) for low, high in ranges[:most]]
    more = f" and {len(ranges) - most} more" if len(ranges) > most else ""
    return ",".join(shown) + more
