"""The file for node_exporter is there whole or not at all, whoever else may write to its folder."""

from __future__ import annotations

import os
import signal
import time

import pytest

from efakit.exporter import textfile
from efakit.exporter.textfile import replace_file


@pytest.fixture(params=["unnamed", "named"], autouse=True)
def file_system(request, monkeypatch):
    """As Linux has it, and as NFS does, where each file has a name."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE")
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("files without a name are Linux's")


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def test_the_new_file_takes_the_place_of_the_old_one_and_everybody_may_read_it(tmp_path):
    path = tmp_path / "efa.prom"
    for content in (b"one\n", b"two\n"):
        replace_file(path, content)
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o777 == 0o644
    assert names_in(tmp_path) == ["efa.prom"]


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "efa.prom"
    victim.write_text("precious")
    path.symlink_to(victim)
    replace_file(path, b"metrics")
    assert victim.read_text() == "precious"
    assert not path.is_symlink()
    assert path.read_bytes() == b"metrics"


def test_what_cannot_be_replaced_leaves_nothing_else(tmp_path):
    (tmp_path / "efa.prom").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_file(tmp_path / "efa.prom", b"metrics")
    assert names_in(tmp_path) == ["efa.prom"]


@pytest.mark.thorough
def test_a_process_that_is_killed_leaves_a_whole_file_and_the_next_one_clears_up(tmp_path, monkeypatch):
    path, contents = tmp_path / "efa.prom", [letter * 300_000 for letter in (b"a", b"b")]
    replace_file(path, contents[0])
    for killed in range(20):
        child = os.fork()
        if not child:
            while True:
                for content in contents:
                    replace_file(path, content)
        time.sleep(0.002 + killed % 7 / 1000)  # anywhere in its work
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert path.read_bytes() in contents
    # A young file may be one that is being written just now.
    (tmp_path / ".efa.prom.0123456789abcdef").touch()
    replace_file(path, b"")
    assert ".efa.prom.0123456789abcdef" in names_in(tmp_path)
    monkeypatch.setattr(textfile, "_OLD_SECONDS", -1.0)
    replace_file(path, b"")
    assert names_in(tmp_path) == ["efa.prom"]
