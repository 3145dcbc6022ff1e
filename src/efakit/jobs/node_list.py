"""Slurm's node lists: counted before they are expanded, so that a few letters never cost minutes or gigabytes.

A list is what Slurm writes: names with digits in brackets, ``gpu-st-p5-[1-4,7],cpu-1``. All numbers of a range are
filled with zeros to the width of its first one, so that 098-101 is 098, 099, 100, 101 (``_parse_single_range`` in
SchedMD/slurm, ``src/common/hostlist.c``), and what stands before a bracket is never a part of the number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from efakit.errors import RecordError
from efakit.printable import printable

MOST_NODES = 100_000
MOST_LETTERS = 1 << 18
"""An environment variable, by which Slurm tells the hooks the list, has at most half of this on Linux."""
_MOST_PARTS_WITH_BRACKETS = 4096
_MOST_BRACKETS_OF_A_PART = 8
_MOST_DIGITS = 18
_DIGITS_TEXT = "0123456789"
_DIGITS = frozenset(_DIGITS_TEXT)
_NAME = _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.")


def count_nodes(node_list: str) -> int:
    """Return how many nodes Slurm's list names, without expanding it; raise RecordError where it is no such list."""
    return sum(count for _, count in _parts(node_list))


def expand(node_list: str) -> tuple[str, ...]:
    """Return the names in Slurm's list, each once: gpu-st-p5-[1-2] -> gpu-st-p5-1, gpu-st-p5-2.

    Raises:
        RecordError: it is no node list, or names more than MOST_NODES nodes.
    """
    parts = list(_parts(node_list))
    count = sum(count for _, count in parts)
    if count > MOST_NODES:
        raise RecordError(f"{_shown(node_list)} names {count} nodes, and at most {MOST_NODES} are read")
    names: dict[str, None] = {}
    for part, _ in parts:
        names.update(dict.fromkeys(_names(part)))
    return tuple(names)


def fold(names: Iterable[str]) -> str:
    """Return names as Slurm's list, in order: gpu-st-p5-1, gpu-st-p5-2 -> gpu-st-p5-[1-2]. ``expand`` is its inverse.

    Numbers at the end of names are folded, those with leading zeros by their width. What is no name for Slurm stays as
    it is.
    """
    numbered: dict[tuple[str, int], list[int]] = {}
    for name in dict.fromkeys(names):
        stem = name.rstrip(_DIGITS_TEXT)
        digits = name[len(stem) :]
        if not digits or len(digits) > _MOST_DIGITS or not _NAME.issuperset(stem):
            numbered.setdefault((name, -1), [])
        else:
            # 7 and 10 go together, and so do 007 and 010; 7 and 007 do not.
            numbered.setdefault((stem, len(digits) if digits[0] == "0" and len(digits) > 1 else 0), []).append(
                int(digits)
            )
    numbered = _with_their_width(numbered)
    return ",".join(
        stem if width < 0 else f"{stem}{_ranges(sorted(numbers), width)}" for (stem, width), numbers in numbered.items()
    )


def _with_their_width(numbered: dict[tuple[str, int], list[int]]) -> dict[tuple[str, int], list[int]]:
    """Return the numbers with those that fill a width without zeros beside those that need some: 099, 100."""
    joined: dict[tuple[str, int], list[int]] = {}
    for (stem, width), numbers in numbered.items():
        widths = sorted(other for own, other in numbered if own == stem and other > 0)
        if width or not widths:
            joined.setdefault((stem, width), []).extend(numbers)
            continue
        for number in numbers:
            fit = next((own for own in widths if own == len(str(number))), 0)
            joined.setdefault((stem, fit), []).append(number)
    return joined


def _ranges(numbers: list[int], width: int) -> str:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [
        str(first).zfill(width) if first == last else f"{str(first).zfill(width)}-{str(last).zfill(width)}"
        for first, last in runs
    ]
    return texts[0] if len(numbers) == 1 else f"[{','.join(texts)}]"


