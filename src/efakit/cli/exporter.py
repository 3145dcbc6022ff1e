"""``efakit exporter``."""

from __future__ import annotations

from pathlib import Path

import click

from efakit.cli.command import Command
from efakit.errors import UsageError


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
        from efakit.exporter.start import Asked, start
    except ModuleNotFoundError as error:
        if error.name != "prometheus_client":
            raise
        raise UsageError("needs prometheus-client: pip install 'efakit[exporter]'") from error
    from efakit.catalog import instances

    asked = Asked(listen, cert, key, client_ca, textfile, not no_device_detail, config, node)
    start(asked, instances.efa_table(), instances.bytes_per_second, lambda text: click.echo(text, err=True))
