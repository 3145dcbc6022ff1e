"""Where the hooks go on clusters that others made, and how a site's own scripts go on beside them, without a Slurm."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from efakit.catalog.layouts import LAYOUTS, layout
from tests.hook.slurm_scripts import Slurm, run_program, small_installer
from tests.hook.test_installer import EITHER_SHELL

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(os.geteuid() != 0, reason="the installer wants root: run as root"),
]
KINDS = {"Prolog": "prolog", "Epilog": "epilog", "TaskProlog": "task-prolog"}


class Site:
    """A machine with a Slurm that answers, a site's own scripts, and an installer."""

    def __init__(self, folder: Path, shell: str = "dash") -> None:
        self.folder, self.shell = folder, shell
        self.home, self.theirs = folder / "efakit", folder / "theirs"
        self.installer = folder / "install-hooks.sh"
        self.installer.write_bytes(small_installer("said"))
        self.theirs.mkdir()
        self.slurm = Slurm(folder / "programs")
        self.slurm.set(SLURM_VERSION="22.05.8")

    def script(self, kind: str, text: str) -> Path:
        path = self.theirs / f"{kind}.sh"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def with_scripts(self, text: str = "echo theirs") -> None:
        self.slurm.set(**{setting: str(self.script(kind, text)) for setting, kind in KINDS.items()})

    def run(self, *options: str, apart: str = "") -> subprocess.CompletedProcess[str]:
        assert {"--home", "--layout", "--site-prolog"} & {*options}, "nothing is installed on this machine itself"
        command = [self.shell, self.installer, "--records-dir", self.folder / "records", *options]
        if apart:
            command = ["unshare", "--mount", "/bin/sh", "-ec", f'{apart}\nexec "$@"', "sh", *command]
        environment = {name: value for name, value in os.environ.items() if name != "SLURM_CONF"}
        environment["PATH"] = f"{self.slurm.programs}:{environment['PATH']}"
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment
        )

    def install(self, *options: str) -> str:
        done = self.run("--home", str(self.home), *options)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def both(self, kind: str) -> Path:
        """Return the script that runs the site's own and ours, in the shell of this test."""
        path = self.home / f"efakit-{kind}"
        first, _, rest = path.read_text().partition("\n")
        path.write_text(f"{first.replace('/bin/sh', f'/bin/{self.shell}')}\n{rest}")
        return path


@pytest.fixture
def shell() -> str:
    return "dash"


@pytest.fixture
def site(tmp_path, shell) -> Site:
    return Site(tmp_path, shell)


OURS = {"prolog": "hook prolog said", "epilog": "hook epilog said", "task-prolog": "hook task-prolog said"}


@EITHER_SHELL
def test_where_slurm_takes_one_file_a_script_of_ours_runs_the_site_s_own_too(site):
    site.with_scripts()
    said = site.install()
    assert "layout: single-file, since Slurm's Prolog is" in said
    for setting, kind in KINDS.items():
        theirs = site.theirs / f"{kind}.sh"
        assert f"{setting}={site.home}/efakit-{kind} instead of {setting}={theirs}, which it runs" in said
        order = ["theirs", OURS[kind]] if kind == "prolog" else [OURS[kind], "theirs"]
        outcome = run_program(site.both(kind), {})
        assert (outcome.status, outcome.output.splitlines()) == (0, order)
        assert theirs.read_text() == "#!/bin/sh\necho theirs\n"


@EITHER_SHELL
def test_the_site_s_own_status_is_the_script_s_and_a_prolog_that_failed_is_not_followed_by_ours(site):
    site.with_scripts("echo theirs; exit 7")
    site.install()
    for kind in KINDS.values():
        outcome = run_program(site.both(kind), {})
        assert outcome.status == 7
        assert (OURS[kind] in outcome.output) == (kind != "prolog")


