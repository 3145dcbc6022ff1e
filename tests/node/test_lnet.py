"""LNet's counters, read from a folder tree with the files' texts as lustre-release 2.17.0 prints them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from efakit.node.bounded import run_bounded
from efakit.node.lnet import lnet_difference, read_lnet
from efakit.node.record import make_record
from efakit.node.snapshot import assemble, pieces
from tests.lab import efa_tree
from tests.node.test_record import EXPECTATION, JOB

HEAD = f"{'nid':<24} {'status':>6} {'alive':>5} {'refs':>4} {'peer':>4} {'rtr':>4} {'max':>5} {'tx':>5} {'min':>5}\n"


def nis(*nids: str) -> str:
    """Return lnet/nis: one line an interface and CPU partition."""
    lines = [f"{nid:<24} {'up':>6} {-1:>5} {1:>4} {8:>4} {0:>4} {256:>5} {256:>5} {250:>5}\n" for nid in nids]
    return HEAD + "".join(line * 2 for line in lines)


def stats(sent: int, received: int, messages: int = 4) -> str:
    """Return lnet/stats: allocated, most, errors, sent, received, routed, dropped, then bytes of the last four."""
    return f"0 13 0 {messages} {messages} 0 0 {sent} {received} 0 0\n"


def write(root: Path, text: str, interfaces: str = nis("0@lo", "172.31.0.9@tcp", "172.31.0.9@efa")) -> Path:
    folder = root / "sys/kernel/debug/lnet"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stats").write_text(text)
    (folder / "nis").write_text(interfaces)
    return folder


def read(root: Path) -> dict:
    reading = read_lnet(str(root), all_tcp=True)
    assert reading is not None
    return dict(reading)


def test_bytes_messages_and_networks_are_read(tmp_path):
    write(tmp_path, stats(2**40, 7, 5))
    wanted = {"networks": ["efa", "tcp"], "send_bytes": 2**40, "recv_bytes": 7, "messages": 10}
    assert read(tmp_path) == {**wanted, "all_tcp": True, "error": None}


def test_many_interfaces_are_all_read(tmp_path):
    many = [f"10.0.{part}.{number}@efa" for part in range(4) for number in range(32)]
    write(tmp_path, stats(1, 1), nis(*many, "10.1.0.1@o2ib1"))
    assert read(tmp_path)["networks"] == ["efa", "o2ib1"]


def test_a_node_without_lustre_has_none_and_one_that_hides_it_has_an_error(tmp_path):
    assert read_lnet(str(tmp_path), all_tcp=True) is None
    (tmp_path / "sys/module/lnet").mkdir(parents=True)
    assert read(tmp_path)["error"] == "lnet is loaded, and debugfs does not show it"


@pytest.mark.parametrize(
    ("text", "interfaces", "error"),
    [
        ("", nis(), "lnet/stats has another form"),
        ("1 2 3\n", nis(), "lnet/stats has another form"),
        (stats(1, 1).replace("13", "-1"), nis(), "lnet/stats has another form"),
        (stats(1, 1), "", "lnet/nis has another form"),
        (stats(1, 1), "172.31.0.9@efa up\n", "lnet/nis has another form"),
        ("\0\xff" * 3000, nis(), "lnet/stats has another form"),
    ],
)
def test_another_form_is_no_number(tmp_path, text, interfaces, error):
    write(tmp_path, text, interfaces)
    found = read(tmp_path)
    assert (found["error"], found["send_bytes"], found["recv_bytes"]) == (error, 0, 0)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    folder = write(tmp_path, stats(1, 1))
    (folder / "nis").unlink()
    (folder / "nis").mkdir()
    assert read(tmp_path)["error"] == "nis: Is a directory"


def test_the_difference_is_what_was_moved_between(tmp_path):
    write(tmp_path, stats(100, 50, 2**31))
    before = read_lnet(str(tmp_path), all_tcp=True)
    write(tmp_path, stats(130, 90, 5), nis("172.31.0.9@efa"))
    after = read_lnet(str(tmp_path), all_tcp=True)
    found = lnet_difference(before, after)
    # The messages are counted in 32 bits, and were at their end.
    assert found == {
        "networks": ["efa", "tcp"],
        "send_bytes": 30,
        "recv_bytes": 40,
        "messages": 10,
        "all_tcp": True,
        "error": None,
    }
    assert lnet_difference(None, after) == after
    assert lnet_difference(before, None) is None
    assert (lnet_difference(after, before) or {})["error"] == "LNet's counters began anew"


def snapshot(root: Path) -> dict:
    return dict(assemble(dict(piece) for piece in pieces(str(root), "auto")))


def test_it_comes_into_the_record_and_an_older_hook_s_baseline_leaves_it_unknown(tmp_path):
    efa_tree.write_node(tmp_path, "p5.4xlarge")
    write(tmp_path, stats(100, 50))
    before = snapshot(tmp_path)
    write(tmp_path, stats(1100, 2050))
    after = snapshot(tmp_path)
    record = make_record(JOB, EXPECTATION, before, after, mode="observe")
    assert (record["lnet"]["send_bytes"], record["lnet"]["recv_bytes"]) == (1000, 2000)
    for old in ({name: value for name, value in before.items() if name != "lnet"}, None):
        unknown = make_record(JOB, EXPECTATION, old, after, mode="observe")["lnet"]
        assert unknown["error"] == "LNet's counters were not read at the job's start"
        assert unknown["send_bytes"] == 0


@pytest.mark.thorough
def test_a_read_that_never_returns_costs_itself_only(tmp_path):
    efa_tree.write_node(tmp_path, "p4d.24xlarge")
    folder = write(tmp_path, stats(1, 1))
    (folder / "stats").unlink()
    os.mkfifo(folder / "stats")
    values, finished = run_bounded(lambda: pieces(str(tmp_path), "auto"), 3)
    assert not finished
    assert [piece["piece"] for piece in values].count("device") == 4
