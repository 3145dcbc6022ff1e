"""Where each rule stays silent: the neighbour of what it finds."""

from __future__ import annotations

import pytest

from tests.lint.script.linting import found, job, rules


@pytest.mark.parametrize(
    "body",
    [
        "srun --export=ALL,A=1 ./app",
        "srun --export=NONE ./app",
        "srun --export=$WHAT ./app --x=${WHAT:?}",
        "srun --container-env=NCCL_DEBUG --container-image=x ./app",
        "export I_MPI_OFI_LIBRARY_INTERNAL=0\nmodule load intelmpi",
        "NCCL_DEBUG=INFO\nexport NCCL_DEBUG\nsrun ./app",
        "NCCL_DEBUG=INFO srun ./app",
        "if true; then export NCCL_DEBUG=INFO; else export NCCL_DEBUG=WARN; fi",
        "export NCCL_DEBUG=INFO\nsrun ./app\nexport NCCL_DEBUG=WARN\nsrun ./app",
        "srun -n 1 mpirun -np 4 ./app",
        "echo $((SLURM_JOB_NUM_NODES / 2))",
        'echo "$SLURM_TASKS_PER_NODE"',
        "srun ./app ${GPUS:-$SLURM_GPUS_PER_NODE}",
        'for x in 1 2; do srun ./app "$x"; done',
        'read -r x < file\nsrun ./app "$x"',
        '[ -z "$X" ] && X=1\nsrun ./app "$X"',
        ": ${X:?}\nsrun ./app $X",
        "module load thing\nsrun ./app $THING_ROOT",
        "ulimit -l unlimited",
        "export NCCL_HOME=/opt/nccl MY_FI_LOG_LEVEL=1",
        "unset NCCL_PROTO",
        "export NCCL_PROTO=simple\nunset NCCL_PROTO\nsrun ./app",
        'NCCL_BUFFSIZE=9\nfor name in NCCL_BUFFSIZE; do given+=(-x "$name=${!name}"); done\nmpirun "${given[@]}" ./app',
        "NCCL_BUFFSIZE=9\nfor name in NCCL_BUFFSIZE; do export $name; done\nsrun ./app",
        "export NCCL_DEBUG=\nsrun ./app",
    ],
)
def test_nothing_is_found(body):
    assert rules(job(body)) == []


@pytest.mark.parametrize(
    ("start", "is_early"),
    [("$", True), ("\\$", False), ("\\\\$", True), ("\\\\\\$", False), ("\\${", False)],
)
def test_a_dollar_behind_a_backslash_is_left_to_the_tasks(start, is_early):
    end = "}" if start.endswith("{") else ""
    code = f'code="$(cat <<EOF\nexport RANK={start}SLURM_PROCID{end}\nEOF\n)"\nsrun bash -c "$code"'
    assert ("task-variable-expanded-early" in rules(job(code))) == is_early


@pytest.mark.parametrize(
    "other", ["# NCCL_BUFFSIZE is large", "echo x # NCCL_BUFFSIZE", "NCCL_BUFFSIZE+=0", "MY_NCCL_BUFFSIZE=1"]
)
def test_a_name_that_is_said_elsewhere_gives_no_value_on(other):
    assert "not-exported" in rules(job(f"NCCL_BUFFSIZE=9\n{other}\necho ${{!name}}\nsrun ./app"))


@pytest.mark.parametrize(("end", "is_sbatch"), [("", False), ("#SBATCH -n 2\n", True)])
def test_a_script_that_writes_an_sbatch_script_is_none_itself(end, is_sbatch):
    text = "cd /fsx\ncat > job.sbatch << EOF\n#!/bin/bash\n#SBATCH --nodes=2\nsrun ./app\nEOF\n"
    assert ("no-shebang" in rules(text + end)) == is_sbatch


