"""The judges of platforms other than ParallelCluster: each asks its vendor's own parsers about what efakit renders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from efakit.emit.registry import emit
from efakit.finding import Finding, Place
from efakit.plan.plan import Plan
from efakit.validate.judges import Judgement, outcome_of
from efakit.validate.sagemaker import by_sagemaker
from efakit.vendor import dstack_parsers

_DSTACK = "https://dstack.ai/docs/reference/dstack.yml/"
_NEVER_BY_DSTACK = (
    "dstack's parsers know no instance type and no capacity: 'dstack apply' shows what a fleet can have before it asks"
)


def platform_judgements(file: Path, plan: Plan, *, vendor: bool) -> list[Judgement]:
    """Return the judgement of each platform of a spec's that has a judge; ``vendor``: whether they are wanted."""
    return [judge(file, plan, vendor) for name, judge in _JUDGES.items() if name in plan.sections]


def _by_dstack(file: Path, plan: Plan, vendor: bool) -> Judgement:
    installed = dstack_parsers.installed_version()
    if not vendor:
        return Judgement("dstack", installed, "not asked", "dstack: left out by --no-vendor")
    if installed is None:
        why = "dstack: not installed; pip install 'efakit[dstack]', best in an environment of its own"
        return Judgement("dstack", None, "not asked", why)
    files = {item.path: item.content for item in emit(plan, ("dstack",)) if item.path.endswith(".yml")}
    place = Place(str(file), 1, 1)
    try:
        found = [
            Finding("dstack:parser", "error", f"{name}: {text}", source=_DSTACK, place=place)
            for name, text in dstack_parsers.refusals(files)
        ]
    except ImportError as error:
        return Judgement("dstack", installed, "undecided", f"dstack {installed} has its parsers elsewhere ({error})")
    detail = f"dstack {installed}, its parsers, of {len(files)} files"
    return Judgement("dstack", installed, outcome_of(found), detail, tuple(found), (_NEVER_BY_DSTACK,))


_JUDGES: dict[str, Callable[[Path, Plan, bool], Judgement]] = {
    "dstack": _by_dstack,
    "sagemaker": by_sagemaker,
}
