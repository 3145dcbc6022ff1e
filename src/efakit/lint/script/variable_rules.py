"""What the catalog's rows say of the variables that a script sets, and of those that it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from efakit.finding import Finding
from efakit.lint.edit import Edit
from efakit.lint.script.edits import cut, rename
from efakit.lint.script.model import GAP, Assignment
from efakit.lint.script.rule import Context, Problem, for_rows
from efakit.lint.script.text import Span
from efakit.rules.judgement import judge, missing

# Lists of folders and files: a row may speak of one item, whatever the others are.
_LISTS = ("LD_LIBRARY_PATH", "LD_PRELOAD")

# Programs that run a job in an image.
_IN_IMAGES = ("apptainer", "singularity", "docker", "nvidia-docker", "enroot", "podman", "nerdctl")

# Rules of files that an image may have and the node has not.
_ON_THE_NODE = ("nccl-net-plugin-aws-ofi",)

Mending = Callable[[Context, Assignment], tuple[Edit, ...]]


@for_rows
def variable_rows(context: Context) -> Iterator[Problem]:
    """Say what the rows have against each value that reaches the job."""
    script = context.script
    for item in script.assignments:
        gone = script.unset.get(item.name, -1) > item.span.start
        reaches = item.reaches or item.name in script.exported
        if gone or not reaches or item.appended:
            continue
        told = judge(item.name, _value(item), context.target, context.workloads)
        for found in [one for one in told if one.rule not in _ON_THE_NODE or not _in_container(context)][:1]:
            problem = _problem(item.span, found, _edits(context, item, found))
            yield problem._replace(severity="info") if _is_measured(context, item) else problem
    yield from _limits(context)


def _is_measured(context: Context, item: Assignment) -> bool:
    """Return whether something is measured on purpose: one program alone has it before it, over TCP on one node."""
    if item.kind != "env-prefix" or item.name not in ("NCCL_NET", "NCCL_P2P_DISABLE"):
        return False
    if item.name == "NCCL_P2P_DISABLE":
        return True
    return not any(command.environment and item in command.environment for command, _ in context.jobs.launches)


def _value(item: Assignment) -> str | None:
    if item.value is None and item.name in _LISTS and item.word is not None:
        return item.word.text.replace(GAP, "")
    return item.value


def _problem(span: Span, found: Finding, edits: tuple[Edit, ...] = ()) -> Problem:
    return Problem(span, found.message, found.fix, edits, found.severity, found.rule, found.source, found.about)


def _edits(context: Context, item: Assignment, found: Finding) -> tuple[Edit, ...]:
    """Return what mends it: no more than taking out what has no effect, a slip of the pen, or one certain value."""
    mending = _MENDED.get(found.rule)
    if mending is not None:
        return mending(context, item)
    return cut(context.script, item) if found.mendable else ()


def _renamed(new: str) -> Mending:
    return lambda context, item: rename_or_cut(context, item, new)


def _prefix(context: Context, item: Assignment) -> tuple[Edit, ...]:
    return rename_or_cut(context, item, "OFI_NCCL_" + item.name.removeprefix("NCCL_OFI_"))


def rename_or_cut(context: Context, item: Assignment, new: str) -> tuple[Edit, ...]:
    """Return what gives a variable that nothing reads its right name, or takes it out where that would do harm."""
    if judge(new, item.value, context.target, context.workloads):
        return cut(context.script, item)
    return rename(context.script, item, new)


def _log_level(context: Context, item: Assignment) -> tuple[Edit, ...]:
    """FI_LOG_LEVEL=1 can only mean warnings: libfabric's own levels begin with warn."""
    start, end = item.value_span
    plain = item.value is not None and context.script.source.at(item.value_span) == item.value == "1"
    return (Edit(start, end, b"warn"),) if plain else ()


_MENDED: dict[str, Mending] = {
    "nccl-buffersize": _renamed("NCCL_BUFFSIZE"),
    "nccl-min-channels": lambda context, item: (),
    "ofi-nccl-prefix": _prefix,
    "fi-log-level": _log_level,
}


def _limits(context: Context) -> Iterator[Problem]:
    """Judge ``ulimit -l``, which stands among the rows as a variable of this name."""
    for command in context.script.commands:
        words = command.words
        if command.name == "ulimit" and len(words) > 2 and words[1].literal in ("-l", "-Sl", "-Hl", "-SHl"):
            for found in judge("ulimit -l", words[2].literal, context.target, context.workloads)[:1]:
                yield _problem(Span(words[0].span.start, words[2].span.end), found)


@for_rows
def variable_missing(context: Context) -> Iterator[Problem]:
    """Name what jobs on several nodes need and the script does not set."""
    script = context.script
    first = next(iter(context.jobs.work), None)
    if first is not None and first[1][0].kind == "mpirun" and first[1][0].gaps:
        return  # what a variable among mpirun's options holds may be -x and --mca
    one_node = context.is_on_one_node
    elsewhere = script.takes_efa_from_elsewhere or script.is_template
    if first is None or one_node or elsewhere or not on_efa(context):
        return
    names = {item.name for item in script.assignments} | script.exported
    span = first[1][0].word.span
    for item in missing(names, context.target, context.workloads):
        yield Problem(
            span,
            f"{item.name}={item.value} is not set: {item.row.reason}",
            f"export {item.name}={item.value}",
            severity=item.row.severity,
            rule=item.row.id,
            source=item.row.source,
            about=(item.name,),
        )


def on_efa(context: Context) -> bool:
    """Return whether the job runs on the software that the caller named: on nodes with EFA, and in no image."""
    instance = context.surroundings.instance
    has_efa = context.surroundings.efa and (instance is None or instance.efa_capable)
    return has_efa and not _in_container(context)


def _in_container(context: Context) -> bool:
    """Return whether the job runs in an image, which has a stack and an environment of its own."""
    if any(chain[0].option("container-image", "container-name") for _, chain in context.jobs.launches):
        return True
    words = (word.text.rpartition("/")[2] for command in context.script.commands for word in command.words)
    return any(word in _IN_IMAGES for word in words)
