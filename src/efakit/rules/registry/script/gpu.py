"""Rules for scripts: GPU counts."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "gpus-asked-twice",
        room="script",
        severity="warning",
        what="The script asks for GPUs in two ways.",
        why="--gres=gpu and --gpus-per-node mean the same, and Slurm 26.05 refuses both together. --gpus-per-task "
        "beside them is another count of the same devices.",
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
        what="--gpus-per-task stands where nothing tells sbatch the number of tasks.",
        why="sbatch refuses the script. It takes the number from --ntasks or --gpus, or from a fixed --nodes with "
        "--ntasks-per-node, or without --cpus-per-task.",
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
        what="The job asks for, or a launcher starts ranks for, another number of GPUs than a node of the instance "
        "type has.",
        why="A job that asks for more never starts. With fewer in a job that has whole nodes, GPUs stand idle; that "
        "is a warning.",
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
        what="A launcher starts more ranks on a node than the job asks GPUs for.",
        why="Two ranks would share a device, which NCCL refuses.",
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
        what="srun starts torchrun or accelerate several times on a node.",
        why="These launchers start the ranks of a node themselves. Several of them on a node fight for one port.",
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
        what="A job that uses NCCL on several nodes asks for neither GPUs nor whole nodes.",
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
