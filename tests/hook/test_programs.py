"""The small scripts around the hook, as installed: which Python they take, and what they never do to a job."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hook.test_installer import Site

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(os.geteuid() != 0, reason="the installer wants root: run as root"),
]
EXPORT = 'print("export EFAKIT_SEEN=1")'


@pytest.fixture(params=["/bin/dash", "/bin/bash"])
def shell(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def installed() -> Iterator[Site]:
    """An installation that users can reach, which pytest's own folders are not for."""
    with tempfile.TemporaryDirectory(prefix="efakit-test-") as folder:
        Path(folder).chmod(0o755)
        site = Site(Path(folder), "/bin/sh")
        assert site.run().returncode == 0
        yield site


@pytest.fixture
def site(installed) -> Iterator[Site]:
    """The installation, and afterwards as it was."""
    hook, run_hook = installed.hook(), installed.home / "run-hook"
    whole = {path: path.read_bytes() for path in (hook, run_hook)}
    yield installed
    for path, content in whole.items():
        path.write_bytes(content)


def with_hook(site: Site, program: str) -> Site:
    """Put a program in the hook's place, to see what the scripts make of it."""
    site.hook().write_text(program)
    return site


def task_prolog(site: Site, shell: str, environment: dict[str, str], *before: str) -> tuple[int, str, str]:
    command = [*before, shell, "-p", str(site.home / "task-prolog")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout, done.stderr


HOSTILE = {
    "PATH": "/nowhere",
    "IFS": "/e",
    "ENV": "/nowhere/env",
    "BASH_ENV": "/nowhere/env",
    "SHELLOPTS": "noexec:xtrace",
    "PS4": "export EFAKIT_SEEN=2\n",
    "BASH_FUNC_printf%%": "() { echo export EFAKIT_SEEN=3; }",
    "BASH_FUNC_[%%": "() { false; }",
    "BASH_FUNC_set%%": "() { exit 1; }",
    "PYTHONPATH": "/nowhere",
    "PYTHONHOME": "/nowhere",
    "PYTHONSTARTUP": "/nowhere",
    "PYTHONVERBOSE": "1",
    "LD_LIBRARY_PATH": "{site}/libraries",
    "LD_PRELOAD": "/nowhere/lib.so",
    "LD_DEBUG": "unused",
    "LANG": "nowhere",
    "home": "/nowhere",
    "hook": "/nowhere",
    "python": "/nowhere",
    "said": "export EFAKIT_SEEN=4",
}


@pytest.mark.parametrize("names", [*([name] for name in HOSTILE), list(HOSTILE)], ids=lambda names: names[0][:20])
def test_a_task_s_environment_changes_nothing_in_its_task_prolog(site, shell, names):
    environment = {name: HOSTILE[name].replace("{site}", str(site.folder)) for name in names}
    (site.folder / "libraries").mkdir(exist_ok=True)
    (site.folder / "libraries/libz.so.1").write_text("no library")
    with_hook(site, EXPORT)
    status, out, _ = task_prolog(site, shell, environment)
    assert (status, out) == (0, "export EFAKIT_SEEN=1\n")


@pytest.mark.parametrize(
    "program",
    [
        "no program",
        f"{EXPORT}\nraise SystemExit(1)",
        f"import os, signal\n{EXPORT}\nos.kill(os.getpid(), signal.SIGKILL)",
        "import sys\nsys.stderr.write('export EFAKIT_SEEN=2')",
        "",
    ],
)
def test_a_task_prolog_whose_hook_fails_prints_nothing_and_ends_with_0(site, shell, program):
    assert task_prolog(with_hook(site, program), shell, {}) == (0, "", "")


@pytest.mark.parametrize("missing", ["run-hook", "hook", "home"])
def test_a_task_prolog_without_its_files_ends_with_0(site, shell, missing):
    script = site.folder / "task-prolog"
    script.write_bytes((site.home / "task-prolog").read_bytes())
    if missing == "run-hook":
        (site.home / "run-hook").unlink()
    elif missing == "hook":
        site.hook().unlink()
    else:
        script.write_text(script.read_text().replace(str(site.home), "/nowhere"))
    done = subprocess.run([shell, "-p", script], capture_output=True, env={})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_task_prolog_that_can_start_no_process_ends_with_0(site):
    """As where the user has as many processes as may be. Bash ends so too, after trying for 15 s."""
    nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/prlimit", "--nproc=0"]
    assert task_prolog(site, "/bin/dash", {}, *nobody) == (0, "", "")


@pytest.mark.parametrize("script", ["scripts/prolog.d/00_efakit", "scripts/epilog.d/99_efakit"])
def test_a_node_that_can_start_no_process_is_not_drained(site, script):
    """As where slurmd's control group has as many as may be. Bash ends so too, after trying for 15 s."""
    nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/prlimit", "--nproc=0"]
    done = subprocess.run([*nobody, "/bin/dash", site.folder / script], env={}, capture_output=True)
    assert (done.returncode, b"fork" in done.stderr) == (0, True)


def test_a_user_may_run_the_task_prolog(site, shell):
    nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    assert task_prolog(with_hook(site, EXPORT), shell, {}, *nobody) == (0, "export EFAKIT_SEEN=1\n", "")


@pytest.mark.parametrize("word", ["off", "0", "no", "false"])
def test_a_user_turns_it_off(site, shell, word):
    assert task_prolog(with_hook(site, EXPORT), shell, {"EFAKIT_TASK_PROLOG": word}) == (0, "", "")


def test_the_built_hook_says_only_what_slurm_understands(site, shell):
    status, out, err = task_prolog(site, shell, {"SLURM_JOB_ID": "7"})
    assert (status, err) == (0, "")
    assert all(line.startswith(("export ", "unset ", "print ")) for line in out.splitlines())


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("raise SystemExit(0)", 0),
        ("raise SystemExit(1)", 0),
        ("raise SystemExit(2)", 0),
        ("no program", 0),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 0),
        ("raise SystemExit(99)", 1),
    ],
)
def test_a_prolog_fails_only_where_the_hook_means_it(site, shell, program, status):
    script = site.scripts / "prolog.d/00_efakit"
    done = subprocess.run([shell, script], env={}, capture_output=True)
    assert done.returncode == 0
    with_hook(site, program)
    assert subprocess.run([shell, script], env={}, capture_output=True).returncode == status


