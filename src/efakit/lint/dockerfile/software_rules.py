"""Rules for the releases that an image names: versions that do not go together."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.lint.dockerfile.contents import Contents
from efakit.lint.dockerfile.rule import Context, rule
from efakit.lint.script.rule import Problem
from efakit.lint.script.text import Span
from efakit.rules.stack import stack_findings


@rule("software-broken")
def software_broken(context: Context) -> Iterator[Problem]:
    """Refuse what surely does not work."""
    yield from _found(context, "error")


@rule("software-risky")
def software_risky(context: Context) -> Iterator[Problem]:
    """Name faults that a job may run into."""
    yield from _found(context, "warning")


def _found(context: Context, severity: str) -> Iterator[Problem]:
    """Speak where the image names one of the releases that a finding is about."""
    instance = context.surroundings.instance
    if instance is not None and not instance.efa_capable:
        return
    seen = set()
    for contents in context.contents:
        named = contents.versions
        if not named:
            continue
        for found in stack_findings(context.target(contents).versions, context.surroundings.target.instance):
            place = _place(contents, found.about)
            if found.severity == severity and place is not None and (place, found.message) not in seen:
                seen.add((place, found.message))
                yield Problem(place, found.message, found.fix, source=found.source, about=found.about)


def _place(contents: Contents, about: tuple[str, ...]) -> Span | None:
    """Return where the file says the first of some releases; what the installer brings it says by the installer."""
    for name in (*about, "installer"):
        item = contents.one(name)
        if item is not None and (name in about or set(about) & {"plugin", "libfabric", "driver", "rdma_core"}):
            return item.span
    return None
