"""Excerpts of public reports with the right answer above them, and how a log is judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from efakit.diagnose.judge import Diagnosis, judge
from efakit.diagnose.log_files import LogFile
from efakit.diagnose.scan import Scan

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Report:
    """``says``: rules of the findings that follow from nothing; ``first``: rule, and a word of who it was."""

    source: str
    says: frozenset[str]
    log: str
    first: tuple[str, ...] | None = None
    follows: frozenset[str] = frozenset()
    network: tuple[str, ...] = ()


def report(path: Path) -> Report:
    head, _, log = path.read_text(encoding="utf-8").partition("---\n")
    given = dict(line.split(": ", 1) for line in head.splitlines())
    words = {name: tuple(word for word in value.split() if word != "-") for name, value in given.items()}
    return Report(
        given["source"],
        frozenset(words["says"]),
        log,
        words.get("first"),
        frozenset(words.get("follows", ())),
        words.get("network", ()),
    )


def diagnosis(*logs: str | bytes, folder: Path) -> Diagnosis:
    """Return what logs amount to, each written to a file of its own."""
    scan = Scan()
    for number, log in enumerate(logs):
        path = folder / f"{number}.log"
        path.write_bytes(log if isinstance(log, bytes) else log.encode())
        scan.read(LogFile(path), number)
    return judge(scan)


def told(found: Diagnosis) -> set[str]:
    """Return the rules of what follows from nothing."""
    return {item.finding.rule for item in found.said if not item.follows}
