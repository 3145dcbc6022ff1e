"""Folders held by descriptor: what root makes, reads and writes, and that nobody else chooses where."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from efakit.hook import tell
from efakit.hook.folder import Untrusted, open_folder, open_holder
from efakit.hook.spool import Spool
from efakit.hook.trust import load_trusted

pytestmark = pytest.mark.thorough

ANOTHER_USER = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="acts as another user: run as root")
# The calls before each of which another user may do something.
CALLS = ("open", "mkdir", "stat", "lstat", "fstat", "readlink", "chmod", "fchmod", "rename", "unlink", "umask", "close")


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["umask 0", "umask 022", "umask 077"])
def umask(request) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def theirs(path: Path, mode: int = 0o755) -> Path:
    path.mkdir()
    path.chmod(mode)
    os.chown(path, ANOTHER_USER, ANOTHER_USER)
    return path


def sticky(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o1777)
    return path


@pytest.fixture
def passable() -> Iterator[Path]:
    """A folder through which another user may pass; pytest keeps its own for root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def as_another_user(work: Callable[[], Any]) -> int:
    """Start ``work`` in a process of another user's and return its id; what it cannot do, it does not do."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(ANOTHER_USER)
            os.setuid(ANOTHER_USER)
            work()
        finally:
            os._exit(0)
    return child


def before_call(monkeypatch, number: int, work: Callable[[], None]) -> list[str]:
    """Do ``work`` before the call of that number to the kernel; return the list of all calls, which grows."""
    made: list[str] = []

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def at_call(*arguments: Any, **options: Any) -> Any:
            made.append(name)
            if len(made) == number:
                with monkeypatch.context() as inside:
                    for other, real in real_calls.items():
                        inside.setattr(os, other, real)
                    work()
            return call(*arguments, **options)

        return at_call

    real_calls = {name: getattr(os, name) for name in CALLS}
    for name, call in real_calls.items():
        monkeypatch.setattr(os, name, watched(name, call))
    return made


# What is made.


def test_what_is_missing_is_made_with_its_mode_whatever_the_umask(tmp_path, umask):
    for mode in (0o700, 0o755, 0o711):
        with open_folder(str(tmp_path / f"{mode:o}/one/two"), mode) as folder, folder.sub("three", mode):
            assert Path(folder.path).is_dir()
        assert mode_of(tmp_path / f"{mode:o}") == mode_of(tmp_path / f"{mode:o}/one") == 0o755
        assert mode_of(tmp_path / f"{mode:o}/one/two") == mode_of(tmp_path / f"{mode:o}/one/two/three") == mode
    assert os.umask(umask) == umask, "the umask is as it was"


def test_a_file_has_its_mode_whatever_the_umask(tmp_path, umask):
    with open_folder(str(tmp_path)) as folder:
        for mode in (0o600, 0o640, 0o644):
            folder.write(f"{mode:o}", b"text", mode)
            assert mode_of(tmp_path / f"{mode:o}") == mode


@pytest.mark.parametrize("umask", [0], indirect=True)
def test_at_no_moment_may_others_write_what_is_made(tmp_path, umask, monkeypatch):
    top = tmp_path / "top"
    seen = []

    def look() -> None:
        seen.extend(path for path in [top, *top.rglob("*")] if path.exists() and mode_of(path) & 0o022)

    for number in range(1, 1000):
        with monkeypatch.context() as inside:
            calls = before_call(inside, number, look)
            with open_folder(str(top / f"{number}/run"), 0o755) as folder:
                folder.write("file", b"text", 0o644)
        if len(calls) < number:
            break
    assert 20 < number < 999, "each moment was looked at"
    assert seen == []


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    (tmp_path / "there").mkdir(mode=0o750)
    open_folder(str(tmp_path / "there"), 0o700).close()
    assert mode_of(tmp_path / "there") == 0o750


def test_a_set_group_id_bit_is_inherited(tmp_path):
    (tmp_path / "group").mkdir()
    (tmp_path / "group").chmod(0o2755)
    before = os.umask(0o077)
    open_folder(str(tmp_path / "group/new"), 0o755).close()
    os.umask(before)
    assert mode_of(tmp_path / "group/new") == 0o2755


def test_without_a_mode_nothing_is_made(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "no")):
        open_folder(str(tmp_path / "no/where"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["with\0zero", "with\udc80surrogate\ud800", "x" * 256, "a/" * 3000])
def test_a_path_that_is_none_is_an_os_error(tmp_path, path):
    with pytest.raises(OSError, match=r"not a path|too long"):
        open_folder(f"{tmp_path}/{path}", 0o755)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x"])
def test_a_name_is_of_an_entry_of_the_folder(tmp_path, name):
    with open_folder(str(tmp_path)) as folder:
        for work in (
            lambda: folder.read(name, 9),
            lambda: folder.write(name, b"", 0o600),
            lambda: folder.remove(name),
            lambda: folder.stat(name),
            lambda: folder.sub(name, 0o700),
        ):
            with pytest.raises(OSError, match="not the name of an entry"):
                work()


# Whom it trusts.


@as_root
@pytest.mark.parametrize("prepare", ["run_dir", "spool_dir"])
@pytest.mark.parametrize("place", ["theirs/link/new", "theirs/new", "theirs/own/new", "sticky/link/new", "sticky/link"])
def test_below_what_another_user_chooses_nothing_is_made(tmp_path, prepare, place):
    target = tmp_path / "target"
    target.mkdir()
    theirs(tmp_path / "theirs")
    (tmp_path / "theirs/link").symlink_to(target)
    (tmp_path / "theirs/own").mkdir()  # root made it there, and its owner may still move it away
    link = sticky(tmp_path / "sticky") / "link"
    link.symlink_to(target)
    os.lchown(link, ANOTHER_USER, ANOTHER_USER)
    before = sorted(tmp_path.rglob("*"))
    path = str(tmp_path / place)
    with pytest.raises(Untrusted, match=f"belongs to user {ANOTHER_USER}"):
        tell.prepare_run_dir(path) if prepare == "run_dir" else Spool(path, "n1").prepare()
    assert sorted(tmp_path.rglob("*")) == before


@as_root
def test_a_dangling_link_of_another_user_makes_nothing(tmp_path):
    link = sticky(tmp_path / "sticky") / "link"
    link.symlink_to(tmp_path / "not-yet")
    os.lchown(link, ANOTHER_USER, ANOTHER_USER)
    for path in (link, link / "new"):
        with pytest.raises(Untrusted):
            open_folder(str(path), 0o755)
    assert not (tmp_path / "not-yet").exists()


@as_root
def test_in_a_sticky_folder_one_s_own_is_safe_and_another_s_is_refused(tmp_path):
    top = sticky(tmp_path / "sticky")
    open_folder(str(top / "own/run"), 0o755).close()
    theirs(top / "theirs")
    with pytest.raises(Untrusted, match="belongs to user"):
        open_folder(str(top / "theirs"), 0o755)
    with pytest.raises(Untrusted, match="may be written by others"):
        open_folder(str(top))


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_below_a_folder_that_others_may_write_nothing_is_made(tmp_path, mode):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(mode)
    for path in ("open", "open/new", "open/new/deeper"):
        with pytest.raises(Untrusted, match=rf"open may be written by others \(mode {mode:04o}\)"):
            open_folder(str(tmp_path / path), 0o755)
    assert list((tmp_path / "open").iterdir()) == []


def test_one_s_own_links_on_the_way_are_followed_and_none_at_the_end(tmp_path):
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "relative").symlink_to("real")
    (tmp_path / "absolute").symlink_to(tmp_path / "relative/inner")
    (tmp_path / "real/up").symlink_to("../real/./inner/..")
    for way in ("relative/inner", "absolute", "relative/up/inner", "absolute/../up/inner"):
        with open_folder(str(tmp_path / way / "new"), 0o755) as folder:
            assert folder.path == str(tmp_path / "real/inner/new")
        (tmp_path / "real/inner/new").rmdir()
    for way in ("relative", "absolute", "absolute/", "absolute/."):
        with pytest.raises(Untrusted, match="is a symbolic link"):
            open_folder(str(tmp_path / way), 0o755)


def test_as_many_links_as_the_kernel_follows(tmp_path):
    (tmp_path / "0").mkdir()
    for number in range(1, 42):
        (tmp_path / str(number)).symlink_to(str(number - 1))
    open_folder(str(tmp_path / "40/new"), 0o755).close()
    with pytest.raises(OSError, match="Too many levels"):
        open_folder(str(tmp_path / "41/new"), 0o755)


def test_a_relative_path_begins_where_the_process_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_folder("here", 0o755) as folder, open_folder("here/..") as above:
        assert (folder.path, above.names()) == (str(tmp_path / "here"), ["here"])


def test_what_is_no_folder_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    for path in ("file", "file/new"):
        with pytest.raises(NotADirectoryError, match=str(tmp_path / "file")):
            open_folder(str(tmp_path / path), 0o755)


# What a user does in the meantime.


@as_root
@pytest.mark.parametrize("place", ["theirs/run", "theirs/a/b/run", "sticky/run", "sticky/a/run"])
@pytest.mark.parametrize("prepare", ["run_dir", "spool_dir"])
def test_whenever_a_user_swaps_a_folder_for_a_link_nothing_of_root_s_changes(passable, monkeypatch, place, prepare):
    """At each call that the hook makes: the user moves what is there away, and puts a link to root's in its place."""
    swaps = 0
    for number in range(1, 1000):
        top = passable / str(number)
        top.mkdir()
        victim = top / "victim"
        victim.mkdir(mode=0o711)
        (victim / "secret").write_text("secret")
        (victim / "secret").chmod(0o600)
        theirs(top / "theirs")
        sticky(top / "sticky")
        swapped = top / place.partition("/")[0] / place.split("/")[1]
        before = status_of(victim)

        def swap(swapped: Path = swapped, victim: Path = victim) -> None:
            def work() -> None:
                if os.path.lexists(swapped):
                    swapped.rename(swapped.with_suffix(".away"))
                swapped.symlink_to(victim)

            os.waitpid(as_another_user(work), 0)

        with monkeypatch.context() as inside:
            calls = before_call(inside, number, swap)
            try:
                path = str(top / place)
                tell.prepare_run_dir(path).close() if prepare == "run_dir" else Spool(path, "n1").prepare()
            except Untrusted:
                pass
        assert status_of(victim) == before, f"before call {number}, {calls[number - 1]}"
        if len(calls) < number:
            break
        swaps += swapped.is_symlink()
    assert 5 < number < 999, "the user has had each moment"
    assert swaps > 5, "the user could do it"


