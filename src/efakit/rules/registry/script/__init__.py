"""Rules for sbatch scripts, launchers and env files, by the modules of ``lint/script`` that ask them."""

from __future__ import annotations

from efakit.rules.registry.script import container, gpu, launch, line, name, sbatch, slurm, step, task, whole_file

RULES = (
    *whole_file.RULES,
    *line.RULES,
    *sbatch.RULES,
    *slurm.RULES,
    *task.RULES,
    *step.RULES,
    *gpu.RULES,
    *launch.RULES,
    *container.RULES,
    *name.RULES,
)
