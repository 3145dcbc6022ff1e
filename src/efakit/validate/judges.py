"""The three judges of ``efakit validate``: efakit's rules, pcluster on a simulated account, AWS itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

from efakit.catalog import instances, offerings
from efakit.errors import EfakitError, UsageError
from efakit.finding import ERROR, Finding, Place
from efakit.lint.config import lint_config
from efakit.lint.config.view import ClusterView
from efakit.validate.subject import Subject
from efakit.vendor.account_checks import AccountFacts, look_at_account
from efakit.vendor.dryrun import real_dry_run
from efakit.vendor.ec2 import default_region
from efakit.vendor.pcluster_process import PclusterProcess
from efakit.vendor.simulated_account import (
    NEVER_PROVEN,
    DryRun,
    Judge,
    account_for,
    assumed_types,
    installed_pcluster_version,
    not_simulated,
    strings_under,
    why_unavailable,
)
from efakit.versions import release_line, within

# "undecided": refused, but only because the simulation lacks something.
Outcome = Literal["accepted", "refused", "undecided", "not asked"]
_MOST_LETTERS = 300


@dataclass(frozen=True)
class Judgement:
    """What one judge made of the config, and what its word is worth."""

    judge: str
    version: str | None
    outcome: Outcome
    detail: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    limit: str = ""
    """What the judge could not be asked, or not in the config's release: to be said first."""

    def as_data(self) -> dict[str, Any]:
        """Return the judgement as JSON values, without its findings and notes."""
        return {"judge": self.judge, "version": self.version, "outcome": self.outcome, "detail": self.detail}


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
    notes = () if account else tuple(_taken_for_private(subject))
    return Judgement("efakit", subject.version, outcome_of(findings), detail, tuple(findings), notes)


def _taken_for_private(subject: Subject) -> Iterator[str]:
    """Give the subnets that nobody has looked at, and that must be private for nodes to start in them."""
    for queue in ClusterView(subject.data, subject.version).queues:
        several = next((resource for resource in queue.resources if resource.several_interfaces), None)
        subnets = queue.subnet_ids.texts
        if several is not None and subnets:
            yield (
                f"taken for private: {', '.join(subnets)} of queue {queue.name}. Nodes of {several.name} have several "
                "network interfaces and do not start in a subnet that gives public addresses; --aws looks at it"
            )


class Simulation:
    """pcluster's own validators on a simulated account; they start at once, while other judges are at work.

    ``process`` is one that was started before; it is killed with this, and who started it waits for its end.
    """

    def __init__(self, subject: Subject, wanted: bool, process: PclusterProcess | None = None) -> None:
        self._subject = subject
        self._wanted = wanted
        self._installed = installed_pcluster_version()
        self._why_not = self._reason(wanted)
        if self._why_not and process is not None:
            process.kill()  # the core is free for the rest
        self._judge: AbstractContextManager[Judge | None] = nullcontext() if self._why_not else Judge(process)

    def __enter__(self) -> Simulation:
        self._running = self._judge.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._judge.__exit__(*error)

    def judge(self) -> Judgement:
        """Wait for the answer."""
        if self._running is None:
            limit = str(self._why_not) if self._other_line() and self._wanted else ""
            return Judgement("pcluster", self._installed, "not asked", str(self._why_not), limit=limit)
        config = self._subject.data if isinstance(self._subject.data, Mapping) else {}
        try:
            answer = self._running.dry_run(self._subject.text, account_for(config, zones=self._subject.zones))
        except EfakitError as error:
            return Judgement("pcluster", self._installed, "not asked", str(error).splitlines()[0])
        return self._judgement(answer, config)

    def _judgement(self, answer: DryRun, config: Mapping[str, Any]) -> Judgement:
        absent = not_simulated(config)
        unjudged = [item for item in answer.findings if _of_the_simulation(item, answer, config)]
        notes = [f"not simulated: {thing}" for thing in absent]
        notes += [_could_not_judge(item, "it ended by a fault") for item in answer.gaps if item.severity == ERROR]
        notes += [
            _could_not_judge(item, "the simulated account has no answer")
            for item in unjudged
            if item.severity == ERROR and item in answer.of_aws
        ]
        findings = _placed((item for item in answer.findings if item not in unjudged), self._subject)
        detail = f"pcluster {self._installed} offline, on a simulated account that has whatever the config names"
        if self._installed != self._subject.version:
            detail += f"; the config is for {self._subject.version}, which only efakit's rules know"
        outcome = outcome_of(findings)
        if outcome == "accepted" and not answer.accepted:
            outcome = "undecided"
        notes_ = (*notes, NEVER_PROVEN)
        return Judgement("pcluster", self._installed, outcome, detail, findings, notes_, limit=self._limit())

    def _limit(self) -> str:
        """Return what an older pcluster could not be asked of a config for a newer release."""
        installed, wanted = str(self._installed), self._subject.version
        if not within(installed, None, wanted):
            return ""
        return (
            f"pcluster {installed} is installed, older than {wanted}, which the config is for: what {wanted} judges "
            f"otherwise was not asked (pip install aws-parallelcluster=={wanted})"
        )

    def _other_line(self) -> bool:
        return self._installed is not None and release_line(self._installed) != release_line(self._subject.version)

    def _reason(self, wanted: bool) -> str | None:
        if not wanted:
            return "pcluster: left out by --no-vendor"
        unavailable = why_unavailable(node=False)
        if unavailable is not None:
            return unavailable
        if self._other_line():
            return (
                f"pcluster {self._installed} is installed, and the config is for {self._subject.version}: "
                f"install aws-parallelcluster=={self._subject.version} to have it judged, or name --parallelcluster"
            )
        return None


