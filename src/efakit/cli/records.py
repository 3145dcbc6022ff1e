"""``efakit records``."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from efakit.cli.command import Command, Group
from efakit.cli.files import replace_file
from efakit.cli.moments import span_seconds
from efakit.cli.records_dir import records_option, the_records_dir
from efakit.errors import MissingExtra, UsageError
from efakit.printable import printable

_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
_MOST_LINES = 20
_FIELD_NAMES = click.Choice(["AdminComment", "Extra"], case_sensitive=False)


@click.group(cls=Group, short_help="Keep the jobs' records: compact, verify, prune, import them.")
def records() -> None:
    """Keep the records that the hooks write, one JSON file a node of a job.

    Compaction puts them into Parquet files below the records folder (@store), which 'efakit report' reads together
    with the JSON files. It needs the extra 'fleet'. Run it on one machine, as the folder's owner, from a timer.
    """


@records.command(cls=Command, exit_1="")
@records_option
@_FORMAT
@click.option(
    "--grace",
    default="1h",
    show_default=True,
    help="How long a JSON file stays after its record has come into the store: longer than any report takes.",
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=min(os.cpu_count() or 1, 4), help="Processes that read files."
)
def compact(records: Path | None, form: str, grace: str, workers: int) -> None:
    """Move records from JSON files into Parquet, one row a record.

    A JSON file is removed when an earlier compaction has stored its record, and the grace time has passed. Files that
    cannot be used stay where they are, are counted, and are no error. Reports may run meanwhile, and a compaction that
    is killed does no harm.
    """
    folder = the_records_dir(records)
    seconds = span_seconds(grace, "--grace") if grace != "0" else 0.0
    try:
        from efakit.store.compact import compact as run
    except ImportError as error:
        raise MissingExtra("fleet", "efakit records compact") from error
    began = time.monotonic()
    outcome = _on_disk(folder, lambda: run(folder, grace_seconds=seconds, workers=workers))
    taken = time.monotonic() - began
    if form == "json":
        _echo_json({**asdict(outcome), "seconds": round(taken, 3)})
        return
    if outcome.is_busy:
        click.echo(f"{printable(folder)}: another compaction is running; this one did nothing")
        return
    days = len(outcome.published)
    click.echo(f"{outcome.records} records stored in {taken:.1f} s, in {days} day{'' if days == 1 else 's'}")
    click.echo(f"{outcome.removed_files} JSON files and {outcome.removed_generations} older generations removed")
    if outcome.damaged:
        newer = f" ({outcome.newer} of a newer efakit)" if outcome.newer else ""
        click.echo(f"{outcome.damaged} files cannot be used{newer}, and stay where they are:")
        _echo_some(outcome.faults)
    if outcome.misplaced:
        click.echo(f"{outcome.misplaced} files do not have the name that the hooks give them, and stay where they are")


@records.command(cls=Command, exit_1="Something in the store is broken.", fine="The store is whole.")
@records_option
@_FORMAT
def verify(records: Path | None, form: str) -> None:
    """Read the whole store, and say whether each row is a record that the index knows.

    The kept benchmark results (@bench) are read and counted too.
    """
    folder = the_records_dir(records)
    from efakit.store.bench import count_results
    from efakit.store.keep import verify as run

    check, results = run(folder), count_results(folder)
    if form == "json":
        told = {"benchmarks": results.usable, "benchmarks_newer": results.newer, "benchmark_faults": results.faults}
        _echo_json({**asdict(check), **told})
    else:
        click.echo(f"{check.records} records in {check.generations} days of the store")
        click.echo(f"{check.json_files} JSON files, {check.not_held} of them not in the store")
        if check.faults:
            count = len(check.faults)
            click.echo(f"{count} fault{'s' * (count != 1)}; the older generation of a day may still be whole:")
            _echo_some(check.faults)
        newer = f", and {results.newer} that a newer efakit wrote" if results.newer else ""
        click.echo(f"{results.usable} kept benchmark results{newer}")
        if results.faults:
            click.echo(f"{len(results.faults)} kept benchmark results cannot be used:")
            _echo_some(results.faults)
    if check.faults or results.faults:
        raise click.exceptions.Exit(1)


@records.command(cls=Command)
@records_option
@_FORMAT
@click.option("--older-than", metavar="SPAN", help="Remove records older than this, such as 400d.")
@click.option(
    "--benchmarks-older-than",
    metavar="SPAN",
    help="Remove kept benchmark results (@bench) of runs that ended longer ago than this.  [default: remove none]",
)
@click.option("--yes", is_flag=True, help="Remove it. Without this, only show what would be removed.")
def prune(
    records: Path | None, form: str, older_than: str | None, benchmarks_older_than: str | None, yes: bool
) -> None:
    """Remove records of days that are older than SPAN, from the store and as JSON files.

    It shows what it would remove, and removes it with --yes. Whole days (UTC) are removed.

    Benchmark results that 'efakit report --bench --keep' keeps have a span of their own: they are small, and what
    later runs are compared with.
    """
    if older_than is None and benchmarks_older_than is None:
        raise UsageError("name what to remove: --older-than SPAN, --benchmarks-older-than SPAN, or both")
    folder, now = the_records_dir(records), time.time()
    before = None if older_than is None else now - span_seconds(older_than, "--older-than")
    results_before = (
        None if benchmarks_older_than is None else now - span_seconds(benchmarks_older_than, "--benchmarks-older-than")
    )
    from efakit.store.bench import OldResults, find_old_results, prune_results
    from efakit.store.keep import Old, find_old
    from efakit.store.keep import prune as run

    old, results = Old(), OldResults()
    if before is not None:
        since = before
        old = _on_disk(folder, lambda: run(folder, since) if yes else find_old(folder, since))
    if results_before is not None:
        until = results_before
        results = _on_disk(folder, lambda: (prune_results if yes else find_old_results)(folder, until))
    if form == "json":
        _echo_json(
            {
                "removed": yes,
                "days": [str(path) for path in old.days],
                "records": old.records,
                "files": len(old.files),
                "size_bytes": old.size_bytes,
                "benchmarks": len(results.files),
                "benchmarks_size_bytes": results.size_bytes,
            }
        )
        return
    word = "removed" if yes else "would remove"
    if before is not None:
        click.echo(
            f"{word} {old.records} records in {len(old.days)} days of the store, and {len(old.files)} JSON files: "
            f"{old.size_bytes / 1e6:.1f} MB"
        )
    if results_before is not None:
        size = f"{results.size_bytes / 1e6:.1f} MB"
        click.echo(f"{word} {len(results.files)} files of kept benchmark results: {size}")
    if not yes and (old.days or old.files or results.files):
        click.echo("add --yes to remove them")


@records.command("import", cls=Command)
@click.argument("source", type=click.Path(path_type=Path))
@records_option
@_FORMAT
@click.option("--dry-run", is_flag=True, help="Show what would be copied, change nothing.")
def import_(source: Path, records: Path | None, form: str, dry_run: bool) -> None:
    """Copy the record files (*.json) below the folder SOURCE to where the hooks publish them.

    Records that are there already, as files or in the store, stay as they are.
    """
    folder = the_records_dir(records)
    from efakit.store.keep import import_records

    done = _on_disk(folder, lambda: import_records(folder, source, dry_run=dry_run))
    if form == "json":
        _echo_json({**asdict(done), "dry_run": dry_run})
        return
    word = "would be copied" if dry_run else "copied"
    click.echo(f"{done.records} records {word}, {done.there_already} were there already")
    if done.damaged:
        click.echo(f"{done.damaged} files cannot be used:")
        _echo_some(done.faults)


@records.command(cls=Command)
@records_option
@_FORMAT
@click.option(
    "--table",
    type=click.Choice(["runs", "nodes", "records"]),
    help="List the Parquet files of a table, as another engine reads it: the newest generation of each day.",
)
def path(records: Path | None, form: str, table: str | None) -> None:
    """Print the folder of the records, or the Parquet files of one table."""
    folder = the_records_dir(records)
    if table is None:
        _echo_json({"records": str(folder)}) if form == "json" else click.echo(str(folder))
        return
    from efakit.store.layout import newest

    files = [str(one.file(f"{table}.parquet")) for one in newest(folder)]
    if form == "json":
        _echo_json({"records": str(folder), "table": table, "files": files})
    else:
        for file in files:
            click.echo(file)


@records.command(cls=Command)
@records_option
@_FORMAT
@click.option("--since", default="1d", show_default=True, help="Of jobs that ended within this span.")
@click.option(
    "--after",
    default="5m",
    show_default=True,
    help="Not before so long after a job's end: another tool of the site may write its own comment first.",
)
@click.option(
    "--field",
    "field_name",
    type=_FIELD_NAMES,
    default="AdminComment",
    show_default=True,
    help="The field that the line is written into.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be written, change nothing.")
def annotate(records: Path | None, form: str, since: str, after: str, field_name: str, dry_run: bool) -> None:
    """Write each ended job's verdict as one short line into a field of it that Slurm's accounting keeps.

    'sacct --format=JobID,AdminComment' shows it: 'efakit: tcp-fallback, 2 nodes, EFA 0 B, TCP 1.9 TB'. It writes only
    where the field is empty or holds a line that efakit wrote, and only where accounting's row is of the run that the
    records are of. Run it on the head node as root; 'efakit records timer --annotate' runs it from a timer.

    --field Extra needs Slurm 23.02 or later. A user may set Extra with sbatch --extra: that text stays too.
    """
    folder = the_records_dir(records)
    spans = span_seconds(since, "--since"), span_seconds(after, "--after") if after != "0" else 0.0
    from efakit.cli.records_annotate import annotate as run
    from efakit.slurm.accounting import TEXT_FIELDS

    field = next(one for one in TEXT_FIELDS if one.name == field_name)
    done = _on_disk(folder, lambda: run(folder, *spans, field, dry_run=dry_run, timeout_seconds=_ACCOUNTING_SECONDS))
    if form == "json":
        _echo_json({**asdict(done), "field": field.name, "dry_run": dry_run})
        return
    word = "would be annotated" if dry_run else "annotated"
    click.echo(f"{len(done.written)} jobs {word}, {len(done.same)} have their line already")
    _echo_some([f"{job_id}: {line}" for job_id, line in sorted(done.written.items())])
    if done.foreign:
        click.echo(f"{len(done.foreign)} have a text of somebody else's in {field.name}, which stays")
    if done.unknown:
        click.echo(f"{len(done.unknown)} are not ended in Slurm's accounting, or are another run there")
    if done.left_out:
        click.echo(f"{done.left_out} older jobs left out: give a shorter --since")
    if done.faults:
        click.echo("Slurm refused:")
        _echo_some(done.faults)


_ACCOUNTING_SECONDS = 30.0
_ANNOTATE = 'ExecStart=-"{efakit}" records annotate --records "{folder}"{field}\n'
"""Before the compaction, and a failure does not stop it."""

_SERVICE = """\
# /etc/systemd/system/efakit-compact.service
[Unit]
Description=efakit: compact the jobs' records
RequiresMountsFor="{folder}"

