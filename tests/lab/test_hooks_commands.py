"""``efakit hooks`` on a real Slurm: status judges the running configuration, and no step of its life fails a job.

Real: Slurm, its prologs, its task prolog and health check. Simulated: the EFA devices. The tests stand in the order of
a cluster's life, and each begins where the one before it ended.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.cluster import LabCluster, missing_requirements
from tests.lab.loop import Loop, efa_job

MISSING = missing_requirements()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no lab without {', '.join(MISSING)}: run 'make test' as root"),
]


class Site(Loop):
    """A loop whose Slurm is told of the hooks' programs, as a rendered config tells it, before they are there."""

    def __init__(self, work_dir: Path) -> None:
        super().__init__(work_dir, nodes=2)
        settings = {
            "TaskProlog": f"{self.home}/task-prolog",
            "HealthCheckProgram": f"{self.home}/health-check",
            "HealthCheckInterval": "300",
            "HealthCheckNodeState": "IDLE,CYCLE",
        }
        self.cluster = LabCluster(
            work_dir,
            self.nodes,
            cpus=192,
            root=self.root,
            private={self.root: "root", self.spool: "spool"},
            slurm_settings=settings,
        )

    @property
    def folders(self) -> list[str]:
        return ["--scripts-dir", str(self.cluster.spec.scripts_dir), "--home", str(self.home)]

    def hooks(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.efakit("hooks", command, *arguments, check=False)

    def status(self) -> tuple[int, dict[str, Any]]:
        done = self.hooks("status", "--format", "json")
        assert done.stderr == ""
        document: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, document

    def wrong(self) -> tuple[int, set[tuple[str, str]]]:
        code, document = self.status()
        return code, {(check["rule"], check["severity"]) for check in document["checks"] if check["severity"] != "ok"}

    def job(self, line: str = "true") -> tuple[str, str]:
        """Run a job of two tasks on each node; return its final state and what it wrote."""
        script = self.work_dir / "job.sh"
        script.write_text(f"#!/bin/bash\nsrun --ntasks-per-node=2 {line}\n")
        job = self.cluster.submit(script, "--nodes=2", "--no-requeue")
        state = self.cluster.wait(job)
        wrote = (self.cluster.spec.jobs_dir / f"slurm-{job}.out").exists()
        return state, self.cluster.job_output(job) if wrote else ""

    def configure(self, **settings: str) -> None:
        """Change slurm.conf on the running cluster; an empty value takes a line out."""
        names = tuple(f"{name}=" for name in settings)
        lines = [line for line in self.cluster.slurm_conf.read_text().splitlines() if not line.startswith(names)]
        lines[1:1] = [f"{name}={value}" for name, value in settings.items() if value]
        self.cluster.slurm_conf.write_text("\n".join(lines) + "\n")
        self.cluster.run(["scontrol", "reconfigure"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    site = Site(Path(tmp_path_factory.mktemp("lab")))
    site.write_spec([efa_job(site.root)])
    site.render()
    site.make_devices()
    with site.cluster:
        yield site


def idle(site: Site) -> bool:
    site.wait_for_epilogs()
    return set(site.cluster.node_states().values()) == {"idle"}


def test_slurm_fails_every_task_whose_task_prolog_is_missing_and_minds_no_missing_health_check(site):
    """Why a config without a bucket names no task prolog, and why an installation that fails leaves one."""
    assert site.job()[0] == "FAILED"
    assert idle(site), "a missing health check harms no node"


def test_status_tells_what_is_missing(site):
    code, wrong = site.wrong()
    assert code == 1
    assert wrong == {("prolog-script", "error"), ("epilog-script", "error")}


def test_a_custom_action_that_fails_lets_the_cluster_s_jobs_run(site):
    installer = [str(site.bundle / "hooks/install-hooks.sh"), "--custom-action", *site.folders, "--nonsense"]
    log = site.work_dir / "var-log"
    log.mkdir()
    apart = f'/bin/mount --bind "{log}" /var/log && exec /bin/sh "$@"'
    site.cluster.run(["unshare", "--mount", "/bin/sh", "-c", apart, "sh", *installer])
    assert "--nonsense" in (log / "efakit-install.log").read_text()
    state, output = site.job("hostname")
    assert (state, sorted(output.split())) == ("COMPLETED", sorted(site.nodes * 2))


def test_installed_by_efakit_everything_is_right(site, record_property):
    done = site.hooks("install", str(site.spec), *site.folders, "--records-dir", str(site.records))
    assert (done.returncode, done.stderr) == (0, "")
    assert "to turn the" not in done.stdout, "Slurm names both programs"
    code, document = site.status()
    assert [check for check in document["checks"] if check["severity"] not in ("ok", "info")] == []
    assert code == 0
    assert document["home"] == str(site.home)
    text = site.hooks("status").stdout
    assert "0 errors, 0 warnings" in text
    record_property("says", f"hooks status on Slurm {document['slurm_version']}: {text.splitlines()[-1]}")


def test_jobs_run_and_their_environment_is_not_disturbed(site):
    job = site.run_job("over-efa")
    assert site.report(job)["verdict"] == "efa"
    state, output = site.job("env PATH=/usr/bin:/bin printenv SLURM_PROCID")
    assert (state, sorted(output.split())) == ("COMPLETED", ["0", "1", "2", "3"])
    assert idle(site)


def test_a_task_prolog_sets_what_slurm_then_gives_to_each_task(site):
    """The hook's own choice is tested elsewhere; here another one stands in its place."""
    hook = Path(os.path.realpath(site.home / "efakit-hook.pyz"))
    whole = hook.read_bytes()
    hook.write_text('import sys\nif "task-prolog" in sys.argv: print("export EFAKIT_SEEN=a b$c")')
    try:
        state, output = site.job("printenv EFAKIT_SEEN")
        assert site.wrong() == (1, {("files", "error")})
    finally:
        hook.write_bytes(whole)
    assert (state, output.splitlines()) == ("COMPLETED", ["a b$c"] * 4)
    assert site.wrong()[0] == 0


def test_status_follows_the_running_configuration(site):
    site.configure(PrologFlags="", MessageTimeout="7", HealthCheckProgram="", BatchStartTimeout="4")
    code, wrong = site.wrong()
    assert code == 1
    assert wrong == {("prolog-flags", "error"), ("timeouts", "error"), ("health-check", "warning")}
    site.configure(
        PrologFlags="Alloc,Serial",
        MessageTimeout="60",
        BatchStartTimeout="180",
        HealthCheckProgram=f"{site.home}/health-check",
    )
    code, wrong = site.wrong()
    assert (code, wrong) == (0, {("prolog-flags-serial", "info")})
    site.configure(PrologFlags="Alloc")


def test_flush_on_a_node_publishes_what_waits_there(site):
    records = site.records.rename(site.work_dir / "away")
    job = site.cluster.submit(site.bundle / "jobs/over-efa.sbatch")
    site.cluster.wait(job)
    records.rename(site.records)
    assert not list(site.records.glob(f"*/{job}/*"))
    for node in site.nodes:
        site.cluster.exec(node, ["/bin/sh", f"{site.home}/run-hook", "flush"])
    assert len(list(site.records.glob(f"*/{job}/*"))) == 2


def test_hooks_are_upgraded_while_jobs_run(site):
    """Each upgrade has a path of its own: what runs reads on in its own file."""
    script = site.work_dir / "many.sh"
    script.write_text("#!/bin/bash\nsrun true\n")
    array = site.cluster.submit(script, "--nodes=1", "--array=1-12", "--no-requeue")
    for number in range(6):
        settings = json.loads((site.home / "hook.json").read_text())
        text = site.spec.read_text().replace("deadline_seconds:", "# deadline_seconds:")
        other = site.work_dir / "other.yaml"
        other.write_text(text.replace("hooks:\n", f"hooks:\n  deadline_seconds: {6 + number % 2}\n"))
        done = site.hooks("install", str(other), *site.folders, "--records-dir", str(site.records))
        assert done.returncode == 0, done.stderr
        assert json.loads((site.home / "hook.json").read_text()) != settings
    assert site.cluster.wait(array) == "COMPLETED"
    assert idle(site)
    ids = site.cluster.run(["squeue", "--states=all", "--noheader", f"--jobs={array}", "--format=%A"]).stdout.split()
    assert len(ids) == 12
    for job in ids:
        (record,) = site.records.glob(f"*/{job}/*.json")
        assert json.loads(record.read_text())["baseline"] == "ok"


def test_uninstalled_while_slurm_names_the_task_prolog_jobs_go_on(site):
    done = site.hooks("uninstall", *site.folders)
    assert (done.returncode, "still names" in done.stdout) == (0, True)
    assert [path.name for path in site.home.iterdir()] == ["task-prolog"]
    assert site.job()[0] == "COMPLETED"
    assert site.wrong()[1] == {("prolog-script", "error"), ("epilog-script", "error")}


def test_uninstalled_after_slurm_forgot_them_nothing_is_left(site):
    site.configure(TaskProlog="", HealthCheckProgram="", HealthCheckInterval="", HealthCheckNodeState="")
    done = site.hooks("uninstall", *site.folders)
    assert (done.returncode, "still names" in done.stdout) == (0, False)
    assert not site.home.exists()
    assert sorted(path.name for path in site.cluster.spec.scripts_dir.rglob("*") if path.is_file()) == [
        "90_pcluster_health_check_manager",
        "90_pcluster_noop",
    ]
    assert any(site.records.iterdir())
    assert site.job()[0] == "COMPLETED"
    assert idle(site)
