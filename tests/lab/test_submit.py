"""efakit submit on a real Slurm with the hooks installed: from a spec's job, or a script, to its report.

Real: Slurm, the hooks, efakit's commands. Simulated: the EFA devices, as in test_loop.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.cluster import missing_requirements
from tests.lab.loop import BYTES_PER_DEVICE, Loop, efa_job

MISSING = missing_requirements()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no lab without {', '.join(MISSING)}: run 'make test' as root"),
]


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    loop = Loop(Path(tmp_path_factory.mktemp("lab")), nodes=2)
    loop.write_spec([efa_job(loop.root)])
    loop.render()
    loop.make_devices()
    with loop.cluster:
        loop.install_hooks()
        yield loop


def script(loop: Loop, name: str, body: str) -> Path:
    path = loop.work_dir / f"{name}.sbatch"
    path.write_text(f"#!/bin/bash\n#SBATCH --job-name={name} --partition=gpu --nodes=1\n{body}\n")
    return path


def submitted(loop: Loop, *arguments: str | Path) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON document and what was said on the way."""
    done = loop.efakit("submit", *arguments[:1], "--format", "json", *arguments[1:], check=False)
    assert done.stdout, (done.returncode, done.stderr)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_from_a_spec_s_job_to_its_report_in_one_command(loop):
    done = loop.efakit("submit", loop.spec, "over-efa", "--wait")
    assert "partition gpu: up, 2 nodes" in done.stdout
    assert "nodes of p5.48xlarge: 2, 32 EFA interfaces each" in done.stdout
    assert f"hooks: installed in {loop.home}" in done.stdout
    assert "over-efa: efa" in done.stdout
    assert "32 of 32" in done.stdout
    assert ": completed after " in done.stderr


def test_the_report_in_the_document_is_that_of_efakit_report(loop):
    code, data, _ = submitted(loop, loop.spec, "--wait")
    assert (code, data["submitted"], data["report"]["verdict"]) == (0, True, "efa")
    assert data["report"]["efa_tx_bytes"] == 2 * BYTES_PER_DEVICE * 32 * 33 // 2
    alone = json.loads(loop.efakit("report", str(data["job_id"]), "--format", "json").stdout)
    assert data["report"] == alone
    assert data["commands"][0] == f"efakit report {data['job_id']}"
    told = {name: data["report"][name] for name in ("name", "state", "user", "partition", "exit_code", "node_count")}
    assert told == {
        "name": "over-efa",
        "state": "COMPLETED",
        "user": "root",
        "partition": "gpu",
        "exit_code": "0:0",
        "node_count": 2,
    }


def test_the_report_s_verdict_can_fail_the_command(loop):
    assert submitted(loop, loop.spec, "--wait", "--fail-on", "efa")[0] == 1


def test_a_failing_job_ends_in_its_report_and_with_1(loop):
    path = script(loop, "failing", "exit 3")
    code, data, said = submitted(loop, path, "--wait")
    assert (code, data["report"]["state"], data["report"]["exit_code"]) == (1, "FAILED", "3:0")
    assert "exit code 3" in said
    assert data["report"]["script"] == str(path)
    assert data["report"]["output_file"] == f"{loop.cluster.spec.jobs_dir}/slurm-{data['job_id']}.out"
    assert Path(data["report"]["output_file"]).exists()
    text = loop.efakit("report", str(data["job_id"])).stdout
    assert "user root, partition gpu, exit code 3" in text
    assert f"output {data['report']['output_file']}" in text


