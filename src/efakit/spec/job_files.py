"""The files that a spec's jobs name: templates of the user's own, and shell scripts that become a job's body."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from efakit.spec.yamltext import KeyPath

SUFFIX = ".sbatch.j2"
_At = Callable[[KeyPath, str], str]
_SHELLS = re.compile(r"#!\s*/(usr/bin/env +|(usr/)?bin/)(ba)?sh\b")
_DIRECTIVE = re.compile(r"#SBATCH")


def own_templates(folder: str | None) -> list[str]:
    """Return the names of the templates in a folder; none where there is no folder."""
    if folder is None or not Path(folder).is_dir():
        return []
    return sorted(path.name.removesuffix(SUFFIX) for path in Path(folder).glob("*" + SUFFIX))


def read_bodies(jobs: list[Mapping[str, Any]], folder: Path, at: _At) -> tuple[dict[str, str], list[str]]:
    """Return the text of each job's body by the path as the spec has it, and what is wrong with them."""
    texts: dict[str, str] = {}
    problems: list[str] = []
    for number, job in enumerate(jobs):
        if "body" not in job:
            continue
        path = folder / job["body"]
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() or not path.exists() else None
        except (OSError, ValueError) as error:
            text, what = None, getattr(error, "strerror", None) or "not a text file in UTF-8"
        else:
            what = "not a file"
        if text is None:
            problems.append(at(["jobs", number, "body"], f"{path}: cannot be read: {what}"))
            continue
        problems += [f"{path}:{line}: {message}" for line, message in _faults(text)]
        # The script has a first line of its own; another further down would be a mere comment.
        texts[job["body"]] = text.partition("\n")[2] if text.startswith("#!") else text
    return texts, list(dict.fromkeys(problems))


def directives(text: str) -> Iterator[tuple[int, str]]:
    """Give the number of each #SBATCH line of shell text, counted from 1, and what is wrong with it."""
    for number, line in enumerate(text.split("\n"), start=1):
        if _DIRECTIVE.match(line):
            yield number, f"{line.strip()!r}: Slurm would not read it below efakit's header: write it in the job's keys"


def _faults(text: str) -> Iterator[tuple[int, str]]:
    first = text.partition("\n")[0]
    if first.startswith("#!") and not _SHELLS.match(first):
        yield 1, f"{first!r}: the body of a job is a shell script; start another program from it"
    if "\0" in text:
        yield text[: text.index("\0")].count("\n") + 1, "a NUL is no text"
    yield from directives(text)
