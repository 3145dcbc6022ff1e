"""Rules for who runs a launch, on which nodes, and which shell fills its words in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.lint.script.launchers import Launch
from efakit.lint.script.model import Assignment, Command, Ref, Word
from efakit.lint.script.rule import Context, Problem, rule
from efakit.lint.script.steps import JOB, address, count, job_nodes, node_launch, step_nodes
from efakit.lint.script.text import Span
from efakit.lint.script.words import after

# What Slurm and MPI give each task; in the batch script they are the first task's, or not set at all.
_OF_A_TASK = ("SLURM_PROCID", "SLURM_LOCALID")
_OF_A_NODE = ("SLURM_NODEID",)
_OF_MPI = ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "PMI_RANK", "PMIX_RANK", "MPI_LOCALRANKID")
# srun sets it for its tasks (src/common/env.c), and nothing sets it for the batch shell.
_OF_A_STEP = ("SLURM_LAUNCH_NODE_IPADDR",)
_EARLY = (*_OF_A_TASK, *_OF_A_NODE, *_OF_MPI, *_OF_A_STEP)
_STARTERS = ("srun", "mpirun", "remote")
_FILLED_IN = re.compile(r"(?<!\\)(?:\\\\)*\$\{?(\w+)")
Early = tuple[Ref, str]


@rule("task-variable-expanded-early")
def task_variable_expanded_early(context: Context) -> Iterator[Problem]:
    """Refuse $SLURM_PROCID and the like where the batch shell fills them in, before srun starts the tasks."""
    script = context.script
    starts = [(command, chain) for command, chain in context.jobs.launches if _starts_here(context, command, chain)]
    if script.kind == "env-file" or not starts:
        return
    for command, chain in starts:
        own = tuple(item.word for item in command.environment if item.word is not None)
        for ref, name in _early((*own, *command.words)):
            yield from _said(context, chain, ref.span, name)
    yield from _kept_in_variables(context, starts)
    for heredoc in script.written:
        if not _is_run(context, heredoc.name):
            continue
        for ref in heredoc.filled:
            for name in _names_in(ref) & set(_EARLY):
                yield from _said(context, starts[0][1], ref.span, name)


def _kept_in_variables(context: Context, starts: list[tuple[Command, tuple[Launch, ...]]]) -> Iterator[Problem]:
    """Point out a variable that holds such a value and that a launch uses, or programs may read."""
    script = context.script
    used = {name for command, _ in starts for word in command.words for ref in word.refs for name in _names_in(ref)}
    for item in script.assignments:
        reaches = item.name in used or ((item.reaches or item.name in script.exported) and _is_read(context, item))
        if item.kind not in ("plain", "export") or item.scope.outer or not reaches or not _runs(context, item):
            continue
        after = next((chain for command, chain in starts if command.span.start > item.span.start), None)
        for _, name in _early((item.word,) if item.word else ()):
            if after is not None:
                yield from _said(context, after, item.span, name)


def _starts_here(context: Context, command: Command, chain: tuple[Launch, ...]) -> bool:
    """Return whether the script's own shell fills a launch's words in, and others then run it."""
    return not command.scope.outer and chain[0].kind in _STARTERS and _is_called(context, command.scope.function)


def _is_called(context: Context, function: str) -> bool:
    """Return whether the script's own shell calls a function; "" is the script itself."""
    calls = (command for command in context.script.commands if not command.scope.outer)
    return not function or any(command.name == function for command in calls)


def _runs(context: Context, item: Assignment) -> bool:
    return not item.scope.function or _is_called(context, item.scope.function)


def _is_read(context: Context, item: Assignment) -> bool:
    """Return whether programs may take a variable from the environment: not what torchrun sets for its ranks itself."""
    by_launcher = all(node_launch(chain) is not None for _, chain in context.jobs.launches)
    return not (by_launcher and item.name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "GROUP_RANK"))


def _is_run(context: Context, name: Word) -> bool:
    """Return whether a launcher runs a file that a heredoc writes, or reads the heredoc itself."""
    last = name.text.rpartition("/")[2]
    starts = [command for command, chain in context.jobs.launches if chain[0].kind in _STARTERS]
    if any(word.span == name.span for command in starts for word in command.words[:1]):
        return True
    return bool(last) and any(word.text.rpartition("/")[2] == last for command in starts for word in command.words)


def _early(words: tuple[Word, ...]) -> Iterator[Early]:
    for word in words:
        for ref in word.refs:
            for name in sorted(_names_in(ref) & set(_EARLY)):
                yield ref, name