@as_root
def test_a_user_who_swaps_all_the_time_changes_nothing_of_root_s(passable):
    victim = passable / "victim"
    victim.mkdir(mode=0o700)
    (victim / "run").mkdir(mode=0o700)
    (victim / "file").write_text("secret")
    (victim / "file").chmod(0o600)
    home = theirs(passable / "home")
    before = status_of(victim)

    reader, writer = os.pipe()

    def swap_for_ever() -> None:
        os.chdir(home)
        told = 0
        for target in [str(victim), str(victim / "run"), str(victim / "file")] * 1_000_000:
            for work in (
                lambda: Path("a").mkdir(),
                lambda: Path("a").rename("away"),
                lambda target=target: Path("a").symlink_to(target),
                lambda: Path("a").unlink(),
                lambda: Path("away").rmdir(),
            ):
                with contextlib.suppress(OSError):  # root was there in between
                    work()
                if Path("a").is_symlink() and not told:
                    told = os.write(writer, b"!")

    child = as_another_user(swap_for_ever)
    os.close(writer)
    try:
        assert os.read(reader, 1), "the user could do it"
        refused = 0
        for round_ in range(300):
            for place in ("home/a", "home/a/run", "home/a/new"):
                with pytest.raises(Untrusted):
                    tell.prepare_run_dir(str(passable / place))
                refused += 1
            assert status_of(victim) == before, f"round {round_}"
    finally:
        os.close(reader)
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert refused == 900
    assert {path.lstat().st_uid for path in home.iterdir()} <= {ANOTHER_USER}, "root made nothing there"


