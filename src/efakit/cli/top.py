"""``efakit top``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from efakit.cli.command import Command
from efakit.errors import UsageError
from efakit.finding import Place

if TYPE_CHECKING:
    from efakit.top.sample import NodeRates, Sample

_PORT = 9764
_MOST_NODES = 4096
_SPARE_FILES = 64


@click.command(
    short_help="Show the live EFA traffic of a job's nodes and devices.",
    cls=Command,
    exit_1="With --once: nothing is known of any node.",
)
@click.argument("job", required=False, metavar="[JOBID]")
@click.option("--nodes", metavar="LIST", help="These nodes instead of a job's, in Slurm's form: gpu-st-p5-[1-4].")
@click.option(
    "--exporter",
    "exporters",
    multiple=True,
    metavar="ADDRESS[:PORT]",
    help="The exporter at this address; may be repeated.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=_PORT, show_default=True, help="Port of the exporters.")
@click.option("--cert", type=click.Path(path_type=Path), metavar="FILE", help="Your certificate, for exporters by TLS.")
@click.option("--key", type=click.Path(path_type=Path), metavar="FILE", help="Its private key (PEM).")
@click.option(
    "--ca", type=click.Path(path_type=Path), metavar="FILE", help="Authority that signs the exporters' certificates."
)
@click.option("--server-name", metavar="NAME", help="Name in the exporters' certificates.  [default: the node's]")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings of the hook (hook.json), for this node's own counters.",
)
@click.option("--interval", type=click.FloatRange(0.2, 3600), default=2.0, show_default=True, help="Seconds.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.2, 600),
    default=5.0,
    show_default=True,
    help="Seconds after which a node that does not answer counts as unknown.",
)
@click.option("--once", is_flag=True, help="Look twice, --interval apart, print plain text, and end.")
@click.option("--devices", is_flag=True, help="With --once: each node's devices too.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: with --once.",
)
def top(
    job: str | None,
    nodes: str | None,
    exporters: tuple[str, ...],
    port: int,
    cert: Path | None,
    key: Path | None,
    ca: Path | None,
    server_name: str | None,
    config: Path | None,
    interval: float,
    timeout: float,
    once: bool,
    devices: bool,
    form: str,
) -> None:
    """Show what the nodes of a job send and receive over EFA now, against their line rate.

    JOBID's nodes are asked of Slurm, and their traffic of the exporter on each node (docs/metrics.md). Without JOBID,
    --nodes and --exporter it is this node's own, from sysfs. SENT and RECEIVED are EFA's, TCP is the larger of both
    ways, LINE the larger of EFA's two against the line rate, AGAIN the packets that were sent again.

    What could not be read is shown as ?, and > where some devices were not read. The node with the least traffic comes
    first. q, Ctrl-C and SIGTERM quit, Ctrl-Z suspends.
    """
    if form == "json" and not once:
        raise UsageError("--format json needs --once", Place("--format"))
    if sum(item is not None for item in (job, nodes, exporters or None)) > 1:
        raise UsageError("give a JOBID, --nodes or --exporter: one of them")
    if not once and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("this is no terminal: add --once")
    from efakit.top.watch import Watch, Watched

    if job is None and nodes is None and not exporters:
        if cert or key or ca or server_name:
            raise UsageError("--cert, --key, --ca and --server-name are for exporters: name a JOBID or --nodes")
        name, look = _here(config, timeout)
        title, watched = f"this node, {name}", [Watched(name, look)]
    else:
        title, addresses = _addresses(job, nodes, exporters, port)
        asking = _asking(addresses, timeout, (cert, key, ca), server_name)
        try:
            watched = [Watched(name, look) for name, look in asking]
        except RuntimeError as error:  # Python's word for a thread that could not be made
            raise UsageError(f"too many nodes for this user's limits ({error}): name fewer by --nodes") from error
    watch = Watch(watched, timeout)
    if not once:
        from efakit.top.screen import Screen

        code = Screen(watch, title, interval).run()
        sys.stdout.flush()
        # Not to wait for a node that does not answer.
        os._exit(code)
    found, seconds = _look_twice(watch, interval, timeout)
    _print(found, seconds, title, devices or len(found) == 1, form)
    sys.stdout.flush()
    if all(node.tx is None and node.rx is None for node in found):
        raise click.exceptions.Exit(1)


def _here(config: Path | None, seconds: float) -> tuple[str, Callable[[], Sample]]:
    from efakit.catalog import instances
    from efakit.exporter.reading import Reader
    from efakit.hook.settings import Settings, load_settings
    from efakit.top.here import Here

    settings, problems = (Settings(), []) if config is None else load_settings(str(config))
    if problems:
        text = "; ".join(problems)
        raise UsageError(text) if str(config) in text else UsageError(text, Place(str(config)))
    name = os.uname().nodename.partition(".")[0]
    return name, Here(Reader(settings, name, seconds, instances.efa_table()), instances.bytes_per_second)


def _addresses(
    job: str | None, nodes: str | None, exporters: tuple[str, ...], port: int
) -> tuple[str, list[tuple[str, str, int]]]:
    """Return what is watched in words, and name, host and port of each exporter."""
    if exporters:
        return f"{len(exporters)} exporters", [_exporter(text, port) for text in exporters]
    from efakit.jobs.node_list import expand

    title = "nodes"
    if job is not None:
        from efakit.slurm.lookup import find_job

        answer = find_job(job)
        if answer.job is None:
            raise UsageError(f"{answer.reason}; --nodes LIST names its nodes without Slurm")
        nodes = answer.job.node_list
        if not nodes:
            raise UsageError(f"job {job} has no nodes: {answer.job.state}")
        title = f"job {job}, {nodes}"
    names = expand(nodes or "")
    if len(names) > _MOST_NODES:
        raise UsageError(f"{len(names)} nodes are too many: at most {_MOST_NODES}; name some by --nodes")
    return title, [(name, name, port) for name in names]


def _exporter(text: str, port: int) -> tuple[str, str, int]:
    from efakit.top.exporters import host_and_port

    host, given = host_and_port(text)
    return text, host, given or port


def _asking(
    addresses: list[tuple[str, str, int]],
    seconds: float,
    files: tuple[Path | None, Path | None, Path | None],
    server_name: str | None,
) -> list[tuple[str, Callable[[], Sample]]]:
    from efakit.exporter.kept import allow_many_files, most_files
    from efakit.top.exporters import Certificates, Exporter, context_of

    allow_many_files()  # a connection a node, and the usual limit is 1,024
    most = most_files() - _SPARE_FILES
    if len(addresses) > most:
        raise UsageError(
            f"{len(addresses)} nodes need as many connections, and this user may have {max(most, 0)}: raise the limit "
            "(ulimit -n), or name fewer by --nodes"
        )
    cert, key, ca = files
    context = None
    if cert and key and ca:
        context = context_of(Certificates(cert, key, ca))
    elif any(files) or server_name:
        raise UsageError("--cert, --key and --ca go together", Place("--cert"))
    return [(name, Exporter(host, port, seconds, context, server_name)) for name, host, port in addresses]


def _look_twice(watch: Any, interval: float, timeout: float) -> tuple[list[NodeRates], float]:
    began = time.monotonic()
    watch.ask()
    watch.wait(timeout)
    time.sleep(max(0.0, began + interval - time.monotonic()))
    watch.ask()
    watch.wait(timeout)
    return watch.rates(), interval


def _print(found: list[NodeRates], seconds: float, title: str, devices: bool, form: str) -> None:
    if form == "json":
        click.echo(json.dumps({"interval_seconds": seconds, "nodes": [node.as_data() for node in found]}, indent=2))
        return
    from efakit.cli.console import OutputConsole
    from efakit.printable import printable
    from efakit.top.table import of_devices, of_nodes

    console = OutputConsole(file=sys.stdout, width=80, color_system=None, force_terminal=False, highlight=False)
    console.print(printable(f"efakit top: {title}"), markup=False, no_wrap=True, overflow="ellipsis")
    console.print(of_nodes(found))
    for node in found if devices else ():
        if node.error is None:
            console.print()
            console.print(printable(node.node), markup=False)
            console.print(of_devices(node))