@EITHER_SHELL
def test_the_site_s_own_has_the_name_and_the_environment_that_slurm_gives(site):
    site.with_scripts('echo "$0 $#"; /usr/bin/env')
    site.install()
    slurm_s = {"SLURM_JOB_ID": "7", "SLURM_SCRIPT_CONTEXT": "prolog_slurmd"}
    for kind in ("prolog", "epilog"):
        theirs = site.theirs / f"{kind}.sh"
        alone = set(run_program(theirs, slurm_s).output.splitlines())
        beside = set(run_program(site.both(kind), slurm_s).output.splitlines())
        # What any shell adds.
        added = {line for line in beside - alone if not line.startswith(("hook ", "_=", "PWD=", "SHLVL="))}
        assert (alone - beside, added) == (set(), set())


@pytest.mark.parametrize(
    "broken",
    [
        "rm -r {home}/versions",
        "rm {home}/run-hook",
        "chmod 000 {home}/run-hook; echo exit 5 >{home}/run-hook",
        "rm {home}/00_efakit {home}/99_efakit {home}/task-prolog",
        "for f in 00_efakit 99_efakit task-prolog; do echo 'if then' >{home}/$f; done",
        "for f in 00_efakit 99_efakit; do rm {home}/$f; mkdir {home}/$f; done",
        "mv {home}/versions {home}/hidden; mv {home}/hook.json {home}/hidden",
    ],
)
def test_ours_cannot_fail_the_site_s_own(site, broken):
    site.with_scripts()
    site.install()
    scripts = [site.both(kind) for kind in KINDS.values()]
    subprocess.run(["sh", "-c", broken.format(home=site.home)], check=True)
    for script in scripts:
        outcome = run_program(script, {})
        assert (outcome.status, "theirs" in outcome.output) == (0, True), (script, outcome.output)


@pytest.mark.parametrize(("theirs", "status"), [("exit 0", 1), ("exit 3", 3)])
def test_a_prolog_of_ours_that_fails_on_purpose_fails(site, theirs, status):
    site.with_scripts(theirs)
    site.install()
    (site.home / "run-hook").write_text("#!/bin/sh\nexit 99\n")
    assert run_program(site.both("prolog"), {}).status == status


def test_without_scripts_of_the_site_s_own_ours_run_alone(site):
    said = site.install("--layout", "single-file")
    assert f"Prolog={site.home}/efakit-prolog;" in said
    assert not (site.home / "efakit-task-prolog").exists()
    assert f"TaskProlog={site.home}/task-prolog" in said
    for kind in ("prolog", "epilog"):
        assert run_program(site.both(kind), {}) == type(run_program(site.both(kind), {}))(0, f"{OURS[kind]}\n")


def test_an_upgrade_remembers_the_site_s_own_that_slurm_no_longer_names(site):
    site.with_scripts()
    site.install()
    site.slurm.set(**{setting: f"{site.home}/efakit-{kind}" for setting, kind in KINDS.items()})
    said = site.install()
    assert "layout: single-file, since the hooks in" in said
    assert "prolog on, set" not in said
    assert "epilog on, set" not in said
    for kind in KINDS.values():
        assert "theirs" in run_program(site.both(kind), {}).output


def test_a_node_that_cannot_know_the_site_s_own_is_not_guessed_at(site):
    """As a new node of a cluster whose settings name ours already."""
    site.slurm.set(Prolog=f"{site.home}/efakit-prolog", Epilog=f"{site.home}/efakit-epilog")
    refused = site.run("--home", str(site.home), "--layout", "configless")
    assert (refused.returncode, "--site-prolog" in refused.stderr) == (1, True)
    assert not site.home.exists()
    theirs = site.script("prolog", "echo theirs")
    site.install("--layout", "configless", "--site-prolog", str(theirs), "--site-epilog", "none")
    assert "theirs" in run_program(site.both("prolog"), {}).output
    assert "theirs" not in run_program(site.both("epilog"), {}).output


def test_nor_is_one_where_slurm_does_not_answer(site):
    site.slurm.answer("scontrol", "", 1)
    refused = site.run("--home", str(site.home), "--layout", "single-file")
    assert (refused.returncode, "may have a Prolog of the site's own" in refused.stderr) == (1, True)
    assert not site.home.exists()


