"""Who runs a launch, on which nodes, which shell fills its words in: what is found, and what is right beside it."""

from __future__ import annotations

import re

import pytest

from tests.lint.script.linting import found, rules

HEAD = "head=$(scontrol show hostnames $SLURM_JOB_NODELIST | head -n1)\n"
RDZV = "--rdzv-backend=c10d --rdzv-endpoint=$head:29500"
# Each rule's lines: body -> the rule at its end.
WRONG = r"""
srun torchrun --nnodes=2 --node_rank=$((SLURM_NODEID)) --master_addr=$head t.py | task-variable-expanded-early
srun bash -c "torchrun --nnodes=2 --node_rank=$SLURM_NODEID t.py" | task-variable-expanded-early
srun bash -c "RANK=$SLURM_PROCID python t.py" | task-variable-expanded-early
RANK=$SLURM_PROCID srun python t.py | task-variable-expanded-early
ID=$SLURM_NODEID;srun torchrun --nnodes=2 --node_rank=$ID --master_addr=$head t.py | task-variable-expanded-early
export NODE_RANK=${SLURM_NODEID:-0};srun bash -c 'python t.py --node $NODE_RANK' | task-variable-expanded-early
ARGS=(--node_rank $SLURM_NODEID);srun torchrun "${ARGS[@]}" t.py | task-variable-expanded-early
srun --container-image=x.sqsh nsys profile python t.py --rank $SLURM_PROCID | task-variable-expanded-early
export MASTER_ADDR=$SLURM_LAUNCH_NODE_IPADDR;srun python t.py | task-variable-expanded-early
srun torchrun --nnodes=2 --master_addr ${SLURM_LAUNCH_NODE_IPADDR:-localhost} t.py | task-variable-expanded-early
mpirun -N 8 -x RANK=$SLURM_PROCID ./app | task-variable-expanded-early
mpirun -N 8 ./app --rank $OMPI_COMM_WORLD_RANK | task-variable-expanded-early
srun bash <<E;python t.py --rank $SLURM_PROCID;E | task-variable-expanded-early
cat > run.sh <<E;python t --rank $SLURM_PROCID;E;srun bash run.sh | task-variable-expanded-early
python -m torch.distributed.run --nnodes=2 --rdzv-endpoint=$head:29500 t.py | launcher-on-one-node
nsys profile -o x torchrun --nnodes=$SLURM_NNODES --rdzv-endpoint=$head:29500 t.py | launcher-on-one-node
numactl --interleave=all torchrun --nnodes=$SLURM_NNODES --rdzv-endpoint=$head:29500 t.py | launcher-on-one-node
accelerate launch --num_machines 2 --machine_rank 0 --main_process_ip $head t.py | launcher-on-one-node
deepspeed --num_nodes 2 --num_gpus 8 t.py | launcher-on-one-node
apptainer exec x.sif torchrun --nnodes=2 --rdzv-endpoint=$head:29500 t.py | launcher-on-one-node
bash -c 'torchrun --nnodes=2 --rdzv-endpoint=$head:29500 t.py' | launcher-on-one-node
srun bash -c 'torchrun --nproc-per-node=8 --rdzv-endpoint=$head:29500 t.py' | nnodes-missing
srun nsys profile -o x torchrun --nproc-per-node=8 --rdzv-endpoint=$head:29500 t.py | nnodes-missing
srun ./bind.sh python -m torch.distributed.launch --nproc_per_node 8 --master_addr $head t.py | nnodes-missing
srun -N 2 torchrun --nnodes=4 --rdzv-backend=c10d --rdzv-endpoint=$head:29500 t.py | nnodes-mismatch
N=1;srun torchrun --nnodes=$N --rdzv-backend=c10d --rdzv-endpoint=$head:29500 t.py | nnodes-mismatch
srun accelerate launch --num_machines=3 --main_process_ip $head --rdzv_backend c10d t.py | nnodes-mismatch
srun accelerate launch --num_processes 16 --main_process_ip $head t.py | nnodes-missing
srun python t.py --master_addr localhost | rendezvous-address
srun python t.py --dist-url=tcp://127.0.0.1:29500 | rendezvous-address
srun torchrun --nnodes=2 --node_rank=0 --master_addr=$head t.py | node-rank-fixed
srun torchrun --nnodes=2 --rdzv-backend=c10d --rdzv-endpoint=localhost:29500 t.py | rendezvous-address
srun torchrun --nnodes=2 --rdzv-backend=c10d --rdzv-endpoint=127.0.0.1:29500 t.py | rendezvous-address
srun bash -c 'torchrun --nnodes=2 --rdzv-backend=c10d --rdzv-endpoint=$(hostname):29500 t.py' | rendezvous-address
srun torchrun --nnodes=2 --rdzv-backend=c10d --rdzv-endpoint=$SLURM_SUBMIT_HOST:29500 t.py | rendezvous-address
srun torchrun --nnodes=2 --rdzv-backend=c10d --rdzv-endpoint=10.1.2.3:29500 t.py | rendezvous-address
export MASTER_ADDR=localhost;srun python t.py | rendezvous-address
export MASTER_ADDR=ip-10-1-2-3;srun python t.py | rendezvous-address
export NEURON_RT_ROOT_COMM_ID=localhost:48620;srun python t.py | rendezvous-address
export NEURON_RT_ROOT_COMM_ID=127.0.0.1:48620;srun torchrun --nnodes=2 --master_addr=$head t.py | rendezvous-address
MA=127.0.0.1;srun torchrun --nnodes=2 --rdzv-backend=c10d --rdzv-endpoint=$MA:29500 t.py | rendezvous-address
export MASTER_ADDR=$head;srun torchrun --nnodes=2 --nproc-per-node=8 t.py | rendezvous-address
mpirun --hostfile hosts.txt ./app | hostfile-of-others
deepspeed --hostfile=/fsx/hostfile t.py | hostfile-of-others
srun python t.py \;    --a 1;    --b 2 | continuation-broken
srun python t.py \ ;    --a 1 | continuation-broken
srun python t.py \;#    --a 1 \;    --b 2 | continuation-broken
srun bash -c 'python t.py;    --a 1' | continuation-broken
export NCCL_DEBUG = INFO;srun ./app | export-slip
export NCCL_DEBUG INFO;srun ./app | export-slip
export NCCL_DEBUG= INFO;srun ./app | export-slip
export NCCL_DEBUG=INFO FI_LOG_LEVEL NCCL_BUFFSIZE=8388608;srun ./app | export-slip
NCCL_DEBUG = INFO;srun ./app | export-slip
srun torchrun t.py --nproc_per_node=8 | option-behind-program
srun ./app --ntasks-per-node=8 | option-behind-program
mpirun -N 8 ./app -x NCCL_DEBUG=INFO | option-behind-program
mpirun -N 8 ./app --mca pml ^ucx | option-behind-program
sbatch other.sh --nodes=4 | option-behind-program
export LD_PRELOAD=/opt/amazon/ofi-nccl/lib/libnccl-net.so;srun ./app | preload-plugin
export NCCL_DEBUG=INFO;srun --container-image=x.sqsh ./app | container-env-missing
export NCCL_NET_PLUGIN=/opt/x/libnccl-net.so;srun --container-image=x.sqsh ./app | container-path-of-host
"""
RIGHT = r"""
srun bash -c 'torchrun --nnodes=2 --node_rank=$SLURM_NODEID --master_addr=$head t.py'
srun bash -c "torchrun --nnodes=2 --node_rank=\$SLURM_NODEID --master_addr=$head t.py"
srun bash -c 'export RANK=$SLURM_PROCID; python t.py'
srun bash <<'E';python t.py --rank $SLURM_PROCID;E
cat > run.sh <<'E';python t.py --rank $SLURM_PROCID;E;srun bash run.sh
echo "rank $SLURM_PROCID of $SLURM_NTASKS";srun ./app
if [ "$SLURM_PROCID" = 0 ]; then mkdir -p out; fi;srun ./app
srun --ntasks=1 --nodes=1 ./app --rank $SLURM_PROCID
run() { export RANK=$SLURM_PROCID; python t.py; };export -f run;srun bash -c run
torchrun --standalone --nproc-per-node=8 t.py
torchrun --nnodes=1 --nproc-per-node=8 t.py
deepspeed --hostfile=hosts t.py;scontrol show hostnames > hosts
if [ $N -gt 1 ]; then srun torchrun --nnodes=2 $RDZV t.py; else torchrun --nproc-per-node=8 t.py; fi
for n in $(scontrol show hostnames); do ssh $n torchrun --nnodes=2 --master_addr=$head t.py & done
srun $LAUNCHER_ARGS torchrun $ARGS t.py
srun torchrun "${ARGS[@]}" t.py
srun torchrun --nnodes=$SLURM_JOB_NUM_NODES --rdzv-backend=c10d --rdzv-endpoint=$head:29500 t.py
srun torchrun --nnodes=${SLURM_NNODES} --rdzv-backend=c10d --rdzv-endpoint=$(hostname):29500 t.py
srun torchrun --nnodes=1:4 --rdzv-backend=c10d --rdzv-endpoint=$head:29500 t.py
N=$SLURM_NNODES;srun torchrun --nnodes=$N --rdzv-backend=c10d --rdzv-endpoint=$head:29500 t.py
srun -N 1 -n 1 torchrun --nproc-per-node=8 t.py
srun -w $head torchrun --nproc-per-node=8 t.py
export PET_NNODES=2 PET_RDZV_ENDPOINT=$head:29500;srun torchrun --nproc-per-node=8 t.py
export MASTER_ADDR=$(hostname);srun python t.py
export MASTER_ADDR=${MASTER_ADDR:-localhost};srun python t.py
srun bash -c 'MASTER_ADDR=$SLURM_LAUNCH_NODE_IPADDR python t.py'
export NEURON_RT_ROOT_COMM_ID=$head:48620;srun python t.py
export NEURON_RT_ROOT_COMM_ID=localhost:48620;srun -N 1 -n 1 python t.py
if [ $N = 1 ]; then MASTER_ADDR=localhost; else MASTER_ADDR=$head; fi; export MASTER_ADDR; srun ./app
srun python t.py --master_addr $head
srun accelerate launch --config_file c.yaml t.py
mpirun ./app
scontrol show hostnames > hosts.txt;mpirun --hostfile hosts.txt ./app
mpirun --hostfile $HOSTS ./app
srun python t.py \;    --a 1 \;    --b 2
cat > notes.txt <<'E';    --b 2;a \ ;E
export NCCL_DEBUG;srun ./app
export PATH LD_LIBRARY_PATH
read -r A;export A B=1
. ./site.sh;export MASTER_ADDR MASTER_PORT=29500
srun ./app -- --ntasks-per-node=8
srun bash -c 'x' --ntasks-per-node=8
python site.py --launcher torchrun
echo "srun torchrun --nnodes=1"
pip install deepspeed accelerate
srun ./app ${2-default} ${1:-x}
for p in simple LL; do export NCCL_ALGO=$p; srun ./app; done
"""


