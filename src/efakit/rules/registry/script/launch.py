"""Rules for scripts: command lines of srun and mpirun."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "export-without-all",
        room="script",
        severity="warning",
        what="--export names variables without ALL.",
        why="The program gets only those variables and SLURM_*. It does not get PATH, LD_LIBRARY_PATH or the "
        "variables that the script exports.",
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
        why="--container-env takes names of variables whose value comes from the job, not from the image. NAME=value "
        "is not a name, so it has no effect.",
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
        why="If the variable is not set, Open MPI passes nothing on.",
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
        why="mpirun passes on variables of its own environment, which has only exported variables.",
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
        why="The module reads the variable when it is loaded. At that time Intel MPI chooses its own libfabric.",
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
        what="srun starts mpirun, or mpirun starts srun, more than once; or srun starts deepspeed with a hostfile on "
        "several nodes.",
        why="Each of the outer launcher's tasks starts all ranks again, so the number of ranks is squared. deepspeed "
        "starts the ranks of all hosts in its file.",
        wrong="srun mpirun -np 16 ./app",
        right="srun --mpi=pmix ./app",
        source=sources.MPI_GUIDE,
    ),
    Rule(
        "two-launchers",
        room="script",
        severity="info",
        what="The script starts MPI programs with both mpirun and srun.",
        why="Each launcher has its own number of ranks and its own binding, so results of one do not apply to the "
        "other.",
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
        why="If the file does not exist, the loader prints one line and another NCCL is used. The path differs "
        "between images and releases.",
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
