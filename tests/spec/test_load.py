"""A spec is read with every fault named: file, line, column, field, value, what is allowed, the nearest word."""

from __future__ import annotations

from pathlib import Path

import pytest

from efakit.errors import SpecError
from efakit.spec.load import load_spec, read_spec
from efakit.spec.parallelcluster.model import ParallelCluster
from efakit.spec.yamltext import Document

GOOD = """\
cluster:
  region: us-east-1
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef1
      compute_resources:
        - name: p5
          instance: p5.48xlarge
          nodes: 4
parallelcluster:
  key: my-key
  head_node: {subnet: subnet-0123456789abcdef0}
jobs:
  - name: train
    template: torchrun
    script: train.py
"""
GROUP = "arn:aws:resource-groups:us-east-1:123456789012:group/mine"


def problems_of(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read_spec(Document(Path("spec.yaml"), text))
    return caught.value.problems


def test_a_good_spec_gets_its_defaults():
    spec = read_spec(Document(Path("spec.yaml"), GOOD))
    section = spec.section(ParallelCluster)
    assert section is not None
    assert section.os == "alinux2023"
    assert spec.cluster.queue("gpu").exclusive
    assert spec.cluster.queue("gpu").compute_resources[0].instance.efa_interfaces == 32
    assert spec.hooks.mode == "observe"
    assert spec.jobs[0].nodes is None


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("region:", "regoin:", "2:3", ["unknown key 'regoin'", "did you mean 'region'", "the key 'region' is missing"]),
        ("us-east-1", "nowhere", "2:11", ["'nowhere'", "a region such as us-east-1"]),
        ("nodes: 4", "nodes: 0", "9:18", ["cluster.queues[0].compute_resources[0].nodes: 0 is not at least 1"]),
        ("nodes: 4", "nodes: four", "9:18", ["'four' is not a whole number"]),
        ("nodes: 4", "nodes: true", "9:18", ["true is not a whole number"]),
        ("p5.48xlarge", "p5.48xlage", "8:21", ["'p5.48xlage'", "p5.48xlarge"]),
        ("name: gpu", "name: GPU 1", "4:13", ["'GPU 1'", "lower-case letters"]),
        ("name: train", 'name: "a b"', "14:11", ["'a b'", "letters, digits"]),
        ("name: train", "name: 'it''s'", "14:11", ["letters, digits"]),
        ("name: train", 'name: "a\\nb"', "14:11", ["letters, digits"]),
        ("template: torchrun", "template: torchrum", "15:15", ["one of torchrun", "did you mean 'torchrun'"]),
        ("script: train.py", "scirpt: train.py", "16:5", ["unknown key 'scirpt'", "did you mean 'script'"]),
        ("script: train.py", "script: train.py\n    mpi: pmix", "17:5", ["not an option of this job's template"]),
        ("script: train.py", "script: train.py\n    queue: gpo", "17:12", ["unknown queue 'gpo'", "'gpu'"]),
        ("subnet: subnet-0123456789abcdef1", "subnet: mine", "5:15", ["'mine'", "the id of a subnet"]),
        ("key: my-key", "key: my-key\n  version: '3.99.0'", "12:12", ["3.99.0 is not known; write one of", "3.16.3"]),
        ("p5.48xlarge", "m5.large", "15:15", ["torchrun needs GPUs, but m5.large of queue 'gpu' has none"]),
        ("- name: gpu", "- capacity: spot\n      name: default", "5:13", ["not 'default'"]),
        (
            "- name: gpu",
            f"- reservation: cr-0123456789abcdef0\n      reservation_group: {GROUP}\n      name: gpu",
            "4:7",
            ["only one of the keys 'reservation' and 'reservation_group'"],
        ),
        (
            "key: my-key",
            "key: my-key\n  storage: [{name: a, mount: /a, type: ebs, id: fs-0123456789abcdef0}]",
            "12:49",
            ["'fs-0123456789abcdef0' is not allowed; write an id that begins with vol-"],
        ),
    ],
)
def test_a_fault_is_named_with_its_place(old, new, place, said):
    text = GOOD.replace(old, new, 1)
    problems = "\n".join(problems_of(text))
    assert f"spec.yaml:{place}: " in problems
    for words in said:
        assert words in problems