@pytest.mark.parametrize("script", ["prolog.d/00_efakit", "epilog.d/99_efakit"])
@pytest.mark.parametrize(
    ("ending", "runs"),
    [("os._exit(0)", 1), ("os._exit(1)", 2), ("os._exit(70)", 2), ("os.kill(os.getpid(), 9)", 2)],
)
def test_a_hook_that_did_not_come_to_its_end_is_run_again_and_once(site, shell, script, ending, runs):
    """What Python lacked for a moment, or one kill by a machine short of memory, costs no record."""
    log = site.folder / "runs"
    log.write_text("")
    program = f"import os\nos.write(os.open({str(log)!r}, os.O_WRONLY | os.O_APPEND), b'x')\n{ending}\n"
    done = subprocess.run([shell, with_hook(site, program).scripts / script], env={}, capture_output=True)
    assert done.returncode == 0
    assert log.read_text() == "x" * runs


@pytest.mark.parametrize("script", ["scripts/epilog.d/99_efakit", "efakit/health-check"])
def test_epilog_and_health_check_never_fail(site, shell, script):
    with_hook(site, "raise SystemExit(99)")
    assert subprocess.run([shell, site.folder / script], env={}, capture_output=True).returncode == 0


def python_of(site: Site, apart: str) -> str:
    command = f"{apart}\nexec /bin/sh {site.home}/run-hook --python"
    done = subprocess.run(["/usr/bin/unshare", "--mount", "/bin/sh", "-ec", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def hidden(site: Site) -> str:
    """Hide each Python that this machine has under a name of a version, as where an image has none."""
    nothing = site.folder / "nothing"
    nothing.touch()
    found = [*Path("/usr/bin").glob("python3.*[0-9]"), *Path("/usr/local/bin").glob("python3.*[0-9]")]
    return "\n".join(f"/bin/mount --bind {nothing} {path}" for path in {path.resolve() for path in found})


def test_the_python_that_the_installer_saw_is_taken(site):
    line = next(line for line in (site.home / "run-hook").read_text().splitlines() if line.startswith("python="))
    assert line == f"python={python_of(site, '')}"
    assert Path(line.removeprefix("python=")).name.startswith("python3.")


@pytest.mark.parametrize("version", ["3.9.20", "3.12.4"])
def test_where_the_system_has_none_parallelcluster_s_own_serves(site, version):
    """As on RHEL 8 and Rocky 8, whose Python is 3.6."""
    python = f"/opt/parallelcluster/pyenv/versions/{version}/bin/python3"
    made = f"/bin/mount -t tmpfs none /opt; mkdir -p {Path(python).parent}; ln -s /bin/true {python}"
    older = "cp -r /opt/parallelcluster/pyenv/versions/3* /opt/parallelcluster/pyenv/versions/3.6.1"
    assert python_of(site, f"{hidden(site)}\n{made}\n{older}") == python


def test_without_any_python_nothing_happens_and_it_is_told(site):
    command = f"{hidden(site)}\n/bin/mount -t tmpfs none /opt\n"
    for script, said in (("prolog.d/00_efakit", "no Python 3.9"), ("epilog.d/99_efakit", "no Python 3.9")):
        argv = ["/usr/bin/unshare", "--mount", "/bin/sh", "-ec", f"{command}exec {site.scripts}/{script}"]
        done = subprocess.run(argv, capture_output=True, text=True)
        assert (done.returncode, said in done.stdout) == (0, True)
    argv = ["/usr/bin/unshare", "--mount", "/bin/sh", "-ec", f"{command}exec {site.home}/task-prolog"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_hook_is_compiled_for_the_python_that_runs_it(site):
    python = python_of(site, "")
    magic = "import importlib.util, sys; sys.stdout.buffer.write(importlib.util.MAGIC_NUMBER)"
    wanted = subprocess.run([python, "-I", "-S", "-c", magic], capture_output=True, check=True).stdout
    with zipfile.ZipFile(site.hook()) as archive:
        compiled = {name: archive.read(name)[:4] for name in archive.namelist() if name.endswith(".pyc")}
        assert {name for name in archive.namelist() if name.endswith(".py")} == {name[:-1] for name in compiled}
    assert set(compiled.values()) == {wanted}


def test_the_installer_takes_a_python_that_all_nodes_have(tmp_path):
    """On RHEL 8 and Rocky 8 a head node may have a newer one besides, on which efakit itself runs."""
    site = Site(tmp_path, "/bin/sh")
    python = "/opt/parallelcluster/pyenv/versions/3.9.20/bin/python3"
    made = f"/bin/mount -t tmpfs none /opt; mkdir -p {Path(python).parent}; ln -s {sys.executable} {python}"
    # A link cannot be covered where it stands, so its folder is, by links to what was there.
    real, cover = f"{tmp_path}/real", f"{tmp_path}/cover"
    links = f"mkdir {real} {cover}; /bin/mount --bind /usr/bin {real}; ln -s {real}/* {cover}/"
    older = f"touch {cover}/python3.6; chmod +x {cover}/python3.6; ln -sf python3.6 {cover}/python3"
    assert site.run(apart="\n".join([made, links, older, f"/bin/mount --bind {cover} /usr/bin"])).returncode == 0
    assert f"\npython={python}\n" in (site.home / "run-hook").read_text()
