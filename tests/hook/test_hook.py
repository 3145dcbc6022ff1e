"""The hook, as built and as Slurm runs it. The devices are files below ``root``: no EFA hardware is here."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess

import pytest

from efakit.catalog.counters import PORT_COUNTERS
from tests.hook.hookrun import Node
from tests.hook.pythons import HOW_TO_GET, OLDEST, found_pythons
from tests.lab import efa_tree
from tests.node import test_lnet as lnet_files

pytestmark = pytest.mark.thorough

# With the defaults in force the hook uses the real /var/spool: here one that goes with the process.
APART = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", '/bin/mount -t tmpfs none /var/spool && exec "$@"', "sh"]
if os.geteuid() != 0:
    APART = []


@pytest.fixture
def node(tmp_path) -> Node:
    node = Node(tmp_path)
    efa_tree.write_node(node.root, "p5.48xlarge")
    node.set_interface(1000, 2000)
    return node


def names_of(record: dict) -> list[str]:
    return [device["name"] for device in record["devices"]]


def test_a_job_s_bytes_come_out_exactly(node):
    said = node.run("prolog")
    assert "32 of 32 EFA devices; baseline kept" in said
    for index, name in enumerate(sorted(path.name for path in (node.root / "sys/class/infiniband").iterdir())):
        efa_tree.add(node.root, name, "tx_bytes", 1000 + index)
        efa_tree.add(node.root, name, "rdma_write_bytes", 5)
    node.set_interface(1500, 2100)
    assert "record published" in node.run("epilog")
    record = node.record()
    assert sum(device["counters"]["tx_bytes"] for device in record["devices"]) == 32 * 1000 + sum(range(32))
    assert {device["counters"]["rdma_write_bytes"] for device in record["devices"]} == {5}
    assert {device["counters"]["rx_bytes"] for device in record["devices"]} == {0}
    assert record["interfaces"][0]["counters"] == {"rx_bytes": 500, "tx_bytes": 100, "rx_packets": 0, "tx_packets": 0}
    assert (record["devices_expected"], record["devices_found"], record["findings"]) == (32, 32, [])
    assert record["baseline"] == "ok"


def test_what_lustre_moved_comes_into_the_record_also_where_it_was_mounted_while_the_job_ran(node):
    node.settings["tcp_interfaces"] = "auto"
    for job, before in ((7, (1000, 2000)), (8, None)):
        if before:
            lnet_files.write(node.root, lnet_files.stats(*before, 5))
        else:
            shutil.rmtree(node.root / "sys/kernel/debug/lnet")
        node.run("prolog", job)
        lnet_files.write(node.root, lnet_files.stats(2**40, 2**41, 9))
        node.run("epilog", job)
        sent, received = before or (0, 0)
        assert node.record(job)["lnet"] == {
            "networks": ["efa", "tcp"],
            "send_bytes": 2**40 - sent,
            "recv_bytes": 2**41 - received,
            "messages": 8 if before else 18,
            "all_tcp": True,
            "error": None,
        }


@pytest.mark.parametrize("count", [5, 13, 17, 22])
def test_a_driver_has_the_counters_it_has_and_the_others_are_unsupported_not_zero(node, count):
    efa_tree.write_node(node.root, "p5.48xlarge", port_counters=count)
    node.run("prolog")
    node.run("epilog")
    expected = {counter.name for counter in PORT_COUNTERS[:count]}
    for device in node.record()["devices"]:
        assert set(device["counters"]) == expected
        assert device["errors"] == []


def test_devices_of_other_vendors_are_not_counted(tmp_path):
    """p6-b200 shows two mlx5 devices among its eight."""
    node = Node(tmp_path, compute_resources={})
    efa_tree.write_node(node.root, "p6-b200.48xlarge")
    node.run("prolog")
    node.run("epilog")
    record = node.record()
    assert (record["devices_expected"], record["devices_found"]) == (8, 8)
    assert record["foreign_devices"] == ["ibp115s0f0", "ibp116s0f0"]
    assert record["expected_by"] == "instance type p6-b200.48xlarge"


def test_a_device_without_driver_is_recognised_by_its_pci_id_and_told(tmp_path):
    node = Node(tmp_path, compute_resources={}, expected_devices=4)
    devices = efa_tree.write_node(node.root, "p4d.24xlarge")
    (node.root / "sys/class/infiniband" / devices[0].name / "device/driver").unlink()
    assert f"{devices[0].name} has no driver bound" in node.run("prolog")
    node.run("epilog")
    assert node.record()["devices_found"] == 4


def test_a_missing_device_is_a_finding_and_the_job_runs(node):
    name = sorted(path.name for path in (node.root / "sys/class/infiniband").iterdir())[3]
    efa_tree.remove_device(node.root, name)
    assert "31 of 32 EFA devices found" in node.run("prolog")
    node.run("epilog")
    record = node.record()
    assert [finding["rule"] for finding in record["findings"]] == ["devices-missing"]
    assert name not in names_of(record)


def test_an_unknown_instance_type_expects_nothing_and_says_so(tmp_path):
    node = Node(tmp_path, compute_resources={})
    efa_tree.write_node(node.root, "p99.48xlarge", efa_tree.generic_devices(1))
    assert "no device count is known for p99.48xlarge" in node.run("prolog")
    node.run("epilog")
    record = node.record()
    assert (record["devices_expected"], record["devices_found"]) == (None, 1)


def test_interfaces_are_those_whose_driver_is_ena(tmp_path):
    node = Node(tmp_path, tcp_interfaces="auto", expected_devices=4)
    efa_tree.write_node(node.root, "p4d.24xlarge")
    node.set_interface(1, 1, "ens5")
    node.set_interface(1, 1, "docker0", driver="bridge")
    node.set_interface(1, 1, "lo", driver="loopback")
    node.run("prolog")
    node.run("epilog")
    assert [interface["name"] for interface in node.record()["interfaces"]] == ["ens5"]


def test_a_requeued_job_has_a_record_for_each_run(node):
    name = sorted(path.name for path in (node.root / "sys/class/infiniband").iterdir())[0]
    for restart, amount in (("0", 10), ("1", 300)):
        node.run("prolog", SLURM_JOB_RESTART_COUNT=restart)
        efa_tree.add(node.root, name, "tx_bytes", amount)
        node.run("epilog", SLURM_JOB_RESTART_COUNT=restart)
    assert node.record(run="r0")["devices"][0]["counters"]["tx_bytes"] == 10
    assert node.record(run="r1")["devices"][0]["counters"]["tx_bytes"] == 300


def test_a_sluid_names_the_run(node):
    node.run("prolog", SLURM_JOB_SLUID="sABC123", SLURM_JOB_RESTART_COUNT="2")
    node.run("epilog", SLURM_JOB_SLUID="sABC123", SLURM_JOB_RESTART_COUNT="2")
    assert node.record(run="sABC123")["restart_count"] == 2


def test_an_epilog_that_is_not_told_the_run_finds_its_baseline(node):
    """Slurm gives the credential's variables only where it has the credential."""
    node.run("prolog", SLURM_JOB_RESTART_COUNT="3")
    node.run("epilog")
    record = node.record(run="r3")
    assert (record["baseline"], record["restart_count"]) == ("ok", 3)


