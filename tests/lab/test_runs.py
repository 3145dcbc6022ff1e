"""Which run a record is of, on a real Slurm: jobs of several components, that shrink, of a used id, without an epilog.

Real: Slurm, the hooks as installed, the hosts' /proc with Slurm's steps in it, the TCP traffic, SIGKILL. Simulated: the
EFA devices, whose counters the jobs move.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hook.faults.faulty_mount import FaultyMount, missing_for_fuse
from tests.lab import efa_tree
from tests.lab.cluster import LabCluster, missing_requirements
from tests.lab.loop import LAB, Loop
from tests.lab.releases import slurm_release, tells_start_time
from tests.lab.slurmconf import slurm_settings

MISSING = missing_requirements()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no lab without {', '.join(MISSING)}: run 'make test' as root"),
]
N = 30_000_000
TCP_MIB = 24
# Of p4d.24xlarge: its four devices send N, 2 N, 3 N and 4 N bytes.
SENT = 10 * N


class Site(Loop):
    """Hosts whose job scripts are the test's own, on a Slurm that starts heterogeneous jobs at once."""

    def __init__(self, work_dir: Path, nodes: int) -> None:
        super().__init__(work_dir, nodes=nodes, instance="p4d.24xlarge")
        usual = slurm_settings(self.cluster.spec, 0)["SchedulerParameters"]
        self.cluster = LabCluster(
            work_dir,
            self.nodes,
            cpus=192,
            exclusive=False,
            root=self.root,
            private={self.root: "root", self.spool: "spool"},
            # The backfill scheduler alone starts heterogeneous jobs.
            slurm_settings={"SchedulerParameters": f"{usual},bf_interval=1"},
        )
        self.mover = f"{sys.executable} {LAB}/move_counters.py --root {self.root} --bytes-per-device"

    def make_devices(self) -> None:
        self.cluster.prepare()
        for node in self.nodes:
            efa_tree.write_node(self.cluster.host_path(node, self.root), self.instance)

    def show_own_proc(self) -> None:
        """Let each host's hook see the host's own /proc, where Slurm's steps are, instead of a stand-in."""
        for node in self.nodes:
            self.cluster.exec(node, ["mount", "--rbind", "/proc", str(self.root / "proc")])

    def submit(self, text: str, *options: str) -> int:
        """Submit a script of these lines; it needs no output."""
        script = self.work_dir / "job.sbatch"
        script.write_text(f"#!/bin/bash\n{text}")
        return self.cluster.submit(script, "--ntasks-per-node=1", *options)

    def run(self, text: str, *options: str) -> int:
        """Submit a script and wait until its epilogs are done."""
        return self.finish(self.submit(text, *options))

    def finish(self, job: int) -> int:
        state = self.cluster.wait(job)
        assert state == "COMPLETED", f"{self.cluster.job_output(job)}\n{self.cluster.logs()}"
        return job

    def run_on(self, *nodes: str, amount: int = N) -> int:
        """Run a job that moves the counters of these nodes."""
        return self.run(f"srun {self.mover} {amount}\n", *on(*nodes))

    def sign(self, name: str) -> Path:
        """Return a file that does not exist yet, for a job and the test to tell each other something."""
        path = self.work_dir / name
        path.unlink(missing_ok=True)
        return path

    def wait_until(self, test: str) -> None:
        """Wait on the cluster itself until a shell's test holds, at most a minute."""
        self.cluster.run(["sh", "-c", f"for i in $(seq 600); do {test} && exit 0; sleep 0.1; done; exit 1"])

    def start_waiting(self, *options: str) -> tuple[int, Path]:
        """Start a job that moves the counters and then waits for the file; return when it has moved them."""
        moved, go = self.sign("moved"), self.sign("go")
        job = self.submit(f"srun {self.mover} {N}\ntouch {moved}\n{waiting_for(f'[ -e {go} ]')}", *options)
        self.wait_until(f"[ -e {moved} ]")
        return job, go

    @contextlib.contextmanager
    def no_hook(self) -> Iterator[None]:
        """Take the hook away, for a while: Slurm's scripts find nothing to run, and end with 0."""
        hook, aside = self.home / "run-hook", self.home / "run-hook.aside"
        hook.rename(aside)
        try:
            yield
        finally:
            aside.rename(hook)

    @contextlib.contextmanager
    def settings(self, **changed: Any) -> Iterator[None]:
        """Other settings in the installed hook.json, for a while."""
        path = self.home / "hook.json"
        before = path.read_text()
        path.write_text(json.dumps({**json.loads(before), **changed}))
        try:
            yield
        finally:
            path.write_text(before)

    def lose_epilog(self, *options: str) -> int:
        """Run a job whose prolog leaves its baseline, and whose epilog never comes."""
        job, go = self.start_waiting(*options)
        with self.no_hook():
            go.touch()
            return self.finish(job)

    def stopped_epilog(self, node: str) -> list[str]:
        """Wait until the hook hangs in a node's epilog, stop it, and return its processes: it and its child."""
        pattern = "[p]ython3.* epilog --config"
        test = f"[ $(pgrep --full '{pattern}' | wc -l) -ge 2 ]"
        waiting = ["sh", "-c", f"for i in $(seq 600); do {test} && exit 0; sleep 0.1; done; exit 1"]
        self.cluster.exec(node, waiting)
        processes = self._processes(node, pattern)
        self.cluster.exec(node, ["kill", "-STOP", *processes], check=False)  # one may have ended since
        return processes

    def kill_each_time(self, node: str) -> None:
        """Kill the hook that hangs in a node's epilog, and again when the script has run it once more."""
        for _ in range(2):
            self.kill(node, self.stopped_epilog(node))

    def kill(self, node: str, processes: list[str]) -> None:
        """Kill processes by their ids, the first one first: slurmd kills what a script leaves when it has ended."""
        self.cluster.exec(node, ["kill", "-KILL", *processes], check=False)

    def _processes(self, node: str, pattern: str) -> list[str]:
        return self.cluster.exec(node, ["pgrep", "--full", pattern]).stdout.split()

    def active(self, node: str) -> list[str]:
        """Return the names of what a node's spool has of jobs that run."""
        return sorted(path.name for path in (self.cluster.host_path(node, self.spool) / "active").iterdir())

    def files(self, job: int) -> list[Path]:
        return sorted(self.records.glob(f"*/{job}/*.json"))

    def records_of(self, job: int) -> dict[str, dict[str, Any]]:
        """Return a job's records by node, of which each has one."""
        records = [json.loads(path.read_text()) for path in self.files(job)]
        by_node = {record["node"]: record for record in records}
        assert len(by_node) == len(records), [path.name for path in self.files(job)]
        return by_node

    def rules(self, job: int, node: str) -> dict[str, str]:
        """Return what the hook found at one node, by rule."""
        return {item["rule"]: item["message"] for item in self.records_of(job)[node]["findings"]}

    def report_of(self, job: int, *options: str) -> dict[str, Any]:
        argv = ["report", str(job), "--records", str(self.records), "--format", "json", *options]
        data: dict[str, Any] = json.loads(self.efakit(*argv).stdout)
        return data

    def assert_nothing_was_drained(self) -> None:
        self.wait_for_epilogs()
        assert self.cluster.node_states() == dict.fromkeys(self.nodes, "idle")
        assert self.cluster.run(["sinfo", "--list-reasons", "--noheader"]).stdout == ""
        log = (self.cluster.spec.log_dir / "slurmctld.log").read_text()
        assert not re.search(r"drain|Prolog hung|Prolog error|Epilog error", log, re.IGNORECASE)


