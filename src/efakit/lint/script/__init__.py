"""Rules for sbatch scripts, launchers and env files: ``lint_script`` asks them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from efakit.catalog.variables import rows
from efakit.finding import WARNING, Finding, Place
from efakit.lint.script.ignore import IGNORE_RULE, ignored
from efakit.lint.script.model import Script
from efakit.lint.script.read import read_script
from efakit.lint.script.rule import Context, Problem, Surroundings, all_rules
from efakit.nearness import did_you_mean
from efakit.rules.registry import Rule as Row
from efakit.rules.registry import nearest_rules, rules

__all__ = ["Surroundings", "findings_of", "lint_model", "lint_script", "partition_of", "read_script"]


def lint_script(file: str, data: bytes, surroundings: Surroundings) -> list[Finding]:
    """Return what efakit's rules have against a script, a template or an env file, by line.

    ``data`` is the file's content; nothing is opened. Raises UsageError where it is empty or no text.
    """
    script = read_script(file, data)
    return lint_model(script, surroundings)


def lint_model(script: Script, surroundings: Surroundings) -> list[Finding]:
    """Return what the rules have against a script that is read already."""
    contexts = [Context(one, surroundings) for one in (script, *script.embedded)]
    asked = ((rule.row, problem) for one in contexts for rule in all_rules() for problem in rule.check(one))
    return findings_of(script, asked)


def findings_of(script: Script, problems: Iterable[tuple[Row | None, Problem]]) -> list[Finding]:
    """Return problems as findings, by line, each once, without those that a comment of the file leaves out."""
    left_out = ignored(script)
    found: dict[tuple[int, int, str, str], Finding] = {}
    for row, problem in problems:
        finding = _finding(row, problem, script)
        if not left_out.covers(finding.rule, finding.line):
            found.setdefault((finding.line, finding.column, finding.rule, finding.message), finding)
    for finding in _unknown_rules(script):
        found[(finding.line, finding.column, finding.rule, finding.message)] = finding
    return sorted(found.values(), key=lambda item: (item.line, item.column, -item.severity.rank, item.rule))


def partition_of(script: Script) -> str | None:
    """Return the partition that a script asks for, None where it leaves that open."""
    found = [item.value for item in script.directives if item.option == "partition" and item.in_force]
    return found[-1] if found else None


def _finding(row: Row | None, problem: Problem, script: Script) -> Finding:
    source = script.source
    line, column = source.place(problem.span.start)
    end_line, end_column = source.place(max(problem.span.end, problem.span.start))
    return Finding(
        problem.rule or (row.id if row else ""),
        problem.severity or (row.severity if row else WARNING),
        problem.message,
        place=Place(source.file, line, column, end_column if end_line == line else None),
        fix=problem.fix,
        source=problem.source or (row.source if row else ""),
        edits=problem.edits,
        about=problem.about,
    )


def _unknown_rules(script: Script) -> Iterator[Finding]:
    """Give a finding for each name in a comment that is no rule's."""
    found = ignored(script)
    for name, span in found.unknown(known_rules()) if found.named else ():
        row = rules()[IGNORE_RULE]
        place = Place(script.source.file, *script.source.place(span.start))
        message = f"unknown rule {name}: this comment ignores nothing"
        fix = did_you_mean(nearest_rules(name)[:1]) or "docs/rules.md lists the rules"
        yield Finding(row.id, row.severity, message, place=place, fix=fix, source=row.source)


@lru_cache(maxsize=1)
def known_rules() -> frozenset[str]:
    """Return the names that a comment may leave out: of rules, and of rows that are a choice and never a finding."""
    return frozenset((*rules(), *(row.id for row in rows())))
