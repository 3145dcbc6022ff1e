"""What the lines amount to: a fallback first, then who failed first and of what, then what only followed from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from efakit.catalog import instances
from efakit.catalog.log_lines import CAUSE, FAILURE, FOLLOWS, NOTE, REASON, TIMEOUT, LogLine
from efakit.diagnose.network import Choice, Network, numbers
from efakit.diagnose.scan import Hit, Scan, Tally
from efakit.diagnose.speaker import Speaker
from efakit.finding import ERROR, INFO, WARNING, Finding, Place
from efakit.printable import printable
from efakit.rules.registry import rule_of

FALLBACK = "log-fallback"
NICS_DIFFER = "log-nics-differ"
NICS_MISSING = "log-nics-missing"
PYTHON_EXCEPTION = "log-python-exception"
_MOST_LETTERS = 160


@dataclass(frozen=True)
class Said:
    """A finding of a log, and what programs want to know beside it."""

    finding: Finding
    cause: str = ""
    sure: bool = False
    """Whether the log proves the cause; else it is a possible one."""
    lines: int = 0
    more_lines: bool = False
    """Whether there are more lines than ``lines``."""
    ranks: tuple[int, ...] = ()
    hosts: tuple[str, ...] = ()
    kind: str = ""
    follows: bool = False
    """Whether it only follows from the first failure."""


class First(NamedTuple):
    """Who failed first, as far as the logs tell."""

    hit: Hit
    rule: str
    sure_order: bool
    """Whether the logs tell the order: lines of one file do, and lines with the time of day, if all could be read."""


@dataclass(frozen=True)
class Diagnosis:
    """What the logs say."""

    said: tuple[Said, ...]
    first: First | None
    choices: tuple[Choice, ...]
    several_nodes: bool | None
    instance: str = ""
    ranks: int = 0
    hosts: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    unread: bool = False
    """Whether a log, or a part of one, could not be read."""

    @property
    def findings(self) -> list[Finding]:
        """The findings alone, the most important first."""
        return [item.finding for item in self.said]


def judge(scan: Scan) -> Diagnosis:
    """Return what the logs that were read amount to."""
    network = scan.network
    choices, several = network.choices(), network.several_nodes()
    tallies = [(scan.rows[id_], tally) for id_, tally in scan.tallies.items()]
    failed = [(row.id, tally.first) for row, tally in tallies if row.kind in (CAUSE, FAILURE) and row.severity == ERROR]
    signs = [row for row, _ in tallies if row.severity == ERROR and row.kind != REASON]
    if signs:
        failed += [(PYTHON_EXCEPTION, hit) for hit in scan.exceptions]
    first = _first(failed) or _first(
        [(row.id, tally.first) for row, tally in tallies if row.kind == TIMEOUT and row.severity == ERROR]
    )
    said = _fallback(network, choices)
    fell_back = bool(said)
    if signs:
        said += _exceptions(scan, first)
    for row, tally in tallies:
        if row.kind == REASON and row.severity == INFO and not fell_back:
            continue
        if row.between_nodes and not network.ob1_over_tcp:
            continue
        said.append(_of_row(row, tally, scan, first, bool(failed)))
    said += _nics(network, choices)
    said.sort(key=lambda item: _place_in_order(item, first))
    ranks = network.most_ranks
    hosts = tuple(sorted(network.hosts))
    named = None if first is None else first._replace(hit=_with_rank(first.hit, network))
    if named is not None and scan.unread:
        named = named._replace(sure_order=False)
    instance = max(network.instances, key=lambda name: network.instances[name], default="")
    return Diagnosis(tuple(said), named, tuple(choices), several, instance, ranks, hosts, unread=scan.unread)


def _first(failed: list[tuple[str, Hit]]) -> First | None:
    """Return the earliest: by line within a file, by the clock between files, else by the files' order."""
    if not failed:
        return None
    by_file: dict[int, tuple[str, Hit]] = {}
    for rule, hit in failed:
        known = by_file.get(hit.file_number)
        if known is None or hit.line < known[1].line:
            by_file[hit.file_number] = (rule, hit)
    firsts = sorted(by_file.values(), key=lambda item: item[1].file_number)
    timed = [item for item in firsts if item[1].moment is not None]
    if timed and len(timed) == len(firsts):
        rule, hit = min(timed, key=lambda item: item[1].moment or 0.0)
        return First(hit, rule, True)
    rule, hit = firsts[0]
    return First(hit, rule, len(firsts) == 1)


def _comes_after(hit: Hit, first: First) -> bool:
    """Return whether a line comes after the first failure, as far as that is known."""
    if hit.file_number == first.hit.file_number:
        return hit.line > first.hit.line
    if hit.moment is not None and first.hit.moment is not None:
        return hit.moment >= first.hit.moment
    return True


