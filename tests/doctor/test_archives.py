"""What ``efakit doctor --root`` is given may come from anybody: archives and documents that are no good are refused."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.doctor.archive import Collected, read_collected, write_archive
from efakit.doctor.document import MOST_BYTES, document_of
from efakit.errors import UsageError
from efakit.hook.collect import look

pytestmark = pytest.mark.thorough

GOOD = "efakit-doctor/collected.json"


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    empty = tmp_path_factory.mktemp("empty")
    document = document_of(json.loads(json.dumps(look(str(empty), "node-1"))), "x")
    path = empty / "a.tar.gz"
    write_archive(path, Collected((document,), (("node-2", "down"),)))
    with tarfile.open(path) as archive:
        file = archive.extractfile(GOOD)
        assert file is not None
        return file.read()


def packed(path: Path, *members: tuple[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members:
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[str, tarfile.TarInfo]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return name, info


def test_an_archive_is_read_back_with_the_nodes_that_did_not_answer(tmp_path, content):
    found = read_collected(packed(tmp_path / "a.tar.gz", (GOOD, content)))
    assert found is not None
    assert [item.node for item in found.documents] == ["node-1"]
    assert found.not_asked == (("node-2", "down"),)


def test_members_of_other_names_are_passed_over_and_nothing_is_written(tmp_path, content):
    names = ["../../escaped", "/etc/escaped", "efakit-doctor/../collected.json"]
    path = packed(tmp_path / "a.tar.gz", *((name, b"{}") for name in names), (f"./{GOOD}", content))
    found = read_collected(path)
    assert found is not None
    assert len(found.documents) == 1
    assert [item.name for item in tmp_path.iterdir()] == ["a.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_a_link_or_device_in_the_place_of_the_document_is_not_followed(tmp_path, kind):
    path = packed(tmp_path / "a.tar.gz", link(GOOD, "/etc/passwd", kind))
    with pytest.raises(UsageError, match=r"has no efakit-doctor/collected\.json"):
        read_collected(path)


def test_a_bomb_is_left_at_the_limit(tmp_path):
    path = tmp_path / "a.tar.gz"
    info = tarfile.TarInfo("zeros")
    info.size = 200 << 20
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(info.tobuf())
        for _ in range(200):
            file.write(bytes(1 << 20))
    with pytest.raises(UsageError, match="unpacks to more than 64 MiB"):
        read_collected(path)


def test_a_document_that_is_too_large_is_refused(tmp_path):
    path = packed(tmp_path / "a.tar.gz", (GOOD, b" " * (MOST_BYTES + 1)))
    with pytest.raises(UsageError, match="at most 16 MiB"):
        read_collected(path)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x1f\x8b", b"\x1f\x8bgarbage garbage", b"not json", b"{}", b"[1]", b'{"documents": 1}', b"[" * 200_000],
    ids=["empty", "gzip's first bytes", "no gzip", "text", "object", "list", "documents", "deep"],
)
def test_what_is_no_archive_is_refused_with_its_name(tmp_path, data):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"x\.tar\.gz"):
        read_collected(path)


def test_a_cut_off_archive_is_refused(tmp_path, content):
    path = packed(tmp_path / "x.tar.gz", (GOOD, content * 50))
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(UsageError, match=r"x\.tar\.gz"):
        read_collected(path)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        read_collected(tmp_path / "none")


def test_a_node_that_is_there_twice_and_a_number_without_end_are_refused(tmp_path, content):
    data = json.loads(content)
    data["documents"] *= 2
    with pytest.raises(UsageError, match="duplicate node node-1"):
        read_collected(packed(tmp_path / "a.tar.gz", (GOOD, json.dumps(data).encode())))
    with pytest.raises(UsageError, match="no JSON"):
        read_collected(packed(tmp_path / "b.tar.gz", (GOOD, b"1" * 10_000_000)))


def test_a_node_s_archive_is_no_image_s(tmp_path, content):
    path = packed(tmp_path / "a.tar.gz", (GOOD, content))
    done = CliRunner().invoke(efakit, ["doctor", "--container", "--root", str(path)])
    assert "leave --container out" in str(done.exception)


@pytest.mark.parametrize("name", ["x; touch owned", "x\ud800", "$(touch owned)", "\n touch owned", "x" * 4000])
def test_texts_of_a_hostile_archive_do_not_run_in_its_fix_script(tmp_path, content, name):
    data = json.loads(content)
    (document,) = data["documents"]
    document["node"] = name
    document["machine"] = {"instance_type": "p5.48xlarge", "vendor": "Amazon EC2", "parallelcluster": name}
    document["settings"] = {"path": name, "problems": [name], "expected_devices": 32}
    document["settings"].update(compute_resources={}, stack={})
    document["keeping"] = {
        "spool": name,
        "spool_trouble": name,
        "waiting": 40,
        "set_aside": 1,
        "records": name,
        "records_trouble": name,
    }
    document["software"]["plugins"] = [f"{name}/libnccl-net.so"]
    document["loader"]["cache"] = ["/lib64/libc.so.6"]
    path, script = packed(tmp_path / "a.tar.gz", (GOOD, json.dumps(data).encode())), tmp_path / "fix.sh"
    done = CliRunner().invoke(efakit, ["doctor", "--root", str(path), "--fix-script", str(script)])
    assert done.exit_code == 1, done.exception
    folder = tmp_path / "bin"
    folder.mkdir()
    for stub in ("sudo", "curl", "tar", "df", "findmnt"):
        (folder / stub).write_text("#!/bin/sh\n")
        (folder / stub).chmod(0o755)
    text = script.read_text().replace("set -eu", "").replace("(cd aws-efa-installer", "(:")
    script.write_text(text)
    subprocess.run(["/bin/sh", script], cwd=tmp_path, env={"PATH": f"{folder}:/usr/bin:/bin"}, capture_output=True)
    assert "sudo" in text
    assert not (tmp_path / "owned").exists()


def test_a_cluster_of_another_form_is_refused(tmp_path, content):
    from efakit.doctor.examine import examine

    data = json.loads(content)
    for cluster in ({}, [], "x", {"config": 1}):
        data["cluster"] = cluster
        found = read_collected(packed(tmp_path / f"{len(str(cluster))}.tar.gz", (GOOD, json.dumps(data).encode())))
        assert found is not None
        with pytest.raises(UsageError, match="cluster"):
            examine(found, "0.1.0", "x")
