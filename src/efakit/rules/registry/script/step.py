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
        what="The batch shell expands $SLURM_PROCID, $SLURM_LOCALID, $SLURM_NODEID, $SLURM_LAUNCH_NODE_IPADDR or an "
        "MPI rank variable before srun or mpirun starts the tasks.",
        why="In the batch script the value is 0 (or empty, for an MPI rank and for the launch node's address), and "
        "every task gets that value. The ranks then wait for each other, or all of them act as rank 0. If the number "
        "of tasks is not known, it is a warning.",
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
        why="The batch script, and each program that it starts without srun, runs only on the first node. The other "
        "nodes stay idle, and the ranks on the first node wait for them. deepspeed with a hostfile starts the other "
        "nodes itself. If accelerate has a config file, which may name the nodes, it is a warning.",
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
        why="The default of both is one node. Each node then trains the whole model alone, or the nodes meet at one "
        "rendezvous and fail. For accelerate, which may have its own config file, it is a warning.",
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
        what="torchrun --nnodes, or accelerate --num_machines, is not the number of nodes on which it is started.",
        why="If it is started on fewer nodes, it waits for the others until it gives up. If it is started on more, "
        "some nodes are left out or refused.",
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
        why="Each node needs its own rank, counted from 0. Nodes with the same rank cannot start together.",
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
        what="The rendezvous address is localhost, each node's own name, the host on which sbatch ran or a fixed "
        "host, or it is missing.",
        why="All nodes need the address of the same node, usually the job's first. localhost, or a name that each "
        "node fills in itself, is another machine on each node. Without an address torchrun uses 127.0.0.1; it does "
        "not read MASTER_ADDR. A fixed host is a warning, since the next job gets other nodes.",
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
        what="mpirun or deepspeed reads its nodes from a file that the script does not write.",
        why="Slurm gives each job other nodes. A file from an earlier job names nodes that this job does not have: "
        "mpirun refuses them, and deepspeed connects to them with ssh.",
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
