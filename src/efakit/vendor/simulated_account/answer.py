"""What a dry run of pcluster said, from either judge, as findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from efakit.finding import ERROR, INFO, WARNING, Finding

NEVER_PROVEN = (
    "AWS is simulated: a pass never proves capacity, quota, IAM permission or that a zone offers the instance type."
)

# pcluster.api.errors.DryrunOperationException: the exit status is 1 for a dry run that passes as well.
PASSED = "Request would have succeeded, but DryRun flag is set."

# How a call that moto does not implement shows, in the process and through the server: pcluster turns any
# exception in a validator into an ERROR (pcluster/config/common.py).
_GAPS = ("has not been implemented", "is not yet implemented", "An error occurred (500)", "500 Internal Server Error")
_SEVERITIES = {"ERROR": ERROR, "WARNING": WARNING, "INFO": INFO}
_SOURCE = "https://github.com/aws/aws-parallelcluster/tree/develop/cli/src/pcluster/validators"


@dataclass(frozen=True)
class DryRun:
    """The answer of ``pcluster create-cluster --dryrun true``; ``raw`` is it as it came.

    Each finding has the rule JUDGE:VALIDATOR and is about that validator; it has no place, for pcluster names none.
    ``gaps`` are what validators said only because the simulation lacks a call: they say nothing about the config.
    """

    accepted: bool
    findings: tuple[Finding, ...]
    gaps: tuple[Finding, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], judge: str = "pcluster") -> DryRun:
        """What an answer of the pcluster command line or API says; ``judge`` begins the rules' names."""
        accepted = answer.get("message") == PASSED
        rows = [*answer.get("configurationValidationErrors", ()), *answer.get("validationMessages", ())]
        found = [_finding(judge, row["level"], row.get("type", ""), row["message"]) for row in rows]
        if not accepted and not any(item.severity == ERROR for item in found):
            # Refused before any validator ran: an unknown region, instance type or subnet.
            found.append(_finding(judge, "ERROR", "", str(answer.get("message", ""))))
        # pcluster has no other sign of it than the words.
        gaps = tuple(item for item in found if any(mark in item.message for mark in _GAPS))
        return cls(accepted, tuple(item for item in found if item not in gaps), gaps, answer)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings of severity error, in pcluster's order."""
        return tuple(item for item in self.findings if item.severity == ERROR)

    def validators(self, severity: str) -> frozenset[str]:
        """The names of the validators that found something of a severity; "" for what no validator said."""
        return frozenset((*item.about, "")[0] for item in self.findings if item.severity == severity)


def _finding(judge: str, level: str, validator: str, text: str) -> Finding:
    severity = _SEVERITIES.get(level, INFO)
    about = (validator,) if validator else ()
    return Finding(f"{judge}:{validator or 'refused'}", severity, text, source=_SOURCE, about=about)