def status_of(folder: Path) -> list[tuple[str, int, int, int, int]]:
    return [
        (str(path), status.st_mode, status.st_uid, status.st_gid, status.st_size if path.is_file() else 0)
        for path in [folder, *sorted(folder.rglob("*"))]
        for status in [path.lstat()]
    ]


# Reading.


def test_a_file_is_read_to_its_end_and_no_further_than_allowed(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 5000)
    with open_folder(str(tmp_path)) as folder:
        assert folder.read("file", 5000) == b"x" * 5000
        with pytest.raises(OSError, match="more than 4999 bytes") as caught:
            folder.read("file", 4999)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(tmp_path / "file"))


def test_short_reads_are_put_together(tmp_path, monkeypatch):
    content = bytes(range(256)) * 4
    (tmp_path / "file").write_bytes(content)
    read = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, count: read(descriptor, min(count, 7)))
    with open_folder(str(tmp_path)) as folder:
        assert folder.read("file", 1 << 20) == content


def test_a_file_that_grows_while_it_is_read_has_its_limit_too(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(os, "read", lambda descriptor, count: b"x" * count)
    with open_folder(str(tmp_path)) as folder, pytest.raises(OSError, match="more than 100000 bytes"):
        folder.read("file", 100_000)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: os.mkfifo(path), "is not a regular file"),
        (lambda path: path.mkdir(), "is not a regular file"),
        (lambda path: path.symlink_to("good"), "is a symbolic link"),
        (lambda path: path.symlink_to("nowhere"), "is a symbolic link"),
        (lambda path: (path.write_text("{}"), path.chmod(0o666)), "may be written by others"),
        pytest.param(
            lambda path: (path.write_text("{}"), os.chown(path, ANOTHER_USER, 0)),
            f"belongs to user {ANOTHER_USER}",
            marks=as_root,
        ),
    ],
)
def test_what_others_may_have_written_is_not_read(tmp_path, make, why):
    (tmp_path / "good").write_text("{}")
    make(tmp_path / "bad")
    with open_folder(str(tmp_path)) as folder, pytest.raises(Untrusted, match=why):
        folder.read("bad", 100)
    assert load_trusted(str(tmp_path / "bad")) is None
    assert load_trusted(str(tmp_path / "good")) == {}


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"a": 1', b"{}" + b" " * (1 << 20)])
def test_what_is_no_object_or_too_large_counts_for_none(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    assert load_trusted(str(tmp_path / "file")) is None


# Writing.


def test_a_file_is_replaced_as_a_whole_and_a_link_in_its_place_as_well(tmp_path):
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "name").symlink_to("elsewhere")
    with open_folder(str(tmp_path)) as folder:
        folder.write("name", b"new", 0o644, durable=True)
    assert (tmp_path / "name").read_bytes() == b"new"
    assert not (tmp_path / "name").is_symlink()
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_short_writes_and_interrupted_calls_leave_the_whole_file(tmp_path, monkeypatch):
    content = bytes(range(256)) * 4
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    for name in ("open", "mkdir", "fstat", "write", "fsync", "rename", "unlink", "listdir", "stat"):
        interrupt_once(monkeypatch, name)
    with open_folder(str(tmp_path / "new/er"), 0o700) as folder:
        folder.write("file", content, 0o600, durable=True)
        assert folder.read("file", 1 << 20) == content
        folder.write("other", b"", 0o600)
        assert folder.stat("other").st_size == 0
        assert folder.remove("other")
        assert folder.names() == ["file"]


