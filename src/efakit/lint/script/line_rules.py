"""Rules for lines that the shell takes apart otherwise than meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.catalog.variable_names import known
from efakit.lint.script.launchers import Launch
from efakit.lint.script.model import GAP, Command, Word
from efakit.lint.script.options import SBATCH, slurm_name
from efakit.lint.script.rule import Context, Problem, rule
from efakit.lint.script.text import Span

_BLANK_BEHIND = re.compile(rb"\\[ \t]+\r?$", re.MULTILINE)
_OPTION = re.compile(r"--?[A-Za-z][\w-]*(=.*)?\Z", re.DOTALL)
_NAME = re.compile(r"[A-Z][A-Z0-9_]{2,}\Z")


@rule("continuation-broken")
def continuation_broken(context: Context) -> Iterator[Problem]:
    """Point out commands that begin with an option, and blanks behind a backslash."""
    script = context.script
    if script.kind == "env-file" or script.is_template:
        return
    source = script.source
    lines: set[int] = set()
    for match in _BLANK_BEHIND.finditer(source.data):
        line, _ = source.place(match.start())
        if _counts(context, match.start()) and line < source.line_count and source.line(line + 1).strip():
            lines.add(line + 1)
            message = "spaces follow the backslash: the command ends here, and the next line is a separate command"
            yield Problem(Span(match.start(), match.end()), message, "delete the blanks")
    for command in script.commands:
        word = command.words[0] if command.words else None
        if word is None or word.split or not _OPTION.match(word.text.replace(GAP, "")):
            continue
        line, column = source.place(word.span.start)
        if line in lines or line == 1 or source.line(line)[: column - 1].strip():
            continue
        before = source.line(line - 1).rstrip()
        why = f"{context.line(line - 1)} has no backslash at its end"
        if before.lstrip().startswith("#"):
            why = "the comment above ends the previous command"
        message = f"{word.text.replace(GAP, '...')} is run as a command: {why}"
        yield Problem(
            word.span, message, "end the previous line with a backslash, and move comments out of the command"
        )


def _counts(context: Context, place: int) -> bool:
    """Return whether a byte stands in code: in no comment, and in no text that another program reads."""
    script = context.script
    if any(span.start <= place < span.end for span in script.comments):
        return False
    return not any(span.start <= place < span.end for span in script.quoted)


@rule("export-slip")
def export_slip(context: Context) -> Iterator[Problem]:
    """Point out export A = 1, export A 1, and A = 1."""
    script = context.script
    for command in script.commands:
        words = command.words
        if len(words) > 1 and words[1].literal == "=" and _NAME.match(words[0].literal or ""):
            text = f"{words[0].text} is run as a program: remove the spaces around ="
            yield Problem(_over(words[:3]), text, f"{words[0].text}={words[2].text if len(words) > 2 else ''}")
    sets = {item.name for item in script.assignments} | (script.defined - script.handed_on)
    for span, words in script.exports:
        slip = _slip(words, sets, script.takes_from_elsewhere)
        if slip is not None:
            yield Problem(span, *slip)


def _slip(words: tuple[Word, ...], sets: set[str], elsewhere: bool) -> tuple[str, str] | None:
    """Return what is wrong with the words of an export, and what was meant."""
    for place, word in enumerate(words):
        text = word.text
        following = words[place + 1].text if place + 1 < len(words) else ""
        if text == "=":
            name = words[place - 1].text if place else ""
            return (
                f"spaces around =: export takes {name}, = and {following} for three names",
                f"export {name}={following}",
            )
        if text.startswith("=") and place:
            name = words[place - 1].text
            return f"a space before =: {text} is not a name, and {name} gets no value", f"export {name}{text}"
        name, equals, value = text.partition("=")
        if equals and not value and following and "=" not in following and not following.startswith("-"):
            return f"a space after =: {name} is empty", f"export {name}={following}"
        bare = not elsewhere and not equals and not text.startswith(("-", "+")) and GAP not in text
        if bare and text not in sets and (_is_ours(text) or len(words) > 1) and _may_be_slip(words, place, sets):
            return f"{text} has no value, and nothing else sets one", f"export {text}=..."
    return None


def _is_ours(name: str) -> bool:
    return name in known() and not name.startswith(("LD_", "SLURM_"))


def _may_be_slip(words: tuple[Word, ...], place: int, sets: set[str]) -> bool:
    """Return whether a bare name is followed by what reads like its value, or stands among assignments."""
    following = words[place + 1].text if place + 1 < len(words) else ""
    if _is_ours(words[place].text) and following and "=" not in following and following not in sets:
        return not _NAME.match(following) or not _is_ours(following)
    others = [word for index, word in enumerate(words) if index != place]
    return bool(others) and all("=" in word.text for word in others) and words[place].text.isupper() is True


def _over(words: tuple[Word, ...]) -> Span:
    return Span(words[0].span.start, words[-1].span.end)


# Options that hardly any program has itself.
_OF_SRUN = (
    *("ntasks-per-node", "cpus-per-task", "gpus-per-task", "gpus-per-node", "gres", "cpu-bind", "container-image"),
    *("container-mounts", "container-env", "kill-on-bad-exit"),
)
_OF_TORCHRUN = ("nproc_per_node", "rdzv_backend", "rdzv_endpoint", "rdzv_id", "nnodes", "node_rank")
_OF_SBATCH = (
    *_OF_SRUN,
    "nodes",
    "ntasks",
    "partition",
    "exclusive",
    "nodelist",
    "dependency",
    "account",
    "qos",
    "time",
)


@rule("option-behind-program")
def option_behind_program(context: Context) -> Iterator[Problem]:
    """Point out options of a launcher that its program gets."""
    for _, chain in context.jobs.launches:
        launch = chain[-1]
        if launch.kind == "srun":
            yield from _behind(launch, [f"--{name}" for name in _OF_SRUN])
        elif launch.kind == "mpirun":
            yield from _mpi_behind(launch)
        elif launch.kind == "torchrun" and not launch.option(*_OF_TORCHRUN):
            names = [f"--{name}" for name in _OF_TORCHRUN[:4]]
            yield from _behind(launch, [*names, *(name.replace("_", "-") for name in names)])
    yield from _of_sbatch(context)


def _behind(launch: Launch, options: list[str], name: str = "") -> Iterator[Problem]:
    program = launch.program
    if not program or program[0].text.startswith("-") or _starts_more(program):
        return
    for word in program[1:]:
        if word.text == "--":
            return
        if word.text.partition("=")[0] in options and not word.split:
            shown = program[0].text.replace(GAP, "...")
            message = (
                f"{word.text.replace(GAP, '...')} comes after {shown} and is passed to it, not to {launch.word.text}"
            )
            yield Problem(word.span, message, f"put it between {launch.word.text} and {shown}")


def _starts_more(program: tuple[Word, ...]) -> bool:
    """Return whether the program of a launcher is one that starts others with such options itself."""
    names = ("srun", "sbatch", "bash", "sh", "env", "ray", "docker", "enroot", "singularity", "apptainer", "hydra")
    return program[0].literal is None or program[0].text.rpartition("/")[2] in names


def _mpi_behind(launch: Launch) -> Iterator[Problem]:
    program = launch.program
    if not program or program[0].literal is None or _starts_more(program):
        return
    for word, following in zip(program[1:], (*program[2:], None), strict=False):
        value = following.text if following is not None else ""
        told = (word.text == "--mca" and value.partition("_")[0] in ("pml", "btl", "mtl", "coll", "osc")) or (
            word.text == "-x" and value.startswith(("NCCL_", "FI_", "OFI_NCCL_", "LD_", "OMPI_"))
        )
        if told and not word.split:
            message = (
                f"{word.text} {value} comes after {program[0].text} and is passed to it, not to {launch.word.text}"
            )
            yield Problem(word.span, message, f"put it between {launch.word.text} and {program[0].text}")


def _of_sbatch(context: Context) -> Iterator[Problem]:
    for command in context.script.commands:
        if command.name != "sbatch":
            continue
        script = _script_of(command)
        if script is None or any(option.text.startswith("--wrap") for option in command.words):
            continue
        for word in command.words[script + 1 :]:
            name = word.text.partition("=")[0]
            if name.startswith("--") and slurm_name(name[2:], SBATCH) in _OF_SBATCH and not word.split:
                message = f"{word.text.replace(GAP, '...')} comes after the script and is passed to it, not to sbatch"
                yield Problem(word.span, message, "put it before the script")


def _script_of(command: Command) -> int | None:
    """Return the place of the script among the words of sbatch, None where it is not sure."""
    for place, word in enumerate(command.words[1:], start=1):
        before = command.words[place - 1].text
        if word.literal is not None and word.text.endswith((".sh", ".sbatch", ".slurm", ".sub", ".batch", ".job")):
            return place if not before.startswith("-") or "=" in before else None
    return None