def on(*nodes: str) -> list[str]:
    return [f"--nodelist={','.join(nodes)}", f"--nodes={len(nodes)}"]


def waiting_for(test: str) -> str:
    """Return lines of a script that wait until a test holds, at most a minute."""
    return f"for i in $(seq 600); do {test} && break; sleep 0.1; done\n{test} || exit 1\n"


def sent(report: dict[str, Any]) -> dict[str, int]:
    """Return what each node sent over EFA."""
    return {node["node"]: node["efa_tx_bytes"] for node in report["nodes"]}


@contextlib.contextmanager
def started(work_dir: Path, nodes: int, records: Path | None = None) -> Iterator[Site]:
    site = Site(work_dir, nodes)
    site.records = records or site.records
    site.write_spec([])
    site.render()
    site.make_devices()
    with site.cluster:
        site.show_own_proc()
        site.install_hooks()
        yield site


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with started(Path(tmp_path_factory.mktemp("runs")), 4) as site:
        yield site


@pytest.fixture(scope="module")
def reborn(tmp_path_factory) -> Iterator[Site]:
    """A cluster of its own: its ids will begin at 1 again and again."""
    with started(Path(tmp_path_factory.mktemp("reborn")), 2) as site:
        yield site


# Jobs of several components.

HET = ("--exclusive", "--nodes=1", ":", "--ntasks-per-node=1", "--exclusive", "--nodes=2")


