"""``efakit catalog update``: the user's own rows, from a live account or from a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from efakit.catalog import instances
from efakit.catalog.user_rows import userdata, userfile
from efakit.catalog.user_rows.describe import ADDRESS, types_by_name
from efakit.catalog.user_rows.renew import Renewal, renew
from efakit.cli.command import Command
from efakit.cli.files import replace_file
from efakit.errors import UsageError

Row = dict[str, Any]


@click.command(short_help="Update your own rows from EC2.", cls=Command)
@click.option("--region", "regions", multiple=True, metavar="R", help="Ask EC2 in this region; may be repeated.")
@click.option(
    "--from",
    "source_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Read FILE, the output of 'aws ec2 describe-instance-types', instead of asking EC2.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, write nothing.")
@click.option("--reset", is_flag=True, help="Remove your own rows; with --region or --from, before writing new ones.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def update(regions: tuple[str, ...], source_file: Path | None, dry_run: bool, reset: bool, form: str) -> None:
    """Read instance types from EC2 into rows of your own, which override the built-in catalog.

    EC2 describes in a region the types that it offers there. Without --region it is asked in your default region. That
    needs the extra 'aws' and credentials that may call ec2:DescribeInstanceTypes; --from needs neither.

    Rows of earlier updates stay until EC2 says something else, or until a newer efakit knows the type itself.
    """
    if regions and source_file:
        raise click.UsageError("--region and --from exclude each other")
    target = userfile.file()
    if target is None:
        raise UsageError("there is no home folder for the rows: set XDG_DATA_HOME")
    if reset and not regions and source_file is None:
        _reset(target, dry_run=dry_run, form=form)
        return
    previous = None if reset else userdata.read(target)
    answer, source = _from_file(source_file) if source_file else _from_ec2(regions)
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = renew(answer, instances.built_in(), previous, now, source)
    if not (found.same or found.new or found.changed):
        raise UsageError("the answer has no usable types: " + "; ".join(found.notes[:3]))
    if not dry_run:
        _write(target, userdata.render(found.data))
    _say(found, target, dry_run=dry_run, form=form)


def _reset(target: Path, *, dry_run: bool, form: str) -> None:
    there = target.exists()
    if there and not dry_run:
        try:
            target.unlink()
        except OSError as error:
            raise UsageError(f"{target}: cannot be removed: {error.strerror}") from error
    if form == "json":
        click.echo(json.dumps({"path": str(target), "removed": there and not dry_run}, indent=2))
        return
    removed = "would be removed" if dry_run else "removed; the built-in catalog is used"
    click.echo(f"{target}: {removed if there else 'you have no rows of your own'}")


def _from_file(file: Path) -> tuple[dict[str, Row], Row]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: not JSON as 'aws ec2 describe-instance-types' prints it: {error}") from error
    name = "".join(letter if letter.isprintable() else "?" for letter in file.name)
    return types_by_name(content, str(file)), {
        "title": f"EC2 DescribeInstanceTypes, from the file {name}",
        "address": ADDRESS,
        "version": f"read {_today()}",
    }


def _from_ec2(regions: tuple[str, ...]) -> tuple[dict[str, Row], Row]:
    from efakit.vendor import ec2

    asked = list(dict.fromkeys(regions)) or [region for region in [ec2.default_region()] if region]
    if not asked:
        raise UsageError("no region: give --region, or set AWS_REGION or a default in the AWS configuration")
    answer: dict[str, Row] = {}
    for region in asked:
        rows: list[Row] = []
        with _progress(region) as progress:
            for page in ec2.instance_types(region):
                rows += page
                progress(len(rows))
        for name, row in types_by_name(rows, f"EC2 in {region}").items():
            answer.setdefault(name, row)
    title = f"EC2 DescribeInstanceTypes in {', '.join(asked)}"
    return answer, {"title": title, "address": ADDRESS, "retrieved": _today()}


@contextmanager
def _progress(region: str) -> Iterator[Any]:
    """Show on stderr how many types a region has named so far: while it does on a terminal, at the end elsewhere."""
    from rich.console import Console

    seen = 0
    with Console(stderr=True).status(f"EC2 in {region}") as status:

        def progress(count: int) -> None:
            nonlocal seen
            seen = count
            status.update(f"EC2 in {region}: {count} types")

        yield progress
    click.echo(f"EC2 in {region}: {seen} types", err=True)


def _today() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d")


def _say(found: Renewal, target: Path, *, dry_run: bool, form: str) -> None:
    if form == "json":
        data = {
            "path": str(target),
            "written": not dry_run,
            "new": found.new,
            "changed": found.changed,
            "same": found.same,
            "notes": found.notes,
        }
        click.echo(json.dumps(data, indent=2))
    else:
        for name in found.new:
            row = found.data.efa.get(name)
            click.echo(f"new: {name}" + (f", EFA interfaces: {row['efa_interfaces'] or 'unknown'}" if row else ""))
        for name, differing in found.changed.items():
            click.echo(f"changed: {name}: {', '.join(differing)}")
        for note in found.notes:
            click.echo(f"note: {note}")
        counts = f"{len(found.new)} new types, {len(found.changed)} changed, {found.same} as in the built-in catalog"
        click.echo(f"{'would write' if dry_run else 'wrote'} {target}: {counts}")
    if userfile.switched_off():
        click.echo(f"efakit: note: {userfile.SWITCH}=builtin is set, so efakit ignores these rows", err=True)


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, text.encode())
    except OSError as error:
        raise UsageError(f"{error.filename or target}: cannot be written: {error.strerror}") from error
