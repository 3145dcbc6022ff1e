"""Whatever stops the installer, and whatever of an installation is gone: jobs go on, and installing again mends it.

The installer is killed before each command that changes something, and in the middle of each copy. After that a job's
prolog and epilog run as slurmd runs them, and a task prolog, where Slurm names one. The hook is a small one that says
that it ran; the scripts and the installer are the real ones.
"""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
import signal
import subprocess
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import pytest

from tests.hook.slurm_scripts import run_program, run_scripts, small_installer
from tests.hook.test_installer import EITHER_SHELL, Site
from tests.hook.test_removal import Cluster

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(os.geteuid() != 0, reason="the installer wants root: run as root"),
]

# Not chown and sync: a job sees no difference.
CHANGING = ("mv", "cp", "ln", "chmod", "rm", "mkdir", "rmdir")
# Counts its calls. Before the chosen one it kills the installer with all that it started; a copy is half done by then.
KILLER = """\
#!/bin/sh
read -r calls <{folder}/calls
calls=$((calls + 1))
echo $calls >{folder}/calls
if [ $calls = "$KILL_AT" ]; then
  [ {name} != cp ] || {{ for last in "$@"; do from=$to to=$last; done; head -c 20 "$from" >"$to"; }}
  kill -KILL 0
fi
exec {real} "$@"
"""
MOST_CALLS = 300


@pytest.fixture
def shell(request) -> str:
    """Debian's /bin/sh, or Amazon Linux's: each test by one of them, about as many by either."""
    return ("dash", "bash")[crc32(request.node.name.encode()) % 2]


