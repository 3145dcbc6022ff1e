"""Reading a node: what is there, what cannot be read, what comes late, and how many devices are read at once."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import pytest

from efakit.node.counters import read_device_counters, read_port_counters
from efakit.node.devices import find_devices, try_to_open, unbound_functions
from efakit.node.files import read_rest
from efakit.node.parallel import in_parallel_when_slow
from efakit.node.snapshot import assemble, pieces
from tests.lab import efa_tree

TYPE = "p4d.24xlarge"


@pytest.fixture
def root(tmp_path) -> Path:
    efa_tree.write_node(tmp_path / "root", TYPE)
    return tmp_path / "root"


def snapshot(root: Path, **options):
    return assemble(list(pieces(str(root), [], **options)))


def port(root: Path, name: str) -> Path:
    return root / "sys/class/infiniband" / name / "ports/1/hw_counters"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("0\n", 0), ("12", 12), ("18446744073709551615\n", 2**64 - 1), (" 7 \n", None), ("", None), ("-1\n", None)),
        *(("1_0\n", None), ("18446744073709551616\n", None), ("\u0661\n", None), ("1 2\n", None), ("9" * 5000, None)),
    ],
)
def test_a_counter_is_a_number_of_64_bits_or_an_error(root, text, value):
    file = port(root, "rdmap16s27") / "tx_bytes"
    file.unlink()
    file.write_text(text)
    reading = read_port_counters(str(root / "sys/class/infiniband/rdmap16s27"))
    assert reading["counters"].get("tx_bytes") == value
    assert reading["errors"] == ([] if value is not None else ["tx_bytes: not a number"])
    assert len(reading["counters"]) == (22 if value is not None else 21)


def test_a_port_without_its_folder_is_an_error_and_old_drivers_device_counters_are_none(tmp_path):
    assert read_device_counters(str(tmp_path)) == {"counters": {}, "errors": [], "own_errors": []}
    (error,) = read_port_counters(str(tmp_path))["errors"]
    assert error == "ports/1/hw_counters: No such file or directory"


def efa_names(root: Path) -> list[str]:
    return [device["name"] for device in find_devices(str(root))[0]]


def test_slow_devices_are_read_at_once(root):
    """Each device's first counter is given only when all devices are being read: in turn, none would ever end."""
    names = efa_names(root)
    pipes = []
    for name in names:
        pipe = port(root, name) / "tx_bytes"
        pipe.unlink()
        os.mkfifo(pipe)
        pipes.append(pipe)

    def answer() -> None:
        writers = [os.open(pipe, os.O_WRONLY) for pipe in pipes]  # each waits for its reader
        for index, writer in enumerate(writers):
            os.write(writer, b"%d\n" % (100 + index))
            os.close(writer)

    device = threading.Thread(target=answer, daemon=True)
    device.start()
    taken = snapshot(root)
    device.join(60)
    assert [reading["counters"]["tx_bytes"] for reading in taken["devices"]] == [100, 101, 102, 103]
    assert [reading["name"] for reading in taken["devices"]] == names
    assert taken["complete"]


def test_fast_work_is_done_one_after_the_other():
    threads = set()

    def work(item: int) -> int:
        threads.add(threading.get_ident())
        return item * item

    assert list(in_parallel_when_slow(work, range(1000))) == [item * item for item in range(1000)]
    assert len(threads) == 1
    assert list(in_parallel_when_slow(work, [])) == []


def test_an_item_that_never_ends_costs_itself_only():
    never = threading.Event()

    def work(item: int) -> int:
        if item in (0, 5):
            never.wait()
        return item

    given = in_parallel_when_slow(work, range(20))
    assert sorted(next(given) for _ in range(18)) == [item for item in range(20) if item not in (0, 5)]
    never.set()
    assert sorted(given) == [0, 5]


def test_devices_that_come_late_are_waited_for(root, monkeypatch):
    link = root / "sys/class/infiniband" / efa_names(root)[0]
    target = link.readlink()
    link.unlink()
    monkeypatch.setattr(time, "sleep", lambda seconds: link.symlink_to(target))
    taken = snapshot(root, expected=lambda instance_type: 4 if instance_type == TYPE else 0, wait_seconds=60.0)
    assert len(taken["devices"]) == 4
    assert taken["late"] is not None
    assert taken["late"]["devices_at_first"] == 3


def test_devices_that_do_not_come_are_waited_for_no_longer_than_that(root):
    efa_tree.remove_device(root, efa_names(root)[0])
    taken = snapshot(root, expected=lambda _: 4, wait_seconds=0.2)
    assert (len(taken["devices_present"]), taken["late"], taken["complete"]) == (3, None, True)