def test_a_heterogeneous_job_is_one_report_over_the_nodes_of_all_components(site):
    leader = site.run(f"srun --het-group=0,1 {site.mover} {N}\n", *HET)
    site.finish(leader + 1)
    records = site.records_of(leader)
    assert len(records) == 3
    assert sorted(record["job_id"] for record in records.values()) == [leader, leader + 1, leader + 1]
    assert {record["het_job_id"] for record in records.values()} == {leader}
    assert site.files(leader + 1) == []
    whole, by_component = site.report_of(leader), site.report_of(leader + 1)
    assert whole["components"] == [f"{leader}+0", f"{leader}+1"]
    for report in (whole, by_component):
        assert (report["job_id"], report["verdict"], report["doubts"]) == (leader, "efa", [])
        assert sent(report) == dict.fromkeys(records, SENT)
        assert report["efa_tx_bytes"] == 3 * SENT


def test_a_heterogeneous_job_over_tcp_is_a_fallback_also_where_a_component_has_one_node(site):
    exchange = f"{sys.executable} {LAB}/tcp_exchange.py --mib {TCP_MIB}"
    leader = site.run(
        'export NODES="$SLURM_JOB_NODELIST_HET_GROUP_0,$SLURM_JOB_NODELIST_HET_GROUP_1"\n'
        f"srun --het-group=0,1 sh -c 'SLURM_JOB_NODELIST=$NODES SLURM_NTASKS=3 exec {exchange}'\n",
        *HET,
    )
    site.finish(leader + 1)
    report = site.report_of(leader + 1)
    assert (report["job_id"], report["verdict"]) == (leader, "tcp-fallback")
    assert [node["verdict"] for node in report["nodes"]] == ["tcp-fallback"] * 3


# A job that gives a node back.


def test_a_job_that_shrinks_keeps_all_its_nodes_and_the_one_given_back_is_free(site):
    go = site.sign("go")
    job = site.submit(
        f"srun {site.mover} {N}\nscontrol update JobId=$SLURM_JOB_ID NodeList={','.join(site.nodes[:2])}\n"
        f". ./slurm_job_${{SLURM_JOB_ID}}_resize.sh\n{waiting_for(f'[ -e {go} ]')}"
        f"srun --nodes=2 --ntasks=2 {site.mover} {N}\n",
        *on(*site.nodes[:3]),
        "--exclusive",
    )
    site.wait_until(f"ls {site.records}/*/{job}/*.json >/dev/null 2>&1")
    (given_back,) = site.records_of(job)
    guest = site.run_on(given_back)
    go.touch()
    site.finish(job)
    assert site.report_of(guest)["verdict"] == "single-node"
    report = site.report_of(job)
    kept = [node for node in site.nodes[:3] if node != given_back]
    assert (report["verdict"], report["doubts"]) == ("efa", [])
    assert sent(report) == {given_back: SENT, **dict.fromkeys(kept, 2 * SENT)}
    records = site.records_of(job)
    assert {record["node_list"] for record in records.values()} == {"gpu-st-p5-[1-3]"}
    assert {records[node]["node_list_at_end"] for node in kept} == {"gpu-st-p5-[1-2]"}


# A prolog that Slurm never ran.