_LAST = GOOD.partition("jobs:")[0].count("\n") + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jobs: text", "is not a list"),
        ("jobs: 1", "is not a list"),
        ("jobs: {}", "is not a list"),
        ("hooks: text", "is not a mapping"),
        ("hooks: {deadline_seconds: .nan}", "'.nan' is not a number"),
        ("hooks: {a: \x07}", "not valid YAML"),
        ("hooks: {mode: warn\njobs: []", f"while parsing a flow mapping that begins in line {_LAST}"),
        ('hooks: {mode: "warn}\n', f"while scanning a quoted scalar that begins in line {_LAST}"),
        ("jobs: &a [*a]", "its aliases"),
        ("? [a, b]\n: 1", "a key must be text"),
        ("1: 2", "a key must be text"),
    ],
)
def test_odd_yaml_is_an_error_and_never_a_traceback(text, said):
    assert any(said in problem for problem in problems_of(GOOD.partition("jobs:")[0] + text + "\n"))


def test_a_setting_is_one_line():
    text = GOOD.replace("key: my-key", 'key: my-key\n  slurm_settings: {KillWait: "6\\nProlog=/x"}')
    assert any("one line of text" in problem for problem in problems_of(text))


def test_an_empty_section_is_the_same_as_none():
    spec = read_spec(Document(Path("spec.yaml"), GOOD.partition("jobs:")[0] + "hooks:\njobs:\n"))
    assert (spec.hooks.mode, spec.jobs) == ("observe", ())


def test_every_fault_is_told_at_once():
    text = GOOD.replace("nodes: 4", "nodes: 0").replace("us-east-1", "nowhere")
    assert len(problems_of(text)) == 2


def test_two_of_a_name_are_refused():
    text = GOOD + "  - {name: train, template: torchrun, script: again.py}\n"
    assert any("duplicate job name 'train'" in problem for problem in problems_of(text))


def test_a_key_that_is_there_twice_is_refused():
    assert "3:3" in problems_of("cluster:\n  key: a\n  key: b\n")[0]


def test_a_time_is_text_and_off_is_a_word():
    """YAML 1.1 would read 1:30:00 as 5400 and off as false."""
    text = GOOD.replace("script: train.py", "script: off\n    time: 1:30:00")
    job = read_spec(Document(Path("spec.yaml"), text)).jobs[0]
    assert (job.time, job.script) == ("1:30:00", "off")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "just words",
        "- a\n- b\n",
        "a: [",
        "a: b: c",
        "\t",
        "{",
        "a: &x [*x]",
        "!!python/name:os.system",
    ],
)
def test_what_is_no_spec_is_an_error_with_a_place(text):
    for problem in problems_of(text):
        assert problem.startswith("spec.yaml:")


def test_files_that_cannot_be_read_are_named(tmp_path):
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, words in ((tmp_path, "folder"), (tmp_path / "none", "no such file"), (binary, "UTF-8")):
        with pytest.raises(SpecError, match=words):
            load_spec(path)


def test_a_rule_s_old_name_in_enforce_is_refused_with_the_name_that_it_has_now(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(GOOD + "hooks: {mode: enforce, enforce: [hugepages]}\n")
    with pytest.raises(SpecError) as refused:
        load_spec(path)
    assert "the rule is now called huge-pages-few; it never fails a prolog: remove it" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("cluster:\n  region: " + "9" * 5000, 2, "a number of 5000 digits"),
        ("cluster:\n  region: a\n  b: c\x07", 3, "the character U.0007 is not allowed"),
        ("cluster: {}\n---\ncluster: {}\n", 2, "it holds several documents"),
    ],
)
def test_what_is_no_yaml_is_told_at_its_line_and_in_its_own_words(text, line, words):
    with pytest.raises(SpecError, match=words) as raised:
        Document(Path("spec.yaml"), text)
    assert raised.value.findings[0].place.line == line


def test_of_thousands_of_unknown_keys_the_first_are_told_and_the_others_counted(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("{" + ", ".join(f"key{number}: 1" for number in range(3000)) + "}")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    said = [finding.message for finding in caught.value.findings if "unknown key" in finding.message]
    assert len(said) == 101
    assert said[-1] == "the spec: 2900 more unknown keys"
