"""Rules for #SBATCH lines: those that sbatch does not read, and those that it reads otherwise than meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.lint.script.model import Directive
from efakit.lint.script.options import SBATCH, SLURM_OPTIONS, slurm_name
from efakit.lint.script.rule import Context, Problem, rule
from efakit.lint.script.templates import TEMPLATE_VARIABLE
from efakit.lint.script.text import Span
from efakit.nearness import did_you_mean, near

_COMMAND_LINE = re.compile(r"#(SB?A?T?C?H?|SBACTH|SBTACH|SABTCH|SBATHC|SBATCHS|sbatch|Sbatch|SBatch)[ \t]+--?[a-z]")


# What somebody is to fill in: <OPTIONS>, { partition }.
_PLACEHOLDER = re.compile(r"<[^<>]+>|\{[^{}]+\}")
_BLANK = re.compile(r"#[ \t]+SBATCH[ \t]+(--[a-z].*)")


@rule("sbatch-after-command")
def sbatch_after_command(context: Context) -> Iterator[Problem]:
    """Point out options that sbatch never reads, once a line."""
    script = context.script
    comments = {span.start for span in script.comments}
    lines: set[int] = set()
    for item in script.directives:
        is_comment = script.source.line_span(item.line).start in comments
        if item.in_force or item.line in lines or not is_comment:
            continue
        lines.add(item.line)
        yield Problem(
            item.span,
            f"sbatch ignores {_shown(item)}: it is below the first command",
            "move it to the other #SBATCH lines, above the first command",
        )


@rule("sbatch-misspelt")
def sbatch_misspelt(context: Context) -> Iterator[Problem]:
    """Point out #SBACTH, #sbatch, and #SBATCH behind blanks."""
    script = context.script
    if script.kind != "sbatch":
        return
    for span in script.comments:
        if script.first_command is not None and span.start > script.first_command:
            continue
        text = script.source.at(span)
        blank = _BLANK.match(text)
        if blank is not None and not _is_commented_out(context, blank[1]):
            yield Problem(span, "sbatch does not read this line: a space follows #", "begin the line with #SBATCH")
            continue
        indented = text.startswith("#SBATCH ") and script.source.place(span.start)[1] > 1
        misspelt = _COMMAND_LINE.match(text) is not None and not text.startswith("#SBATCH")
        if indented or (misspelt and len(text.split()[0]) > 4):
            what = "spaces precede it" if indented else f"it is written {text.split()[0]}"
            yield Problem(span, f"sbatch does not read this line: {what}", "begin the line with #SBATCH")


def _is_commented_out(context: Context, words: str) -> bool:
    """Return whether another line gives the option that a line with a blank names: then it is a comment."""
    option = words.split()[0].lstrip("-").partition("=")[0]
    return slurm_name(option, SBATCH) is None or context.directive(slurm_name(option, SBATCH) or "") is not None


@rule("sbatch-unknown-option")
def sbatch_unknown_option(context: Context) -> Iterator[Problem]:
    """Refuse options that are a slip away from one of sbatch's, and words that are no options."""
    for item in _read(context):
        if _PLACEHOLDER.search(context.script.source.line(item.line)):
            continue
        if not item.option:
            if TEMPLATE_VARIABLE not in (item.value or ""):
                yield Problem(item.span, f"sbatch refuses {item.value!r}: no option takes it", "remove it")
            continue
        if slurm_name(item.option, SBATCH) or item.option in SLURM_OPTIONS or len(item.option) < 3:
            continue
        meant = near(item.option.replace("_", "-"), SLURM_OPTIONS, cutoff=0.85)
        if meant:
            yield Problem(item.span, f"unknown option --{item.option}", did_you_mean([f"--{meant[0]}"]))


@rule("sbatch-variable")
def sbatch_variable(context: Context) -> Iterator[Problem]:
    """Point out $NAME, $(...) and ~ in options, which sbatch takes as they stand; in numbers they are an error."""
    if context.script.is_template or context.script.source.file.endswith(".template"):
        return
    for item in _read(context):
        match = re.search(r"\$\{?\w+\}?|\$\(|`|^~/", item.value or "")
        if match is None or item.option in ("wrap", "comment"):
            continue
        fails = item.option in _NUMBERS or item.option in _FILES
        fix = (
            "use %j, %x, %u and the like, or a path"
            if item.option in _FILES
            else "write the value, or pass it on sbatch's command line"
        )
        message = f"sbatch does not expand {match[0]}: the value is literally {item.value}"
        yield Problem(item.span, message, fix, severity="error" if fails else None)


