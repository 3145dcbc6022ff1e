"""The lab behaves like a cluster of several nodes: own names, networks, folders, GPUs, prologs and epilogs."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import efa_tree, move_counters
from .cluster import LabCluster, LabCommandError, default_node_names
from .releases import hook_variables, slurm_release, why_no_pmix

pytestmark = pytest.mark.lab

HERE = Path(__file__).resolve().parent
SYSTEM_PYTHON = "/usr/bin/python3"  # what a job's users can reach, wherever the tests' own interpreter lies
NODES = default_node_names(4)
MIB = 1 << 20

# Writes down what Slurm gives it and nothing that the shell adds; the epilog takes a while, as a real one does.
RECORDER = """#!/bin/sh
/usr/bin/tr '\\0' '\\n' < /proc/$$/environ > {spool}/$SLURM_SCRIPT_CONTEXT.$SLURM_JOB_ID.env
[ $SLURM_SCRIPT_CONTEXT = prolog_slurmd ] || /bin/sleep 0.5
echo "$SLURM_SCRIPT_CONTEXT $SLURM_JOB_RESTART_COUNT" >> {spool}/$SLURM_JOB_ID.calls
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[LabCluster]:
    """One lab for all tests here, in a folder that any user may enter."""
    base = Path(tempfile.mkdtemp(prefix="efakit-lab-"))
    base.chmod(0o755)
    spool, root = base / "spool", base / "root"
    lab = LabCluster(base / "lab", NODES, private={spool: "spool"}, root=root)
    lab.prepare()
    for folder in (lab.prolog_d, lab.epilog_d):
        script = folder / "50_recorder"
        script.write_text(RECORDER.format(spool=spool))
        script.chmod(0o755)
    for node in NODES:
        efa_tree.write_node(lab.host_path(node, root), "p5.48xlarge")
    try:
        with lab:
            yield lab
    finally:
        shutil.rmtree(base)


def spool(cluster: LabCluster, node: str) -> Path:
    """A node's spool folder, from outside of the node."""
    return next(cluster.host_path(node, path) for path in cluster.spec.private if path.name == "spool")


def batch(cluster: LabCluster, text: str) -> Path:
    script = Path(tempfile.mkstemp(suffix=".sbatch", dir=cluster.spec.jobs_dir)[1])
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o644)
    return script


