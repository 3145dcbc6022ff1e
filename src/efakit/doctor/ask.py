"""Asks other nodes through ``srun``: one small job a node, so that a node that is down costs its own answer alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from efakit.doctor.document import Document, parse_document
from efakit.errors import UsageError
from efakit.printable import printable
from efakit.slurm.commands import find_command
from efakit.slurm.job import SourceError
from efakit.slurm.process import run

_AT_ONCE = 32
_START_SECONDS = 30
_ANSWER_SECONDS = 40


def ask_nodes(
    nodes: Sequence[str], home: str, *, options: Sequence[str] = (), start_seconds: int = _START_SECONDS
) -> tuple[list[Document], list[tuple[str, str]]]:
    """Return the documents of the nodes that answered, and of the others why they did not.

    ``home`` is the folder of the hooks on the nodes; ``options`` go to srun. Raises SourceError where there is no srun.
    """
    srun = find_command("srun")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SRUN_"))}
    if "SLURM_CONF" in os.environ:
        environment["SLURM_CONF"] = os.environ["SLURM_CONF"]

    def ask(node: str) -> Document | tuple[str, str]:
        argv = [srun, *_options(node, start_seconds), *options, "/bin/sh", f"{home}/run-hook", "collect"]
        try:
            done = run(argv, start_seconds + _ANSWER_SECONDS, environment)
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
