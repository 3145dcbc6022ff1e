"""``efakit explain SPEC`` tells every decision with its reason and its source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.plan.plan import make_plan
from efakit.spec.load import load_spec

SPEC = Path(__file__).resolve().parents[2] / "cluster-configs/p5-capacity-block.yaml"


@pytest.mark.parametrize("form", ["text", "json"])
def test_every_decision_is_told(form):
    output = CliRunner().invoke(efakit, ["explain", str(SPEC), "--format", form]).output
    for decision in make_plan(load_spec(SPEC)).decisions:
        assert decision.subject in output
        assert decision.source in output


def test_a_capacity_block_has_no_placement_group_and_says_why():
    data = json.loads(CliRunner().invoke(efakit, ["explain", str(SPEC), "--format", "json"]).output)
    found = {decision["subject"]: decision for decision in data["decisions"]}["placement group of gpu/p5"]
    assert found["choice"] == "none"
    assert "Capacity Block" in found["reason"]
