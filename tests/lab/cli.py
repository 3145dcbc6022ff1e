"""The lab's command line: `python -m tests.lab.cluster start|stop|status|run|exec|logs`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .cluster import LabCluster, LabError
from .labspec import HEAD_NAME, default_node_names

DEFAULT_WORK_DIR = Path("/tmp/efakit-lab")


def _say(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")


def _start(options: argparse.Namespace) -> int:
    names = default_node_names(options.nodes, options.partition)
    cluster = LabCluster(
        options.work_dir,
        names,
        partition=options.partition,
        gpus_per_node=options.gpus_per_node,
        cpus=options.cpus,
        sockets=options.sockets,
        exclusive=not options.shared,
        root=options.root,
    )
    cluster.start(detached=True)
    _say(f"{len(names)} nodes are idle; SLURM_CONF={cluster.slurm_conf}")
    _say("next: python -m tests.lab.cluster run -- sinfo")
    return 0


def _stop(options: argparse.Namespace) -> int:
    LabCluster(options.work_dir).stop()
    return 0


def _status(options: argparse.Namespace) -> int:
    for node, state in LabCluster.attach(options.work_dir).node_states().items():
        _say(f"{node} {state}")
    return 0


def _run(options: argparse.Namespace) -> int:
    """Replace this process, so that terminal, signals and exit status are the command's own."""
    cluster = LabCluster.attach(options.work_dir)
    argv = cluster.entering_argv(options.command, node=options.node, cwd=Path.cwd())
    os.execvpe(argv[0], argv, cluster.client_environment())  # noqa: S606 - argv list, no shell involved


def _logs(options: argparse.Namespace) -> int:
    _say(LabCluster.attach(options.work_dir).logs())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--work-dir", type=Path, default=DEFAULT_WORK_DIR, help="default: %(default)s")

    start = commands.add_parser("start", parents=[common], help="start a cluster that stays")
    start.add_argument("--nodes", type=int, default=4)
    start.add_argument("--partition", default="gpu")
    start.add_argument("--gpus-per-node", type=int, default=8)
    start.add_argument("--cpus", type=int, default=96)
    start.add_argument("--sockets", type=int, default=2)
    start.add_argument("--shared", action="store_true", help="jobs may share a node")
    start.add_argument("--root", type=Path, help="stand-in device tree, private to each host")
    start.set_defaults(action=_start)

    for name, action, text in (
        ("stop", _stop, "end it, also what a killed run left"),
        ("status", _status, "each node's state"),
        ("logs", _logs, "the ends of the daemons' logs"),
    ):
        commands.add_parser(name, parents=[common], help=text).set_defaults(action=action)

    run = commands.add_parser("run", parents=[common], help="run a command on the head node")
    run.set_defaults(action=_run, node=HEAD_NAME)
    execute = commands.add_parser("exec", parents=[common], help="run a command on a compute node")
    execute.add_argument("node")
    execute.set_defaults(action=_run)
    for command in (run, execute):
        command.add_argument("command", nargs="+", help="after --")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.action(options))
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return 1
