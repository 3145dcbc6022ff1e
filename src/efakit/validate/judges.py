"""The three judges of ``efakit validate``: efakit's rules, pcluster on a simulated account, AWS itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

from efakit.catalog import offerings
from efakit.catalog.stacks import version_key
from efakit.errors import EfakitError, UsageError
from efakit.lint.config import lint_config
from efakit.lint.finding import Finding, Severity
from efakit.validate.subject import Subject
from efakit.vendor.account_checks import AccountFacts, look_at_account
from efakit.vendor.dryrun import real_dry_run
from efakit.vendor.ec2 import default_region
from efakit.vendor.simulated_account import (
    NEVER_PROVEN,
    DryRun,
    Judge,
    Message,
    account_for,
    installed_pcluster_version,
    not_simulated,
    why_unavailable,
)

# "undecided": refused, but only because the simulation lacks something.
Verdict = Literal["accepted", "refused", "undecided", "not asked"]
_VALIDATORS = "https://github.com/aws/aws-parallelcluster/tree/develop/cli/src/pcluster/validators"
_SEVERITY: Mapping[str, Severity] = {"ERROR": "error", "WARNING": "warning"}


@dataclass(frozen=True)
class Judgement:
    """What one judge made of the config, and what its word is worth."""

    judge: str
    version: str | None
    verdict: Verdict
    detail: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return the judgement as JSON values, without its findings and notes."""
        return {"judge": self.judge, "version": self.version, "verdict": self.verdict, "detail": self.detail}


@dataclass(frozen=True)
class _Zones:
    """What a spec tells of the account: the zones of subnets."""

    zones: Mapping[str, str]
    public_subnets: frozenset[str] = frozenset()
    free_addresses: Mapping[str, int] = field(default_factory=dict)
    open_to_themselves: Mapping[str, bool] = field(default_factory=dict)


def by_rules(subject: Subject, account: AccountFacts | None = None) -> Judgement:
    """Ask efakit's rules, with what is known of the account."""
    findings = [*subject.findings]
    findings += lint_config(
        subject.data,
        version=subject.version,
        where=subject.where,
        file=subject.file,
        jobs=subject.jobs,
        offerings=account or offerings,
        account=account or _Zones(subject.zones),
        software=subject.software,
    )
    detail = f"efakit's rules for ParallelCluster {subject.version}"
    return Judgement("efakit", subject.version, verdict_of(findings), detail, tuple(findings))


class Simulation:
    """pcluster's own validators on a simulated account; they start at once, while other judges are at work."""

    def __init__(self, subject: Subject, wanted: bool) -> None:
        self._subject = subject
        self._installed = installed_pcluster_version()
        self._why_not = self._reason(wanted)
        self._judge: AbstractContextManager[Judge | None] = nullcontext() if self._why_not else Judge()

    def __enter__(self) -> Simulation:
        self._running = self._judge.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._judge.__exit__(*error)

    def judge(self) -> Judgement:
        """Wait for the verdict."""
        if self._running is None:
            return Judgement("pcluster", self._installed, "not asked", str(self._why_not))
        config = self._subject.data if isinstance(self._subject.data, Mapping) else {}
        try:
            verdict = self._running.dry_run(self._subject.text, account_for(config, zones=self._subject.zones))
        except EfakitError as error:
            return Judgement("pcluster", self._installed, "not asked", str(error).splitlines()[0])
        return self._judgement(verdict, config)

    def _judgement(self, verdict: DryRun, config: Mapping[str, Any]) -> Judgement:
        absent = not_simulated(config)
        values = [match.group(1) for match in (re.search(r": ([^()]+)\)$", line) for line in absent) if match]
        unjudged = [item for item in verdict.messages if item.is_gap or any(value in item.text for value in values)]
        heard = [item for item in verdict.messages if item not in unjudged]
        notes = [f"not simulated: {line}" for line in absent]
        notes += [f"{item.validator or 'pcluster'} could not judge: the simulation lacks a call" for item in unjudged]
        findings = _findings("pcluster", heard, self._subject)
        detail = f"pcluster {self._installed} offline, on a simulated account that has whatever the config names"
        if self._installed != self._subject.version:
            detail += f"; the config is for {self._subject.version}, which only efakit's rules know"
        outcome = verdict_of(findings)
        if outcome == "accepted" and not verdict.accepted:
            outcome = "undecided"
        return Judgement("pcluster", self._installed, outcome, detail, findings, (*notes, NEVER_PROVEN))

    def _reason(self, wanted: bool) -> str | None:
        if not wanted:
            return "pcluster: left out by --no-vendor"
        unavailable = why_unavailable(node=False)
        if unavailable is not None:
            return unavailable
        if version_key(str(self._installed))[:2] != version_key(self._subject.version)[:2]:
            return (
                f"pcluster {self._installed} is installed, and the config is for {self._subject.version}: "
                f"install aws-parallelcluster=={self._subject.version} to have it judged, or name --parallelcluster"
            )
        return None


def look(subject: Subject) -> AccountFacts:
    """Look at what the user's account has of the things that the config names."""
    from efakit.lint.config.view import ClusterView

    view = ClusterView(subject.data, subject.version)
    region = _region(subject)
    networks = [queue.networking for queue in view.queues]
    return look_at_account(
        region,
        subnets=[text for node in networks for text in node.at("SubnetIds").texts],
        security_groups=[
            text
            for node in networks
            for key in ("SecurityGroups", "AdditionalSecurityGroups")
            for text in node.at(key).texts
        ],
        instance_types=[str(node.text) for resource in view.resources for node in resource.types],
    )


def by_aws(subject: Subject, account: AccountFacts) -> Judgement:
    """Let pcluster ask AWS, with the user's credentials."""
    verdict = real_dry_run(subject.text, region=account.region)
    installed = installed_pcluster_version()
    findings = _findings("aws", verdict.messages, subject)
    detail = f"pcluster {installed or ''} create-cluster --dryrun true on AWS in {account.region}".replace("  ", " ")
    if installed != subject.version:
        detail += f"; the config is for {subject.version}"
    notes = [f"the account has no {name}, or not in {account.region}" for name in account.missing]
    return Judgement("aws", installed, "accepted" if verdict.accepted else "refused", detail, findings, tuple(notes))


def _region(subject: Subject) -> str:
    region = subject.data.get("Region") if isinstance(subject.data, Mapping) else None
    if isinstance(region, str) and region:
        return region
    name = default_region("looking at the account")
    if not name:
        raise UsageError(
            f"{subject.file}: names no Region, and neither does your AWS configuration (AWS_DEFAULT_REGION)"
        )
    return name


def _findings(judge: str, messages: Sequence[Message], subject: Subject) -> tuple[Finding, ...]:
    found = []
    for message in messages:
        place = subject.where(subject.config.mentioned_in(message.text) or ())
        rule = f"{judge}:{message.validator or 'refused'}"
        severity = _SEVERITY.get(message.level, "info")
        found.append(Finding(subject.file, *place, rule, severity, message.text, "", _VALIDATORS))
    return tuple(dict.fromkeys(found))


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """Return what findings come to."""
    return "refused" if any(finding.severity == "error" for finding in findings) else "accepted"
