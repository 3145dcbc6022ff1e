"""docs/stricter.md lists every rule that refuses what pcluster accepts."""

from __future__ import annotations

from scripts.write_stricter import DOCUMENT, document


def test_the_list_is_what_the_rules_say():
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "run: python scripts/write_stricter.py"