class NodeLists:
    """Expands the lists of many records: each list once, and all of them within one bound.

    Another bound is on what the lists name in all runs together: each run has its own nodes.
    """

    def __init__(self, most_nodes: int = 10 * MOST_NODES, most_of_runs: int = 100 * MOST_NODES) -> None:
        self._left = self._most = most_nodes
        self._left_of_runs = most_of_runs
        self._known: dict[str, tuple[str, ...] | str] = {}
        self._uses: set[tuple[str, object]] = set()
        self._unions: dict[tuple[str, ...], dict[str, None]] = {}

    def use(self, node_list: str, run: object) -> None:
        """Note that a run has this list; raise RecordError as ``names``, and where all runs have too many nodes."""
        if (node_list, run) in self._uses:
            return
        count = len(self.names(node_list))
        if count > self._left_of_runs:
            raise RecordError(f"{_shown(node_list)}: the runs before this one have as many nodes as can be read")
        self._left_of_runs -= count
        self._uses.add((node_list, run))

    def union(self, node_lists: tuple[str, ...]) -> Mapping[str, None]:
        """Return the names in all of these lists, each once, in order."""
        if node_lists not in self._unions:
            self._unions[node_lists] = {name: None for text in node_lists for name in self.names(text)}
        return self._unions[node_lists]

    def names(self, node_list: str) -> tuple[str, ...]:
        """Return what ``expand`` does; raise RecordError also where all lists together name too many nodes."""
        if node_list not in self._known:
            try:
                if MOST_NODES >= count_nodes(node_list) > self._left:
                    raise RecordError(f"{_shown(node_list)}: the records' lists name more than {self._most} nodes")
                self._known[node_list] = names = expand(node_list)
                self._left -= len(names)
            except RecordError as error:
                self._known[node_list] = str(error)
        known = self._known[node_list]
        if isinstance(known, str):
            raise RecordError(known)
        return known


def _parts(node_list: str) -> Iterator[tuple[str, int]]:
    """Give each part between two commas outside of brackets, and how many nodes it names."""
    if len(node_list) > MOST_LETTERS:
        raise RecordError(f"{_shown(node_list)} is too long for a node list")
    with_brackets = 0
    for part in _split(node_list):
        with_brackets += "[" in part
        if with_brackets > _MOST_PARTS_WITH_BRACKETS:
            raise _not_a_list(node_list, f"more than {_MOST_PARTS_WITH_BRACKETS} parts with brackets")
        yield part, _count_part(node_list, part)


def _split(node_list: str) -> Iterator[str]:
    """Give what stands between two commas that are outside of brackets."""
    start, inside = 0, False
    for position, letter in enumerate(node_list):
        if letter == "," and not inside:
            yield node_list[start:position]
            start = position + 1
        elif letter in "[]":
            inside = letter == "["
    yield node_list[start:]


def _names(part: str) -> Iterator[str]:
    """Give the names that a part means, of which ``_count_part`` has seen that it is well formed."""
    before, *brackets = part.split("[")
    choices = [[before]]
    for piece in brackets:
        ranges, _, literal = piece.partition("]")
        choices.append([number + literal for one in ranges.split(",") for number in _numbers(one)])
    return map("".join, product(*choices))


def _numbers(text: str) -> Iterator[str]:
    first, _, last = text.partition("-")
    return (str(number).zfill(len(first)) for number in range(int(first), int(last or first) + 1))


def _count_part(node_list: str, part: str) -> int:
    before, *brackets = part.split("[")
    if len(brackets) > _MOST_BRACKETS_OF_A_PART:
        raise _not_a_list(node_list, f"more than {_MOST_BRACKETS_OF_A_PART} brackets in one name")
    count, literals = 1, before
    for piece in brackets:
        ranges, closed, literal = piece.partition("]")
        if not closed:
            raise _not_a_list(node_list, "a bracket within brackets, or one that is not closed")
        count *= sum(_count_range(node_list, one) for one in ranges.split(","))
        literals += literal
    if not part or not _NAME.issuperset(literals):
        raise _not_a_list(node_list, "a name is empty" if not part else f"{_shown(part)} is not a name")
    return count


def _count_range(node_list: str, text: str) -> int:
    first, dash, last = text.partition("-")
    for number in (first, last) if dash else (first,):
        if not number or len(number) > _MOST_DIGITS or not _DIGITS.issuperset(number):
            raise _not_a_list(node_list, f"{_shown(text)} is not a range of numbers")
    count = int(last) - int(first) + 1 if dash else 1
    if count < 1 or (dash and len(first) > len(last)):
        raise _not_a_list(node_list, f"the range {_shown(text)} runs backwards")
    return count


def _not_a_list(node_list: str, why: str) -> RecordError:
    return RecordError(f"{_shown(node_list)} is not a node list: {why}")


def _shown(text: str) -> str:
    return repr(printable(text, 60))
