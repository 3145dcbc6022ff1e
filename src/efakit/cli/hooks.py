"""``efakit hooks``."""

from __future__ import annotations

from pathlib import Path

import click

from efakit.cli.bundle import MANIFEST, read_manifest
from efakit.cli.command import Group
from efakit.cli.hooks_install import flush, install, uninstall
from efakit.cli.hooks_status import status
from efakit.errors import UsageError
from efakit.plan.slurm.site import EXPORTER_SCRIPT, INSTALLER, PYXIS_SCRIPT, Publication


@click.group(cls=Group, short_help="Install the hooks on a cluster, check them, publish their installer.")
def hooks() -> None:
    """Install the hooks on a cluster, and check whether they can work there.

    Run publish on the laptop: ParallelCluster's head node then installs the hooks. Run the other commands on the
    cluster.
    """


hooks.add_command(install)
hooks.add_command(status)
hooks.add_command(uninstall)
hooks.add_command(flush)


@hooks.command()
@click.argument("bundle", type=click.Path(path_type=Path, file_okay=False))
@click.option("--to", "address", metavar="S3-ADDRESS", help="Another address than the bundle's own.")
@click.option("--dry-run", is_flag=True, help="Show what would be uploaded, change nothing.")
def publish(bundle: Path, address: str | None, dry_run: bool) -> None:
    """Upload the installer of BUNDLE to the address that the cluster fetches it from.

    The script that enables Pyxis and the installer of the exporter are uploaded too, if the bundle has them. The
    address comes from the spec (hooks.bucket). This needs the extra 'aws', and AWS credentials with write access.
    """
    contents = {INSTALLER: _read(bundle, INSTALLER)}
    for name in (PYXIS_SCRIPT, EXPORTER_SCRIPT):
        if (bundle / "hooks" / name).exists():
            contents[name] = _read(bundle, name)
    target = _address_of(bundle) if address is None else address
    bucket, _, key = target.removeprefix("s3://").partition("/")
    if not target.startswith("s3://") or not bucket or not key or not target.isprintable():
        raise UsageError(f"{target!r}: not an address such as s3://my-bucket/efakit/{INSTALLER}")
    publication = Publication(bucket, key)
    for name, content in contents.items():
        place = publication if name == INSTALLER else publication.beside(name)
        what = f"{bundle / 'hooks' / name} ({len(content)} bytes) to {place.address}"
        if dry_run:
            click.echo(f"would upload {what}")
            continue
        from efakit.vendor.s3 import upload

        upload(place.bucket, place.key, content)
        click.echo(f"uploaded {what}")


def _read(bundle: Path, name: str) -> bytes:
    path = bundle / "hooks" / name
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; 'efakit render SPEC --out {bundle}' writes it") from error


def _address_of(bundle: Path) -> str:
    address = read_manifest(bundle).installer
    if address is None:
        raise UsageError(
            f"{bundle / MANIFEST}: has no address for the installer; set hooks.bucket in the spec and render again, "
            "or give --to"
        )
    return address
