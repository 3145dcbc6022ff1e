"""Rules about a job that is to be submitted: what ``efakit submit`` holds against it."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

_PARTITIONS = "https://slurm.schedmd.com/slurm.conf.html#SECTION_PARTITION-CONFIGURATION"
_SBATCH = "https://slurm.schedmd.com/sbatch.html"
_SINFO = "https://slurm.schedmd.com/sinfo.html"
_OWN = "docs/submit.md"

RULES = (
    Rule(
        "submit-partition",
        room="submit",
        severity="error",
        what="The job names no partition, one that does not exist, or one that is not up.",
        why="Slurm refuses the job, or the job waits until an administrator sets the partition's state to UP. If the "
        "job names several partitions and one of them is up, it is a warning.",
        wrong="#SBATCH --partition=gpuu",
        right="#SBATCH --partition=gpu",
        source=_PARTITIONS,
    ),
    Rule(
        "submit-too-large",
        room="submit",
        severity="error",
        what="The partition has too few nodes with the GPUs, CPUs and memory that the job asks for, or allows a job "
        "fewer nodes.",
        why="Slurm refuses the job, or accepts it and never starts it (reason PartitionNodeLimit or Resources).",
        wrong="#SBATCH --nodes=8 on a partition of 4 nodes",
        right="#SBATCH --nodes=4",
        source=_SBATCH,
    ),
    Rule(
        "submit-nodes-out",
        room="submit",
        severity="warning",
        what="So many nodes of the partition are down or drained that the job has to wait for one of them.",
        why="The job waits until somebody returns a node to service, however few jobs there are.",
        wrong="#SBATCH --nodes=4 where one of 4 nodes is drained",
        right="#SBATCH --nodes=3",
        source=_SINFO,
    ),
    Rule(
        "submit-refused",
        room="submit",
        severity="error",
        what="sbatch --test-only refuses the job.",
        why="Slurm would refuse the job itself too; the message has Slurm's words.",
        wrong="#SBATCH --gres=gpu:h200:8 on nodes with gpu:h100:8",
        right="#SBATCH --gres=gpu:h100:8",
        source=_SBATCH,
    ),
    Rule(
        "submit-type-unknown",
        room="submit",
        severity="warning",
        what="Nothing tells the instance type of some of the job's nodes, or the catalog does not know the type.",
        why="Without the type efakit does not know how many EFA devices a node should have, and which variables the "
        "job needs.",
        wrong="NodeName=n[1-4] Feature=rack7",
        right="NodeName=n[1-4] Feature=rack7,p5.48xlarge",
        source=_OWN,
    ),
    Rule(
        "submit-hooks",
        room="submit",
        severity="error",
        what="The hooks are not installed, cannot work, or make every job fail.",
        why="If Slurm's Prolog or Epilog leads to no file or to one that cannot be run, every job fails and its nodes "
        "are drained: an error. Otherwise the job runs and leaves no record, so that its report cannot say whether it "
        "used EFA: a warning.",
        wrong="Prolog=/opt/slurm/etc/scripts/prolog.d/* with an empty folder",
        right="00_efakit in prolog.d, 99_efakit in epilog.d: efakit hooks install",
        source=_OWN,
    ),
    Rule(
        "submit-node-findings",
        room="submit",
        severity="warning",
        what="The newest record of a node that the job may get has a finding of severity error.",
        why="What was wrong on the node at the end of its last job is most likely still wrong.",
        wrong="sbatch train.sbatch, where n3 lacked an EFA device in its last job",
        right="sbatch --exclude=n3 train.sbatch",
        source=_OWN,
    ),
)
