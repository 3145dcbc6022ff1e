"""A terminal obeys nothing that a text holds."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efakit.printable import MOST_LETTERS, as_text, as_written, printable, printable_lines

CODES = [
    "\x1b[2J",
    "\x9b2J",
    "\x07",
    "\b",
    "\r",
    "\0",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200f",
    "\u2028",
    "\ud800",
    "\ufeff",
]


@pytest.mark.parametrize("code", CODES, ids=ascii)
def test_what_a_terminal_obeys_is_a_question_mark(code):
    assert printable(f"a{code}b") == "a?" + code[1:] + "b"


@pytest.mark.parametrize("text", ["", "gpu-st-p5-1", "Größe 模型 نموذج", "[red]x[/red]"])
def test_other_text_is_left_as_it_is(text):
    assert printable(text) == text


def test_a_long_text_is_cut_and_says_so():
    assert printable("x" * 5000, 10) == "xxxxxxxxxx... (5000 characters)"


@given(st.text(st.characters(), max_size=3 * MOST_LETTERS))
def test_any_text_is_one_line_of_bounded_length(text):
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) <= MOST_LETTERS + 30
    assert all(map(str.isprintable, printable_lines(text)))


@pytest.mark.parametrize("error", ["EfakitError", "click.ClickException"])
def test_an_error_s_text_is_printed_line_by_line_and_without_escapes(error):
    code = (
        "import click; import efakit.cli.main as m; from efakit.errors import EfakitError\n"
        f"def fail(**_): raise {error}('a \\x1b[2J \\u202e \\ud800 b\\nc \\x9b d')\n"
        "m.efakit.main = fail; m.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode in (1, 2)
    first, second = done.stderr.splitlines()
    assert first.endswith("? ? b")
    assert second.endswith("c ? d")
    assert first.isprintable()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (None, "null"),
        ("True", "'True'"),
        (4.5, "4.5"),
        (float("inf"), ".inf"),
        (-float("inf"), "-.inf"),
        (float("nan"), ".nan"),
        ([False, None, "a"], "[false, null, 'a']"),
        ({"a": None, 1: [True]}, "{a: null, 1: [true]}"),
        ([[]] * 100, "[" + "[], " * 14 + "..."),
    ],
)
def test_a_value_is_shown_as_its_file_writes_it(value, written):
    assert as_written(value) == written


def test_a_text_may_stand_without_quotes_and_another_value_has_none():
    assert [as_text(value) for value in ("us-east-1a", False, ["x"])] == ["us-east-1a", "false", "['x']"]
