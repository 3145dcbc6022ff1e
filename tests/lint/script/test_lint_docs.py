"""docs/lint.md is what the rules and rows say today, and each entry says where it is from."""

from __future__ import annotations

import pytest

from efakit.lint.script.catalogue import row_entries, structural_entries
from scripts.write_lint_docs import DOCUMENT, document


def test_the_page_is_up_to_date():
    assert DOCUMENT.read_text() == document(), "python -m scripts.write_lint_docs"


@pytest.mark.parametrize("entry", [*structural_entries(), *row_entries()], ids=lambda entry: entry.id)
def test_every_rule_has_a_reason_and_a_source(entry):
    assert entry.reason
    assert entry.source.startswith("https://") or entry.source == "docs/lint.md"


def test_rules_and_rows_share_no_id():
    assert not {entry.id for entry in structural_entries()} & {entry.id for entry in row_entries()}
