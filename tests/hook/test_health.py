"""The health check, as built and as slurmd runs it, on a folder tree; and on this machine's own fi_info."""

from __future__ import annotations

import json
import os
import select
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from efakit.hook.fabric import check_fabric, efa_domains, fi_info_path
from efakit.hook.installed import check_limits, check_plugin, check_stack, check_versions
from efakit.node.command import run_program
from tests.hook.hookrun import Node
from tests.lab import efa_software, efa_tree

pytestmark = pytest.mark.thorough

PLUGIN = f"/{efa_software.PLUGIN_FOLDER}/libnccl-net.so"
# The shape of libfabric 1.x (ofiwg/libfabric #5689 and later): one block a device, or two with datagrams.
OLD_ANSWER = """provider: efa
    fabric: EFA-fe80::8cc:a5ff:fe5d:4e6f
    domain: rdmap16s27-rdm
    version: 111.20
    type: FI_EP_RDM
    protocol: FI_PROTO_EFA
provider: efa
    fabric: EFA-fe80::8cc:a5ff:fe5d:4e6f
    domain: rdmap16s27-dgrm
    version: 111.20
    type: FI_EP_DGRAM
    protocol: FI_PROTO_EFA
provider: efa;ofi_rxd
    fabric: EFA-fe80::8cc:a5ff:fe5d:4e6f
    domain: efa_0-dgrm
    type: FI_EP_RDM
provider: tcp
    domain: eth0
"""


@pytest.fixture
def node(tmp_path) -> Node:
    """A node with everything in its place."""
    node = Node(tmp_path, run_dir=str(tmp_path / "run"))
    devices = efa_tree.write_node(node.root, "p5.48xlarge")
    efa_software.write_software(node.root)
    efa_software.write_limits(node.root, huge_pages=6000)
    efa_software.write_fi_info(node.root, [device.name for device in devices])
    node.set_interface(1000, 2000)
    return node


def devices_of(node: Node) -> list[str]:
    return sorted(path.name for path in (node.root / "sys/class/infiniband").iterdir())


def result(node: Node) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((node.spool / "health.json").read_text())
    return data


def rules(node: Node, severity: str | None = None) -> list[str]:
    """Run the check and return the rules of its findings."""
    node.run("health-check", None)
    return [item["rule"] for item in result(node)["findings"] if severity in (None, item["severity"])]