def interrupt_once(monkeypatch, name: str) -> None:
    call, interrupted = getattr(os, name), []

    def at_call(*arguments: Any, **options: Any) -> Any:
        if not interrupted:
            interrupted.append(name)
            raise InterruptedError(errno.EINTR, "Interrupted system call")
        return call(*arguments, **options)

    monkeypatch.setattr(os, name, at_call)


@pytest.mark.parametrize("unlink_fails", [False, True])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("call", ["open", "fstat", "write", "fsync", "close", "rename"])
def test_a_failure_leaves_nothing_but_what_was_there(tmp_path, monkeypatch, call, failure, unlink_fails):
    (tmp_path / "name").write_bytes(b"old")
    folder = open_folder(str(tmp_path))
    with monkeypatch.context() as inside:
        real = getattr(os, call)
        done = []

        def fail_once(*arguments: Any, **options: Any) -> Any:
            if done:
                return real(*arguments, **options)
            done.append(call)
            if call == "close":
                real(*arguments)
            raise failure

        inside.setattr(os, call, fail_once)
        if unlink_fails:
            inside.setattr(os, "unlink", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EIO, "unlink")))
        with pytest.raises(type(failure)) as caught:
            folder.write("name", b"new", 0o644, durable=True)
    if isinstance(failure, OSError):
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "name"))
    assert (tmp_path / "name").read_bytes() == b"old"
    if not unlink_fails:
        assert folder.names() == ["name"]
    folder.close()