def test_what_the_job_s_logs_and_its_script_say_are_causes_in_its_report(loop):
    body = """#SBATCH --error=%x-%j.err
export NCCL_SOCKET_IFNAME=eth0
echo 'slurmstepd: error: Detected 1 oom_kill event'
echo 'torch.OutOfMemoryError: CUDA out of memory.' >&2
exit 1"""
    code, data, _ = submitted(loop, script(loop, "causes", body), "--wait")
    causes = {(cause["rule"], cause["from"]) for cause in data["report"]["causes"]}
    assert code == 1
    assert causes == {
        ("log-torch-memory", "log"),
        ("log-slurm-memory", "log"),
        ("nccl-socket-ifname-fixed", "script"),
    }
    # What was said of the script before the job is not said again where all is well.
    _, data, _ = submitted(loop, script(loop, "well", body.replace("exit 1", "true")), "--wait")
    assert {cause["from"] for cause in data["report"]["causes"]} == {"log"}


def test_a_log_that_lies_elsewhere_or_is_no_text_leaves_the_report_without_it(loop):
    for body, said in (
        ("#SBATCH --output=/dev/null\nexit 1", ""),
        ("#SBATCH --output=%x.log\nprintf '\\375\\067\\172\\130\\132\\000'\nexit 1", "packed by xz"),
    ):
        code, data, told = submitted(loop, script(loop, "elsewhere", body), "--wait")
        assert (code, data["report"]["state"], data["report"]["causes"]) == (1, "FAILED", [])
        assert said in told


def test_an_array_waits_for_all_of_its_tasks_and_reports_each(loop):
    path = script(loop, "tasks", "exit $((SLURM_ARRAY_TASK_ID == 2))")
    code, data, _ = submitted(loop, path, "--wait", "--", "--array=1-3%2")
    assert code == 1
    # What sets SLURM_ARRAY_TASK_ID stands behind --.
    assert "slurm-variable-unset" not in [item["rule"] for item in data["findings"]]
    assert [(job["array"][1], job["state"]) for job in data["jobs"]] == [
        (1, "COMPLETED"),
        (2, "FAILED"),
        (3, "COMPLETED"),
    ]
    assert [report["verdict"] for report in data["reports"]] == ["single-node"] * 3
    assert [report["job_id"] for report in data["reports"]] == [job["job_id"] for job in data["jobs"]]
    # For people the one that went wrong comes first, and is named at the end.
    text = loop.efakit("submit", path, "--wait", "--", "--array=1-3", check=False).stdout
    array = int(text.partition("submitted job ")[2].split()[0])
    heads = [line for line in text.splitlines() if line.startswith("Task ")]
    assert [line.split(" (")[0] for line in heads] == [f"Task {array}_{task}" for task in (2, 1, 3)]
    assert text.endswith("\n1 of 3 tasks did not complete: 2\n")


def test_a_job_that_is_cancelled_while_it_runs_is_told_so(loop):
    path = script(loop, "cancelled", "scancel $SLURM_JOB_ID; sleep 60")
    code, data, said = submitted(loop, path, "--wait")
    assert (code, data["report"]["state"]) == (1, "CANCELLED")
    assert ": cancelled after " in said


def test_a_job_that_is_cancelled_before_it_starts_is_told_so_without_a_log_to_read(loop):
    path = script(loop, "never", "true")
    first = submitted(loop, path, "--", "--begin=now+1hour")[1]["job_id"]
    loop.cluster.run(["scancel", str(first)])
    done = loop.efakit("report", str(first), check=False)
    assert (done.returncode, "Slurm says it is cancelled: it never started" in done.stderr) == (2, True)


def test_a_job_whose_nodes_are_out_of_use_waits_for_them(loop):
    node = loop.nodes[0]
    loop.cluster.run(["scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=broken fan"])
    try:
        code, data, _ = submitted(loop, script(loop, "waits", "true"), "--", "--nodes=2")
    finally:
        loop.cluster.run(["scontrol", "update", f"NodeName={node}", "State=RESUME"])
    assert (code, data["submitted"]) == (0, True)
    (out,) = (item for item in data["findings"] if item["rule"] == "submit-nodes-out")
    assert f"{node} (broken fan)" in out["message"]
    assert {item["severity"] for item in data["findings"]} == {"warning"}
    assert loop.cluster.wait(data["job_id"]) == "COMPLETED"


