"""Task prolog and health check in a real Slurm: installed by the bundle's own installer, run by slurmd and slurmstepd.

Real: Slurm's TaskProlog and HealthCheckProgram, jobs of a user who is not root, scripts that efakit never saw.
Simulated: the EFA devices and what is installed, as files below `root`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab import efa_software, efa_tree
from tests.lab.cluster import LabCluster
from tests.lab.loop import Loop

pytestmark = pytest.mark.lab

USER = "nobody"
TUNED = {"NCCL_BUFFSIZE": "8388608", "NCCL_P2P_NET_CHUNKSIZE": "524288"}


class Site(Loop):
    """Two nodes with an older EFA release, on which everything that efakit installs is in Slurm's configuration."""

    def __init__(self, work_dir: Path) -> None:
        super().__init__(work_dir, nodes=2)
        self.run_dir = work_dir / "run-efakit"
        self.cluster = LabCluster(
            work_dir,
            self.nodes,
            cpus=192,
            exclusive=False,
            root=self.root,
            private={self.root: "root", self.spool: "spool", self.run_dir: "run-efakit"},
            slurm_settings={
                "TaskProlog": str(self.home / "task-prolog"),
                "HealthCheckProgram": str(self.home / "health-check"),
                "HealthCheckInterval": "3600",  # slurmd runs it when it starts, too
            },
        )

    def install_before_the_start(self) -> None:
        """Slurm fails every task whose TaskProlog is not there."""
        self.write_spec([])
        spec = yaml.safe_load(self.spec.read_text())
        spec["hooks"]["run_dir"] = str(self.run_dir)
        spec.pop("jobs")
        self.spec.write_text(yaml.safe_dump(spec))
        self.render()
        self.make_devices()
        for node in self.nodes:
            root = self.cluster.host_path(node, self.root)
            efa_software.write_software(root, installer="1.41.0", libfabric="2.1.0amzn2.0", plugin="1.14.2")
            efa_software.write_limits(root, huge_pages=6000)
            efa_software.write_fi_info(root, sorted(path.name for path in (root / "sys/class/infiniband").iterdir()))
        folders = ["--scripts-dir", self.cluster.spec.scripts_dir, "--home", self.home, "--records-dir", self.records]
        installer = ["sh", str(self.bundle / "hooks/install-hooks.sh"), *map(str, folders)]
        subprocess.run(installer, check=True, capture_output=True)

    @contextlib.contextmanager
    def mode(self, mode: str) -> Iterator[None]:
        """Another mode in the installed settings, for a while."""
        settings = self.home / "hook.json"
        before = settings.read_text()
        settings.write_text(json.dumps({**json.loads(before), "mode": mode}))
        try:
            yield
        finally:
            settings.write_text(before)

    def environments(self, command: str, *options: str, tasks: int = 1) -> tuple[list[dict[str, str]], str]:
        """Submit a user's script that runs `command`, in which TELL writes a task's environment to a file of its own.

        Returns the environments, in the tasks' order, and what efakit says in the job's output.
        """
        folder = Path(tempfile.mkdtemp(dir=self.cluster.spec.jobs_dir))
        folder.chmod(0o777)
        tell = folder / "tell"
        tell.write_text(f"#!/bin/sh\n/usr/bin/env > {folder}/env.${{SLURM_PROCID:-batch}}\n")
        script = folder / "script.sbatch"
        script.write_text(f"#!/bin/sh\n{command.replace('TELL', str(tell))}\n")
        for file in (tell, script):
            file.chmod(0o755)
        output = folder / "output"
        job = self.cluster.submit(script, f"--output={output}", *options, user=USER)
        assert self.cluster.wait(job) == "COMPLETED", self.cluster.logs()
        found = sorted(folder.glob("env.*"))
        assert len(found) == tasks
        lines = [path.read_text().splitlines() for path in found]
        said = "".join(line for line in output.read_text().splitlines(keepends=True) if "efakit" in line)
        return [dict(line.split("=", 1) for line in each if "=" in line) for each in lines], said


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    base = Path(tempfile.mkdtemp(prefix="efakit-lab-"))
    base.chmod(0o755)  # any user may enter
    site = Site(base / "lab")
    site.work_dir.mkdir(mode=0o755)
    try:
        site.install_before_the_start()
        with site.cluster:
            yield site
    finally:
        shutil.rmtree(base)


