"""How much a benchmark over several nodes can show, by the line rate of a node's network. Python 3.9, pure."""

from __future__ import annotations

from efakit.catalog.benchmarks import COLLECTIVES, POINT_TO_POINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

_COLLECTIVES = {row.name: row for row in COLLECTIVES}
_POINT_TO_POINT = {row.title: row for row in POINT_TO_POINT}


def most_bus_bandwidth(test: str, line_rate: float, nodes: int, ranks: int = 0, even: bool = False) -> Optional[float]:
    """Return the largest bus bandwidth that ``test`` of nccl-tests can have over several nodes; None: not known.

    In the unit of ``line_rate``, which is what one node can send, and receive. ``ranks`` 0: unknown; ``even``: each
    node has as many of them.

    nccl-tests computes the bus bandwidth as if each rank had a link of its own: of n ranks, a link carries (n-1)/n of
    the data in each half of an all_reduce. NCCL may add up within a node first, and then a node's network carries
    (N-1)/N of the data, N being the nodes: less, so that the bus bandwidth may be above the line rate, on two nodes
    nearly twice as high (NVIDIA/nccl-tests issues 22 and 196).
    """
    row = _COLLECTIVES.get(test)
    if row is None or nodes < 2 or not row.limit or 0 < ranks < nodes:
        return None
    if row.limit == "rate":
        return line_rate
    # Of unknown many ranks: what no number of them exceeds.
    of_ranks = (ranks - 1) / ranks if ranks else 1.0
    of_nodes = (nodes - 1) / nodes
    if row.limit == "nodes":
        return line_rate * of_ranks / of_nodes
    if not even or not ranks:
        return None
    if row.limit == "even":
        return line_rate * of_ranks / of_nodes
    # Each of a node's ranks sends to all ranks elsewhere: they share its line rate.
    return line_rate * of_ranks / of_nodes * nodes / ranks


def most_bandwidth(title: str, line_rate: float, nodes: int) -> Optional[float]:
    """Return the largest number that a bandwidth test of OSU can show between nodes, in the unit of ``line_rate``."""
    row = _POINT_TO_POINT.get(title)
    if row is None or nodes < 2:
        return None
    return line_rate * (row.line_rates or nodes / 2)


def tests_like(
    operation: Optional[str],
    root: Optional[str],
    ranks: int,
    bandwidths: Optional[tuple[float, float]],
    in_place_checked: Optional[bool],
) -> list[str]:
    """Return the tests of nccl-tests whose table can look so, by a row of it.

    ``operation`` and ``root`` are what its columns have, None where the layout has no such column; ``bandwidths`` are
    algorithm and bus bandwidth with two decimals, None where they are too small to tell.
    """
    return [
        row.name
        for row in COLLECTIVES
        if (row.reduces is None or row.reduces is (operation not in (None, "none", "")))
        and row.has_root is (root not in (None, "-1"))
        and (in_place_checked is None or row.in_place_checked is in_place_checked)
        and (bandwidths is None or _fits(row.factor, ranks, *bandwidths))
    ]


def _fits(kind: str, ranks: int, algorithm: float, bus: float) -> bool:
    factor = bus / algorithm
    # Both are rounded to two decimals, or to fewer where they are large.
    close = 0.0005 + 0.011 / algorithm + (0.011 / bus if bus else 1.0)
    if kind == "one":
        return abs(factor - 1) <= close
    if ranks > 1:
        expected = (ranks - 1) / ranks * (2 if kind == "twice" else 1)
        return abs(factor - expected) <= close * expected
    # Of two ranks or more.
    least, most = (1.0, 2.0) if kind == "twice" else (0.5, 1.0)
    return least * (1 - close) <= factor <= most * (1 + close)
