"""How ``lint`` and ``validate`` print findings: text with the source line, JSON, SARIF 2.1.0, GitHub's commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import click

from efakit import __version__
from efakit.cli.explain_rule import shown_example
from efakit.finding import Finding

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_GITHUB = {"error": "error", "warning": "warning", "info": "notice"}
_WIDEST = 160


def _text(findings: Sequence[Finding], files: int) -> None:
    severities = {name: click.style(name, fg=colour, bold=True) for name, colour in _COLOURS.items()}
    told: list[str] = []
    for finding in findings:
        place = f"{finding.file}:{finding.line}:{finding.column}"
        told.append(f"{place}: {severities[finding.severity]} {finding.rule}: {_clean(finding.message)}")
        line = _source_line(finding)
        if line is not None:
            told.append(line)
        if finding.fix:
            told.append(f"    fix: {_clean(finding.fix)}")
        if finding.source:
            told.append(f"    see: {finding.source}")
    if told:
        click.echo("\n".join(told))
    counts = {name: sum(finding.severity == name for finding in findings) for name in _COLOURS}
    mendable = sum(finding.mendable for finding in findings)
    counted = ", ".join(
        f"{count} {name if name == 'info' else name + 's' * (count != 1)}" for name, count in counts.items()
    )
    hint = f"; --fix fixes {mendable}" if mendable else ""
    click.echo(
        f"{files} file{'s' * (files != 1)}: {counted}{hint}" if findings else f"{files} file{'s' * (files != 1)}: clean"
    )


def _source_line(finding: Finding) -> str | None:
    """Return the line of the file with a caret below it, None where it cannot be shown."""
    lines = _lines(finding.file)
    if not 0 < finding.line <= len(lines):
        return None
    text = lines[finding.line - 1]
    if len(text) > _WIDEST and finding.column > _WIDEST - 40:
        return None
    start = finding.column - 1
    length = max(1, (finding.end_column or finding.column + 1) - finding.column)
    shown = _clean(text[:_WIDEST])
    lead = (
        " " * start
        if text.isascii() and "\t" not in text
        else "".join("\t" if letter == "\t" else " " * _width(letter) for letter in text[:start])
    )
    marks = "^" + "~" * (min(length, max(1, len(shown) - start)) - 1)
    return f"    {shown}\n    {lead}{marks}"


def _width(letter: str) -> int:
    from unicodedata import combining, east_asian_width

    return 0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1


def _clean(text: str) -> str:
    """Return text without what would steer a terminal."""
    if text.isprintable():
        return text
    return "".join(letter if letter == "\t" or letter.isprintable() else "?" for letter in text)


@lru_cache(maxsize=8)
def _lines(file: str) -> list[str]:
    try:
        data = Path(file).read_bytes()
    except OSError:
        return []
    return [line.rstrip("\r") for line in data.decode("utf-8", "replace").split("\n")]


def _json(findings: Sequence[Finding], files: int) -> None:
    click.echo(json.dumps([_clean_data(finding.as_data()) for finding in findings], indent=2))


def _clean_data(data: dict[str, Any]) -> dict[str, Any]:
    return {key: _utf8(value) if isinstance(value, str) else value for key, value in data.items()}


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _github(findings: Sequence[Finding], files: int) -> None:
    """Write workflow commands (https://docs.github.com/actions/reference/workflow-commands-for-github-actions)."""
    for finding in findings:
        place = _github_place(finding)
        told = _utf8(finding.message + (f"\nfix: {finding.fix}" if finding.fix else ""))
        click.echo(f"::{_GITHUB[finding.severity]} {place}title={_property(finding.rule)}::{_data(told)}")


def _github_place(finding: Finding) -> str:
    """Return the properties that say where a finding is, as far as that is known."""
    known = {
        "file": _property(finding.file),
        "line": finding.line,
        "col": finding.column,
        "endColumn": finding.end_column,
    }
    return "".join(f"{name}={value}," for name, value in known.items() if value)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(_utf8(text)).replace(":", "%3A").replace(",", "%2C")


def _sarif(findings: Sequence[Finding], files: int) -> None:
    rules = {finding.rule: finding for finding in findings}
    driver = {
        "name": "efakit",
        "version": __version__,
        "rules": [_sarif_rule(finding) for finding in rules.values()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(finding, list(rules)) for finding in findings],
    }
    click.echo(json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2))


def _sarif_rule(finding: Finding) -> dict[str, Any]:
    """Return the rule of a finding, with the registry's text."""
    from efakit.rules.registry import rule_of

    row = rule_of(finding.rule)
    if row is None:
        return {"id": finding.rule}
    wrong, right = shown_example(row.wrong), shown_example(row.right)
    rule: dict[str, Any] = {
        "id": finding.rule,
        "shortDescription": {"text": row.what},
        "fullDescription": {"text": f"{row.what} {row.why}"},
        "help": {
            "text": f"{row.why}\n\nWrong:\n{wrong}\n\nRight:\n{right}\n\nefakit explain --rule {row.id}",
            "markdown": f"{row.why}\n\nWrong:\n```\n{wrong}\n```\nRight:\n```\n{right}\n```\n",
        },
        "defaultConfiguration": {"level": _LEVELS[row.severity]},
    }
    if row.source.startswith("https://"):
        rule["helpUri"] = row.source
    return rule


def _sarif_result(finding: Finding, rules: list[str]) -> dict[str, Any]:
    message = _utf8(finding.message + (f" (fix: {finding.fix})" if finding.fix else ""))
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": _LEVELS[finding.severity],
        "message": {"text": message},
        "locations": _sarif_places(finding),
    }


def _sarif_places(finding: Finding) -> list[dict[str, Any]]:
    """Return where a finding is: none, a file, or a region of it; SARIF counts lines and columns from 1."""
    if not finding.file:
        return []
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.file)}}
    if finding.line:
        place["region"] = {"startLine": finding.line, **({"startColumn": finding.column} if finding.column else {})}
        if finding.end_column is not None and finding.end_column > finding.column:
            place["region"]["endColumn"] = finding.end_column
    return [{"physicalLocation": place}]


def _uri(file: str) -> str:
    from urllib.parse import quote

    path = quote(Path(file).as_posix().encode("utf-8", "surrogateescape"))
    return f"file://{path}" if path.startswith("/") else path


FORMATS: Mapping[str, Callable[[Sequence[Finding], int], None]] = {
    "text": _text,
    "json": _json,
    "sarif": _sarif,
    "github": _github,
}
