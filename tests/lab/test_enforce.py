"""Mode ``enforce`` on a real Slurm: a host with half its devices is drained, and the breaker stops the next ones.

Real: Slurm, the hooks as installed, the drain, the requeue. Simulated: the EFA devices.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab import efa_tree
from tests.lab.cluster import missing_requirements
from tests.lab.loop import Loop, efa_job

MISSING = missing_requirements()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no lab without {', '.join(MISSING)}: run 'make test' as root"),
]
# p4d.24xlarge
DEVICES, HALF = 4, 2


class Enforced(Loop):
    """A loop of four hosts, three of which will lose half their devices; one node an hour may be drained."""

    def __init__(self, work_dir: Path) -> None:
        super().__init__(work_dir, nodes=4, instance="p4d.24xlarge")

    def write_enforcing_spec(self) -> None:
        self.write_spec([efa_job(self.root)])
        spec = yaml.safe_load(self.spec.read_text())
        spec["hooks"].update(mode="enforce", enforce=["devices-missing"], breaker_nodes_per_hour=1)
        spec["hooks"]["breaker_percent_per_hour"] = 100
        self.spec.write_text(yaml.safe_dump(spec, sort_keys=False))

    def make_devices(self) -> None:
        self.cluster.prepare()
        for node in self.nodes:
            efa_tree.write_node(self.cluster.host_path(node, self.root), self.instance)

    def lose_half_the_devices(self, node: str) -> None:
        tree = self.cluster.host_path(node, self.root)
        for path in sorted((tree / "sys/class/infiniband").iterdir())[:HALF]:
            efa_tree.remove_device(tree, path.name)

    def job_on(self, *nodes: str) -> int:
        """Submit a job of one task a node to certain nodes, or to any one."""
        script = self.work_dir / "job.sh"
        script.write_text("#!/bin/sh\nsrun true\n")
        where = [f"--nodelist={','.join(nodes)}", f"--nodes={len(nodes)}"] if nodes else ["--nodes=1"]
        return self.cluster.submit(script, *where, "--requeue", "--output=/dev/null")

    def reasons(self) -> dict[str, str]:
        """Return Slurm's reason for each node that is not in service."""
        lines = self.cluster.run(["sinfo", "--noheader", "--Node", "--states=drain", "--format=%N|%E"]).stdout
        return dict(line.split("|", 1) for line in lines.splitlines())

    def slurmd_log(self, node: str) -> str:
        return (self.cluster.spec.log_dir / f"slurmd.{node}.log").read_text(errors="replace")

    def wait_for_drain(self, node: str) -> None:
        seen = f'[ -n "$(sinfo --noheader --nodes={node} --states=drained --format=%N)" ]'
        self.cluster.run(["sh", "-c", f"for i in $(seq 200); do {seen} && exit 0; sleep 0.3; done; exit 1"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Enforced]:
    site = Enforced(Path(tmp_path_factory.mktemp("enforce")))
    site.write_enforcing_spec()
    site.render()
    site.make_devices()
    with site.cluster:
        site.install_hooks()
        yield site


def test_a_sound_host_runs_its_job(site):
    job = site.job_on(site.nodes[0])
    assert site.cluster.wait(job) == "COMPLETED"
    assert site.reasons() == {}


def test_a_host_with_half_its_devices_is_drained_and_the_reason_is_told(site, record_property):
    bad = site.nodes[1]
    site.lose_half_the_devices(bad)
    job = site.job_on(bad)
    site.wait_for_drain(bad)
    # Slurm's own words for any prolog that failed; a person needs more, and finds it at both places.
    assert site.reasons() == {bad: "Prolog error"}
    told = [line for line in site.slurmd_log(bad).splitlines() if "on purpose" in line]
    assert told
    for word in (f"{HALF} of {DEVICES} EFA devices found", "devices-missing", bad, f"efakit report {job}"):
        assert word in told[0], told
    report = " ".join(site.efakit("report", str(job)).stdout.split())
    assert f"{HALF} of {DEVICES}" in report
    assert "prolog failed on purpose" in report, report
    assert f"{HALF} of {DEVICES} EFA devices found" in report
    record_property("says", f"enforce: {told[0].partition('efakit: ')[2]}")


def test_the_job_runs_elsewhere_once_it_may(site):
    jobs = site.cluster.run(["squeue", "--noheader", "--format=%i"]).stdout.split()
    assert len(jobs) == 1, "the job whose prolog failed waits for its node"
    site.cluster.run(["scontrol", "update", f"JobId={jobs[0]}", "ReqNodeList="])
    assert site.cluster.wait(int(jobs[0])) == "COMPLETED"


def test_the_breaker_stops_the_second_and_the_third(site):
    for node in site.nodes[2:]:
        site.lose_half_the_devices(node)
        job = site.job_on(node)
        assert site.cluster.wait(job) == "COMPLETED", site.cluster.logs()
        (found,) = site.report(job)["nodes"]
        assert (found["devices_found"], found["devices_expected"]) == (HALF, DEVICES)
        text = " ".join(site.efakit("report", str(job)).stdout.split())
        assert "circuit breaker" in text, text
    assert set(site.reasons()) == {site.nodes[1]}
    words = site.cluster.node_states()
    assert [words[node] for node in site.nodes] == ["idle", "drained", "idle", "idle"]


def test_the_breakers_state_is_one_file_of_root_s(site):
    folder = site.records / ".breaker"
    (note,) = folder.iterdir()
    assert site.nodes[1] in note.name
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o022) == (0, 0)