def test_the_epilog_of_a_requeued_job_may_be_told_the_count_of_the_run_to_come(node):
    """As Slurm 22.05 does (seen on the lab)."""
    node.run("prolog", SLURM_JOB_RESTART_COUNT="0")
    node.run("epilog", SLURM_JOB_RESTART_COUNT="1")
    node.run("prolog", SLURM_JOB_RESTART_COUNT="1")
    node.run("epilog", SLURM_JOB_RESTART_COUNT="1")
    assert [node.record(run=run)["baseline"] for run in ("r0", "r1")] == ["ok", "ok"]


def test_two_jobs_of_one_id_on_different_nodes_do_not_mix(tmp_path):
    nodes = [Node(tmp_path, f"gpu-st-p5-{number}") for number in (1, 2)]
    for node in nodes:
        efa_tree.write_node(node.root, "p5.48xlarge")
        node.run("prolog")
    first = sorted(path.name for path in (nodes[0].root / "sys/class/infiniband").iterdir())[0]
    efa_tree.add(nodes[0].root, first, "tx_bytes", 77)
    for node in nodes:
        node.run("epilog")
    assert nodes[0].record()["devices"][0]["counters"]["tx_bytes"] == 77
    assert nodes[1].record()["devices"][0]["counters"]["tx_bytes"] == 0
    assert nodes[0].record()["shared_with"] == []


