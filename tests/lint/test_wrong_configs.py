"""Each wrong config is refused by efakit with rule, line and fix, and by pcluster too where it can."""

from __future__ import annotations

import pytest
import yaml

from efakit.catalog import offerings
from efakit.catalog.known_faults import FAULTS
from efakit.finding import Finding
from efakit.lint.config import all_rules, lint_config
from efakit.lint.config.document import ConfigDocument
from efakit.vendor.simulated_account import Judge, account_for
from tests.lint.wrong_configs import WRONG, Wrong
from tests.pcluster.simulated import config, standard_account, text

VERSION = "3.16.1"


def lint(written: str, version: str = VERSION) -> list[Finding]:
    document = ConfigDocument("cluster.yaml", written)
    return lint_config(document.data, version=version, where=document.where, file="cluster.yaml", offerings=offerings)


def written(wrong: Wrong) -> str:
    return text(config(standard_account(), *wrong.changes))


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_efakit_refuses_it_with_rule_line_and_fix(wrong: Wrong):
    source = written(wrong)
    found = [item for item in lint(source) if item.rule == wrong.rule]
    assert found, [(item.rule, item.message) for item in lint(source)]
    lines = source.splitlines()
    places = [lines[item.line - 1].strip().removeprefix("- ") for item in found]
    assert any(place.startswith(wrong.at.removeprefix("- ")) for place in places), places
    assert any(wrong.fix in item.fix for item in found), [item.fix for item in found]
    assert all(item.severity == "error" and item.message and item.source.startswith("https://") for item in found)


@pytest.mark.pcluster
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_pcluster_refuses_it_too_where_it_can(wrong: Wrong, judge: Judge):
    source = written(wrong)
    account = standard_account().simulated
    if wrong.rule in ("reservation-id", "ultraserver-too-large", "os-unsupported-by-type"):
        account = account_for(yaml.safe_load(source))
    answer = judge.dry_run(source, account)
    if wrong.vendor is None:
        assert answer.accepted, answer.findings
    elif wrong.vendor == "":
        assert not answer.accepted
        assert answer.validators("error") == {""}, answer.findings
    else:
        assert f"{wrong.vendor}Validator" in answer.validators("error"), answer.findings


def test_what_pcluster_accepts_says_why_efakit_does_not():
    rules = {rule.id: rule for rule in all_rules()}
    for name, wrong in WRONG.items():
        if wrong.vendor is None:
            assert rules[wrong.rule].row.stricter, name


def test_every_rule_that_refuses_has_a_wrong_config():
    # Three need to know the account (test_account.py), one the jobs (test_rules.py), one no config at all, and one
    # an older release (test_software.py), as the known faults of releases do (test_releases.py). Two are
    # tried by the cases that users reported (test_reported_cases.py).
    elsewhere = {
        "security-group-self",
        "subnet-too-small",
        "offering-zone",
        "job-too-large",
        "config-shape",
        "software-broken",
        "login-architecture",
        "policy-misspelt",  # pcluster's simulated account has whatever policy a config names (test_rules.py)
        "slurm-topology",
        *(row.id for row in FAULTS if row.severity == "error"),
    }
    refusing = {rule.id for rule in all_rules() if rule.severity == "error"}
    assert refusing - {wrong.rule for wrong in WRONG.values()} == elsewhere


def test_every_rule_that_refuses_names_the_validator_or_why_it_is_stricter():
    for rule in all_rules():
        assert rule.row.source.startswith("https://"), rule.id
        if rule.severity == "error":
            assert rule.row.vendor or rule.row.stricter, rule.id
        else:
            assert not rule.row.stricter, rule.id
