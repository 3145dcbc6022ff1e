"""Rules for scripts: names of variables."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "misspelt-variable",
        room="script dockerfile",
        severity="warning",
        what="The script sets a variable that no program reads, and its name is similar to one that exists.",
        why="Programs ignore a misspelt variable without a message.",
        wrong="""
            export NCCL_DEBG=INFO
            srun ./app
        """,
        right="""
            export NCCL_DEBUG=INFO
            srun ./app
        """,
        source=sources.NCCL_ENV,
        mends=True,
    ),
    Rule(
        "unknown-variable",
        room="script dockerfile",
        severity="info",
        what="The script sets a variable that begins with FI_EFA_ or OFI_NCCL_ and that no release reads.",
        why="Each of these prefixes belongs to one program, and no release of that program has the name.",
        wrong="""
            export FI_EFA_MAGIC=1
            srun ./app
        """,
        right="srun ./app",
        source=sources.NAMES,
    ),
    Rule(
        "not-exported",
        room="script",
        severity="warning",
        what="The script sets a network variable and does not export it.",
        why="Programs that the script starts get only exported variables.",
        wrong="""
            NCCL_DEBUG=INFO
            srun ./app
        """,
        right="""
            export NCCL_DEBUG=INFO
            srun ./app
        """,
        source=sources.BASH,
    ),
    Rule(
        "set-twice",
        room="script",
        severity="warning",
        what="The script sets a network variable to two values before it starts a program.",
        why="Only the last value has an effect.",
        wrong="""
            export NCCL_DEBUG=INFO
            export NCCL_DEBUG=WARN
            srun ./app
        """,
        right="""
            export NCCL_DEBUG=WARN
            srun ./app
        """,
        source=sources.BASH,
    ),
    Rule(
        "tcp-include-and-exclude",
        room="script",
        severity="warning",
        what="The script gives Open MPI both a list of interfaces to use for TCP and a list of those not to use.",
        why="Open MPI refuses the two together: btl/tcp is then not available, and ranks that have no other network do "
        "not start.",
        wrong="""
            mpirun --mca btl tcp,self --mca btl_tcp_if_include ens5 --mca btl_tcp_if_exclude lo,docker0 ./app
        """,
        right="""
            mpirun --mca btl tcp,self --mca btl_tcp_if_exclude lo,docker0 ./app
        """,
        source=sources.OPEN_MPI_TCP,
    ),
    Rule(
        "variable-not-read",
        room="script dockerfile",
        severity="warning",
        what="The script sets a variable that the target's release of NCCL, aws-ofi-nccl, libfabric or NVSHMEM does "
        "not read.",
        why="Another release reads it; on this release it has no effect. efakit explain --variable NAME says which "
        "releases read it.",
        wrong="""
            export OFI_NCCL_PROTOCOL=RDMA
            srun torchrun --nproc_per_node=8 train.py
        """,
        right="srun torchrun --nproc_per_node=8 train.py",
        given={"plugin": "1.5.0"},
        source=sources.NAMES,
        mends=True,
    ),
)
