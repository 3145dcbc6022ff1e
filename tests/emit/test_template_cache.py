"""What is kept of efakit's own job templates, compiled, and when it serves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from efakit.emit.template_cache import TemplateCache

SETTINGS = {"trim_blocks": True}


@pytest.fixture
def templates(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    folder = tmp_path / "job-templates"
    folder.mkdir()
    (folder / "a.j2").write_text("one {{ 1 + 1 }}\n")
    return folder


def rendered(templates: Path, *, own: Path | None = None, **settings: bool) -> tuple[str, bool]:
    """Return what a.j2 of a folder renders to, and whether it had to be compiled."""
    settings = {**SETTINGS, **settings}
    compiled = []

    class Counting(Environment):
        def compile(self, *arguments, **named):
            compiled.append(True)
            return super().compile(*arguments, **named)

    environment = Counting(
        loader=FileSystemLoader(templates), bytecode_cache=TemplateCache(own or templates, settings), **settings
    )
    return environment.get_template("a.j2").render(), bool(compiled)


def test_a_template_is_compiled_once(templates):
    assert rendered(templates) == ("one 2", True)
    assert rendered(templates) == ("one 2", False)


def test_a_changed_template_is_compiled_anew(templates):
    rendered(templates)
    before = (templates / "a.j2").stat()
    (templates / "a.j2").write_text("two {{ 1 + 1 }}\n")
    os.utime(templates / "a.j2", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert rendered(templates) == ("two 2", True)


def test_other_settings_compile_anew(templates):
    rendered(templates)
    assert rendered(templates, keep_trailing_newline=True) == ("one 2\n", True)


def test_another_release_of_jinja2_compiles_anew(templates, tmp_path, monkeypatch):
    rendered(templates)
    other = tmp_path / "compiler.py"
    other.write_text("")
    monkeypatch.setattr("efakit.emit.template_cache.compiler.__file__", str(other))
    assert rendered(templates) == ("one 2", True)


@pytest.mark.parametrize("cut", [0, 1, 20, 40, 150])
def test_a_damaged_file_is_compiled_anew_and_replaced(templates, cut):
    rendered(templates)
    [kept] = (templates / "__pycache__").iterdir()
    kept.write_bytes(kept.read_bytes()[:cut])
    assert rendered(templates) == ("one 2", True)
    assert rendered(templates) == ("one 2", False)


def test_a_folder_that_was_moved_names_its_own_files(templates, tmp_path):
    rendered(templates)
    moved = templates.rename(tmp_path / "moved")
    assert rendered(moved) == ("one 2", True)


def test_nothing_is_kept_of_a_folder_of_the_user_s_own(templates, tmp_path):
    for _ in range(2):
        assert rendered(templates, own=tmp_path / "efakit") == ("one 2", True)
    assert [path.name for path in templates.iterdir()] == ["a.j2"]


def test_nothing_is_kept_where_python_keeps_no_bytecode(templates, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    rendered(templates)
    assert [path.name for path in templates.iterdir()] == ["a.j2"]


def test_it_is_kept_where_python_keeps_its_bytecode(templates, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "kept"))
    assert [rendered(templates)[1], rendered(templates)[1]] == [True, False]
    assert [path.name for path in templates.iterdir()] == ["a.j2"]


def test_a_folder_that_cannot_be_written_is_no_error(templates):
    (templates / "__pycache__").write_text("a file, where Python would make a folder")
    for _ in range(2):
        assert rendered(templates) == ("one 2", True)
