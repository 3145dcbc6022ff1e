"""A text over two lines without brackets loses its second line: Python takes that for a statement of its own."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(file for folder in ("src", "scripts") for file in (ROOT / folder).rglob("*.py"))


def lost_lines(code: str) -> list[int]:
    """Return the lines of texts that are statements below ``name = text``; below ``self.name`` they describe it."""
    blocks = [
        block
        for node in ast.walk(ast.parse(code))
        for field in ("body", "orelse", "finalbody")
        if isinstance(block := getattr(node, field, None), list) and not isinstance(node, ast.Module | ast.ClassDef)
    ]
    return [
        second.lineno
        for block in blocks
        for first, second in pairwise(block)
        if isinstance(first, ast.Assign)
        and isinstance(first.targets[0], ast.Name)
        and isinstance(second, ast.Expr)
        and (isinstance(second.value, ast.JoinedStr) or isinstance(getattr(second.value, "value", None), str))
    ]


def test_no_text_loses_its_second_line():
    lost = {str(file.relative_to(ROOT)): lost_lines(file.read_text(encoding="utf-8")) for file in FILES}
    assert {file: lines for file, lines in lost.items() if lines} == {}


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("def f():\n    a = 'x'\n    'y'\n", [3]),
        ("def f(b):\n    'says'\n    if b:\n        a = 'x'\n        f'y {b}'\n", [5]),
        ("def f():\n    'says'\n    a = ('x'\n      'y')\n", []),
        ("def f(self):\n    self.a = 'x'\n    'what a is'\n", []),
    ],
)
def test_a_lost_line_is_found(code, lines):
    assert lost_lines(code) == lines
