"""``efakit report --since``: the report of all jobs."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from efakit.cli.moments import moment
from efakit.cli.records_dir import the_records_dir
from efakit.cli.report_output import deliver
from efakit.errors import UsageError
from efakit.jobs.verdict import VERDICTS
from efakit.store.queries import BY, Filters

if TYPE_CHECKING:
    from efakit.report.fleet import FleetReport

_F = TypeVar("_F", bound=Callable[..., Any])
_MOST_ROWS = {"text": 20, "html": 500}
_OPTIONS = {
    "since": click.option(
        "--since", metavar="SPAN", help="Report all jobs that ended since then: 7d, 36h, or a day such as 2026-11-01."
    ),
    "until": click.option("--until", metavar="SPAN", help="With --since: and before then."),
    "by": click.option("--by", type=click.Choice(BY), help="With --since: one row for each of these."),
    "user": click.option("--user", help="With --since: only this user's jobs."),
    "partition": click.option("--partition", help="With --since: only jobs of this partition."),
    "node": click.option("--node", help="With --since: only jobs that ran on this node."),
    "verdict": click.option("--verdict", metavar="VERDICT[,VERDICT...]", help="With --since: only these verdicts."),
    "top": click.option(
        "--top",
        type=click.IntRange(1),
        help="With --since: at most so many rows.  [default: "
        f"{', '.join(f'{most} as {form}' for form, most in _MOST_ROWS.items())}]",
    ),
}


def fleet_options(function: _F) -> _F:
    """Give a command the options of a report of all jobs."""
    for option in reversed(_OPTIONS.values()):
        function = option(function)
    return function


def refuse_fleet_options(form: str, given: dict[str, Any]) -> None:
    """Refuse options that only a report of all jobs has."""
    names = [f"--{name}" for name, value in given.items() if value is not None]
    if names:
        raise UsageError(f"{names[0]} is for a report of all jobs: give --since in place of JOBID")
    if form == "csv":
        raise UsageError("--format csv is for a report of all jobs: give --since in place of JOBID, or --format json")


def report_fleet(
    job_id: str | None,
    records: Path | None,
    form: str,
    output: Path | None,
    cluster: str | None,
    failing: frozenset[str],
    of_one_job: Mapping[str, Any],
    **given: Any,
) -> None:
    """Print the report of all jobs; end with 1 where one has a verdict of ``failing``."""
    if given["since"] is None:
        raise UsageError("which job? Give a JOBID, or --since 7d for a report of all jobs")
    if job_id is not None:
        raise UsageError(f"--since is for a report of all jobs: leave out the JOBID {job_id}")
    for name, value in of_one_job.items():
        if value:
            raise UsageError(f"--{name} is for the report of one job: give its JOBID in place of --since")
    for word in sorted(failing - set(VERDICTS)):
        raise UsageError(f"--fail-on: {word!r} is not a verdict, and a report of all jobs has no other findings")
    now = time.time()
    since = moment(given["since"], "--since", now)
    until = moment(given["until"], "--until", now) if given["until"] else now + 1
    if since >= until:
        raise UsageError(f"--since {given['since']}: is not before {given['until'] or 'now'}")
    filters = Filters(
        since, until, given["user"], given["partition"], given["node"], cluster, _verdicts(given["verdict"])
    )
    folder = the_records_dir(records)
    by, top = given["by"], given["top"] or _MOST_ROWS.get(form)
    from efakit.report.fleet import SUMMARY, FleetReport
    from efakit.store.fleet import ask

    wanted: list[tuple[str, Filters, int | None]] = [("verdict", filters, None)]
    if by is None:
        wanted += SUMMARY(filters)
    elif by != "verdict":
        wanted.append((by, filters, top))
    if form == "html":
        wanted.append(("day", filters, None))
    view, found = ask(folder, filters, wanted)
    answers = [(answer.columns, answer.rows) for answer in found]
    days = answers.pop() if form == "html" else None
    report = FleetReport(filters, by, answers, view.damaged, view.faults, days, top)
    deliver(_text(report, form), output)
    if failing & {row[0] for row in answers[0][1]}:
        raise click.exceptions.Exit(1)


def _text(report: FleetReport, form: str) -> str:
    if form == "html":
        from efakit import __version__
        from efakit.report.html.fleet import fleet_page  # Jinja2 takes as long as a small report

        return fleet_page(report, __version__)
    from efakit.report.fleet_text import print_csv, print_json, print_text

    text = io.StringIO()
    {"text": print_text, "json": print_json, "csv": print_csv}[form](report, text)
    return text.getvalue()


def _verdicts(text: str | None) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(word.strip() for word in (text or "").split(",") if word.strip()))
    unknown = sorted(set(chosen) - set(VERDICTS))
    if unknown:
        raise UsageError(f"--verdict: {unknown[0]!r} is not a verdict (verdicts: {', '.join(VERDICTS)})")
    return chosen
