"""Rows: Slurm's variables in each of its versions, none at all, and hostile ones."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.hook.faults.story import (
    Case,
    Step,
    Story,
    efa_bytes,
    published,
    record,
    said,
    tcp_bytes,
    traffic,
    verdict,
    whole,
)
from tests.hook.hookrun import Node

# What each version of Slurm gives prolog and epilog (``_build_env`` in SchedMD/slurm,
# src/plugins/prep/script/prep_script_slurmd.c, by tag). Those of the credential may be missing.
ALWAYS = {
    "SLURM_JOBID": "7",
    "SLURM_JOB_UID": "1000",
    "SLURM_UID": "1000",
    "SLURM_JOB_GID": "1000",
    "SLURM_JOB_USER": "ada",
    "SLURM_JOB_WORK_DIR": "/home/ada",
    "SLURM_CONF": "/opt/slurm/etc/slurm.conf",
    "SLURM_NODELIST": "gpu-st-p5-1",
}
CREDENTIAL = {
    "SLURM_JOB_CPUS_PER_NODE": "192",
    "SLURM_JOB_NUM_NODES": "1",
    "SLURM_JOB_PARTITION": "gpu",
    "SLURM_JOB_RESTART_COUNT": "0",
    "SLURM_JOB_STDIN": "/dev/null",
}
SINCE_23_02 = {
    "SLURM_JOB_START_TIME": "1790000000",
    "SLURM_JOB_END_TIME": "1790003600",
    "SLURM_JOB_OVERSUBSCRIBE": "NO",
}
# The context where the cluster has SELinux; the output file also where a batch job asked for none.
SINCE_25_11 = {
    "SLURM_JOB_SELINUX_CONTEXT": "unconfined_u:unconfined_r:unconfined_t:s0",
    "SLURM_JOB_STDOUT": "/home/ada/slurm-%j.out",
}
SLUID = {"SLURM_JOB_SLUID": "s8XKQW2V9QWE00"}
NODE_LIST = {"SLURM_JOB_NODELIST": "gpu-st-p5-1"}
VERSIONS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    # version: what comes always, what the credential adds
    "22.05": ({"SLURM_NODE_ALIASES": "(null)", "SLURM_JOB_PARTITION": "gpu"}, CREDENTIAL),
    "23.02.5": ({"SLURM_NODE_ALIASES": "(null)"}, {**CREDENTIAL, **SINCE_23_02}),
    "23.02.6": ({"SLURM_NODE_ALIASES": "(null)", **NODE_LIST}, {**CREDENTIAL, **SINCE_23_02}),
    "23.11": (NODE_LIST, {**CREDENTIAL, **SINCE_23_02}),
    "24.05": (NODE_LIST, {**CREDENTIAL, **SINCE_23_02}),
    "24.11": (NODE_LIST, {**CREDENTIAL, **SINCE_23_02}),
    "25.05": (NODE_LIST, {**CREDENTIAL, **SINCE_23_02}),
    "25.11": ({**NODE_LIST, **SLUID}, {**CREDENTIAL, **SINCE_23_02, **SINCE_25_11}),
    "26.05": (
        {**NODE_LIST, **SLUID},
        {**CREDENTIAL, **SINCE_23_02, **SINCE_25_11, "SLURM_JOB_EXCLUSIVE": "NODE", "SLURM_JOB_QOS": "normal"},
    ),
}
EPILOG_ONLY = {"SLURM_JOB_EXIT_CODE": "768", "SLURM_JOB_EXIT_CODE2": "3:0", "SLURM_JOB_DERIVED_EC": "0"}


def exactly(command: str, environment: dict[str, str]) -> Step:
    """Run the hook with these variables and no other."""

    def step(story: Story) -> None:
        story.said.append(_start(story.node, command, environment))

    return step


def _start(node: Node, command: str, environment: dict[str, str]) -> str:
    done = node.start([command, "--config", written_config(node)], environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "internal error" not in done.stdout
    return done.stdout


def written_config(node: Node) -> str:
    """Write the node's settings and return where."""
    node.config.write_text(json.dumps(node.settings))
    return str(node.config)


def slurm_case(version: str, *, credential: bool) -> Case:
    always, more = VERSIONS[version]
    given = {
        "SLURM_JOB_ID": "7",
        "SLURMD_NODENAME": "gpu-st-p5-1",
        "SLURM_CLUSTER_NAME": "lab",
        **ALWAYS,
        **always,
        **(more if credential else {}),
    }
    expected: dict[str, Any] = {
        "node": "gpu-st-p5-1",
        "node_list": "gpu-st-p5-1",
        "cluster": "lab",
        "user": "ada",
        "user_id": 1000,
        "exit_code": "3:0",
        "sluid": given.get("SLURM_JOB_SLUID"),
        "restart_count": 0 if credential else None,
        "started_at": 1790000000 if "SLURM_JOB_START_TIME" in given else None,
        "partition": given.get("SLURM_JOB_PARTITION"),
    }
    return Case(
        f"the variables of Slurm {version}{'' if credential else ', without credential'}",
        (
            exactly("prolog", {**given, "SLURM_SCRIPT_CONTEXT": "prolog_slurmd"}),
            traffic,
            exactly("epilog", {**given, **EPILOG_ONLY, "SLURM_SCRIPT_CONTEXT": "epilog_slurmd"}),
        ),
        (record(**expected), *whole(), verdict("single-node")),
    )


