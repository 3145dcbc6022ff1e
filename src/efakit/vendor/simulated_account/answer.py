"""What a dry run of pcluster said, from either judge, as findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from efakit.finding import ERROR, INFO, WARNING, Finding
from efakit.vendor.simulated_account.watch import AWS, EXCEPTION

NEVER_PROVEN = (
    "AWS is simulated: a pass never proves capacity, quota, IAM permission or that a zone offers the instance type."
)

# pcluster.api.errors.DryrunOperationException: the exit status is 1 for a dry run that passes as well.
PASSED = "Request would have succeeded, but DryRun flag is set."

# How a call that moto does not implement shows, in the process and through the server: pcluster turns any
# exception in a validator into an ERROR (pcluster/config/common.py).
_GAPS = ("has not been implemented", "is not yet implemented", "An error occurred (500)", "500 Internal Server Error")
# Python's own words in the place of a validator's: pcluster runs validators on an event loop that Python 3.14 no
# longer makes by itself.
_FAULTS = ("There is no current event loop",)
_SEVERITIES = {"ERROR": ERROR, "WARNING": WARNING, "INFO": INFO}
_SOURCE = "https://github.com/aws/aws-parallelcluster/tree/develop/cli/src/pcluster/validators"


@dataclass(frozen=True)
class DryRun:
    """The answer of ``pcluster create-cluster --dryrun true``; ``raw`` is it as it came.

    Each finding has the rule JUDGE:VALIDATOR and is about that validator; it has no place, for pcluster names none.
    ``gaps`` are what validators said only because the simulation lacks a call, or because they ended by an exception:
    they say nothing about the config. ``of_aws`` are those of the findings that rest on a refusal of the simulated AWS,
    and ``impossible`` the names that AWS would create nothing under.
    """

    accepted: bool
    findings: tuple[Finding, ...]
    gaps: tuple[Finding, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)
    of_aws: tuple[Finding, ...] = ()
    impossible: tuple[str, ...] = ()

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], judge: str = "pcluster") -> DryRun:
        """What an answer of the pcluster command line or API says; ``judge`` begins the rules' names."""
        accepted = answer.get("message") == PASSED
        rows = [*answer.get("configurationValidationErrors", ()), *answer.get("validationMessages", ())]
        found = [_finding(judge, row["level"], row.get("type", ""), row["message"]) for row in rows]
        if not accepted and not any(item.severity == ERROR for item in found):
            # Refused before any validator ran: an unknown region, instance type or subnet.
            found.append(_finding(judge, "ERROR", "", str(answer.get("message", ""))))
        heard = answer.get("heard", {})
        # The real command line gives no other sign of a gap than the words.
        gaps = tuple(item for item in found if _is_gap(item, heard))
        kept = tuple(item for item in found if item not in gaps)
        of_aws = tuple(item for item in kept if _rests_on_aws(item, heard))
        raw = {name: value for name, value in answer.items() if name != "heard"}
        return cls(accepted, kept, gaps, raw, of_aws, tuple(heard.get("impossible", ())))

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings of severity error, in pcluster's order."""
        return tuple(item for item in self.findings if item.severity == ERROR)

    def validators(self, severity: str) -> frozenset[str]:
        """The names of the validators that found something of a severity; "" for what no validator said."""
        return frozenset((*item.about, "")[0] for item in self.findings if item.severity == severity)


def _is_gap(item: Finding, heard: Mapping[str, Any]) -> bool:
    if any(mark in item.message for mark in (*_GAPS, *_FAULTS)):
        return True
    if not item.about and heard.get("fault") and not heard.get("refused"):
        return True  # pcluster itself ended by an exception, before any validator spoke
    return _doubted(item, heard, EXCEPTION)


def _rests_on_aws(item: Finding, heard: Mapping[str, Any]) -> bool:
    if _doubted(item, heard, AWS):
        return True
    return any(text and text in item.message for text in heard.get("refused", ()))


def _doubted(item: Finding, heard: Mapping[str, Any], why: str) -> bool:
    said = (*item.about, "")[0], item.message
    return any((row["type"], row["message"]) == said and row["why"] == why for row in heard.get("doubts", ()))


def _finding(judge: str, level: str, validator: str, text: str) -> Finding:
    severity = _SEVERITIES.get(level, INFO)
    about = (validator,) if validator else ()
    return Finding(f"{judge}:{validator or 'refused'}", severity, text, source=_SOURCE, about=about)
