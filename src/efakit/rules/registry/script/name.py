"""Rules for scripts: names of variables."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "misspelt-variable",
        room="script dockerfile",
        severity="warning",
        what="The script sets a variable that nothing reads, with a name near to one that exists.",
        why="A misspelt variable is ignored without a message.",
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
        what="The script sets a variable with a prefix of EFA's own that no release reads.",
        why="FI_EFA_ and OFI_NCCL_ belong to one program each, and none of its releases has the name.",
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
        what="The script sets a variable of the network and does not export it.",
        why="The programs that the script starts see exported variables only.",
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
        what="The script sets a variable of the network twice, to two values, before anything runs.",
        why="Only the last value counts.",
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
        "variable-not-read",
        room="script dockerfile",
        severity="warning",
        what="The script sets a variable that the target's release of NCCL, aws-ofi-nccl, libfabric or NVSHMEM does "
        "not read.",
        why="Another release reads it. On this one it has no effect, and what it was meant to change stays as it "
        "is. efakit explain --variable NAME says which releases read it.",
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
