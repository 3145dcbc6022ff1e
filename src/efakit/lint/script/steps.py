"""Where a launch runs: on how many nodes, in which shell its words are filled in, which address a word holds."""

from __future__ import annotations

import re

from efakit.lint.script.launchers import NODE_LAUNCHERS, Launch
from efakit.lint.script.model import Assignment, Ref, Word
from efakit.lint.script.rule import Context

JOB = "job"
"""Stands for the job's number of nodes, whatever it is."""
_NODES = ("SLURM_NNODES", "SLURM_JOB_NUM_NODES")
_DEEPEST = 5
_HOSTNAME = re.compile(r"(?:\$\(|`)\s*(?:/bin/|/usr/bin/)?hostname(?:\s+-[-\w]+)*\s*(?:\|[^|()`]*)*(?:\)|`)\Z")
_OWN_NODE = ("HOSTNAME", "SLURMD_NODENAME", "HOST")
_LOCAL = re.compile(r"(localhost|127(\.\d+){3}|0\.0\.0\.0|\[?::1\]?)(:\d*|:)?\Z|localhost:")
_FIXED = re.compile(r"(\d+(\.\d+){3}|ip-\d+(-\d+){3}.*|[\w-]+(\.[\w-]+)*\.internal|[a-z][\w-]*\d[\w.-]*)(:.*)?\Z")


def job_nodes(context: Context) -> int | None:
    """Return on how many nodes a job runs, None where its #SBATCH lines do not say that."""
    if any(item.component for item in context.script.directives):
        return None
    nodes = context.number("nodes")
    tasks, per_node = context.number("ntasks"), context.number("ntasks-per-node")
    if nodes is None and context.directive("nodes") is None and tasks and per_node:
        return -(-tasks // per_node)
    if nodes is None and (least := re.fullmatch(r"(\d+)-(\d+)", context.directive("nodes") or "")):
        return int(least[1]) if least[1] == least[2] else None
    return nodes


def step_nodes(context: Context, chain: tuple[Launch, ...]) -> int | None:
    """Return on how many nodes the launchers of ``chain`` start what they run, None where that is not known."""
    nodes = job_nodes(context)
    for launch in chain:
        if launch.kind == "srun":
            nodes = _srun_nodes(context, launch, nodes)
        elif launch.kind == "mpirun":
            nodes = _mpirun_nodes(context, launch, nodes)
        elif launch.kind == "remote":
            return None
    return nodes


def _srun_nodes(context: Context, launch: Launch, nodes: int | None) -> int | None:
    if launch.gaps or launch.option("nodelist", "exclude", "relative", "het-group", "pack-group", "jobid"):
        named = launch.option("jobid")
        if named is None or launch.gaps:
            return None
    asked, tasks = launch.option("nodes"), launch.option("ntasks")
    if asked is not None:
        found = count(context, asked.value)
        return nodes if found == JOB else found if isinstance(found, int) else None
    if tasks is not None:
        found = count(context, tasks.value)
        if found == 1:
            return 1
        return nodes if found in (JOB, nodes) or _is_tasks(tasks.value) else None
    return nodes


def _is_tasks(word: Word | None) -> bool:
    return word is not None and [ref.name for ref in word.refs] in (["SLURM_NTASKS"], ["SLURM_NPROCS"])


def _mpirun_nodes(context: Context, launch: Launch, nodes: int | None) -> int | None:
    each = launch.option("N", "npernode", "ppn", "perhost", "map_by", "map-by")
    return nodes if each is not None and launch.option("host", "H", "hostfile", "machinefile") is None else None


def count(context: Context, word: Word | None, depth: int = 0) -> int | str | None:
    """Return the number that a word holds, ``JOB`` for the job's nodes, None where it is not known."""
    if word is None or depth > _DEEPEST:
        return None
    if len(word.pieces) == 1 and isinstance(word.pieces[0], Ref):
        ref = word.pieces[0]
        name = ref.name or _only_name(ref)
        if name in _NODES:
            return JOB
        if ref.guarded and ref.default is None:
            return None
        found = context.script.last_set(name)
        if found is not None and found.word is not None and not ref.guarded:
            return count(context, found.word, depth + 1)
        return None
    text = context.script.known_value(word)
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 7 else None


def _only_name(ref: Ref) -> str:
    """Return the variable of $((NAME)), "" of anything else."""
    match = re.fullmatch(r"\$\(\(\s*\$?\{?(\w+)\}?\s*\)\)", ref.whole)
    return match[1] if match else ""


def node_launch(chain: tuple[Launch, ...]) -> Launch | None:
    """Return the launcher that starts the ranks of a node, None where there is none."""
    return chain[-1] if chain and chain[-1].kind in NODE_LAUNCHERS else None


def address(context: Context, word: Word | None, inner: bool, depth: int = 0) -> tuple[str, Word] | None:
    """Return what is wrong with the address of a rendezvous, and the word that says so; None: nothing, as far as known.

    ``local``: each node's own; ``itself``: the node that fills it in, where each node does; ``submit``: the host of
    sbatch; ``fixed``: a certain host. ``inner``: whether a shell on each node fills the word in.
    """
    if word is None or depth > _DEEPEST or not word.pieces:
        return None
    first = word.pieces[0]
    if isinstance(first, str):
        text = first if len(word.pieces) == 1 else first + "0"
        if _LOCAL.match(text):
            return "local", word
        return ("fixed", word) if _FIXED.match(text) and (len(word.pieces) == 1 or ":" in first) else None
    if len(word.pieces) > 1 and not (isinstance(word.pieces[1], str) and word.pieces[1].startswith(":")):
        return None
    if first.name == "SLURM_SUBMIT_HOST":
        return "submit", word
    own = first.name in _OWN_NODE or _HOSTNAME.match(first.whole)
    if own:
        return ("itself", word) if inner else None
    if not first.name or first.guarded or first.array:
        return None
    found = [item for item in context.script.assignments if item.name == first.name]
    one = found[0] if len(found) == 1 and first.name not in context.script.defined else None
    return _of_assignment(context, one, depth) if one is not None else None


def _of_assignment(context: Context, item: Assignment, depth: int) -> tuple[str, Word] | None:
    if item.word is None or item.scope.branch:
        return None
    told = address(context, item.word, bool(item.scope.outer), depth + 1)
    return told if told is None else (told[0], Word(item.span, told[1].pieces))
