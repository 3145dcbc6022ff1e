"""Doctor's mends are run as they are printed, and doctor is silent afterwards.

Real: the commands, sysctl, ldconfig and its cache, the files that they write. A saved tree's /etc, /opt, /var/spool and
/proc/sys stand in the machine's places, in a mount namespace of its own, and all the rest is read-only there:
ldconfig removes a library's link that leads through another /etc. Simulated: sudo, and systemctl, which gives slurmd
what the drop-in files say, in systemd's order, as a restart does.

Not run: what loads kernel modules (modprobe, dkms), installs software from the network (the EFA installer, NCCL), or
drains a node; they need a driver, a GPU, or are Slurm's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.cli.doctor import doctor
from tests.doctor import trees
from tests.lab import efa_software

_NEEDED = [name for name in ("gcc", "ldconfig", "sysctl", "unshare") if not shutil.which(name)]
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts over /etc in a namespace: run as root"),
    pytest.mark.skipif(bool(_NEEDED), reason=f"the mends are run by {', '.join(_NEEDED)}, which is not here"),
]

# systemd.unit(5): drop-in files are read in the order of their names, whatever folder they are in; the last one holds.
SYSTEMCTL = """#!/bin/sh
[ "$1 $2" = "restart slurmd" ] || exit 0
cd /etc/systemd/system/slurmd.service.d
limit=$(cat $(ls *.conf | LC_ALL=C sort) | sed -n 's/^LimitMEMLOCK=//p' | tail -n 1)
case $limit in infinity) limit=unlimited ;; *) limit=67108864 ;; esac
printf 'Max locked memory         %-20s %-20s bytes\\n' "$limit" "$limit" >ROOT/proc/77/limits
"""
INSIDE = """set -eu
mount --make-rprivate /
mount --bind "$1" "$1"
for place in etc opt var/spool proc/sys; do mount --bind "$1/$place" "/$place"; done
for place in / /usr /boot /home /root /srv; do if mountpoint -q $place; then mount -o remount,bind,ro $place; fi; done
shift
export PATH="$1:$PATH"
sh -eu "$2"
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A healthy node whose libraries are real ones, and whose kernel settings are files that sysctl writes."""
    root = trees.healthy(tmp_path_factory.mktemp("node") / "root", "p4d.24xlarge")
    for name in ("libfabric.so.1", "libibverbs.so.1", "libefa.so.1"):
        _library(root / "opt/amazon/efa/lib64" / name, name)
    for name in ("libnccl-net.so", "libnccl-net-ofi.so"):
        _library(root / efa_software.PLUGIN_FOLDER / name, name)
    trees.write(root, "etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
    trees.write(root, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    trees.write(root, "etc/group", "root:x:0:\n")
    for folder in ("etc/sysctl.d", "etc/enroot/mounts.d", "var/spool", "proc/sys/vm"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    pages = root / "proc/sys/vm/nr_hugepages"
    if not pages.exists():
        os.link(root / "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", pages)
    trees.write(root, "proc/77/comm", "slurmd\n")
    trees.write(root, "proc/77/limits", "Max locked memory         unlimited            unlimited            bytes\n")
    assert judged(root) == []
    return root


def _library(path: Path, soname: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    subprocess.run(
        ["gcc", "-shared", f"-Wl,-soname,{soname}", "-o", path, "-x", "c", "-"], check=True, input=b"int efa;\n"
    )


def judged(root: Path) -> list[dict]:
    return json.loads(CliRunner().invoke(doctor, ["--root", str(root), "--format", "json"]).output)["findings"]


def run_mends(root: Path, place: Path, commands: list[str]) -> None:
    """Run commands as the fix script has them, with the tree's folders in the machine's places."""
    stubs = place / "stubs"
    stubs.mkdir()
    for name, text in (("sudo", '#!/bin/sh\nexec "$@"\n'), ("systemctl", SYSTEMCTL.replace("ROOT", str(root)))):
        (stubs / name).write_text(text)
        (stubs / name).chmod(0o755)
    script = place / "mends.sh"
    script.write_text("\n".join(commands) + "\n")
    argv = ["unshare", "--mount", "sh", "-c", INSIDE, "mends", str(root), str(stubs), str(script)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _unknown_to_the_loader(root: Path) -> None:
    (root / "etc/ld.so.conf.d/100_ofinccl.conf").unlink(missing_ok=True)
    trees.FAULTS["the loader does not know the plugin"][0](root)


def _low_running(root: Path) -> None:
    trees.write(root, "proc/77/limits", "Max locked memory         65536                65536                bytes\n")


def _low_by_drop_in(root: Path) -> None:
    trees.FAULTS["slurmd's unit limits locked memory"][0](root)
    trees.write(root, "proc/77/limits", "Max locked memory         67108864             67108864             bytes\n")


def _low_for_all(root: Path) -> None:
    trees.write(root, "etc/security/limits.d/99_site.conf", "* - memlock 64\n*  hard  nofile 4096\n")


def _no_login_limit(root: Path) -> None:
    (root / "etc/security/limits.d/01_efa.conf").unlink()
    trees.write(root, "proc/self/limits", "Max locked memory         unlimited            unlimited            bytes\n")


CASES = {
    "no huge pages": ("huge-pages-few", lambda root: _set_pages(root, 0)),
    "ptrace is restricted": (
        "ptrace-restricted",
        lambda root: trees.write(root, "proc/sys/kernel/yama/ptrace_scope", "1\n"),
    ),
    "slurmd may lock little": ("memlock-low", _low_running),
    "a drop-in of the site limits slurmd": ("memlock-low", _low_by_drop_in),
    "the login limit is low": ("login-memlock-low", trees.FAULTS["the login limit is low"][0]),
    "a group's login limit is low": ("login-memlock-low", trees.FAULTS["a group's login limit is low"][0]),
    "a later file limits all logins": ("login-memlock-low", _low_for_all),
    "the loader does not know the plugin": ("plugin-not-loadable", _unknown_to_the_loader),
    "the loader does not know libfabric": (
        "library-not-loadable",
        trees.FAULTS["the loader does not know libfabric"][0],
    ),
    "Enroot hides the devices": ("enroot-restricted", trees.FAULTS["Enroot hides the devices"][0]),
}


def _set_pages(root: Path, count: int) -> None:
    (root / "proc/sys/vm/nr_hugepages").write_text(f"{count}\n")


@pytest.mark.parametrize("case", CASES)
def test_after_its_mend_a_fault_is_gone_and_nothing_else_is_wrong(whole, tmp_path, case):
    rule, make = CASES[case]
    root = tmp_path / "root"
    # Hard links stay: the kernel shows the huge pages in two places.
    subprocess.run(["cp", "--archive", whole, root], check=True)
    make(root)
    found = judged(root)
    assert rule in [item["rule"] for item in found]
    commands = [command for item in found for command in item["commands"]]
    run_mends(root, tmp_path, list(dict.fromkeys(commands)))
    assert judged(root) == []


def test_what_a_mend_of_the_login_limits_takes_out_is_left_as_a_comment(whole, tmp_path):
    root = tmp_path / "root"
    subprocess.run(["cp", "--archive", whole, root], check=True)
    _low_for_all(root)
    run_mends(root, tmp_path, judged(root)[0]["commands"])
    text = (root / "etc/security/limits.d/99_site.conf").read_text()
    assert text == "# * - memlock 64\n*  hard  nofile 4096\n"


def test_no_mend_can_change_the_machine(whole, tmp_path):
    for folder in ("/usr", "/usr/lib", "/var", "/"):
        (tmp_path / folder.replace("/", "_")).mkdir()
        run_mends(whole, tmp_path / folder.replace("/", "_"), [f"! touch {folder}/written-by-a-mend"])
        assert not Path(folder, "written-by-a-mend").exists()
