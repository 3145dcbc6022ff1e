"""Rules for scripts: Slurm's own variables, and variables that nobody sets."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "slurm-variable-unset",
        room="script",
        severity="warning",
        what="The script uses a variable that Slurm sets only with a certain option, and the script does not have "
        "that option.",
        why="Without the option the variable is empty, and the program gets wrong arguments.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            srun ./app --gpus "$SLURM_GPUS_PER_NODE"
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            srun ./app --gpus "$SLURM_GPUS_PER_NODE"
        """,
        source=sources.SBATCH,
    ),
    Rule(
        "slurm-list-as-number",
        room="script",
        severity="warning",
        what="The script uses a Slurm variable that holds a list as a number.",
        why="SLURM_TASKS_PER_NODE has a value such as 64(x2),43: one count for each node, with repetitions. "
        "SLURM_GPUS_PER_NODE includes the GPU type if the option has one.",
        wrong="echo $((SLURM_TASKS_PER_NODE * 2))",
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks=128
            echo $((SLURM_NTASKS / SLURM_JOB_NUM_NODES * 2))
        """,
        source=sources.SBATCH,
    ),
    Rule(
        "undefined-variable",
        room="script",
        severity="warning",
        what="A launch line uses a variable that the script does not set.",
        why="The shell replaces it with nothing, and the program gets wrong arguments.",
        wrong='srun torchrun --nproc_per_node=8 "$SCRIPT"',
        right="""
            SCRIPT=train.py
            srun torchrun --nproc_per_node=8 "$SCRIPT"
        """,
        source=sources.BASH,
    ),
)
