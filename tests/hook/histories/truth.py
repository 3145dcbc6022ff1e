"""The model: what is true of each run of a history, whatever the hooks and the report make of it."""

from __future__ import annotations

from dataclasses import dataclass, field

# Far above the floors of the verdict.
MUCH = 1_000_000_000
TRAFFIC = {
    # kind: bytes over EFA each way, bytes over TCP each way, by node
    "efa": (MUCH, 1000),
    "tcp-fallback": (0, MUCH),
    "mixed": (MUCH, 3 * MUCH),
    "no-traffic": (0, 1000),
}


@dataclass
class TrueRun:
    """One start of one job, as it really was."""

    number: int
    job_id: int
    restart_count: int
    started_at: int
    sluid: str
    user_id: int
    nodes: tuple[str, ...]
    exclusive: bool
    kind: str
    het_job_id: int | None = None
    left: list[str] = field(default_factory=list)
    """Nodes that it still has."""
    shared: bool = False
    lost: set[str] = field(default_factory=set)
    """Nodes of which something is missing for good: no baseline, no epilog, a reset in between."""
    touched: bool = False
    """Something else than a plain life happened to it."""

    @property
    def verdict(self) -> str:
        """What a report may say of it, if it says anything by traffic."""
        return self.kind

    def totals(self) -> dict[str, int]:
        """The bytes of all its nodes, by the report's names."""
        efa, tcp = TRAFFIC[self.kind]
        count = len(self.nodes)
        return {
            "efa_tx": efa * count,
            "efa_rx": efa * count,
            "tcp_tx": tcp * count,
            "tcp_rx": tcp * count,
        }
