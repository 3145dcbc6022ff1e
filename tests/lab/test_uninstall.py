"""The hooks are removed from a running cluster, put there again, and removed again: no node is ever drained.

Real: Slurm, its commands that the installer asks, prologs and epilogs, the hooks. Simulated: the EFA devices. The tests
stand in the order of a cluster's life, and each begins where the one before it ended.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.cluster import missing_requirements
from tests.lab.loop import efa_job
from tests.lab.test_hooks_commands import Site

MISSING = missing_requirements()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no lab without {', '.join(MISSING)}: run 'make test' as root"),
]


class Removed(Site):
    """A cluster whose folders hold our scripts alone, or those of ParallelCluster's too."""

    @property
    def scripts(self) -> list[Path]:
        return [self.cluster.prolog_d / "00_efakit", self.cluster.epilog_d / "99_efakit"]

    def set_others(self, there: bool) -> None:
        """Let other scripts be there or not."""
        for folder, name in (
            (self.cluster.prolog_d, "90_pcluster_health_check_manager"),
            (self.cluster.epilog_d, "90_pcluster_noop"),
        ):
            here, away = folder / name, self.work_dir / name
            if there and away.exists():
                away.rename(here)
            elif not there and here.exists():
                here.rename(away)

    def install(self) -> None:
        done = self.hooks("install", str(self.spec), *self.folders, "--records-dir", str(self.records))
        assert (done.returncode, done.stderr) == (0, "")

    def uninstall(self, **environment: str) -> str:
        command = ["sh", str(self.bundle / "hooks/install-hooks.sh"), *self.folders, "--uninstall"]
        return self.cluster.run(command, env=environment).stdout

    def runs_jobs(self) -> bool:
        """Say whether a job of all nodes comes to its end and leaves each node as it was."""
        state, _ = self.job()
        self.wait_for_epilogs()
        return state == "COMPLETED" and set(self.cluster.node_states().values()) == {"idle"}

    def recorded(self) -> bool:
        """Say whether a job leaves a whole record on each node."""
        job = self.run_job("over-efa")
        self.wait_for_epilogs()
        records = [json.loads(path.read_text()) for path in self.records.glob(f"*/{job}/*.json")]
        return [record["baseline"] for record in records] == ["ok"] * len(self.nodes)

    def installation_id(self) -> str:
        return str(json.loads((self.home / "hook.json").read_text())["installation_id"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Removed]:
    site = Removed(Path(tmp_path_factory.mktemp("uninstall")))
    site.write_spec([efa_job(site.root)])
    site.render()
    site.make_devices()
    with site.cluster:
        site.install()
        yield site


def test_where_ours_are_the_only_scripts_jobs_run_without_them(site):
    site.set_others(there=False)
    assert site.recorded()
    said = site.uninstall()
    assert said.count("stays, as a script that does nothing: without it Slurm would find no file there") == 2, said
    assert [sorted(script.parent.iterdir()) for script in site.scripts] == [[script] for script in site.scripts]
    records = sorted(site.records.rglob("*.json"))
    assert site.runs_jobs()
    assert sorted(site.records.rglob("*.json")) == records
    code, wrong = site.wrong()
    assert (code, wrong) == (1, {("prolog-script", "error"), ("epilog-script", "error")})


def test_removed_again_nothing_changes(site):
    site.uninstall()
    assert [sorted(script.parent.iterdir()) for script in site.scripts] == [[script] for script in site.scripts]
    assert [path.name for path in site.home.iterdir()] == ["task-prolog"]
    assert site.runs_jobs()


def test_installed_again_the_hooks_are_others(site):
    site.install()
    first = site.installation_id()
    assert site.recorded()
    site.uninstall()
    site.install()
    assert site.installation_id() != first
    assert site.recorded()
    site.install()
    assert site.wrong()[0] == 0


@pytest.mark.parametrize("others", [False, True], ids=["ours alone", "others too"])
def test_removed_while_jobs_start_no_node_is_drained(site, others):
    site.set_others(there=others)
    site.install()
    script = site.work_dir / "many.sh"
    script.write_text("#!/bin/bash\nsrun true\n")
    array = site.cluster.submit(script, "--nodes=1", "--array=1-10", "--no-requeue", "--output=/dev/null")
    site.uninstall()
    assert site.cluster.wait(array) == "COMPLETED"
    assert [script.exists() for script in site.scripts] == [not others] * 2
    assert site.runs_jobs()


def test_removed_while_a_job_runs_its_epilog_finds_a_script(site):
    """The job has begun just now, and waiting is cut short: so both scripts stay, and go later."""
    site.set_others(there=True)
    site.install()
    fast = site.work_dir / "fast"
    fast.mkdir()
    (fast / "sleep").write_text("#!/bin/sh\n")
    (fast / "sleep").chmod(0o755)
    script, go = site.work_dir / "long.sh", site.work_dir / "go"
    script.write_text(f"#!/bin/sh\nuntil [ -e {go} ]; do sleep 0.1; done\n")
    job = site.cluster.submit(script, "--nodes=2", "--output=/dev/null")
    assert site.cluster.wait_for_state(job, frozenset({"RUNNING"})) == "RUNNING"
    said = site.uninstall(PATH=f"{fast}:/usr/sbin:/usr/bin:/sbin:/bin")
    assert said.count("jobs are starting or ending all the time") == 2, said
    go.touch()
    assert site.cluster.wait(job) == "COMPLETED"
    assert site.runs_jobs()
    site.uninstall()
    assert [script.exists() for script in site.scripts] == [False, False]
    assert site.runs_jobs()


def test_an_installer_that_is_killed_harms_no_job(site):
    """At some moments; each one is tried where no Slurm runs (tests/hook)."""
    site.set_others(there=False)
    for seconds in ("0.1", "0.3", "0.5", "0.8"):
        for options in ([], ["--uninstall"]):
            command = ["timeout", "--signal=KILL", seconds, "sh", str(site.bundle / "hooks/install-hooks.sh")]
            folders = [*site.folders, "--records-dir", str(site.records)]
            if not any(site.cluster.prolog_d.iterdir()) or not any(site.cluster.epilog_d.iterdir()):
                site.install()
            killed: subprocess.CompletedProcess[str] = site.cluster.run([*command, *folders, *options], check=False)
            assert killed.returncode in (0, 137, -9), killed.stderr
            assert site.runs_jobs(), (seconds, options)
    site.install()
    assert site.recorded()


def test_once_slurm_looks_for_none_of_them_they_go(site):
    nothing = site.work_dir / "nothing.sh"
    nothing.write_text("#!/bin/sh\n")
    nothing.chmod(0o755)
    site.configure(TaskProlog="", HealthCheckProgram="", Prolog=str(nothing), Epilog=str(nothing))
    site.uninstall()
    assert not site.home.exists()
    assert [script.exists() for script in site.scripts] == [False, False]
    assert site.runs_jobs()


def test_slurm_drains_each_node_that_starts_a_job_where_a_folder_is_empty(site, record_property):
    """Why nothing of ours may leave one empty. The last test: nobody mends these nodes."""
    site.configure(Prolog=f"{site.cluster.prolog_d}/*")
    (message,) = [c["message"] for c in site.status()[1]["checks"] if c["rule"] == "prolog-script"]
    assert "is empty: every job fails" in message
    script = site.work_dir / "drains.sh"
    script.write_text("#!/bin/sh\nsrun true\n")
    site.cluster.submit(script, "--nodes=2", "--output=/dev/null")
    drained = 'test "$(sinfo --noheader --states=drain --format=%D)" = 2'
    site.cluster.run(["sh", "-c", f"for i in $(seq 200); do {drained} && exit 0; sleep 0.3; done; exit 1"])
    reasons = site.cluster.run(["sinfo", "--noheader", "--list-reasons", "--format=%E"]).stdout.splitlines()
    assert reasons == ["Prolog error"]
    record_property("says", f"hooks status: {message}")
