"""The Slurm cluster that ParallelCluster makes, as the hooks see it."""

from __future__ import annotations

from functools import partial

from efakit.catalog.release_traits import has_trait
from efakit.plan.decision import Decision
from efakit.plan.parallelcluster.section import section_of
from efakit.plan.slurm.site import INSTALLER, Publication, SlurmSite
from efakit.spec.model import Spec
from efakit.spec.parallelcluster.model import ParallelCluster, SlurmSettings

_CUSTOM_ACTIONS = "https://docs.aws.amazon.com/parallelcluster/latest/ug/custom-bootstrap-actions-v3.html"


def slurm_site(spec: Spec) -> SlurmSite:
    """Return the Slurm cluster of a spec with the section ``parallelcluster``."""
    section = section_of(spec)
    records_dir, reason = _records(section)
    iam = section.head_node.iam
    return SlurmSite(
        installation=partial(_installation, iam.role or iam.profile),
        installs_itself=True,
        installed_late="without a bucket the hooks are installed only after the cluster is created",
        how_to_set=_how_to_set,
        fetches_exporter="OnNodeConfigured of each queue runs it when a node is created, after your own actions",
        writes_settings=True,
        replaced_by="ParallelCluster",
        layout="parallelcluster",
        records_dir=records_dir,
        records_reason=reason,
        settings=section.slurm_settings,
        pyxis_off=has_trait("pyxis-off", section.version),
        queues_with_limit=frozenset(name for name, queue in section.queues.items() if _has_limit(queue.slurm_settings)),
    )


def _has_limit(settings: SlurmSettings) -> bool:
    return any(name.lower() in ("defaulttime", "maxtime") for name in settings)


def _how_to_set(wanted: SlurmSettings) -> str:
    listed = ", ".join(f"{name}: {value}" for name, value in wanted.items())
    return f"set {listed} under parallelcluster.slurm_settings and update the cluster"


def _records(section: ParallelCluster) -> tuple[str, str]:
    """Return where records go: the first shared file system, else the home that ParallelCluster's nodes share."""
    if section.storage:
        mount = section.storage[0].mount.rstrip("/")
        return f"{mount}/efakit/records", "on the first shared file system of the spec"
    return "/home/efakit/records", "ParallelCluster's nodes share /home, and the spec names no other file system"


def _installation(theirs: str | None, publication: Publication | None) -> Decision:
    subject = "installation of the hooks"
    if publication is None:
        choice = f"by hand: run 'sudo sh {INSTALLER}' on the head node once"
        reason = "the spec names no bucket, so ParallelCluster cannot fetch the installer"
        return Decision(subject, choice, reason, _CUSTOM_ACTIONS)
    reason = (
        "OnNodeConfigured installs them when the head node is created, and OnNodeUpdated at each update of the "
        "cluster; publish the installer first: efakit hooks publish"
        + (f"; {theirs}, which replaces ParallelCluster's, must allow it to read there" if theirs else "")
    )
    choice = f"by the cluster itself, from {publication.address}"
    return Decision(subject, choice, reason, _CUSTOM_ACTIONS, "installation")
