"""``install-hooks.sh --uninstall``: what Slurm must find stays, as a script that does nothing, and nothing else.

Slurm drains every node that starts a job where the glob of its Prolog or Epilog matches no file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.hook.slurm_scripts import Slurm, run_program, run_scripts, small_installer
from tests.hook.test_installer import EITHER_SHELL, Site

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(os.geteuid() != 0, reason="the installer wants root: run as root"),
]


class Cluster(Site):
    """A head node with a Slurm that answers, whose folders hold nothing but what is installed."""

    def __init__(self, folder: Path, shell: str) -> None:
        super().__init__(folder, shell)
        self.installer.write_bytes(small_installer())
        self.prolog, self.epilog = self.scripts / "prolog.d/00_efakit", self.scripts / "epilog.d/99_efakit"
        self.task_prolog = self.home / "task-prolog"
        self.others = [self.prolog.with_name("90_pcluster"), self.epilog.with_name("90_pcluster")]
        for other in self.others:
            other.unlink()
        self.slurm = Slurm(folder / "programs")
        self.slurm.set(Prolog=f"{self.scripts}/prolog.d/*", Epilog=f"{self.scripts}/epilog.d/*")

    def add_others(self) -> None:
        for other in self.others:
            other.write_text("#!/bin/sh\necho other\n")
            other.chmod(0o755)

    def job(self) -> tuple[int, int]:
        """Run a job's prolog and epilog; return their statuses."""
        statuses = []
        for setting in ("Prolog", "Epilog"):
            values = self.slurm.settings[setting]
            statuses.append(run_scripts(*([values] if isinstance(values, str) else values)).status)
        return statuses[0], statuses[1]

    def hooks_run(self) -> bool:
        """Say whether a job's prolog and epilog both run the hook."""
        ran = [run_scripts(str(script)).output for script in (self.prolog, self.epilog)]
        return ["hook prolog" in ran[0], "hook epilog" in ran[1]] == [True, True]

    def installation_id(self) -> str:
        identity = json.loads((self.home / "hook.json").read_text())["installation_id"]
        assert isinstance(identity, str)
        return identity


@pytest.fixture
def shell() -> str:
    return "dash"


@pytest.fixture
def cluster(tmp_path, shell, monkeypatch) -> Cluster:
    cluster = Cluster(tmp_path, shell)
    monkeypatch.setenv("PATH", f"{cluster.slurm.programs}:{os.environ['PATH']}")
    return cluster


@EITHER_SHELL
def test_where_only_ours_are_there_scripts_stay_that_do_nothing(cluster):
    assert cluster.run().returncode == 0
    assert cluster.hooks_run()
    said = cluster.run("--uninstall")
    assert (said.returncode, said.stdout.count("stays, as a script that does nothing")) == (0, 2)
    assert cluster.job() == (0, 0)
    assert not cluster.home.exists()
    assert not cluster.hooks_run()
    for script in (cluster.prolog, cluster.epilog):
        assert [path.name for path in script.parent.iterdir()] == [script.name]
        assert script.stat().st_mode & 0o7777 == 0o755
        assert "efakit" in script.read_text(), "who looks into it learns whose it is"


@EITHER_SHELL
def test_removing_them_again_changes_nothing_and_installing_again_puts_the_hooks_back(cluster):
    cluster.run()
    cluster.run("--uninstall")
    removed = cluster.tree()
    assert cluster.run("--uninstall").returncode == 0
    assert cluster.tree() == removed
    assert cluster.run().returncode == 0
    assert cluster.hooks_run()
    assert cluster.job() == (0, 0)


def test_where_no_hooks_are_none_are_said_to_be_removed(cluster):
    cluster.slurm.set(Prolog="", Epilog="")
    said = cluster.run("--uninstall")
    assert said.returncode == 0
    assert f"no hooks were found: neither in {cluster.home} nor " in said.stdout
    assert "removed" not in said.stdout
    assert cluster.run().returncode == 0
    assert "hooks removed; records stay" in cluster.run("--uninstall").stdout


@EITHER_SHELL
def test_they_go_once_slurm_finds_another_file(cluster):
    cluster.run()
    cluster.run("--uninstall")
    cluster.add_others()
    said = cluster.run("--uninstall")
    assert (said.returncode, "stays" in said.stdout.replace("records stay", "")) == (0, False)
    assert sorted(path for path in cluster.scripts.rglob("*") if path.is_file()) == sorted(cluster.others)
    assert cluster.job() == (0, 0)


def test_they_go_once_slurm_s_configuration_names_them_no_more(cluster):
    cluster.run()
    cluster.run("--uninstall")
    cluster.slurm.set(Prolog=None, Epilog="/somewhere/else/*")
    cluster.run("--uninstall")
    assert [path for path in cluster.scripts.rglob("*") if path.is_file()] == []


