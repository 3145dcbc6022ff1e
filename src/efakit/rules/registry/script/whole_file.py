"""Rules for scripts: what sbatch and the shell make of the file's bytes."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "dos-line-ends",
        room="script",
        severity="error",
        what="Lines end with a carriage return, as on Windows.",
        why="sbatch refuses a script with such lines, and a shell reads the carriage return as part of the last word.",
        wrong="export NCCL_DEBUG=INFO\r\nsrun ./app\r\n",
        right="""
            export NCCL_DEBUG=INFO
            srun ./app

        """,
        source=sources.SBATCH_CODE,
        mends=True,
    ),
    Rule(
        "no-shebang",
        room="script",
        severity="error",
        what="An sbatch script does not begin with #!.",
        why="sbatch accepts a script only if its first line begins with #! and the path of an interpreter. It "
        "refuses a script with a byte order mark or a blank line before that.",
        wrong="\n#SBATCH --nodes=2\nsrun ./app",
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            srun ./app
        """,
        source=sources.SBATCH_CODE,
    ),
    Rule(
        "not-utf-8",
        room="script",
        severity="info",
        what="The file holds bytes that are not UTF-8.",
        why="The shell uses them unchanged. Other tools, and Slurm's accounting, may fail.",
        wrong="echo Gr\udcfc\udcdfe",
        right="echo Grüße",
        source=sources.BASH,
    ),
    Rule(
        "not-understood",
        room="script",
        severity="info",
        what="efakit's shell grammar does not understand a part of the script.",
        why="efakit does not judge that part. bash -n says whether bash understands it.",
        wrong="""
            if then fi ((
            export A=1
        """,
        right="if true; then export A=1; fi",
        source="https://github.com/tree-sitter/tree-sitter-bash",
    ),
    Rule(
        "ignore-unknown-rule",
        room="script dockerfile",
        severity="warning",
        what="A comment '# efakit: ignore' names a rule that does not exist.",
        why="The comment has no effect. The name is usually misspelt.",
        wrong="export FI_LOG_LEVEL=1 # efakit: ignore fi-log-levle",
        right="export FI_LOG_LEVEL=1 # efakit: ignore fi-log-level",
        source=sources.EFAKIT,
    ),
)
