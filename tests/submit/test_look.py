"""What is held against a job: by partition, nodes, types, hooks and records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from efakit.doctor.site import Script, Site
from efakit.finding import Finding, Place
from efakit.slurm import Node, NodeTable, Partition
from efakit.slurm.config import SlurmConfig
from efakit.submit.look import Facts, Looks, look, type_of
from efakit.submit.request import Request

P5 = ("static", "p5.48xlarge", "p5", "efa", "gpu")


def node(name: str, partition: str = "gpu", **changes: Any) -> Node:
    known: dict[str, Any] = {
        "state": ("idle",),
        "features": P5,
        "reason": None,
        "cpus": 192,
        "memory_mib": 2_000_000,
        "gres": "gpu:h100:8(S:0-1)",
    }
    return Node(name=name, partitions=(partition,), **{**known, **changes})


NODES = tuple(node(f"gpu-st-p5-{number}") for number in range(1, 5))
GPU = Partition("gpu", "UP", True, "gpu-st-p5-[1-4]", 4, 768)


def facts(*nodes: Node, partitions: tuple[Partition, ...] = (GPU,), **options: str) -> Facts:
    asked = {name.replace("_", "-"): value for name, value in options.items()}
    return Facts(Request(asked), NodeTable(nodes or NODES, "gpu"), partitions)


def rules(looks: Looks) -> list[tuple[str, str]]:
    return [(item.rule, str(item.severity)) for item in looks.findings]


def test_nothing_is_held_against_a_job_that_fits():
    looks = look(facts(nodes="4", gpus_per_node="8", ntasks_per_node="8", cpus_per_task="24", mem="0"))
    assert looks.findings == ()
    assert looks.said == ("partition gpu: up, 4 nodes", "nodes of p5.48xlarge: 4, 32 EFA interfaces each")
    assert not looks.stops


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nodes": "5"}, "asks for 5 nodes, and partition gpu has 4"),
        ({"gpus_per_node": "9"}, "0 with 9 GPUs (the largest has 8)"),
        ({"ntasks_per_node": "193"}, "0 with 193 CPUs (the largest has 192)"),
        ({"mem": "3T"}, "MiB of memory (the largest has 2000000)"),
        ({"nodes": "4", "exclude": "gpu-st-p5-[2-3]"}, "partition gpu has 2"),
        ({"nodes": "1", "constraint": "p4d.24xlarge"}, "partition gpu has 0"),
        ({"nodelist": "gpu-st-p5-9"}, "partition gpu has 0"),
    ],
)
def test_a_job_that_no_nodes_can_ever_run_is_stopped(options: dict[str, str], words: str):
    looks = look(facts(**options))
    assert rules(looks) == [("submit-too-large", "error")]
    assert words in looks.findings[0].message
    assert looks.stops


def test_the_partition_s_own_limit_counts():
    limited = replace(GPU, max_nodes=2)
    assert "allows a job 2" in look(facts(partitions=(limited,), nodes="3")).findings[0].message
    assert look(facts(partitions=(limited,), nodes="2")).findings == ()


def test_expressions_of_features_are_slurm_s_to_judge():
    assert look(facts(constraint="p4d.24xlarge|p5")).findings == ()


@pytest.mark.parametrize(
    ("state", "words"), [("DOWN", "starts none"), ("DRAIN", "no new jobs"), ("INACTIVE", "inactive")]
)
def test_a_partition_that_is_not_up_stops_the_job(state: str, words: str):
    looks = look(facts(partitions=(replace(GPU, state=state),)))
    assert rules(looks) == [("submit-partition", "error")]
    assert words in looks.findings[0].message


def test_a_partition_that_is_not_there_is_named_with_those_that_are():
    looks = look(facts(partition="gpus"))
    assert rules(looks) == [("submit-partition", "error")]
    assert "there is no partition 'gpus'; did you mean 'gpu'?" in looks.findings[0].message
    assert "gpu" in looks.findings[0].fix


def test_one_partition_of_several_that_is_up_will_do():
    closed = Partition("closed", "DOWN", False, "", 0, 0)
    looks = look(facts(partitions=(GPU, closed), partition="closed,gpu", nodes="2"))
    assert rules(looks) == [("submit-partition", "warning")]


def test_without_a_default_partition_one_must_be_named():
    found = facts(partitions=(replace(GPU, default=False),))
    looks = look(replace(found, nodes=NodeTable(NODES, None)))
    assert "names no partition" in looks.findings[0].message


def test_nodes_out_of_service_are_named_with_their_reasons_where_the_job_has_to_wait_for_them():
    out = (
        *NODES[:2],
        node("gpu-st-p5-3", state=("idle", "drain"), reason="bad cable"),
        node("gpu-st-p5-4", state=("down", "not_responding")),
    )
    looks = look(facts(*out, nodes="3"))
    assert rules(looks) == [("submit-nodes-out", "warning")]
    assert "2 of partition gpu's 4 take jobs" in looks.findings[0].message
    assert "gpu-st-p5-3 (bad cable), gpu-st-p5-4 (down, not_responding)" in looks.findings[0].message
    assert look(facts(*out, nodes="2")).findings == ()


def test_nodes_that_are_powered_down_are_in_service():
    cloud = tuple(node(f"gpu-dy-p5-{number}", state=("idle", "cloud", "powered_down")) for number in range(4))
    assert look(facts(*cloud, nodes="4")).findings == ()


def test_the_type_comes_from_features_else_from_the_spec_else_from_the_newest_record():
    plain = node("n1", features=("rack7",))
    record = {"instance_type": "p4d.24xlarge"}
    assert type_of(NODES[0], {"gpu": ("p4d.24xlarge",)}, record) == "p5.48xlarge"
    assert type_of(plain, {"gpu": ("p5en.48xlarge",)}, record) == "p5en.48xlarge"
    assert type_of(plain, {"gpu": ("p5.48xlarge", "p5en.48xlarge")}, record) == "p4d.24xlarge"
    assert type_of(plain, {}, record) == "p4d.24xlarge"
    assert type_of(plain, {}, None) is None
    assert type_of(plain, {"gpu": ("p5.48xlarge",)}, record, {"n1": "p6-b200.48xlarge"}) == "p6-b200.48xlarge"
    assert type_of(NODES[0], {}, None, {NODES[0].name: "p4d.24xlarge"}) == "p5.48xlarge"


def test_a_type_that_nothing_tells_is_a_warning():
    looks = look(facts(node("n1", features=())))
    assert rules(looks) == [("submit-type-unknown", "warning")]


def test_a_type_that_the_catalog_does_not_know_is_a_warning():
    found = replace(facts(node("n1", features=())), newest={"n1": {"instance_type": "p9.48xlarge", "findings": []}})
    looks = look(found)
    assert [item.message for item in looks.findings] == ["the catalog does not know the instance type p9.48xlarge"]


def test_a_refusal_that_only_says_that_nodes_are_out_of_use_does_not_stop_a_job_that_would_wait():
    out = node("n1", state=("idle", "drain"), reason="broken fan")
    refused = "Requested node configuration is not available"
    waits = look(replace(facts(out, node("n2"), nodes="2"), refused=refused))
    assert rules(waits) == [("submit-nodes-out", "warning")]
    assert rules(look(replace(facts(node("n1"), node("n2"), nodes="2"), refused=refused))) == [
        ("submit-refused", "error")
    ]
    other = look(replace(facts(out, node("n2"), nodes="2"), refused="Invalid account"))
    assert ("submit-refused", "error") in rules(other)


def test_errors_of_newest_records_are_said_once_with_their_nodes():
    missing = {"rule": "devices-missing", "severity": "error", "message": "31 of 32 EFA devices"}
    info = {"rule": "other", "severity": "info", "message": "all is well"}
    newest = {
        NODES[0].name: {"findings": [missing, info]},
        NODES[1].name: {"findings": [info]},
        NODES[2].name: {"findings": [missing]},
    }
    looks = look(replace(facts(nodes="2"), newest=newest))
    assert rules(looks) == [("submit-node-findings", "warning")]
    (found,) = looks.findings
    assert found.about == (NODES[0].name, NODES[2].name)
    assert found.fix.endswith(f"--exclude={NODES[0].name},{NODES[2].name}")
    assert "newest records of 3 of 4 nodes: 2 with errors" in looks.said


def site(**changes: Any) -> Site:
    return Site(**{"config": SlurmConfig({}), "scripts": {"Prolog": (), "Epilog": ()}, "home": None, **changes})


def test_hooks_that_are_not_there_cost_the_report_and_do_not_stop_the_job():
    looks = look(replace(facts(), site=site(), hook_errors=(Finding("prolog-script", "error", "no Prolog"),)))
    assert rules(looks) == [("submit-hooks", "warning")]
    assert not looks.stops


def test_hooks_that_make_every_job_fail_stop_it():
    script = Script("/etc/prolog.d/README", "not executable")
    broken = Finding("script-unusable", "error", "every job fails", place=Place(script.path))
    looks = look(replace(facts(), site=site(scripts={"Prolog": (script,), "Epilog": ()}), hook_errors=(broken,)))
    assert ("submit-hooks", "error") in rules(looks)
    unmatched = {"Prolog": {"/etc/prolog.d/*": "the folder is empty"}}
    empty = Finding("prolog-script", "error", "every job fails", place=Place("/etc/prolog.d/*"))
    assert look(replace(facts(), site=site(unmatched=unmatched), hook_errors=(empty,))).stops


def test_what_slurm_refuses_is_said_where_nothing_else_says_why():
    assert rules(look(replace(facts(), refused="Invalid account"))) == [("submit-refused", "error")]
    assert rules(look(replace(facts(nodes="9"), refused="not available"))) == [("submit-too-large", "error")]
