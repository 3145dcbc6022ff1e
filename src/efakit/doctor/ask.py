"""Asks other nodes through ``srun``: one small job a node, so that a node that is down costs its own answer alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from efakit.doctor.document import Document, parse_document
from efakit.errors import UsageError
from efakit.printable import printable
from efakit.slurm.commands import find_command, run_command
from efakit.slurm.job import SourceError
from efakit.slurm.process import run

_AT_ONCE = 32
_START_SECONDS = 30
_ANSWER_SECONDS = 40
_STATES_SECONDS = 20.0
_NAMES_AT_ONCE = 500  # an argument has at most 128 KiB
# Behind a state's word, and what they mean (sinfo(1), NODE STATE CODES).
_FLAGS = "*~#!%$@^+-"
_NOT_UP = {
    "~": "it is powered down, and a job would start it",
    "#": "it is powering up",
    "!": "it is about to be powered down",
    "%": "it is powering down",
    "*": "it does not respond",
    "@": "it is about to be rebooted",
    "^": "it reboots",
}
_WORDS_NOT_UP = ("down", "drained", "draining", "fail", "failing", "error", "future", "inval", "unknown", "perfctrs")


# Where this release's hooks are not installed: their file comes on stdin, and goes again. Its Pythons are those of
# prolog/run-hook.
_FROM_STDIN = """\
PATH=/usr/bin:/bin; umask 077
file=$(mktemp /tmp/efakit-collect.XXXXXX) || exit 1
trap 'rm -f "$file"' EXIT
cat >"$file"
for python in /usr/bin/python3.9 /usr/bin/python3.[1-9][0-9] \
  /usr/local/bin/python3.9 /usr/local/bin/python3.[1-9][0-9] \
  /opt/parallelcluster/pyenv/versions/3.9*/bin/python3 /opt/parallelcluster/pyenv/versions/3.[1-9][0-9]*/bin/python3; do
  [ ! -x "$python" ] || break
  python=
done
[ -n "$python" ] || { echo "no Python 3.9 or later on this node"; exit 0; }
"$python" -I -S "$file" collect ${1:+--config "$1"}
"""


class Means(NamedTuple):
    """What runs on a node, and what it is given on stdin."""

    command: Sequence[str]
    stdin: bytes | None = None


def installed_hooks(home: str) -> Means:
    """Return how nodes with the hooks in this folder are asked."""
    return Means(("/bin/sh", f"{home}/run-hook", "collect"))


def own_file(archive: bytes, config: str = "") -> Means:
    """Return how other nodes are asked: by the hook's file, which srun brings and which does not stay.

    ``config``: the hook.json of other hooks that are installed there.
    """
    return Means(("/bin/sh", "-c", _FROM_STDIN, "sh", config), archive)


def ask_nodes(
    nodes: Sequence[str], means: Means, *, options: Sequence[str] = (), start_seconds: int = _START_SECONDS
) -> tuple[list[Document], list[tuple[str, str]]]:
    """Return the documents of the nodes that answered, and of the others why they did not.

    ``options`` go to srun. Raises SourceError where Slurm's commands are not there or do not answer.
    """
    srun = find_command("srun")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SRUN_"))}
    environment.update({name: os.environ[name] for name in ("SLURM_CONF", "SLURM_JWT") if name in os.environ})
    states = _states(nodes)

    def ask(node: str) -> Document | tuple[str, str]:
        why = why_not_asked(states.get(node))
        if why is not None:
            return node, why
        argv = [srun, *_options(node, start_seconds), *options, *means.command]
        try:
            done = run(argv, start_seconds + _ANSWER_SECONDS, environment, means.stdin)
        except SourceError as error:
            return node, str(error)
        line = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
        if line is None:
            said = done.stdout.strip().splitlines()[:1] or [done.complaint()]
            if "usage: efakit-hook.pyz" in done.stdout:
                said = ["its hooks are of an older efakit: run 'efakit hooks install' on the head node, as root"]
            return node, printable(said[0], 300)
        try:
            return parse_document(line, f"the answer of {node}")
        except UsageError as error:
            return node, str(error)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        answers = list(pool.map(ask, nodes))
    documents = [answer for answer in answers if isinstance(answer, Document)]
    return documents, [answer for answer in answers if not isinstance(answer, Document)]


def why_not_asked(state: str | None) -> str | None:
    """Return why a node in this state, as sinfo shows it, is not asked; None where it is.

    Above all a node that is powered down: a job there would start the instance.
    """
    if state is None:
        return "Slurm knows no node of this name"
    word = state.rstrip(_FLAGS)
    flags = state[len(word) :]
    reasons = [text for flag, text in _NOT_UP.items() if flag in flags]
    if word in _WORDS_NOT_UP:
        reasons.append("it starts no job")
    if word.startswith("power"):  # powered_down, powering_up
        reasons.append("it is powered down, or on its way, and a job would start it")
    return f"Slurm says {state}: {reasons[0]}" if reasons else None


def _states(nodes: Sequence[str]) -> dict[str, str]:
    """Return each node's state as sinfo shows it, such as idle~; raise SourceError where it does not answer."""
    found: dict[str, str] = {}
    for first in range(0, len(nodes), _NAMES_AT_ONCE):
        named = ",".join(nodes[first : first + _NAMES_AT_ONCE])
        options = ["--noheader", "--Node", "--all", f"--nodes={named}", "--format=%N %T"]
        done = run_command("sinfo", options, _STATES_SECONDS)
        if done.exit_code:
            raise SourceError(f"sinfo: {done.complaint()}")
        rows = (line.split() for line in done.stdout.splitlines())
        found.update({row[0]: row[1].lower() for row in rows if len(row) == 2})
    return found


def _options(node: str, start_seconds: int) -> list[str]:
    return [
        f"--nodelist={node}",
        "--nodes=1",
        "--ntasks=1",
        f"--immediate={start_seconds}",
        "--time=2",
        "--job-name=efakit-doctor",
        "--chdir=/",
        "--export=NONE",
        "--mpi=none",
        "--quiet",
    ]
