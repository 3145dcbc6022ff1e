"""A number, true or false where a spec wants text is the text that the file spells."""

from __future__ import annotations

from pathlib import Path

import pytest

from efakit.errors import SpecError
from efakit.spec.load import read_spec
from efakit.spec.model import Spec
from efakit.spec.yamltext import Document

SPEC = """\
cluster:
  stack: {{cuda: {cuda}}}
  queues:
    - name: gpu
      compute_resources: [{{name: p5, instance: p5.48xlarge, nodes: 4}}]
hooks: {{records_mode: {mode}}}
jobs:
  - name: train
    template: torchrun
    script: train.py
    time: {time}
    env: {{X: {env}}}
    args: [{args}]
    slurm: {{gres: [{gres}]}}
"""


def spec_of(cuda="12.8", mode="'0644'", time="'60'", env="a", args="a", gres="a") -> Spec:
    text = SPEC.format(cuda=cuda, mode=mode, time=time, env=env, args=args, gres=gres)
    return read_spec(Document(Path("spec.yaml"), text))


@pytest.mark.parametrize("spelled", ["1", "1.10", "007", "0x10", "1e3", "true", "False", "+1", "-0", "1:30:00"])
def test_a_value_of_env_and_an_argument_are_what_the_file_spells(spelled):
    (job,) = spec_of(env=spelled, args=f"{spelled}, --steps, {spelled}").jobs
    assert job.env == {"X": spelled}
    assert job.args == (spelled, "--steps", spelled)


def test_a_release_keeps_its_last_zero():
    assert spec_of(cuda="12.10").cluster.stack.cuda == "12.10"


def test_a_file_mode_and_a_time_limit_need_no_quotes():
    spec = spec_of(mode="0640", time="90")
    assert (spec.hooks.records_mode, spec.jobs[0].time) == ("0640", "90")


def test_an_item_of_a_list_that_may_be_text_too_is_spelled_out():
    assert spec_of(gres="1.10, 2").jobs[0].slurm["gres"] == ("1.10", "2")


@pytest.mark.parametrize("value", ["", "[1]", "{a: 1}"])
def test_nothing_and_lists_are_no_text(value):
    with pytest.raises(SpecError, match=r"jobs\[0\]\.env\.X"):
        spec_of(env=value)


def test_a_number_that_is_wrong_as_text_too_is_told_as_the_file_has_it():
    with pytest.raises(SpecError, match=r"'1\.50' is not"):
        spec_of(time="1.50")
