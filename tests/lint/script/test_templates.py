"""The scripts that efakit renders are clean under its own lint: every template, instance family and stack."""

from __future__ import annotations

import pytest

from efakit.catalog import instances
from efakit.lint.script import Surroundings, lint_script
from efakit.rules.releases import target_of
from efakit.rules.target import Target, any_supported
from scripts.golden_jobs import Case, cases, script

CASES = cases()


def findings(case: Case, target: Target) -> list[str]:
    surroundings = Surroundings(target, instances.get(case.instance))
    found = lint_script("job.sbatch", script(case).encode(), surroundings)
    return [f"{item.line} {item.severity} {item.rule}: {item.message}" for item in found]


def name(case: Case) -> str:
    return f"{case.example.name}-{case.instance}-{case.release}"


@pytest.mark.thorough
@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_rendered_script_is_clean_where_nothing_is_known(case):
    assert findings(case, any_supported()) == []


@pytest.mark.parametrize("case", [case for case in CASES if "container" not in case.example.job], ids=name)
def test_a_rendered_script_is_clean_on_its_own_stack(case):
    target = target_of(parallelcluster=case.release, plugin=case.plugin, instance=case.instance)
    # A release's software may be older than a type asks for: that is not the script's.
    assert [found for found in findings(case, target) if " software-risky: " not in found] == []
