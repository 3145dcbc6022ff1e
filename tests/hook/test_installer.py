"""install-hooks.sh, as rendered, below folders of the test's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from efakit.emit.hooks import emit_hooks
from efakit.plan.plan import make_plan
from efakit.spec.load import load_spec

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the installer wants root: run as root")


class Site:
    """A head node's folders, and the installer with its options for them."""

    def __init__(self, folder: Path, shell: str) -> None:
        self.shell, self.installer = shell, folder / "install hooks.sh"
        self.scripts, self.home, self.records = folder / "scripts", folder / "efakit", folder / "shared/efakit/records"
        for name in ("prolog.d", "epilog.d"):
            (self.scripts / name).mkdir(parents=True)
            (self.scripts / name / "90_pcluster").write_text("#!/bin/sh\n")
        plan = make_plan(load_spec(ROOT / "cluster-configs/p5.yaml"))
        files = {file.path: file.content for file in emit_hooks(plan)}
        self.installer.write_bytes(files["hooks/install-hooks.sh"])
        self.folder = folder

    def run(self, *options: str, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
        folders = ["--scripts-dir", self.scripts, "--home", self.home, "--records-dir", self.records]
        command = [self.shell, self.installer, *folders, *options]
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, umask=umask, stdin=subprocess.DEVNULL
        )

    def tree(self) -> dict[str, tuple[int, bytes]]:
        return {
            str(path.relative_to(self.folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
            for path in sorted(self.folder.rglob("*"))
        }


@pytest.fixture(params=["dash", "bash"])
def site(request, tmp_path) -> Site:
    return Site(tmp_path, request.param)


def test_it_installs_twice_to_the_same_and_uninstalls_to_the_beginning(site):
    before = site.tree()
    assert site.run().returncode == 0
    installed = site.tree()
    assert {"efakit/run-hook", "scripts/prolog.d/00_efakit", "scripts/epilog.d/99_efakit"} <= set(installed)
    assert f"home={site.home}\n".encode() in installed["scripts/prolog.d/00_efakit"][1]
    assert site.run().returncode == 0
    assert site.tree() == installed
    assert site.run("--uninstall").returncode == 0
    left = site.tree()
    assert {path: left[path] for path in before} == before
    assert set(left) - set(before) == {"shared", "shared/efakit", "shared/efakit/records"}


@pytest.mark.parametrize("options", [["--dry-run"], ["--dry-run", "--uninstall"]])
def test_a_dry_run_changes_nothing(site, options):
    for _ in range(2):
        before = site.tree()
        done = site.run(*options)
        assert done.returncode == 0, done.stderr
        assert site.tree() == before
        assert site.run().returncode == 0


def test_users_can_pass_through_whatever_root_s_umask(site):
    assert site.run(umask=0o077).returncode == 0
    for folder in (site.records, site.records.parent, site.home):
        assert folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(("mode", "owner"), [(0o1777, 0), (0o775, 0), (0o755, 65534)])
def test_a_folder_that_is_everybody_s_is_refused_and_left_as_it_is(site, mode, owner):
    """Such as the top of a file system: the hook would refuse it, and a changed mode would lock everybody out."""
    site.records.mkdir(parents=True)
    site.records.chmod(mode)
    os.chown(site.records, owner, owner)
    before = site.tree()
    done = site.run()
    assert done.returncode == 1
    assert "--records-dir" in done.stderr
    assert site.tree() == before


def test_a_folder_that_is_root_s_keeps_its_mode(site):
    site.records.mkdir(parents=True)
    site.records.chmod(0o750)
    assert site.run().returncode == 0
    assert site.records.stat().st_mode & 0o777 == 0o750


def test_changed_settings_are_kept_beside_the_new_ones(site):
    site.run()
    settings = site.home / "hook.json"
    settings.write_text("{}")
    assert "hook.json.previous" in site.run().stdout
    assert (site.home / "hook.json.previous").read_text() == "{}"
    assert str(site.records) in settings.read_text()


@pytest.mark.parametrize(
    "options", [["--nonsense"], ["--home"], ["--home", "relative"], ["--home", "/a b"], ["--home", "/a|b"], ["extra"]]
)
def test_bad_options_are_refused(site, options):
    before = site.tree()
    done = site.run(*options)
    assert (done.returncode, "error" in done.stderr) == (1, True)
    assert site.tree() == before


def test_half_a_file_installs_nothing(site):
    text = site.installer.read_bytes()
    site.installer.write_bytes(text[: len(text) * 2 // 3])
    before = site.tree()
    assert site.run().returncode != 0
    assert site.tree() == before


def test_what_an_installation_left_half_done_goes_with_the_rest(site):
    site.run()
    for folder in (site.home, site.scripts / "prolog.d"):
        (folder / ".efakit-run-hook.new").write_text("half")
    assert site.run("--uninstall").returncode == 0
    assert not site.home.exists()
    assert [path.name for path in (site.scripts / "prolog.d").iterdir()] == ["90_pcluster"]
