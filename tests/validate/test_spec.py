"""What a spec says of a cluster is judged in the config that it renders to, and told at the spec's line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.errors import SpecError
from efakit.rules.registry import rules_of
from efakit.validate.spec import plan_spec
from efakit.validate.subject import read_subject
from tests.spec.test_load import GOOD as RIGHT

GOOD = RIGHT.replace("template: torchrun", "template: command").replace("script: train.py", "program: hostname")
PLAIN = GOOD.partition("parallelcluster:")[0] + "jobs:" + GOOD.partition("jobs:")[2]
RESERVATION = "reservation: cr-0123456789abcdef0"


class Fault(NamedTuple):
    """A change of the spec that is right, the line that is named, and what the fault says."""

    rule: str
    line: int
    words: tuple[str, ...]
    old: str
    new: str


FAULTS = (
    Fault("counts", 10, ("gpu/p5 keeps 9 nodes running", "at most 4"), "nodes: 4", "nodes: 4\n          min_nodes: 9"),
    Fault(
        "block-without-reservation",
        8,
        ("gpu/p5 runs on a Capacity Block", "reservation in a spec"),
        "- name: gpu",
        "- name: gpu\n      capacity: capacity-block",
    ),
    Fault(
        "usage-class",
        5,
        ("hpc7a.96xlarge is not sold as spot", "capacity in a spec"),
        "- name: gpu",
        "- name: gpu\n      capacity: spot # p5",
    ),
    Fault(
        "spot-with-reservation",
        6,
        ("spot instances", "cr-0123456789abcdef0"),
        "- name: gpu",
        f"- name: gpu\n      capacity: spot\n      {RESERVATION}",
    ),
    Fault("os-not-in-release", 12, ("does not support", "alinux2"), "key: my-key", "key: my-key\n  os: alinux2"),
    Fault(
        "rocky-image", 12, ("no images for rocky9", "parallelcluster.ami"), "key: my-key", "key: my-key\n  os: rocky9"
    ),
    Fault("efa-unsupported", 9, ("m5.2xlarge of gpu/p5 has no EFA",), "p5.48xlarge", "m5.2xlarge\n          efa: on"),
    Fault(
        "job-too-large",
        17,
        ("jobs[0].nodes", "requests 5 nodes", "at most 4"),
        "program: hostname",
        "program: hostname\n    nodes: 5",
    ),
    Fault(
        "mount-twice",
        12,
        ("/fsx/ is the mount point of another storage",),
        "key: my-key",
        "key: my-key\n  storage: [{name: a, mount: /fsx, type: efs}, {name: b, mount: /fsx/, type: ebs}]",
    ),
)


def text_of(fault: Fault, good: str = GOOD) -> str:
    text = good.replace(fault.old, fault.new)
    return text.replace("p5.48xlarge", "hpc7a.96xlarge") if fault.rule == "usage-class" else text


def refused(folder: Path, text: str) -> SpecError:
    (folder / "spec.yaml").write_text(text)
    with pytest.raises(SpecError) as caught:
        plan_spec(folder / "spec.yaml")
    return caught.value


def test_each_rule_that_stops_a_spec_is_tried():
    stopping = {row.id for row in rules_of("config").values() if row.stops_render}
    assert stopping == {fault.rule for fault in FAULTS}


def test_the_spec_that_is_right_is_planned(tmp_path):
    for text in (GOOD, PLAIN):
        (tmp_path / "spec.yaml").write_text(text)
        assert plan_spec(tmp_path / "spec.yaml").jobs[0].nodes == 4


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_a_fault_stops_a_spec_with_rule_line_fix_and_source(fault: Fault, tmp_path):
    (found,) = refused(tmp_path, text_of(fault)).findings
    assert (found.rule, found.line) == (fault.rule, fault.line)
    assert found.fix
    assert found.source.startswith("https://")
    for words in fault.words:
        assert words in found.said


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_validate_tells_the_same_fault_at_the_same_line(fault: Fault, tmp_path):
    (tmp_path / "spec.yaml").write_text(text_of(fault))
    done = CliRunner().invoke(efakit, ["validate", str(tmp_path / "spec.yaml"), "--no-vendor", "--format", "json"])
    assert done.exit_code == 1
    found = [item for item in json.loads(done.output)["findings"] if item["rule"] == fault.rule]
    assert [(item["line"], item["severity"]) for item in found] == [(fault.line, "error")]
    assert found[0]["fix"]
    assert found[0]["source"].startswith("https://")


@pytest.mark.parametrize(
    "arguments",
    [
        ["render", "spec.yaml", "--out", "bundle"],
        ["render", "spec.yaml", "--show", "train"],
        ["explain", "spec.yaml"],
        ["explain", "spec.yaml", "--job", "train"],
        ["lint", "--spec", "spec.yaml", "job.sh"],
    ],
    ids=" ".join,
)
def test_every_command_that_plans_a_spec_refuses_it(arguments: list[str], tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("job.sh").write_text("#!/bin/bash\n")
    Path("spec.yaml").write_text(text_of(FAULTS[0]))
    error = CliRunner().invoke(efakit, arguments).exception
    assert isinstance(error, SpecError)
    assert [item.rule for item in error.findings] == ["counts"]
    assert not Path("bundle").exists()


OF_EVERY_CLUSTER = ("counts", "block-without-reservation", "usage-class", "spot-with-reservation", "efa-unsupported")


@pytest.mark.parametrize("rule", [*OF_EVERY_CLUSTER, "job-too-large"])
def test_without_a_config_the_same_is_said_of_the_spec_alone(rule: str, tmp_path):
    (fault,) = [fault for fault in FAULTS if fault.rule == rule]
    with_config = refused(tmp_path, text_of(fault)).findings
    (found,) = refused(tmp_path, text_of(fault, PLAIN)).findings
    assert (found.rule, found.fix) == (rule, with_config[0].fix)
    assert found.message.partition(": ")[2] == with_config[0].message.partition(": ")[2]
    assert found.source.startswith("https://")
    assert rules_said(tmp_path, text_of(fault, PLAIN)) == [rule]


def rules_said(folder: Path, text: str) -> list[Any]:
    (folder / "spec.yaml").write_text(text)
    done = CliRunner().invoke(efakit, ["validate", str(folder / "spec.yaml"), "--no-vendor", "--format", "json"])
    return [item["rule"] for item in json.loads(done.output)["findings"] if item["severity"] == "error"]


def test_overrides_count_and_are_the_user_s_own_word(tmp_path):
    own = "\n  queues: {gpu: {compute_resources: {p5: {overrides: {MaxCount: 8}}}}}"
    larger = GOOD.replace("program: hostname", "program: hostname\n    nodes: 8")
    (tmp_path / "spec.yaml").write_text(larger.replace("key: my-key", f"key: my-key{own}"))
    assert plan_spec(tmp_path / "spec.yaml").jobs[0].nodes == 8
    wrong = GOOD.replace("key: my-key", f"key: my-key{own.replace('MaxCount: 8', 'MinCount: 9')}")
    (tmp_path / "spec.yaml").write_text(wrong)
    assert plan_spec(tmp_path / "spec.yaml").jobs[0].nodes == 4
    assert rules_said(tmp_path, wrong) == ["counts"]


@pytest.mark.parametrize(("before", "times"), [("", 1), ("---\n", 1), ("{", 2)])
def test_a_spec_s_yaml_is_read_once_where_its_text_tells_that_it_is_one(before, times, tmp_path, monkeypatch):
    """Reading takes most of the time that a large spec's judgement takes."""
    text, read = f"{before}{GOOD}", []
    if before == "{":
        text = "{" + json.dumps(yaml.safe_load(GOOD))[1:]
    (tmp_path / "spec.yaml").write_text(text)
    begin = yaml.SafeLoader.__init__

    def noted(self, stream):
        read.append(stream)
        begin(self, stream)

    monkeypatch.setattr(yaml.SafeLoader, "__init__", noted)
    subject = read_subject(tmp_path / "spec.yaml", None, None)
    assert subject.plan is not None
    assert read.count(text) == times
