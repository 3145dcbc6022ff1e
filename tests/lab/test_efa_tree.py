"""The stand-in device tree has the shape of real sysfs, and its counters move by known amounts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from . import efa_tree, move_counters
from .efa_devices import Device, generic_devices


def efa_class(root: Path) -> Path:
    return root / "sys/class/infiniband"


@pytest.mark.parametrize(
    ("instance_type", "count", "first", "address"),
    [
        ("p4d.24xlarge", 4, "rdmap16s27", "0000:10:1b.0"),
        ("p5.48xlarge", 32, "rdmap79s0", "0000:4f:00.0"),
        ("p5en.48xlarge", 16, "rdmap85s0", "0000:55:00.0"),
        ("hpc6a.48xlarge", 1, "rdmap0s31", "0000:00:1f.0"),
    ],
)
def test_devices_are_links_into_the_pci_tree(
    tmp_path: Path, instance_type: str, count: int, first: str, address: str
) -> None:
    devices = efa_tree.write_node(tmp_path, instance_type)
    assert len(devices) == len(list(efa_class(tmp_path).iterdir())) == count
    link = efa_class(tmp_path) / first
    assert str(link.readlink()) == f"../../devices/pci0000:00/{address}/infiniband/{first}"
    assert (link / "device").resolve() == tmp_path / "sys/devices/pci0000:00" / address
    assert (link / "device/driver").resolve().name == "efa"
    assert (link / "device/vendor").read_text() == "0x1d0f\n"
    assert (tmp_path / "sys/class/dmi/id/product_name").read_text() == f"{instance_type}\n"
    assert len(list((tmp_path / "dev/infiniband").iterdir())) == count


@pytest.mark.parametrize("count", [5, 13, 17, 22])
def test_each_driver_generation_has_its_number_of_port_counters(tmp_path: Path, count: int) -> None:
    efa_tree.write_node(tmp_path, "p4d.24xlarge", port_counters=count)
    assert len(efa_tree.read(tmp_path, "rdmap16s27")) == count


def test_drivers_before_1_14_show_one_list_on_both_levels(tmp_path: Path) -> None:
    efa_tree.write_node(tmp_path, "p4d.24xlarge", port_counters=5, flat_list=True)
    device = efa_class(tmp_path) / "rdmap16s27"
    names = [
        sorted(path.name for path in (device / level).iterdir()) for level in ("hw_counters", "ports/1/hw_counters")
    ]
    assert names[0] == names[1]
    assert {"tx_bytes", "submitted_cmds", "lifespan"} <= set(names[0])


def test_the_two_foreign_devices_of_p6_b200_are_no_efa(tmp_path: Path) -> None:
    efa_tree.write_node(tmp_path, "p6-b200.48xlarge")
    assert len(list(efa_class(tmp_path).iterdir())) == 10
    assert len(move_counters.efa_devices(tmp_path)) == 8
    assert (efa_class(tmp_path) / "ibp115s0f0/device/vendor").read_text() == "0x15b3\n"
    assert (efa_class(tmp_path) / "ibp115s0f0/device/driver").resolve().name == "mlx5_core"


def test_an_unknown_instance_type_needs_its_devices_given(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="generic_devices"):
        efa_tree.write_node(tmp_path, "x9.metal")
    assert len(efa_tree.write_node(tmp_path, "x9.metal", generic_devices(3))) == 3
    assert len(efa_tree.write_node(tmp_path, "c5n.18xlarge", [Device("efa_0")])) == 1


def test_writing_again_replaces_the_devices_and_keeps_the_interfaces(tmp_path: Path) -> None:
    (tmp_path / "sys/class/net/eth0").mkdir(parents=True)
    efa_tree.write_node(tmp_path, "p5.48xlarge")
    efa_tree.write_node(tmp_path, "p4d.24xlarge")
    assert len(list(efa_class(tmp_path).iterdir())) == 4
    assert (tmp_path / "sys/class/net/eth0").is_dir()


def test_add_changes_one_counter_and_leaves_no_other_file(tmp_path: Path) -> None:
    efa_tree.write_node(tmp_path, "p4d.24xlarge")
    before = efa_tree.read(tmp_path, "rdmap16s27")
    efa_tree.add(tmp_path, "rdmap16s27", "rx_drops", 5)
    assert efa_tree.read(tmp_path, "rdmap16s27") == {**before, "rx_drops": 5}
    efa_tree.add(tmp_path, "rdmap16s27", "cmds_err", 2)
    assert (efa_class(tmp_path) / "rdmap16s27/hw_counters/cmds_err").read_text() == "2\n"
    with pytest.raises(FileNotFoundError, match="tx_bytes"):
        efa_tree.add(tmp_path, "rdmap16s27", "no_such", 1)


def test_a_removed_device_is_gone_from_every_list(tmp_path: Path) -> None:
    efa_tree.write_node(tmp_path, "p4d.24xlarge")
    efa_tree.remove_device(tmp_path, "rdmap32s27")
    assert "rdmap32s27" not in {path.name for path in efa_class(tmp_path).iterdir()}
    assert sorted(path.name for path in (tmp_path / "dev/infiniband").iterdir()) == ["uverbs0", "uverbs2", "uverbs3"]


def test_reset_puts_every_counter_to_zero(tmp_path: Path) -> None:
    efa_tree.write_node(tmp_path, "p4d.24xlarge", port_counters=5, flat_list=True)
    efa_tree.reset_counters(tmp_path, "rdmap16s27")
    assert set(efa_tree.read(tmp_path, "rdmap16s27").values()) == {0}


def test_the_stand_alone_script_moves_every_efa_device_and_says_how_much(tmp_path: Path) -> None:
    efa_tree.write_node(tmp_path, "p6-b200.48xlarge", port_counters=13)
    names = move_counters.efa_devices(tmp_path)
    before = {name: efa_tree.read(tmp_path, name) for name in names}
    script = Path(move_counters.__file__)
    argv = [sys.executable, "-I", "-S", str(script), "--root", str(tmp_path), "--bytes-per-device", "100000"]
    output = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    moved = json.loads(output)["moved"]
    assert list(moved) == names
    assert [amounts["tx_bytes"] for amounts in moved.values()] == [100000 * (index + 1) for index in range(8)]
    for name in names:
        assert "rdma_write_bytes" not in moved[name]  # this generation has no such counter
        after = efa_tree.read(tmp_path, name)
        assert {key: after[key] - before[name][key] for key in moved[name]} == moved[name]
