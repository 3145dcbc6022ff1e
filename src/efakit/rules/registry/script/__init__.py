"""Rules for sbatch scripts, launchers and env files, by the modules of ``lint/script`` that ask them."""

from __future__ import annotations

from efakit.rules.registry.script import gpu, launch, name, sbatch, task, whole_file

RULES = (*whole_file.RULES, *sbatch.RULES, *task.RULES, *gpu.RULES, *launch.RULES, *name.RULES)