def test_a_job_whose_dependency_can_never_hold_is_told_in_words_and_not_waited_for(loop):
    failed = submitted(loop, script(loop, "first", "exit 1"), "--wait")[1]["job_id"]
    path = script(loop, "second", "true")
    code, data, said = submitted(
        loop, path, "--wait", "--", f"--dependency=afterok:{failed}", "--kill-on-invalid-dep=no"
    )
    loop.cluster.run(["scancel", str(data["job_id"])])
    assert code == 1
    assert "did not end as the dependency says, so it can never start (DependencyNeverSatisfied)" in said


def test_ctrl_c_leaves_the_job_and_says_so(loop):
    path = script(loop, "endless", "sleep 120")
    # Its own number comes first: the programs that lead into the host are not to be interrupted. A test that runs in
    # the background inherits that SIGINT is ignored; efakit on a terminal does not.
    code = "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "print(os.getpid(), file=sys.stderr, flush=True); from efakit.cli.main import main; main()"
    command = [sys.executable, "-c", code, "submit", str(path), "--wait"]
    process = subprocess.Popen(
        loop.cluster.entering_argv(command),
        env=loop.cluster.client_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    number = process.stderr.readline().strip()
    line = next(line for line in process.stderr if ": running on" in line)
    loop.cluster.run(["kill", "-INT", number])
    with process:
        _, rest = process.communicate(timeout=60)
    job = int(line.partition("job ")[2].partition(":")[0])
    state = loop.cluster.job_states(job)
    loop.cluster.run(["scancel", str(job)])
    assert f"stopped waiting; job {job} goes on" in rest
    assert f"scancel {job}" in rest
    assert (process.returncode, state) == (130, ["RUNNING"])


def test_what_the_newest_record_of_a_node_found_is_held_against_the_job(loop):
    node = loop.nodes[0]
    device = next(loop.cluster.host_path(node, loop.root).glob("sys/class/infiniband/rdmap*"))
    aside = loop.work_dir / "device-aside"
    device.rename(aside)
    try:
        loop.cluster.wait(loop.cluster.submit(script(loop, "finder", "true"), f"--nodelist={node}"))
    finally:
        aside.rename(device)
    path = script(loop, "after", "true")
    code, data, _ = submitted(loop, path, "--dry-run")
    found = [item for item in data["findings"] if item["rule"] == "submit-node-findings"]
    assert (code, data["submitted"]) == (0, False)
    assert data["estimate"].startswith("Job ")
    assert [item["about"] for item in found] == [[node]]
    assert "devices" in found[0]["message"]
    assert f"--exclude={node}" in found[0]["fix"]


def test_a_job_that_is_too_large_is_stopped_and_force_submits_it(loop):
    path = script(loop, "large", "true")
    code, data, _ = submitted(loop, path, "--", "--nodes=3")
    assert (code, data["submitted"], data["job_id"]) == (1, False, None)
    assert [item["rule"] for item in data["findings"] if item["severity"] == "error"] == ["submit-too-large"]
    code, data, said = submitted(loop, path, "--force", "--", "--nodes=3")
    # Without EnforcePartLimits Slurm takes such a job and never starts it, or it refuses it: as its release is.
    if data["submitted"]:
        loop.cluster.run(["scancel", str(data["job_id"])])
        assert code == 0
    else:
        assert (code, data["error"]["exit_code"]) == (1, 1)
        assert "Slurm refused the job" in said


def test_what_slurm_refuses_is_said_in_its_words_and_ends_with_1_whatever_is_forced(loop):
    done = loop.efakit("submit", script(loop, "refused", "true"), "--force", "--", "--partition=nowhere", check=False)
    assert (done.returncode, "submitted job" in done.stdout) == (1, False)
    assert "there is no partition 'nowhere'" in done.stdout
    assert "Slurm refused the job: invalid partition specified: nowhere" in done.stderr
