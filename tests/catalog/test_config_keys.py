"""The rows of config keys and Slurm settings, and that the installed pcluster's own schema says the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from efakit.catalog.config_keys import KEYS, ROOT, sections, sections_of_all_releases
from efakit.catalog.slurm_settings import DENIED, denied, settings
from efakit.vendor.isolated_environment import isolated_environment
from efakit.vendor.simulated_account import installed_pcluster_version, why_unavailable
from efakit.versions import version_key

# Gives each section's keys of pcluster's schema with what they may hold: paths, for its classes have other names.
_DESCRIBE = """
import json
from marshmallow import fields, validate
from pcluster.schemas.cluster_schema import ClusterSchema

KINDS = {"String": "text", "Integer": "whole", "Boolean": "flag", "Float": "number", "Raw": "any", "Dict": "mapping"}

def limits(field):
    given = field.validate
    rules = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
    for rule in list(rules):
        rules += getattr(rule, "validators", ())
    said = {}
    for rule in rules:
        if isinstance(rule, validate.OneOf):
            said["choices"] = [str(choice) for choice in rule.choices]
        elif isinstance(rule, validate.Regexp):
            said["pattern"] = rule.regex.pattern
        elif isinstance(rule, validate.Length) and rule.equal:
            said.update(least=rule.equal, most=rule.equal)
        elif isinstance(rule, (validate.Range, validate.Length)):
            said.update(least=rule.min, most=rule.max)
    return said

def walk(schema, path):
    for field in schema.fields.values():
        place = path + "." + field.data_key
        said = {"required": field.required, **limits(field)}
        if isinstance(field, fields.Nested):
            action = type(field).__name__.startswith("OneOrMany")
            said["kind"] = "actions" if action else "sections" if field.many else "section"
            yield from walk(field.schema, place)
        elif isinstance(field, fields.List):
            said["kind"] = "mappings" if isinstance(field.inner, fields.Dict) else "texts"
            said.update(limits(field.inner))
        else:
            said["kind"] = KINDS[type(field).__name__]
        yield place, said

print(json.dumps(dict(walk(ClusterSchema("x"), ""))))
"""
# Judged by rules of their own, by release; or sections that efakit leaves to pcluster.
_ELSEWHERE = {".Image.Os", ".Scheduling.Scheduler"}


@pytest.mark.pcluster
def test_the_installed_pcluster_has_these_keys_with_these_values(tmp_path: Path):
    reason = why_unavailable(node=False)
    if reason is not None:
        pytest.skip(reason)
    done = subprocess.run(
        [sys.executable, "-c", _DESCRIBE],
        env=isolated_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    theirs = {path: said for path, said in json.loads(done.stdout).items() if ".AwsBatch" not in path}
    ours = dict(_described(ROOT, "", str(installed_pcluster_version())))
    assert set(ours) == set(theirs)
    for path, said in theirs.items():
        if path not in _ELSEWHERE:
            assert {name: value for name, value in said.items() if value is not None} == ours[path], path


def _described(section: str, path: str, version: str) -> Any:
    for key in sections(version)[section].values():
        if key.name.startswith("AwsBatch"):
            continue
        place = f"{path}.{key.name}"
        said: dict[str, Any] = {"required": key.required, "kind": key.kind}
        said |= {"choices": list(key.choices)} if key.choices else {}
        said |= {"pattern": key.pattern} if key.pattern else {}
        said |= {name: value for name, value in (("least", key.least), ("most", key.most)) if value is not None}
        yield place, said
        if key.child:
            yield from _described(key.child, place, version)


def test_rows_of_one_key_are_for_different_releases():
    for version in ("3.11.0", "3.13.2", "3.14.0", "3.15.0", "3.16.3"):
        names = [(key.section, key.name) for key in KEYS if key.in_release(version)]
        assert len(names) == len(set(names)), version


def test_every_row_can_be_used():
    known = sections_of_all_releases()
    for key in KEYS:
        assert key.child in known or not key.child
        assert (key.kind in ("section", "sections", "actions")) == bool(key.child)
        re.compile(key.pattern)
        assert not key.until or version_key(key.until) > version_key(key.since or "0")
    reached = {ROOT} | {key.child for key in KEYS if key.child}
    assert reached == set(known)


def test_slurm_settings_have_a_level_and_come_and_go_with_releases():
    assert settings("node")["sockets"].name == "Sockets"
    assert "sockets" not in settings("cluster")
    assert not settings("cluster")["epilogtimeout"].in_release("24.11.6")
    assert settings("cluster")["epilogtimeout"].in_release("25.11.4")


def test_what_parallelcluster_denies_are_settings_that_slurm_has():
    for row in DENIED:
        assert row.name == row.name.lower()
        names = {"cluster": settings("cluster"), "partition": settings("partition"), "node": settings("node")}[
            row.level
        ]
        assert row.name in names or row.name in ("partitionname", "nodename"), row


def test_accounting_settings_are_denied_only_with_a_database():
    assert "accountingstoragehost" in denied("cluster", "3.16.1", accounting=True)
    assert "accountingstoragehost" not in denied("cluster", "3.16.1", accounting=False)
