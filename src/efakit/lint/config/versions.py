"""What the named release of ParallelCluster lacks, or no longer has."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.catalog.config_keys import sections, sections_of_all_releases
from efakit.catalog.stacks import PARALLELCLUSTER_RELEASES
from efakit.lint.config.node import shown
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.schema import sections_of
from efakit.lint.config.view import ClusterView
from efakit.nearness import did_you_mean, near


@rule("release-unknown")
def release_unknown(view: ClusterView) -> Iterator[Problem]:
    """Say so where the release's operating systems and Slurm are not known."""
    if view.release is None:
        known = ", ".join(row.version for row in PARALLELCLUSTER_RELEASES)
        yield Problem((), f"efakit does not know ParallelCluster {view.version}", f"known are {known}")


@rule("key-not-in-release")
def key_not_in_release(view: ClusterView) -> Iterator[Problem]:
    """Refuse keys that came later or are gone, and say which release has them."""
    for node, section in sections_of(view):
        for entry in node.entries:
            key = sections_of_all_releases()[section].get(entry.key)
            if key is None or entry.key in sections(view.version)[section]:
                continue
            if key.since and view.before(key.since):
                message = f"ParallelCluster {view.version} does not have {key.name}: {key.since} added it"
                yield Problem(entry.path, message, f"use ParallelCluster {key.since} or later, or remove it")
            else:
                message = f"ParallelCluster {view.version} no longer has {key.name}: {key.until} removed it"
                yield Problem(entry.path, message, key.instead or "remove it")


@rule("os-not-in-release")
def os_not_in_release(view: ClusterView) -> Iterator[Problem]:
    """Refuse operating systems outside the release's list, and say which releases have them."""
    name = view.os.text
    if name is None or view.release is None or name in view.release.operating_systems:
        return
    others = [row.version for row in PARALLELCLUSTER_RELEASES if name in row.operating_systems]
    supported = view.release.operating_systems
    fix = (
        f"releases that support it: {others[0]} to {others[-1]}"
        if others
        else did_you_mean(map(repr, near(name, supported)))
    )
    yield Problem(
        view.os.path,
        f"ParallelCluster {view.version} does not support {shown(name)} (it supports: {', '.join(supported)})",
        fix or f"write one of {', '.join(supported)}",
    )


@rule("scheduler-not-in-release")
def scheduler_not_in_release(view: ClusterView) -> Iterator[Problem]:
    """Refuse AWS Batch from 3.16 on, and what never was a scheduler."""
    node = view.root.at("Scheduling", "Scheduler")
    if node.text is None or node.text == "slurm":
        return
    if node.text == "awsbatch":
        if not view.has("awsbatch"):
            message = f"ParallelCluster {view.version} no longer has awsbatch: 3.16.0 removed it"
            yield Problem(node.path, message, "write Scheduler: slurm")
        return
    yield Problem(node.path, f"{shown(node.text)} is not a scheduler of ParallelCluster", "write Scheduler: slurm")
