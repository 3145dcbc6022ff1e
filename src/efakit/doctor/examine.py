"""Judges all that was collected: each node, the nodes against each other, the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from efakit.doctor.archive import Collected
from efakit.doctor.cluster_judge import judge_cluster
from efakit.doctor.container_checks import without_enroot
from efakit.doctor.differences import differences
from efakit.doctor.judge import Told, judge, looked_at, tell
from efakit.doctor.site_data import site_of
from efakit.finding import Finding


class Examined(NamedTuple):
    """All findings, first which nodes differ, then the worst; what was looked at, by node ("": the cluster)."""

    told: list[Told]
    looked_at: dict[str, list[str]]
    nodes: list[dict[str, Any]]

    @property
    def has_errors(self) -> bool:
        """Whether a finding is an error."""
        return any(item.finding.severity == "error" for item in self.told)

    def as_data(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "findings": [item.as_data() for item in self.told],
            "nodes": self.nodes,
            "looked_at": self.looked_at,
        }


def examine(collected: Collected, version: str, where: str, instance_type: str | None = None) -> Examined:
    """Judge what was collected; ``version`` is this efakit's own, ``where`` names the source in messages."""
    odd = [tell(node, (finding, ())) for node, finding in differences(collected.documents)]
    told: list[Told] = []
    seen: dict[str, list[str]] = {}
    for node, why in collected.not_asked:
        message = f"{node} did not answer: {why}"
        fix = "see 'sinfo --nodes=NODE --long'; --start-seconds gives a busy node more time"
        told.append(tell(node, (Finding("node-not-asked", "warning", message, fix=fix), ())))
    if collected.cluster is not None:
        found, seen[""] = judge_cluster(collected.cluster, version, where)
        told += found
    if collected.cluster_unread:
        message = f"{collected.cluster_unread} (could not be read)"
        fix = "see whether slurmctld is up: scontrol ping" if message.startswith("Slurm's configuration") else ""
        told.append(tell("", (Finding("not-read", "info", message, fix=fix), ())))
    nodes = []
    has_pyxis = bool(collected.cluster is not None and site_of(collected.cluster, where)[0].pyxis)
    for document in collected.documents:
        if has_pyxis and without_enroot(document):
            message = "Slurm loads Pyxis, and this node has no Enroot: jobs with --container-image fail here"
            fix = "install Enroot on the node (https://github.com/NVIDIA/enroot/blob/main/doc/installation.md)"
            told.append(tell(document.node, (Finding("enroot-missing", "error", message, fix=fix), ())))
        of_cluster = [item.finding for item in told if not item.node]
        told += [item for item in judge(document, instance_type) if not _is_told(item.finding, of_cluster, collected)]
        seen[document.node] = looked_at(document, instance_type)
        kind = instance_type or document.instance_type
        nodes.append(
            {
                "node": document.node,
                "instance_type": kind,
                "in_image": document.in_image,
                "software": dict(document.versions),
            }
        )
    told.sort(key=lambda item: item.finding.severity, reverse=True)
    return Examined([*odd, *told], seen, nodes)


def _is_told(finding: Finding, of_cluster: Sequence[Finding], collected: Collected) -> bool:
    """Return whether the cluster's findings say the same: of hook.json, and of the records' folder on this machine."""
    if finding.rule == "records":
        return len(collected.documents) == 1 and any(item.rule == "records" for item in of_cluster)
    return any((item.rule, item.message) == (finding.rule, finding.message) for item in of_cluster)
