"""Rules for ParallelCluster cluster configs: ``lint_config`` asks them all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from efakit.finding import Finding, Place
from efakit.lint.checks import Rule
from efakit.lint.config.given import Account, JobNodes, Offerings
from efakit.lint.config.node import Path
from efakit.lint.config.rule import Check, Problem, all_rules
from efakit.lint.config.view import ClusterView

__all__ = ["Account", "JobNodes", "Offerings", "Path", "Problem", "Rule", "all_rules", "lint_config"]

Where = Callable[[Path], "tuple[int, int]"]


def lint_config(
    data: Any,
    *,
    version: str,
    where: Where,
    file: str,
    jobs: Sequence[JobNodes] | None = None,
    offerings: Offerings | None = None,
    account: Account | None = None,
    software: Mapping[str, str | None] | None = None,
    only: Collection[str] | None = None,
) -> list[Finding]:
    """Return what efakit's rules have against a cluster config, by line.

    ``data`` is the parsed config, of whatever shape; ``version`` the ParallelCluster release that is to read it.
    ``where`` gives line and column of a path, or of what is nearest to it. ``software`` holds the versions that the
    user names, by ``stack_of``'s words. What is not given is not judged. ``only`` names the rules to ask, in place of
    all.
    """
    view = ClusterView(data, version, jobs, offerings, account, software)
    found: dict[tuple[int, int, str, str], Finding] = {}
    for rule in all_rules():
        if only is not None and rule.id not in only:
            continue
        for problem in rule.check(view):
            line, column = where(problem.path)
            found.setdefault((line, column, rule.id, problem.message), _finding(rule, problem, (line, column), file))
    return sorted(found.values(), key=lambda item: (item.line, item.column, -item.severity.rank))


def _finding(rule: Rule[Check], problem: Problem, place: tuple[int, int], file: str) -> Finding:
    at = Place(file, *place, keys=problem.path)
    source = problem.source or rule.source
    return Finding(
        rule.id, rule.severity, problem.message, place=at, fix=problem.fix, source=source, about=problem.about
    )