@contextlib.contextmanager
def slurmd_down(site: Site, node: str) -> Iterator[None]:
    """Stop a host's slurmd as systemd does, and start another one afterwards."""
    stop = "pid=$(cat /run/slurmd.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.05; done"
    site.cluster.exec(node, ["sh", "-c", stop])
    try:
        yield
    finally:
        site.cluster.exec(node, ["sh", "-c", f"env -i PATH=$PATH slurmd -f {site.cluster.slurm_conf} -N {node}"])


def test_a_job_that_begins_while_a_slurmd_is_down_has_a_baseline_there_where_slurm_ran_its_prologs(site):
    """Slurm 22.05 loses the request to run them, and starts the job's tasks there all the same."""
    first, second = site.nodes[:2]
    ran = site.work_dir / "prologs"
    script = site.cluster.prolog_d / "10_site"
    script.write_text(f'#!/bin/sh\necho "$SLURM_JOB_ID $SLURMD_NODENAME" >> {ran}\n')
    script.chmod(0o755)
    try:
        with slurmd_down(site, second):
            job = site.submit(f"srun {site.mover} {N}\n", *on(first, second))
            site.wait_until(f'[ "$(squeue --noheader --format=%T --job {job})" != PENDING ]')
        site.finish(job)
    finally:
        script.unlink()
    baselines = {node: record["baseline"] for node, record in site.records_of(job).items()}
    had_prolog = {line.split()[1] for line in ran.read_text().splitlines() if line.split()[0] == str(job)}
    assert baselines == {node: "ok" if node in had_prolog else "missing" for node in (first, second)}
    report = site.report_of(job)
    assert report["verdict"] == ("efa" if had_prolog == {first, second} else "incomplete")
    if second not in had_prolog:
        assert report["reason"] == f"{second}: no baseline: the prolog did not run, or could not keep it"
    site.assert_nothing_was_drained()


# An epilog that never came.


def test_where_no_epilog_came_the_next_jobs_are_shared_until_a_sign_says_that_the_job_has_ended(site):
    node = site.nodes[0]
    lost = site.lose_epilog(*on(node))
    assert site.files(lost) == []
    following = site.run_on(node)
    report = site.report_of(following)
    assert (report["verdict"], report["reason"]) == ("shared", f"{node}: shared with job {lost}")
    # So old is no baseline believed here, unless a step of its job runs.
    with site.settings(baseline_max_age_days=1e-9):
        third = site.run_on(node)
    assert f"no epilog ended the baseline of job {lost}" in site.rules(third, node)["baseline-given-up"]
    assert site.report_of(third)["verdict"] == "single-node"
    assert site.active(node) == []
    fourth = site.run_on(node)
    assert "baseline-given-up" not in site.rules(fourth, node)
    assert site.report_of(fourth)["verdict"] == "single-node"


def test_a_job_that_runs_is_not_given_up_however_old_its_baseline_is(site):
    node = site.nodes[0]
    long, go = site.start_waiting(*on(node))
    with site.settings(baseline_max_age_days=1e-9):
        short = site.run_on(node)
    go.touch()
    site.finish(long)
    for job, other in ((long, short), (short, long)):
        report = site.report_of(job)
        assert (report["verdict"], report["reason"]) == ("shared", f"{node}: shared with job {other}")
        assert "baseline-given-up" not in site.rules(job, node)
    assert site.active(node) == []


def test_a_baseline_of_another_installation_of_the_hooks_is_given_up(site):
    node = site.nodes[1]
    with site.settings(installation_id="first"):
        lost = site.lose_epilog(*on(node))
    with site.settings(installation_id="second"):
        following = site.run_on(node)
    text = site.rules(following, node)["baseline-given-up"]
    assert text.startswith(f"no epilog ended the baseline of job {lost}")
    assert text.endswith("the hooks were removed and installed again since")
    assert site.report_of(following)["verdict"] == "single-node"


def test_a_node_without_its_epilog_makes_the_report_of_all_incomplete(site):
    first, second = site.nodes[2:]
    job, go = site.start_waiting(*on(first, second))
    # One host alone loses the hook: another, empty folder covers it.
    site.cluster.exec(second, ["mount", "-t", "tmpfs", "none", str(site.home)])
    try:
        go.touch()
        site.finish(job)
    finally:
        site.cluster.exec(second, ["umount", "--lazy", str(site.home)])
    report = site.report_of(job)
    assert (report["verdict"], report["reason"]) == ("incomplete", f"{second}: no record")
    with site.settings(baseline_max_age_days=1e-9):
        following = site.run_on(first, second)
    assert site.report_of(following)["verdict"] == "efa"
    assert "baseline-given-up" in site.rules(following, second)


