"""install-hooks.sh, as rendered, below folders of the test's own."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest

from efakit.emit.hooks import emit_hooks
from efakit.plan.make import make_plan
from efakit.spec.load import load_spec

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(os.geteuid() != 0, reason="the installer wants root: run as root"),
]


@lru_cache(maxsize=1)
def rendered_installer() -> bytes:
    plan = make_plan(load_spec(ROOT / "cluster-configs/p5.yaml"))
    (file,) = [file for file in emit_hooks(plan) if file.path == "hooks/install-hooks.sh"]
    return file.content


class Site:
    """A head node's folders, and the installer with its options for them."""

    def __init__(self, folder: Path, shell: str) -> None:
        self.shell, self.installer = shell, folder / "install hooks.sh"
        self.scripts, self.home, self.records = folder / "scripts", folder / "efakit", folder / "shared/efakit/records"
        for name in ("prolog.d", "epilog.d"):
            (self.scripts / name).mkdir(parents=True)
            (self.scripts / name / "90_pcluster").write_text("#!/bin/sh\n")
        self.installer.write_bytes(rendered_installer())
        self.folder = folder

    def run(self, *options: str, umask: int = 0o022, apart: str = "") -> subprocess.CompletedProcess[str]:
        """Run the installer; ``apart`` is done before, in a view of the machine's folders of its own."""
        folders = ["--scripts-dir", self.scripts, "--home", self.home, "--records-dir", self.records]
        first, rest = ([options[0]], options[1:]) if options[:1] == ("--custom-action",) else ([], options)
        command = [self.shell, self.installer, *first, *folders, *rest]
        if apart:
            command = ["unshare", "--mount", "/bin/sh", "-ec", f'{apart}\nexec "$@"', "sh", *command]
        environment = {name: value for name, value in os.environ.items() if name != "SLURM_CONF"}
        return subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            umask=umask,
            stdin=subprocess.DEVNULL,
            env=environment,
        )

    def hook(self) -> Path:
        """Return this version's own file."""
        return Path(os.path.realpath(self.home / "efakit-hook.pyz"))

    def log(self) -> str:
        return (self.folder / "log/efakit-install.log").read_text()

    def tree(self) -> dict[str, tuple[int, bytes]]:
        return {
            str(path.relative_to(self.folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
            for path in sorted(self.folder.rglob("*"))
        }


# Debian's /bin/sh, and that of Amazon Linux and RHEL.
EITHER_SHELL = pytest.mark.parametrize("shell", ["dash", "bash"])


@pytest.fixture
def shell() -> str:
    return "dash"


@pytest.fixture
def site(tmp_path, shell) -> Site:
    return Site(tmp_path, shell)


@EITHER_SHELL
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


@EITHER_SHELL
@pytest.mark.parametrize(
    "options", [["--nonsense"], ["--home"], ["--home", "relative"], ["--home", "/a b"], ["--home", "/a|b"], ["extra"]]
)
def test_bad_options_are_refused(site, options):
    before = site.tree()
    done = site.run(*options)
    assert (done.returncode, "error" in done.stderr) == (1, True)
    assert site.tree() == before


@EITHER_SHELL
def test_half_a_file_installs_nothing(site):
    text = site.installer.read_bytes()
    site.installer.write_bytes(text[: len(text) * 2 // 3])
    before = site.tree()
    assert site.run().returncode != 0
    assert site.tree() == before


def test_what_an_installation_left_half_done_goes_with_the_rest(site):
    site.run()
    for folder in (site.home, site.scripts, site.scripts / "prolog.d"):
        (folder / ".efakit-run-hook.new").write_text("half")
    assert site.run("--uninstall").returncode == 0
    assert not site.home.exists()
    assert [path.name for path in (site.scripts / "prolog.d").iterdir()] == ["90_pcluster"]


# What ParallelCluster's machines know of themselves, and a log of the test's own.
CFNCONFIG = (
    "/bin/mount -t tmpfs none /etc; mkdir /etc/parallelcluster; echo cfn_node_type={} > /etc/parallelcluster/cfnconfig"
)


def log_of(site: Site) -> str:
    (site.folder / "log").mkdir(exist_ok=True)
    return f"/bin/mount --bind '{site.folder}/log' /var/log"


@pytest.mark.parametrize("part", ["ComputeFleet", "LoginNode"])
def test_it_writes_nothing_from_another_node_than_the_head_node(site, part):
    """/opt/slurm is the head node's, and mounted on all others."""
    before = site.tree()
    done = site.run(apart=CFNCONFIG.format(part))
    assert (done.returncode, "run it on the head node" in done.stderr) == (1, True)
    assert site.tree() == before


def test_on_a_head_node_of_parallelcluster_it_installs(site):
    assert site.run(apart=CFNCONFIG.format("HeadNode")).returncode == 0
    assert (site.home / "run-hook").exists()


def test_a_custom_action_for_compute_nodes_by_mistake_harms_nothing(site):
    apart = log_of(site) + "; " + CFNCONFIG.format("ComputeFleet")
    before = {path: content for path, content in site.tree().items() if not path.startswith("log")}
    done = site.run("--custom-action", apart=apart)
    assert done.returncode == 0
    assert "run it on the head node" in site.log()
    assert {path: content for path, content in site.tree().items() if not path.startswith("log")} == before


@EITHER_SHELL
@pytest.mark.parametrize("options", [[], ["--nonsense"], ["--records-dir", "relative"]])
def test_a_custom_action_ends_with_0_and_leaves_a_task_prolog_whatever_happens(site, options):
    """Slurm's configuration names the task prolog already, and every task would fail without it."""
    if not options:
        shutil.rmtree(site.scripts / "epilog.d")
    done = site.run("--custom-action", *options, apart=log_of(site))
    assert (done.returncode, "could not be installed" in done.stdout) == (0, True)
    assert "error" in site.log()
    ran = subprocess.run([site.home / "task-prolog"], capture_output=True, env={})
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert not (site.scripts / "prolog.d/00_efakit").exists()


@EITHER_SHELL
def test_a_custom_action_logs_and_installs(site):
    done = site.run("--custom-action", apart=log_of(site))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "installed in" in site.log()
    assert (site.scripts / "prolog.d/00_efakit").exists()


def test_a_custom_action_that_fails_leaves_what_is_installed(site):
    site.run()
    installed = {path: content for path, content in site.tree().items() if not path.startswith("log")}
    site.run("--custom-action", "--nonsense", apart=log_of(site))
    assert {path: content for path, content in site.tree().items() if not path.startswith("log")} == installed


@EITHER_SHELL
def test_a_run_that_began_before_an_upgrade_keeps_its_file(site):
    """Python opens such a file anew for each module: under one name, it would read the new one's bytes."""
    site.run()
    first = site.hook()
    other = site.home / "versions/0000000000000000/efakit-hook.pyz"
    other.parent.mkdir()
    other.write_bytes(b"a version before the last")
    text = site.home.joinpath("run-hook").read_text().replace(str(first), str(other))
    site.home.joinpath("run-hook").write_text(text)
    assert site.run().returncode == 0
    assert other.exists(), "the version before this one may still run"
    assert f"hook={site.hook()}\n" in (site.home / "run-hook").read_text()
    assert site.run().returncode == 0
    assert not other.exists(), "nothing runs it any more"


def test_the_list_of_what_was_installed_is_right(site):
    site.run()
    checked = subprocess.run(["sha256sum", "--check", "--quiet", site.home / "installed.sha256"], capture_output=True)
    assert (checked.returncode, checked.stdout) == (0, b"")
    listed = (site.home / "installed.sha256").read_text()
    for path in (site.hook(), site.home / "task-prolog", site.scripts / "prolog.d/00_efakit"):
        assert f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}\n" in listed


@pytest.mark.parametrize("option", ["--home", "--records-dir"])
@pytest.mark.parametrize("place", ["prolog.d", "epilog.d", "prolog.d/efakit", "epilog.d/a/b", "link", "link/efakit"])
def test_nothing_goes_where_slurm_would_run_it(site, option, place):
    """A file that is no script, or a folder, beside the prologs drains each node that starts a job."""
    (site.scripts / "link").symlink_to("prolog.d")
    before = site.tree()
    done = site.run(option, str(site.scripts / place))
    assert (done.returncode, "Slurm runs all that is there" in done.stderr, option in done.stderr) == (1, True, True)
    assert site.tree() == before


@pytest.mark.parametrize("place", ["prolog.d", "prolog.d/efakit"])
def test_a_custom_action_leaves_no_task_prolog_where_slurm_would_run_its_folder(site, place):
    before = site.tree()
    assert site.run("--custom-action", "--home", str(site.scripts / place)).returncode == 0
    assert {name: it for name, it in site.tree().items() if name.startswith("scripts")} == {
        name: it for name, it in before.items() if name.startswith("scripts")
    }


@pytest.mark.parametrize(("which", "mode"), [("home", 0o777), ("home", 0o775), ("shared", 0o777)])
def test_a_place_that_others_may_change_is_refused_before_anything_is_written(site, which, mode):
    """The hook would refuse to read its settings there, or to publish, and root would run what others wrote."""
    folder = site.home.parent / "open"
    folder.mkdir()
    folder.chmod(mode)
    option, place = ("--home", folder / "efakit") if which == "home" else ("--records-dir", folder / "records")
    before = site.tree()
    done = site.run(option, str(place))
    assert (done.returncode, "not root's alone to write" in done.stderr, option in done.stderr) == (1, True, True)
    assert site.tree() == before
    folder.chmod(0o1777)
    assert site.run(option, str(place)).returncode == 0, "sticky: nobody can replace another's entry"


@EITHER_SHELL
def test_a_dry_run_tells_each_file_and_an_installation_that_is_right_has_none(site):
    said = site.run("--dry-run").stdout
    for name in ("efakit-hook.pyz", "hook.json", "run-hook", "task-prolog", "health-check", "00_efakit", "99_efakit"):
        assert f"/{name}" in said
    site.run()
    assert site.run("--dry-run").stdout == ""
    (site.scripts / "prolog.d/00_efakit").write_text("changed")
    assert site.run("--dry-run").stdout == f"efakit: would change {site.scripts}/prolog.d/00_efakit\n"


def test_slurm_sees_whole_files_only_whenever_the_installer_dies(site):
    """Killed at 20 moments; what the globs match is complete, and what they lead to is there."""
    whole = site.run() and site.tree()
    site.run("--uninstall")
    folders = ["--scripts-dir", site.scripts, "--home", site.home, "--records-dir", site.records]
    for moment in range(20):
        running = subprocess.Popen(
            [site.shell, site.installer, *map(str, folders)], stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            running.wait(timeout=0.02 * moment)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        for script in ("prolog.d/00_efakit", "epilog.d/99_efakit"):
            path = site.scripts / script
            assert sorted(item.name for item in path.parent.glob("[!.]*")) in (
                [["90_pcluster"], sorted(["90_pcluster", path.name])]
            )
            if path.exists():
                found = (path.stat().st_mode, path.read_bytes())
                assert found == whole[f"scripts/{script}"]
                assert site.hook().read_bytes() == whole[str(site.hook().relative_to(site.folder))][1]
        if moment % 7 == 6:
            site.run("--uninstall")
    site.run("--uninstall")
    assert not site.home.exists()


def test_order_beside_parallelcluster_s_scripts_in_slurm_s_reverse_glob(site):
    site.run()
    prologs = sorted((path.name for path in (site.scripts / "prolog.d").glob("*")), reverse=True)
    epilogs = sorted((path.name for path in (site.scripts / "epilog.d").glob("*")), reverse=True)
    assert (prologs, epilogs) == (["90_pcluster", "00_efakit"], ["99_efakit", "90_pcluster"])


STARTING = [
    "CF 0:00 None",
    "R 0:07 None",
    "CG 1-02:00:00 None",
    "R 12:00 None\nR 0:59 None",
    "PD 0:00 Resources\nPD 0:00 None",
]


@EITHER_SHELL
@pytest.mark.parametrize("busy", STARTING)
def test_no_script_goes_while_a_job_s_prolog_or_epilog_may_have_it_on_its_list(site, monkeypatch, busy):
    site.run()
    (site.folder / "slurm.conf").touch()
    programs, scripts = site.folder / "programs", site.scripts
    programs.mkdir()
    # Slurm says at first that jobs are starting, later that some have been running for a while.
    squeue = f"""#!/bin/sh
test -e {programs}/later && echo 'R 1:00 None' && echo 'PD 0:00 Resources' && exit
ls {scripts}/prolog.d {scripts}/epilog.d >{programs}/seen
echo '{busy}'
"""
    for name, text in {"squeue": squeue, "sleep": f"#!/bin/sh\n: >{programs}/later\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    done = site.run("--uninstall")
    assert (done.returncode, "all the time" in done.stdout) == (0, False)
    assert (programs / "later").exists(), "it has waited"
    assert {"00_efakit", "99_efakit"} <= set((programs / "seen").read_text().split())
    assert not (scripts / "prolog.d/00_efakit").exists()


@EITHER_SHELL
@pytest.mark.parametrize("conf", ["slurm.conf", "pcluster/custom.conf"])
def test_a_task_prolog_that_slurm_names_is_not_taken_away(site, conf):
    """Slurm fails every task whose TaskProlog is missing."""
    (site.folder / "pcluster").mkdir()
    (site.folder / "slurm.conf").write_text(f"# TaskProlog={site.home}/other\n")
    with (site.folder / conf).open("a") as file:
        file.write(f"TaskProlog={site.home}/task-prolog\n")
    assert "to turn the task prolog on" not in site.run().stdout
    done = site.run("--uninstall")
    assert (done.returncode, "still names" in done.stdout) == (0, True)
    assert [path.name for path in site.home.iterdir()] == ["task-prolog"]
    ran = subprocess.run([site.home / "task-prolog"], capture_output=True, env={})
    assert (ran.returncode, ran.stdout) == (0, b"")
    (site.folder / conf).write_text(f"# TaskProlog={site.home}/task-prolog\n")
    site.run("--uninstall")
    assert not site.home.exists()


def test_what_slurm_s_configuration_lacks_is_told(site):
    said = site.run().stdout
    assert f"TaskProlog={site.home}/task-prolog" in said
    assert f"HealthCheckProgram={site.home}/health-check, HealthCheckInterval=300," in said
