"""DECISIONS.md: each decision with its reason and its source. Part of every bundle, whatever its targets."""

from __future__ import annotations

from efakit.emit.registry import File
from efakit.plan.decision import Decision
from efakit.plan.plan import Plan


def emit_decisions(plan: Plan) -> File:
    """Return DECISIONS.md."""
    from efakit import __version__

    lines = ["# Decisions", "", f"Made by efakit {__version__} for {plan.stack.summary()}.", ""]
    for title, decisions in plan.chapters:
        lines += [f"## {title}", "", *(_line(decision) for decision in decisions), ""]
    return File("DECISIONS.md", "\n".join(lines).encode())


def _line(decision: Decision) -> str:
    source = f" ([source]({decision.source}))" if decision.source else ""
    return f"- **{decision.subject}: {decision.choice}**: {decision.reason}{source}"
