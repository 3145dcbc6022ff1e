"""A message shows a value as the file writes it, whatever kind of file: true and null, and no word of Python's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from efakit.catalog.user_rows.describe import changes
from efakit.errors import EfakitError
from efakit.rules.target import any_supported
from efakit.validate.files import judge_file, on_target

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
PYTHON = re.compile(r"(?<![\w/.])(True|False|None|inf|nan)(?![\w/])")
ODD = (True, [False, None], {"a": None, "b": float("inf")})
FILES = ("p5.cluster.yaml", "hyperpod.yaml", "eks-p5/eks/cluster.yaml", "eks-p5/eks/nccl-tests.job.yaml")
# In a test's time not each value can be made wrong: these are of every kind.
KEYS = ("name", "region", "version", "instanceType", "Region", "InstanceType", "MaxCount", "effect", "subnets", "slots")
KEYS += ("replicas", "vpc.amazonaws.com/efa", "hugepages-2Mi", "availabilityZones", "maxSize", "Name")
KEYS += ("instance_group", "nodes", "subnet", "os", "Efa", "Enabled")


def variants(text: str) -> list[tuple[str, object]]:
    """Return the text with one value of each key replaced by each odd one."""
    made = []
    for key in KEYS:
        for odd in ODD:
            data = list(yaml.safe_load_all(text))[-1]
            if replaced(data, key, odd):
                made.append((yaml.safe_dump(data, sort_keys=False), odd))
    return made


def replaced(data: object, key: str, odd: object) -> bool:
    if isinstance(data, dict):
        if key in data:
            data[key] = odd
            return True
        return sum(replaced(value, key, odd) for value in data.values()) > 0
    return isinstance(data, list) and sum(replaced(item, key, odd) for item in data) > 0


@pytest.mark.parametrize("name", FILES)
def test_no_message_has_python_s_word_for_a_value(tmp_path, name):
    path, where, said = tmp_path / "x.yaml", on_target(any_supported()), 0
    for text, odd in variants((ROOT / "cluster-configs" / name).read_text()):
        path.write_text(text)
        try:
            messages = [f"{item.message} {item.fix}" for item in judge_file(path, where)]
        except EfakitError as error:
            messages = [str(error)]
        said += bool(messages)
        assert [message for message in messages if PYTHON.search(message)] == [], odd
    assert said > 5


def test_what_changes_in_the_catalog_is_shown_as_its_file_has_it():
    assert changes({"efa": None}, {"efa": True}) == ["efa null -> true"]


HOSTILE = """apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  volumes: [{name: [a]}, {name: {b: null}, hostPath: {path: [/dev]}}]
  containers:
  - name: a
    volumeMounts: [{name: {b: null}}, {name: null}, {name: [c]}]
    resources: {limits: {vpc.amazonaws.com/efa: %s, memory: %sMi, hugepages-2Mi: %sMi}}
"""


def test_names_that_are_no_text_and_numbers_that_have_no_end_are_told(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(HOSTILE % (("9" * 400,) * 3))
    messages = [item.message for item in judge_file(path, on_target(any_supported()))]
    assert [message for message in messages if message.startswith("the pod has no volume ")] == [
        "the pod has no volume null",
        "the pod has no volume ['c']",
    ]
    assert any(message.endswith("... is not a whole number") for message in messages)
