"""Every parser on what four releases of Slurm printed (``scripts/capture_slurm.py``), of the same cluster and jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from efakit.catalog.slurm_reasons import slurm_reason
from efakit.slurm.by_commands import parse_version
from efakit.slurm.commands import SACCT_COLUMNS, SQUEUE_COLUMNS, _without_newer, job_of
from efakit.slurm.config import parse_config
from efakit.slurm.interface import NodeTable
from efakit.slurm.job import SlurmJob, SourceError
from efakit.slurm.node_json import parse_node_json
from efakit.slurm.nodes import NODE_COLUMNS, nodes_of
from efakit.slurm.partitions import parse_partitions
from efakit.slurm.table import long_format, read_table
from scripts.capture_slurm import BETWEEN, SAMPLES, own_questions

RELEASES = sorted(path.name for path in SAMPLES.iterdir())
KILLED = {
    "22.05": "JobLaunchFailure",
    "24.11": "RaisedSignal:9(Killed)",
    "25.11": "RaisedSignal:9(Killed)",
    "26.05": "RaisedSignal:9(Killed)",
}

pytestmark = pytest.mark.parametrize("release", RELEASES)


def sample(release: str, name: str) -> str:
    return (SAMPLES / release / name).read_text()


def asked(release: str) -> dict[str, Any]:
    return dict(json.loads(sample(release, "commands.json")))


def job_ids(release: str) -> dict[str, int]:
    return {name: int(number) for name, number in asked(release)["jobs"].items()}


def squeue(release: str) -> dict[str, SlurmJob]:
    rows = read_table(sample(release, "efakit-squeue.txt"), BETWEEN, SQUEUE_COLUMNS)
    return {str(job.job_id): job for job in (job_of(row, "squeue") for row in rows)}


def sacct(release: str) -> dict[str, SlurmJob]:
    columns = [column for column in SACCT_COLUMNS if column.since <= release]
    newest = max((column.since for column in columns if column.since), default="")
    name = f"efakit-sacct{newest and '-'}{newest}.txt"
    return {
        str(job.job_id): job
        for job in (job_of(row, "sacct") for row in read_table(sample(release, name), BETWEEN, columns))
    }


def test_the_samples_are_of_what_efakit_asks_today(release):
    commands = asked(release)["commands"]
    assert {name: commands.get(name) for name in own_questions()} == own_questions()
    assert long_format(NODE_COLUMNS, BETWEEN) in commands["efakit-nodes.txt"][-1]


def test_the_version(release):
    assert parse_version(sample(release, "version.txt")).startswith(release)


def test_jobs_that_slurmctld_knows(release):
    ids, jobs = job_ids(release), squeue(release)
    told = {name: jobs[str(number)] for name, number in ids.items()}
    assert {name: job.state for name, job in told.items()} == {
        "good": "COMPLETED",
        "failing": "FAILED",
        "killed": "FAILED",
        "node-lost": "NODE_FAIL",
        "cancelled": "CANCELLED",
        "again": "PENDING",
        "odd | name = é\t'x'": "RUNNING",
        "array": "PENDING",
        "waiting": "PENDING",
        "closed": "PENDING",
        "too-early": "PENDING",
        "het": "PENDING",
    }
    assert all(job.name == name for name, job in told.items())
    good, failing = told["good"], told["failing"]
    assert (good.user, good.account, good.partition, good.node_count) == ("nobody", "research", "gpu", 2)
    assert (good.node_list, good.comment) == ("gpu-dy-p5-1,gpu-st-p5-1", "mine, efakit=off | a=b")
    assert (good.exit_code, good.reason, good.script) == ("0:0", None, None)
    assert (good.output_file, good.work_dir) == ("/dev/null", "/shared/slurm")
    assert (failing.exit_code, failing.reason) == ("3:0", "NonZeroExitCode")
    assert (told["killed"].exit_code, told["killed"].reason) == ("0:9", KILLED[release])
    assert (told["waiting"].exit_code, told["waiting"].reason) == (None, "Dependency")
    running = ids["odd | name = é\t'x'"]
    assert told["waiting"].dependency == f"afterok:{running}(unfulfilled)"
    assert told["closed"].reason == "PartitionDown"


def test_the_tasks_of_an_array_are_told_from_what_waits_of_it(release):
    array = job_ids(release)["array"]
    tasks = [job for job in squeue(release).values() if job.array]
    assert [(job.array, job.state) for job in tasks] == [((array, 2), "RUNNING")]
    rest = squeue(release)[str(array)]
    assert (rest.array, rest.state, rest.reason) == (None, "PENDING", "JobArrayTaskLimit")


def test_every_reason_that_slurm_gives_has_words(release):
    reasons = {job.reason for job in squeue(release).values() if job.reason}
    assert len(reasons) >= 7
    assert [reason for reason in reasons if slurm_reason(reason) is None] == []


def test_jobs_that_slurmdbd_knows(release):
    ids, jobs = job_ids(release), sacct(release)
    good, failing, cancelled = (jobs[str(ids[name])] for name in ("good", "failing", "cancelled"))
    assert (good.state, good.user, good.account, good.exit_code) == ("COMPLETED", "nobody", "research", "0:0")
    assert (good.node_list, good.node_count, good.partition) == ("gpu-dy-p5-1,gpu-st-p5-1", 2, "gpu")
    assert (failing.state, failing.exit_code) == ("FAILED", "3:0")
    assert (cancelled.state, jobs[str(ids["killed"])].exit_code) == ("CANCELLED", "0:9")
    assert good.submit_line is not None
    assert "--comment=mine, efakit=off | a=b" in good.submit_line
    assert good.output_file == ("/dev/null" if release >= "24.05" else None)
    assert good.restart_count == (0 if release >= "24.11" else None)
    name = "odd | name = é\t'x'"
    assert jobs[str(ids[name])].name == name


def test_a_field_that_the_release_lacks_is_left_out(release):
    for since in sorted({column.since for column in SACCT_COLUMNS if column.since}):
        columns = [column for column in SACCT_COLUMNS if column.since <= since]
        printed = sample(release, f"efakit-sacct-{since}.txt")
        if since <= release:
            assert read_table(printed, BETWEEN, columns)
        else:
            left = _without_newer(columns, printed)
            assert len(left) == len(columns) - 1
            assert all(column in left for column in columns if not column.since)
    assert _without_newer(SACCT_COLUMNS, 'sacct: error: Invalid field requested: "JobName"') == []


def test_nodes_from_one_question(release):
    nodes, default = nodes_of(read_table(sample(release, "efakit-nodes.txt"), BETWEEN, NODE_COLUMNS))
    assert default == "efa"
    by_name = {node.name: node for node in nodes}
    assert set(by_name) == {"gpu-st-p5-1", "gpu-st-p5-2", "gpu-dy-p5-1", "cpu-st-hpc7a-1"}
    drained = by_name["gpu-st-p5-2"]
    assert drained.reason == "efakit: 31 of 32 EFA devices found (devices-missing), see 'efakit report 7'"
    assert (drained.state, drained.out_of_use) == (("idle", "drain"), True)
    assert drained.features == ("static", "p5.48xlarge", "p5", "efa", "gpu")
    assert (drained.cpus, drained.memory_mib, drained.gpus) == (8, 1000, 0)
    assert sorted(drained.partitions) == ["efa", "gpu"]
    assert [node.name for node in nodes if node.out_of_use] == ["gpu-st-p5-2"]
    assert by_name["gpu-dy-p5-1"].reason is None
    assert by_name["gpu-dy-p5-1"].resource == "p5"
    groups = NodeTable(tuple(nodes), default).groups()
    assert {(group.partition, group.resource, group.nodes) for group in groups} == {
        ("efa", "p5", 3),
        ("efa", "hpc7a", 1),
        ("gpu", "p5", 3),
        ("cpu", "hpc7a", 1),
        ("closed", "hpc7a", 1),
    }


def test_the_json_of_nodes_says_the_same_as_the_table(release):
    name = "scontrol-show-node.json" if release >= "23.02" else "sinfo.json"
    found = {node["name"]: node for node in parse_node_json(sample(release, name))}
    nodes, _ = nodes_of(read_table(sample(release, "efakit-nodes.txt"), BETWEEN, NODE_COLUMNS))
    for node in nodes:
        told = found[node.name]
        assert set(told["partitions"]) == set(node.partitions)
        assert (told["features"], told["cpus"], told["memory_mib"]) == (node.features, node.cpus, node.memory_mib)
        assert told["reason"] == node.reason
        states = (*told["state"], *told["state_flags"])
        assert tuple(word.lower() for word in states) == node.state
        assert told["instance_type"] is None


def test_what_is_no_document_of_nodes_is_a_failure(release):
    for strange in ("", "[]", '{"nodes": 1}', '{"nodes": [1]}', sample(release, "sinfo.txt")):
        with pytest.raises(SourceError, match="unexpected form"):
            parse_node_json(strange)


def test_partitions(release):
    partitions = {one.name: one for one in parse_partitions(sample(release, "efakit-partitions.txt"))}
    assert {name: one.state for name, one in partitions.items()} == {
        "efa": "UP",
        "gpu": "UP",
        "cpu": "UP",
        "closed": "DOWN",
    }
    gpu = partitions["gpu"]
    assert (gpu.node_count, gpu.cpu_count, gpu.max_minutes, gpu.max_nodes) == (3, 24, 1440, None)
    assert gpu.node_list == "gpu-dy-p5-1,gpu-st-p5-[1-2]"
    assert [name for name, one in partitions.items() if one.default] == ["efa"]
    assert partitions["efa"].max_minutes is None
    assert (gpu.allow_accounts, gpu.allow_groups, gpu.allow_qos) == (None, None, None)


def test_the_configuration(release):
    config = parse_config(sample(release, "scontrol-show-config.txt"))
    assert config.get("ClusterName") == "efakit"
    assert (config.get("SLURM_VERSION") or "").startswith(release)
    assert config.seconds("MessageTimeout") == 5


def test_what_sbatch_says_in_a_test(release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A stand-in prints the sample: what it means for the job is efakit's."""
    from efakit.slurm.submission import BatchScript, test_only

    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def says(name: str, code: int) -> tuple[str | None, str]:
        (tmp_path / "sbatch").write_text(f"#!/bin/sh\ncat {SAMPLES / release / name} >&2\nexit {code}\n")
        (tmp_path / "sbatch").chmod(0o755)
        return test_only(BatchScript(text=b"#!/bin/sh\n"), (), 20)

    refused, estimate = says("sbatch-test-only.txt", 0)
    assert refused is None
    assert estimate.startswith("Job 15 to start at ")
    assert says("sbatch-too-many-nodes.txt", 1)[0] == "Requested node configuration is not available"
    assert "invalid partition specified: none" in (says("sbatch-no-such-partition.txt", 1)[0] or "")
