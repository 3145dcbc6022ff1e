"""Writes docs/lint.md: every rule of ``efakit lint`` for scripts, from the rules and from the catalog's rows."""

from __future__ import annotations

import sys
from pathlib import Path

from efakit.lint.script.catalogue import Entry, row_entries, structural_entries

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "lint.md"
_HEAD = """\
# What `efakit lint` finds

```
efakit lint train.sbatch                                     what is wrong on every supported stack
efakit lint --instance p5.48xlarge --installer 1.47.0 jobs/  what is wrong on this one
efakit lint --spec cluster.yaml jobs/                        on the instance of each script's partition
efakit lint --fix --dry-run train.sbatch                     what it would mend
```

Supported are ParallelCluster 3.11 and later, EFA installer 1.34 and later, aws-ofi-nccl 1.13 and later. An **error**
fails or silently loses EFA; a **warning** is wrong or without effect; an **info** is advice.

`--fix` mends what is safe: it takes out what has no effect, gives a misspelt variable its name where nothing else is
against it, adds ALL to `--export`, takes values out of `--container-env`, and takes carriage returns out. The rest of
the file stays as it is.

A comment leaves rules out: `# efakit: ignore RULE, RULE` on the line, or alone on the line before it;
`# efakit: ignore-file RULE` for the whole file. Cluster configs have rules of their own (`efakit validate`).

Written by `python -m scripts.write_lint_docs`.

## Rules

| rule | severity | what is found | why | source |
|---|---|---|---|---|
"""
_ROWS = """
## Variables

One row each, as `efakit explain --variable NAME` shows it. A row holds within its bounds only.

| rule | severity | setting | where | why | source |
|---|---|---|---|---|---|
"""


def document() -> str:
    """Return docs/lint.md."""
    rules = [_line(entry.id, entry.severity, entry.summary, entry.reason, entry.source) for entry in _structural()]
    rows = [
        _line(entry.id, entry.severity, f"`{entry.summary}`", entry.where or "everywhere", entry.reason, entry.source)
        for entry in row_entries()
    ]
    return _HEAD + "".join(rules) + _ROWS + "".join(rows)


def _structural() -> list[Entry]:
    return sorted(structural_entries(), key=lambda entry: entry.id)


def _line(id_: str, *cells: str) -> str:
    return "| " + " | ".join([f"`{id_}`", *(cell.replace("|", "\\|") for cell in cells)]) + " |\n"


def main() -> int:
    """Write the page."""
    DOCUMENT.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