[Service]
Type=oneshot
{annotate}ExecStart="{efakit}" records compact --records "{folder}"
Nice=10
IOSchedulingClass=idle
"""
_TIMER = """\
# /etc/systemd/system/efakit-compact.timer
[Unit]
Description=efakit: compact the jobs' records every half hour

[Timer]
OnCalendar=*:0/30
RandomizedDelaySec=120
Persistent=true

[Install]
WantedBy=timers.target
"""


@records.command(cls=Command)
@records_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write the two files to, such as /etc/systemd/system.  [default: print them]",
)
@click.option(
    "--annotate", is_flag=True, help="Write the jobs' verdicts into Slurm's accounting too (records annotate)."
)
@click.option("--field", "field_name", type=_FIELD_NAMES, help="With --annotate: the field.  [default: AdminComment]")
def timer(records: Path | None, output: Path | None, annotate: bool, field_name: str | None) -> None:
    """Print the systemd units that compact the records every half hour, for the head node.

    Write them with --output /etc/systemd/system, and then: systemctl daemon-reload, systemctl enable --now
    efakit-compact.timer.
    """
    if field_name is not None and not annotate:
        raise UsageError("--field is for the line that --annotate writes: add --annotate")
    folder = the_records_dir(records).absolute()
    program = Path(sys.argv[0]).absolute()
    for value in (folder, program):
        if not str(value).isprintable() or set(str(value)) & set('"\\%$'):
            raise UsageError(f"{printable(value)}: systemd cannot be told such a name")
    field = f" --field {field_name}" if field_name else ""
    written = _ANNOTATE.format(folder=folder, efakit=program, field=field) if annotate else ""
    service = _SERVICE.format(folder=folder, efakit=program, annotate=written)
    if output is None:
        click.echo(f"{service}\n{_TIMER}", nl=False)
        return
    for name, text in (("efakit-compact.service", service), ("efakit-compact.timer", _TIMER)):
        try:
            replace_file(output / name, text.encode())
        except OSError as error:
            why = f"{printable(output / name)}: cannot be written: {error.strerror}"
            raise UsageError(f"{why}; --output names a folder that is there, such as /etc/systemd/system") from error
        click.echo(f"wrote {printable(output / name)}")


def _on_disk(folder: Path, run: Any) -> Any:
    try:
        return run()
    except PermissionError as error:
        where = printable(error.filename or folder)
        raise UsageError(f"{where}: {error.strerror}: run this as the folder's owner or as root") from error


def _echo_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2))


def _echo_some(lines: list[str]) -> None:
    for line in lines[:_MOST_LINES]:
        click.echo(f"  {line}")
    if len(lines) > _MOST_LINES:
        click.echo(f"  and {len(lines) - _MOST_LINES} more")
