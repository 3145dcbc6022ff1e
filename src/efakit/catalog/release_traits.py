"""What releases of a component do, where it is more than a bound of one other row: traits as rows."""

from __future__ import annotations

from typing import NamedTuple, Optional

from efakit.versions import within


class Trait(NamedTuple):
    """Something that the releases of a component from ``since`` to before ``until`` do; None: no bound."""

    id: str
    component: str
    what: str
    source: str
    since: Optional[str] = None
    until: Optional[str] = None


TRAITS = (
    Trait(
        "efa-only-interfaces",
        component="parallelcluster",
        since="3.15.0",
        what="all network interfaces but the first are EFA-only and have no IP address; a card whose first interface "
        "has an IP address gets a second interface for EFA",
        source="https://github.com/aws/aws-parallelcluster/pull/7262",
    ),
    Trait(
        "awsbatch",
        component="parallelcluster",
        until="3.16.0",
        what="AWS Batch can be the scheduler",
        source="https://github.com/aws/aws-parallelcluster/blob/develop/CHANGELOG.md",
    ),
    Trait(
        "pyxis-off",
        component="parallelcluster",
        since="3.11.1",
        what="Pyxis and Enroot are disabled: their settings are only in /opt/parallelcluster/examples",
        source="https://github.com/aws/aws-parallelcluster-cookbook/pull/2820",
    ),
    Trait(
        "open-nvidia-driver",
        component="parallelcluster",
        since="3.8.0",
        what="the images have NVIDIA's open kernel module, which does not know GPUs before Turing",
        source="https://github.com/aws/aws-parallelcluster/issues/6014",
    ),
    Trait(
        "srun-forgets-cpus",
        component="slurm",
        since="22.05.0",
        until="23.11.0",
        what="srun does not take over sbatch's --cpus-per-task: only its own option, or SRUN_CPUS_PER_TASK, counts",
        source="https://github.com/SchedMD/slurm/blob/slurm-23-11-0-1/NEWS",
    ),
    Trait(
        "tasks-per-node-lost",
        component="slurm",
        since="23.02.0",
        until="23.02.2",
        what="SLURM_TASKS_PER_NODE, by which mpirun counts its ranks, is wrong with --ntasks-per-node and --exclusive "
        "where --ntasks is missing",
        source="https://github.com/SchedMD/slurm/blob/slurm-23-02-2-1/NEWS",
    ),
    Trait(
        "plugin-sets-tuning",
        component="plugin",
        since="1.16.0",
        what="the plugin sets NCCL's tuned variables for each instance type, unless the job sets them",
        source="https://github.com/aws/aws-ofi-nccl/blob/master/src/platform-aws.cpp",
    ),
)
_BY_ID = {row.id: row for row in TRAITS}


def has_trait(trait: str, version: str) -> bool:
    """Return whether a release of the trait's component has it; raise KeyError for an unknown trait."""
    row = _BY_ID[trait]
    return within(version, row.since, row.until)
