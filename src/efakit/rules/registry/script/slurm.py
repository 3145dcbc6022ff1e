"""Rules for scripts: what releases of Slurm do otherwise than others."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "srun-forgets-cpus",
        room="script",
        severity="warning",
        what="srun stands without --cpus-per-task, and only the #SBATCH lines ask for CPUs.",
        why="In Slurm 22.05 and 23.02 srun does not take over sbatch's --cpus-per-task: each task gets one CPU, and "
        "loaders of data and OpenMP's threads share it. Slurm 23.11 takes it over again.",
        where="Slurm from 22.05.0 to before 23.11.0",
        given={"slurm": "23.02.7"},
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks-per-node=8
            #SBATCH --cpus-per-task=12
            srun python train.py
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks-per-node=8
            #SBATCH --cpus-per-task=12
            srun --cpus-per-task=$SLURM_CPUS_PER_TASK python train.py
        """,
        source=sources.SLURM_FORGETS_CPUS,
    ),
    Rule(
        "tasks-per-node-lost",
        room="script",
        severity="warning",
        what="mpirun takes its slots from Slurm, which gets them wrong: --ntasks-per-node and --exclusive, without "
        "--ntasks.",
        why="Slurm 23.02.0 and 23.02.1 then set SLURM_TASKS_PER_NODE wrongly. mpirun starts another number of ranks, "
        "or fails. Slurm 23.02.2 is right.",
        where="Slurm from 23.02.0 to before 23.02.2",
        given={"slurm": "23.02.1"},
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --exclusive
            #SBATCH --ntasks-per-node=8
            mpirun ./all_reduce_perf
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --exclusive
            #SBATCH --ntasks-per-node=8
            #SBATCH --ntasks=16
            mpirun ./all_reduce_perf
        """,
        source=sources.SLURM_TASKS_PER_NODE,
    ),
)
