"""The plan."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.spec.notice import Notice  # type: ignore[import-not-found]

from efakit.plan.decision import Decision
from efakit.plan.plan import Plan
from efakit.plan.platforms import Platform, register


@dataclass(frozen=True)
class NoticePlan:
    """What was decided."""

    owner: str
    decisions: tuple[Decision, ...]


def plan_notice(plan: Plan) -> NoticePlan:
    """Decide where the notice hangs."""
    notice = plan.spec.section(Notice)
    assert notice is not None
    return NoticePlan(notice.owner, (Decision("place of the notice", "notice.txt", "walls are read"),))


register("notice", Platform(plan_notice))
