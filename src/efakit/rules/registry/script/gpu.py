"""Rules for scripts: GPU counts."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "gpus-asked-twice",
        room="script",
        severity="warning",
        what="The script requests GPUs with two different options.",
        why="--gres=gpu and --gpus-per-node mean the same, and Slurm 26.05 refuses both together. --gpus-per-task is "
        "a second count of the same devices.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            #SBATCH --gres=gpu:8
            srun ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            srun ./app
        """,
        source=sources.SLURM_OPTIONS,
    ),
    Rule(
        "gpus-per-task-alone",
        room="script",
        severity="error",
        what="--gpus-per-task is used without an option that gives the number of tasks.",
        why="sbatch refuses the script. It takes the number from --ntasks or --gpus, from a fixed --nodes with "
        "--ntasks-per-node, or from a fixed --nodes without --cpus-per-task.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-task=1
            #SBATCH --cpus-per-task=12
            srun ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks=16
            #SBATCH --gpus-per-task=1
            #SBATCH --cpus-per-task=12
            srun ./app
        """,
        source=sources.SLURM_GRES,
    ),
    Rule(
        "gpus-of-instance",
        room="script",
        severity="error",
        what="The job requests another number of GPUs a node than the instance type has, or a launcher starts "
        "another number of ranks.",
        why="A job that requests more GPUs never starts. If a job with whole nodes uses fewer, the other GPUs stay "
        "idle; that is a warning.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=16
            srun ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            srun ./app
        """,
        given={"instance": "p5.48xlarge", "installer": "1.47.0"},
        source=sources.INSTANCE_TYPES,
    ),
    Rule(
        "more-ranks-than-gpus",
        room="script",
        severity="error",
        what="A launcher starts more ranks on a node than the job requests GPUs.",
        why="Two ranks would share a GPU, which NCCL refuses.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=4
            srun torchrun --nproc_per_node=8 train.py
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            srun torchrun --nproc_per_node=8 train.py
        """,
        source=sources.TORCHRUN,
    ),
    Rule(
        "launcher-per-task",
        room="script",
        severity="error",
        what="srun starts torchrun, accelerate or deepspeed several times on a node.",
        why="These launchers start all ranks of a node themselves. Several launchers on one node use the same port "
        "and fail.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --exclusive
            #SBATCH --ntasks-per-node=8
            srun torchrun --nproc_per_node=8 train.py
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --exclusive
            #SBATCH --ntasks-per-node=1
            srun torchrun --nproc_per_node=8 train.py
        """,
        source=sources.TORCHRUN,
    ),
    Rule(
        "not-exclusive",
        room="script",
        severity="info",
        what="A job that uses NCCL on several nodes requests neither GPUs nor whole nodes.",
        why="Another job may share the nodes, their GPUs and their EFA interfaces.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            srun torchrun --nproc_per_node=8 train.py
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --exclusive
            srun torchrun --nproc_per_node=8 train.py
        """,
        source=sources.SBATCH,
    ),
)
