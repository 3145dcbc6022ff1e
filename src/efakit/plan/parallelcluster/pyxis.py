"""What ParallelCluster's nodes lack for jobs in Pyxis's containers: it ships Pyxis and Enroot switched off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from efakit.catalog.release_traits import has_trait
from efakit.finding import ERROR, Finding, Place
from efakit.plan.parallelcluster.section import section_of
from efakit.spec.parallelcluster.model import ParallelCluster

if TYPE_CHECKING:
    from efakit.plan.plan import Plan

_TUTORIAL = (
    "https://docs.aws.amazon.com/parallelcluster/latest/ug/tutorials_11_running-containerized-jobs-with-pyxis.html"
)


def pyxis_queues(plan: Plan) -> dict[str, int]:
    """Return the queues with jobs in Pyxis's containers, each with the number of its first such job."""
    found: dict[str, int] = {}
    for number, job in enumerate(plan.jobs):
        if job.job.container is not None and job.job.container.runtime == "pyxis":
            found.setdefault(job.queue, number)
    return found


def pyxis_findings(plan: Plan) -> Iterator[Finding]:
    """Give the first job of each queue whose containers need Pyxis, where nothing in the spec can switch it on."""
    section = section_of(plan.spec)
    if not has_trait("pyxis-off", section.version) or (plan.slurm is not None and plan.slurm.hooks.pyxis is not None):
        return
    for queue, number in pyxis_queues(plan).items():
        missing = _missing(section, queue)
        if missing:
            message = (
                f"job {plan.jobs[number].job.name}: ParallelCluster {section.version} has Pyxis and Enroot "
                f"disabled, and {missing}: srun does not have --container-image"
            )
            place = Place(keys=("jobs", number, "container", "runtime"))
            yield Finding("pyxis-off", ERROR, message, place=place, fix=_fix(queue), source=_TUTORIAL)


def _missing(section: ParallelCluster, name: str) -> str:
    """Return what nothing in the spec does, an empty text where something may: efakit cannot look into scripts."""
    queue, places = section.queue(name), []
    if not (section.head_node.custom_actions or section.ami):
        places.append("the head node")
    if not (queue.custom_actions or queue.ami or section.ami):
        places.append(f"queue {name}")
    verb = "has" if len(places) == 1 else "have"
    return f"{' and '.join(places)} {verb} no custom action that enables it" if places else ""


def _fix(queue: str) -> str:
    return (
        "set hooks.bucket, and the nodes fetch a script from it that enables it; or add your own custom actions: "
        "on the head node on_node_configured puts plugstack.conf and pyxis.conf of /opt/parallelcluster/examples into "
        f"/opt/slurm/etc, in queues.{queue} on_node_start puts enroot.conf into /etc/enroot and makes its folders"
    )
