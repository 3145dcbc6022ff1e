"""The job templates as rows: what each launches, who starts its ranks, and which keys of a job it reads.

A new template is a row here and a file ``job-templates/NAME.sbatch.j2``. The spec's schema, the plan and the docs read
these rows.
"""

from __future__ import annotations

from typing import NamedTuple

_NCCL_TESTS = "https://github.com/NVIDIA/nccl-tests"
_MEGATRON = "https://github.com/NVIDIA/Megatron-LM/blob/main/megatron/training/arguments.py"
_TORCHRUN = "https://docs.pytorch.org/docs/stable/elastic/run.html"
_ACCELERATE = "https://huggingface.co/docs/accelerate/package_reference/cli"
_DEEPSPEED = "https://www.deepspeed.ai/getting-started/"
_NEURON_GUIDE = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/neuron-runtime/nrt-developer-guide.html"
_INTEL = "https://github.com/aws-samples/hpc-applications"
_OPEN_MPI = "https://docs.open-mpi.org/en/main/launching-apps/slurm.html"
_OSU = "https://mvapich.cse.ohio-state.edu/benchmarks/"
_SLURM_MPI = "https://slurm.schedmd.com/mpi_guide.html#intel_mpi"
_SRUN = "https://slurm.schedmd.com/srun.html"
_SBATCH = "https://slurm.schedmd.com/sbatch.html"


class TemplateVariable(NamedTuple):
    """A variable that what the template starts needs, EFA or not; the environment's own rows are elsewhere."""

    name: str
    value: str
    reason: str
    source: str
    expression: bool = False
    """The value is shell text of the template's own, and no literal."""
    instances: str = "*"
    """Patterns of instance types, by blanks."""
    mpi: str = ""
    """Only where the job's ranks are started so (its key mpi); empty: however they are."""


class JobTemplate(NamedTuple):
    """One template."""

    name: str
    what: str
    source: str
    workloads: tuple[str, ...] = ()
    """Keys of ``catalog.variables.WORKLOADS``; none: nothing is known of the program."""
    needs: str = ""
    """gpu, neuron: the node must have such devices."""
    launcher: str = "srun"
    """srun, mpirun: starts each rank; node: one task a node, which starts that node's ranks; none: the body itself;
    own: a template of the user's own."""
    keys: tuple[str, ...] = ()
    """The keys of a job that this template reads, beside those that all read."""
    required: tuple[str, ...] = ()
    program: str = ""
    args: tuple[str, ...] = ()
    launcher_args: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    """Environment modules that a job outside of a container loads by default."""
    variables: tuple[TemplateVariable, ...] = ()


_NODE_KEYS = ("script", "args", "launcher_args", "ranks_per_node", "container", "resume_args")
_RANK_KEYS = ("program", "args", "launcher_args", "ranks_per_node", "mpi", "container", "resume_args")

# Every key that only some templates read.
OWN_KEYS = tuple(dict.fromkeys((*_NODE_KEYS, *_RANK_KEYS, "body", "workload")))

