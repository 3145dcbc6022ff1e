"""Rules for scripts: who runs a launch, on which nodes, and which shell fills its words in."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

_HEAD = "$(scontrol show hostnames $SLURM_JOB_NODELIST | head -n1)"

RULES = (
    Rule(
        "task-variable-expanded-early",
        room="script",
        severity="error",
        what="The batch shell fills $SLURM_PROCID, $SLURM_LOCALID, $SLURM_NODEID, $SLURM_LAUNCH_NODE_IPADDR or a rank "
        "of MPI in, before srun or mpirun starts the tasks.",
        why="The batch script is a task of its own, the first on the first node: it puts 0 there (or nothing, for a "
        "rank of MPI and for the launch node's address), and every task gets that. The ranks then wait for each other, "
        "or all say that they are rank 0. A warning where the number of tasks is not known.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks-per-node=8
            #SBATCH --gpus-per-node=8
            srun python train.py --rank $SLURM_PROCID
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks-per-node=8
            #SBATCH --gpus-per-node=8
            srun bash -c 'python train.py --rank $SLURM_PROCID'
        """,
        source=sources.EXPANDED_EARLY,
    ),
    Rule(
        "launcher-on-one-node",
        room="script",
        severity="error",
        what="A job of several nodes runs torchrun, accelerate or deepspeed without srun.",
        why="The batch script runs on the first node only, and so does what it starts itself. The other nodes stay "
        "idle, and the ranks of the first wait for theirs. deepspeed with a hostfile starts the other nodes itself. A "
        "warning where accelerate has a config file, which may name the nodes.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            torchrun --nnodes=2 --nproc-per-node=8 --rdzv-backend=c10d --rdzv-endpoint=$(hostname):29500 train.py
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks-per-node=1
            #SBATCH --gpus-per-node=8
            srun torchrun --nnodes=2 --nproc-per-node=8 --rdzv-backend=c10d --rdzv-endpoint=$(hostname):29500 train.py
        """,
        source=sources.SBATCH,
    ),
    Rule(
        "nnodes-missing",
        room="script",
        severity="error",
        what="srun starts torchrun on several nodes without --nnodes, or accelerate without --num_machines.",
        why="Both take one node by default. Each node then trains the whole model by itself, or they meet at one "
        "rendezvous and fail. A warning for accelerate, which may have a config file of its own.",
        wrong=f"""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            head={_HEAD}
            srun torchrun --nproc-per-node=8 --rdzv-backend=c10d --rdzv-endpoint=$head:29500 train.py
        """,
        right=f"""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            head={_HEAD}
            srun torchrun --nnodes=$SLURM_NNODES --nproc-per-node=8 --rdzv-backend=c10d \\
                --rdzv-endpoint=$head:29500 train.py
        """,
        source=sources.TORCHRUN_CODE,
    ),
    Rule(
        "nnodes-mismatch",
        room="script",
        severity="error",
        what="torchrun --nnodes, or accelerate --num_machines, is another number than that of the nodes it starts on.",
        why="With fewer nodes than it says, it waits for the others until it gives up. With more, some are left out "
        "or refused.",
        wrong=f"""
            #!/bin/bash
            #SBATCH --nodes=4
            #SBATCH --gpus-per-node=8
            head={_HEAD}
            srun torchrun --nnodes=2 --nproc-per-node=8 --rdzv-backend=c10d --rdzv-endpoint=$head:29500 train.py
        """,
        right=f"""
            #!/bin/bash
            #SBATCH --nodes=4
            #SBATCH --gpus-per-node=8
            head={_HEAD}
            srun torchrun --nnodes=4 --nproc-per-node=8 --rdzv-backend=c10d --rdzv-endpoint=$head:29500 train.py
        """,
        source=sources.TORCHRUN_CODE,
    ),
    Rule(
        "node-rank-fixed",
        room="script",
        severity="error",
        what="--node_rank or --machine_rank is a fixed number on several nodes.",
        why="Each node must have a rank of its own, from 0 on. With the same one they never meet.",
        wrong=f"""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            head={_HEAD}
            srun torchrun --nnodes=2 --node_rank=0 --nproc-per-node=8 --master_addr=$head train.py
        """,
        right=f"""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            export head={_HEAD}
            srun bash -c 'torchrun --nnodes=2 --node_rank=$SLURM_NODEID --nproc-per-node=8 --master_addr=$head train.py'
        """,
        source=sources.TORCHRUN_CODE,
    ),
    Rule(
        "rendezvous-address",
        room="script",
        severity="error",
        what="The address where nodes meet is localhost, each node's own name, the host of sbatch or a fixed one, or "
        "there is none.",
        why="All nodes must know the same node of this job: its first. localhost, and the name that each node fills in "
        "by itself, are another machine on each. Without an address torchrun takes 127.0.0.1; it does not read "
        "MASTER_ADDR. A fixed host is a warning: the next job gets other nodes.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            srun torchrun --nnodes=2 --nproc-per-node=8 --rdzv-backend=c10d --rdzv-endpoint=localhost:29500 train.py
        """,
        right=f"""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --gpus-per-node=8
            head={_HEAD}
            srun torchrun --nnodes=2 --nproc-per-node=8 --rdzv-backend=c10d --rdzv-endpoint=$head:29500 train.py
        """,
        source=sources.TORCHRUN_CODE,
    ),
    Rule(
        "hostfile-of-others",
        room="script",
        severity="warning",
        what="mpirun or deepspeed takes its nodes from a file that nothing in the script writes.",
        why="Slurm gives each job other nodes. A file from an earlier one names nodes that this job does not have: "
        "mpirun refuses them, and deepspeed reaches for them with ssh.",
        wrong="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks-per-node=8
            mpirun --hostfile hosts ./app
        """,
        right="""
            #!/bin/bash
            #SBATCH --nodes=2
            #SBATCH --ntasks-per-node=8
            mpirun ./app
        """,
        source=sources.MPI_SLURM,
    ),
)
