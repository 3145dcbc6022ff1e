"""Looks at many nodes at once, each in a thread of its own: one that does not answer holds nobody up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from efakit.top.exporters import Unreachable
from efakit.top.sample import NodeRates, Sample, rates


class Watched:
    """One node; ``look`` takes a sample or raises Unreachable."""

    def __init__(self, node: str, look: Callable[[], Sample]) -> None:
        self.node = node
        self._look = look
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._samples: tuple[Sample | None, Sample | None] = (None, None)
        self._error: str | None = None
        self._asked_at: float | None = None
        self.idle = threading.Event()
        self.idle.set()
        threading.Thread(target=self._work, daemon=True).start()

    def ask(self) -> None:
        """Begin a look, unless one is under way."""
        if self.idle.is_set():
            self.idle.clear()
            self._asked_at = time.monotonic()
            self._wanted.set()

    def rates(self, late_seconds: float) -> NodeRates:
        """Return what is known now; where a look takes longer than ``late_seconds`` that is nothing."""
        with self._lock:
            (before, after), error, asked_at = self._samples, self._error, self._asked_at
        waits = 0.0 if self.idle.is_set() or asked_at is None else time.monotonic() - asked_at
        if waits > late_seconds:
            return NodeRates(self.node, f"no answer for {waits:.0f} s")
        if error is not None or after is None:
            return NodeRates(self.node, error or "not asked yet")
        return rates(self.node, before, after)

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            try:
                sample, error = self._look(), None
            except Unreachable as failure:
                sample, error = None, str(failure)
            with self._lock:
                self._error = error
                # After a gap the rate would be that of the whole gap.
                self._samples = (self._samples[1] if sample else None, sample)
            self.idle.set()


class Watch:
    """All nodes; ``late_seconds``: how long an answer may take before its node counts as unknown."""

    def __init__(self, nodes: Sequence[Watched], late_seconds: float) -> None:
        self._nodes = nodes
        self._late_seconds = late_seconds

    def ask(self) -> None:
        """Begin a look at each node that is not being looked at."""
        for node in self._nodes:
            node.ask()

    def wait(self, seconds: float) -> bool:
        """Wait until all have answered, for ``seconds`` at most; return whether they have."""
        ends_at = time.monotonic() + seconds
        return all(node.idle.wait(max(0.0, ends_at - time.monotonic())) for node in self._nodes)

    def rates(self) -> list[NodeRates]:
        """Return what is known of each node now."""
        return [node.rates(self._late_seconds) for node in self._nodes]
