"""Rules for scripts: #SBATCH lines."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "sbatch-after-command",
        room="script",
        severity="warning",
        what="A #SBATCH line stands below the first command.",
        why="sbatch reads options up to the first line that is neither a comment nor blank, and ignores later ones.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            module load cuda
            #SBATCH --exclusive
            srun ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --exclusive
            module load cuda
            srun ./app
        """,
        source=sources.SBATCH,
    ),
    Rule(
        "sbatch-misspelt",
        room="script",
        severity="warning",
        what="A line looks like a #SBATCH line, but sbatch does not read it as one.",
        why="sbatch reads only lines that begin with #SBATCH, in capitals, without a blank before or inside the "
        "word. All other lines are comments.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBTACH --exclusive
            srun ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --exclusive
            srun ./app
        """,
        source=sources.SBATCH_OPTIONS,
    ),
    Rule(
        "sbatch-unknown-option",
        room="script",
        severity="error",
        what="A #SBATCH line has an option that sbatch does not know, or a word that belongs to no option.",
        why="sbatch refuses the script. efakit reports only options that are similar to a known one, since a site "
        "can add its own options.",
        wrong="""
            #!/bin/bash
            #SBATCH --ntask-per-node=8
            srun ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --ntasks-per-node=8
            srun ./app
        """,
        source=sources.SLURM_OPTIONS,
    ),
    Rule(
        "sbatch-variable",
        room="script",
        severity="warning",
        what="A #SBATCH line holds a variable or a command substitution.",
        why="sbatch reads these lines itself, without a shell, so $HOME stays $HOME. In a number or a file name it "
        "is an error.",
        wrong="""
            #!/bin/bash
            #SBATCH --output=$HOME/out/%j.log
            srun ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --output=/home/%u/out/%j.log
            srun ./app
        """,
        source=sources.SBATCH,
    ),
    Rule(
        "option-overridden",
        room="script",
        severity="warning",
        what="A later #SBATCH line sets the same option to another value.",
        why="sbatch uses the last value and ignores the others.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --nodes=4
            srun ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=4
            srun ./app
        """,
        source=sources.SBATCH_OPTIONS,
    ),
    Rule(
        "output-folder-missing",
        room="script",
        severity="info",
        what="The folder of the output file does not exist beside the script.",
        why="Slurm opens the file before the script runs, and creates its folder only since 23.02. With an older "
        "Slurm the job fails, or its output is lost. A mkdir in the script runs too late.",
        wrong="""
            #!/bin/bash
            #SBATCH --output=logs/%j.out
            srun ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --output=%j.out
            srun ./app
        """,
        source=sources.SLURM_MAKES_FOLDERS,
    ),
    Rule(
        "tasks-mismatch",
        room="script",
        severity="warning",
        what="--ntasks is not --nodes times --ntasks-per-node.",
        why="Together with --ntasks, --ntasks-per-node is only a maximum for each node, so the job starts --ntasks "
        "tasks.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks=8
            #SBATCH --ntasks-per-node=8
            srun ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks-per-node=8
            srun ./app
        """,
        source=sources.SBATCH,
    ),
    Rule(
        "cpus-of-instance",
        room="script",
        severity="error",
        what="The tasks of a node ask for more CPUs than the instance type has.",
        why="No node can hold the job: sbatch refuses it, or it never starts.",
        given={"instance": "c5n.18xlarge", "installer": "1.47.0"},
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks-per-node=96
            srun ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks-per-node=36
            srun ./app
        """,
        source=sources.INSTANCE_TYPES,
    ),
)
