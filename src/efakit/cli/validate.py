"""``efakit validate``."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from efakit.cli.command import Command
from efakit.cli.findings_text import print_findings
from efakit.finding import Finding, Severity
from efakit.inputs import shown
from efakit.vendor.pcluster_process import pcluster_process

if TYPE_CHECKING:
    from efakit.validate.judges import Judgement
    from efakit.vendor.pcluster_process import PclusterProcess

_SECONDS_BETWEEN = 0.5
_OFFLINE = "Capacity, quota and permissions are not checked without --aws."


@click.command(
    short_help="Check a spec or a ParallelCluster config before it costs money.",
    cls=Command,
    exit_1="Findings of the severity of --fail-on or worse.",
    fine="Accepted, or undecided.",
)
@click.pass_obj
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--parallelcluster", "version", metavar="VERSION", help="Check for this release.  [default: the spec's]")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif", "github"]), default="text", show_default=True
)
@click.option("--no-vendor", is_flag=True, help="Use only efakit's rules, not pcluster's own validators.")
@click.option("--aws", is_flag=True, help="Also ask AWS, with your credentials: pcluster's dry run, subnets, groups.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="Exit with 1 on findings of this severity or worse.",
)
def validate(
    begun: PclusterProcess | None,
    file: Path,
    version: str | None,
    form: str,
    no_vendor: bool,
    aws: bool,
    fail_on: str,
) -> None:
    """Check FILE: a spec, or any ParallelCluster config, even if efakit did not write it; - is standard input.

    efakit's rules come first. With the extra 'pcluster', ParallelCluster's own validators follow, offline, on a
    simulated account. With --aws, efakit also asks AWS; nothing is created. The output shows who checked what.
    """
    process = None if no_vendor else begun or pcluster_process()
    with process or nullcontext():
        with _progress() as told:
            from efakit.validate.ask import ask_judges  # while pcluster's validators start

            judgements = ask_judges(file, version, vendor=not no_vendor, aws=aws, process=process, told=told)
        findings = [finding for judgement in judgements for finding in judgement.findings]
        _print(form, file, judgements, findings)
    sys.exit(1 if any(finding.severity >= Severity(fail_on) for finding in findings) else 0)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show on a terminal who is asked and since when, in a line that goes in the end; give what takes the name."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    asked = ["the file"]
    over = threading.Event()
    shown_line = threading.Thread(target=_show, args=(asked, over), daemon=True)
    shown_line.start()
    try:
        yield asked.append
    finally:
        over.set()
        shown_line.join()
        click.echo("\r\x1b[K", err=True, nl=False)


def _show(asked: Sequence[str], over: threading.Event) -> None:
    began = time.monotonic()
    while True:
        click.echo(f"\rAsking {asked[-1]}: {time.monotonic() - began:.0f} s\x1b[K", err=True, nl=False)
        if over.wait(_SECONDS_BETWEEN):
            return


def _print(form: str, file: Path, judgements: Sequence[Judgement], findings: Sequence[Finding]) -> None:
    if form == "json":
        _print_json(file, judgements, findings)
    elif form == "text":
        _print_text(judgements, findings)
    else:
        from efakit.cli.findings_output import FORMATS

        FORMATS[form](findings, 1)


def _print_json(file: Path, judgements: Sequence[Judgement], findings: Sequence[Finding]) -> None:
    document = {
        "file": shown(file),
        "limits": _limits(judgements),
        "judged_by": [judgement.as_data() for judgement in judgements],
        "findings": [finding.as_data() for finding in findings],
        "notes": _notes(judgements),
    }
    click.echo(json.dumps(document, indent=2))


def _print_text(judgements: Sequence[Judgement], findings: Sequence[Finding]) -> None:
    for limit in _limits(judgements):
        click.echo(f"First: {limit}\n")
    print_findings(findings)
    if findings:
        click.echo()
    click.echo("Judged by")
    for judgement in judgements:
        click.echo(f"  {judgement.outcome}: {judgement.detail}")
    for note in _notes(judgements):
        click.echo(f"Note: {note}")


def _limits(judgements: Sequence[Judgement]) -> list[str]:
    """Return what could not be asked because of the release that is installed."""
    return [judgement.limit for judgement in judgements if judgement.limit]


def _notes(judgements: Sequence[Judgement]) -> list[str]:
    notes = [note for judgement in judgements for note in judgement.notes]
    return notes if any(judgement.judge == "aws" for judgement in judgements) else [*notes, _OFFLINE]
