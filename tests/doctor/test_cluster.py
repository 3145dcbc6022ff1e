"""``efakit hooks``: what the configuration of a cluster must be, and clear errors where a command cannot work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit import __version__
from efakit.cli.main import efakit
from efakit.doctor.cluster_checks import Check, checks
from efakit.doctor.site import look_at, scripts_in_order
from efakit.slurm.config import parse_config
from tests.hook.test_installer import rendered_installer

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
EFAKIT = [sys.executable, "-c", "from efakit.cli.main import main; main()"]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="the installer wants root: run as root")


class Cluster:
    """A head node's folders with hooks installed by efakit, and a Slurm configuration, changed by each test."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.scripts, self.home = folder, folder / "scripts", folder / "efakit"
        for name in ("prolog.d", "epilog.d"):
            (self.scripts / name).mkdir(parents=True)
            script = self.scripts / name / "90_pcluster"
            script.write_text("#!/bin/sh\n")
            script.chmod(0o755)
        self.configure()

    @classmethod
    def there(cls, folder: Path) -> Cluster:
        """The cluster of a folder that is there already."""
        cluster = cls.__new__(cls)
        cluster.folder, cluster.scripts, cluster.home = folder, folder / "scripts", folder / "efakit"
        cluster.configure()
        return cluster

    def configure(self) -> None:
        # As scontrol 22.05 prints it.
        self.conf = {
            "Prolog": f"{self.scripts}/prolog.d/*",
            "Epilog": f"{self.scripts}/epilog.d/*",
            "PrologFlags": "Alloc",
            "PrologEpilogTimeout": "65534",
            "TaskProlog": f"{self.home}/task-prolog",
            "HealthCheckProgram": f"{self.home}/health-check",
            "HealthCheckInterval": "300 sec",
            "HealthCheckNodeState": "IDLE,CYCLE",
            "MessageTimeout": "60 sec",
            "BatchStartTimeout": "180 sec",
            "SlurmdUser": "root(0)",
            "SchedulerParameters": "nohold_on_prolog_fail",
            "SlurmctldParameters": "(null)",
        }

    @property
    def folders(self) -> list[str | Path]:
        return ["--scripts-dir", self.scripts, "--home", self.home, "--records-dir", self.folder / "records"]

    def efakit(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "SLURM_CONF"}
        command = [*EFAKIT, "hooks", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)

    def install(self, *options: str | Path, what: Path = ROOT / "cluster-configs/p5.yaml"):
        return self.efakit("install", what, *self.folders, *options)

    def checks(self, **conf: str) -> list[Check]:
        text = "".join(f"{name:<24}= {value}\n" for name, value in {**self.conf, **conf}.items())
        return checks(look_at(parse_config(text)), __version__)

    def wrong(self, **conf: str) -> list[tuple[str, str]]:
        return [(check.rule, check.severity) for check in self.checks(**conf) if check.severity != "ok"]

    def set(self, **settings: object) -> None:
        path = self.home / "hook.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


