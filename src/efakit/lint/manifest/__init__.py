"""Rules for eksctl's configs and Kubernetes manifests, ours or anybody's: what their schemas pass, and fails later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from efakit.finding import Finding, Place
from efakit.lint.manifest.documents import read_manifests
from efakit.lint.manifest.eksctl import config_problems
from efakit.lint.manifest.jobs import job_problems
from efakit.lint.manifest.pods import pod_problems
from efakit.lint.manifest.problem import Path, Problem, at, is_template, items
from efakit.rules.registry import rules_of

__all__ = ["EKSCTL", "lint_manifests"]

EKSCTL = "eksctl.io/"


def lint_manifests(text: str, file: str) -> list[Finding]:
    """Return what efakit's rules have against the documents of a YAML file; raise UsageError where it is no YAML."""
    rows = rules_of("manifest")
    found = []
    for manifest in read_manifests(file, text):
        for problem in chain.from_iterable(_in(path, data) for path, data in _documents(manifest.data)):
            severity, source = problem.severity, problem.source
            if not severity:
                severity, source = rows[problem.rule].severity, rows[problem.rule].source
            place = Place(file, *manifest.where(problem.path))
            found.append(Finding(problem.rule, severity, problem.message, fix=problem.fix, source=source, place=place))
    return sorted(dict.fromkeys(found), key=lambda item: (item.place.line, item.place.column))


def _documents(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Give a document, or those in a List of Kubernetes'."""
    if data.get("kind") == "List" and data.get("apiVersion") == "v1":
        yield from items(data, "items")
    else:
        yield (), data


def _in(path: Path, data: Mapping[str, Any]) -> Iterator[Problem]:
    for problem in _problems(data):
        # What a program puts there later is not known. Of variables it is the rule's own matter.
        if problem.rule != "pod-variable" and is_template(at(data, *problem.path)):
            continue
        yield problem._replace(path=(*path, *problem.path))


def _problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    if str(data.get("apiVersion", "")).startswith(EKSCTL):
        yield from config_problems(data)
        return
    yield from job_problems(data)
    yield from pod_problems(data)
