"""Where init and render write: all of it or nothing, never over what is not efakit's, whatever the path is."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from efakit.cli import bundle
from efakit.cli.bundle import MANIFEST, Manifest, read_manifest, write_bundle
from efakit.cli.init import _write
from efakit.emit.registry import File
from efakit.errors import UsageError
from tests.cli.running import COMMAND
from tests.cli.test_commands import INIT, refused, run
from tests.emit.denied import without_privilege

pytestmark = pytest.mark.thorough

FILES = [File("cluster.yaml", b"a\n"), File("jobs/train.sbatch", b"b\n", executable=True)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def written(tmp_path) -> Path:
    folder = tmp_path / "bundle"
    write_bundle(folder, FILES, force=False)
    return folder


def test_a_link_to_a_folder_is_written_through(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for _ in range(2):
        write_bundle(tmp_path / "link", FILES, force=False)
    assert (tmp_path / "link").is_symlink()
    assert set(contents(tmp_path / "real")) == {"cluster.yaml", "jobs/train.sbatch", MANIFEST}


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("none"), os.mkfifo, lambda path: path.write_text("x")])
def test_what_is_no_folder_is_refused(tmp_path, make):
    make(tmp_path / "out")
    with pytest.raises(UsageError, match="out: is a "):
        write_bundle(tmp_path / "out", FILES, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["file/x", "n" * 300])
def test_an_error_names_the_folder_that_was_asked_for(tmp_path, name):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match=f"{name}: cannot be written: "):
        write_bundle(tmp_path / name, FILES, force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_is_there_is_written_without_touching_its_parent(tmp_path, monkeypatch):
    """It may be a mount of its own, over which no rename goes, in a folder that is not the user's."""
    folder = tmp_path / "mount"
    folder.mkdir()
    made = []
    make = bundle.tempfile.mkdtemp
    monkeypatch.setattr(bundle.tempfile, "mkdtemp", lambda **where: made.append(where["dir"]) or make(**where))
    write_bundle(folder, FILES, force=False)
    assert made == [folder]
    assert set(contents(folder)) == {"cluster.yaml", "jobs/train.sbatch", MANIFEST}


@pytest.mark.parametrize("path", ["../precious", "/precious", "jobs/../../precious", "", "a\0b"])
@pytest.mark.parametrize("force", [False, True])
def test_a_manifest_that_names_files_elsewhere_is_damaged(written, path, force):
    """Files of a manifest that are gone from the spec are removed; somebody else may have written it."""
    precious = written.parent / "precious"
    precious.write_text("x")
    files = {path: bundle._digest(b"x")}
    for content in (files, {"installer": None, "files": files}):
        (written / MANIFEST).write_text(json.dumps(content))
        with pytest.raises(UsageError, match="is damaged"):
            write_bundle(written, FILES, force=force)
    assert precious.exists()


def test_a_bundle_of_an_older_efakit_is_known_as_its_own(written):
    """Its manifest held the files alone."""
    content = json.loads((written / MANIFEST).read_text())
    (written / MANIFEST).write_text(json.dumps(content["files"]))
    assert read_manifest(written) == Manifest(content["files"], None)
    write_bundle(written, FILES[:1], force=False)
    assert set(contents(written)) == {"cluster.yaml", "jobs/train.sbatch", MANIFEST}


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": 1}', "[" * 100_000, '{"files": 7}', '{"files": {}, "installer": 7}']
)
def test_a_manifest_that_is_none_is_damaged(written, text):
    (written / MANIFEST).write_text(text)
    with pytest.raises(UsageError, match="is damaged"):
        write_bundle(written, FILES, force=False)


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/tmp"), lambda path: path.write_text("x")])
def test_another_thing_in_a_folder_s_place_is_a_change_and_nothing_is_written(written, make):
    (written / "jobs/train.sbatch").unlink()
    (written / "jobs").rmdir()
    make(written / "jobs")
    with pytest.raises(UsageError, match="was changed"):
        write_bundle(written, [File("cluster.yaml", b"new"), *FILES[1:]], force=False)
    assert (written / "cluster.yaml").read_bytes() == b"a\n"


def test_a_pipe_in_a_file_s_place_is_a_change_and_is_not_waited_for(written):
    (written / "cluster.yaml").unlink()
    os.mkfifo(written / "cluster.yaml")
    with pytest.raises(UsageError, match="was changed"):
        write_bundle(written, FILES, force=False)


def test_force_fails_before_the_first_file_is_replaced(written):
    (written / "jobs/train.sbatch").unlink()
    (written / "jobs").rmdir()
    (written / "jobs").write_text("x")
    with pytest.raises(UsageError, match="cannot be written"):
        write_bundle(written, [File("cluster.yaml", b"new"), *FILES[1:]], force=True)
    assert set(contents(written)) == {"cluster.yaml", "jobs", MANIFEST}
    assert (written / "cluster.yaml").read_bytes() == b"a\n"