@EITHER_SHELL
def test_with_other_scripts_nothing_of_ours_stays(cluster):
    cluster.add_others()
    before = cluster.tree()
    cluster.run()
    cluster.run("--uninstall")
    left = cluster.tree()
    assert {path: left[path] for path in before} == before
    assert set(left) - set(before) == {"shared", "shared/efakit", "shared/efakit/records"}


def test_a_dry_run_tells_which_of_both_it_would_be(cluster):
    cluster.run()
    cluster.others[0].write_text("#!/bin/sh\n")
    before = cluster.tree()
    said = cluster.run("--uninstall", "--dry-run").stdout
    assert f"would run: rm -f {cluster.prolog}\n" in said
    assert f"would put a script that does nothing at {cluster.epilog}\n" in said
    assert f"note: {cluster.epilog} stays" in said
    assert cluster.tree() == before


# {d} is the folder with prolog.d and epilog.d.
NEEDS = [
    "{d}/prolog.d/00*",
    "{d}/prolog.d/0[0-9]_*",
    "{d}/prolog.d/00_efakit",
    "{d}/*/00_efakit",
    "{d}/./prolog.d/??_efakit",
    ["/bin/tru?", "{d}/prolog.d/[01]*"],
    ["{d}/prolog.d/*", "{d}/prolog.d/00*"],
]
DOES_NOT_NEED = ["{d}/prolog.d/*", "{d}/prolog.d/?0_*", "{d}/*/*", "/bin/tru?", ["/bin/tru?", "{d}/prolog.d/*"]]


@EITHER_SHELL
@pytest.mark.parametrize(
    ("prolog", "stays"), [*((value, True) for value in NEEDS), *((value, False) for value in DOES_NOT_NEED)], ids=str
)
def test_each_value_of_prolog_must_find_a_file(cluster, prolog, stays):
    """Another script stands beside ours; some values find only ours. Since 24.05 there may be several."""
    cluster.add_others()
    values = [prolog] if isinstance(prolog, str) else prolog
    values = [value.replace("{d}", str(cluster.scripts)) for value in values]
    cluster.slurm.set(Prolog=values[0] if len(values) == 1 else values)
    cluster.run()
    assert cluster.job() == (0, 0)
    cluster.run("--uninstall")
    assert (cluster.prolog.exists(), cluster.epilog.exists()) == (stays, False)
    assert cluster.job() == (0, 0)


CONF = [
    "Prolog={d}/prolog.d/00*",
    "prolog = {d}/prolog.d/00*   # ours",
    'PROLOG="{d}/prolog.d/00*"',
    "ClusterName=lab Prolog={d}/prolog.d/00* Epilog=/bin/tru?",
    "Prolog=\\\n{d}/prolog.d/00*",
    "Prolog=scripts/prolog.d/00*",
    "Include pcluster/site.inc",
    "Include {d}/../pcluster/site.inc",
    "include pcluster/other.conf",
]


@EITHER_SHELL
@pytest.mark.parametrize("line", CONF)
def test_what_slurm_s_files_say_counts_beside_the_running_configuration(cluster, line):
    """The next start of Slurm reads them."""
    cluster.add_others()
    cluster.run()
    (cluster.folder / "pcluster").mkdir()
    for name in ("site.inc", "other.conf"):
        (cluster.folder / "pcluster" / name).write_text(f"Prolog={cluster.scripts}/prolog.d/00*\n")
    if "nclude" not in line:
        shutil.rmtree(cluster.folder / "pcluster")
    elif "other.conf" not in line:
        (cluster.folder / "pcluster/other.conf").unlink()
    conf = cluster.folder / "slurm.conf"
    conf.write_text(f"# {cluster.scripts}/prolog.d/00*\n{line.replace('{d}', str(cluster.scripts))}\n")
    cluster.run("--uninstall")
    assert cluster.prolog.exists()
    conf.write_text(f"# Prolog={cluster.scripts}/prolog.d/00*\nPrologFlags=Alloc\n")
    shutil.rmtree(cluster.folder / "pcluster", ignore_errors=True)
    cluster.run("--uninstall")
    assert not cluster.prolog.exists()


def test_slurm_may_look_for_both_in_one_folder(cluster):
    cluster.slurm.set(Epilog=f"{cluster.prolog.parent}/*")
    cluster.run()
    cluster.slurm.set(Prolog=None)
    cluster.run("--uninstall")
    assert (cluster.prolog.exists(), cluster.epilog.exists()) == (True, False)


def test_slurm_may_know_its_folder_by_another_way(cluster):
    (cluster.folder / "slurm-22").symlink_to(cluster.scripts)
    cluster.slurm.set(Prolog=f"{cluster.folder}/slurm-22/prolog.d/*", Epilog=f"{cluster.folder}/slurm-22/epilog.d/*")
    cluster.run()
    cluster.run("--uninstall")
    assert cluster.job() == (0, 0)