def script(body: str) -> str:
    lines = body if re.search(r"then|run\(\)|for |; python", body) else body.replace(";", "\n")
    return f"#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=1\n#SBATCH --gpus-per-node=8\n{HEAD}{lines}\n"


@pytest.mark.parametrize(("body", "rule"), [line.rsplit(" | ", 1) for line in WRONG.strip().splitlines()])
def test_what_does_not_reach_the_other_nodes_is_found(body, rule):
    assert rule in rules(script(body))


@pytest.mark.parametrize("body", RIGHT.strip().splitlines())
def test_its_neighbours_are_silent(body):
    ours = {line.rsplit(" | ", 1)[1] for line in WRONG.strip().splitlines()}
    assert ours & set(rules(script(body))) == set()


def test_a_step_of_which_the_size_is_not_known_gives_a_warning():
    text = "#!/bin/bash\n#SBATCH --gpus-per-node=8\nsrun python t.py --rank $SLURM_PROCID\n"
    assert [(item.rule, item.severity) for item in found(text)] == [("task-variable-expanded-early", "warning")]


def test_c10d_gives_ranks_itself_so_that_a_rank_filled_in_early_is_a_warning():
    body = f"srun torchrun --nnodes=2 --node_rank=$SLURM_NODEID {RDZV} t.py"
    assert [item.severity for item in found(script(body))] == ["warning"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("CUDA_DEVICE_MAX_CONNECTION", "CUDA_DEVICE_MAX_CONNECTIONS"),
        ("NCCL_P2P_DISABL", "NCCL_P2P_DISABLE"),
        ("NCCL_SHM_DISABEL", "NCCL_SHM_DISABLE"),
        ("MASTER_PROT", "MASTER_PORT"),
        ("OMP_NUM_THREAD", "OMP_NUM_THREADS"),
        ("NVTE_FLASH_ATN", "NVTE_FLASH_ATTN"),
        ("TORCH_NCCL_BLOCKING_WIAT", "TORCH_NCCL_BLOCKING_WAIT"),
        ("PYTORCH_CUDA_ALLOCCONF", "PYTORCH_CUDA_ALLOC_CONF"),
    ],
)
def test_a_slip_of_a_name_that_pytorch_megatron_or_a_launcher_reads_is_found(name, near):
    slips = [item for item in found(script(f"export {name}=1;srun ./app")) if item.rule == "misspelt-variable"]
    assert [item.fix for item in slips] == [f"did you mean {near}?"]
    assert "misspelt-variable" not in rules(script(f"export {near}=1;srun ./app"))


