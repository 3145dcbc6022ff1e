"""Times whole processes in turn and compares them pair by pair, for ``make bench``."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Command = Sequence[str]


@dataclass(frozen=True)
class Ratio:
    """How many times longer one command takes than another: median of the pairs, and both medians in seconds."""

    value: float
    first_seconds: float
    second_seconds: float

    def line(self, title: str, outcome: str) -> str:
        """Return what ``make bench`` prints."""
        times = f"{self.first_seconds * 1000:.0f} ms / {self.second_seconds * 1000:.0f} ms"
        return f"{title}: {self.value:.3f} {outcome}  [{times}]"


def median_ratio(
    first: Command,
    second: Command,
    runs: int,
    *,
    environment: Mapping[str, str] | None = None,
    prepare: Callable[[], None] | None = None,
) -> Ratio:
    """Return the ratio of two commands' wall times; ``prepare`` is called before each run of the first."""
    pairs: list[tuple[float, float]] = []
    for _ in range(runs + 1):
        if prepare:
            prepare()
        pairs.append((seconds(first, environment), seconds(second, environment)))
    pairs = pairs[1:]  # the first pair warms the caches
    return Ratio(
        statistics.median(one / other for one, other in pairs),
        statistics.median(one for one, _ in pairs),
        statistics.median(other for _, other in pairs),
    )


def seconds(command: Command, environment: Mapping[str, str] | None = None, allowed: Sequence[int] = (0,)) -> float:
    """Return a command's wall time; raise CalledProcessError where it ends with another code than ``allowed``."""
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    taken = time.perf_counter() - began
    if done.returncode not in allowed:
        raise subprocess.CalledProcessError(done.returncode, command)
    return taken
