"""For any spec: efakit refuses it with a finding, or pcluster accepts what efakit rendered."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings

from efakit.catalog import offerings
from efakit.emit.parallelcluster import cluster_config
from efakit.errors import SpecError
from efakit.lint.config import lint_config
from efakit.plan.make import make_plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document
from efakit.vendor.simulated_account import Judge, account_for, installed_pcluster_version
from tests.pcluster.specs import specs

pytestmark = pytest.mark.pcluster
EXAMPLES_A_REGION = 130
# Of types that the catalog has by hand, the simulated account knows nothing.
_UNKNOWN_TYPE = "instance types do not exist"


@pytest.mark.parametrize("region", ["us-east-1", "us-east-2", "us-west-2", "eu-north-1"])
def test_what_efakit_lets_pass_pcluster_accepts(region, judge: Judge, record_property):
    outcomes: Counter[str] = Counter()

    # The same draws in each run: a change is judged by what it did, not by luck.
    @settings(
        max_examples=EXAMPLES_A_REGION,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(specs())
    def draw(spec: dict[str, Any]) -> None:
        spec["cluster"]["region"] = region
        outcomes[_outcome(spec, judge)] += 1

    draw()
    record_property("says", f"{region}: {outcomes.total()} specs drawn: {dict(outcomes)}")
    assert outcomes["accepted by both"] > 0
    assert outcomes["refused by efakit"] > 0


def _outcome(spec: dict[str, Any], judge: Judge) -> str:
    """Return how it ended; fail where pcluster refuses what efakit let pass."""
    try:
        config = cluster_config(make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec)))))
    except SpecError:
        return "refused by efakit"
    version = str(installed_pcluster_version())
    findings = lint_config(config, version=version, where=lambda path: (1, 1), file="c", offerings=offerings)
    if any(finding.severity == "error" for finding in findings):
        return "refused by efakit"
    answer = judge.dry_run(yaml.safe_dump(config), account_for(config))
    if not answer.accepted and all(_UNKNOWN_TYPE in item.message for item in answer.errors):
        return "not to be judged offline"
    assert answer.accepted, (yaml.safe_dump(spec), [(item.rule, item.message) for item in answer.errors] or answer.raw)
    return "accepted by both"