@pytest.fixture
def cluster(tmp_path, shell, monkeypatch) -> Cluster:
    cluster = Cluster(tmp_path, shell)
    killers = tmp_path / "killers"
    killers.mkdir()
    for name in CHANGING:
        (killers / name).write_text(KILLER.format(folder=killers, name=name, real=shutil.which(name)))
        (killers / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{cluster.slurm.programs}:{killers}:{os.environ['PATH']}")
    monkeypatch.setenv("KILL_AT", "never")
    (killers / "calls").write_text("0\n")
    return cluster


def killed_runs(cluster: Cluster, step: int, *options: str) -> Iterator[int]:
    """Run the installer again and again, killed at each ``step``-th call; end when it comes to its end."""
    for call in range(1, MOST_CALLS, step):
        (cluster.folder / "killers/calls").write_text("0\n")
        folders = ["--scripts-dir", cluster.scripts, "--home", cluster.home, "--records-dir", cluster.records]
        done = subprocess.run(
            [cluster.shell, cluster.installer, *map(str, folders), *options],
            env={**os.environ, "KILL_AT": str(call)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        yield call
        if done.returncode == 0:
            assert call > step, "it was killed at least once"
            return
    raise AssertionError(f"not at its end after {MOST_CALLS} calls")


def assert_jobs_go_on(cluster: Cluster, where: object) -> None:
    assert cluster.job() == (0, 0), where
    # Whatever a glob other than Slurm's own may find; what that one finds has just run.
    for script, setting in ((cluster.prolog, "Prolog"), (cluster.epilog, "Epilog")):
        has_run = set(glob.glob(str(cluster.slurm.settings[setting])))  # noqa: PTH207 (a whole path is the pattern)
        for path in script.parent.iterdir():
            if str(path) in has_run:
                continue
            assert path.name.startswith(".efakit-") or run_program(path, {}).status == 0, (where, path)


def assert_task_prolog_goes_on(cluster: Cluster, where: object) -> None:
    ran = run_program(cluster.task_prolog, {})
    assert (ran.status, ran.output.replace("hook task-prolog ", "").strip()) in ((0, ""), (0, "one"), (0, "two")), where


def assert_whole(cluster: Cluster) -> None:
    """The installation is as a fresh one, and nothing lies about."""
    assert cluster.hooks_run()
    litter = [path for path in cluster.folder.rglob(".*") if path.name.startswith(".efakit")]
    assert litter == []
    checked = subprocess.run(["sha256sum", "--check", "--quiet", cluster.home / "installed.sha256"])
    assert checked.returncode == 0
    # A version before this one may stay until the next installation.
    left = [line for line in cluster.run("--dry-run").stdout.splitlines() if "/versions/" not in line]
    assert left == []


# The calls are the same with both shells; what follows takes far longer than what is killed.
KILLED_AT_EACH = {"dash": 1, "bash": 7}
MENDED_AFTER_EACH = 8


class Kept:
    """The cluster's files as they are now, to begin from again."""

    def __init__(self, cluster: Cluster) -> None:
        self.folders = [folder for folder in (cluster.home, cluster.scripts, cluster.records) if folder.exists()]
        self.cluster, self.copy = cluster, cluster.folder / "copy"
        for folder in self.folders:
            shutil.copytree(folder, self.copy / folder.name, symlinks=True)

    def put_back(self) -> None:
        for folder in (self.cluster.home, self.cluster.scripts, self.cluster.records):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in self.folders:
            shutil.copytree(self.copy / folder.name, folder, symlinks=True)


@EITHER_SHELL
def test_an_installation_that_is_killed_harms_no_job(cluster, shell):
    """Other scripts are there, as on a cluster whose jobs run already."""
    cluster.add_others()
    kept = Kept(cluster)
    for call in killed_runs(cluster, KILLED_AT_EACH[shell]):
        assert_jobs_go_on(cluster, call)
        if call % MENDED_AFTER_EACH == 0:
            cluster.run()
            assert_whole(cluster)
        kept.put_back()


def test_an_installation_that_is_killed_goes_on_from_where_it_was(cluster):
    """The folders were empty, so jobs failed before it; they never do again once they do not."""
    worked = False
    for call in killed_runs(cluster, 3):
        works = cluster.job() == (0, 0)
        assert works or not worked, call
        worked = works
    assert worked
    assert_whole(cluster)


@EITHER_SHELL
def test_an_upgrade_that_is_killed_leaves_the_one_or_the_other(cluster, shell):
    cluster.slurm.set(TaskProlog=str(cluster.task_prolog))
    cluster.installer.write_bytes(small_installer("one"))
    cluster.run()
    identity, kept = cluster.installation_id(), Kept(cluster)
    cluster.installer.write_bytes(small_installer("two", deadline_seconds=7))
    for call in killed_runs(cluster, KILLED_AT_EACH[shell]):
        assert_jobs_go_on(cluster, call)
        assert_task_prolog_goes_on(cluster, call)
        assert cluster.hooks_run(), "one of both"
        if call % MENDED_AFTER_EACH == 0:
            cluster.run()
            assert_whole(cluster)
            assert "hook prolog two" in run_scripts(str(cluster.prolog)).output
            assert cluster.installation_id() == identity
        kept.put_back()


@EITHER_SHELL
@pytest.mark.parametrize("others", [False, True], ids=["ours alone", "others too"])
def test_a_removal_that_is_killed_harms_no_job(cluster, shell, others):
    cluster.slurm.set(TaskProlog=str(cluster.task_prolog))
    if others:
        cluster.add_others()
    cluster.run()
    kept = Kept(cluster)
    for call in killed_runs(cluster, KILLED_AT_EACH[shell], "--uninstall"):
        assert_jobs_go_on(cluster, call)
        assert_task_prolog_goes_on(cluster, call)
        if call % MENDED_AFTER_EACH == 0:
            cluster.run("--uninstall")
            assert_jobs_go_on(cluster, call)
            left = sorted(str(path.relative_to(cluster.home)) for path in cluster.home.rglob("*"))
            assert left == ["task-prolog"], call
            assert (cluster.prolog.exists(), cluster.epilog.exists()) == (not others, not others)
        kept.put_back()


def test_after_a_killed_removal_an_installation_is_a_new_one(cluster):
    """Jobs may have run without hooks: a baseline from before is not its own."""
    cluster.run()
    identity, kept = cluster.installation_id(), Kept(cluster)
    for call in killed_runs(cluster, 3, "--uninstall"):
        ran = cluster.hooks_run()
        cluster.run()
        assert_whole(cluster)
        assert (cluster.installation_id() == identity) == ran, call
        kept.put_back()


def test_every_file_is_renamed_within_its_folder(cluster):
    """From another one it could be another file system's, and mv(1) would copy: half a script would be in prolog.d."""
    log = cluster.folder / "moves"
    (cluster.folder / "killers/mv").write_text(f'#!/bin/sh\necho "$@" >>{log}\nexec /bin/mv "$@"\n')
    cluster.run()
    cluster.run("--uninstall")
    moves = [line.split()[-2:] for line in log.read_text().splitlines() if str(cluster.folder) in line]
    assert len(moves) > 8
    assert [move for move in moves if Path(move[0]).parent != Path(move[1]).parent] == []


class TestTwoAtOnce:
    @pytest.mark.parametrize("options", [("",), ("", "--uninstall"), ("", "", "--uninstall", "--uninstall")], ids=str)
    def test_they_take_turns(self, cluster, options):
        cluster.run()
        folders = ["--scripts-dir", cluster.scripts, "--home", cluster.home, "--records-dir", cluster.records]
        running = [
            subprocess.Popen(
                [cluster.shell, cluster.installer, *map(str, folders), *([option] if option else [])],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for option in (*options, *options)
        ]
        while any(installer.poll() is None for installer in running):
            assert_jobs_go_on(cluster, options)
        assert [(installer.wait(), installer.communicate()[1]) for installer in running] == [(0, b"")] * len(running)
        cluster.run()
        assert_whole(cluster)

    def test_one_that_waits_too_long_says_so_and_changes_nothing(self, cluster):
        cluster.slurm.program("flock", "exit 1")
        for options in ((), ("--uninstall",)):
            before = cluster.tree()
            done = cluster.run(*options)
            assert (done.returncode, done.stderr) == (1, "efakit: error: another installation runs\n")
            after = cluster.tree()
            assert {path for path in {*before, *after} if before.get(path) != after.get(path)} <= {"killers/calls"}

    def test_what_another_one_did_before_its_turn_is_judged(self, cluster):
        cluster.home.mkdir()
        cluster.slurm.program("flock", f"chmod 0777 {cluster.home}")
        done = cluster.run()
        assert done.returncode == 1
        assert f"{cluster.home} is not root's alone to write" in done.stderr
        assert not any(cluster.home.iterdir())


def gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def a_folder(path: Path) -> None:
    gone(path)
    path.mkdir()


def closed(path: Path) -> None:
    path.chmod(0)


def empty(path: Path) -> None:
    path.write_bytes(b"")


MISSING: list[tuple[str, Callable[[Path], None]]] = [
    *((name, gone) for name in ("efakit", "efakit/versions", "efakit/run-hook", "efakit/hook.json")),
    *((name, gone) for name in ("efakit/efakit-hook.pyz", "efakit/health-check", "efakit/installed.sha256", "shared")),
    *((name, empty) for name in ("efakit/run-hook", "efakit/hook.json", "HOOK")),
    *((name, a_folder) for name in ("efakit/run-hook", "HOOK")),
    *((name, closed) for name in ("efakit", "efakit/run-hook", "efakit/versions", "efakit/hook.json")),
]


@pytest.mark.parametrize(("name", "what"), MISSING, ids=lambda value: getattr(value, "__name__", value))
def test_where_a_part_of_an_installation_is_missing_jobs_go_on(cluster, name, what):
    cluster.run()
    path = cluster.hook() if name == "HOOK" else cluster.folder / name
    what(path)
    assert_jobs_go_on(cluster, name)
    done = cluster.run()
    if what is a_folder:
        # Nobody knows what it holds. It is told, and jobs go on.
        assert (done.returncode, str(path) in done.stderr) == (1, True)
        path.rmdir()
        cluster.run()
    assert_whole(cluster)
    assert cluster.home.stat().st_mode & 0o005 == 0o005, "tasks of every user reach their prolog"


def test_a_run_hook_that_ends_anywhere_fails_no_job(cluster):
    cluster.run()
    run_hook = cluster.home / "run-hook"
    whole = run_hook.read_bytes()
    last_line = whole.rstrip().rindex(b"\n")
    for length in (*range(0, last_line, 29), *range(last_line, len(whole))):
        run_hook.write_bytes(whole[:length])
        assert [run_scripts(str(script)).status for script in (cluster.prolog, cluster.epilog)] == [0, 0], length


def test_a_home_that_users_cannot_pass_is_opened(cluster):
    """Made by root under its own umask: Slurm would fail every task of a user."""
    cluster.home.mkdir(mode=0o700)
    cluster.run()
    assert cluster.home.stat().st_mode & 0o777 == 0o755


def apart(steps: Callable[[], None]) -> None:
    """Run steps in a process with mounts of its own, which end with it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            new_mounts = 0x00020000  # CLONE_NEWNS (linux/sched.h)
            assert ctypes.CDLL(None, use_errno=True).unshare(new_mounts) == 0
            subprocess.run(["/bin/mount", "--make-rprivate", "/"], check=True)
            steps()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def mount(folder: Path, *options: str, kind: str = "tmpfs") -> None:
    folder.mkdir(exist_ok=True)
    subprocess.run(["/bin/mount", "-t", kind, *options, "none", folder], check=True)


def full(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass


class OnOneDisk(Cluster):
    """Everything that an installation writes is in one folder, which can be a file system of its own."""

    def __init__(self, folder: Path, shell: str) -> None:
        super().__init__(folder, shell)
        self.disk = folder / "disk"

    def fill(self, *, others: bool = False) -> None:
        self.scripts, self.home, self.records = self.disk / "scripts", self.disk / "efakit", self.disk / "records"
        self.prolog, self.epilog = self.scripts / "prolog.d/00_efakit", self.scripts / "epilog.d/99_efakit"
        self.others = [self.prolog.with_name("90_pcluster"), self.epilog.with_name("90_pcluster")]
        self.task_prolog = self.home / "task-prolog"
        for script in (self.prolog, self.epilog):
            script.parent.mkdir(parents=True)
        if others:
            self.add_others()
        self.slurm.set(
            Prolog=f"{self.scripts}/prolog.d/*",
            Epilog=f"{self.scripts}/epilog.d/*",
            TaskProlog=str(self.task_prolog),
        )


@pytest.fixture
def disk(tmp_path, shell, monkeypatch) -> OnOneDisk:
    disk = OnOneDisk(tmp_path, shell)
    monkeypatch.setenv("PATH", f"{disk.slurm.programs}:{os.environ['PATH']}")
    return disk


@pytest.mark.parametrize("name", ["efakit", "efakit/versions", "efakit/hook.json", "efakit/run-hook", "shared"])
def test_the_hook_itself_harms_no_job_where_a_part_is_missing(tmp_path, name):
    """The real one, on a node whose own folders are empty, between a job's prolog and epilog and before them."""
    site = Site(tmp_path, "/bin/sh")
    for script in site.scripts.glob("*/90_pcluster"):
        script.chmod(0o755)
    prolog, epilog = f"{site.scripts}/prolog.d/*", f"{site.scripts}/epilog.d/*"

    def steps() -> None:
        for folder in ("/run", "/var/spool"):
            mount(Path(folder), "-omode=0755")
        assert site.run().returncode == 0
        assert "baseline" in run_scripts(prolog).output
        gone(site.folder / name)
        ran = [run_scripts(epilog), run_scripts(prolog, job=8), run_scripts(epilog, job=8)]
        assert [(one.status, "Traceback" in one.output) for one in ran] == [(0, False)] * 3, ran
        assert site.run().returncode == 0
        assert "baseline" in run_scripts(prolog, job=9).output

    apart(steps)


def log_here(site: Site) -> str:
    (site.folder / "log").mkdir(exist_ok=True)
    return f"/bin/mount --bind '{site.folder}/log' /var/log"


class TestDisks:
    def test_where_there_is_no_room_jobs_go_on(self, disk):
        """However little room there is; a custom action leaves a task prolog on a full disk even."""

        def steps() -> None:
            ended = set()
            for pages in range(2, 24):
                mount(disk.disk, f"-osize={4 * pages}k")
                disk.fill(others=True)
                ended.add(disk.run().returncode)
                assert_jobs_go_on(disk, pages)
                assert disk.run("--custom-action", apart=log_here(disk)).returncode == 0
                assert_jobs_go_on(disk, pages)
                assert_task_prolog_goes_on(disk, pages)
                assert disk.run("--uninstall").returncode == 0
                assert_jobs_go_on(disk, pages)
                assert_task_prolog_goes_on(disk, pages)
                subprocess.run(["/bin/umount", disk.disk], check=True)
            assert ended == {0, 1}

        apart(steps)

    @pytest.mark.parametrize("others", [False, True], ids=["ours alone", "others too"])
    def test_on_a_disk_that_is_full_the_hooks_stay_or_go(self, disk, others):
        def steps() -> None:
            mount(disk.disk, "-osize=1m")
            disk.fill(others=others)
            assert disk.run().returncode == 0
            full(disk.disk)
            disk.installer.write_bytes(small_installer("two", deadline_seconds=7))
            assert disk.run().returncode == 1
            assert_jobs_go_on(disk, "upgrade")
            assert disk.hooks_run()
            assert disk.run("--uninstall").returncode == 0
            assert_jobs_go_on(disk, "removal")
            assert_task_prolog_goes_on(disk, "removal")
            assert not disk.hooks_run()
            assert [path.name for path in disk.home.iterdir()] == ["task-prolog"]
            assert disk.prolog.exists() != others
            (disk.disk / "filler").unlink()
            disk.run()
            assert_whole(disk)

        apart(steps)

    @pytest.mark.parametrize("installed", [False, True])
    def test_on_a_disk_that_cannot_be_written_nothing_changes(self, disk, installed):
        def steps() -> None:
            mount(disk.disk)
            disk.fill(others=True)
            if installed:
                disk.run()
            subprocess.run(["/bin/mount", "-o", "remount,ro", disk.disk], check=True)
            before = disk.tree()
            disk.installer.write_bytes(small_installer("two", deadline_seconds=7))
            changed = {path: content for path, content in disk.tree().items() if before.get(path) != content}
            assert set(changed) == {"install hooks.sh"}
            done = disk.run()
            assert (done.returncode, "Read-only file system" in done.stderr) == (1, True)
            removed = disk.run("--uninstall").returncode
            # Slurm names the task prolog, and the removal cannot put one there.
            assert removed == 1
            assert disk.run("--custom-action", apart=log_here(disk)).returncode == 0
            after = {path: content for path, content in disk.tree().items() if path.startswith("disk")}
            assert after == {path: content for path, content in before.items() if path.startswith("disk")}
            assert_jobs_go_on(disk, "read-only")

        apart(steps)

    def test_each_folder_may_be_a_file_system_of_its_own(self, disk):
        def steps() -> None:
            disk.disk.mkdir()
            disk.fill()
            for folder in (disk.home, disk.records, disk.prolog.parent):
                mount(folder, "-omode=0755")
            subprocess.run(["/bin/mount", "--bind", disk.epilog.parent, disk.epilog.parent], check=True)
            assert disk.run().returncode == 0
            assert_whole(disk)
            assert_jobs_go_on(disk, "installed")
            assert disk.run("--uninstall").returncode == 0
            assert_jobs_go_on(disk, "removed")
            assert [path.name for path in disk.home.iterdir()] == ["task-prolog"]

        apart(steps)


CUSTOM_ACTION_FAILS = {
    "no epilog.d": lambda site: shutil.rmtree(site.epilog.parent),
    "no scripts folder": lambda site: shutil.rmtree(site.scripts),
    "a records folder that is everybody's": lambda site: (site.records.mkdir(parents=True), site.records.chmod(0o777)),
    "half a file": lambda site: site.installer.write_bytes(site.installer.read_bytes()[:-500]),
    "another installer that hangs": lambda site: site.slurm.program("flock", "exit 1"),
    "no room in /tmp": lambda site: site.slurm.program("mktemp", "exit 1"),
    "no room to unpack": lambda site: site.slurm.program("tar", "exit 2"),
    "a disk that cannot sync": lambda site: site.slurm.program("sync", "exit 1"),
    "a copy that fails": lambda site: site.slurm.program("cp", "exit 1"),
    "an installer that is killed": lambda site: site.slurm.program("base64", "kill -KILL $PPID"),
}


@pytest.mark.parametrize("what", CUSTOM_ACTION_FAILS)
def test_a_custom_action_that_fails_ends_with_0_and_harms_no_job(cluster, what):
    cluster.add_others()
    CUSTOM_ACTION_FAILS[what](cluster)
    values = [f"{folder}/*" for folder in (cluster.prolog.parent, cluster.epilog.parent) if folder.exists()]
    done = cluster.run("--custom-action", apart=log_here(cluster))
    assert (done.returncode, "could not be installed" in done.stdout) == (0, True)
    assert "\nTraceback" not in cluster.log()
    assert [run_scripts(value).status for value in values] == [0] * len(values)
    assert list(cluster.scripts.rglob("*efakit*")) == []
    if what != "another installer that hangs":
        assert_task_prolog_goes_on(cluster, what)


@pytest.mark.parametrize("what", ["full", "read-only", "a folder in its place"])
def test_a_custom_action_that_cannot_log_installs_all_the_same(cluster, what):
    away = {
        "full": "/bin/mount -t tmpfs -o size=4k none /var/log; head -c 8192 /dev/zero >/var/log/filler || :",
        "read-only": "/bin/mount -t tmpfs -o ro none /var/log",
        "a folder in its place": "/bin/mount -t tmpfs none /var/log; mkdir /var/log/efakit-install.log",
    }
    assert cluster.run("--custom-action", apart=away[what]).returncode == 0
    assert cluster.hooks_run()
