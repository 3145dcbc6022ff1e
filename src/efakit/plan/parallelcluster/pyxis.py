"""What ParallelCluster's nodes lack for jobs in Pyxis's containers: it ships Pyxis and Enroot switched off."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.catalog.release_traits import has_trait
from efakit.finding import ERROR, Finding, Place
from efakit.plan.parallelcluster.section import section_of
from efakit.plan.plan import Plan
from efakit.spec.parallelcluster.model import ParallelCluster

_TUTORIAL = (
    "https://docs.aws.amazon.com/parallelcluster/latest/ug/tutorials_11_running-containerized-jobs-with-pyxis.html"
)


def pyxis_findings(plan: Plan) -> Iterator[Finding]:
    """Give the first job of each queue whose containers need Pyxis, where nothing in the spec can switch it on."""
    section = section_of(plan.spec)
    if not has_trait("pyxis-off", section.version):
        return
    seen: set[str] = set()
    for number, job in enumerate(plan.jobs):
        container = job.job.container
        if container is None or container.runtime != "pyxis" or job.queue in seen:
            continue
        seen.add(job.queue)
        missing = _missing(section, job.queue)
        if missing:
            message = (
                f"job {job.job.name}: ParallelCluster {section.version} ships Pyxis and Enroot switched off, and "
                f"{missing}: srun knows no --container-image"
            )
            place = Place(keys=("jobs", number, "container", "runtime"))
            yield Finding("pyxis-off", ERROR, message, place=place, fix=_fix(job.queue), source=_TUTORIAL)


def _missing(section: ParallelCluster, name: str) -> str:
    """Return what nothing in the spec does, an empty text where something may: efakit cannot look into scripts."""
    queue, places = section.queue(name), []
    if not (section.head_node.custom_actions or section.ami):
        places.append("the head node")
    if not (queue.custom_actions or queue.ami or section.ami):
        places.append(f"queue {name}")
    verb = "has" if len(places) == 1 else "have"
    return f"{' and '.join(places)} {verb} no custom action that switches it on" if places else ""


def _fix(queue: str) -> str:
    return (
        "add the scripts of ParallelCluster's tutorial: head_node.custom_actions.on_node_configured puts "
        "plugstack.conf and pyxis.conf of /opt/parallelcluster/examples into /opt/slurm/etc, and "
        f"queues.{queue}.custom_actions.on_node_start puts enroot.conf into /etc/enroot and makes its folders"
    )
