"""Makes the table of thresholds of docs/report.md from the catalog's rows."""

from __future__ import annotations

from pathlib import Path

from efakit.catalog.thresholds import STANDS_OUT

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "report.md"
_MARKS = ("<!-- thresholds: made by python -m scripts.renew_golden -->", "<!-- end of thresholds -->")


def report_page() -> str:
    """Return docs/report.md with the table of thresholds as it is now, between its two marks."""
    begin, end = _MARKS
    before, _, rest = _PAGE.read_text(encoding="utf-8").partition(begin)
    rows = [f"| `{row.name}` | {_number(row.value)} {row.unit} | {row.reason} |" for row in STANDS_OUT]
    table = "\n".join(["| threshold | more than | reason |", "|---|---|---|", *rows])
    return f"{before}{begin}\n\n{table}\n\n{end}{rest.partition(end)[2]}"


def _number(value: float) -> str:
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:g}"
