"""Asks all that can speak against a job: Slurm, the hooks' checks, the nodes' records, ``sbatch --test-only``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from efakit import __version__
from efakit.doctor.cluster_checks import checks
from efakit.doctor.site import Site, look_at
from efakit.finding import ERROR, Finding
from efakit.jobs.fields import Record
from efakit.slurm import Node, Slurm
from efakit.slurm.job import SourceError
from efakit.slurm.submission import BatchScript, test_only
from efakit.submit.look import Facts, type_of
from efakit.submit.request import Request

_TEST_SECONDS = 60.0

NewestOf = Callable[[Path, Sequence[str], str | None], Mapping[str, Record]]
"""Gives the newest record of each node, from a folder of records and the cluster's name."""


@dataclass(frozen=True)
class Gathered:
    """What was asked; Slurm's own estimate of the start; the folder with the records, None where there is none."""

    facts: Facts
    estimate: str
    records_dir: Path | None


def gather(
    request: Request,
    script: BatchScript,
    options: Sequence[str],
    slurm: Slurm,
    *,
    spec_types: Mapping[str, Sequence[str]],
    records_of: Callable[[Site], Path | None],
    newest_of: NewestOf,
) -> Gathered:
    """Ask all of it; ``records_of`` says where the records lie, by what is installed, and ``newest_of`` reads them.

    Raises:
        SourceError: slurmctld does not answer.
    """
    config = slurm.config()
    site = look_at(config)
    errors = [item for item in checks(site, __version__) if isinstance(item, Finding) and item.severity >= ERROR]
    facts = Facts(request, slurm.nodes(), slurm.partitions(), spec_types, site=site, hook_errors=errors)
    nodes = _of_partitions(facts)
    folder = records_of(site)
    if folder is not None:
        names = [node.name for node in nodes]
        facts = replace(facts, newest=newest_of(folder, names, config.get("ClusterName")))
    if any(type_of(node, {}, None) is None for node in nodes):
        facts = replace(facts, told_types=_told_types(slurm))
    refused, estimate = test_only(script, options, _TEST_SECONDS)
    return Gathered(replace(facts, refused=refused), estimate, folder)


def _told_types(slurm: Slurm) -> dict[str, str]:
    try:
        return slurm.instance_types()
    except SourceError:
        return {}  # the spec or a record may tell


def _of_partitions(facts: Facts) -> list[Node]:
    names = set(facts.request.partitions or (facts.nodes.default_partition or "",))
    return [node for node in facts.nodes.nodes if not names.isdisjoint(node.partitions)]
