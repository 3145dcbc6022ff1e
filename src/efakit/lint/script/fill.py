"""Fills arrays and variables of options into the commands that use them: ``srun "${ARGS[@]}"``, ``srun $LAUNCHER``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from efakit.lint.script.model import Ref, Scope, Script, Word
from efakit.lint.script.words import fields

_DEEPEST = 6


def fill_in(script: Script) -> None:
    """Replace each command's words by what the shell would make of them, as far as it is known."""
    outer: dict[int, Scope] = {}
    filled = []
    for command in script.commands:
        scope = command.scope
        if _has_gap(scope.outer):
            if id(scope.outer) not in outer:
                outer[id(scope.outer)] = replace(scope, outer=tuple(_words(script, scope.outer, 0)))
            command = replace(command, scope=replace(scope, outer=outer[id(scope.outer)].outer))
        if _has_gap(command.words):
            command = replace(command, words=tuple(_words(script, command.words, 0)))
        filled.append(command)
    script.commands = filled


def _has_gap(words: tuple[Word, ...]) -> bool:
    return any(isinstance(piece, Ref) for word in words for piece in word.pieces)


def _words(script: Script, words: tuple[Word, ...] | list[Word], depth: int) -> Iterator[Word]:
    for word in words:
        ref = word.pieces[0] if len(word.pieces) == 1 else None
        if not isinstance(ref, Ref) or not ref.name or depth > _DEEPEST:
            yield word
        elif ref.array and ref.name in script.arrays and ref.whole.endswith(("[@]}", "[*]}")):
            yield from (replace(item, split=True) for item in _words(script, script.arrays[ref.name], depth + 1))
        elif not ref.quoted and ref.whole in (f"${ref.name}", f"${{{ref.name}}}"):
            yield from _split(script, word, ref.name, depth)
        else:
            yield word


def _split(script: Script, word: Word, name: str, depth: int) -> Iterator[Word]:
    found = script.last_set(name)
    if found is None or found.word is None:
        yield word
        return
    yield from _words(script, fields(found.word), depth + 1)
