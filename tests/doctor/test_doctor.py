"""``efakit doctor`` on saved trees: silent on healthy nodes, and on sick ones the fault and its mend."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from efakit.cli.main import efakit
from tests.doctor import trees

pytestmark = pytest.mark.thorough


def doctor(*arguments: str | Path) -> Result:
    return CliRunner().invoke(efakit, ["doctor", *map(str, arguments)])


def judged(root: Path, *arguments: str) -> list[dict[str, Any]]:
    done = doctor("--root", root, "--format", "json", *arguments)
    assert done.exit_code in (0, 1), (done.output, done.exception)
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    assert done.exit_code == any(item["severity"] == "error" for item in found)
    return found


@pytest.fixture(scope="module")
def p5(tmp_path_factory) -> Path:
    return trees.healthy(tmp_path_factory.mktemp("p5") / "root")


@pytest.fixture
def tree(p5, tmp_path) -> Path:
    return Path(shutil.copytree(p5, tmp_path / "root", symlinks=True))


@pytest.mark.parametrize("kind", trees.TYPES)
def test_of_a_healthy_node_nothing_is_said(tmp_path, kind):
    done = doctor("--root", trees.healthy(tmp_path / "root", kind))
    assert (done.exit_code, done.output) == (0, "1 node: nothing found\n")


DEVICE_FAULTS = [
    "a device is missing that hook.json expects",
    "a device has no driver",
    "a device has no verbs device",
    "a verbs device cannot be opened",
    "counters give an I/O error",
    "admin commands were not answered",
]


@pytest.mark.parametrize("port_counters", [5, 13, 17, 22])
def test_no_driver_generation_is_a_fault_and_each_shows_the_faults_of_devices(tmp_path, port_counters):
    whole = trees.healthy(tmp_path / "root", "p4d.24xlarge", port_counters=port_counters)
    assert judged(whole) == []
    for number, fault in enumerate(DEVICE_FAULTS):
        root = Path(shutil.copytree(whole, tmp_path / str(number), symlinks=True))
        make, rule, severity, _ = trees.FAULTS[fault]
        make(root)
        assert (rule, severity) in [(item["rule"], item["severity"]) for item in judged(root)]


def test_the_kernel_s_own_driver_which_tells_no_version_is_no_fault(tree):
    (tree / "sys/module/efa/version").unlink()
    assert judged(tree) == []


def test_verbose_says_what_was_looked_at_and_what_was_not(p5):
    text = doctor("--root", p5, "--verbose").output
    assert "EFA devices: 32 of 32" in text
    assert "fi_info -p efa: not asked: the programs of a saved tree are not run" in text
    assert "not there, or of no known version: nccl" in text


@pytest.mark.parametrize("fault", trees.FAULTS)
def test_a_fault_is_named_with_its_mend_reason_and_source(tree, fault):
    make, rule, severity, mend = trees.FAULTS[fault]
    make(tree)
    found = [item for item in judged(tree) if item["rule"] == rule]
    assert [item["severity"] for item in found[:1]] == [severity]
    assert mend in "\n".join([found[0]["fix"], *found[0]["commands"]])
    assert found[0]["why"]
    assert found[0]["source"]


def test_a_fault_brings_no_other_findings(tree):
    """Those that follow from it apart: a missing device is missing in sysfs and nowhere else."""
    for fault in ("a device has no driver", "no huge pages", "the loader does not know libfabric"):
        copy = Path(shutil.copytree(tree, tree.with_name(fault.replace(" ", "-")), symlinks=True))
        make, rule, _, _ = trees.FAULTS[fault]
        make(copy)
        assert {item["rule"] for item in judged(copy)} - {"devices-fewer"} == {rule}


@pytest.mark.parametrize("path", ["etc/ld.so.conf.d/100_ofinccl.conf", "proc/modules", "sys/module/nvidia/version"])
def test_what_cannot_be_read_is_unknown_and_no_fault(tree, path):
    trees.unreadable(tree / path)
    found = judged(tree)
    assert {(item["rule"], item["severity"]) for item in found} == {("not-read", "info")}
    assert f"/{path} could not be read: Is a directory" in [item["message"] for item in found]


def test_a_read_that_never_answers_costs_its_own_part_alone(tree, monkeypatch):
    from efakit.hook import collect

    monkeypatch.setattr(collect, "_PART_SECONDS", 0.6)
    (tree / "etc/os-release").unlink()
    subprocess.run(["mkfifo", tree / "proc/self/limits.new"], check=True)
    (tree / "proc/self/limits.new").rename(tree / "proc/self/limits")
    found = judged(tree)
    assert [item["message"] for item in found] == ["limits could not be read: no answer within 1 s"]


def test_a_device_that_cannot_be_read_for_want_of_a_right_is_not_the_device_s_fault(tree):
    function = trees.counters(tree) / "device"
    link = function.resolve() / "driver"
    link.unlink()
    link.mkdir()  # readlink fails: not "no driver"
    found = judged(tree)
    assert {item["severity"] for item in found} == {"info"}


def test_a_program_of_a_saved_tree_is_never_run(tree, tmp_path):
    program = tree / "opt/amazon/efa/bin/fi_info"
    trees.write(tree, "opt/amazon/efa/bin/fi_info", f"#!/bin/sh\n: > {tmp_path}/called\n")
    program.chmod(0o755)
    assert judged(tree) == []
    assert not (tmp_path / "called").exists()


def test_a_machine_that_is_no_ec2_instance_is_not_judged_and_that_is_said(tmp_path):
    trees.write(tmp_path, "sys/class/dmi/id/product_name", "KVM\n")
    (found,) = judged(tmp_path)
    assert (found["rule"], found["severity"]) == ("not-read", "info")
    assert "EFA is not judged" in found["message"]


def test_a_type_without_efa_lacks_nothing(tmp_path):
    trees.write(tmp_path, "sys/class/dmi/id/product_name", "m5.large\n")
    assert judged(tmp_path) == []


def test_the_fix_script_is_a_script_that_holds_each_command_and_runs_nothing(tree, tmp_path):
    trees.FAULTS["no huge pages"][0](tree)
    trees.FAULTS["no plugin"][0](tree)
    script = tmp_path / "fix.sh"
    found = judged(tree, "--fix-script", str(script))
    text = script.read_text()
    subprocess.run(["/bin/sh", "-n", script], check=True)
    assert all(command in text.splitlines() for item in found for command in item["commands"])
    assert all(f"# on node-1: {item['severity']} {item['rule']}:" in text for item in found)


def test_the_fix_script_is_written_again_but_over_nobody_else_s_file(tree, tmp_path):
    script = tmp_path / "fix.sh"
    judged(tree, "--fix-script", str(script))
    judged(tree, "--fix-script", str(script))
    script.write_text("#!/bin/sh\necho mine\n")
    done = doctor("--root", tree, "--fix-script", script)
    assert "doctor did not write it" in str(done.exception)
    assert script.read_text() == "#!/bin/sh\necho mine\n"


def test_a_hostile_name_of_a_node_cannot_break_out_of_the_script(tree, tmp_path):
    trees.write(tree, "etc/hostname", "x'; touch owned\n")
    trees.FAULTS["a verbs device cannot be opened"][0](tree)
    script = tmp_path / "fix.sh"
    judged(tree, "--fix-script", str(script))
    stubs = tmp_path / "bin"
    stubs.mkdir()
    for name in ("sudo",):
        (stubs / name).write_text("#!/bin/sh\n")
        (stubs / name).chmod(0o755)
    subprocess.run(["/bin/sh", script], check=True, cwd=tmp_path, env={"PATH": f"{stubs}:/usr/bin:/bin"})
    assert not (tmp_path / "owned").exists()


# What --collect wrote on one machine, judged on another.


@pytest.fixture(scope="module")
def sick(tmp_path_factory) -> Path:
    root = trees.healthy(tmp_path_factory.mktemp("sick") / "root")
    for fault in ("no huge pages", "a verbs device cannot be opened", "the installer is too old"):
        trees.FAULTS[fault][0](root)
    return root


def test_the_archive_its_folder_and_its_json_give_what_the_machine_gave(sick, tmp_path):
    archive = tmp_path / "ticket.tar.gz"
    here = judged(sick, "--collect", str(archive))
    assert len(here) >= 3
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path], check=True)
    folder = tmp_path / "efakit-doctor"
    for place in (archive, tmp_path, folder, folder / "collected.json"):
        assert judged(place) == here


def test_it_holds_what_its_readme_says_and_no_contents_of_files(sick, tmp_path):
    trees.write(sick, "opt/slurm/etc/secret", "AWS_SECRET_ACCESS_KEY=abc")
    judged(sick, "--collect", str(tmp_path / "t.tar.gz"))
    listed = subprocess.run(["tar", "-tzf", tmp_path / "t.tar.gz"], capture_output=True, text=True, check=True)
    assert listed.stdout.split() == ["efakit-doctor/README.txt", "efakit-doctor/collected.json"]
    text = subprocess.run(["tar", "-xzOf", tmp_path / "t.tar.gz"], capture_output=True, text=True, check=True).stdout
    assert "It does not hold" in text
    assert "AWS_SECRET" not in text


def test_a_file_that_is_there_is_not_overwritten(sick, tmp_path):
    (tmp_path / "t.tar.gz").write_text("mine")
    done = CliRunner().invoke(efakit, ["doctor", "--root", str(sick), "--collect", str(tmp_path / "t.tar.gz")])
    assert "exists already" in str(done.exception)
    assert (tmp_path / "t.tar.gz").read_text() == "mine"