def _names_in(ref: Ref) -> set[str]:
    """Return the variables that fill a part of a word in."""
    if ref.name:
        inside = set(_FILLED_IN.findall(ref.whole)) if ref.guarded else set()
        return {ref.name, *inside}
    if ref.whole.startswith(("$((", "$[")):
        return set(re.findall(r"[A-Za-z_]\w*", ref.whole))
    if "'" in ref.whole or "srun" in ref.whole or "mpirun" in ref.whole:
        return set()  # a command that starts tasks itself
    return set(_FILLED_IN.findall(ref.whole))


def _said(context: Context, chain: tuple[Launch, ...], span: Span, name: str) -> Iterator[Problem]:
    several = _several(context, chain, nodes_only=name in _OF_A_NODE)
    if several is False:
        return
    what = "it is 0 on every node" if name in _OF_A_NODE else "it is 0 in every task"
    if name in _OF_MPI:
        what = "it is empty in every task"
    if name in _OF_A_STEP:
        what = "it is not set yet"
    message = f"the batch shell expands ${name} once, before {chain[0].word.text} starts: {what}"
    fix = f"let each task expand it: srun bash -c '... ${name} ...', in single quotes"
    if name in _OF_A_STEP:
        fix = f"the first node: {_FIRST_NODE}"
    if several and not _ranks_itself(context, span):
        yield Problem(span, message, fix)
    else:
        yield Problem(span, message, fix, severity="warning")


def _ranks_itself(context: Context, span: Span) -> bool:
    """Return whether the value is a node's rank and the launcher gives ranks itself, as c10d does."""
    data = context.script.source.data
    line = data[data.rfind(b"\n", 0, span.start) + 1 : span.end]
    dynamic = re.search(rb"rdzv[-_]backend[ =\"']+(c10d|etcd)", data) is not None
    return dynamic and re.search(rb"(node|machine)[-_]rank", line, re.IGNORECASE) is not None


def _several(context: Context, chain: tuple[Launch, ...], *, nodes_only: bool) -> bool | None:
    """Return whether a launch starts several tasks (on several nodes), None where that is not known."""
    nodes = step_nodes(context, chain)
    if nodes is not None and nodes > 1:
        return True
    if nodes_only:
        return None if nodes is None else False
    outer = chain[0]
    asked = outer.option("ntasks", "np", "n")
    tasks = count(context, asked.value) if asked is not None else context.number("ntasks")
    if tasks is None and asked is None and nodes is not None:
        each = outer.option("ntasks-per-node")
        tasks = count(context, each.value) if each is not None else context.number("ntasks-per-node") or 1
    return tasks > 1 if isinstance(tasks, int) else None


@rule("launcher-on-one-node")
def launcher_on_one_node(context: Context) -> Iterator[Problem]:
    """Refuse torchrun and the like on several nodes where nothing starts them on each."""
    script, nodes = context.script, job_nodes(context)
    if script.kind != "sbatch" or script.is_template or nodes is None or nodes < 2:
        return
    if any(chain[0].kind in _STARTERS and node_launch(chain) is not None for _, chain in context.jobs.launches):
        return
    if any(chain[0].kind == "remote" for _, chain in context.jobs.launches):
        return
    for command, chain in context.jobs.launches:
        launch, scope = chain[0], command.scope
        if launch is not node_launch(chain) or scope.branch or scope.outer or not _is_called(context, scope.function):
            continue
        if not _is_for_one_node(context, launch) and not _reaches_others(launch):
            name = launch.word.text.rpartition("/")[2]
            message = f"{name} runs on the first of the job's {nodes} nodes only: nothing starts it on the others"
            by_config = launch.kind == "accelerate" and launch.option("config_file") is not None
            yield Problem(
                launch.word.span,
                message,
                f"srun --ntasks-per-node=1 {name} ...",
                severity="warning" if by_config else None,
            )


def _is_for_one_node(context: Context, launch: Launch) -> bool:
    """Return whether a launcher says itself that it is to use one node."""
    asked = launch.option("nnodes", "num_machines", "num_nodes")
    return launch.option("standalone") is not None or (asked is not None and count(context, asked.value) == 1)


def _reaches_others(launch: Launch) -> bool:
    """Return whether a launcher starts itself on other nodes: deepspeed does with a hostfile."""
    if launch.kind == "torchrun":
        return False
    names = ("hostfile", "H", "include", "i", "launcher", "deepspeed_hostfile", "deepspeed_multinode_launcher")
    return launch.option(*names) is not None or (launch.kind == "deepspeed" and launch.gaps)


