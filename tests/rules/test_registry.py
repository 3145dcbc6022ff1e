"""The registry of rules: all that any code can say is in it, and its examples are what they say."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.errors import UsageError
from efakit.finding import Severity
from efakit.lint import config as config_lint
from efakit.lint.dockerfile.rule import all_rules as dockerfile_checks
from efakit.lint.manifest import lint_manifests
from efakit.lint.script.rule import all_rules as script_checks
from efakit.rules.registry import ROOMS, Rule, given_text, nearest_rules, rule_of, rules, rules_of
from efakit.rules.stack import stack_findings
from tests.rules.examples import (
    config_findings,
    dockerfile_findings,
    script_findings,
    spec_findings,
    variable_findings,
)

SOURCE = Path(__file__).resolve().parents[2] / "src" / "efakit"
# What makes a finding, by the name under which it is called: the rule is the first argument.
_MAKERS = {"Finding", "Passed", "_finding", "finding"}
_MAKERS_OF_SPECS = {"at", "fault"}
_SAID_HERE = ("hook", "node", "doctor", "spec", "validate", "vendor", "plan", "jobs", "report", "cli", "submit")


def of_room(room: str) -> list[object]:
    """Return the rules whose examples are of a room: those that rooms share have the first one's."""
    return [pytest.param(rule, id=rule.id) for rule in rules().values() if rule.room.split()[0] == room]


def right_given(rule: Rule) -> dict[str, object]:
    return dict(rule.given if rule.right_given is None else rule.right_given)


def test_each_rule_says_what_it_finds_why_and_on_whose_word():
    for rule in rules().values():
        assert set(rule.room.split()) <= set(ROOMS), rule.id
        assert Severity(rule.severity), rule.id
        for sentence in (rule.what, rule.why):
            assert sentence.endswith((".", ":")), (rule.id, sentence)
            assert "  " not in sentence, (rule.id, sentence)
        assert rule.source.startswith(("https://", "docs/")), rule.id
        assert rule.source.startswith("https://") or (SOURCE.parents[1] / rule.source).is_file(), rule.id
        assert rule.wrong != rule.right or right_given(rule) != rule.given, rule.id
        assert not rule.enforce or "hook" in rule.room, rule.id
        assert given_text(rule.given) or not rule.given, rule.id


@pytest.mark.parametrize("rule", of_room("config"))
def test_a_config_s_wrong_example_is_found_and_the_right_one_is_not(rule: Rule):
    wrong, right = config_findings(rule.wrong, rule.given), config_findings(rule.right, right_given(rule))
    assert rule.severity in [item.severity for item in wrong if item.rule == rule.id]
    assert rule.id not in [item.rule for item in right]
    # What is right about the one thing is wrong in no other way, or was before.
    assert {item.rule for item in right if item.severity == "error"} <= {item.rule for item in wrong}


@pytest.mark.parametrize("rule", of_room("manifest"))
def test_a_manifest_s_wrong_example_is_found_and_the_right_one_is_not(rule: Rule):
    wrong, right = lint_manifests(rule.wrong, "job.yaml"), lint_manifests(rule.right, "job.yaml")
    assert rule.severity in [item.severity for item in wrong if item.rule == rule.id]
    assert {item.rule for item in right} <= {item.rule for item in wrong} - {rule.id}


@pytest.mark.parametrize("rule", of_room("script"))
def test_a_script_s_wrong_example_is_found_and_the_right_one_is_not(rule: Rule):
    wrong, right = script_findings(rule.wrong, rule.given), script_findings(rule.right, right_given(rule))
    found = [item for item in wrong if item.rule == rule.id]
    assert found
    assert rule.mends or not any(item.mendable for item in found)
    assert {item.rule for item in right} <= {item.rule for item in wrong} - {rule.id}


