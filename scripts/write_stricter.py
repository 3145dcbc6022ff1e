"""Writes docs/stricter.md from the rules: what efakit refuses and pcluster accepts, each with its reason."""

from __future__ import annotations

import sys
from pathlib import Path

from efakit.rules.registry import rules_of

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "stricter.md"
_HEAD = """\
# Where efakit is stricter than ParallelCluster

`efakit validate` refuses each of these, and `pcluster create-cluster --dryrun true` accepts it, or cannot see it before
AWS is asked. Everything else that efakit refuses pcluster refuses too; a test draws configs at random and compares.
Written by `python scripts/write_stricter.py`.

| rule | what is refused | why, though pcluster accepts it | source |
|---|---|---|---|
"""


def document() -> str:
    rows = [
        f"| `{rule.id}` | {rule.what} | {rule.stricter} | {rule.source} |"
        for rule in rules_of("config").values()
        if rule.stricter
    ]
    return _HEAD + "\n".join(rows) + "\n"


def main() -> int:
    DOCUMENT.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