def test_jobs_that_overlap_on_a_node_learn_of_each_other(node):
    node.run("prolog", 1)
    node.run("prolog", 2)
    node.run("epilog", 2)
    node.run("epilog", 1)
    node.run("prolog", 3)
    node.run("epilog", 3)
    assert [node.record(job)["shared_with"] for job in (1, 2, 3)] == [[2], [1], []]


def test_an_epilog_without_prolog_leaves_a_record_without_differences(node):
    node.run("epilog")
    record = node.record()
    assert record["baseline"] == "missing"
    assert {len(device["counters"]) for device in record["devices"]} == {0}


def test_a_driver_reload_and_a_reboot_are_seen(node):
    node.run("prolog", 1)
    name = sorted(path.name for path in (node.root / "sys/class/infiniband").iterdir())[0]
    efa_tree.reset_counters(node.root, name)
    node.run("epilog", 1)
    assert any(name in sign for sign in node.record(1)["resets"])
    node.run("prolog", 2)
    boot = node.root / "proc/sys/kernel/random/boot_id"
    boot.unlink()
    boot.write_text("another\n")
    node.run("epilog", 2)
    assert "the node was rebooted" in node.record(2)["resets"]


def test_a_driver_that_was_loaded_anew_is_seen_also_where_its_devices_have_counted_on(node):
    node.run("prolog")
    name = sorted(path.name for path in (node.root / "sys/class/infiniband").iterdir())[0]
    folder = (node.root / "sys/class/infiniband" / name).resolve()
    shutil.copytree(folder, folder.with_name("again"), symlinks=True)
    shutil.rmtree(folder)
    folder.with_name("again").rename(folder)
    efa_tree.add(node.root, name, "tx_bytes", 1000)
    node.run("epilog")
    assert node.record()["resets"] == [f"the driver took {name} anew"]
    assert node.record()["devices"][0]["counters"] == {}


def test_a_counter_that_cannot_be_read_is_told(node):
    name = sorted(path.name for path in (node.root / "sys/class/infiniband").iterdir())[0]
    node.run("prolog")
    counter = node.root / "sys/class/infiniband" / name / "ports/1/hw_counters/tx_bytes"
    counter.unlink()
    counter.mkdir()
    node.run("epilog")
    record = node.record()
    assert record["devices"][0]["errors"] == ["tx_bytes: Is a directory"]
    assert "tx_bytes" not in record["devices"][0]["counters"]


def test_a_read_that_hangs_costs_its_own_device_and_the_hook_returns(tmp_path):
    """A FIFO that nobody writes stands in for a counter whose admin command never completes."""
    node = Node(tmp_path, deadline_seconds=1, expected_devices=4)
    devices = efa_tree.write_node(node.root, "p4d.24xlarge")
    last = max(device.name for device in devices)
    counter = node.root / "sys/class/infiniband" / last / "ports/1/hw_counters/tx_bytes"
    counter.unlink()
    os.mkfifo(counter)
    assert "not every counter was read" in node.run("prolog")
    node.run("epilog")
    record = node.record()
    assert record["baseline"] == "incomplete"
    known = {device["name"]: device["unknown"] for device in record["devices"]}
    assert [name for name, unknown in known.items() if "tx_bytes" in unknown] == [last], "unread, and not zero"