def test_no_rdma_at_all_is_no_device_and_a_folder_that_is_none_too(tmp_path):
    (tmp_path / "sys/class").mkdir(parents=True)
    assert find_devices(str(tmp_path)) == ([], [], [])
    assert snapshot(tmp_path)["devices_listed"]


def test_where_sysfs_is_not_seen_no_device_set_is_known(tmp_path):
    assert not snapshot(tmp_path)["devices_listed"]


def test_a_device_set_that_cannot_be_listed_is_not_known(root):
    folder = root / "sys/class/infiniband"
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("infiniband")  # ELOOP: as good as any error that is not "none"
    taken = snapshot(root)
    assert (taken["devices_listed"], taken["complete"], taken["devices_present"]) == (False, False, [])
    assert "infiniband" in (taken["list_error"] or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="makes device files: run as root")
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.write_text(""), None),
        (lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3)), None),
        (lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(511, 511)), "cannot be opened: No such device"),
        (lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3)), "by its owner only (mode 0600)"),
        (lambda path: os.mkfifo(path), "is not a device"),
        (lambda path: path.mkdir(), "is not a device"),
        (lambda path: None, "cannot be opened: No such file"),
    ],
)
def test_a_verbs_device_is_one_that_a_job_can_open(tmp_path, make, why):
    path = tmp_path / "dev/infiniband/uverbs0"
    path.parent.mkdir(parents=True)
    make(path)
    if path.exists() and path.is_char_device():
        path.chmod(0o600 if why and "owner" in why else 0o666)
        if why is None:
            try:
                os.close(os.open(path, os.O_RDWR))
            except PermissionError:
                pytest.skip("this file system lets nobody open devices (nodev): run elsewhere")
    found, error = try_to_open(str(tmp_path), "uverbs0")
    assert error is None
    assert (found is None) if why is None else (found is not None and why in found)


def test_a_function_that_another_driver_has_is_used_otherwise_and_not_unbound(root):
    name = efa_names(root)[0]
    address = (root / "sys/class/infiniband" / name / "device").readlink().name
    efa_tree.unbind_device(root, name)
    assert unbound_functions(str(root)) == ([address], [])
    (root / "sys/bus/pci/devices" / address / "driver").symlink_to("../../../bus/pci/drivers/vfio-pci")
    assert unbound_functions(str(root)) == ([], [])


def circle(path: Path) -> None:
    """Let a path be unreadable: ELOOP, as good as any error that is not "none"."""
    path.unlink()
    path.symlink_to(path.name)


def test_a_device_whose_kind_cannot_be_read_is_neither_efa_nor_foreign(root):
    name, *others = efa_names(root)
    function = (root / "sys/class/infiniband" / name / "device").resolve()
    circle(function / "vendor")
    assert efa_names(root) == [name, *others], "its driver says what it is"
    (function / "driver").unlink()
    efa, foreign, unknown = find_devices(str(root))
    assert [device["name"] for device in efa] == others
    assert (foreign, [item["name"] for item in unknown]) == ([], [name])
    assert unbound_functions(str(root))[1] == [{"name": function.name, "error": unknown[0]["error"]}]
    (function / "device").unlink()
    (function / "device").write_text("0x1017\n")
    assert find_devices(str(root))[1] == [name], "whoever makes it, it is no EFA"


def test_a_driver_that_cannot_be_read_is_not_missing(root):
    name = efa_names(root)[0]
    driver = (root / "sys/class/infiniband" / name / "device").resolve() / "driver"
    driver.unlink()
    (device,) = [device for device in find_devices(str(root))[0] if device["name"] == name]
    assert (device["driver"], device["driver_error"]) == (None, None)
    driver.write_text("no link")
    (device,) = [device for device in find_devices(str(root))[0] if device["name"] == name]
    assert (device["driver"], device["driver_error"]) == (None, "Invalid argument")


def test_a_verbs_device_whose_name_cannot_be_read_may_be_of_any_device_without_one(root):
    circle(root / "sys/class/infiniband_verbs/uverbs1" / "ibdev")
    without = [device for device in find_devices(str(root))[0] if device["verbs"] is None]
    assert [bool(device["verbs_error"]) for device in without] == [True]
    (root / "sys/class/infiniband_verbs/uverbs1").unlink()
    assert [device["verbs_error"] for device in find_devices(str(root))[0]] == [None] * 4


@pytest.mark.parametrize("text", ["12", "12\n", "1" * 20])
def test_a_number_that_comes_in_two_parts_is_one_number(tmp_path, text):
    """As where a signal cuts a read short."""
    pipe_out, pipe_in = os.pipe()
    os.write(pipe_in, text[1:].encode())
    os.close(pipe_in)
    assert read_rest(pipe_out, text[:1].encode(), 32) == text.encode()
    os.close(pipe_out)
