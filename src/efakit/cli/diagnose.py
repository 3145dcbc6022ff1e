"""``efakit diagnose``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from efakit.cli.command import Command
from efakit.errors import UsageError
from efakit.finding import Finding, Severity

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan", "first": "bright_white"}
_SLOW_BYTES = 64 << 20
"""From this size on it is worth a word that the search is the slow one."""
_SECONDS_BETWEEN = 0.5


@click.command(
    short_help="Read a job's logs: which network it used, what failed first, and why.",
    cls=Command,
    exit_1="Findings of the severity of --fail-on or worse.",
    fine="No such finding.",
)
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False), metavar="LOG...")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info"]),
    default="error",
    show_default=True,
    help="Exit with 1 on findings of this severity or worse.",
)
def diagnose(logs: tuple[Path, ...], form: str, fail_on: str) -> None:
    """Read LOGs of a job: which network NCCL or MPI chose, what failed first, and why.

    It finds known lines of NCCL, aws-ofi-nccl, libfabric, the EFA driver, Open MPI, Intel MPI, Neuron, PyTorch,
    Pyxis, enroot and Slurm. It prints a fallback to TCP sockets first, then the first failure, then the failures
    that followed from it. It calls a cause possible if the log does not prove it.

    Logs may be of any size, gzip or plain, of one rank or of all, with colours and with srun's labels; a folder
    stands for the logs in it, and - is standard input. With the extra 'logs' (google-re2) the search is several
    times faster. 'efakit explain --rule RULE' explains a finding.
    """
    from efakit.cli.refused import all_of, say
    from efakit.diagnose.judge import judge
    from efakit.diagnose.log_files import LogFile, logs_in
    from efakit.diagnose.scan import Scan
    from efakit.diagnose.search import engine
    from efakit.report.logs import as_data, text_lines

    unusable: list[UsageError] = []
    scan, files = Scan(), []
    progress = _Progress() if sys.stderr.isatty() else None
    for number, path in enumerate(logs_in(logs, unusable)):
        file = LogFile(path, progress)
        try:
            scan.read(file, number)
        except UsageError as error:
            unusable.append(error)
            continue
        finally:
            if progress is not None:
                progress.clear()
        if file.damage:
            click.echo(f"efakit: {file.name}: read up to line {file.lines}: {file.damage}", err=True)
        elif not file.lines:
            click.echo(f"efakit: {file.name}: the file is empty", err=True)
        if engine() == "find" and file.bytes > _SLOW_BYTES:
            click.echo(
                f"efakit: {file.name}: searched without google-re2, which is several times faster: "
                "pip install 'efakit[logs]'",
                err=True,
            )
        files.append({"file": file.name, "lines": file.lines, "damage": file.damage or None})
    if unusable and not files:
        raise all_of(unusable)
    scan.unread |= bool(unusable)
    found = judge(scan)
    if form == "json":
        data = as_data(found, files, engine())
        data["findings"] += [finding.as_data() for error in unusable for finding in error.findings]
        click.echo(json.dumps(data, indent=2))
    else:
        for line, style in text_lines(found):
            click.echo(click.style(line, fg=_COLOURS[style]) if style else line)
        click.echo(_summary(len(files), found.findings, found.unread))
    if unusable:
        say(all_of(unusable))
        sys.exit(UsageError.exit_code)
    sys.exit(1 if any(finding.severity >= Severity(fail_on) for finding in found.findings) else 0)


def _summary(files: int, findings: Sequence[Finding], unread: bool) -> str:
    counts = {name: sum(item.severity == name for item in findings) for name in _COLOURS}
    told = ", ".join(
        f"{count} {name if name == 'info' else name + 's' * (count != 1)}"
        for name, count in counts.items()
        if name != "first"
    )
    words = told if findings else "nothing found"
    return f"{files} file{'s' * (files != 1)}: {words}{' in what could be read' * unread}"


class _Progress:
    """One line on the terminal that tells how far a file was read; nothing in the first moment."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._shown = False

    def __call__(self, name: str, done: int, size: int) -> None:
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN:
            return
        self._last, self._shown = now, True
        share = f"{100 * done // size} %" if size and done <= size else f"{done >> 20} MiB"
        click.echo(f"\r{name[-60:]}: {share}\x1b[K", err=True, nl=False)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
        self._shown = False
