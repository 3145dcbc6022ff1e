"""What the release cannot do with the spec's nodes, whatever the config's settings: known faults of severity error."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from efakit.catalog.known_faults import FAULTS, ReleaseFault
from efakit.finding import ERROR, Finding, Place
from efakit.plan.parallelcluster.section import section_of
from efakit.versions import within

if TYPE_CHECKING:
    from efakit.plan.plan import Plan
    from efakit.spec.parallelcluster.model import ParallelCluster


def release_findings(plan: Plan) -> Iterator[Finding]:
    """Give the findings; each place has the keys that lead to it in the spec.

    ``lint/config`` looks for these rows and all others in the config: here are those that a render must not be silent
    of.
    """
    section = section_of(plan.spec)
    for row in FAULTS:
        if row.severity == ERROR and not row.settings and not row.head and _holds(row, section):
            yield from _found(row, section, plan)


def _holds(row: ReleaseFault, section: ParallelCluster) -> bool:
    return within(section.version, row.since, row.until) and (not row.systems or section.os in row.systems)


def _found(row: ReleaseFault, section: ParallelCluster, plan: Plan) -> Iterator[Finding]:
    if row.instances == "*":
        yield _finding(row, section, ("parallelcluster", "version"))
        return
    for number, queue in enumerate(plan.cluster.queues):
        own = section.ami or section.queue(queue.queue.name).ami
        for place, item in enumerate(queue.resources):
            names = [instance.name for instance in item.resource.instances]
            matches = any(fnmatchcase(name, pattern) for name in names for pattern in row.instances.split())
            if matches and (item.efa or not row.efa) and not (own and row.official_image):
                yield _finding(row, section, ("cluster", "queues", number, "compute_resources", place))


def _finding(row: ReleaseFault, section: ParallelCluster, keys: tuple[str | int, ...]) -> Finding:
    message = f"ParallelCluster {section.version}: {row.effect}"
    about = ("creation",) if row.creation_only else ()
    return Finding(row.id, ERROR, message, place=Place(keys=keys), fix=row.fix, source=row.source, about=about)