def test_init_never_takes_the_place_of_a_device_or_pipe(tmp_path):
    """As root, a rename would put a file where /dev/null was."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for force in (False, True):
        with pytest.raises(UsageError, match="- for stdout"):
            _write(pipe, "text", force=force)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_init_overwrites_the_file_behind_a_link_and_not_the_link(tmp_path):
    (tmp_path / "real").write_text("old")
    for name, target in {"link": "real", "dangling": "new"}.items():
        (tmp_path / name).symlink_to(target)
        with pytest.raises(UsageError, match="--force"):
            _write(tmp_path / name, "text", force=False)
        _write(tmp_path / name, "text", force=True)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / target).read_text() == "text"


def test_init_leaves_nothing_beside_its_file(tmp_path):
    _write(tmp_path / "new/spec.yaml", "text", force=False)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["spec.yaml"]
    assert stat.S_IMODE((tmp_path / "new/spec.yaml").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--output", "n" * 300, "cannot be written"),
        ("--bucket", "", "--bucket: ''"),
        ("--reservation", "", "--reservation: ''"),
        ("--head-subnet", "", "--head-subnet (or --subnet): ''"),
        ("--key", os.fsdecode(b"\xff"), "half of a surrogate pair"),
    ],
)
def test_an_empty_value_is_no_missing_option(tmp_path, option, value, word):
    """--reservation "$UNSET" would otherwise buy on demand what is paid already."""
    refused(run(*INIT, "--output", "spec.yaml", option, value, cwd=tmp_path), word)
    assert list(tmp_path.iterdir()) == []


def test_init_tells_a_fault_once(tmp_path):
    done = run(*INIT, "--nodes", "-3", "--output", "spec.yaml", cwd=tmp_path)
    assert done.stderr.splitlines() == ["efakit: --nodes: -3 is not at least 1; write 1 or more"]


def test_init_quotes_the_next_command(tmp_path):
    done = run(*INIT, "--output", "my spec.yaml", cwd=tmp_path)
    assert "efakit render 'my spec.yaml' --out bundle" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("lint",),
        ("lint", "--spec"),
        ("render",),
        ("render", "{spec}", "--templates"),
        ("validate",),
        ("hooks", "install"),
        ("hooks", "flush", "--home"),
        ("records", "verify", "--records"),
        ("doctor", "--root"),
        ("diagnose",),
    ],
)
def test_a_name_that_no_file_can_have_is_refused_by_every_command(tmp_path, arguments):
    spec = tmp_path / "spec.yaml"
    run(*INIT, "--output", spec)
    refused(run(*(word.format(spec=spec) for word in arguments), tmp_path / ("n" * 300)), "nnn", "File name too long")


def test_what_nobody_may_look_at_is_refused_or_told_and_the_rest_is_judged(tmp_path):
    folder = tmp_path / "scripts"
    for name in ("a.sh", "closed/b.sh", "listed/c.sh", "unread.sh", "unread.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("#!/bin/bash\nexport FI_EFA_MTU_SIZE=1\n")
    for name, mode in {"closed": 0, "listed": 0o644, "unread.sh": 0, "unread.yaml": 0}.items():
        (folder / name).chmod(mode)
    done = denied("lint", folder)
    assert done.returncode == 1
    assert "a.sh:2" in done.stdout
    assert sorted(done.stderr.splitlines()) == [
        f"efakit: skipped: {folder / name}: cannot be read: Permission denied"
        for name in ("closed", "listed/c.sh", "unread.sh", "unread.yaml")
    ]
    refused(denied("records", "verify", "--records", folder / "closed/records"), "cannot be used: Permission denied")
    refused(denied("hooks", "install", folder / "closed/bundle"), "Permission denied")


def denied(*words: str | Path) -> subprocess.CompletedProcess[str]:
    argv = without_privilege([*COMMAND, *map(str, words)])
    return subprocess.run(argv, capture_output=True, text=True, check=False)


WRITERS = {
    "init": (*INIT, "--output", "new"),
    "render": ("render", "spec.yaml", "--out", "new"),
    "collect": ("doctor", "--root", "tree", "--collect", "new"),
    "fix script": ("doctor", "--root", "tree", "--fix-script", "new"),
    "assets": ("exporter", "--assets", "folder"),
    "metrics": ("exporter", "--textfile", "new.prom"),
}


@pytest.mark.parametrize("arguments", WRITERS.values(), ids=WRITERS)
def test_a_disk_that_is_full_leaves_no_half_of_a_file(tmp_path, arguments):
    run(*INIT, "--output", tmp_path / "spec.yaml")
    for name in ("tree/etc", "folder"):
        (tmp_path / name).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    # The kernel's limit of a file's size ends a write as a full disk does: in its middle.
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
    argv = [sys.executable, "-B", "-c", full + COMMAND[-1], *map(str, arguments)]
    refused(subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path), "File too large")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("elsewhere")], ids=["a pipe", "a link"])
def test_doctor_s_script_is_not_written_through_what_others_put_there(tmp_path, make):
    """Root writes it, perhaps into a folder where others may put links."""
    (tmp_path / "tree").mkdir()
    make(tmp_path / "fix.sh")
    refused(run("doctor", "--root", tmp_path / "tree", "--fix-script", tmp_path / "fix.sh"), "doctor did not write it")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fix.sh", "tree"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("submit", "{}", "--dry-run"),
        ("top", "--once", "--nodes", "n1", "--cert", "{}", "--key", "{}", "--ca", "{}"),
        ("exporter", "--cert", "{}", "--key", "{}", "--client-ca", "{}"),
    ],
)
@pytest.mark.parametrize("device", ["pipe", "/dev/zero"])
def test_what_never_ends_is_not_read(tmp_path, device, arguments):
    os.mkfifo(tmp_path / "pipe")
    words = [word.format(tmp_path / device) for word in arguments]
    refused(run(*words), f"{tmp_path / device}: cannot be read: it is a pipe or a device")
