"""The files that a spec's jobs name: templates of the user's own, and shell scripts that become a job's body."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from efakit.finding import ERROR, Finding, Place
from efakit.spec.faults import At

SUFFIX = ".sbatch.j2"
_SHELLS = re.compile(r"#!\s*/(usr/bin/env +|(usr/)?bin/)(ba)?sh\b")
_DIRECTIVE = re.compile(r"#SBATCH")


def own_templates(folder: str | None) -> list[str]:
    """Return the names of the templates in a folder; none where there is no folder."""
    if folder is None or not Path(folder).is_dir():
        return []
    return sorted(path.name.removesuffix(SUFFIX) for path in Path(folder).glob("*" + SUFFIX))


def read_bodies(jobs: list[Mapping[str, Any]], folder: Path, at: At) -> tuple[dict[str, str], list[Finding]]:
    """Return the text of each job's body by the path as the spec has it, and what is wrong with them."""
    texts: dict[str, str] = {}
    faults: list[Finding] = []
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
            message, fix = (
                f"{path}: cannot be read: {what}",
                "write the path of a shell script, relative to the spec's folder",
            )
            faults.append(at("job-file", ["jobs", number, "body"], message, fix))
            continue
        faults += _faults(text, path)
        # The script has a first line of its own; another further down would be a mere comment.
        texts[job["body"]] = text.partition("\n")[2] if text.startswith("#!") else text
    return texts, faults


NOT_READ = "Slurm does not read it below efakit's header"
NOT_READ_FIX = "use the job's keys instead"


def directives(text: str) -> Iterator[tuple[int, str]]:
    """Give each #SBATCH line of shell text, which Slurm would not read there, and its number, counted from 1."""
    for number, line in enumerate(text.split("\n"), start=1):
        if _DIRECTIVE.match(line):
            yield number, line.strip()


def _faults(text: str, path: Path) -> Iterator[Finding]:
    def fault(rule: str, line: int, message: str, fix: str) -> Finding:
        return Finding(rule, ERROR, message, place=Place(str(path), line), fix=fix)

    first = text.partition("\n")[0]
    if first.startswith("#!") and not _SHELLS.match(first):
        message = f"{first!r}: the body of a job is a shell script"
        yield fault("job-body", 1, message, "start the other program from it")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        yield fault("job-body", line, "the file contains a NUL character", "remove it")
    for line, directive in directives(text):
        yield fault("job-directive", line, f"{directive!r}: {NOT_READ}", NOT_READ_FIX)
