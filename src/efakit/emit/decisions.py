"""DECISIONS.md: what is wrong, and each decision with its reason and source. Part of every bundle."""

from __future__ import annotations

from efakit.emit.registry import File
from efakit.finding import Finding
from efakit.plan.decision import Decision
from efakit.plan.plan import Plan


def emit_decisions(plan: Plan) -> File:
    """Return DECISIONS.md."""
    from efakit import __version__

    lines = ["# Decisions", "", f"Made by efakit {__version__} for {plan.stack.summary()}.", ""]
    if plan.findings:
        lines += ["## Findings", "", *map(_finding, plan.findings), ""]
    for title, decisions in plan.chapters:
        lines += [f"## {title}", "", *(_line(decision) for decision in decisions), ""]
    return File("DECISIONS.md", "\n".join(lines).encode())


def _line(decision: Decision) -> str:
    return f"- **{decision.subject}: {decision.choice}**: {decision.reason}{_source(decision.source)}"


def _finding(finding: Finding) -> str:
    fix = f" Fix: {finding.fix}." if finding.fix else ""
    return f"- **{finding.severity} {finding.rule}**: {finding.message}.{fix}{_source(finding.source)}"


def _source(address: str) -> str:
    return f" ([source]({address}))" if address else ""