def _of_the_simulation(item: Finding, answer: DryRun, config: Mapping[str, Any]) -> bool:
    """Return whether a finding says something of the simulated account, and nothing of the config.

    All that a config names exists there. What AWS misses all the same the simulation lacks, but for what AWS would
    create nothing under, and for instance types that nobody knows.
    """
    assumed = assumed_types(config)
    if any(name in item.message for pair in assumed.items() for name in pair):
        return True
    if item not in answer.of_aws or any(name in item.message for name in answer.impossible):
        return False
    return not any(name in item.message for name in _unknown_types(config))


def _unknown_types(config: Mapping[str, Any]) -> list[str]:
    return [name for name in strings_under(config, "InstanceType") if not instances.known(name)]


def _could_not_judge(item: Finding, why: str) -> str:
    return f"{(*item.about, 'pcluster')[0]} could not judge: {why} ({item.message.splitlines()[0]})"


def look(subject: Subject) -> AccountFacts:
    """Look at what the user's account has of the things that the config names."""
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
    answer = real_dry_run(subject.text, region=account.region)
    installed = installed_pcluster_version()
    findings = _placed(answer.findings, subject)
    detail = f"pcluster {installed or ''} create-cluster --dryrun true on AWS in {account.region}".replace("  ", " ")
    if installed != subject.version:
        detail += f"; the config is for {subject.version}"
    notes = [f"the account has no {name}, or not in {account.region}" for name in account.missing]
    notes += [_could_not_judge(item, "it ended by a fault") for item in answer.gaps]
    outcome: Outcome = "accepted" if answer.accepted else "refused"
    if answer.gaps and not answer.errors:
        outcome = "undecided"
    return Judgement("aws", installed, outcome, detail, findings, tuple(notes))


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


def _placed(findings: Iterable[Finding], subject: Subject) -> tuple[Finding, ...]:
    """Return a vendor's findings, each at the line of what its message quotes: the vendor tells no place."""
    found = []
    for item in findings:
        place = Place(subject.file, *subject.where(subject.config.mentioned_in(item.message) or ()))
        found.append(item.replaced(place=place))
    return tuple(dict.fromkeys(found))


def taken(found: list[Finding], said: Iterable[Finding]) -> str:
    """Take what a vendor's judge says; return why it said no more, "" where it came to its end.

    Whatever a vendor's program or library raises is a fault of its own, or a release that is another than it was: never
    a word on the spec.
    """
    try:
        for finding in said:
            found.append(finding)
    except Exception as error:
        text = " ".join(str(error).split())[:_MOST_LETTERS]
        told = text and isinstance(error, (ImportError, RuntimeError))
        return text if told else f"{type(error).__name__}{': ' * bool(text)}{text}"
    return ""


def unanswered(judge: str, version: str | None, why: str, found: Sequence[Finding]) -> Judgement:
    """Return the judgement of a judge that did not come to its end: undecided, or refused for what it said before."""
    outcome: Outcome = "refused" if outcome_of(found) == "refused" else "undecided"
    return Judgement(judge, version, outcome, why, tuple(found), limit=why if found else "")


def outcome_of(findings: Iterable[Finding]) -> Outcome:
    """Return what findings come to."""
    return "refused" if any(finding.severity == ERROR for finding in findings) else "accepted"
