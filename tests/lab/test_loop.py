"""The whole loop on a real Slurm of four hosts: init, render, install, sbatch, prolog, epilog, report.

Real: Slurm, the hooks as installed, the hosts' interfaces with their counters, iperf3's and gloo's traffic. Simulated:
the EFA devices (a folder tree on each host, whose counters a job moves) and the GPUs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.cluster import missing_requirements
from tests.lab.loop import BYTES_PER_DEVICE, REPOSITORY, Loop, efa_job, efakit_argv, tcp_job
from tests.lab.move_counters import amounts
from tests.lab.releases import why_no_pmix

MISSING = missing_requirements()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no lab without {', '.join(MISSING)}: run 'make test' as root"),
]
MIB = 1 << 20
# What a job costs by itself: Slurm's messages, name look-ups, the ranks' set-up.
HOUSEKEEPING_BYTES = 4 * MIB


@pytest.fixture(scope="module")
def loop(tmp_path_factory) -> Iterator[Loop]:
    work_dir = Path(tmp_path_factory.mktemp("lab"))
    loop = Loop(work_dir)
    loop.write_spec([tcp_job(), efa_job(loop.root)])
    loop.render()
    loop.make_devices()
    with loop.cluster:
        loop.install_hooks()
        yield loop


@pytest.mark.skipif(not shutil.which("iperf3"), reason="no iperf3 for real traffic: apt-get install iperf3")
def test_tcp_in_both_directions_with_efa_at_rest_is_a_fallback(loop):
    before = {node: loop.interface_bytes(node) for node in loop.nodes}
    report = loop.report(loop.run_job("over-tcp"))
    after = {node: loop.interface_bytes(node) for node in loop.nodes}
    assert report["verdict"] == "tcp-fallback"
    assert (report["efa_tx_bytes"], report["efa_rx_bytes"]) == (0, 0)
    assert [node["node"] for node in report["nodes"]] == loop.nodes
    for node in report["nodes"]:
        assert node["verdict"] == "tcp-fallback"
        for direction, counted in before[node["node"]].items():
            # The job's own bytes lie within what the interface counted around it, but for Slurm's messages. How many
            # they are, iperf3 decides: with a byte limit in both directions it is not exact.
            around = after[node["node"]][direction] - counted
            assert around - HOUSEKEEPING_BYTES <= node[direction] <= around
    assert (report["name"], report["state"]) == ("over-tcp", "COMPLETED")
    assert report["node_list"] == "gpu-st-p5-[1-4]"


def test_efa_counters_come_out_to_the_byte(loop):
    job = loop.run_job("over-efa")
    report = loop.report(job)
    assert report["verdict"] == "efa"
    assert [node["node"] for node in report["nodes"]] == loop.nodes
    for node in report["nodes"]:
        assert (node["devices_expected"], node["devices_found"]) == (32, 32)
        changed = {
            device["name"]: {name: amount for name, amount in device["counters"].items() if amount}
            for device in node["devices"]
        }
        in_order = sorted(changed, key=lambda name: int(name[len("rdmap") : -len("s0")]))
        assert changed == {name: amounts(index, BYTES_PER_DEVICE) for index, name in enumerate(in_order)}
        assert len(changed) == 32
    per_node = BYTES_PER_DEVICE * 32 * 33 // 2
    assert (report["efa_tx_bytes"], report["efa_rx_bytes"]) == (4 * per_node, 8 * per_node)


def test_the_text_report_says_the_same(loop):
    job = loop.run_job("over-efa")
    text = loop.efakit("report", str(job)).stdout
    assert f"Job {job} over-efa: efa" in text
    assert "gpu-st-p5-[1-4]: efa, 32 of 32 devices" in text


def test_fail_on_sets_the_exit_code(loop):
    job = loop.run_job("over-efa")
    assert loop.efakit("report", str(job), "--fail-on", "tcp-fallback,mixed", check=False).returncode == 0
    assert loop.efakit("report", str(job), "--fail-on", "efa", check=False).returncode == 1


def test_an_array_s_tasks_have_reports_of_their_own(loop):
    script = loop.bundle / "jobs/over-efa.sbatch"
    array = int(loop.cluster.run(["sbatch", "--wait", "--parsable", "--array=3-4", str(script)]).stdout)
    loop.wait_for_epilogs()
    reports = []
    for task in (3, 4):
        reports.append(json.loads(loop.efakit("report", f"{array}_{task}", "--format", "json").stdout))
    assert [report["verdict"] for report in reports] == ["efa", "efa"]
    assert reports[0]["job_id"] != reports[1]["job_id"]
    assert reports[0]["efa_tx_bytes"] == reports[1]["efa_tx_bytes"] == 4 * BYTES_PER_DEVICE * 32 * 33 // 2


def test_a_requeued_job_s_runs_do_not_mix(loop):
    """The first run moves the counters and waits; requeued, the second moves them again and ends."""
    script = loop.work_dir / "twice.sbatch"
    mover = f"{sys.executable} {REPOSITORY}/tests/lab/move_counters.py --root {loop.root} --bytes-per-device"
    script.write_text(
        "#!/bin/bash\n#SBATCH --nodes=2 --ntasks-per-node=1 --requeue --partition=gpu\n"
        'if [ "${SLURM_RESTART_COUNT:-0}" = 0 ]; then\n'
        f"  srun {mover} 1000\n  touch {loop.work_dir}/first-run-done\n  srun --kill-on-bad-exit=1 sleep 300\nfi\n"
        f"srun {mover} 30000\n"
    )
    job = loop.cluster.submit(script)
    _wait_for(loop, loop.work_dir / "first-run-done")
    loop.cluster.requeue(job)
    assert loop.cluster.wait(job) == "COMPLETED"
    newest = loop.report(job)
    assert (newest["run"], newest["other_runs"]) == ("r1", ["r0"])
    assert newest["efa_tx_bytes"] == 2 * 30000 * 32 * 33 // 2
    first = json.loads(loop.efakit("report", str(job), "--run", "r0", "--format", "json").stdout)
    assert first["efa_tx_bytes"] == 2 * 1000 * 32 * 33 // 2


def _wait_for(loop: Loop, path: Path) -> None:
    """Wait on the cluster itself until a file is there, at most a minute."""
    loop.cluster.run(["sh", "-c", f"for i in $(seq 600); do [ -e {path} ] && exit 0; sleep 0.1; done; exit 1"])


def test_a_hook_that_is_broken_harms_no_job_and_its_report_is_incomplete(loop):
    hook = loop.home / "efakit-hook.pyz"
    whole = hook.read_bytes()
    first = loop.run_job("over-efa")
    hook.write_bytes(b"not a program")
    try:
        broken = loop.run_job("over-efa")
    finally:
        hook.write_bytes(whole)
    report = loop.report(broken)
    assert report["verdict"] == "incomplete"
    assert [node["notes"] for node in report["nodes"]] == [["no record"]] * 4
    assert loop.report(first)["verdict"] == "efa"
    assert set(loop.cluster.node_states().values()) == {"idle"}


def test_the_report_works_where_slurm_cannot_be_asked(loop):
    job = loop.run_job("over-efa")
    done = subprocess.run(
        [*efakit_argv(), "report", str(job), "--records", str(loop.records), "--format", "json"],
        env={**os.environ, "SLURM_CONF": "/nowhere/slurm.conf", "PATH": "/nowhere"},
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout)
    assert (report["verdict"], report["name"], report["state"]) == ("efa", None, None)


def test_no_node_was_drained_and_nothing_waits_in_a_spool(loop):
    assert set(loop.cluster.node_states().values()) == {"idle"}
    for node in loop.nodes:
        spool = loop.cluster.host_path(node, loop.spool)
        assert [path.name for folder in ("active", "outbox") for path in (spool / folder).iterdir()] == []


def test_uninstalled_hooks_leave_the_cluster_as_it_was(loop):
    """Last in the file: afterwards there are no hooks."""
    installer = ["sh", str(loop.bundle / "hooks/install-hooks.sh"), "--uninstall"]
    options = ["--scripts-dir", str(loop.cluster.spec.scripts_dir), "--home", str(loop.home)]
    loop.cluster.run([*installer, *options])
    left = [path.name for path in loop.cluster.spec.scripts_dir.glob("*.d/*")]
    assert sorted(left) == ["90_pcluster_health_check_manager", "90_pcluster_noop"]
    assert not loop.home.exists()
    assert any(loop.records.iterdir())


def test_a_spec_made_from_the_running_slurm_has_a_job_that_slurm_takes(loop):
    """The nodes get the features that ParallelCluster gives its own."""
    features = "AvailableFeatures=static,p5.48xlarge,p5,efa,gpu"
    loop.cluster.run(["scontrol", "update", f"NodeName={','.join(loop.nodes)}", features])
    spec, bundle = loop.work_dir / "existing.yaml", loop.work_dir / "existing"
    loop.efakit("init", "--existing", "--output", spec)
    (queue,) = yaml.safe_load(spec.read_text())["cluster"]["queues"]
    assert queue["name"] == "gpu"
    assert queue["compute_resources"] == [{"name": "p5", "instance": "p5.48xlarge", "nodes": len(loop.nodes)}]
    loop.efakit("render", spec, "--out", bundle)
    said = loop.cluster.run(["sbatch", "--test-only", str(bundle / "jobs/train.sbatch")])
    assert "to start at" in said.stdout + said.stderr


def test_rendered_nccl_tests_start_one_rank_a_gpu_through_pmix(tmp_path_factory):
    """The program is a stand-in: nccl-tests needs GPUs. srun, PMIx and the ranks are real."""
    if reason := why_no_pmix():
        pytest.skip(reason)
    loop = Loop(Path(tmp_path_factory.mktemp("nccl")))
    loop.write_spec([{"name": "bandwidth", "template": "nccl-tests", "program": "printenv", "args": ["PMIX_RANK"]}])
    loop.render()
    loop.make_devices()
    with loop.cluster:
        loop.install_hooks()
        job = loop.run_job("bandwidth")
    lines = loop.output("bandwidth", job).splitlines()
    assert sorted(int(line) for line in lines if line.isdigit()) == list(range(32))
    assert any("32 EFA devices (32 needed)" in line and line.split()[0] == "4" for line in lines)


def test_rendered_torchrun_runs_over_all_hosts(tmp_path_factory):
    """Real torchrun and gloo. One GPU a node is claimed, of which there is none: gloo needs none."""
    python = os.environ.get("EFAKIT_TORCH_PYTHON", str(REPOSITORY / ".venv-torch/bin/python"))
    if not Path(python).exists():
        pytest.skip(f"no PyTorch at {python}: scripts/setup-torch.sh installs a CPU build where one is found")
    loop = Loop(Path(tmp_path_factory.mktemp("torch")), instance="p5.4xlarge")
    train = {
        "name": "train",
        "template": "torchrun",
        "setup": f'export PATH="{Path(python).parent}:$PATH" OMP_NUM_THREADS=1 TMPDIR=/dev/shm',
        "script": str(REPOSITORY / "tests/lab/train_gloo.py"),
        "args": ["4", "8"],
    }
    loop.write_spec([train])
    loop.render()
    loop.make_devices()
    with loop.cluster:
        loop.install_hooks()
        job = loop.run_job("train", timeout_seconds=300)
        report = loop.report(job)
    ranks = [json.loads(line) for line in loop.output("train", job).splitlines() if line.startswith('{"rank"')]
    assert sorted(rank["rank"] for rank in ranks) == [0, 1, 2, 3]
    assert {rank["world"] for rank in ranks} == {4}
    assert sorted(ranks[0]["hosts"]) == loop.nodes
    assert {rank["nccl_net"] for rank in ranks} == {"Libfabric"}
    # Gloo talks TCP, and the report says so.
    assert report["verdict"] == "tcp-fallback"
