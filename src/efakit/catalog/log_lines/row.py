"""What a row about a line of a log says."""

from __future__ import annotations

from typing import NamedTuple, Tuple

# What a line tells of the job. Roots explain; the others follow from something, or explain a fallback only.
CAUSE = "cause"
"""A state that explains what fails after it."""
FAILURE = "failure"
"""A process ended, and the line says of what."""
TIMEOUT = "timeout"
"""A process gave up waiting for others: an earlier failure explains it, if the log has one."""
FOLLOWS = "follows"
"""Another process, or the launcher, ended it: a failure anywhere in the log explains it."""
REASON = "reason"
"""Nothing wrong on its own; where NCCL or MPI fell back to sockets, it says why."""
NOTE = "note"
"""Wrong or slow, and no failure."""
KINDS = (CAUSE, FAILURE, TIMEOUT, FOLLOWS, REASON, NOTE)


class LogLine(NamedTuple):
    """One known line: how it is recognised, what happened, why, what to do, on whose word."""

    id: str
    program: str
    kind: str
    """One of ``KINDS``."""
    severity: str
    needles: Tuple[str, ...]
    """Texts of which a line must hold one. Each is long enough to stand in no other line."""
    effect: str
    """What happened: a part of a message. ``{name}`` stands for a group of ``pattern``."""
    cause: str
    """What causes it: a part of a message."""
    fix: str
    """What to do: a part of a message."""
    source: str
    """The public address whose word it is."""
    example: str
    """A line that the row recognises, in the form that the program prints."""
    sure: bool = False
    """Whether the line proves the cause. Else the message calls it possible."""
    pattern: str = ""
    """A regular expression that the line must match too; "" where the needle is enough."""
    component: str = ""
    """Whose repository prints it, a key of scripts/tagged_text.py; "" where ``source`` is the evidence."""
    files: str = ""
    """Patterns of the files that print it, by blanks."""
    text: str = ""
    """A regular expression for the text in the file; "": the first needle."""
    between_nodes: bool = False
    """Whether it is right on one node and beside NCCL, and said only where the log tells of several nodes and of MPI's
    network alone."""


class LogFact(NamedTuple):
    """A line that tells which network a process chose, or which process it is: no finding on its own."""

    id: str
    needles: Tuple[str, ...]
    pattern: str
    example: str
    component: str
    files: str
    text: str
