"""The tests of nccl-tests, nccom-test and OSU as rows: how a table shows its test, what limits its number.

What a number should be, no row says: only the line rate is known, and what a cluster measured before.
"""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

_BUS_BANDWIDTH = "https://github.com/NVIDIA/nccl-tests/blob/master/doc/PERFORMANCE.md"
_OVER_LINE_RATE = "https://github.com/NVIDIA/nccl-tests/issues/196"
_ALLTOALL = "https://github.com/NVIDIA/nccl-tests/blob/master/src/alltoall.cu"
_SENDRECV = "https://github.com/NVIDIA/nccl-tests/blob/master/src/sendrecv.cu"
_GATHER = "https://github.com/NVIDIA/nccl-tests/blob/master/src/gather.cu"
_HYPERCUBE = "https://github.com/NVIDIA/nccl-tests/blob/master/src/hypercube.cu"
_OSU = "https://mvapich.cse.ohio-state.edu/benchmarks/"


class Collective(NamedTuple):
    """A test of nccl-tests. Its tables name it only from 2.16.7 on (``# Collective test starting``).

    ``factor``: bus bandwidth over algorithm bandwidth for n ranks: ``twice`` is 2(n-1)/n, ``part`` is (n-1)/n.
    ``limit``: what the EFA line rate of a node allows, see ``efakit.rules.benchmarks``.
    """

    name: str
    reduces: Optional[bool]
    """Whether the column redop has an operation; None: sendrecv shows one and does not use it."""
    has_root: bool
    factor: str
    in_place_checked: bool
    """Whether the in-place part counts wrong values; else it shows N/A there."""
    limit: str
    source: str


COLLECTIVES = (
    Collective("all_reduce", True, False, "twice", True, "nodes", _OVER_LINE_RATE),
    Collective("reduce_scatter", True, False, "part", True, "nodes", _BUS_BANDWIDTH),
    Collective("all_gather", False, False, "part", True, "nodes", _BUS_BANDWIDTH),
    Collective("alltoall", False, False, "part", False, "exchange", _ALLTOALL),
    Collective("alltoallv", False, False, "part", False, "", _ALLTOALL),
    Collective("broadcast", False, True, "one", True, "rate", _BUS_BANDWIDTH),
    Collective("reduce", True, True, "one", True, "rate", _BUS_BANDWIDTH),
    Collective("sendrecv", None, False, "one", False, "rate", _SENDRECV),
    Collective("gather", False, True, "part", True, "even", _GATHER),
    Collective("scatter", False, True, "part", True, "even", _GATHER),
    Collective("hypercube", False, False, "one", True, "", _HYPERCUBE),
)


_NEURON = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/tools/neuron-sys-tools/nccom-test.html"


class NeuronOperation(NamedTuple):
    """An operation of AWS Neuron's nccom-test, by a word of its command line: the test whose bus bandwidth it shows.

    It computes the bus bandwidth as nccl-tests does, to whose documentation its own refers.
    """

    word: str
    test: str
    source: str


NEURON_OPERATIONS = tuple(
    NeuronOperation(word, test, _NEURON)
    for words, test in (
        (("all_reduce", "allr"), "all_reduce"),
        (("all_gather", "allg"), "all_gather"),
        (("reduce_scatter", "redsct"), "reduce_scatter"),
        (("sendrecv",), "sendrecv"),
        (("alltoall",), "alltoall"),
        (("permute",), "permute"),
    )
    for word in words
)


class PointToPoint(NamedTuple):
    """A bandwidth test of OSU: how many line rates of a node its number can be, by its title without OSU MPI and Test.

    ``line_rates`` 0: half the nodes send, each at its line rate.
    """

    title: str
    line_rates: int
    source: str


POINT_TO_POINT = (
    PointToPoint("Bandwidth", 1, _OSU),
    PointToPoint("Bi-Directional Bandwidth", 2, _OSU),
    PointToPoint("Multiple Bandwidth / Message Rate", 0, _OSU),
)
OF_TWO_RANKS = ("Latency", "Bandwidth", "Bi-Directional Bandwidth")
"""Tests of OSU that end with an error unless they have two ranks.

Of the others its tables do not tell how many there are, but for the pairs of Multiple Bandwidth / Message Rate."""