def test_a_record_that_cannot_be_published_waits_and_is_published_by_the_next_run(node):
    shutil.rmtree(node.records)
    node.run("prolog", 1)
    assert "kept in the spool" in node.run("epilog", 1)
    assert not node.records.exists(), "a missing folder is an unmounted one: it must not be made"
    node.records.mkdir()
    node.run("prolog", 2)
    node.run("epilog", 2)
    assert node.record(1)["job_id"] == 1
    assert node.record(2)["job_id"] == 2


def test_flush_publishes_what_waits(node):
    shutil.rmtree(node.records)
    node.run("prolog", 1)
    node.run("epilog", 1)
    node.records.mkdir()
    node.run("flush", None)
    assert node.record(1)["job_id"] == 1
    assert list((node.spool / "outbox").iterdir()) == []


def test_modes_of_spool_and_records(node):
    node.run("prolog")
    node.run("epilog")
    (path,) = (node.records / "lab/7").glob(f"{node.name}.r0.*.json")
    assert stat.S_IMODE(node.spool.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can show files of another owner: run as root")
@pytest.mark.parametrize("which", ["spool", "records", "config"])
def test_what_others_may_write_is_refused(node, which):
    node.run("prolog", 1)
    node.run("epilog", 1)
    if which == "config":
        node.config.chmod(0o666)
        hook = [node.python, "-I", "-S", node.archive, "epilog", "--config", node.config]
        done = subprocess.run([*APART, *hook], env={"SLURM_JOB_ID": "2"}, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert "settings not read" in done.stdout
        return
    (node.spool if which == "spool" else node.records).chmod(0o777)
    said = node.run("prolog", 2) + node.run("epilog", 2)
    assert "may be written by others" in said
    if which == "spool":
        assert node.record(2)["baseline"] == "missing", "the record is published past it, without what it holds"
    else:
        assert not (node.records / "lab/2").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"mode": 7, "deadline_seconds": "soon", "root": ["x"]}'])
def test_broken_settings_never_stop_the_hook(tmp_path, content):
    node = Node(tmp_path)
    node.config.write_text(content)
    hook = [node.python, "-I", "-S", node.archive, "prolog", "--config", node.config]
    done = subprocess.run([*APART, *hook], env={"SLURM_JOB_ID": "7"}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "prolog of job 7" in done.stdout


def test_without_a_job_there_is_nothing_to_record(node):
    assert "no job to record" in node.run("prolog", None)
    assert not node.spool.exists()


@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_the_hook_runs_on_the_oldest_and_the_newest_python(node, which):
    pythons = found_pythons()
    version = OLDEST if which == "oldest" else max(pythons)
    if version not in pythons:
        pytest.skip(f"no Python {version[0]}.{version[1]} here: {HOW_TO_GET}")
    node.python = str(pythons[version])
    node.run("prolog")
    node.run("epilog")
    assert node.record()["baseline"] == "ok"


def test_a_note_that_cannot_be_removed_does_not_keep_the_baseline_and_so_share_the_node_for_good(node):
    node.run("prolog")
    (node.spool / "active" / f"{node.name}.7.r0.json.a").mkdir()
    for other in (8, 9):  # whatever the order of names in the folder
        (node.spool / "active" / f"{node.name}.7.r0.json.shared-with.{other}").mkdir()
    node.run("epilog")
    assert [path for path in (node.spool / "active").iterdir() if path.is_file()] == []
    node.run("prolog", job_id=10)
    node.run("epilog", job_id=10)
    assert node.record(10)["shared_with"] == []


@pytest.mark.parametrize("odd", [{"record_id": 7}, {"record_id": ["a"]}, {"findings": "none"}])
def test_a_baseline_with_a_field_of_another_type_costs_no_record(node, odd):
    node.run("prolog")
    (path,) = (path for path in (node.spool / "active").iterdir() if path.name.endswith(".json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **odd}))
    node.run("epilog")
    record = node.record()
    assert (record["baseline"], isinstance(record["record_id"], str)) == ("missing", True)
    assert "baseline-unreadable" in [item["rule"] for item in record["findings"]]