# An epilog that is killed.


class Hanging:
    """A counter of one node's first device, whose read is never answered: a FIFO without a writer."""

    def __init__(self, site: Site, node: str) -> None:
        root = site.cluster.host_path(node, site.root)
        device = sorted(path.name for path in (root / "sys/class/infiniband").iterdir())[0]
        self._path = root / "sys/class/infiniband" / device / "ports/1/hw_counters/tx_bytes"
        self._aside = root / "tmp/tx_bytes"

    def begin(self) -> None:
        self._path.rename(self._aside)
        os.mkfifo(self._path)

    def answer(self) -> None:
        """Let the counter be a counter again, for whoever opens it from now on."""
        self._aside.rename(self._path)


def test_an_epilog_killed_in_the_middle_is_run_again_and_its_record_is_whole(site):
    node = site.nodes[0]
    job, go = site.start_waiting(*on(node))
    hanging = Hanging(site, node)
    with site.settings(deadline_seconds=50):
        hanging.begin()
        go.touch()
        processes = site.stopped_epilog(node)
        hanging.answer()
        site.kill(node, processes)
        site.finish(job)
    devices = site.records_of(job)[node]["devices"]
    assert devices["names"]
    assert devices["unknown"] == {}
    report = site.report_of(job)
    assert (report["verdict"], sent(report)) == ("single-node", {node: SENT})
    assert site.active(node) == []


def test_an_epilog_whose_hook_is_killed_each_time_leaves_no_record_and_harms_nobody(site):
    node = site.nodes[0]
    job, go = site.start_waiting(*on(node))
    hanging = Hanging(site, node)
    with site.settings(deadline_seconds=50):
        hanging.begin()
        go.touch()
        site.kill_each_time(node)
        site.finish(job)
    hanging.answer()
    assert site.files(job) == []
    following = site.run_on(node)
    assert site.report_of(following)["reason"] == f"{node}: shared with job {job}"
    with site.settings(baseline_max_age_days=1e-9):
        site.run_on(node)
    fourth = site.run_on(node)
    report = site.report_of(fourth)
    assert (report["verdict"], sent(report)) == ("single-node", {node: SENT})


def test_after_all_that_no_node_is_drained_and_records_are_whole(site):
    """Last of those that use this cluster."""
    job = site.run_on(*site.nodes)
    report = site.report_of(job)
    assert (report["verdict"], sent(report)) == ("efa", dict.fromkeys(site.nodes, SENT))
    assert [node["notes"] for node in report["nodes"] if "baseline" in str(node["notes"])] == []
    site.assert_nothing_was_drained()
    for node in site.nodes:
        spool = site.cluster.host_path(node, site.spool)
        assert [path.name for folder in ("active", "outbox", "aside") for path in (spool / folder).iterdir()] == []


@pytest.mark.skipif(bool(missing_for_fuse()), reason=f"no FUSE without {', '.join(missing_for_fuse())}")
def test_an_epilog_killed_while_the_records_folder_hangs_leaves_its_record_to_the_next_job(tmp_path):
    shared, backing = FaultyMount(tmp_path / "shared", tmp_path / "backing"), tmp_path / "backing"
    (backing / "records").mkdir(parents=True)
    shared.start()
    try:
        with started(tmp_path / "lab", 1, records=shared.mountpoint / "records") as site:
            (node,) = site.nodes
            job, go = site.start_waiting(*on(node))
            with site.settings(deadline_seconds=50):
                shared.hang("rename", "*")
                go.touch()
                # What is to be renamed lies there.
                site.wait_until(f"ls {backing}/records/*/{job}/.*.json.* >/dev/null 2>&1")
                site.kill_each_time(node)
                site.finish(job)
                shared.heal()
                following = site.run_on(node)
            for each in (job, following):
                report = site.report_of(each)
                assert sent(report) == {node: SENT}
                # Where the hook was killed after it had put its record by, the script's second try has no baseline, and
                # a Slurm that tells no start time does not tell it from another job.
                if each == job and report["doubts"] and not tells_start_time(slurm_release()):
                    assert "an epilog ran again" in report["reason"]
                else:
                    assert report["verdict"] == "single-node", report["reason"]
            spool = site.cluster.host_path(node, site.spool)
            assert [path.name for folder in ("active", "outbox") for path in (spool / folder).iterdir()] == []
            site.assert_nothing_was_drained()
    finally:
        shared.stop()


