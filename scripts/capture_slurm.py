"""Keeps what Slurm's commands print, on a small real cluster, as samples for the tests of the parsers.

    python -m scripts.capture_slurm                                   the machine's own Slurm
    scripts/lab-tree.sh 26.05 python -m scripts.capture_slurm         another release
    scripts/lab-own-slurm.sh PREFIX python -m scripts.capture_slurm   one that was built by hand

as root, into ``tests/slurm/samples/RELEASE/``: one file a command, named for it (``scontrol-show-node.txt``,
``squeue.json``), and ``commands.json``: file -> the command's words. What a release cannot print is left out. Machine,
paths and ports are replaced by general ones.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from efakit.slurm.commands import SACCT_COLUMNS, SQUEUE_COLUMNS
from efakit.slurm.nodes import NODE_COLUMNS
from efakit.slurm.table import long_format
from tests.slurm.single_host import NoSlurmHere, SingleHostSlurm, wait_until

SAMPLES = Path(__file__).resolve().parents[1] / "tests/slurm/samples"
GPU = ("gpu-st-p5-1", "gpu-st-p5-2", "gpu-dy-p5-1")
NODES = (*GPU, "cpu-st-hpc7a-1")
FEATURES = {  # as ParallelCluster gives them to its nodes
    "gpu-st-p5-1": "static,p5.48xlarge,p5,efa,gpu",
    "gpu-st-p5-2": "static,p5.48xlarge,p5,efa,gpu",
    "gpu-dy-p5-1": "dynamic,p5.48xlarge,p5,efa,gpu",
    "cpu-st-hpc7a-1": "static,hpc7a.96xlarge,hpc7a,efa",
}
REASON = "efakit: 31 of 32 EFA devices found (devices-missing), see 'efakit report 7'"
JOB_TEXT = ["--comment=mine, efakit=off | a=b", "--account=research"]
BETWEEN = "<|>"
"""Between the fields in what efakit's own questions print, where efakit itself takes a new random word each time."""
ONE_OF_ALL = "%all"  # of squeue and sinfo: every field, between bars


def own_questions() -> dict[str, list[str]]:
    """File -> what efakit's room slurm/ asks, by its tables."""
    squeue, sinfo = (long_format(columns, BETWEEN) for columns in (SQUEUE_COLUMNS, NODE_COLUMNS))
    sacct = ["--noheader", "--local", "--allocations", "--parsable", f"--delimiter={BETWEEN}", "--allusers"]
    questions = {
        "efakit-squeue.txt": ["squeue", "--noheader", "--local", "--states=all", f"--Format={squeue}"],
        "efakit-nodes.txt": ["sinfo", "--noheader", "--local", "--Node", f"--Format={sinfo}"],
        "efakit-partitions.txt": ["scontrol", "--oneliner", "show", "partition"],
    }
    for since in ("", *sorted({column.since for column in SACCT_COLUMNS if column.since})):
        fields = ",".join(column.asked for column in SACCT_COLUMNS if column.since <= since)
        questions[f"efakit-sacct{since and '-'}{since}.txt"] = ["sacct", *sacct, f"--format={fields}"]
    return questions


