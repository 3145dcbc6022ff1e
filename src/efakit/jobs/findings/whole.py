"""What is to say of the job as a whole: line rate, storage, shared nodes, versions that differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from efakit.jobs.findings.node import Job, Limits, Node, Standout, some, standout
from efakit.jobs.sizes import size
from efakit.jobs.traffic import Lnet
from efakit.jobs.verdict import NOT_WHOLE


def check(job: Job, nodes: Sequence[Node], limits: Limits) -> Iterator[Standout]:
    """Give findings of the whole job, and of nodes whose figures cannot be right."""
    yield from _shared(job)
    yield from _drivers(nodes)
    yield from _line_rate(job, limits["line-rate"])
    sent, received = job.traffic.storage_bytes(is_whole=job.verdict not in NOT_WHOLE)
    if max(sent, received) >= limits["storage-bytes"]:
        message, fix = _storage(job.traffic.lnet, size(sent), size(received))
        yield standout("job-storage-traffic", message, fix=fix, whole=True)


def _storage(lnet: Lnet, sent: str, received: str) -> tuple[str, str]:
    """Return what is said of storage's traffic, and what to do."""
    if lnet.sent[1] or lnet.received[1]:
        least = "" if lnet.is_exact() else "at least "
        message = (
            f"{least}{sent} sent and {received} received over EFA by Lustre, as LNet counts: not other nodes' data"
        )
        return message, ""
    message = (
        f"{sent} sent and {received} received over EFA on one side only: storage, such as FSx for Lustre, not other "
        "nodes"
    )
    fix = "the record has no counters of Lustre's own: what storage sends and receives alike is not told apart"
    return message, fix


def _shared(job: Job) -> Iterator[Standout]:
    with_others = {node: record["shared_with"] for node, record in job.records.items() if record["shared_with"]}
    if with_others:
        jobs = sorted({str(job_id) for ids in with_others.values() for job_id in ids})
        message = f"shared with job {some(jobs)}: its bytes and errors are of all of them"
        yield standout("job-node-shared", message, with_others, fix="run it with --exclusive")


def _drivers(nodes: Sequence[Node]) -> Iterator[Standout]:
    by_version: dict[str, list[str]] = {}
    for node in nodes:
        version = node.record.get("driver_version")
        if version:
            by_version.setdefault(version, []).append(node.name)
    if len(by_version) > 1:
        ordered = sorted(by_version.items(), key=lambda item: -len(item[1]))
        told = ", ".join(f"{version} on {len(names)}" for version, names in ordered[:3])
        few = [name for _, names in ordered[1:] for name in names]
        message = f"the nodes have different EFA drivers: {told}"
        fix = "use one image for all nodes of a partition"
        # Of two equal halves, nobody can say which is the odd one.
        tied = len(ordered[0][1]) == len(ordered[1][1])
        yield standout("job-drivers-differ", message, few, fix=fix, whole=tied)


def _line_rate(job: Job, limit: float) -> Iterator[Standout]:
    over: dict[str, float] = {}
    for name, shares in job.line_rate_shares.items():
        if max(shares) > limit and job.by_node.get(name) is not None:
            over[name] = max(shares)
    if over:
        most = max(over, key=over.__getitem__)
        message = f"bytes for {100 * over[most]:,.0f} % of the line rate over the job's time"
        fix = "the node's clock, its instance type or its counters are not what the record says"
        yield standout("job-over-line-rate", message, over, fix=fix)