def given(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(("NCCL_", "FI_"))}


def test_slurmd_runs_the_health_check_when_it_starts(site):
    for node in site.nodes:
        result = json.loads((site.cluster.host_path(node, site.spool) / "health.json").read_text())
        assert (result["node"], result["domains"]) == (node, 32)
        assert result["software"]["plugin"] == "1.14.2"
        exports = site.cluster.host_path(node, site.run_dir) / "exports.json"
        assert exports.stat().st_uid == 0


def test_a_plain_script_gets_what_the_software_on_its_node_needs(site, record_property):
    (environment,), output = site.environments("TELL")
    assert given(environment) == TUNED
    assert environment["SLURM_JOB_USER"] == USER
    assert output == ""
    record_property("says", f"task prolog: a script that efakit never saw got {given(environment)}")


def test_each_task_gets_it_on_each_node_also_without_the_script_s_environment(site):
    environments, _ = site.environments("srun --export=NONE TELL", "--nodes=2", "--ntasks-per-node=2", tasks=4)
    assert [given(environment) for environment in environments] == [TUNED] * 4
    assert {environment["SLURMD_NODENAME"] for environment in environments} == set(site.nodes)


def test_what_the_user_has_set_stays_also_where_it_is_set_to_nothing(site):
    (environment,), _ = site.environments("srun TELL", "--export=ALL,NCCL_BUFFSIZE=1048576,NCCL_P2P_NET_CHUNKSIZE=")
    assert given(environment) == {"NCCL_BUFFSIZE": "1048576", "NCCL_P2P_NET_CHUNKSIZE": ""}


@pytest.mark.parametrize("how", ["--export=ALL,EFAKIT_TASK_PROLOG=off", "--comment=mine, efakit=off"])
def test_the_user_s_variable_and_the_job_s_comment_turn_it_off(site, how):
    (environment,), _ = site.environments("srun TELL", how)
    assert given(environment) == {}


def test_enforcement_asks_for_the_plugin_where_a_job_has_several_nodes(site):
    with site.mode("enforce"):
        environments, _ = site.environments("srun TELL", "--nodes=2", tasks=2)
        assert {environment["NCCL_NET"] for environment in environments} == {"Libfabric"}
        (environment,), _ = site.environments("srun TELL")
        assert given(environment) == TUNED


def test_findings_are_told_once_a_node_in_the_job_s_output(site):
    node = site.nodes[0]
    root = site.cluster.host_path(node, site.root)
    device = sorted(path.name for path in (root / "sys/class/infiniband").iterdir())[0]
    efa_tree.remove_device(root, device)
    message = f"efakit: error on {node}: 31 of 32 EFA devices found\n"
    try:
        _, output = site.environments("srun TELL", "--nodes=2", "--ntasks-per-node=2", tasks=4)
        assert output == ""  # mode observe records only
        with site.mode("warn"):
            _, output = site.environments("srun TELL; srun TELL", "--nodes=2", "--ntasks-per-node=2", tasks=4)
        assert output.count(message) == 1
        assert all(line.startswith("efakit: ") for line in output.splitlines())
    finally:
        efa_tree.write_node(root, "p5.48xlarge")


def test_a_limit_that_the_submitting_shell_passes_on_is_told(site):
    """Slurm sets it after the task prolog: the task prolog itself still runs under slurmd's."""
    with site.mode("warn"):
        job_limit = "ulimit -S -l 64; exec srun --propagate=MEMLOCK --nodes=1 /bin/sh -c 'ulimit -l'"
        output = site.cluster.run(["/bin/sh", "-c", job_limit], user=USER).stdout
    assert output.splitlines()[-1] == "64"
    (line,) = [line for line in output.splitlines() if "may lock 64 KiB" in line]
    assert line.startswith("efakit: warning on gpu-st-p5-1: this task may lock 64 KiB of memory")
    assert "the submitting shell's" in line


def test_jobs_run_on_where_the_hook_s_file_is_gone(site):
    archives = [path for path in site.home.rglob("*.pyz") if not path.is_symlink()]
    assert archives
    for archive in archives:
        archive.rename(archive.with_suffix(".aside"))
    try:
        (environment,), output = site.environments("srun TELL")
        assert (given(environment), output) == ({}, "")
    finally:
        for archive in archives:
            archive.with_suffix(".aside").rename(archive)
    assert set(site.cluster.node_states().values()) == {"idle"}
