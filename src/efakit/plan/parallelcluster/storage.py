"""Decides what a new file system needs that the spec does not say."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.plan.decision import Decision
from efakit.spec.parallelcluster.model import Storage

_SHARED_STORAGE = "https://docs.aws.amazon.com/parallelcluster/latest/ug/SharedStorage-v3.html"
_THROUGHPUT = _SHARED_STORAGE + "#yaml-SharedStorage-FsxLustreSettings-PerUnitStorageThroughput"
_DELETION = _SHARED_STORAGE + "#yaml-SharedStorage-FsxLustreSettings-DeletionPolicy"
# MB/s for each TiB, the least that each deployment type has on SSD.
_LEAST_THROUGHPUT = {"PERSISTENT_1": 50, "PERSISTENT_2": 125}


@dataclass(frozen=True)
class StoragePlan:
    """A file system, the throughput of a new FSx for Lustre (None: it has none to set), and its deletion policy."""

    storage: Storage
    throughput: int | None
    deletion_policy: str | None


def plan_storage(storage: tuple[Storage, ...]) -> tuple[tuple[StoragePlan, ...], list[Decision]]:
    """Return the file systems and the decisions about new ones."""
    plans, decisions = [], []
    for item in storage:
        throughput, policy = item.throughput, None
        if item.id is None:
            least = _LEAST_THROUGHPUT.get(item.deployment) if item.type == "fsx-lustre" else None
            if throughput is None and least is not None:
                throughput = least
                choice = f"{throughput} MB/s for each TiB"
                reason = f"the smallest and cheapest of {item.deployment}; for more set storage.throughput"
                decisions.append(_decision(item, "throughput", choice, reason, _THROUGHPUT))
            policy = "Retain" if item.keep else "Delete"
            reason = (
                "a new file system is kept when its cluster is deleted (keep: false deletes it)"
                if item.keep
                else "as the spec says"
            )
            decisions.append(_decision(item, "deletion policy", policy, reason, _DELETION))
        plans.append(StoragePlan(item, throughput, policy))
    return tuple(plans), decisions


def _decision(item: Storage, what: str, choice: str, reason: str, source: str) -> Decision:
    return Decision(f"{what} of {item.name}", choice, reason, source, what.replace(" ", "-"), (item.name,))
