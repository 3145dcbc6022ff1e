"""What releases of Slurm do otherwise than others is told where the release is known, and only there."""

from __future__ import annotations

import pytest

from efakit.rules.target import Target
from tests.lint.script.linting import rules

HEAD = "#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --exclusive\n#SBATCH --ntasks-per-node=8\n"


def told(body: str, slurm: str | None) -> list[str]:
    return rules(HEAD + body + "\n", target=Target({"slurm": slurm} if slurm else {}))


@pytest.mark.parametrize(
    ("body", "slurm", "found"),
    [
        ("srun python t.py", "22.05.8", True),
        ("srun python t.py", "23.02.7", True),
        ("srun python t.py", "21.08.8", False),
        ("srun python t.py", "23.11.10", False),
        ("srun python t.py", None, False),
        ("srun -c 12 python t.py", "23.02.7", False),
        ("srun --cpus-per-task=$SLURM_CPUS_PER_TASK python t.py", "23.02.7", False),
        ("srun $SRUN_ARGS python t.py", "23.02.7", False),
        ("export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK\nsrun python t.py", "23.02.7", False),
        ("mpirun ./app", "23.02.7", False),
    ],
)
def test_srun_that_forgets_the_cpus_of_sbatch(body, slurm, found):
    assert ("srun-forgets-cpus" in told("#SBATCH --cpus-per-task=12\n" + body, slurm)) is found


@pytest.mark.parametrize(
    ("body", "slurm", "found"),
    [
        ("mpirun ./app", "23.02.0", True),
        ("mpirun -N 8 ./app", "23.02.1", True),
        ("mpirun ./app", "23.02.2", False),
        ("mpirun ./app", "22.05.8", False),
        ("mpirun ./app", None, False),
        ("srun ./app", "23.02.1", False),
        ("mpirun --hostfile hosts ./app", "23.02.1", False),
        ("#SBATCH --ntasks=16\nmpirun ./app", "23.02.1", False),
        ("export SLURM_TASKS_PER_NODE='8(x2)'\nmpirun ./app", "23.02.1", False),
    ],
)
def test_mpirun_that_counts_by_a_wrong_variable(body, slurm, found):
    assert ("tasks-per-node-lost" in told(body, slurm)) is found


def test_cpus_that_nothing_asks_for_are_not_forgotten():
    assert "srun-forgets-cpus" not in told("srun python t.py", "23.02.7")
    assert "srun-forgets-cpus" not in told("#SBATCH --cpus-per-task=1\nsrun python t.py", "23.02.7")
