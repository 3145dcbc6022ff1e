"""Rules for scripts: lines that the shell takes apart otherwise than meant."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "continuation-broken",
        room="script",
        severity="warning",
        what="A line begins with an option but does not continue the line before, or a backslash at the end of a "
        "line is followed by blanks.",
        why="A command continues on the next line only if a backslash is the last character. Without it, with a "
        "blank after it, or after a comment, the command ends, and the shell runs the next line as a command that "
        "does not exist.",
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
        what="export, or an assignment, has blanks around = or a name without a value.",
        why="The shell reads each word separately. export A = 1 exports A unchanged and fails for the other words; "
        "export A=1 B exports B unchanged; A = 1 runs a program named A.",
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
        what="An option of srun, mpirun or torchrun stands after the program that it starts, or an option of sbatch "
        "after the script.",
        why="Words after the program are arguments of the program. The launcher does not read them.",
        wrong="srun ./app --ntasks-per-node=8",
        right="srun --ntasks-per-node=8 ./app",
        source=sources.SRUN,
    ),
)
