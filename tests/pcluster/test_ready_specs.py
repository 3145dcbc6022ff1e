"""Every ready spec's config is accepted by the real pcluster, on a simulated account."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from efakit.vendor.simulated_account import Judge, account_for

pytestmark = pytest.mark.pcluster
CONFIGS = sorted((Path(__file__).resolve().parents[2] / "cluster-configs").glob("*.cluster.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name.removesuffix(".cluster.yaml"))
def test_a_ready_spec_is_accepted(path, judge: Judge):
    text = path.read_text()
    answer = judge.dry_run(text, account_for(yaml.safe_load(text)))
    assert answer.accepted, answer.findings
    assert answer.errors == ()


def test_every_family_has_its_ready_spec():
    names = {path.name.removesuffix(".cluster.yaml") for path in CONFIGS}
    assert names >= {"p4d", "p5-capacity-block", "p5en-reservation", "p6-b200", "p6-b300", "trn1", "trn2"}
    assert names >= {"hpc7a", "hpc7g", "g6e", "cpu-and-gpu", "login-accounting-fsx"}
