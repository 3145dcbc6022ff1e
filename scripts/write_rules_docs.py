"""Writes docs/rules.md: every rule of efakit, from the registry."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from efakit.cli.explain_rule import shown_example
from efakit.rules.registry import ROOMS, Rule, given_text, rules_of

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "rules.md"
_HEAD = """\
# Rules

<!-- Made by python -m scripts.renew_golden: do not edit. -->

Everything that efakit finds has a rule. `efakit explain --rule ID` prints one; `--format json` gives it as data. An
**error** fails a job or a cluster, or loses EFA without a sign; a **warning** is wrong or without effect; an **info**
is advice. How to leave rules out of `efakit lint`: [lint.md](lint.md). Where efakit is stricter than ParallelCluster:
[stricter.md](stricter.md).
"""
_LANGUAGES = {"script": "bash", "dockerfile": "dockerfile", "config": "yaml", "spec": "yaml", "vendor": "yaml"}
# Made from the catalog's rows, whose many examples a table would not hold: efakit explain --rule prints them.
_AS_TABLES = ("variable", "stack", "log")


def document() -> str:
    """Return docs/rules.md."""
    lines = [_HEAD]
    for room, where in ROOMS.items():
        lines.append(f"- [{_title(where)}](#{_anchor(_title(where))}): {len(rules_of(room))}")
    for room, where in ROOMS.items():
        lines += ["", f"## {_title(where)}", ""]
        rows = sorted(rules_of(room).values(), key=lambda row: row.id)
        own = [row for row in rows if row.room.split()[0] == room]
        lines += _table(own) if room in _AS_TABLES else [line for row in own for line in _section(row, room)]
        shared = [f"[`{row.id}`](#{row.id})" for row in rows if row not in own]
        if shared:
            lines += _wrapped(f"Found here too, with examples elsewhere on this page: {', '.join(shared)}.")
    return "\n".join(lines).rstrip() + "\n"


def _table(rows: list[Rule]) -> Iterator[str]:
    yield "| rule | severity | what it finds | why | where | fixed by `--fix` | source |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        mends = "yes" if row.mends else "no"
        cells = (f"`{row.id}`", row.severity, row.what, row.why, row.where or "everywhere", mends, row.source)
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |"


def _section(row: Rule, room: str) -> Iterator[str]:
    facts = [f"**{row.severity}**"]
    if room == "script":
        facts.append("`--fix` mends it" if row.mends else "`--fix` does not mend it")
    if row.vendor:
        facts.append(f"pcluster: `{row.vendor}`")
    if row.stops_render:
        facts.append("`efakit render` refuses a spec with it")
    if row.enforce:
        facts.append(
            "fails a prolog in mode enforce" + (", by default" if row.enforce == "default" else ", where asked")
        )
    facts.append(f"[source]({row.source if row.source.startswith('https://') else row.source.removeprefix('docs/')})")
    yield f"### `{row.id}`"
    yield ""
    yield " · ".join(facts)
    yield ""
    yield f"{row.what} {row.why}"
    if row.stricter:
        yield ""
        yield f"Stricter than pcluster: {row.stricter}."
    right_given = row.given if row.right_given is None else row.right_given
    for title, example, given in (("Wrong", row.wrong, row.given), ("Right", row.right, right_given)):
        words = given_text(given)
        yield ""
        yield f"{title}{f' ({words})' if words else ''}:"
        yield ""
        yield f"```{_LANGUAGES.get(room, '')}"
        yield shown_example(example)
        yield "```"
    yield ""


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 120, break_on_hyphens=False, break_long_words=False)


def _title(where: str) -> str:
    return where[:1].upper() + where[1:]


def _anchor(title: str) -> str:
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -")
    return kept.replace(" ", "-")


def main() -> int:
    """Write the page."""
    DOCUMENT.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