def test_slurm_s_configuration_may_be_where_only_slurm_knows_it(cluster):
    conf = cluster.folder / "etc/slurm.conf"
    conf.parent.mkdir()
    conf.write_text(f"Prolog={cluster.scripts}/prolog.d/00*\n")
    cluster.add_others()
    cluster.slurm.set(SLURM_CONF=str(conf))
    cluster.run()
    cluster.run("--uninstall")
    assert (cluster.prolog.exists(), cluster.epilog.exists()) == (True, False)


def test_a_link_to_ours_would_lead_nowhere_without_it(cluster):
    cluster.add_others()
    cluster.prolog.with_name("50_also").symlink_to("00_efakit")
    cluster.run()
    cluster.run("--uninstall")
    assert cluster.job() == (0, 0)


@pytest.mark.parametrize("target", ["../pcluster/manager", "nowhere"])
def test_parallelcluster_s_links_are_other_files(cluster, target):
    (cluster.scripts / "pcluster").mkdir()
    (cluster.scripts / "pcluster/manager").write_text("#!/bin/sh\n")
    (cluster.scripts / "pcluster/manager").chmod(0o755)
    for other in cluster.others:
        other.symlink_to(target)
    before = cluster.job()
    cluster.run()
    cluster.run("--uninstall")
    assert not cluster.prolog.exists()
    assert cluster.job() == before


@EITHER_SHELL
@pytest.mark.parametrize("others", [False, True], ids=["ours alone", "others too"])
@pytest.mark.parametrize("conf", [None, "", "Prolog={d}/prolog.d/*\nEpilog={d}/epilog.d/*\n"], ids=str)
def test_where_slurm_is_down_no_folder_is_left_empty(cluster, conf, others):
    if others:
        cluster.add_others()
    if conf is not None:
        (cluster.folder / "slurm.conf").write_text(conf.replace("{d}", str(cluster.scripts)))
    cluster.slurm.answer("scontrol", "", 1)
    cluster.slurm.answer("squeue", "", 1)
    cluster.run()
    assert cluster.run("--uninstall").returncode == 0
    assert (cluster.prolog.exists(), cluster.epilog.exists()) == (not others, not others)
    assert cluster.job() == (0, 0)
    assert not cluster.home.exists()


@pytest.mark.parametrize("command", ["scontrol", "squeue"])
def test_where_slurm_is_too_slow_to_answer_it_may_still_look_for_each_of_them(cluster, command):
    cluster.add_others()
    cluster.run()
    # As timeout(1) ends where it had to end a command.
    cluster.slurm.answer(command, "", 124)
    cluster.slurm.program("sleep", "exit 0")
    said = cluster.run("--uninstall")
    assert (said.returncode, said.stdout.count("stays, as a script")) == (0, 3 if command == "scontrol" else 2)
    assert (cluster.prolog.exists(), cluster.task_prolog.exists()) == (True, command == "scontrol")
    assert not cluster.hooks_run()
    cluster.slurm.set()
    cluster.slurm.jobs()
    cluster.run("--uninstall")
    assert (cluster.prolog.exists(), cluster.home.exists()) == (False, False)


@pytest.mark.parametrize("command", ["scontrol", "squeue"])
@pytest.mark.parametrize("configured", [True, False])
def test_where_a_command_of_slurm_s_is_not_found_slurm_is_not_taken_for_down(cluster, command, configured):
    cluster.add_others()
    cluster.run()
    if configured:
        conf = "Prolog={d}/prolog.d/*\nEpilog={d}/epilog.d/*\n".replace("{d}", str(cluster.scripts))
        (cluster.folder / "slurm.conf").write_text(conf)
    # As timeout(1) ends where there is no such command.
    cluster.slurm.answer(command, "", 127)
    cluster.slurm.program("sleep", "exit 0")
    said = cluster.run("--uninstall")
    kept = (3 if command == "scontrol" else 2) if configured else 0
    assert (said.returncode, said.stdout.count("stays, as a script")) == (0, kept)
    assert cluster.prolog.exists() == configured


def test_where_jobs_start_all_the_time_no_job_misses_a_script_that_it_has_on_its_list(cluster):
    cluster.add_others()
    cluster.run()
    cluster.slurm.jobs("R 1-00:00:00 None", "CF 0:00 None")
    cluster.slurm.program("sleep", "exit 0")
    said = cluster.run("--uninstall")
    assert (said.returncode, said.stdout.count("jobs are starting or ending all the time")) == (0, 2)
    assert cluster.job() == (0, 0)
    assert (cluster.prolog.exists(), cluster.hooks_run(), cluster.home.exists()) == (True, False, False)
    cluster.slurm.jobs("R 1-00:00:00 None", "PD 0:00 Priority")
    cluster.run("--uninstall")
    assert not cluster.prolog.exists()


