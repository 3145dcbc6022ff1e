"""The circuit breaker's formula: on how many nodes of a cluster the prolog may fail on purpose within an hour."""

from __future__ import annotations


def breaker_limit(nodes: int, nodes_per_hour: int, percent_per_hour: float) -> int:
    """Return the smaller of both limits, where the share of a cluster's ``nodes`` is one node at least.

    ``nodes`` is 0 where the cluster's size is not known: then only the first limit holds.
    """
    if not nodes:
        return nodes_per_hour
    return min(nodes_per_hour, max(1, int(nodes * percent_per_hour / 100)))
