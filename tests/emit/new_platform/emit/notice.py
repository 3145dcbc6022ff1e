"""The target."""

from __future__ import annotations

from efakit.plan.notice import NoticePlan  # type: ignore[import-not-found]

from efakit.emit.registry import File, target
from efakit.plan.plan import Plan


@target("notice")
def emit_notice(plan: Plan) -> list[File]:
    """Write one text file from ``cluster`` and ``jobs``."""
    notice = plan.section(NoticePlan)
    assert notice is not None
    lines = [f"{notice.owner}, {plan.spec.cluster.region}"]
    for queue in plan.cluster.queues:
        for item in queue.resources:
            efa = "with EFA" if item.efa else "without EFA"
            lines.append(f"{queue.queue.name}: {item.resource.nodes} x {item.resource.instance.name} {efa}")
    lines += [
        f"{job.job.name}: {job.nodes} nodes of {job.queue}, {job.layout.ranks_per_node} ranks" for job in plan.jobs
    ]
    return [File("notice.txt", ("\n".join(lines) + "\n").encode())]
