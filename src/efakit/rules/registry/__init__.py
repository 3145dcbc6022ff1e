"""Every rule of efakit: what it finds, why that matters, an example that is wrong and the same one right, its source.

Rows of scripts, configs, the hook and clusters stand here; those of variables and stacks are made from the catalog's
rows. ``efakit explain --rule`` prints one, docs/rules.md shows them all, SARIF carries them.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from efakit.rules.registry.examples import given_text
from efakit.rules.registry.row import ROOMS, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHARED = "shared"
# What a spec says of a cluster is judged by the rules of configs where both have the same fault, and variables of an
# image by those of scripts.
_ALSO = {"spec": ("config",), "dockerfile": ("script",)}

__all__ = ["ROOMS", "Rule", "given_text", "nearest_rules", "rule_of", "rules", "rules_of"]


@lru_cache(maxsize=None)
def rules() -> Mapping[str, Rule]:
    """Return every rule by its id, in the order of ``ROOMS``; raise ValueError for a duplicate id."""
    found: dict[str, Rule] = {}
    for part in (*ROOMS, _SHARED):
        for row in _load(part):
            if row.id in found:
                raise ValueError(f"duplicate rule {row.id!r}")
            found[row.id] = row
    return found


@lru_cache(maxsize=None)
def rules_of(room: str) -> Mapping[str, Rule]:
    """Return the rules of one room, a key of ``ROOMS``, by their ids; the rows of other rooms are not loaded."""
    parts = (room, _SHARED, *_ALSO.get(room, ()))
    return {row.id: row for part in parts for row in _load(part) if room in row.room.split()}


def rule_of(id_: str) -> Rule | None:
    """Return a rule by the id that a finding has, None where there is none; JUDGE:VALIDATOR is the judge's rule."""
    found = rules().get(id_)
    return rules().get(f"{id_.partition(':')[0]}:*") if found is None and ":" in id_ else found


def nearest_rules(word: str) -> list[str]:
    """Return the ids nearest to a word, the nearest first: at most three."""
    from efakit.nearness import near

    inside = [id_ for id_ in rules() if word.lower() in id_][:3]
    return near(word, rules(), most=3) or inside


@lru_cache(maxsize=None)
def _load(part: str) -> tuple[Rule, ...]:
    module = import_module(f"efakit.rules.registry.{part}")
    made: tuple[Rule, ...] = module.RULES if hasattr(module, "RULES") else module.made()
    return tuple(row._replace(wrong=_dedented(row.wrong), right=_dedented(row.right)) for row in made)


def _dedented(example: str) -> str:
    """Return an example without the margin that a row's lines have."""
    if not example.startswith("\n "):
        return example
    lines = example.strip("\n ").split("\n")
    margin = len(example) - len(example.lstrip("\n ")) - 1
    return "\n".join([lines[0], *(line[margin:] for line in lines[1:])])