def commands(jobs: dict[str, str]) -> dict[str, list[str]]:
    """File -> command. JSON is long, so it is asked of a few jobs only."""
    few = ",".join(jobs[name] for name in ("good", "failing", "array", "waiting"))
    return {
        **own_questions(),
        "version.txt": ["squeue", "--version"],
        "squeue.txt": ["squeue", "--states=all"],
        "squeue-all-fields.txt": ["squeue", "--states=all", f"--format={ONE_OF_ALL}"],
        "squeue.json": ["squeue", "--states=all", f"--jobs={few}", "--json"],
        "squeue-unknown-job.txt": ["squeue", "--jobs=60000000"],
        "sinfo.txt": ["sinfo"],
        "sinfo-nodes.txt": ["sinfo", "--Node", "--long"],
        "sinfo-all-fields.txt": ["sinfo", "--Node", f"--format={ONE_OF_ALL}"],
        "sinfo.json": ["sinfo", "--Node", "--json"],
        "scontrol-show-node.txt": ["scontrol", "show", "node"],
        "scontrol-show-node-oneliner.txt": ["scontrol", "--oneliner", "show", "node"],
        "scontrol-show-node.json": ["scontrol", "--json", "show", "node"],
        "scontrol-show-partition.txt": ["scontrol", "show", "partition"],
        "scontrol-show-partition.json": ["scontrol", "--json", "show", "partition"],
        "scontrol-show-job.txt": ["scontrol", "show", "job"],
        "scontrol-show-job-oneliner.txt": ["scontrol", "--oneliner", "show", "job"],
        "scontrol-show-job.json": ["scontrol", "--json", "show", "job", jobs["failing"]],
        "scontrol-show-config.txt": ["scontrol", "show", "config"],
        "scontrol-ping.txt": ["scontrol", "ping"],
        "scontrol-ping.json": ["scontrol", "--json", "ping"],
        "sacct.txt": ["sacct"],
        "sacct-all-fields.txt": ["sacct", "--allusers", "--duplicates", "--parsable2", "--format=ALL"],
        "sacct.json": ["sacct", "--allusers", f"--jobs={jobs['good']},{jobs['failing']}", "--json"],
        "sbatch-test-only.txt": ["sbatch", "--test-only", "--nodes=1", "--wrap=true"],
        "sbatch-no-such-partition.txt": ["sbatch", "--test-only", "--partition=none", "--wrap=true"],
        "sbatch-too-many-nodes.txt": ["sbatch", "--test-only", "--nodes=99", "--wrap=true"],
    }


def prepare(slurm: SingleHostSlurm) -> None:
    """Give the nodes their features, and Slurm partitions, an account and its user."""
    for node, features in FEATURES.items():
        slurm.run("scontrol", "update", f"NodeName={node}", f"AvailableFeatures={features}")
        slurm.run("scontrol", "update", f"NodeName={node}", f"ActiveFeatures={features}")
    slurm.run("scontrol", "create", "PartitionName=gpu", f"Nodes={','.join(GPU)}", "MaxTime=1-00:00:00")
    slurm.run("scontrol", "create", "PartitionName=cpu", f"Nodes={NODES[-1]}", "OverSubscribe=EXCLUSIVE")
    slurm.run("scontrol", "create", "PartitionName=closed", f"Nodes={NODES[-1]}", "State=DOWN")
    slurm.run("sacctmgr", "--immediate", "add", "account", "research")
    slurm.run("sacctmgr", "--immediate", "add", "user", "nobody", "account=research")


