"""What a dry run said, from either judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NEVER_PROVEN = (
    "AWS is simulated: a pass never proves capacity, quota, IAM permission or that a zone offers the instance type."
)

# pcluster.api.errors.DryrunOperationException: the exit status is 1 for a dry run that passes as well.
PASSED = "Request would have succeeded, but DryRun flag is set."

# How a call that moto does not implement shows, in the process and through the server: pcluster turns any
# exception in a validator into an ERROR (pcluster/config/common.py).
_GAPS = ("has not been implemented", "is not yet implemented", "An error occurred (500)", "500 Internal Server Error")


@dataclass(frozen=True)
class Message:
    """One thing that a validator said; ``level`` is ERROR, WARNING or INFO, ``validator`` may be empty."""

    level: str
    validator: str
    text: str

    @property
    def is_gap(self) -> bool:
        """Whether the simulation lacks a call, so that the message says nothing about the config."""
        return any(mark in self.text for mark in _GAPS)


@dataclass(frozen=True)
class DryRun:
    """The verdict of ``pcluster create-cluster --dryrun true``; ``raw`` is its answer as it came."""

    accepted: bool
    messages: tuple[Message, ...]
    raw: Mapping[str, Any]

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> DryRun:
        """The verdict in an answer of the pcluster command line or API."""
        accepted = answer.get("message") == PASSED
        rows = [*answer.get("configurationValidationErrors", ()), *answer.get("validationMessages", ())]
        messages = [Message(row["level"], row.get("type", ""), row["message"]) for row in rows]
        if not accepted and not any(message.level == "ERROR" for message in messages):
            # Refused before any validator ran: an unknown region, instance type or subnet.
            messages.append(Message("ERROR", "", str(answer.get("message", ""))))
        return cls(accepted, tuple(messages), answer)

    @property
    def errors(self) -> tuple[Message, ...]:
        """The messages of level ERROR, in pcluster's order."""
        return tuple(message for message in self.messages if message.level == "ERROR")

    @property
    def warnings(self) -> tuple[Message, ...]:
        """The messages of level WARNING, in pcluster's order."""
        return tuple(message for message in self.messages if message.level == "WARNING")

    def validators(self, level: str) -> frozenset[str]:
        """The names of the validators that said something of that level."""
        return frozenset(message.validator for message in self.messages if message.level == level)