@pytest.mark.parametrize(
    "line",
    [
        "export NEURON_RT_STOCHASTIC_ROUNDING_EN=1",
        "export NEURON_COMPILE_CACHE_URL=/shared/cache",
        "export CCOM_SOCKET_IFNAME=eth0",
        "echo $NEURON_CORES_PER_NODE",
        "source /opt/aws_neuronx_venv_pytorch/bin/activate",
        "neuron-ls",
    ],
)
def test_what_neurons_guides_ask_for_is_right_in_a_job_on_neuron(line):
    body = "export FI_PROVIDER=efa FI_EFA_USE_DEVICE_RDMA=1 FI_EFA_FORK_SAFE=1\nsrun torchrun --nnodes=2 train.py"
    of_efa = {"fi-provider-redundant", "fi-efa-use-device-rdma-redundant", "fi-efa-fork-safe-by-plugin"}
    assert of_efa <= set(rules(job(body)))
    assert of_efa.isdisjoint(rules(job(f"{line}\n{body}")))


def test_options_that_add_up_are_not_overridden():
    assert rules("#!/bin/bash\n#SBATCH --mail-type=END\n#SBATCH --mail-type=FAIL\ntrue\n") == []


def test_the_parts_of_a_heterogeneous_job_do_not_override_each_other():
    assert rules("#!/bin/bash\n#SBATCH -n 1\n#SBATCH hetjob\n#SBATCH -n 2\ntrue\n") == []


def test_a_folder_that_is_there_is_no_finding():
    text = "#!/bin/bash\n#SBATCH --output=logs/%j.out\ntrue\n"
    assert rules(text, has_folder=lambda folder: folder == "logs") == []
    assert rules(text, has_folder=lambda folder: False) == ["output-folder-missing"]
    assert rules(text.replace("logs", "/logs/%u"), has_folder=lambda folder: False) == []


def test_sbatch_lines_in_a_heredoc_are_nobodys():
    assert rules(job("cat <<EOF\n#SBATCH --nodes=3\nEOF")) == []


@pytest.mark.parametrize(
    ("instance", "count", "severity"),
    [("p5.48xlarge", 8, None), ("p5.48xlarge", 4, "warning"), ("p5.4xlarge", 8, "error"), ("g6e.12xlarge", 4, None)],
)
def test_gpu_counts_are_held_against_the_instance(instance, count, severity):
    text = job(f"GPUS={count}\nsrun torchrun --nproc_per_node=$GPUS train.py")
    told = [item.severity for item in found(text, instance=instance) if item.rule == "gpus-of-instance"]
    assert told == ([severity] if severity else [])


def test_ranks_of_mpirun_are_held_against_the_instance():
    text = job("mpirun -N 8 /opt/nccl-tests/build/all_reduce_perf\nmpirun -N 1 hostname")
    told = [
        (item.line, item.severity) for item in found(text, instance="p5.4xlarge") if item.rule == "gpus-of-instance"
    ]
    assert told == [(4, "error")]
    assert "gpus-of-instance" not in rules(text, instance="p5.48xlarge")


def test_one_gpu_of_a_shared_node_is_no_finding():
    text = "#!/bin/bash\n#SBATCH --gres=gpu:1\npython train.py\n"
    assert "gpus-of-instance" not in rules(text, instance="p5.48xlarge")


def test_what_a_job_needs_is_missing_only_where_the_target_is_known():
    text = job("srun torchrun --nnodes=2 --nproc_per_node=8 --master_addr=$(hostname) train.py")
    assert rules(text) == []
    assert "nccl-net" in rules(text, instance="p5.48xlarge", installer="1.47.0")
    assert "nccl-net" not in rules(text.replace("--nodes=2", "--nodes=1"), instance="p5.48xlarge", installer="1.47.0")


def test_bytes_that_are_no_utf8_do_not_stop_the_linter():
    text = b"#!/bin/bash\n# Gr\xfc\xdfe\nexport FI_LOG_LEVEL=1\n"
    assert rules(text) == ["not-utf-8", "fi-log-level"]


def test_what_the_grammar_does_not_cover_is_told():
    assert "not-understood" in rules(job("if then fi ((\nexport A=1"))


@pytest.mark.parametrize("options", ["<SLURM OPTIONS> --exclusive", "-p { partition }"])
def test_what_somebody_is_to_fill_in_is_no_option(options):
    assert rules(f"#!/bin/bash\n#SBATCH {options}\n./app\n") == []