def run_jobs(slurm: SingleHostSlurm) -> dict[str, str]:
    """One job for each way to end or to wait; the name of each is its key here."""
    jobs: dict[str, str] = {}

    def submit(name: str, script: str, *options: str, user: str = "root") -> str:
        jobs[name] = slurm.submit(f"--job-name={name}", *options, script=script, user=user)
        return jobs[name]

    def ends(name: str, state: str) -> None:
        slurm.wait_for_state(jobs[name], state)
        slurm.wait_for_accounting(jobs[name], state)

    # A step each, and time enough for the accounting to hear of the start before the end.
    submit("good", "srun sleep 6", "--nodes=2", "--partition=gpu", *JOB_TEXT, user="nobody")
    submit("failing", "sleep 6; exit 3", "--partition=cpu", user="nobody")
    ends("failing", "FAILED")
    ends("good", "COMPLETED")
    submit("killed", "sleep 6; kill -9 $$", "--partition=cpu")
    submit("node-lost", "sleep 300", "--nodelist=gpu-dy-p5-1", "--no-requeue", "--partition=gpu")
    submit("cancelled", "sleep 300", "--partition=gpu", "--nodelist=gpu-st-p5-1")
    submit("again", "sleep 300", "--partition=gpu", "--nodelist=gpu-st-p5-2", "--requeue")
    for name in ("node-lost", "cancelled", "again"):
        slurm.wait_for_accounting(jobs[name], "RUNNING")
    slurm.run("scontrol", "update", "NodeName=gpu-dy-p5-1", "State=DOWN", "Reason=power was lost")
    slurm.run("scancel", jobs["cancelled"])
    slurm.run("scontrol", "requeue", jobs["again"])
    slurm.run("scontrol", "hold", jobs["again"])
    ends("killed", "FAILED")
    ends("node-lost", "NODE_FAIL")
    ends("cancelled", "CANCELLED")
    slurm.run("scontrol", "update", "NodeName=gpu-st-p5-2", "State=DRAIN", f"Reason={REASON}")
    submit(
        "odd | name = é\t'x'", "sleep 300", "--partition=gpu", "--constraint=p5&efa", "--time=12:00:00", user="nobody"
    )
    running = jobs["odd | name = é\t'x'"]
    slurm.wait_for_accounting(running, "RUNNING")
    jobs["array"] = slurm.submit("--job-name=array", "--array=2-9%1", "--partition=cpu", script="sleep 300")
    slurm.wait_for_state(f"{jobs['array']}_2", "RUNNING")
    submit("waiting", "true", f"--dependency=afterok:{running}", "--nodes=2", "--partition=gpu")
    submit("closed", "true", "--partition=closed")
    submit("too-early", "true", "--begin=now+3days")
    het = ["--job-name=het", "--partition=gpu", "--hold", ":", "--job-name=het", "--partition=cpu", "--hold"]
    jobs["het"] = slurm.submit(*het, script="true")
    wait_until("reasons are known", lambda: "PartitionDown" in slurm.run("squeue", "--format=%r"))
    return jobs


def general(text: str, slurm: SingleHostSlurm) -> str:
    """The text without this machine's names, paths, ports and kernel."""
    text = text.replace(str(slurm.root), "/shared/slurm")
    if built_by_hand := os.environ.get("EFAKIT_LAB_SLURM"):
        text = text.replace(built_by_hand, "/opt/slurm")
    for name, port in slurm.ports.items():
        general_port = {"slurmctld": 6817, "slurmdbd": 6819, "mariadbd": 3306}.get(name, 6818)
        text = re.sub(rf"\b{port}\b", str(general_port), text)
    host = socket.gethostname().split(".")[0]
    text = re.sub(rf"\b{re.escape(host)}\b", "head", text)
    text = re.sub(r"\bOS=Linux.*?(?= *RealMemory| *$)", "OS=Linux 6.1.0 #1 SMP", text, flags=re.MULTILINE)
    return text.replace(platform.release(), "6.1.0").replace(platform.version(), "#1 SMP")


def capture(slurm: SingleHostSlurm, folder: Path) -> None:
    """Run the jobs, then every command; write what it printed."""
    prepare(slurm)
    jobs = run_jobs(slurm)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kept: dict[str, list[str]] = {}
    for file, (program, *words) in commands(jobs).items():
        done = subprocess.run(
            [slurm.program(program), *words],
            env=slurm._client_environment,
            cwd=slurm.root,
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout or done.stderr
        if file.endswith(".json"):
            try:
                output = json.dumps(json.loads(output), indent=1, ensure_ascii=False) + "\n"
            except ValueError:
                print(f"{file}: this release has no such JSON: {(done.stderr or done.stdout).strip()[:200]}")
                continue
        kept[file] = [program, *words]
        (folder / file).write_text(general(output, slurm))
    (folder / "commands.json").write_text(
        json.dumps({"jobs": jobs, "commands": kept}, indent=1, ensure_ascii=False) + "\n"
    )


def main() -> int:
    try:
        slurm = SingleHostSlurm(accounting=True, nodes=NODES)
    except NoSlurmHere as error:
        print(f"nothing was captured: {error}", file=sys.stderr)
        return 1
    try:
        slurm.start()
        major, minor = slurm.release()
        folder = SAMPLES / f"{major}.{minor:02}"
        capture(slurm, folder)
    finally:
        slurm.stop()
    print(f"{len(list(folder.iterdir()))} files in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
