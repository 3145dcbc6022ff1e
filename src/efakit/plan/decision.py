"""A decision: what was chosen, why, and on whose word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Decision:
    """One choice that efakit made.

    ``subject`` names what was decided in words, ``source`` is the public address of the rule (empty: the user's own
    word). ``topic`` is the same for all decisions of a kind, and ``of`` says what of the spec it is about, such as a
    queue's name and a compute resource's: so a target can show it where its own file has what was decided.
    """

    subject: str
    choice: str
    reason: str
    source: str = ""
    topic: str = ""
    of: tuple[str, ...] = ()


class SectionPlan(Protocol):
    """What was decided for a section: whatever its target reads, and the decisions."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The decisions, in the order in which they are told."""
