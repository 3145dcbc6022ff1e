"""What the logs of a job say, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from efakit.diagnose.judge import Diagnosis, Said
from efakit.diagnose.network import Choice, numbers
from efakit.finding import Finding
from efakit.printable import printable

_MOST_FOLLOWING = 8
_MOST_HOSTS = 100


def text_lines(found: Diagnosis) -> Iterator[tuple[str, str]]:
    """Give each line of the report and its style: a severity, ``first`` or ``""``."""
    for choice in found.choices:
        yield f"network: {_choice(choice)}", ""
    if found.first is not None:
        yield f"first to fail: {_first(found)}", "first"
    following = [item for item in found.said if item.follows]
    for item in found.said:
        if not item.follows:
            yield from _finding(item.finding)
    if following:
        yield "after it, and most likely because of it:", ""
        for item in following[:_MOST_FOLLOWING]:
            yield f"    {item.finding.place}: {item.finding.rule}: {_without_the_rest(item.finding.message)}", ""
        if len(following) > _MOST_FOLLOWING:
            yield f"    and {len(following) - _MOST_FOLLOWING} more kinds of lines (--format json shows all)", ""


def _without_the_rest(message: str) -> str:
    return message.replace("; most likely a consequence of the first failure", "")


def _choice(choice: Choice) -> str:
    ranks, hosts = choice.ranks, choice.hosts
    who = f"ranks {numbers(ranks)}" if len(ranks) > 1 else f"rank {ranks[0]}" if ranks else ""
    who = who or f"{len(choice.processes)} process{'es' * (len(choice.processes) != 1)}"
    where = f" on {len(hosts)} nodes" if len(hosts) > 1 else f" on {printable(hosts[0], 100)}" if hosts else ""
    return f"{who}{where}: {printable(str(choice), 200)}"


def _first(found: Diagnosis) -> str:
    first = found.first
    if first is None:
        return ""
    who = printable(str(first.hit.speaker), 200) or "an unnamed process"
    order = "" if first.sure_order else " (several files have no times; this file was given first)"
    if found.unread:
        order = " (not all logs could be read: another may have failed before)"
    return f"{who}, at {printable(first.hit.file, 200)}:{first.hit.line}, {first.rule}{order}"


def _finding(finding: Finding) -> Iterator[tuple[str, str]]:
    place = f"{printable(str(finding.place), 300)}: " if finding.file else ""
    yield f"{place}{finding.severity} {finding.rule}: {finding.message}", str(finding.severity)
    if finding.fix:
        yield f"    fix: {finding.fix}", ""
    if finding.source.startswith("https://"):
        yield f"    see: {finding.source}", ""


def as_data(found: Diagnosis, files: Sequence[dict[str, Any]], engine: str) -> dict[str, Any]:
    """Return the report as JSON values."""
    first = found.first
    return {
        "files": list(files),
        "searched_with": engine,
        "ranks": found.ranks or None,
        "several_nodes": found.several_nodes,
        "instance": found.instance or None,
        "network": [_choice_data(choice) for choice in found.choices],
        "first_failure": None
        if first is None
        else {
            "file": first.hit.file,
            "line": first.hit.line,
            "rule": first.rule,
            "rank": first.hit.speaker.rank if first.hit.speaker.rank >= 0 else None,
            "task": first.hit.speaker.task if first.hit.speaker.task >= 0 else None,
            "host": first.hit.speaker.host or None,
            "order_known": first.sure_order,
        },
        "findings": [_said_data(item) for item in found.said],
    }


def _choice_data(choice: Choice) -> dict[str, Any]:
    return {
        "network": choice.network or None,
        "provider": choice.provider or None,
        "fabric": choice.fabric or None,
        "nics": choice.nics if choice.nics >= 0 else None,
        "falls_back": choice.falls_back,
        "processes": len(choice.processes),
        "ranks": numbers(choice.ranks, most=1_000),
        "hosts": list(choice.hosts[:_MOST_HOSTS]),
        "host_count": len(choice.hosts),
    }


def _said_data(item: Said) -> dict[str, Any]:
    return {
        **item.finding.as_data(),
        "cause": item.cause or None,
        "cause_is_sure": item.sure,
        "follows": item.follows,
        "lines": item.lines or None,
        "more_lines": item.more_lines,
        "ranks": numbers(item.ranks, most=1_000),
        "hosts": list(item.hosts[:_MOST_HOSTS]),
        "host_count": len(item.hosts),
    }
