"""What is right has no error, whatever has an odd shape makes no rule fall over, and rules agree with pcluster."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from efakit.catalog import offerings
from efakit.errors import UsageError
from efakit.finding import Finding
from efakit.lint.config import JobNodes, lint_config
from efakit.lint.config.document import ConfigDocument
from efakit.rules.registry import rules
from efakit.vendor.simulated_account import Judge, account_for
from tests.lint.good_configs import EVERYTHING, changed_configs
from tests.pcluster.simulated import config, standard_account, text
from tests.pcluster.test_judge import CASES

ROOT = Path(__file__).resolve().parents[2]
READY = sorted((ROOT / "cluster-configs").glob("*.cluster.yaml"))


def lint(data: Any, version: str = "3.16.1", **given_: Any) -> list[Finding]:
    return lint_config(data, version=version, where=lambda path: (1, 1), file="x", offerings=offerings, **given_)


def errors(data: Any, version: str = "3.16.1") -> list[str]:
    found = (item for item in lint(data, version) if item.severity == "error" and "creation" not in item.about)
    return [f"{item.rule}: {item.message}" for item in found]


@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if not case.errors], ids=lambda case: str(case.changes)[:60]
)
def test_what_pcluster_accepts_in_the_tests_of_the_judge_has_no_error(case):
    assert errors(config(standard_account(), *case.changes)) == []


@pytest.mark.parametrize("path", READY, ids=lambda path: path.name)
def test_the_ready_configs_have_no_error(path: Path):
    assert errors(yaml.safe_load(path.read_text()), "3.16.3") == []


def test_a_config_with_everything_has_no_finding():
    # Its p5 nodes have the GPU check, of which every release has a known fault.
    assert {item.rule for item in lint(EVERYTHING)} == {"release-gpu-health-check"}


@pytest.mark.pcluster
def test_pcluster_finds_no_fault_with_the_keys_of_a_config_with_everything(judge: Judge):
    answer = judge.dry_run(text(EVERYTHING), account_for(EVERYTHING))
    assert answer.accepted, answer.findings


@pytest.mark.parametrize("version", ["3.11.0", "3.12.0", "3.13.2", "3.14.0", "3.15.0", "3.16.3", "3.99.0"])
def test_a_plain_config_is_right_in_every_release(version):
    assert errors(config(standard_account()), version) == []


def no_shape_makes_a_rule_raise(data: Any, version: str) -> None:
    for finding in lint(data, version, jobs=[JobNodes("a", 10**6)]):
        assert finding.message
        assert len(finding.message) < 1000


def shapes(examples: int) -> Any:
    """Return a test that asks every rule of so many configs."""
    asked = given(changed_configs(), st.sampled_from(["3.11.0", "3.14.0", "3.16.3", "4.0"]))
    return settings(max_examples=examples, suppress_health_check=[HealthCheck.too_slow])(
        asked(no_shape_makes_a_rule_raise)
    )


test_no_shape_makes_a_rule_raise_in_the_inner_loop = shapes(50)
test_no_shape_makes_a_rule_raise = pytest.mark.thorough(shapes(400))


@given(st.text(alphabet="abHeadNode:{}[]-&*!|>'\"#%@ \n\t0123456789\x00\ud800,?<", max_size=60) | st.text(max_size=60))
def test_no_text_makes_the_reader_raise_anything_but_a_clear_error(written: str):
    with contextlib.suppress(UsageError):
        assert ConfigDocument("x.yaml", written).where(("HeadNode", 3, "x"))[0] >= 1


def test_a_number_that_cannot_be_printed_is_judged():
    assert errors(ConfigDocument("x", f"HeadNode: {{InstanceType: 0x{'f' * 5000}}}").data)


def test_a_config_that_contains_itself_and_one_of_too_many_aliases_are_refused():
    laughs = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
        f"{now}: &{now} [{','.join(['*' + before] * 8)}]\n"
        for before, now in zip("abcdefghi", "bcdefghij", strict=True)
    )
    itself = "&a {Region: us-east-1, HeadNode: *a, Scheduling: {SlurmQueues: [*a]}}"
    for text_of_it in (itself, laughs + "HeadNode: *j\n"):
        with pytest.raises(UsageError, match="its aliases"):
            ConfigDocument("x", text_of_it)


def test_aliases_that_people_write_are_judged():
    document = ConfigDocument("x", "a: &a [x,x]\nHeadNode: {Tags: *a}\nScheduling: {SlurmQueues: *a}\n")
    assert all(len(item.message) < 500 for item in lint(document.data))
    assert document.mentioned_in("nothing that stands there") is None


@pytest.mark.pcluster
@settings(
    max_examples=settings().max_examples * 1,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    data=changed_configs(st.sampled_from([None, True, "yes", 0, 1, 7, -3, "7", 2.5, "word", [], {}, ["a"], {"a": 1}]))
)
def test_what_efakit_refuses_pcluster_refuses_too_unless_the_rule_says_why(data: Any, judge: Judge):
    stricter = {name for name, rule in rules().items() if rule.stricter}
    refusals = [item for item in lint(data) if item.severity == "error" and item.rule not in stricter]
    if refusals and isinstance(data, dict) and data.get("Region", "us-east-1") == "us-east-1":
        answer = judge.dry_run(text(data), account_for(data))
        assert not answer.accepted, refusals