@pytest.mark.parametrize("rule", of_room("dockerfile"))
def test_a_dockerfile_s_wrong_example_is_found_and_the_right_one_is_not(rule: Rule):
    wrong, right = dockerfile_findings(rule.wrong), dockerfile_findings(rule.right)
    assert rule.severity in [item.severity for item in wrong if item.rule == rule.id]
    assert not any(item.mendable for item in wrong)
    assert {item.rule for item in right} <= {item.rule for item in wrong} - {rule.id}


@pytest.mark.parametrize("rule", of_room("variable"))
def test_a_variable_s_wrong_example_is_found_and_the_right_one_is_not(rule: Rule):
    found = [item for item in variable_findings(rule.wrong, rule.given) if item.rule == rule.id]
    assert found
    assert rule.mends or not any(item.mendable for item in found)
    assert rule.id not in [item.rule for item in variable_findings(rule.right, right_given(rule))]


@pytest.mark.parametrize("rule", of_room("stack"))
def test_a_stack_s_wrong_example_is_found_and_the_right_one_is_not(rule: Rule):
    instance = rule.given.get("instance")
    wrong, right = (yaml.safe_load(text)["cluster"]["stack"] for text in (rule.wrong, rule.right))
    assert rule.severity in [item.severity for item in stack_findings(wrong, instance) if item.rule == rule.id]
    assert rule.id not in [item.rule for item in stack_findings(right, instance)]


@pytest.mark.parametrize("rule", of_room("spec"))
def test_a_spec_s_wrong_example_is_found_and_the_right_one_is_not(rule: Rule, tmp_path: Path):
    assert [item.rule for item in spec_findings(rule.wrong, tmp_path)] == [rule.id]
    # What is right for the schema may lack what the plan asks for: Pyxis must be switched on for pyxis' options.
    assert {item.rule for item in spec_findings(rule.right, tmp_path)} <= {"pyxis-off"} - {rule.id}


def test_each_rule_of_scripts_and_configs_is_asked_by_one_function():
    asked = {check.row.id for check in script_checks() if check.row is not None}
    # Said of a comment, and by a row that is made where the catalog has none.
    assert set(rules_of("script")) - asked == {"ignore-unknown-rule", "variable-not-read"}
    assert {rule.id for rule in config_lint.all_rules()} == set(rules_of("config"))
    asked = {check.row.id for check in dockerfile_checks() if check.row is not None}
    # Asked of an image's variables by the functions of scripts.
    shared = {"ignore-unknown-rule", "variable-not-read", "misspelt-variable", "unknown-variable", "preload-plugin"}
    assert set(rules_of("dockerfile")) - asked == shared


@cache
def said() -> list[tuple[str, str]]:
    """Return each rule that the code names where it makes a finding, and the room of the code."""
    return sorted(set(emitted()))


def emitted() -> Iterator[tuple[str, str]]:
    for room in _SAID_HERE:
        for path in sorted((SOURCE / room).rglob("*.py")):
            tree = ast.parse(path.read_text())
            for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
                for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
                    made = name in _MAKERS or getattr(call.func, "id", "") in _MAKERS_OF_SPECS
                    if made and call.args:
                        yield from ((rule, room) for rule in ids_of(call.args[0], function, tree))
            for mapping in (node for node in ast.walk(tree) if isinstance(node, ast.Dict)):
                keys = [key.value for key in mapping.keys if isinstance(key, ast.Constant)]
                if len(keys) > 1 and len(keys) == len(mapping.keys) and set(keys) <= set(rules()):
                    yield from ((str(key), room) for key in keys)  # faults by rule
                for key, value in zip(mapping.keys, mapping.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "rule" and isinstance(value, ast.Constant):
                        yield str(value.value), room


def ids_of(node: ast.expr, function: ast.FunctionDef, tree: ast.Module) -> set[str]:
    """Return what an argument can be: the text itself, or every rule's name in what is assigned to it."""
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.Name):
        bound = [item for item in ast.walk(function) if binds(item, node.id)]
        values = [item.iter if isinstance(item, ast.For) else item.value for item in bound]  # type: ignore[attr-defined]
        names = {name.id for value in values for name in ast.walk(value) if isinstance(name, ast.Name)}
        values += [item.value for item in tree.body if isinstance(item, ast.Assign) and names & targets(item)]
        values += [item for item in tree.body if isinstance(item, ast.FunctionDef) and item.name in names]
        texts = {item.value for value in values for item in ast.walk(value) if isinstance(item, ast.Constant)}
        return {text for text in texts if isinstance(text, str) and text in rules()}
    return set()


