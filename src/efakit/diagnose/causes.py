"""Why a job's traffic was as it was: causes from its records, its logs and its script, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

from efakit.finding import INFO, WARNING, Finding
from efakit.jobs.verdict import JobVerdict

if TYPE_CHECKING:
    from efakit.diagnose.judge import Diagnosis

_LOST_EFA = ("tcp-fallback", "mixed")
# What a prolog finds that keeps ranks from EFA, or from a part of it.
_OF_THE_NODE = (
    "devices-missing",
    "driver-unbound",
    "verbs-missing",
    "verbs-unusable",
    "commands-unanswered",
    "counters-unreadable",
)
_MOST_OF_LOGS = 6


class Cause(NamedTuple):
    """Why: in words, from where, and whether it is proven or only possible."""

    text: str
    origin: str
    """``record``, ``log`` or ``script``."""
    sure: bool = False
    rule: str = ""
    fix: str = ""
    source: str = ""
    nodes: tuple[str, ...] = ()


def causes_of(
    verdict: JobVerdict,
    records: Mapping[str, Mapping[str, Any]],
    logs: Diagnosis | None = None,
    script: Sequence[Finding] = (),
) -> list[Cause]:
    """Return the causes that record, logs and script give, those that are proven first.

    ``script`` has the findings of lint's rules in the job's script. Where all is well with the job, its script's
    findings are told all the same: who gave it wants to know.
    """
    found = [*_of_records(verdict, records), *_of_logs(logs, verdict), *_of_script(script)]
    if verdict.verdict in _LOST_EFA and not found:
        found = list(_healthy_nodes(verdict))
    return sorted(found, key=lambda cause: not cause.sure)


def next_step(
    verdict: JobVerdict,
    job: str,
    logs: Diagnosis | None,
    *,
    log_file: str = "",
    script_file: str | None = "",
    remarkable: bool = False,
) -> str:
    """Return the next command, or what to change for the next run; empty where there is nothing to do.

    ``log_file`` and ``script_file`` are the job's output and script as far as they are known; the script None: it has
    been read already. ``remarkable``: a device stands out.
    """
    log = quote(log_file) if log_file else "LOG"
    where = "" if log_file else ", where LOG is the job's output"
    if verdict.verdict in _LOST_EFA:
        if logs is None:
            script = "" if script_file is None else f" --script {quote(script_file) if script_file else 'SCRIPT'}"
            return f"efakit report {job} --log {log}{script}{where}"
        if not logs.choices:
            return "run it again with NCCL_DEBUG=INFO: these logs do not show which network NCCL chose"
        return "NCCL_NET=Libfabric lets a job fail instead of falling back to TCP"
    if verdict.verdict == "incomplete" and logs is None and _is_lustre_s(verdict):
        return f"efakit report {job} --log {log}{where}: the log says which network the ranks chose"
    if verdict.verdict == "incomplete":
        return "efakit hooks status, on the head node: it tells whether prolog and epilog can work"
    if verdict.verdict == "shared":
        return "#SBATCH --exclusive, where the job's own traffic matters"
    if verdict.verdict == "no-traffic" and logs is None:
        return f"efakit report {job} --log {log}{where}: it may have failed early"
    return f"efakit report {job} --devices" if remarkable else ""


def _is_lustre_s(verdict: JobVerdict) -> bool:
    """Return whether all that is not known is over which network Lustre moved its bytes."""
    known = all(node.traffic is not None and not node.unknown for node in verdict.nodes)
    return known and not verdict.traffic.lnet.is_exact()


def _of_records(verdict: JobVerdict, records: Mapping[str, Mapping[str, Any]]) -> Iterator[Cause]:
    if verdict.verdict not in _LOST_EFA:
        return
    fallen = {node.node for node in verdict.nodes if node.verdict == "tcp-fallback"}
    without = [node.node for node in verdict.nodes if node.node in fallen and node.devices_found == 0]
    if without:
        yield Cause(
            "no EFA device was there, so only TCP was left",
            "record",
            True,
            fix="give the compute resource Efa: Enabled: true, on an instance type with EFA",
            nodes=tuple(without),
        )
    by_finding: dict[tuple[str, str], list[str]] = {}
    for node, record in records.items():
        for item in record["findings"]:
            if item.get("rule") in _OF_THE_NODE and node not in without:
                by_finding.setdefault((item["rule"], item["message"]), []).append(node)
    for (rule, message), nodes in by_finding.items():
        yield Cause(message, "record", False, rule, nodes=tuple(nodes))


def _healthy_nodes(verdict: JobVerdict) -> Iterator[Cause]:
    """Give what is left where nodes without EFA traffic had all their devices and the hooks found nothing wrong."""
    fallen = [node for node in verdict.nodes if node.verdict == "tcp-fallback"]
    if fallen and all(node.devices_expected and node.devices_found == node.devices_expected for node in fallen):
        yield Cause(
            "all EFA devices were there and the hooks found no fault in them: the program did not use them, so look at "
            "its container, its plugin and its variables",
            "record",
            nodes=tuple(node.node for node in fallen) if len(fallen) < len(verdict.nodes) else (),
        )


def _of_logs(logs: Diagnosis | None, verdict: JobVerdict) -> Iterator[Cause]:
    if logs is None:
        return
    told = 0
    own = {node.node.partition(".")[0] for node in verdict.nodes}
    for item in logs.said:
        first = logs.first is not None and item.finding.rule == logs.first.rule
        if item.follows or (item.finding.severity == INFO and not first):
            continue
        told += 1
        if told > _MOST_OF_LOGS:
            return
        finding = item.finding
        place = f" ({finding.place})" if finding.file else ""
        # A node's host may have another name than Slurm's for it, so it is not sure that the log is another job's.
        is_own = not item.hosts or not own.isdisjoint(host.partition(".")[0] for host in item.hosts)
        stranger = "" if is_own else "; the job has no such node: the log may be another job's"
        text = f"{finding.message}{place}{stranger}"
        yield Cause(text, "log", item.sure and is_own, finding.rule, finding.fix, finding.source, item.hosts)


def _of_script(found: Iterable[Finding]) -> Iterator[Cause]:
    for finding in found:
        if finding.severity >= WARNING:
            text = f"{finding.message} ({finding.place})"
            yield Cause(text, "script", False, finding.rule, finding.fix, finding.source)
