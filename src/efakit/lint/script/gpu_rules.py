"""Rules for GPU counts: asked for in two ways, against the instance, and against what the launcher starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from efakit.lint.script.launchers import NODE_LAUNCHERS, Launch
from efakit.lint.script.model import Directive, Option
from efakit.lint.script.rule import Context, Problem, rule
from efakit.lint.script.text import Span
from efakit.rules import job

_PER_NODE = "nproc_per_node"


@rule("gpus-asked-twice")
def gpus_asked_twice(context: Context) -> Iterator[Problem]:
    """Point out two of --gres=gpu, --gpus-per-node and --gpus-per-task in one job."""
    by_component: dict[int, dict[str, Directive]] = {}
    for item in context.script.directives:
        name = _way(item)
        if item.in_force and name:
            by_component.setdefault(item.component, {})[name] = item
    for ways in by_component.values():
        if len(ways) > 1:
            names = ", ".join(f"--{name}" for name in ways)
            yield Problem(
                list(ways.values())[-1].span, f"GPUs are requested in {len(ways)} ways: {names}", "keep --gpus-per-node"
            )


def _way(item: Directive) -> str | None:
    if item.option == "gres":
        return "gres=gpu" if (item.value or "").startswith("gpu") else None
    return item.option if item.option in ("gpus-per-node", "gpus-per-task") else None


@rule("gpus-per-task-alone")
def gpus_per_task_alone(context: Context) -> Iterator[Problem]:
    """Refuse --gpus-per-task where nothing tells the number of tasks."""
    if context.directive("gpus-per-task") is None or context.directive("ntasks", "gpus", "ntasks-per-gpu") is not None:
        return
    nodes = context.directive("nodes") or ""
    least, _, most = nodes.partition("-")
    if nodes and not least.isdigit():
        return  # something else fills it in
    # As in Slurm's gres.c: the nodes times the tasks a node, else one task a node, unless a task names its CPUs.
    told = context.directive("ntasks-per-node") is not None or context.directive("cpus-per-task") is None
    if nodes and most in ("", least) and told:
        return
    span = next(item.span for item in context.script.directives if item.option == "gpus-per-task")
    needs = "add --ntasks or --gpus, or a fixed --nodes with --ntasks-per-node"
    yield Problem(span, f"--gpus-per-task needs {needs}: sbatch refuses it", "--gpus-per-node")


@rule("gpus-of-instance")
def gpus_of_instance(context: Context) -> Iterator[Problem]:
    """Compare fixed counts with the instance type, where it is known."""
    instance = context.surroundings.instance
    if instance is None or instance.gpus is None:
        return
    for span, asks, count in _counts(context):
        many = count > instance.gpus
        fault = job.gpus_of_instance(asks, count, instance) if many or _has_whole_nodes(context) else None
        if fault is not None:
            yield Problem(span, *fault, severity="error" if many else "warning")


def _has_whole_nodes(context: Context) -> bool:
    several = (context.number("nodes") or 1) > 1 and not context.surroundings.shared
    return several or context.directive("exclusive") is not None


def _counts(context: Context) -> Iterator[tuple[Span, str, int]]:
    for item in context.script.directives:
        count = _asked(item)
        if item.in_force and count is not None:
            yield item.span, f"--{item.option} asks for", count
    instance = context.surroundings.instance
    if instance is not None and instance.gpus == 0:
        return  # ranks on CPUs
    for _, chain in context.jobs.launches:
        for launch in chain:
            option = _ranks(launch) or _mpi_ranks(context, launch)
            count = _number(context, option)
            if option is not None and count is not None:
                yield option.span, f"{launch.word.text} is to start", count


def _asked(item: Directive) -> int | None:
    """Return the GPUs a node of --gpus-per-node=h100:8 or --gres=gpu:8."""
    if item.option == "gpus-per-node" or (item.option == "gres" and (item.value or "").startswith("gpu:")):
        last = (item.value or "").split(",")[0].rpartition(":")[2]
        return int(last) if last.isascii() and last.isdigit() and len(last) < 6 else None
    return None


def _ranks(launch: Launch) -> Option | None:
    return launch.option(_PER_NODE) if launch.kind == "torchrun" else launch.option("num_gpus")


def _mpi_ranks(context: Context, launch: Launch) -> Option | None:
    """Return mpirun's ranks a node in a job of NCCL, one a GPU; a single one is no such job, but a look around."""
    option = launch.option("N", "npernode", "ppn", "perhost") if launch.kind == "mpirun" else None
    return option if "nccl" in context.workloads and _number(context, option) != 1 else None


