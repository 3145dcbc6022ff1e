"""A decision: what was chosen, why, and on whose word."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    """One choice that efakit made.

    ``subject`` names what was decided in words, ``place`` where it stands in cluster.yaml (empty: nowhere), ``source``
    is the public address of the rule (empty: the user's own word).
    """

    subject: str
    choice: str
    reason: str
    source: str = ""
    place: tuple[str | int, ...] = ()