def both(name: str, environment: dict[str, str], *must: Step) -> Case:
    """Return the case of a prolog and an epilog with these variables and no other."""
    return Case(name, (exactly("prolog", environment), traffic, exactly("epilog", environment)), must)


NAMED = {"SLURM_JOB_ID": "7", "SLURMD_NODENAME": "gpu-st-p5-1", "SLURM_CLUSTER_NAME": "lab"}
NOTHING = (published(), said("no job to record"))


def below_records(story: Story) -> None:
    """Check that all that was written lies where it belongs, whatever the names were."""
    top = story.node.root.parent
    known = {"spool", "records", "efakit-hook.pyz", story.node.config.name, story.node.root.name}
    assert {path.name for path in top.iterdir()} <= known
    paths = [path.relative_to(story.node.records) for path in story.node.records.rglob("*.json")]
    assert [len(path.parts) for path in paths] == [3]


CASES = [
    *(slurm_case(version, credential=True) for version in VERSIONS),
    *(slurm_case(version, credential=False) for version in VERSIONS),
    both("an empty environment", {}, *NOTHING),
    both("a node's name and no job", {"SLURMD_NODENAME": "gpu-st-p5-1"}, *NOTHING),
    both("a job's id that is no number", {**NAMED, "SLURM_JOB_ID": "7; rm -rf /"}, *NOTHING),
    both("a job's id of 5000 digits", {**NAMED, "SLURM_JOB_ID": "9" * 5000}, *NOTHING),
    both("the old name of the job's id alone", {"SLURM_JOBID": "7"}, record(baseline="ok"), efa_bytes(4000)),
    both(
        "a job's id and nothing else", {"SLURM_JOB_ID": "7"}, record(baseline="ok", cluster="cluster"), tcp_bytes(500)
    ),
    both("the largest job id", {**NAMED, "SLURM_JOB_ID": "4294967294"}, published(4294967294)),
    both(
        "names that lead elsewhere",
        {**NAMED, "SLURM_CLUSTER_NAME": "../../x", "SLURMD_NODENAME": "../n"},
        below_records,
    ),
    *(
        both(
            f"names {what}",
            {**NAMED, "SLURM_CLUSTER_NAME": name, "SLURMD_NODENAME": name, "SLURM_JOB_SLUID": name},
            record(baseline="ok", node=name, cluster=name, sluid=name),
            below_records,
        )
        for what, name in {
            "of 240 letters": "n" * 240,
            "of 255 letters": "n" * 255,
            "of 1000 letters": "n" * 1000,
            "of 255 letters that are no ASCII": "\u6771" * 255,
            "of which no letter can stay": "\u6771/ *" * 10,
        }.items()
    ),
    both("names of dots", {**NAMED, "SLURM_CLUSTER_NAME": "..", "SLURMD_NODENAME": "."}, below_records),
    both(
        "names with new lines and escapes",
        {**NAMED, "SLURM_JOB_USER": "a\x1b[31m\nefakit: all is well", "SLURM_JOB_PARTITION": "\r\n"},
        record(baseline="ok"),
    ),
    both("text that is not UTF-8", {**NAMED, "SLURM_JOB_USER": os.fsdecode(b"\xff\xfe")}, record(baseline="ok")),
    both(
        "numbers that are none",
        {
            **NAMED,
            "SLURM_JOB_UID": "root",
            "SLURM_JOB_NUM_NODES": "-1",
            "SLURM_JOB_START_TIME": "soon",
            "SLURM_JOB_RESTART_COUNT": "\u0663",
        },
        record(user_id=None, node_count=None, started_at=None, restart_count=None),
    ),
    both("a node list that is none", {**NAMED, "SLURM_JOB_NODELIST": "gpu-st-p5-1"}, *whole()),
    both("a comment of 100,000 letters", {**NAMED, "SLURM_JOB_COMMENT": "efakit" + "x" * 100_000}, *whole()),
    both(
        "Python's own variables",
        {**NAMED, "PYTHONPATH": "/nonexistent", "PYTHONHOME": "/nonexistent", "PYTHONSTARTUP": "/x", "LD_PRELOAD": ""},
        *whole(),
    ),
    both("variables of a heterogeneous job", {**NAMED, "SLURM_HET_JOB_ID": "6", "SLURM_PACK_JOB_ID": "6"}, *whole()),
]