def _of_row(row: LogLine, tally: Tally, scan: Scan, first: First | None, failed: bool) -> Said:
    follows = False
    if first is not None and first.rule != row.id and failed:
        follows = row.kind == FOLLOWS or (row.kind == TIMEOUT and _comes_after(tally.first, first))
    elif first is not None and first.rule != row.id:
        follows = row.kind == FOLLOWS
    speakers = [scan.network.rank_of(speaker) for speaker in tally.speakers]
    more = not scan.counted_to_the_end(row)
    who = _who(scan.network.rank_of(tally.first.speaker), speakers, tally.count, more)
    words = {name: printable(value, _MOST_LETTERS) for name, value in tally.first.groups.items()}
    effect = row.effect.format_map(_Words(words))
    cause = row.cause.format_map(_Words(words))
    message = f"{row.program}: {effect}{who}"
    if follows:
        message += "; most likely a consequence of the first failure"
    else:
        silent, unheard = _silent(speakers, scan, more) if row.kind == TIMEOUT else ((), ())
        if silent:
            message += f"; ranks {numbers(silent)} say nothing of it: look at them first"
        if unheard:
            message += f"; these logs have no line of ranks {numbers(unheard)}"
        message += f"; {'cause' if row.sure else 'possible cause'}: {cause}"
    severity = INFO if follows else row.severity
    finding = Finding(
        row.id,
        severity,
        message,
        place=Place(tally.first.file, tally.first.line),
        fix="" if follows else row.fix.format_map(_Words(words)),
        source=row.source,
    )
    return Said(finding, cause, row.sure, tally.count, more, _ranks(speakers), _hosts(speakers), row.kind, follows)