def test_a_folder_in_the_file_s_place_leaves_no_temporary(tmp_path):
    (tmp_path / "name").mkdir()
    with open_folder(str(tmp_path)) as folder:
        with pytest.raises(IsADirectoryError, match=str(tmp_path / "name")):
            folder.write("name", b"new", 0o644)
        assert folder.names() == ["name"]


def test_the_longest_name_can_be_written(tmp_path):
    with open_folder(str(tmp_path)) as folder:
        folder.write("n" * 255, b"new", 0o644)
        assert folder.names() == ["n" * 255]


def test_what_another_run_leaves_behind_does_not_stop_a_write(tmp_path):
    with open_folder(str(tmp_path)) as folder:
        (tmp_path / f".name.{os.getpid()}").write_text("left by a hook that was killed")
        folder.write("name", b"new", 0o644)
        assert folder.read("name", 9) == b"new"


def test_what_is_gone_already_is_no_failure_to_remove(tmp_path):
    (tmp_path / "name").write_text("")
    with open_folder(str(tmp_path)) as folder:
        assert [folder.remove("name"), folder.remove("name")] == [True, False]


def test_no_descriptor_stays_open(tmp_path):
    (tmp_path / "link").symlink_to(".")
    (tmp_path / "file").write_text("{}")
    gc.collect()  # what earlier tests left in circles would be closed meanwhile
    before = sorted(Path("/dev/fd").iterdir())

    def use() -> None:
        with open_folder(str(tmp_path / "link/a/b"), 0o755) as folder, folder.sub("c", 0o755) as inner:
            inner.write("file", b"", 0o600, durable=True)
            inner.sync("file")
            inner.names()
        for path in ("link", "file/x", "none/x", "a/../file"):
            with pytest.raises(OSError, match=str(tmp_path)):
                open_folder(str(tmp_path / path))
        load_trusted(str(tmp_path / "file"))
        open_folder(str(tmp_path))  # nobody holds it

    for _ in range(3):
        use()
    assert sorted(Path("/dev/fd").iterdir()) == before


def test_a_folder_that_another_process_inherits_is_not_closed_there(tmp_path):
    """Its number may be another file's by then: a child of ``node.bounded`` closes what it inherits."""
    folder = open_folder(str(tmp_path))
    number = folder._descriptor
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writer, number)
        folder.close()
        try:
            os.write(number, b"open")
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert os.read(reader, 9) == b"open"
    os.close(reader)
    folder.close()


@as_root
def test_a_folder_on_the_way_to_another_may_be_a_link_of_root_s_and_sticky(tmp_path):
    sticky(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "users").symlink_to("real")
    os.lchown(tmp_path / "users", ANOTHER_USER, ANOTHER_USER)
    with open_folder(str(tmp_path)) as folder:
        with folder.sub("link", on_the_way=True) as way, way.sub("new", 0o750) as new:
            assert new.path == str(tmp_path / "real/new")
        with folder.sub("made", 0o750, on_the_way=True) as made:
            assert mode_of(Path(made.path)) == 0o750
        with pytest.raises(Untrusted, match="belongs to user"):
            folder.sub("users", 0o750, on_the_way=True)
        with pytest.raises(Untrusted, match="is a symbolic link"):
            folder.sub("link", 0o750)


def test_a_file_s_folder_may_be_a_link_of_one_s_own_and_sticky(tmp_path, monkeypatch):
    sticky(tmp_path / "real")
    (tmp_path / "real/file").write_text('{"a": 1}')
    (tmp_path / "real/file").chmod(0o644)
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    for path in (str(tmp_path / "real/file"), str(tmp_path / "link/file"), "link/file"):
        assert load_trusted(path) == {"a": 1}
    folder, name = open_holder("link/new")
    with folder:
        folder.write(name, b"new", 0o644)
    assert (tmp_path / "real/new").read_bytes() == b"new"
    for path in ("/", "real/..", "real/.", "real", "no", ""):
        assert load_trusted(path) is None