# Ids that are used again.


def begin_anew(site: Site) -> None:
    """Start slurmctld without its state: ids begin at 1 again, as in a cluster made anew.

    (`slurmctld -c` alone forgets the jobs and goes on with their numbers.)
    The hosts' slurmd too: one keeps what it knows of a job for as long as the job's credential, and leaves out the
    prolog of another that has its id.
    """
    conf, state = site.cluster.slurm_conf, site.cluster.spec.ctld_state_dir
    stop = "pid=$(cat /run/%s.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.05; done"
    for node in site.nodes:
        site.cluster.exec(node, ["sh", "-c", stop % "slurmd"])
    site.cluster.run(["sh", "-c", f"{stop % 'slurmctld'}; rm -r {state}/*; env -i PATH=$PATH slurmctld -f {conf} -c"])
    for node in site.nodes:
        site.cluster.exec(node, ["sh", "-c", f"env -i PATH=$PATH slurmd -f {conf} -N {node} -c"])
    site.wait_until(f'[ "$(sinfo --noheader --Node --states=idle --format=%N | wc -l)" = {len(site.nodes)} ]')


def test_two_jobs_of_one_id_are_two_runs_and_never_mixed(reborn):
    begin_anew(reborn)
    first = reborn.run_on(*reborn.nodes)
    begin_anew(reborn)
    second = reborn.run_on(*reborn.nodes, amount=3 * N)
    assert first == second == 1
    newest = reborn.report_of(second)
    assert (newest["verdict"], sent(newest)) == ("efa", dict.fromkeys(reborn.nodes, 3 * SENT))
    (older,) = newest["other_runs"]
    report = reborn.report_of(second, "--run", older)
    assert (report["verdict"], sent(report)) == ("efa", dict.fromkeys(reborn.nodes, SENT))
    assert older.startswith("r0@")


def test_a_job_of_a_used_id_without_a_baseline_is_incomplete_and_takes_nobody_s_bytes(reborn):
    begin_anew(reborn)
    first = reborn.run_on(*reborn.nodes)
    begin_anew(reborn)
    node = reborn.nodes[0]
    with reborn.no_hook():
        job, go = reborn.start_waiting(*on(node))
    go.touch()
    reborn.finish(job)
    assert first == job == 1
    newest = reborn.report_of(job)
    assert (newest["verdict"], sent(newest)) == ("incomplete", {node: None})
    assert "baseline-missing" in [item["rule"] for item in newest["findings"]]
    older = reborn.report_of(job, "--run", newest["other_runs"][0])
    assert (older["verdict"], sent(older)) == ("efa", dict.fromkeys(reborn.nodes, SENT))


def test_a_baseline_of_another_job_of_the_same_id_does_not_pass_for_one_s_own(reborn):
    begin_anew(reborn)
    assert reborn.lose_epilog(*on(*reborn.nodes)) == 1
    begin_anew(reborn)
    job = reborn.run_on(*reborn.nodes)
    assert job == 1
    report = reborn.report_of(job)
    if tells_start_time(slurm_release()):  # so the two are two runs
        assert (report["verdict"], sent(report)) == ("efa", dict.fromkeys(reborn.nodes, SENT))
    else:
        assert report["verdict"] == "incomplete"
        assert report["doubts"] != []
    begin_anew(reborn)
    following = reborn.run_on(*reborn.nodes)
    report = reborn.report_of(following)
    assert (report["verdict"], sent(report)) == ("efa", dict.fromkeys(reborn.nodes, SENT))
    reborn.assert_nothing_was_drained()