def test_a_folder_that_was_left_empty_is_mended(cluster):
    """As by a removal of an older efakit."""
    assert cluster.job() == (1, 1)
    assert cluster.run("--uninstall").returncode == 0
    assert cluster.job() == (0, 0)


@EITHER_SHELL
@pytest.mark.parametrize("how", ["named", "by another way", "run by the site's own", "only in a file"])
def test_a_task_prolog_that_slurm_runs_stays_and_does_nothing(cluster, how):
    cluster.run()
    (cluster.folder / "other").symlink_to(cluster.home)
    own = cluster.folder / "site-program"
    own.write_text(f"#!/bin/sh -e\n{cluster.task_prolog}\n")
    own.chmod(0o755)
    named = {"by another way": cluster.folder / "other/task-prolog", "run by the site's own": own}
    if how == "only in a file":
        (cluster.folder / "slurm.conf").write_text(f"TaskProlog = {cluster.task_prolog}\n")
    else:
        cluster.slurm.set(TaskProlog=str(named.get(how, cluster.task_prolog)))
    said = cluster.run("--uninstall")
    assert (said.returncode, "still names" in said.stdout) == (0, True)
    assert [path.name for path in cluster.home.iterdir()] == ["task-prolog"]
    for program in (cluster.task_prolog, own):
        ran = run_program(program, {})
        assert (ran.status, ran.output) == (0, "")
    cluster.slurm.set(TaskProlog="/somewhere/else/task-prolog")
    (cluster.folder / "slurm.conf").unlink(missing_ok=True)
    cluster.run("--uninstall")
    assert not cluster.home.exists()


def test_the_cluster_s_own_custom_action_removes_them_as_well(cluster):
    cluster.run()
    (cluster.folder / "log").mkdir()
    apart = f"/bin/mount --bind '{cluster.folder}/log' /var/log"
    assert cluster.run("--custom-action", "--uninstall", apart=apart).returncode == 0
    assert (cluster.job(), cluster.home.exists()) == ((0, 0), False)


class TestInstallationId:
    """By it the hooks know which baselines and records are their own."""

    def test_a_fresh_installation_has_one_that_is_random(self, cluster):
        seen = set()
        for _ in range(3):
            cluster.run()
            seen.add(cluster.installation_id())
            cluster.run("--uninstall")
        assert len(seen) == 3
        assert all(len(one) == 16 and set(one) <= set("0123456789abcdef") for one in seen)

    @EITHER_SHELL
    def test_it_is_kept_when_the_hooks_are_brought_up_to_date(self, cluster):
        cluster.run()
        first = cluster.installation_id()
        assert "settings" not in cluster.run().stdout
        cluster.installer.write_bytes(small_installer("other", deadline_seconds=7))
        assert "the settings in" in cluster.run().stdout
        assert cluster.installation_id() == first

    def test_settings_that_somebody_wrote_anew_keep_it(self, cluster):
        cluster.run()
        first, path = cluster.installation_id(), cluster.home / "hook.json"
        path.write_text(json.dumps(json.loads(path.read_text())))
        cluster.run()
        assert cluster.installation_id() == first

    @EITHER_SHELL
    def test_an_installation_without_one_gets_one_and_that_is_no_change_of_settings(self, cluster):
        cluster.run()
        path = cluster.home / "hook.json"
        path.write_text("".join(line for line in path.read_text().splitlines(True) if "installation_id" not in line))
        assert "settings" not in cluster.run().stdout
        assert len(cluster.installation_id()) == 16
        assert not (cluster.home / "hook.json.previous").exists()

    @pytest.mark.parametrize("value", ["null", "7", '""', '"a b"', '"' + "a" * 65 + '"'])
    def test_one_that_is_none_is_replaced(self, cluster, value):
        cluster.run()
        path = cluster.home / "hook.json"
        path.write_text(path.read_text().replace(f'"{cluster.installation_id()}"', value))
        cluster.run()
        assert len(cluster.installation_id()) == 16

    def test_after_a_removal_that_did_not_come_to_its_end_it_is_a_new_one(self, cluster):
        """Jobs have run without the hooks since: their baselines are not this installation's."""
        cluster.run()
        first, settings = cluster.installation_id(), (cluster.home / "hook.json").read_text()
        cluster.run("--uninstall")
        cluster.home.mkdir()
        (cluster.home / "hook.json").write_text(settings)
        cluster.run()
        assert cluster.installation_id() != first

    def test_no_rendered_bundle_has_one(self, cluster):
        text = cluster.installer.read_text()
        unpacked = subprocess.run(
            ["/bin/sh", "-c", "sed '1,/^# PAYLOAD$/d; s/^# //' | base64 -d | tar -xzO hook.json"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(unpacked.stdout)["installation_id"] is None
