"""``efakit doctor`` on a real Slurm: other nodes are asked through srun, and the one that differs is named.

Real: Slurm, srun, prologs and epilogs, the hook's own file on each host. Simulated: the EFA devices and the software.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doctor import trees
from tests.lab import efa_software
from tests.lab.cluster import missing_requirements
from tests.lab.loop import Loop, efa_job

MISSING = missing_requirements()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no lab without {', '.join(MISSING)}: run 'make test' as root"),
]


class Ward(Loop):
    """A cluster of four healthy nodes."""

    def make_devices(self) -> None:
        self.cluster.prepare()
        for node in self.nodes:
            root = trees.healthy(self.of(node), self.instance)
            efa_software.write_fi_info(root, sorted(path.name for path in (root / "sys/class/infiniband").iterdir()))

    def of(self, node: str) -> Path:
        return Path(self.cluster.host_path(node, self.root))

    def doctor(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        done = self.efakit("doctor", "--format", "json", *arguments, check=False)
        assert done.returncode in (0, 1), done.stderr
        data: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, data


@pytest.fixture(scope="module")
def ward(tmp_path_factory) -> Iterator[Ward]:
    ward = Ward(Path(tmp_path_factory.mktemp("lab")), nodes=4)
    ward.write_spec([efa_job(ward.root)])
    ward.render()
    ward.make_devices()
    with ward.cluster:
        yield ward


def test_before_the_hooks_are_installed_the_nodes_are_asked_by_a_file_that_srun_brings(ward):
    _, data = ward.doctor("--node", ",".join(ward.nodes), "--start-seconds", "60")
    # It knows no settings, so it looks at the hosts themselves, which are no EC2 instances.
    assert sorted(item["node"] for item in data["nodes"]) == sorted(ward.nodes)
    assert {item["rule"] for item in data["findings"] if item["node"]} == {"not-read"}
    ward.install_hooks()


def test_of_four_healthy_nodes_nothing_is_said_of_any(ward, record_property):
    code, data = ward.doctor("--node", ",".join(ward.nodes), "--start-seconds", "60")
    assert [item for item in data["findings"] if item["node"]] == []
    assert sorted(item["node"] for item in data["nodes"]) == sorted(ward.nodes)
    assert all("fi_info -p efa: 32 devices" in data["looked_at"][node] for node in ward.nodes)
    assert code == 0
    record_property("says", f"doctor --node asked {len(data['nodes'])} nodes through srun")


def test_the_node_that_differs_is_named_first_with_what_differs(ward):
    node = ward.nodes[2]
    trees.write(ward.of(node), "sys/module/efa/version", "2.8.0g\n")
    try:
        _, data = ward.doctor("--node", ",".join(ward.nodes), "--start-seconds", "60")
    finally:
        trees.write(ward.of(node), "sys/module/efa/version", "3.1.0g\n")
    first = data["findings"][0]
    assert (first["node"], first["rule"]) == (node, "node-differs")
    assert "EFA driver 2.8.0g (3.1.0g on 3 nodes)" in first["message"]


def test_a_node_that_cannot_be_asked_is_said_to_be_unknown_and_the_others_are_judged(ward):
    node = ward.nodes[1]
    ward.wait_for_epilogs()
    ward.cluster.run(["scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test"])
    try:
        code, data = ward.doctor("--node", ",".join([*ward.nodes, "nosuch"]), "--start-seconds", "3")
    finally:
        ward.cluster.run(["scontrol", "update", f"NodeName={node}", "State=RESUME"])
    assert code == 0
    found = [item for item in data["findings"] if item["node"]]
    assert [(item["node"], item["rule"]) for item in found] == [(node, "node-not-asked"), ("nosuch", "node-not-asked")]
    assert "drained" in found[0]["message"]
    assert len(data["nodes"]) == 3


def test_a_node_whose_job_does_not_end_is_left_after_the_time_that_was_given(ward):
    node = ward.nodes[0]
    script = ward.work_dir / "sleep.sh"
    script.write_text("#!/bin/sh\nsleep 600\n")
    job = ward.cluster.submit(script, f"--nodelist={node}", "--exclusive", "--no-requeue")
    ward.cluster.run(["sh", "-c", f'until [ "$(squeue -h -o %t -j {job})" = R ]; do sleep 0.3; done'])
    try:
        _, data = ward.doctor("--node", node, "--start-seconds", "2")
    finally:
        ward.cluster.run(["scancel", str(job)])
        ward.wait_for_epilogs()
    (found,) = [item for item in data["findings"] if item["node"]]
    assert (found["rule"], found["severity"]) == ("node-not-asked", "warning")


def test_on_the_head_node_the_findings_of_hooks_status_are_there(ward):
    status = json.loads(ward.efakit("hooks", "status", "--format", "json", check=False).stdout)
    wanted = {(item["rule"], item["message"]) for item in status["checks"] if item["severity"] != "ok"}
    _, data = ward.doctor()
    assert wanted <= {(item["rule"], item["message"]) for item in data["findings"]}
    assert wanted