def _silent(speakers: list[Speaker], scan: Scan, more: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the ranks that did not say what most others said, and those of which the logs have no line at all.

    The former may be whom the others waited for. Nothing is known of them where not all lines were read or counted;
    the latter's logs may only not have been given.
    """
    said = {speaker.rank for speaker in speakers if speaker.rank >= 0}
    others = [rank for rank in range(scan.network.most_ranks) if rank not in said]
    if scan.unread or more or len(others) >= len(said):
        return (), ()
    heard = scan.network.ranks | {
        scan.network.rank_of(speaker).rank for tally in scan.tallies.values() for speaker in tally.speakers
    }
    return tuple(rank for rank in others if rank in heard), tuple(rank for rank in others if rank not in heard)


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


def _who(first: Speaker, speakers: list[Speaker], count: int, more: bool) -> str:
    """Return who said it first, and how many lines of how many others there are."""
    words = f" ({first}" if str(first) else " ("
    ranks, hosts = _ranks(speakers), _hosts(speakers)
    if count > 1:
        number = f"{'more than ' if more else ''}{count:,} lines"
        of = f" of {len(ranks)} ranks" if len(ranks) > 1 else f" on {len(hosts)} nodes" if len(hosts) > 1 else ""
        words += f"{'; ' if str(first) else ''}{number}{of}"
    return words + ")" if words != " (" else ""


def _ranks(speakers: list[Speaker]) -> tuple[int, ...]:
    found = {speaker.rank for speaker in speakers if speaker.rank >= 0}
    return tuple(sorted(found or {speaker.task for speaker in speakers if speaker.task >= 0}))


def _hosts(speakers: list[Speaker]) -> tuple[str, ...]:
    return tuple(sorted({speaker.host for speaker in speakers if speaker.host}))


def _with_rank(hit: Hit, network: Network) -> Hit:
    return hit._replace(speaker=network.rank_of(hit.speaker))


def _exceptions(scan: Scan, first: First | None) -> list[Said]:
    """Return the exceptions of Python that no row knows: the first kind as a failure, others as what was seen too."""
    row = rule_of(PYTHON_EXCEPTION)
    said = []
    for hit in scan.exceptions:
        name = printable(hit.groups["name"], _MOST_LETTERS)
        message = printable(hit.groups["message"], _MOST_LETTERS)
        is_first = first is not None and first.rule == PYTHON_EXCEPTION and first.hit is hit
        count = scan.exceptions_of(hit.groups["name"])
        speaker = scan.network.rank_of(hit.speaker)
        who = _who(speaker, [speaker], count, False)
        finding = Finding(
            PYTHON_EXCEPTION,
            ERROR if is_first else INFO,
            f"Python: {name}{f': {message}' if message else ''}{who}",
            place=Place(hit.file, hit.line),
            fix="read the traceback at this place: it is of the program that ran, not of the network"
            if is_first
            else "",
            source=row.source if row else "",
        )
        said.append(Said(finding, "", False, count, False, _ranks([speaker]), _hosts([speaker]), FAILURE, not is_first))
    return said


def _fallback(network: Network, choices: list[Choice]) -> list[Said]:
    """Return the finding that data went over sockets, where it did or may have."""
    carrier = network.carrier()
    choices = [choice for choice in choices if choice.program == carrier]
    back = [choice for choice in choices if choice.falls_back]
    several = network.several_nodes()
    if not back and network.data_over_sockets:
        back = [Choice("Socket", "", "", -1, ())]
    if not back or several is False:
        return []
    row = rule_of(FALLBACK)
    ranks = tuple(sorted({rank for choice in back for rank in choice.ranks}))
    hosts = tuple(sorted({host for choice in back for host in choice.hosts}))
    processes = sum(len(choice.processes) for choice in back)
    all_processes = sum(len(choice.processes) for choice in choices)
    what = " and ".join(dict.fromkeys(str(choice) for choice in back))
    of = (
        f"ranks {numbers(ranks)}"
        if ranks
        else f"{processes} process{'es' * (processes > 1)}"
        if processes
        else "the processes"
    )
    where = (
        f" on {', '.join(hosts[:4])}{f' and {len(hosts) - 4} more nodes' if len(hosts) > 4 else ''}" if hosts else ""
    )
    share = f", {processes} of {all_processes} processes" if 0 < processes < all_processes else ""
    message = f"fallback to TCP sockets: {of}{where} chose {what}{share}, not EFA"
    if several is None:
        message += "; the log does not say whether the job ran on several nodes"
    finding = Finding(
        FALLBACK,
        ERROR if several else WARNING,
        message,
        place=network.fell_back_at(carrier),
        fix=f"see the reasons below it; {_instead(back[0])} makes it fail instead of falling back",
        source=row.source if row else "",
    )
    return [Said(finding, "", True, 0, False, ranks, hosts, FALLBACK)]


def _instead(choice: Choice) -> str:
    """Return what a job is run with to fail where its program would choose sockets again."""
    if choice.program == "Open MPI":
        return "--mca mtl_base_verbose 100 shows them, --mca pml cm --mca mtl ofi"
    if choice.program == "Intel MPI":
        return "FI_LOG_LEVEL=warn shows them, I_MPI_OFI_PROVIDER=efa"
    return "NCCL_DEBUG=INFO shows them, NCCL_NET=Libfabric"


def _nics(network: Network, choices: list[Choice]) -> list[Said]:
    """Return what is to say of the numbers of NICs: fewer than the instance type has, or not the same everywhere."""
    counted = [choice for choice in choices if choice.is_efa and choice.nics >= 0]
    if not counted:
        return []
    said: list[Said] = []
    most = max(choice.nics for choice in counted)
    if len(network.instances) == 1:
        name = next(iter(network.instances))
        expected = instances.efa_table().get(name, 0)
        if most < expected:
            row = rule_of(NICS_MISSING)
            message = f"the provider found {most} EFA device{'s' * (most != 1)}, and {name} has up to {expected}"
            finding = Finding(
                NICS_MISSING,
                WARNING,
                message,
                fix="see that the node was launched with all its EFA interfaces, and that the container has all of "
                "/dev/infiniband",
                source=row.source if row else "",
            )
            said.append(Said(finding, kind=NOTE))
    fewer = [choice for choice in counted if choice.nics < most]
    if fewer:
        row = rule_of(NICS_DIFFER)
        ranks = tuple(sorted({rank for choice in fewer for rank in choice.ranks}))
        hosts = tuple(sorted({host for choice in fewer for host in choice.hosts}))
        numbers_ = " and ".join(str(count) for count in sorted({choice.nics for choice in fewer}))
        where = f" on {', '.join(hosts[:4])}" if hosts else ""
        message = f"the processes found different numbers of NICs: {most} on most, {numbers_}{where}"
        finding = Finding(
            NICS_DIFFER,
            WARNING,
            message,
            fix="compare fi_info -p efa and ls /sys/class/infiniband on these nodes",
            source=row.source if row else "",
        )
        said.append(Said(finding, kind=NOTE, ranks=ranks, hosts=hosts))
    return said


_GROUPS = {FALLBACK: 0, REASON: 1}


def _place_in_order(item: Said, first: First | None) -> tuple[int, int, int]:
    group = _GROUPS.get(item.kind, 2)
    is_first = first is not None and item.finding.rule == first.rule and item.finding.line == first.hit.line
    late = 1 if item.follows else 0
    return (group, 0 if is_first else 1 + late, -item.finding.severity.rank)