@rule("nnodes-missing")
def nnodes_missing(context: Context) -> Iterator[Problem]:
    """Refuse torchrun without --nnodes under srun on several nodes."""
    for command, launch, nodes in _on_nodes(context):
        if launch.kind == "accelerate" and not launch.gaps and not launch.option("num_machines", "config_file"):
            message = (
                f"accelerate uses one machine without --num_machines: {nodes} nodes run {nodes} separate trainings"
            )
            yield Problem(launch.word.span, message, "--num_machines $SLURM_NNODES", severity="warning")
        if launch.kind != "torchrun" or launch.gaps or command.scope.branch or launch.option("nnodes", "standalone"):
            continue
        if not _sets(context, "PET_NNODES"):
            message = f"torchrun uses one node without --nnodes: {nodes} nodes run {nodes} separate trainings"
            yield Problem(launch.word.span, message, "--nnodes=$SLURM_NNODES")


@rule("nnodes-mismatch")
def nnodes_mismatch(context: Context) -> Iterator[Problem]:
    """Refuse a fixed --nnodes that is not the number of nodes."""
    for command, launch, nodes in _on_nodes(context):
        option = launch.option("nnodes") if launch.kind == "torchrun" else launch.option("num_machines")
        if option is None or option.value is None or launch.kind == "deepspeed" or command.scope.branch:
            continue
        asked = count(context, option.value)
        if asked == JOB and not command.scope.outer:
            asked = job_nodes(context)
        # As many launchers as tasks, each of which counts as a node, is the other way to run several on a node.
        if isinstance(asked, int) and asked not in (nodes, context.number("ntasks")) and _sure(option.value):
            message = f"--{option.name}={asked}, and the launcher starts on {nodes} nodes"
            yield Problem(option.span, message, f"--{option.name}=$SLURM_NNODES")


def _sure(word: Word) -> bool:
    return not any(ref.guarded for ref in word.refs)


@rule("node-rank-fixed")
def node_rank_fixed(context: Context) -> Iterator[Problem]:
    """Refuse --node_rank=0 on several nodes."""
    for _, launch, nodes in _on_nodes(context):
        option = launch.option("node_rank", "machine_rank")
        if option is None or option.value is None or launch.kind == "deepspeed":
            continue
        backend = launch.option("rdzv_backend")
        dynamic = backend is not None and context.script.known_value(backend.value) not in ("static", None)
        if option.value.literal is not None and option.value.literal.isdigit() and not dynamic:
            message = (
                f"--{option.name}={option.value.literal} on each of {nodes} nodes: every node claims the same rank"
            )
            yield Problem(option.span, message, f"srun bash -c '... --{option.name}=$SLURM_NODEID ...'")


def _on_nodes(context: Context) -> Iterator[tuple[Command, Launch, int]]:
    """Give the launchers of a node's ranks that something starts on several nodes, and how many these are."""
    if context.script.is_template:
        return
    for command, chain in context.jobs.launches:
        launch, nodes = node_launch(chain), step_nodes(context, chain)
        if launch is not None and chain[0].kind in ("srun", "mpirun") and nodes is not None and nodes > 1:
            yield command, launch, nodes


def _sets(context: Context, *names: str) -> bool:
    script = context.script
    return any(item.name in names for item in script.assignments) or bool(script.exported & set(names))


_WRONG = {
    "local": ("error", "each node then waits for itself"),
    "itself": ("error", "each node expands it to its own name, and waits for itself"),
    "submit": ("error", "the host that runs sbatch is not one of the job's nodes"),
    "fixed": ("warning", "the next job gets other nodes"),
}
_FIRST_NODE = "$(scontrol show hostnames $SLURM_JOB_NODELIST | head -n1)"


@rule("rendezvous-address")
def rendezvous_address(context: Context) -> Iterator[Problem]:
    """Refuse an address of the rendezvous that other nodes cannot know."""
    if context.script.is_template:
        return
    by_launcher = False
    for command, chain in context.jobs.launches:
        launch = node_launch(chain)
        if launch is None:
            continue
        by_launcher = True
        nodes = _all_nodes(context, chain, launch)
        if nodes is None or nodes < 2 or command.scope.branch:
            continue
        option = launch.option("rdzv_endpoint", "main_process_ip", "master_addr")
        if option is not None:
            yield from _wrong(context, address(context, option.value, bool(command.scope.outer)), nodes)
        elif launch.option("standalone") is not None:
            span = next(item.span for item in launch.options if item.name == "standalone")
            yield Problem(span, f"--standalone: each of {nodes} nodes trains on its own", "--rdzv-endpoint")
        elif (
            launch.kind == "torchrun" and launch.option("nnodes") and not launch.gaps and not _sets_rendezvous(context)
        ):
            message = f"torchrun on {nodes} nodes without --rdzv-endpoint or --master-addr: each node waits for itself"
            yield Problem(launch.word.span, message, f"--rdzv-backend=c10d --rdzv-endpoint={_FIRST_NODE}:29500")
    if not by_launcher:
        yield from _from_environment(context)
    yield from _in_variable(context, "NEURON_RT_ROOT_COMM_ID")