_FILES = ("output", "error", "input", "chdir")
_NUMBERS = (
    "nodes",
    "ntasks",
    "ntasks-per-node",
    "cpus-per-task",
    "gpus",
    "gpus-per-node",
    "gpus-per-task",
    "mem",
    "time",
)
# Slurm adds these up, or takes each: naming them twice overrides nothing.
_ADDITIVE = ("mail-type", "verbose", "quiet")


@rule("option-overridden")
def option_overridden(context: Context) -> Iterator[Problem]:
    """Point out the same option twice with other values."""
    if context.script.is_template:
        return
    last: dict[tuple[int, str], Directive] = {}
    for item in _read(context):
        if not item.option or item.option in _ADDITIVE:
            continue
        earlier = last.get((item.component, item.option))
        if earlier is not None and earlier.value != item.value:
            message = f"{_shown(earlier)} is overridden in {context.line(item.line)}: sbatch uses {_shown(item)}"
            yield Problem(earlier.span, message, "keep one of them")
        last[(item.component, item.option)] = item


@rule("output-folder-missing")
def output_folder_missing(context: Context) -> Iterator[Problem]:
    """Point out relative folders that do not stand beside the script."""
    has_folder = context.surroundings.has_folder
    if has_folder is None or context.directive("chdir") is not None:
        return
    seen: set[str] = set()
    for item in _read(context):
        folder = (item.value or "").rpartition("/")[0]
        if item.option not in ("output", "error") or not folder or folder in seen or not _is_plain(folder):
            continue
        seen.add(folder)
        if has_folder(folder):
            continue
        made = any(
            command.name == "mkdir" and any(_same(word.text, folder) for word in command.words[1:])
            for command in context.script.commands
        )
        late = "; the script's own mkdir runs too late" if made else ""
        message = (
            f"the folder {folder} does not exist beside the script, and Slurm before 23.02 does not create it{late}"
        )
        yield Problem(item.span, message, f"mkdir -p {folder}, before sbatch")


def _is_plain(folder: str) -> bool:
    return (
        not folder.startswith(("/", "~")) and not any(sign in folder for sign in "%$`{\\") and folder not in (".", "..")
    )


def _same(one: str, other: str) -> bool:
    return one.removeprefix("./").rstrip("/") == other.removeprefix("./").rstrip("/")


@rule("tasks-mismatch")
def tasks_mismatch(context: Context) -> Iterator[Problem]:
    """Point out --ntasks, --nodes and --ntasks-per-node that do not agree."""
    tasks, nodes, per_node = context.number("ntasks"), context.number("nodes"), context.number("ntasks-per-node")
    if tasks is None or nodes is None or per_node is None or tasks == nodes * per_node or _is_het(context):
        return
    span = _place(context, "ntasks")
    message = f"--ntasks={tasks} is not --nodes={nodes} times --ntasks-per-node={per_node}, which is {nodes * per_node}"
    yield Problem(span, message, "leave --ntasks out")


@rule("cpus-of-instance")
def cpus_of_instance(context: Context) -> Iterator[Problem]:
    """Compare the CPUs that the tasks of a node ask for with the instance type, where it is known."""
    instance = context.surroundings.instance
    if instance is None or instance.vcpus is None or _is_het(context):
        return
    if context.directive("overcommit") is not None:
        return
    each = context.number("cpus-per-task") or 1
    tasks, nodes = context.number("ntasks"), context.number("nodes")
    on_a_node = context.number("ntasks-per-node") or (-(-tasks // nodes) if tasks and nodes else 1)
    if each * on_a_node > instance.vcpus:
        options = ("ntasks-per-node", "ntasks", "cpus-per-task") if on_a_node > 1 else ("cpus-per-task",)
        given = next(name for name in options if context.number(name) is not None)
        asked = f"{on_a_node} tasks a node" + (f" with {each} CPUs each" if each > 1 else "")
        message = f"{asked} ask for {each * on_a_node} CPUs, and {instance.name} has {instance.vcpus}"
        fix = f"at most {instance.vcpus} CPUs a node, or more nodes"
        yield Problem(_place(context, given), message, fix)


def _is_het(context: Context) -> bool:
    return any(item.component for item in context.script.directives)


def _place(context: Context, option: str) -> Span:
    return next(item.span for item in reversed(context.script.directives) if item.option == option and item.in_force)


def _read(context: Context) -> Iterator[Directive]:
    return (item for item in context.script.directives if item.in_force)


def _shown(item: Directive) -> str:
    if not item.option:
        return str(item.value)
    return f"--{item.option}" + (f"={item.value}" if item.value is not None else "")