@pytest.fixture
def bare(tmp_path) -> Cluster:
    return Cluster(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> tuple[Cluster, Path]:
    """A cluster as the installer left it, and a copy of its folder: the scripts hold its path."""
    if os.geteuid() != 0:
        pytest.skip("the installer wants root: run as root")
    cluster = Cluster(tmp_path_factory.mktemp("installed") / "cluster")
    installer = cluster.folder / "install-hooks.sh"
    installer.write_bytes(rendered_installer())
    environment = {name: value for name, value in os.environ.items() if name != "SLURM_CONF"}
    subprocess.run(["/bin/sh", installer, *map(str, cluster.folders)], check=True, capture_output=True, env=environment)
    copy = cluster.folder.with_name("copy")
    shutil.copytree(cluster.folder, copy, symlinks=True)
    return cluster, copy


@pytest.fixture
def cluster(installed) -> Cluster:
    """The installed cluster, in its own place and as the installer left it."""
    cluster, copy = installed
    shutil.rmtree(cluster.folder)
    shutil.copytree(copy, cluster.folder, symlinks=True)
    shutil.copystat(copy, cluster.folder)
    return Cluster.there(cluster.folder)


def test_hooks_as_installed_are_right(cluster):
    found = cluster.checks()
    assert [check for check in found if check.severity != "ok"] == []
    assert {check.rule for check in found} == {
        *("prolog-script", "epilog-script", "prolog-flags", "files", "settings", "records", "python"),
        *("task-prolog", "health-check", "timeouts"),
    }


def test_where_nothing_is_installed_that_is_told_and_nothing_else_of_it(bare):
    assert bare.wrong() == [("prolog-script", "error"), ("epilog-script", "error")]
    assert all("efakit hooks install" in check.fix for check in bare.checks() if check.severity == "error")


@pytest.mark.parametrize(
    ("conf", "wrong"),
    [
        ({"Prolog": "(null)"}, ("prolog-script", "error")),
        ({"Epilog": "/nowhere/*"}, ("epilog-script", "error")),
        ({"PrologFlags": "(null)"}, ("prolog-flags", "error")),
        ({"PrologFlags": "NoHold"}, ("prolog-flags", "error")),
        ({"PrologFlags": "Alloc,Contain,Serial"}, ("prolog-flags-serial", "info")),
        ({"PrologFlags": "Alloc,Contain,RunInJob"}, ("prolog-flags-runinjob", "warning")),
        ({"TaskProlog": "(null)"}, ("task-prolog", "warning")),
        ({"TaskProlog": "/nowhere/task-prolog"}, ("task-prolog", "error")),
        ({"TaskProlog": "/bin/true"}, ("task-prolog", "warning")),
        ({"HealthCheckProgram": "(null)"}, ("health-check", "warning")),
        ({"HealthCheckProgram": "/nowhere/health-check"}, ("health-check", "warning")),
        ({"HealthCheckInterval": "0 sec"}, ("health-check", "error")),
        ({"PrologEpilogTimeout": "5"}, ("timeouts", "error")),
        ({"EpilogTimeout": "3"}, ("timeouts", "error")),
        ({"MessageTimeout": "7 sec"}, ("timeouts", "error")),
        ({"BatchStartTimeout": "5 sec"}, ("timeouts", "error")),
        ({"SlurmdUser": "slurm(401)"}, ("slurmd-user", "error")),
        ({"SlurmctldParameters": "idle_on_node_suspend,enable_configless"}, ("configless", "info")),
    ],
    ids=str,
)
def test_each_setting_that_the_hooks_cannot_work_with_is_one_finding(cluster, conf, wrong):
    assert cluster.wrong(**conf) == [wrong]
    (found,) = [check for check in cluster.checks(**conf) if check.severity != "ok"]
    assert found.fix or found.severity == "info"


@pytest.mark.parametrize(
    "conf",
    [
        {"PrologFlags": "Alloc,Contain,X11"},
        {"PrologFlags": "Alloc,DeferBatch,ForceRequeueOnFail"},
        {"MessageTimeout": "10 sec", "BatchStartTimeout": "10 sec"},
        {"PrologEpilogTimeout": "6"},
        {"PrologTimeout": "65534", "EpilogTimeout": "65534"},
        {"HealthCheckNodeState": "START_ONLY", "HealthCheckInterval": "0 sec"},
    ],
    ids=str,
)
def test_what_the_hooks_can_work_with_is_no_finding(cluster, conf):
    assert cluster.wrong(**conf) == []


def test_slurm_s_defaults_leave_room_for_the_default_deadline_and_not_for_ten_seconds(cluster):
    cluster.set(deadline_seconds=10)
    found = cluster.checks(MessageTimeout="10 sec", BatchStartTimeout="10 sec")
    assert [check.rule for check in found if check.severity == "error"] == ["timeouts", "timeouts"]
    assert "raise MessageTimeout to 13 or more" in " ".join(check.fix for check in found)


def test_enforcing_wants_more_of_slurm(cluster):
    cluster.set(mode="enforce")
    assert cluster.wrong() == [("enforce-requeue", "info")]
    assert cluster.wrong(SchedulerParameters="(null)", PrologFlags="Alloc,ForceRequeueOnFail") == [
        ("enforce-holds", "warning")
    ]


def test_a_site_s_own_program_may_run_ours(cluster):
    own = cluster.folder / "site-program"
    for setting, name in (("TaskProlog", "task-prolog"), ("HealthCheckProgram", "health-check")):
        own.write_text("#!/bin/sh\necho hello\n")
        assert cluster.wrong(**{setting: str(own)}) == [(name, "warning")]
        own.write_text(f"#!/bin/sh\n{cluster.home}/{name}\n")
        assert cluster.wrong(**{setting: str(own)}) == []


def test_what_is_turned_off_need_not_be_named(cluster):
    cluster.set(task_prolog=False, health_check=False)
    assert cluster.wrong(TaskProlog="(null)", HealthCheckProgram="(null)", HealthCheckInterval="0 sec") == []


@pytest.mark.parametrize("name", ["efakit/run-hook", "efakit/efakit-hook.pyz", "scripts/epilog.d/99_efakit"])
def test_a_changed_file_is_told(cluster, name):
    path = cluster.folder / name
    path.write_bytes(path.read_bytes() + b"\n# changed\n")
    assert cluster.wrong() == [("files", "error")]
    os.unlink(os.path.realpath(path))  # noqa: PTH108 (the file that a link leads to)
    assert ("files", "error") in cluster.wrong()


def test_files_that_others_may_write_are_told(cluster):
    (cluster.scripts / "prolog.d/00_efakit").chmod(0o777)
    assert cluster.wrong() == [("files-trust", "error")]


def test_hooks_of_another_version_and_without_a_list(cluster):
    manifest = cluster.home / "installed.sha256"
    manifest.write_text(manifest.read_text().replace(f"# efakit {__version__}", "# efakit 0.0.1"))
    assert cluster.wrong() == [("version", "info")]
    manifest.unlink()
    assert cluster.wrong() == [("files", "warning")]


@pytest.mark.parametrize("content", ["{", '{"mode": "drain"}'])
def test_broken_settings_are_told(cluster, content):
    (cluster.home / "hook.json").write_text(content)
    assert ("settings", "error") in cluster.wrong()


def test_a_records_folder_that_cannot_be_used_is_told(cluster):
    records = cluster.folder / "records"
    records.chmod(0o777)
    assert cluster.wrong() == [("records", "error")]
    records.rmdir()
    assert cluster.wrong() == [("records", "error")]
    cluster.set(records_dir=None)
    assert cluster.wrong() == [("records", "error")]


@pytest.mark.parametrize(
    ("name", "mode", "wrong"),
    [
        ("50_site", 0o644, [("script-unusable", "error")]),
        ("50_site", 0o755, []),
        ("00_aaa", 0o755, [("prolog-script", "warning")]),
        ("00_efakit.rpmsave", 0o755, [("script-twice", "error")]),
        (".00_efakit.swp", 0o644, []),
    ],
)
def test_what_else_lies_in_the_prolog_s_folder(cluster, name, mode, wrong):
    path = cluster.scripts / "prolog.d" / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    assert cluster.wrong() == wrong


def test_a_folder_and_a_broken_link_in_the_prolog_s_folder_drain_nodes(cluster):
    (cluster.scripts / "prolog.d/old").mkdir()
    assert cluster.wrong() == [("script-unusable", "error")]
    (cluster.scripts / "prolog.d/older").symlink_to("nowhere")
    assert cluster.wrong() == [("script-unusable", "error")] * 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "which is empty"),
        (b"echo hello\n", "not a program"),
        (b"#!/nowhere/sh\n", "a script for '/nowhere/sh'"),
        (b"#! /bin/sh -e\n", None),
        (b"#!/bin/sh", None),
        (Path("/bin/true").read_bytes(), None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_the_kernel_does_not_start_drains_nodes(cluster, content, told):
    path = cluster.scripts / "prolog.d/50_site"
    path.write_bytes(content)
    path.chmod(0o755)
    messages = [check.message for check in cluster.checks() if check.rule == "script-unusable"]
    assert [told in message for message in messages] == ([] if told is None else [True])


@pytest.mark.parametrize("setting", ["Prolog", "Epilog"])
def test_an_empty_folder_that_slurm_names_drains_nodes(bare, setting):
    folder = bare.scripts / f"{setting.lower()}.d"
    (folder / "90_pcluster").rename(folder / ".90_pcluster")
    (found,) = [check for check in bare.checks() if check.rule == f"{setting.lower()}-script"]
    assert (found.severity, f"{folder} is empty: every job fails" in found.message) == ("error", True)
    assert "efakit hooks install" in found.fix


def test_each_value_of_prolog_must_match_a_file(cluster):
    """Since Slurm 24.05 there may be several."""
    values = {"Prolog": "(null)", "Prolog[0]": cluster.conf["Prolog"], "Prolog[1]": f"{cluster.scripts}/prolog.d/7*"}
    (found,) = [check for check in cluster.checks(**values) if check.severity != "ok"]
    assert (found.rule, found.severity) == ("prolog-script", "error")
    assert "prolog.d/7*, and no file matches it" in found.message


def test_a_folder_that_one_may_not_read_is_not_called_empty(bare, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    for script in bare.scripts.glob("prolog.d/*"):
        script.unlink()
    (found,) = [check for check in bare.checks() if check.rule == "prolog-script"]
    assert (found.severity, found.fix) == ("warning", "run this as root")


def test_a_value_may_be_relative_to_slurm_s_folder(cluster):
    conf = {"SLURM_CONF": str(cluster.folder / "slurm.conf"), "Prolog": "scripts/prolog.d/*"}
    assert cluster.wrong(**conf) == []


def test_scripts_that_do_nothing_are_no_installation(cluster):
    for script in cluster.scripts.glob("*/90_pcluster"):
        script.unlink()
    cluster.efakit("uninstall", "--scripts-dir", cluster.scripts, "--home", cluster.home)
    assert cluster.wrong() == [("prolog-script", "error"), ("epilog-script", "error")]
    assert all("does nothing" in check.message for check in cluster.checks() if check.severity == "error")


@pytest.mark.parametrize(("name", "mode"), [("", 0o700), ("", 0o750), ("task-prolog", 0o700), ("task-prolog", 0o711)])
def test_a_task_prolog_that_users_cannot_run_is_told(cluster, name, mode):
    path = cluster.home / name
    path.chmod(mode)
    (found,) = [check for check in cluster.checks() if check.severity != "ok"]
    assert (found.rule, found.severity, found.fix) == ("task-prolog", "error", f"chmod a+rx {path}")


def test_scripts_come_in_slurm_s_order(tmp_path):
    for name in ("00_efakit", "90_pcluster", "50_b", "50_a", ".hidden"):
        (tmp_path / name).write_text("")
    names = [Path(script.path).name for script in scripts_in_order(f"{tmp_path}/*")]
    assert names == ["90_pcluster", "50_b", "50_a", "00_efakit"]


@AS_ROOT
def test_a_bundle_installs_as_its_spec_does(bare, tmp_path):
    bundle = tmp_path / "bundle"
    subprocess.run(
        [*EFAKIT, "render", str(ROOT / "cluster-configs/p5.yaml"), "--out", str(bundle)],
        check=True,
        capture_output=True,
    )
    assert bare.install("--dry-run").returncode == 0
    assert not bare.home.exists()
    done = bare.install(what=bundle)
    assert (done.returncode, "hooks" in done.stdout) == (0, True)
    assert bare.install("--dry-run").stdout == "", "the spec installs the same"
    assert bare.wrong() == []


def test_uninstall_takes_back_what_install_did(cluster):
    folders = ["--scripts-dir", cluster.scripts, "--home", cluster.home]
    said = cluster.efakit("uninstall", *folders, "--dry-run").stdout
    assert f"would run: rm -f {cluster.scripts}/prolog.d/00_efakit" in said
    assert cluster.wrong() == []
    done = cluster.efakit("uninstall", *folders)
    assert (done.returncode, f"records stay in {cluster.folder}/records" in done.stdout) == (0, True)
    assert not cluster.home.exists()
    assert [path.name for path in cluster.scripts.glob("*/*")] == ["90_pcluster", "90_pcluster"]


# The exporter is the machine's own: folders of the test's stand in the place of /opt/efakit and of systemd's units.
_OVER_SYSTEM = """\
mkdir -p /opt/efakit /etc/systemd/system
mount --bind "$1" /opt/efakit
mount --bind "$2" /etc/systemd/system
shift 2
exec "$@"
"""


@AS_ROOT
def test_the_exporter_is_installed_when_asked_for_and_goes_with_the_hooks(cluster, tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text((ROOT / "cluster-configs/p5.yaml").read_text().replace("hooks:", "hooks:\n  exporter: true", 1))
    bundle, program, units = tmp_path / "bundle", tmp_path / "program", tmp_path / "units"
    rendered = CliRunner().invoke(efakit, ["render", str(spec), "--out", str(bundle), "--target", "hooks"])
    assert rendered.exit_code == 0, rendered.output
    program.mkdir()
    (units / "multi-user.target.wants").mkdir(parents=True)
    (units / "site.service").write_text("[Unit]\n")
    folders = ["--scripts-dir", cluster.scripts, "--home", cluster.home]
    (tmp_path / "scontrol").write_text("#!/bin/sh\necho 'Prolog = (null)'\n")
    (tmp_path / "scontrol").chmod(0o755)

    def hooks(*arguments: object) -> str:
        inside = ["unshare", "--mount", "sh", "-ec", _OVER_SYSTEM, "sh", program, units, *EFAKIT, "hooks", *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "SLURM_CONF"}
        if arguments[0] == "status":
            environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
        done = subprocess.run([*map(str, inside)], capture_output=True, text=True, env=environment)
        assert done.returncode == int(arguments[0] == "status"), done.stderr
        return done.stdout

    assert "the exporter is each node's own" in hooks("install", bundle, *folders)
    assert "would write /opt/efakit/efakit-exporter.pyz" in hooks(
        "install", bundle, *folders, "--exporter", "--dry-run"
    )
    assert list(program.iterdir()) == []
    assert "wrote /opt/efakit/efakit-exporter.pyz" in hooks("install", bundle, *folders, "--exporter")
    assert "wrote" not in hooks("install", bundle, *folders, "--exporter")
    (state,) = json.loads(hooks("status", "--format", "json"))["exporters"]
    assert (state["installed"], state["version"], state["unit"], state["enabled"]) == (True, __version__, "ours", True)
    assert "would remove /opt/efakit/efakit-exporter.pyz" in hooks("uninstall", *folders, "--dry-run")
    assert len(list(program.iterdir())) == 1
    assert "the exporter is removed" in hooks("uninstall", *folders)
    assert list(program.iterdir()) == []
    assert sorted(path.name for path in units.rglob("*")) == ["multi-user.target.wants", "site.service"]
    assert not cluster.home.exists()


def test_flush_runs_the_installed_hook(cluster):
    cluster.set(spool_dir=str(cluster.folder / "no-spool"))
    done = cluster.efakit("flush", "--home", cluster.home)
    assert (done.returncode, done.stdout) == (0, "efakit: flush: no spool here, so nothing waits\n")


@AS_ROOT
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["install", "/nowhere.yaml"], "/nowhere.yaml"),
        (["install", "/tmp"], "efakit render SPEC --out DIR"),
        (
            ["install", str(ROOT / "cluster-configs/p5.yaml"), "--scripts-dir", "/nowhere"],
            "no folder /nowhere/prolog.d",
        ),
        (["uninstall", "--home", "relative"], "absolute path"),
        (["flush", "--home", "/nowhere"], "the hooks are not installed there"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_says_why(bare, arguments, said):
    done = bare.efakit(*arguments)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (2, True, False)


@pytest.mark.parametrize("command", ["install", "uninstall", "flush"])
def test_without_root_it_is_told_how(command):
    script = "import os, sys; os.geteuid = lambda: 1000; from efakit.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", script, "hooks", command], capture_output=True, text=True)
    assert (done.returncode, f"hooks {command} needs root: sudo" in done.stderr) == (2, True)


def test_status_where_slurm_is_not(tmp_path):
    environment = {**os.environ, "SLURM_CONF": str(tmp_path / "slurm.conf")}
    done = subprocess.run([*EFAKIT, "hooks", "status"], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "Slurm did not show its configuration" in done.stderr
    assert "which is not there" in done.stderr


@AS_ROOT
def test_a_script_that_runs_the_site_s_own_and_ours_is_ours_until_the_hooks_are_gone(tmp_path):
    cluster = Cluster(tmp_path)
    theirs, home = tmp_path / "theirs.sh", tmp_path / "one"
    theirs.write_text("#!/bin/sh\n")
    theirs.chmod(0o755)
    sites = [f"--site-{kind}" for kind in ("prolog", "epilog", "task-prolog")]
    installer = tmp_path / "install-hooks.sh"
    installer.write_bytes(rendered_installer())
    argv = ["sh", installer, "--layout", "single-file", "--home", home, "--records-dir", tmp_path / "records"]
    for option in sites:
        argv += [option, theirs]
    subprocess.run([str(part) for part in argv], check=True, capture_output=True)
    conf = {"Prolog": f"{home}/efakit-prolog", "Epilog": f"{home}/efakit-epilog"}
    conf |= {"TaskProlog": f"{home}/efakit-task-prolog", "HealthCheckProgram": f"{home}/health-check"}
    assert cluster.wrong(**conf) == []
    (home / "run-hook").unlink()
    assert {("prolog-script", "error"), ("epilog-script", "error")} <= set(cluster.wrong(**conf))