def _sets_rendezvous(context: Context) -> bool:
    return _sets(context, "PET_RDZV_ENDPOINT", "PET_MASTER_ADDR")


_ADDRESSES = ("--master_addr", "--master-addr", "--dist_url", "--dist-url", "--init_method", "--init-method")


def _given_to_programs(program: tuple[Word, ...]) -> Iterator[Word]:
    """Give the values of a program's options that name the rendezvous, as many training scripts have them."""
    for place, word in enumerate(program):
        name, equals, _ = word.text.partition("=")
        if name in _ADDRESSES and (equals or place + 1 < len(program)):
            value = after(word, f"{name}=") if equals else program[place + 1]
            yield after(value, "tcp://") if value.text.startswith("tcp://") else value


def _from_environment(context: Context) -> Iterator[Problem]:
    """Judge MASTER_ADDR and programs' own options, where programs take it from the environment."""
    for command, chain in context.jobs.launches:
        nodes = step_nodes(context, chain) if chain[0].kind in ("srun", "mpirun") else None
        for word in _given_to_programs(chain[-1].program) if nodes is not None and nodes > 1 else ():
            yield from _wrong(context, address(context, word, bool(command.scope.outer)), nodes or 0)
    yield from _in_variable(context, "MASTER_ADDR")


def _in_variable(context: Context, name: str) -> Iterator[Problem]:
    """Judge a variable that holds the address of the rendezvous, where it is set once."""
    found = [item for item in context.script.assignments if item.name == name]
    spread = [
        step_nodes(context, chain) or 0 for _, chain in context.jobs.launches if chain[0].kind in ("srun", "mpirun")
    ]
    nodes = max(spread, default=0)
    if len(found) != 1 or nodes < 2 or found[0].scope.branch or found[0].word is None:
        return
    word = found[0].word
    if not any(ref.guarded for ref in word.refs):
        told = address(context, word, bool(found[0].scope.outer))
        for problem in _wrong(context, (told[0], Word(found[0].span, word.pieces)) if told else None, nodes):
            yield problem._replace(fix=problem.fix.replace("MASTER_ADDR=", f"{name}="))


def _all_nodes(context: Context, chain: tuple[Launch, ...], launch: Launch) -> int | None:
    """Return how many nodes meet at a rendezvous: those of the step, or those that the launcher waits for."""
    asked = launch.option("nnodes", "num_machines", "num_nodes")
    waits = count(context, asked.value) if asked is not None and asked.value is not None else None
    if isinstance(waits, int):
        return waits
    if waits == JOB or chain[0].kind in ("srun", "mpirun"):
        return step_nodes(context, chain)
    return None


def _wrong(context: Context, told: tuple[str, Word] | None, nodes: int) -> Iterator[Problem]:
    if told is None or (told[0] == "fixed" and _fixed_nodes(context)):
        return
    kind, word = told
    severity, why = _WRONG[kind]
    shown = context.script.source.at(word.span)
    message = f"{shown} as the rendezvous of {nodes} nodes: {why}"
    yield Problem(word.span, message, f"MASTER_ADDR={_FIRST_NODE}", severity=severity)


def _fixed_nodes(context: Context) -> bool:
    """Return whether the job names its nodes, or is no job of Slurm."""
    return context.directive("nodelist") is not None or context.script.kind != "sbatch"


@rule("hostfile-of-others")
def hostfile_of_others(context: Context) -> Iterator[Problem]:
    """Point out a hostfile at a fixed path that nothing in the script writes, and fixed hosts."""
    script = context.script
    if script.kind != "sbatch" or script.is_template or context.directive("nodelist") is not None:
        return
    for command, chain in context.jobs.launches:
        for launch in chain:
            files = ("hostfile", "machinefile", "machine", "f") if launch.kind == "mpirun" else ("hostfile",)
            if launch.kind not in ("mpirun", "deepspeed"):
                continue
            option = launch.option(*files)
            value = option.value if option is not None else None
            name = value.literal if value is not None else None
            if option is None or value is None or not name or any(ref.guarded for ref in value.refs):
                continue
            if not _is_written(context, name, command):
                message = f"{name} lists fixed nodes, and the script does not write it: the job may have other nodes"
                yield Problem(
                    option.span,
                    message,
                    "remove it (the launcher uses the job's nodes), or write the file in this script",
                )


def _is_written(context: Context, name: str, command: Command) -> bool:
    """Return whether a file's name stands somewhere else in the code too."""
    last = name.rpartition("/")[2].encode()
    data = context.script.source.data
    places = [match.start() for match in re.finditer(re.escape(last), data)]
    comments = context.script.comments
    inside = [place for place in places if not any(part.start <= place < part.end for part in comments)]
    starts = [other.span for other, chain in context.jobs.launches]
    return any(not any(span.start <= place < span.end for span in starts) for place in inside)