@pytest.mark.parametrize("value", ["prolog.sh", "/etc/slurm/p/*"])
def test_what_stays_beside_ours_needs_a_slurm_that_takes_several(site, value):
    site.slurm.set(Prolog=value)
    refused = site.run("--home", str(site.home), "--layout", "configless")
    assert (refused.returncode, "before 24.05 takes one value" in refused.stderr) == (1, True)
    site.slurm.set(SLURM_VERSION="25.11.8")
    assert f"Prolog={site.home}/efakit-prolog beside what it has" in site.install("--layout", "configless")
    site.slurm.set(Prolog=[value, f"{site.home}/efakit-prolog"])
    assert "to turn the efakit-prolog on" not in site.install("--layout", "configless")


@pytest.mark.parametrize("row", [row for row in LAYOUTS if row.mark], ids=lambda row: row.name)
def test_a_machine_that_says_what_it_is_gets_its_layout(site, row):
    """By a file of the platform's; said, and another one can be named."""
    top = f"/{Path(row.mark).parts[1]}"
    made = f"/bin/mount -t tmpfs none {top}; mkdir -p {Path(row.mark).parent}; echo cfn_node_type=HeadNode >{row.mark}"
    done = site.run("--dry-run", "--home", str(site.home), apart=made)
    assert f"layout: {row.name}, since {row.mark} is here" in done.stdout, done.stderr
    named = site.run("--dry-run", "--home", str(site.home), "--layout", "single-file", apart=made)
    assert "since" not in named.stdout


def test_folders_that_slurm_names_are_found(site):
    scripts = site.folder / "etc"
    for name in ("prolog.d", "epilog.d"):
        (scripts / name).mkdir(parents=True)
    site.slurm.set(Prolog=f"{scripts}/prolog.d/*", Epilog=f"{scripts}/epilog.d/*")
    assert f"layout: plain, since Slurm's Prolog is {scripts}/prolog.d/*" in site.install()
    assert (scripts / "prolog.d/00_efakit").is_file()


def test_folders_of_ours_are_never_empty_while_slurm_may_name_them(site):
    """Also where an installation fails: a folder without a file drains every node."""
    folders = ["--layout", "pcs", "--home", str(site.home), "--scripts-dir", str(site.home)]
    scripts = [site.home / "prolog.d/00_efakit", site.home / "epilog.d/99_efakit"]
    log = f"/bin/mount --bind '{site.theirs}' /var/log"
    command = [site.shell, site.installer, "--custom-action", *folders, "--records-dir", "nonsense"]
    subprocess.run(["unshare", "--mount", "/bin/sh", "-ec", f'{log}\nexec "$@"', "sh", *map(str, command)], check=True)
    assert [run_program(script, {}).status for script in scripts] == [0, 0]
    said = site.run(*folders).stdout
    assert f"Prolog={site.home}/prolog.d/*; what makes it count: an update of the cluster" in said
    assert [run_program(script, {}).output for script in scripts] == ["hook prolog said\n", "hook epilog said\n"]
    site.slurm.set(Prolog=f"{site.home}/prolog.d/*", Epilog=f"{site.home}/epilog.d/*")
    site.run(*folders, "--uninstall")
    assert [run_program(script, {}).status for script in scripts] == [0, 0]
    site.slurm.set(Prolog=None, Epilog=None)
    site.run(*folders, "--uninstall")
    assert not site.home.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--layout", "nonsense"], "unknown layout 'nonsense': there are parallelcluster pcs hyperpod"),
        (["--layout", "single-file", "--scripts-dir", "/opt"], "has no such folder"),
        (["--layout"], "wants a name"),
        (["--site-prolog", "relative.sh"], "an absolute path"),
        (["--site-prolog", "/a b"], "an absolute path"),
    ],
)
def test_bad_options_are_refused(site, options, said):
    refused = site.run("--dry-run", *options)
    assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr


def test_every_layout_says_where_it_is_from_and_pcs_which_settings_it_takes():
    assert all(row.source.startswith("https://") for row in LAYOUTS)
    assert layout("pcs").allows("PrologFlags")
    assert not layout("pcs").allows("PrologEpilogTimeout")
    assert layout("plain").allows("PrologEpilogTimeout")