@pytest.mark.parametrize("body", ["export MASTER_PORTS=1;srun ./app $MASTER_PORTS", "export LOCAL_RANK0=1;srun ./app"])
def test_a_variable_of_the_user_s_own_is_no_slip(body):
    assert "misspelt-variable" not in rules(script(body))


def test_nccl_has_not_read_the_threshold_of_trees_since_2_5():
    told = [item for item in found(script("export NCCL_TREE_THRESHOLD=0;srun ./app")) if "TREE" in item.message]
    assert [(item.rule, item.severity) for item in told] == [("variable-not-read", "warning")]


@pytest.mark.parametrize(("line", "silent"), [("# SBATCH --exclusive", False), ("# SBATCH --nodes=4", True)])
def test_a_directive_with_a_blank_is_found_where_no_other_line_gives_the_option(line, silent):
    text = f"#!/bin/bash\n#SBATCH --nodes=2\n{line}\nsrun ./app\n"
    assert ("sbatch-misspelt" not in rules(text)) is silent


@pytest.mark.parametrize(
    ("options", "body", "few"),
    [
        (("--ntasks=384",), "mpirun ./app", False),
        ((), "mpirun -N 192 ./app", False),
        ((), "mpirun --map-by ppr:192:node --bind-to core ./app", False),
        (("--ntasks=192",), "mpirun ./app", True),
        ((), "mpirun -N 96 ./app", True),
    ],
)
def test_ranks_of_a_node_are_counted_however_they_are_given(options, body, few):
    lines = "\n".join(f"#SBATCH {option}" for option in options)
    text = f"#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --exclusive\n{lines}\nmodule load openmpi\n{body}\n"
    told = rules(text, instance="hpc7a.96xlarge", libfabric="1.17.1")
    assert ("fi-efa-shm-av-size" not in told) is few