def environment(cluster: LabCluster, node: str, context: str, job: int) -> dict[str, str]:
    lines = (spool(cluster, node) / f"{context}.{job}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def eth0(cluster: LabCluster, node: str) -> dict[str, int]:
    """A host's interface counters as a hook sees them: below the stand-in root."""
    assert cluster.spec.root is not None
    statistics = cluster.spec.root / "sys/class/net/eth0/statistics"
    values = cluster.exec(node, ["cat", str(statistics / "tx_bytes"), str(statistics / "rx_bytes")]).stdout.split()
    return {"tx_bytes": int(values[0]), "rx_bytes": int(values[1])}


def test_all_nodes_are_idle(cluster: LabCluster) -> None:
    assert cluster.node_states() == dict.fromkeys(NODES, "idle")


def test_a_job_across_all_hosts_sees_as_many_host_names(cluster: LabCluster) -> None:
    assert sorted(cluster.run(["srun", "--nodes=4", "hostname"]).stdout.split()) == NODES


def test_each_host_sees_its_own_interfaces_only(cluster: LabCluster) -> None:
    root = str(cluster.spec.root)
    for node in NODES:
        for prefix in ("", root):
            listing = cluster.exec(node, ["ls", f"{prefix}/sys/class/net"]).stdout.split()
            assert sorted(listing) == ["eth0", "lo"]
        mac = cluster.exec(node, ["cat", f"{root}/sys/class/net/eth0/address"]).stdout
        assert mac == cluster.exec(node, ["cat", "/sys/class/net/eth0/address"]).stdout


def test_a_private_path_holds_each_hosts_own_files(cluster: LabCluster) -> None:
    path = next(path for path in cluster.spec.private if path.name == "spool") / "whoami"
    for node in NODES:
        cluster.exec(node, ["sh", "-c", f"hostname > {path}"])
    assert [cluster.host_path(node, path).read_text() for node in NODES] == [f"{node}\n" for node in NODES]
    assert not path.exists()


def test_traffic_between_two_hosts_moves_their_own_counters_in_both_directions(cluster: LabCluster) -> None:
    before = {node: eth0(cluster, node) for node in NODES}
    argv = ["srun", "--nodelist", ",".join(NODES[:2]), "--nodes=2", "--ntasks-per-node=1"]
    output = cluster.run([*argv, sys.executable, str(HERE / "tcp_exchange.py"), "--mib=32"]).stdout
    reports = [json.loads(line) for line in output.splitlines()]
    assert {report["node"] for report in reports} == set(NODES[:2])
    for node in NODES:
        after = eth0(cluster, node)
        for counter in ("tx_bytes", "rx_bytes"):
            moved = after[counter] - before[node][counter]
            if node in NODES[:2]:
                assert 32 * MIB <= moved < 48 * MIB
            else:
                assert moved < MIB


def test_an_exchange_on_one_host_is_refused(cluster: LabCluster) -> None:
    with pytest.raises(LabCommandError, match="nobody to exchange with"):
        cluster.run(["srun", "-N1", "-n1", sys.executable, str(HERE / "tcp_exchange.py")])


def test_gpus_are_allocated_and_named_to_the_job(cluster: LabCluster) -> None:
    output = cluster.run(["srun", "-N2", "--gpus-per-node=8", "printenv", "CUDA_VISIBLE_DEVICES"]).stdout
    assert output.split() == ["0,1,2,3,4,5,6,7"] * 2
    with pytest.raises(LabCommandError):
        cluster.run(["srun", "-N1", "--gpus-per-node=9", "true"])


def test_a_job_has_its_nodes_for_itself(cluster: LabCluster) -> None:
    job = cluster.submit(batch(cluster, "echo $SLURM_JOB_CPUS_PER_NODE"), "--ntasks=1")
    assert cluster.wait(job) == "COMPLETED"
    assert cluster.job_output(job) == "96\n"


def test_a_users_job_moves_the_device_counters_of_its_own_nodes(cluster: LabCluster) -> None:
    root = cluster.spec.root
    assert root is not None
    trees = {node: cluster.host_path(node, root) for node in NODES}
    before = {node: efa_tree.read(trees[node], "rdmap201s0") for node in NODES}
    # The script travels with the job: a user may not be able to read this repository.
    program = (HERE / "move_counters.py").read_text()
    copy = cluster.spec.jobs_dir / "move_counters.py"
    copy.write_text(program)
    arguments = f"--root {root} --bytes-per-device 4096 --add retrans_pkts=3"
    script = batch(cluster, f"srun --output=moved.%j.%N.json {SYSTEM_PYTHON} {copy} {arguments}")
    job = cluster.submit(script, "--nodes=2", f"--nodelist={NODES[0]},{NODES[3]}", user="nobody")
    assert cluster.wait(job) == "COMPLETED", cluster.job_output(job)
    reports = [json.loads(path.read_text()) for path in cluster.spec.jobs_dir.glob(f"moved.{job}.*.json")]
    assert {report["node"] for report in reports} == {NODES[0], NODES[3]}
    expected = {**move_counters.amounts(31, 4096), "retrans_pkts": 3}
    for report in reports:
        assert report["moved"]["rdmap201s0"] == expected
    for node in NODES:
        after = efa_tree.read(trees[node], "rdmap201s0")
        moved = {name: after[name] - before[node][name] for name in after if after[name] != before[node][name]}
        assert moved == (expected if node in (NODES[0], NODES[3]) else {})


def test_wait_for_an_array_waits_for_all_its_tasks(cluster: LabCluster) -> None:
    job = cluster.submit(batch(cluster, "exit $SLURM_ARRAY_TASK_ID"), "--array=0-2", "--nodes=1")
    assert cluster.wait(job) == "FAILED"
    assert sorted(cluster.job_states(job)) == ["COMPLETED", "FAILED", "FAILED"]


def test_wait_returns_only_after_the_epilogs(cluster: LabCluster) -> None:
    job = cluster.submit(batch(cluster, "exit 3"), "--nodes=4")
    assert cluster.wait(job) == "FAILED"
    for node in NODES:
        assert (spool(cluster, node) / f"{job}.calls").read_text() == "prolog_slurmd 0\nepilog_slurmd 0\n"
    assert cluster.node_states() == dict.fromkeys(NODES, "idle")


def test_the_prolog_runs_on_nodes_without_a_step_because_of_alloc(cluster: LabCluster) -> None:
    job = cluster.submit(batch(cluster, "true"), "--nodes=3")
    cluster.wait(job)
    ran = [node for node in NODES if (spool(cluster, node) / f"prolog_slurmd.{job}.env").exists()]
    assert len(ran) == 3


def test_prolog_and_epilog_get_these_variables_and_no_others(cluster: LabCluster) -> None:
    """No PATH and no HOME; which else by release: see ``releases``."""
    release = slurm_release()
    plain = cluster.submit(batch(cluster, "true"))
    options = ("--ntasks=2", "--comment=c", "--account=a", "--output=%j.o", "--error=%j.e")
    full = cluster.submit(batch(cluster, "exit 3"), "--nodes=2", *options)
    cluster.wait(plain)
    assert cluster.wait(full) == "FAILED"
    for job, kinds in ((plain, ["gpu"]), (full, ["gpu", "asked"])):
        node = next(node for node in NODES if (spool(cluster, node) / f"{job}.calls").exists())
        prolog = environment(cluster, node, "prolog_slurmd", job)
        epilog = environment(cluster, node, "epilog_slurmd", job)
        assert set(prolog) == hook_variables(release, *kinds)
        assert set(epilog) == hook_variables(release, *kinds, "epilog")
    assert epilog["SLURM_JOB_EXIT_CODE"] == str(3 << 8)  # a wait(2) status
    assert epilog["SLURM_JOB_EXIT_CODE2"] == "3:0"
    assert prolog["SLURM_JOB_STDOUT"].endswith("/%j.o")  # patterns are not filled in


def test_the_epilog_of_a_requeued_run_shows_the_next_runs_restart_count(cluster: LabCluster) -> None:
    """So restart count alone does not lead an epilog to its prolog's baseline.

    slurmctld counts the restart up before it makes the credential from which the epilog's environment comes
    (`src/slurmctld/job_mgr.c`, _job_requeue_op: restart_cnt++, then deallocate_nodes); so in 22.05.8 and in every
    release since, up to 26.05. Where a failed node is the cause it is the other way round there.
    """
    job = cluster.submit(batch(cluster, '[ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] || sleep 1000'), "--nodes=2")
    cluster.wait_for_state(job, frozenset({"RUNNING"}))
    cluster.requeue(job)
    assert cluster.wait(job) == "COMPLETED"
    calls = [spool(cluster, node) / f"{job}.calls" for node in NODES]
    ran = [path.read_text().splitlines() for path in calls if path.exists()]
    expected = ["prolog_slurmd 0", "epilog_slurmd 1", "prolog_slurmd 1", "epilog_slurmd 1"]
    # The second run may get other nodes than the first.
    assert all(lines in (expected, expected[:2], expected[2:]) for lines in ran)
    assert sum(len(lines) for lines in ran) == 2 * len(expected)


@pytest.mark.skipif(bool(why_no_pmix()), reason=str(why_no_pmix()))
def test_srun_starts_pmix_ranks_on_several_hosts(cluster: LabCluster) -> None:
    output = cluster.run(["srun", "--mpi=pmix", "-N2", "--ntasks-per-node=2", "printenv", "PMIX_RANK"]).stdout
    assert sorted(output.split()) == ["0", "1", "2", "3"]


def test_a_failing_command_says_what_it_said(cluster: LabCluster) -> None:
    with pytest.raises(LabCommandError, match="no such job") as failure:
        cluster.run(["sh", "-c", "echo no such job >&2; exit 5"])
    assert failure.value.returncode == 5
    assert cluster.run(["false"], check=False).returncode == 1


def test_a_command_that_hangs_is_ended_inside_the_host(cluster: LabCluster) -> None:
    with pytest.raises(LabCommandError) as failure:
        cluster.exec(NODES[0], ["sh", "-c", "sleep 12345; true"], timeout_seconds=0.5)
    assert failure.value.returncode == 124
    assert "sleep 12345" not in cluster.exec(NODES[0], ["ps", "ax"]).stdout
