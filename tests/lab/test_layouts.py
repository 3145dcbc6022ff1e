"""Layouts other than ParallelCluster's on a real Slurm, each with a site's own scripts: install, upgrade, uninstall.

Real: Slurm, its prologs, epilogs and task prologs, the hooks. Simulated: the EFA devices, and who made the cluster. The
tests stand in the order of a cluster's life, and each begins where the one before it ended. No node is ever drained.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.cluster import LabCluster, missing_requirements
from tests.lab.loop import Loop, efa_job, efakit_argv

MISSING = missing_requirements()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no lab without {', '.join(MISSING)}: run 'make test' as root"),
]
KINDS = ("prolog", "epilog", "task-prolog")
SETTINGS = {"Prolog": "prolog", "Epilog": "epilog", "TaskProlog": "task-prolog"}


class Cluster(Loop):
    """A cluster whose owner has scripts of his own, and says what Slurm's settings are."""

    layout = ""
    options: tuple[str, ...] = ()
    says = ""
    configless = False
    local = False

    def __init__(self, work_dir: Path) -> None:
        super().__init__(work_dir, nodes=2)
        self.theirs, self.node_folder = work_dir / "theirs", work_dir / "node"
        private = {self.root: "root", self.spool: "spool"}
        if self.local:
            private[self.node_folder] = "node"
            self.home = self.node_folder / "efakit"
        self.own_settings = self.settings_of_owner()
        self.cluster = LabCluster(
            work_dir,
            self.nodes,
            cpus=192,
            root=self.root,
            private=private,
            slurm_settings=self.own_settings,
            configless=self.configless,
        )

    def settings_of_owner(self) -> dict[str, str | None]:
        return {name: str(self.theirs / f"{kind}.sh") for name, kind in SETTINGS.items()}

    def settings_with_hooks(self) -> dict[str, str | None]:
        return {name: f"{self.home}/efakit-{kind}" for name, kind in SETTINGS.items()}

    def write_their_scripts(self) -> None:
        """The owner's scripts note that they ran, and on which node."""
        self.theirs.mkdir()
        self.ran = self.work_dir / "ran"
        self.ran.mkdir()
        for kind in KINDS:
            self.write_script(self.theirs / f"{kind}.sh", kind)

    def write_script(self, path: Path, kind: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        said = "echo export SITE=theirs" if kind == "task-prolog" else ":"
        name = "$SLURM_JOB_ID.$SLURMD_NODENAME" if kind != "task-prolog" else "$SLURM_JOB_ID.$SLURM_PROCID"
        path.write_text(f"#!/bin/sh\n/bin/date +%s.%N >>{self.ran}/{kind}.{name}\n{said}\nexit 0\n")
        path.chmod(0o755)

    def their_tree(self) -> dict[str, tuple[int, int, bytes]]:
        """What foreign files are, each with its mode and its time."""
        found = {}
        for folder in self.foreign_folders():
            for path in sorted(folder.rglob("*")):
                if path.is_file() and "efakit" not in str(path.relative_to(folder)):
                    status = path.stat()
                    found[str(path)] = (status.st_mode, status.st_mtime_ns, path.read_bytes())
        return found

    def foreign_folders(self) -> list[Path]:
        return [self.theirs, self.cluster.spec.scripts_dir]

    def places(self) -> list[str | None]:
        """Where the installer runs: on the head node (None), or on each node."""
        return [*self.nodes] if self.local else [None]

    def hooks(self, command: str, *arguments: str) -> str:
        said = ""
        for node in self.places():
            argv = [*efakit_argv(), "hooks", command, *arguments, *self.options]
            done: subprocess.CompletedProcess[str] = (
                self.cluster.run(argv, check=False) if node is None else self.cluster.exec(node, argv, check=False)
            )
            assert (done.returncode, done.stderr) == (0, ""), done.stderr + done.stdout
            said += done.stdout
        return said

    def install(self, spec: Path | None = None) -> str:
        return self.hooks("install", str(spec or self.spec), "--records-dir", str(self.records))

    def configure(self, settings: dict[str, str | None]) -> None:
        """Change slurm.conf on the running cluster, as its owner does; the nodes need not restart."""
        names = tuple(f"{name}=" for name in settings)
        lines = [line for line in self.cluster.slurm_conf.read_text().splitlines() if not line.startswith(names)]
        lines[1:1] = [f"{name}={value}" for name, value in settings.items() if value]
        self.cluster.slurm_conf.write_text("\n".join(lines) + "\n")
        self.cluster.run(["scontrol", "reconfigure"])
        self.wait_until_told(hooks=settings != self.own_settings)

    def wait_until_told(self, *, hooks: bool) -> None:
        """Run jobs until each node goes by the new settings: slurmd rereads them after 'reconfigure' has ended."""
        for _ in range(30):
            if self.baselines(self.job("true")[0]) == ["ok"] * 2 * hooks:
                return
        raise AssertionError(self.cluster.logs())

    def job(self, line: str = "printenv SITE") -> tuple[int, str, str]:
        """Run a job of one task on each node; return its id, its final state and what it wrote."""
        script = self.work_dir / "job.sh"
        script.write_text(f"#!/bin/bash\nsrun --ntasks-per-node=1 {line}\n")
        job = self.cluster.submit(script, "--nodes=2", "--no-requeue")
        state = self.cluster.wait(job)
        self.wait_for_epilogs()
        return job, state, self.cluster.job_output(job)

    def theirs_ran(self, job: int) -> dict[str, int]:
        """How often each of the owner's scripts ran for a job: once on each node is right."""
        return {kind: sum(len(path.read_text().split()) for path in self.ran.glob(f"{kind}.{job}.*")) for kind in KINDS}

    def baselines(self, job: int) -> list[str]:
        records = [json.loads(path.read_text()) for path in self.records.glob(f"*/{job}/*.json")]
        return [record["baseline"] for record in records]

    def idle(self) -> bool:
        self.wait_for_epilogs()
        return set(self.cluster.node_states().values()) == {"idle"}

    def left(self) -> list[Path]:
        """Which files of ours there are."""
        folders = [self.cluster.host_path(node, self.home) if node else self.home for node in self.places()]
        return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


class SingleFile(Cluster):
    """Slurm names one file of each; nobody says which layout it is."""

    says = "layout: single-file, since Slurm's Prolog is"

    def __init__(self, work_dir: Path) -> None:
        super().__init__(work_dir)
        self.options = ("--home", str(self.home))


class NodeFolders(Cluster):
    """As on AWS PCS: configless, with folders of our own on each node, which Slurm's settings name."""

    layout = "pcs"
    local = True
    configless = True
    says = "on this node alone"

    def __init__(self, work_dir: Path) -> None:
        super().__init__(work_dir)
        self.options = ("--layout", "pcs", "--home", str(self.home), "--scripts-dir", str(self.home))

    def settings_with_hooks(self) -> dict[str, str | None]:
        return {"Prolog": f"{self.home}/prolog.d/*", "Epilog": f"{self.home}/epilog.d/*"}

    def write_their_scripts(self) -> None:
        super().write_their_scripts()
        for node in self.nodes:
            for kind in ("prolog", "epilog"):
                folder = self.cluster.host_path(node, self.home) / f"{kind}.d"
                self.write_script(folder / "50_site", kind)

    def settings_of_owner(self) -> dict[str, str | None]:
        folders = {"Prolog": f"{self.home}/prolog.d/50_*", "Epilog": f"{self.home}/epilog.d/50_*"}
        return {**folders, "TaskProlog": str(self.theirs / "task-prolog.sh")}


class Configless(Cluster):
    """The nodes have no slurm.conf; the hooks and the owner's scripts are on each node, by absolute paths."""

    layout = "configless"
    local = True
    configless = True
    says = "on this node alone"

    def __init__(self, work_dir: Path) -> None:
        super().__init__(work_dir)
        self.options = ("--layout", "configless", "--home", str(self.home))


def once_on(nodes: int) -> dict[str, int]:
    """How often each of the owner's scripts runs for a job; the batch script is a task too."""
    return {"prolog": nodes, "epilog": nodes, "task-prolog": nodes + 1}


CLUSTERS = [SingleFile, NodeFolders, Configless]


@pytest.fixture(scope="module", params=CLUSTERS, ids=lambda kind: kind.__name__)
def site(request, tmp_path_factory) -> Iterator[Cluster]:
    site: Cluster = request.param(Path(tmp_path_factory.mktemp("lab")))
    site.write_spec([efa_job(site.root)])
    site.render()
    site.make_devices()
    site.write_their_scripts()
    with site.cluster:
        yield site


def test_the_owner_s_scripts_run_before_anything_of_ours_is_there(site):
    job, state, output = site.job()
    assert (state, output.split()) == ("COMPLETED", ["theirs"] * 2)
    assert site.theirs_ran(job) == once_on(2)
    site.foreign = site.their_tree()


def test_installed_the_owner_s_scripts_run_as_before_and_the_hooks_wait_for_slurm_s_settings(site):
    said = site.install()
    assert site.says in said, said
    for name, value in site.settings_with_hooks().items():
        assert f"{name}={value}" in said, said
    job, state, output = site.job()
    assert (state, output.split()) == ("COMPLETED", ["theirs"] * 2)
    assert site.theirs_ran(job) == once_on(2)
    assert site.their_tree() == site.foreign
    assert site.idle()


def test_once_slurm_names_them_both_run_and_a_job_leaves_whole_records(site, record_property):
    site.configure(site.settings_with_hooks())
    job = site.run_job("over-efa")
    site.wait_for_epilogs()
    said = site.efakit("report", str(job), "--records", str(site.records), "--format", "json").stdout
    assert json.loads(said)["verdict"] == "efa"
    assert site.baselines(job) == ["ok", "ok"]
    job, state, output = site.job()
    assert (state, output.split()) == ("COMPLETED", ["theirs"] * 2)
    assert site.theirs_ran(job) == once_on(2)
    assert site.their_tree() == site.foreign
    assert site.idle()
    record_property(
        "says", f"layout {type(site).__name__}: a site's own prolog, epilog and task prolog ran beside ours"
    )


def test_upgraded_while_jobs_run_no_job_and_no_record_is_lost(site):
    script = site.work_dir / "many.sh"
    script.write_text("#!/bin/bash\nsrun true\n")
    array = site.cluster.submit(script, "--nodes=1", "--array=1-6", "--no-requeue", "--output=/dev/null")
    for number in range(2):
        text = site.spec.read_text().replace("deadline_seconds:", "# deadline_seconds:")
        other = site.work_dir / "other.yaml"
        other.write_text(text.replace("hooks:\n", f"hooks:\n  deadline_seconds: {6 + number}\n"))
        site.install(other)
    assert site.cluster.wait(array) == "COMPLETED"
    assert site.idle()
    ids = site.cluster.run(["squeue", "--states=all", "--noheader", f"--jobs={array}", "--format=%A"]).stdout.split()
    assert [site.baselines(int(job)) for job in ids] == [["ok"]] * 6
    assert [site.theirs_ran(int(job)) for job in ids] == [once_on(1)] * 6
    assert site.their_tree() == site.foreign


def test_uninstalled_while_slurm_names_them_the_owner_s_go_on_alone(site):
    said = site.hooks("uninstall")
    job, state, output = site.job()
    assert (state, output.split()) == ("COMPLETED", ["theirs"] * 2), said
    assert site.theirs_ran(job) == once_on(2)
    assert site.baselines(job) == []
    assert site.idle()
    assert site.their_tree() == site.foreign


def test_once_slurm_names_the_owner_s_again_nothing_of_ours_is_left(site):
    site.configure(site.own_settings)
    site.hooks("uninstall")
    assert [path for path in site.left() if "50_site" not in path.name] == []
    assert site.their_tree() == site.foreign
    job, state, output = site.job()
    assert (state, output.split()) == ("COMPLETED", ["theirs"] * 2)
    assert site.theirs_ran(job) == once_on(2)
    assert site.idle()
