"""What root code may use: nothing that somebody else could have put there, on whatever way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from efakit.hook.trust import distrust

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user: run as root")
ANOTHER_USER = 65534


@pytest.fixture
def file(tmp_path) -> Path:
    """A file that may be used."""
    path = tmp_path / "own/hook.json"
    path.parent.mkdir(mode=0o755)
    path.write_text("{}")
    path.chmod(0o644)
    return path


def users_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, ANOTHER_USER, ANOTHER_USER)
    return folder


def test_a_file_of_root_s_in_folders_of_root_s_may_be_used(file):
    assert distrust(str(file)) is None
    assert distrust(f"{file.parent}/") is None


def test_a_link_above_it_is_fine_where_nobody_else_can_turn_it(file, tmp_path):
    (tmp_path / "link").symlink_to("own")
    assert distrust(str(tmp_path / "link/hook.json")) is None


def test_a_link_in_a_user_s_folder_can_be_turned_by_the_user(file, tmp_path):
    folder = users_folder(tmp_path)
    (folder / "link").symlink_to(file.parent)
    assert distrust(str(folder / "link/hook.json")) == f"{folder} belongs to user {ANOTHER_USER}"


def test_a_link_to_a_link_in_a_user_s_folder_can_be_turned_as_well(file, tmp_path):
    folder = users_folder(tmp_path)
    (folder / "second").symlink_to(file.parent)
    (tmp_path / "first").symlink_to(folder / "second")
    assert distrust(str(tmp_path / "first/hook.json")) == f"{folder} belongs to user {ANOTHER_USER}"


def test_a_user_s_link_in_a_sticky_folder_can_be_turned(file, tmp_path):
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    link = folder / "link"
    link.symlink_to(file.parent)
    assert distrust(str(link / "hook.json")) is None
    os.lchown(link, ANOTHER_USER, ANOTHER_USER)
    assert distrust(str(link / "hook.json")) == f"{link} belongs to user {ANOTHER_USER}"


def test_two_dots_behind_a_link_lead_where_the_kernel_goes(file, tmp_path):
    folder = users_folder(tmp_path)
    (folder / "inner").mkdir()
    (folder / "hook.json").write_text("{}")
    (file.parent / "link").symlink_to(folder / "inner")
    assert distrust(str(file.parent / "link/../hook.json")) == f"{folder} belongs to user {ANOTHER_USER}"


def test_links_in_a_circle_are_an_error(tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(OSError, match="Too many levels"):
        distrust(str(tmp_path / "one/hook.json"))