def test_trainium_runs_no_nccl():
    text = script("export FI_PROVIDER=efa NCCL_DEBUG=INFO;srun torchrun --nnodes=2 --master_addr=$head t.py")
    assert not any(rule.startswith("nccl-") for rule in rules(text, instance="trn1.32xlarge"))
    assert "nccl-net" in rules(text, instance="p5.48xlarge")


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ("--nodes=2 --ntasks-per-node=96", True),
        ("--nodes=2 --ntasks-per-node=72", False),
        ("--nodes=2 --ntasks-per-node=8 --cpus-per-task=12", True),
        ("--nodes=2 --ntasks-per-node=8 --cpus-per-task=9", False),
        ("--nodes=2 --ntasks=146", True),
        ("--nodes=2 --ntasks=144", False),
        ("--ntasks=1000", False),
        ("--nodes=2 --cpus-per-task=96", True),
        ("--nodes=2 --ntasks-per-node=96 --overcommit", False),
        ("--nodes=2 --ntasks-per-node=$N", False),
    ],
)
def test_tasks_that_no_node_can_hold_are_found_where_the_type_is_known(options, wrong):
    text = "#!/bin/bash\n" + "".join(f"#SBATCH {option}\n" for option in options.split()) + "srun ./app\n"
    assert ("cpus-of-instance" in rules(text, instance="c5n.18xlarge")) is wrong
    assert "cpus-of-instance" not in rules(text)


def test_nvlink_that_is_taken_from_one_program_is_measured_on_purpose():
    kinds = {}
    for line in ("export NCCL_P2P_DISABLE=1\nsrun ./all_reduce_perf", "NCCL_P2P_DISABLE=1 srun ./all_reduce_perf"):
        [item] = [item for item in found(script(line), instance="p5.48xlarge") if item.rule == "nccl-p2p-disabled"]
        kinds[line[:6]] = str(item.severity)
    assert kinds == {"export": "warning", "NCCL_P": "info"}
