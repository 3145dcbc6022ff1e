"""``efakit hooks``."""

from __future__ import annotations

from pathlib import Path

import click
import yaml

from efakit.cli.hooks_install import flush, install, uninstall
from efakit.cli.hooks_status import status
from efakit.errors import UsageError
from efakit.plan.hooks import INSTALLER


@click.group(short_help="Install the hooks on a cluster, look at them, publish their installer.")
def hooks() -> None:
    """Bring the hooks to a cluster, and see whether they can work there.

    publish is for the laptop: ParallelCluster's head node then installs them by itself. The others are for the cluster.
    """


hooks.add_command(install)
hooks.add_command(status)
hooks.add_command(uninstall)
hooks.add_command(flush)


@hooks.command()
@click.argument("bundle", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--to", "address", metavar="S3-ADDRESS", help="Another address than the one in the bundle's cluster.yaml."
)
@click.option("--dry-run", is_flag=True, help="Say what would be uploaded, and change nothing.")
def publish(bundle: Path, address: str | None, dry_run: bool) -> None:
    """Upload the installer of BUNDLE to the address that its cluster.yaml fetches it from.

    Needs the extra 'aws' and AWS credentials that may write there.
    """
    installer = bundle / "hooks" / INSTALLER
    try:
        content = installer.read_bytes()
    except OSError as error:
        raise UsageError(f"{installer}: {error.strerror}; 'efakit render SPEC --out {bundle}' writes it") from error
    target = _address_in(bundle / "cluster.yaml") if address is None else address
    bucket, _, key = target.removeprefix("s3://").partition("/")
    if not target.startswith("s3://") or not bucket or not key or not target.isprintable():
        raise UsageError(f"{target!r}: not an address such as s3://my-bucket/efakit/{INSTALLER}")
    if dry_run:
        click.echo(f"would upload {installer} ({len(content)} bytes) to {target}")
        return
    from efakit.vendor.s3 import upload

    upload(bucket, key, content)
    click.echo(f"uploaded {installer} ({len(content)} bytes) to {target}")


def _address_in(config: Path) -> str:
    try:
        head = yaml.safe_load(config.read_text(encoding="utf-8"))["HeadNode"]
        script = head["CustomActions"]["OnNodeConfigured"]["Script"]
    except OSError as error:
        raise UsageError(f"{config}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise UsageError(
            f"{config}: no address to publish to; set hooks.bucket in the spec and render again, or give --to"
        ) from error
    return str(script)