def binds(node: ast.AST, name: str) -> bool:
    target = node.target if isinstance(node, ast.For) else node.targets[0] if isinstance(node, ast.Assign) else None
    return target is not None and name in {item.id for item in ast.walk(target) if isinstance(item, ast.Name)}


def targets(node: ast.Assign) -> set[str]:
    return {item.id for target in node.targets for item in ast.walk(target) if isinstance(item, ast.Name)}


def test_what_the_code_says_is_registered():
    # Doctor says of a node what the hook says there, and more.
    rooms = {"hook": {"hook"}, "node": {"hook"}, "doctor": {"cluster", "doctor", "hook"}}
    rooms.update(spec={"spec"}, plan={"spec"}, submit={"submit"})
    for rule, room in said():
        found = rule_of(rule)
        assert found is not None, f"efakit/{room} says {rule!r}, which no row of efakit.rules.registry has"
        assert room not in rooms or rooms[room] & set(found.room.split()), (rule, room)


@pytest.mark.parametrize("room", ["hook", "cluster", "doctor", "spec", "submit"])
def test_what_is_registered_is_said_by_the_code(room: str):
    by_room = {"hook": ("hook", "node"), "cluster": ("doctor",), "doctor": ("doctor",), "spec": ("spec", "plan")}
    by_room["submit"] = ("submit",)
    found = {rule for rule, where in said() if where in by_room[room]}
    if by_room[room] == ("doctor",):  # its code says the rules of several rooms
        found &= set(rules_of(room))
    assert set(rules_of(room)) == found


def test_a_vendor_s_rule_is_its_judge_s():
    found = rule_of("pcluster:EfaValidator")
    assert found is not None
    assert found.room == "vendor"
    assert rule_of("elsewhere:EfaValidator") is None


def test_a_typo_is_told_its_neighbours():
    assert nearest_rules("devices-mising")[0] == "devices-missing"
    assert "nccl-net-socket" in nearest_rules("net-socket")
    assert nearest_rules("qqqqqq") == []


def run(*arguments: str) -> str:
    done = CliRunner().invoke(efakit, ["explain", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_explain_prints_each_rule():
    for rule in rules().values():
        output = run("--rule", rule.id)
        assert output.startswith(f"{rule.id}: {rule.severity}")
        assert rule.source in output, rule.id
        assert re.sub(r"\s+", " ", rule.what) in re.sub(r"\s+", " ", output), rule.id
        assert ("Mode enforce" in output) == bool(rule.enforce), rule.id


def test_explain_gives_a_rule_as_data():
    data = json.loads(run("--rule", "key-not-in-release", "--format", "json"))
    assert (data["id"], data["severity"], data["rooms"]) == ("key-not-in-release", "error", ["config"])
    assert data["wrong_given"] == {"parallelcluster": "3.14.0"}
    assert data["right_given"] == {"parallelcluster": "3.15.0"}
    assert data["pcluster"] == "ConfigSchema"


def test_a_rule_that_is_none_is_refused_with_its_neighbour():
    with pytest.raises(UsageError, match="did you mean head-memory"):
        CliRunner().invoke(efakit, ["explain", "--rule", "head-memmory"], catch_exceptions=False, standalone_mode=False)


def test_the_shell_completes_a_rule():
    environment = {"_EFAKIT_COMPLETE": "bash_complete", "COMP_WORDS": "efakit explain --rule head-", "COMP_CWORD": "3"}
    done = CliRunner().invoke(efakit, prog_name="efakit", env=environment)
    assert done.output.split() == ["plain,head-architecture", "plain,head-memory", "plain,head-small"]
