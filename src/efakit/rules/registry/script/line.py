"""Rules for scripts: lines that the shell takes apart otherwise than meant."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "continuation-broken",
        room="script",
        severity="warning",
        what="A line begins with an option and continues nothing, or a backslash at a line's end has blanks behind it.",
        why="A line goes on only where its very last letter is a backslash. Without it, behind a comment, or with a "
        "blank after it, the command ends there, and the next line is a command of its own that does not exist.",
        wrong="""
            srun python train.py \\
                --lr 1e-4
                --profiler none
        """,
        right="""
            srun python train.py \\
                --lr 1e-4 \\
                --profiler none
        """,
        source=sources.BASH,
    ),
    Rule(
        "export-slip",
        room="script",
        severity="warning",
        what="export, or a line that is to set a variable, has blanks around = or a name without a value.",
        why="The shell takes each word for itself. export A = 1 exports A as it was and fails on the others; export "
        "A=1 B exports B as it was; A = 1 runs a program called A.",
        wrong="""
            export NCCL_DEBUG = INFO
            srun ./app
        """,
        right="""
            export NCCL_DEBUG=INFO
            srun ./app
        """,
        source=sources.BASH,
    ),
    Rule(
        "option-behind-program",
        room="script",
        severity="warning",
        what="An option of srun, mpirun or torchrun stands behind the program that it starts, or one of sbatch behind "
        "the script.",
        why="What stands behind the program is the program's. The launcher does not see it.",
        wrong="srun ./app --ntasks-per-node=8",
        right="srun --ntasks-per-node=8 ./app",
        source=sources.SRUN,
    ),
)
