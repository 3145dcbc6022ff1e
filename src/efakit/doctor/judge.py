"""Judges documents: the checks of one node, by subject, and what each finding's mend is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from efakit import __version__
from efakit.doctor.container_checks import container_findings, image_findings
from efakit.doctor.device_checks import device_findings, fabric_findings, image_fabric_findings
from efakit.doctor.document import Document
from efakit.doctor.exporter_checks import exporter_findings, exporter_words
from efakit.doctor.keeping_checks import keeping_findings
from efakit.doctor.limit_checks import limit_findings, login_findings
from efakit.doctor.loader_checks import loader_findings
from efakit.doctor.mends import mended
from efakit.doctor.software_checks import software_findings
from efakit.doctor.subject import Subject, subject_of
from efakit.finding import Finding
from efakit.hook.collect import SAVED
from efakit.hook.installed import check_stack
from efakit.rules.registry import rule_of


class Told(NamedTuple):
    """One finding about a node (empty: all of them, or the cluster), why it matters, and the commands that mend it."""

    node: str
    finding: Finding
    why: str = ""
    commands: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return JSON values: those of the finding, the node, the reason and the commands."""
        return {"node": self.node, **self.finding.as_data(), "why": self.why, "commands": list(self.commands)}


_NODE_CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    device_findings,
    fabric_findings,
    software_findings,
    loader_findings,
    limit_findings,
    container_findings,
)
_IMAGE_CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    image_findings,
    image_fabric_findings,
    software_findings,
    loader_findings,
)


def judge(document: Document, instance_type: str | None = None) -> list[Told]:
    """Return what is to be said of one node or image, the worst first; ``instance_type`` overrides the node's own."""
    subject = subject_of(document, instance_type)
    found: list[Finding] = []
    if document.in_image or subject.wants_efa:
        checks = _IMAGE_CHECKS if document.in_image else _NODE_CHECKS
        found = [finding for check in checks for finding in check(subject)]
        found += list(_unread(document))
    elif subject.is_controller:
        found += [*login_findings(subject), *_unread(document)]
    elif not subject.is_ec2:
        name = "the DMI product name is not known"
        if subject.instance_type:
            name = f"the DMI product name is {subject.instance_type}, which is no type of EC2's"
        message = f"{name}: EFA is not judged"
        found += [Finding("not-read", "info", message, fix="name the type with --instance"), *_unread(document)]
    found += [*_settings(document), *keeping_findings(document), *exporter_findings(document, __version__)]
    told = [tell(document.node, mended(finding, document)) for finding in dict.fromkeys(found)]
    return sorted(told, key=lambda item: item.finding.severity, reverse=True)


def tell(node: str, finding_and_commands: tuple[Finding, tuple[str, ...]]) -> Told:
    """Return a finding with its rule's reason and source."""
    finding, commands = finding_and_commands
    rule = rule_of(finding.rule)
    if rule is not None and not finding.source:
        finding = finding.replaced(source=rule.source)
    return Told(node, finding, rule.why if rule else "", commands)


def looked_at(document: Document, instance_type: str | None = None) -> list[str]:
    """Return what was looked at, a line each, with what was seen."""
    subject = subject_of(document, instance_type)
    versions = document.versions
    lines = [f"instance type: {subject.instance_type or 'unknown'}"]
    if not document.in_image:
        expected = subject.expectation["devices_expected"]
        lines.append(f"EFA devices: {len(document.devices)} of {'unknown' if expected is None else expected}")
    lines += [f"{name}: {version}" for name, version in versions.items() if version]
    not_known = [name for name, version in versions.items() if not version]
    if not_known:
        lines.append(f"not there, or of no known version: {', '.join(not_known)}")
    fabric = document.part("fabric")
    if fabric and fabric["answers"] and fabric["answers"][-1]["domains"] is not None:
        lines.append(f"fi_info -p efa: {len(fabric['answers'][-1]['domains'])} devices")
    elif document.part("fabric_not_asked"):
        lines.append(f"fi_info -p efa: not asked: {document.part('fabric_not_asked')}")
    if document.part("exporter") is not None:
        lines.append(f"exporter: {exporter_words(document.part('exporter'))}")
    for name, label in (("loader", "loader paths"), ("limits", "limits"), ("enroot", "Enroot"), ("kernel", "modules")):
        if document.part(name) is not None:
            lines.append(f"{label}: read")
    return lines


def _unread(document: Document) -> Iterator[Finding]:
    for item in document.data["unread"]:
        yield Finding("not-read", "info", f"{item['what']} could not be read: {item['why']}")
    why = document.part("fabric_not_asked")
    if why and why != SAVED:
        yield Finding("not-read", "info", f"fi_info -p efa was not asked: {why}")


def _settings(document: Document) -> list[Finding]:
    """Return what is wrong with hook.json, and what is installed otherwise than the cluster was rendered for."""
    given = document.part("settings")
    if given is None:
        return []
    wrong = [Finding("settings", "error", problem) for problem in given["problems"]]
    return [*wrong, *check_stack(document.versions, given["stack"])]
