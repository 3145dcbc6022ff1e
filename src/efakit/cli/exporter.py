"""``efakit exporter``."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from efakit.cli.command import Command
from efakit.errors import UsageError
from efakit.finding import Place

_LISTEN = re.compile(r"(?:(?P<bracketed>\[[^\]]+\])|(?P<host>[^:\[\]]*))(?::(?P<port>\d{1,5}))?")
_DEFAULT_PORT = 9764
_SECONDS = 5.0


@click.command(short_help="Serve Prometheus metrics of this node's EFA devices and jobs.", cls=Command)
@click.option(
    "--listen",
    default="127.0.0.1:9764",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where Prometheus asks. Any address that other machines reach needs --cert, --key and --client-ca.",
)
@click.option("--cert", type=click.Path(path_type=Path), metavar="FILE", help="Certificate of this server (PEM).")
@click.option("--key", type=click.Path(path_type=Path), metavar="FILE", help="Its private key (PEM).")
@click.option(
    "--client-ca",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Authority that signs the clients' certificates (PEM); others are refused.",
)
@click.option(
    "--textfile",
    type=click.Path(path_type=Path),
    metavar="FILE.prom",
    help="Write the metrics once, for node_exporter's textfile collector, and end.",
)
@click.option("--no-device-detail", is_flag=True, help="Sums over all devices instead of a series for each device.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The hook's settings (hook.json): expected devices, interfaces, spool. Default: the settings' own defaults.",
)
@click.option(
    "--assets",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write rules and alerts for Prometheus, a Grafana dashboard and a systemd unit into FOLDER, and end.",
)
@click.option("--node", metavar="NAME", help="The node's name in Slurm. Default: its host name, up to the first dot.")
def exporter(
    listen: str,
    cert: Path | None,
    key: Path | None,
    client_ca: Path | None,
    textfile: Path | None,
    no_device_detail: bool,
    config: Path | None,
    assets: Path | None,
    node: str | None,
) -> None:
    """Serve Prometheus metrics of this node: every counter of every EFA device, TCP bytes, and the jobs that run.

    Counters have sysfs' names with the prefix efa_: efa_tx_bytes_total, efa_retrans_pkts_total, ... Jobs are in
    efa_job_info and never labels of counters. What cannot be read has no series; a device that hangs costs its own
    series only. As root it also shows the jobs, whose baselines are in the hook's spool.

    Needs the extra 'exporter' (prometheus-client). docs/metrics.md lists the metrics, and how Prometheus finds them.
    """
    if assets is not None:
        from efakit.exporter.assets import ASSETS, write_assets

        for path in write_assets(assets):
            click.echo(f"wrote {path}: {ASSETS[path.name]}")
        return
    try:
        from efakit.exporter.metrics import NodeCollector
        from efakit.exporter.serve import Certificates, server_for, write_textfile
    except ModuleNotFoundError as error:
        if error.name != "prometheus_client":
            raise
        raise UsageError("needs prometheus-client: pip install 'efakit[exporter]'") from error
    from efakit.catalog import instances
    from efakit.exporter.reading import Reader
    from efakit.hook.settings import load_settings

    if config is None:
        from efakit.hook.settings import Settings

        settings = Settings()
        problems: list[str] = []
    else:
        settings, problems = load_settings(str(config))
    if problems:
        # A misread setting would leave series out, and nobody would see that they are missing.
        raise UsageError("; ".join(problems), Place(str(config)))
    given = [item for item in (cert, key, client_ca) if item is not None]
    if given and len(given) < 3:
        raise UsageError("--cert, --key and --client-ca go together", Place("--cert"))
    address, port = _address(listen)
    name = node or os.uname().nodename.partition(".")[0]
    reader = Reader(settings, name, _SECONDS, instances.efa_table())
    collector = NodeCollector(reader.read, _line_rate, device_detail=not no_device_detail)
    if textfile is not None:
        write_textfile(collector, textfile)
        return
    certificates = Certificates(cert, key, client_ca) if cert and key and client_ca else None
    with server_for(collector, address, port, certificates) as server:
        shown = f"[{address}]" if ":" in address else address
        scheme = "https" if certificates else "http"
        click.echo(f"serving metrics of {name} at {scheme}://{shown}:{server.server_port}/metrics", err=True)
        server.serve_forever()


def _address(listen: str) -> tuple[str, int]:
    found = _LISTEN.fullmatch(listen)
    if found is None or int(found["port"] or _DEFAULT_PORT) > 65535:
        raise UsageError(f"{listen!r} is no ADDRESS:PORT, such as 127.0.0.1:9764 or [::1]:9764", Place("--listen"))
    host = (found["bracketed"] or "").strip("[]") or found["host"] or "127.0.0.1"
    return host, int(found["port"] or _DEFAULT_PORT)


def _line_rate(instance_type: str) -> float | None:
    from efakit.catalog import instances

    if not instances.known(instance_type):
        return None
    gigabits = instances.get(instance_type).bandwidth_gbps
    return None if gigabits is None else gigabits * 1e9 / 8