def _number(context: Context, option: Option | None) -> int | None:
    text = context.script.known_value(option.value) if option is not None else None
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else None


@rule("more-ranks-than-gpus")
def more_ranks_than_gpus(context: Context) -> Iterator[Problem]:
    """Compare --nproc-per-node with the GPUs a node that the #SBATCH lines ask for."""
    asked = next((count for item in reversed(context.script.directives) if (count := _asked(item)) is not None), None)
    if asked is None or any(item.component for item in context.script.directives):
        return
    for _, chain in context.jobs.launches:
        for launch in chain:
            option = _ranks(launch)
            count = _number(context, option)
            if option is None or count is None:
                continue
            fault = job.more_ranks_than_gpus(launch.word.text, count, asked, context.surroundings.instance)
            if fault is not None:
                yield Problem(option.span, *fault)


def _spread(context: Context, chain: Sequence[Launch]) -> int | None:
    """Return how many tasks some node gets where the job says no more than tasks and nodes, and the launcher nodes."""
    nodes, tasks, outer = context.number("nodes"), context.number("ntasks"), chain[0]
    asked = chain[-1].option("nnodes", "num_machines")
    if nodes is None or tasks is None or tasks <= nodes or outer.option("nodes", "N", "n") is not None:
        return None
    return -(-tasks // nodes) if asked is not None and _number(context, asked) == nodes else None


@rule("launcher-per-task")
def launcher_per_task(context: Context) -> Iterator[Problem]:
    """Refuse torchrun, accelerate and deepspeed under srun with several tasks a node."""
    for _, chain in context.jobs.launches:
        outer, inner = chain[0], chain[-1]
        if outer.kind != "srun" or inner.kind not in NODE_LAUNCHERS or outer.option("ntasks"):
            continue
        option = outer.option("ntasks-per-node")
        tasks = _number(context, option) if option else context.number("ntasks-per-node") or _spread(context, chain)
        ranks = inner.option(_PER_NODE, "num_processes", "num_gpus")
        if tasks is None or tasks < 2 or (ranks is not None and _number(context, ranks) == 1):
            continue
        # deepspeed starts a rank for each GPU that it sees; the others start one where nothing says more.
        if ranks is None and (inner.kind != "deepspeed" or inner.gaps):
            continue
        message = f"srun starts {inner.word.text} {tasks} times per node, and each starts its own ranks"
        yield Problem(
            inner.word.span, message, "use srun --ntasks-per-node=1, or start one rank per task without the launcher"
        )


@rule("not-exclusive")
def not_exclusive(context: Context) -> Iterator[Problem]:
    """Advise --exclusive where nothing else keeps other jobs off the nodes."""
    nodes = context.number("nodes")
    asks = ("exclusive", "gres", "gpus", "gpus-per-node", "gpus-per-task", "tres-per-task", "gpus-per-socket")
    if nodes is None or nodes < 2 or "nccl" not in context.workloads or context.script.kind != "sbatch":
        return
    if all(context.directive(name) is None for name in asks):
        span = next(item.span for item in context.script.directives if item.option == "nodes" and item.in_force)
        message = f"{nodes} nodes without --exclusive or a GPU count: other jobs may share them"
        yield Problem(span, message, "#SBATCH --exclusive")
