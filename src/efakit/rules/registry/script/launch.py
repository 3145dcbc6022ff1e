"""Rules for scripts: command lines of srun and mpirun."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "export-without-all",
        room="script",
        severity="warning",
        what="--export names variables, and not ALL.",
        why="The program sees those variables and SLURM_* only: not PATH, not LD_LIBRARY_PATH, not what the script "
        "exports.",
        wrong="srun --export=NCCL_DEBUG=INFO ./app",
        right="srun --export=ALL,NCCL_DEBUG=INFO ./app",
        source=sources.SRUN,
        mends=True,
    ),
    Rule(
        "container-env-value",
        room="script",
        severity="warning",
        what="--container-env has values.",
        why="It takes names: those variables of the job that win over the image's own. NAME=value is the name of no "
        "variable, so it changes nothing.",
        wrong="srun --container-image=my.sqsh --container-env=NCCL_DEBUG=INFO ./app",
        right="""
            export NCCL_DEBUG=INFO
            srun --container-image=my.sqsh --container-env=NCCL_DEBUG ./app
        """,
        source=sources.PYXIS,
        mends=True,
    ),
    Rule(
        "forwarded-unset",
        room="script",
        severity="warning",
        what="mpirun -x names a variable that the script does not set.",
        why="Open MPI passes on nothing where the variable is not set.",
        wrong="mpirun -N 8 -x NCCL_DEBUG ./app",
        right="""
            export NCCL_DEBUG=INFO
            mpirun -N 8 -x NCCL_DEBUG ./app
        """,
        source=sources.OPEN_MPI,
    ),
    Rule(
        "forwarded-not-exported",
        room="script",
        severity="warning",
        what="mpirun -x names a variable that the script sets and does not export.",
        why="mpirun passes on what it has in its own environment, and sees only exported variables.",
        wrong="""
            NCCL_DEBUG=INFO
            mpirun -N 8 -x NCCL_DEBUG ./app
        """,
        right="""
            export NCCL_DEBUG=INFO
            mpirun -N 8 -x NCCL_DEBUG ./app
        """,
        source=sources.OPEN_MPI,
    ),
    Rule(
        "intelmpi-library-order",
        room="script",
        severity="warning",
        what="I_MPI_OFI_LIBRARY_INTERNAL is set after Intel MPI's module is loaded.",
        why="The module reads it when it is loaded. By then Intel MPI has chosen its own libfabric.",
        wrong="""
            module load intelmpi
            export I_MPI_OFI_LIBRARY_INTERNAL=0
        """,
        right="""
            export I_MPI_OFI_LIBRARY_INTERNAL=0
            module load intelmpi
        """,
        source=sources.EFA_INTEL_MPI,
    ),
    Rule(
        "launcher-in-launcher",
        room="script",
        severity="warning",
        what="srun starts mpirun, or mpirun starts srun, more than once.",
        why="Each of them starts every rank, so there are ranks times ranks of them.",
        wrong="srun mpirun -np 16 ./app",
        right="srun --mpi=pmix ./app",
        source=sources.MPI_GUIDE,
    ),
    Rule(
        "two-launchers",
        room="script",
        severity="info",
        what="The script starts MPI programs with both mpirun and srun.",
        why="Each has its own count of ranks and its own binding, so what one prints says nothing about the other.",
        wrong="""
            mpirun -N 8 ./app
            srun --mpi=pmix ./app
        """,
        right="""
            srun --mpi=pmix ./app
            srun --mpi=pmix ./app
        """,
        source=sources.MPI_GUIDE,
    ),
    Rule(
        "preload-fixed-nccl",
        room="script",
        severity="info",
        what="LD_PRELOAD names libnccl at a fixed path.",
        why="Where the file does not exist, the loader says so in one line and another NCCL is used. Each image and "
        "release has its own path.",
        wrong="""
            export LD_PRELOAD=/opt/nccl/build/lib/libnccl.so
            srun ./app
        """,
        right="""
            export LD_LIBRARY_PATH=/opt/nccl/build/lib:$LD_LIBRARY_PATH
            srun ./app
        """,
        source=sources.LOADER,
    ),
)