JOB_TEMPLATES = (
    JobTemplate(
        name="torchrun",
        what="PyTorch: torchrun on each node",
        source=_TORCHRUN,
        workloads=("nccl",),
        needs="gpu",
        launcher="node",
        keys=_NODE_KEYS,
        required=("script",),
    ),
    JobTemplate(
        name="accelerate",
        what="Hugging Face: accelerate launch on each node",
        source=_ACCELERATE,
        workloads=("nccl",),
        needs="gpu",
        launcher="node",
        keys=_NODE_KEYS,
        required=("script",),
        launcher_args=("--multi_gpu",),
    ),
    JobTemplate(
        name="deepspeed",
        what="DeepSpeed: torchrun on each node, so that neither ssh nor a host file is needed",
        source=_DEEPSPEED,
        workloads=("nccl",),
        needs="gpu",
        launcher="node",
        keys=_NODE_KEYS,
        required=("script",),
    ),
    JobTemplate(
        name="megatron",
        what="Megatron-LM and NeMo: torchrun on each node",
        source=_MEGATRON,
        workloads=("nccl",),
        needs="gpu",
        launcher="node",
        keys=_NODE_KEYS,
        required=("script",),
        variables=(
            TemplateVariable(
                name="CUDA_DEVICE_MAX_CONNECTIONS",
                value="1",
                reason="on GPUs before Blackwell Megatron-LM with tensor parallelism does not start without it",
                source=_MEGATRON,
                instances="p4* p5* g5* g6*",
            ),
        ),
    ),
    JobTemplate(
        name="nccl-tests",
        what="NVIDIA's nccl-tests, one rank for each GPU",
        source=_NCCL_TESTS,
        workloads=("nccl", "mpi-launch"),
        needs="gpu",
        launcher="srun",
        keys=tuple(key for key in _RANK_KEYS if key not in ("ranks_per_node", "resume_args")),
        program="/opt/nccl-tests/build/all_reduce_perf",
        # From 8 bytes to 16 GiB in doublings, one GPU a rank.
        args=("-b", "8", "-e", "16G", "-f", "2", "-g", "1"),
        variables=(
            TemplateVariable(
                name="NCCL_DEBUG",
                value="INFO",
                reason="NCCL's log then shows the provider and the NICs that it chose",
                source=_NCCL_TESTS,
            ),
        ),
    ),
    JobTemplate(
        name="openmpi",
        what="An Open MPI program",
        source=_OPEN_MPI,
        workloads=("openmpi",),
        needs="",
        launcher="srun",
        keys=_RANK_KEYS,
        required=("program",),
        modules=("openmpi",),
    ),
    JobTemplate(
        name="intelmpi",
        what="An Intel MPI program",
        source=_INTEL,
        workloads=("intelmpi",),
        needs="",
        launcher="mpirun",
        keys=_RANK_KEYS,
        required=("program",),
        # Intel's own libfabric is left out by I_MPI_OFI_LIBRARY_INTERNAL=0, and this one takes its place.
        modules=("intelmpi", "libfabric-aws"),
        variables=(
            TemplateVariable(
                name="I_MPI_PMI_LIBRARY",
                value="/opt/slurm/lib/libpmi2.so",
                reason="ranks that srun starts find each other through Slurm's PMI-2; without it each rank runs alone",
                source=_SLURM_MPI,
                mpi="pmi2",
            ),
        ),
    ),
    JobTemplate(
        name="osu",
        what="An OSU micro-benchmark, with Open MPI",
        source=_OSU,
        workloads=("openmpi",),
        needs="",
        launcher="srun",
        keys=_RANK_KEYS,
        required=("program",),
        modules=("openmpi",),
    ),
    JobTemplate(
        name="neuron",
        what="PyTorch on Trainium: torchrun on each node, one rank for each logical NeuronCore",
        source=_NEURON_GUIDE,
        workloads=("neuron",),
        needs="neuron",
        launcher="node",
        keys=_NODE_KEYS,
        required=("script",),
        variables=(
            TemplateVariable(
                name="NEURON_RT_ROOT_COMM_ID",
                value='"$head_address:$((port + 10000))"',
                reason="the address at which the ranks' runtimes meet; host names can be longer than its limit of 63 "
                "characters",
                source=_NEURON_GUIDE,
                expression=True,
            ),
        ),
    ),
    JobTemplate(
        name="command",
        what="Any program, started by srun",
        source=_SRUN,
        workloads=(),
        needs="",
        launcher="srun",
        keys=tuple(key for key in (*_RANK_KEYS, "workload") if key not in ("mpi", "launcher_args")),
        required=("program",),
    ),
    JobTemplate(
        name="body",
        what="Your own shell script, after efakit's header and environment",
        source=_SBATCH,
        workloads=(),
        needs="",
        launcher="none",
        keys=("body", "ranks_per_node", "workload"),
        required=("body",),
    ),
)


# The benchmarks of OSU that two ranks run, no more and no fewer: https://mvapich.cse.ohio-state.edu/benchmarks/
_PAIRS = (
    *("bw", "bibw", "latency", "latency_mt", "latency_mp", "persistent_latency"),
    *("put_bw", "put_bibw", "put_latency", "get_bw", "get_latency", "acc_latency"),
    *("get_acc_latency", "cas_latency", "fop_latency"),
)
OSU_PAIRS = frozenset(f"osu_{name}" for name in _PAIRS)


def template_names() -> tuple[str, ...]:
    """Return the names of the built-in templates."""
    return tuple(row.name for row in JOB_TEMPLATES)


def job_template(name: str) -> JobTemplate:
    """Return a template's row; a name without one is a template of the user's own, which may read every key."""
    own = JobTemplate(name=name, what="Your own template", source="", launcher="own", keys=OWN_KEYS)
    return {row.name: row for row in JOB_TEMPLATES}.get(name, own)