def test_a_healthy_node_has_nothing_to_tell_and_leaves_its_result_for_the_prologs(node):
    said = node.run("health-check", None)
    assert said.startswith(
        "efakit: health-check: EFA installer 1.49.0; libfabric 2.4.0amzn5.0; driver 3.1.0g; plugin 1.20.0"
    )
    assert "32 EFA domains" in said
    assert said.count("\n") == 1
    kept = result(node)
    assert kept["findings"] == []
    assert (kept["schema_version"], kept["domains"], kept["node"]) == (1, 32, node.name)
    assert kept["boot_id"] == efa_tree.BOOT_ID
    assert kept["software"]["plugin"] == "1.20.0"
    assert stat.S_IMODE((node.spool / "health.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(node.spool.stat().st_mode) == 0o700


def test_prologs_read_it(node):
    efa_software.write_fi_info(node.root, [], status=61)
    node.run("health-check", None)
    assert "libfabric offers no EFA domain, though 32 EFA devices are there" in node.run("prolog")


def test_a_device_that_libfabric_does_not_offer_is_named(node):
    names = devices_of(node)
    efa_software.write_fi_info(node.root, names[:-1])
    assert rules(node) == ["domains-missing"]
    assert result(node)["findings"][0]["message"] == f"libfabric offers 31 of 32 EFA devices; not {names[-1]}"


def test_devices_that_are_late_at_boot_are_not_held_against_the_jobs_that_come_later(node):
    """The prolog counts for itself, and would else fail a job in mode enforce for what has long been mended."""
    efa_tree.remove_device(node.root, devices_of(node)[0])
    efa_software.write_fi_info(node.root, devices_of(node))
    assert "31 of 32 EFA devices" in node.run("health-check", None)
    assert result(node)["findings"] == []
    assert (result(node)["devices_expected"], result(node)["devices_found"]) == (32, 31)


def test_an_fi_info_that_others_may_write_is_not_run_as_root(node):
    program = node.root / "opt/amazon/efa/bin/fi_info"
    efa_software.write(program, f"#!/bin/sh\n: > {node.root}/called\n")
    program.chmod(0o777)
    assert rules(node) == ["fi-info-untrusted"]
    assert not (node.root / "called").exists()


def test_without_fi_info_the_rest_is_checked(node):
    (node.root / "opt/amazon/efa/bin/fi_info").unlink()
    assert rules(node) == ["fi-info-missing"]
    assert result(node)["domains"] is None


def test_an_fi_info_that_fails_otherwise_is_told_with_its_words(node):
    efa_software.write(
        node.root / "opt/amazon/efa/bin/fi_info", "#!/bin/sh\necho 'libfabric.so.1: cannot open'; exit 127\n"
    )
    (node.root / "opt/amazon/efa/bin/fi_info").chmod(0o755)
    assert rules(node) == ["fi-info-failed"]
    assert "cannot open" in result(node)["findings"][0]["message"]


def test_a_node_that_should_have_no_efa_is_not_judged_by_it(tmp_path):
    node = Node(tmp_path, run_dir=str(tmp_path / "run"), expected_devices=0)
    efa_tree.write_node(node.root, "m7i.large", [])
    efa_software.write_limits(node.root, locked="65536", huge_pages=0, ptrace_scope=1)
    assert rules(node) == []


def test_no_job_s_counters_are_moved_by_it(node):
    """fi_info opens the devices: where a job runs, the last answer of this boot holds."""
    efa_software.write_fi_info(node.root, devices_of(node)[:-1])
    node.run("health-check", None)
    node.run("prolog")
    program = node.root / "opt/amazon/efa/bin/fi_info"
    efa_software.write(program, f"#!/bin/sh\n: > {node.root}/called\n")
    program.chmod(0o755)
    assert rules(node) == ["domains-missing"]
    assert not (node.root / "called").exists()
    node.run("epilog")
    node.run("health-check", None)
    assert (node.root / "called").exists()


def test_a_baseline_of_another_boot_is_no_job(node):
    node.run("prolog")
    efa_software.write(node.root / "proc/sys/kernel/random/boot_id", "another\n")
    efa_software.write_fi_info(node.root, [], status=61)
    assert "provider-missing" in rules(node)


def test_what_waits_is_published(node):
    node.records.rmdir()
    node.run("prolog")
    node.run("epilog")
    node.records.mkdir()
    node.run("health-check", None)
    assert node.record()["job_id"] == 7


@pytest.mark.parametrize("what", ["a link", "a file", "open to all"])
def test_a_spool_that_cannot_be_used_is_told_and_nothing_is_written_there(node, tmp_path, what):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if what == "a link":
        node.spool.symlink_to(elsewhere)
    elif what == "a file":
        node.spool.write_text("")
    else:
        node.spool.mkdir()
        node.spool.chmod(0o777)
    assert "not kept for the prologs" in node.run("health-check", None)
    assert list(elsewhere.iterdir()) == []
    assert not (node.spool / "health.json").exists()


def test_a_node_that_tells_nothing_of_itself_is_no_fault_of_the_job_s(tmp_path):
    node = Node(tmp_path, root=str(tmp_path / "nowhere"), run_dir=str(tmp_path / "run"))
    assert "EFA devices" not in node.run("health-check", None), "where sysfs is not seen, none is missing"
    (tmp_path / "nowhere/sys/class").mkdir(parents=True)
    assert "0 of 32 EFA devices" in node.run("health-check", None)


def test_a_list_of_packages_that_never_answers_does_not_hold_it_up(node):
    """A FIFO: a plain open of it would wait for ever."""
    packages = node.root / "opt/amazon/efa_installed_packages"
    packages.unlink()
    os.mkfifo(packages)
    node.run("health-check", None)
    assert result(node)["software"]["installer"] is None


def test_a_read_that_never_returns_is_left(node):
    boot = node.root / "proc/sys/kernel/random/boot_id"
    boot.unlink()
    os.mkfifo(boot)
    assert rules(node) == ["node-unreadable"]


class TestFiInfo:
    def test_devices_are_counted_not_blocks(self):
        assert efa_domains(OLD_ANSWER) == ["efa_0", "rdmap16s27"]

    @pytest.mark.parametrize("text", ["", "fi_getinfo: -61 (No data available)", "domain: x\n", "::::\nprovider\n"])
    def test_an_answer_without_domains_has_none(self, text):
        assert efa_domains(text) == []

    @pytest.mark.skipif(not shutil.which("fi_info"), reason="no fi_info on this machine: apt-get install libfabric-bin")
    @pytest.mark.skipif(Path("/sys/class/infiniband").exists(), reason="this machine has RDMA devices")
    def test_this_machine_s_own_says_that_there_is_no_efa(self):
        assert fi_info_path("/") is not None
        assert check_fabric("/", [], 20) == ([], [])
        findings, domains = check_fabric("/", ["rdmap16s27"], 20)
        assert domains == []
        assert [item.rule for item in findings] == ["provider-missing"]
        assert "fi_getinfo: -61" in findings[0].message

    def test_one_that_hangs_is_left(self, tmp_path):
        efa_software.write_fi_info(tmp_path, ["rdmap16s27"], sleep_seconds=600)
        findings, domains = check_fabric(str(tmp_path), ["rdmap16s27"], 0.3)
        assert ([item.rule for item in findings], domains) == (["fi-info-hangs"], None)

    @pytest.mark.parametrize(
        ("first", "second", "rule"),
        [
            (["a"], ["a", "b"], None),
            ([], ["a", "b"], None),
            (["a"], ["b"], None),
            (["a"], ["a"], "domains-missing"),
            ([], [], "provider-missing"),
            ([], ["a"], "fi-info-failed"),
        ],
    )
    def test_what_is_an_error_it_says_twice(self, tmp_path, first, second, rule):
        """A prolog may fail for it: one answer of a busy node is not enough."""
        efa_software.write_fi_info(tmp_path, second)
        later = tmp_path / "opt/amazon/efa/bin/fi_info"
        later.rename(later.with_name("later"))
        efa_software.write_fi_info(tmp_path, first)
        # The first run puts the other one in its place.
        later.write_text(
            later.read_text().replace("#!/bin/sh", f"#!/bin/sh\n/bin/mv {later.with_name('later')} {later}")
        )
        findings, _ = check_fabric(str(tmp_path), ["a", "b"], 60)
        assert [item.rule for item in findings] == ([rule] if rule else [])

    def test_one_that_cannot_be_run_is_no_device_s_fault(self, tmp_path):
        efa_software.write_fi_info(tmp_path, ["a"])
        (tmp_path / "opt/amazon/efa/bin/fi_info").write_text("#!/nonexistent/interpreter\n")
        findings, domains = check_fabric(str(tmp_path), ["a"], 60)
        assert ([(item.rule, item.severity) for item in findings], domains) == (
            [("fi-info-failed", "warning")],
            None,
        )


class TestPrograms:
    def test_status_and_output_come_back(self):
        assert run_program(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"], {}, 20) == (3, "out\nerr\n")

    def test_the_environment_is_the_given_one(self):
        assert run_program(["/usr/bin/env"], {"A": "b"}, 20) == (0, "A=b\n")

    def test_a_signal_is_told_from_a_status(self):
        assert run_program(["/bin/sh", "-c", "kill -9 $$"], {}, 20)[0] == -9

    def test_what_cannot_be_run_is_127(self, tmp_path):
        assert run_program([str(tmp_path / "nothing")], {}, 20)[0] == 127

    def test_what_does_not_end_is_killed_with_its_children(self, tmp_path):
        pid_file = tmp_path / "pid"
        script = f"/bin/sleep 600 & echo $! > {pid_file}; echo said; wait"
        status, output = run_program(["/bin/sh", "-c", script], {}, 1.0)
        assert (status, output) == (None, "said\n")
        wait_for_end(int(pid_file.read_text()))

    def test_one_that_closes_its_output_and_goes_on_is_left_too(self):
        assert run_program(["/bin/sh", "-c", "exec >&- 2>&-; exec /bin/sleep 600"], {}, 0.5) == (None, "")

    def test_none_of_our_descriptors_are_its_own(self):
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        try:
            status, output = run_program(["/bin/ls", "/proc/self/fd"], {}, 20)
        finally:
            os.close(reader)
            os.close(writer)
        assert (status, output.split()) == (0, ["0", "1", "2", "3"])  # 3: the folder that it lists


def wait_for_end(pid: int) -> None:
    """Wait for a process that was killed, which takes a moment; fail where it was not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 30)[0], f"process {pid} still runs"
    finally:
        os.close(descriptor)


class TestVersions:
    @pytest.mark.parametrize(
        ("instance", "software", "told"),
        [
            ("p5.48xlarge", {"plugin": "1.7.1"}, [("version-low", "warning", "1.7.2")]),
            ("p5.48xlarge", {"plugin": None, "installer": "1.28.0"}, [("version-low", "warning", "1.29.0")]),
            ("p5.4xlarge", {"plugin": "1.16.1"}, [("known-bad", "error", "1.16.2")]),
            ("p5en.48xlarge", {"plugin": "1.12.1"}, [("version-low", "warning", "1.13.0")]),
            ("p5.48xlarge", {"plugin": "1.19.1"}, [("known-bad", "warning", "1.19.2")]),
            ("p6-b300.48xlarge", {"plugin": None, "installer": None}, []),
            ("m7i.large", {"plugin": "1.0.0"}, []),
            (None, {"plugin": None}, []),
        ],
    )
    def test_versions_that_are_too_old_or_broken_are_told_with_what_to_install(self, instance, software, told):
        found = [item for item in check_versions(software, instance) if item.severity != "info"]
        worst = [(item.rule, item.severity) for item in found[:1]]
        assert worst == [(rule, level) for rule, level, _ in told]
        assert all(version in found[0].message for _, _, version in told)

    def test_nccl_is_only_noted_since_jobs_bring_their_own(self):
        found = check_versions({"nccl": "2.17.1", "plugin": "1.20.0"}, "p5.48xlarge")
        assert [item.severity for item in found if "NCCL 2.17.1" in item.message] == ["info"]

    def test_what_is_installed_may_differ_from_what_was_rendered_for(self, node):
        node.settings["stack"] = {"installer": "1.47.0", "plugin": "1.20.0", "libfabric": None}
        assert rules(node) == ["version-differs"]
        (told,) = result(node)["findings"]
        assert told["message"] == "EFA installer 1.49.0 is installed, and the cluster's config was rendered for 1.47.0"
        assert told["severity"] == "info"

    def test_a_stack_of_unknown_parts_differs_from_nothing(self):
        assert check_stack({"installer": None, "plugin": "1.20.0"}, {"plugin": None, "installer": "1.47.0"}) == []


class TestPlugin:
    def test_missing_on_a_node_with_gpus_is_told(self, node):
        efa_software.write_software(node.root, plugin=None)
        for library in (node.root / efa_software.PLUGIN_FOLDER).iterdir():
            library.unlink()
        assert rules(node) == []
        (node.root / "proc/driver/nvidia").mkdir(parents=True)
        assert rules(node) == ["plugin-missing"]

    def test_not_in_the_loader_s_cache_is_told(self, node):
        efa_software.write_loader_cache(node.root, [])
        assert rules(node) == ["plugin-not-loadable"]

    def test_any_of_its_names_will_do(self):
        assert check_plugin([PLUGIN, "/x/libnccl-net-ofi.so"], ["/x/libnccl-net-ofi.so"], has_gpu=True) == []


class TestLimits:
    def test_slurmd_s_low_limit_is_told_before_any_job_meets_it(self, node):
        efa_software.write_limits(node.root, locked="65536", huge_pages=6000)
        assert rules(node) == ["memlock-low"]
        assert "64 KiB" in result(node)["findings"][0]["message"]

    def test_what_costs_only_speed_is_a_note(self, node):
        efa_software.write_limits(node.root, huge_pages=10, ptrace_scope=1)
        assert rules(node, "info") == ["huge-pages-few", "ptrace-restricted"]
        assert "huge pages" not in node.run("health-check", None)

    def test_a_login_s_limit_is_told_since_a_shell_s_goes_with_its_jobs(self, node):
        efa_software.write(
            node.root / "etc/security/limits.d/99_site.conf", "* soft memlock 64 # low\nroot - memlock 1\n"
        )
        assert rules(node, "info") == ["login-memlock-low"]

    def test_nothing_known_is_nothing_told(self):
        unknown = {
            "locked_memory": None,
            "login_limits": [("f", "*", "-", -1)],
            "huge_pages": None,
            "ptrace_scope": None,
        }
        assert check_limits(unknown) == []
