"""What a check is given: a document, the instance type that counts, and how many devices the node should have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from efakit.catalog.instances import efa_table, get
from efakit.doctor.document import Document
from efakit.errors import UnknownInstanceType
from efakit.hook.expectation import expected_devices
from efakit.hook.settings import Settings

_EC2 = "Amazon EC2"


class Subject(NamedTuple):
    """A document, and what is known of its node beside it."""

    document: Document
    instance_type: str | None
    expectation: Mapping[str, Any]

    @property
    def is_ec2(self) -> bool:
        """Whether the machine calls itself an EC2 instance, or has a type of EC2's."""
        machine = self.document.part("machine") or {"vendor": None}
        return machine["vendor"] == _EC2 or self.expectation["devices_expected"] is not None

    @property
    def wants_efa(self) -> bool:
        """Whether the node has, or should have, EFA devices."""
        if self.document.devices:
            return True
        expected = self.expectation["devices_expected"]
        if expected is None:
            return self.is_ec2
        # A type that can have EFA is often a head node's, which then has none.
        return bool(expected) and not (self.is_controller and self.expectation["expected_from"] == "instance-type")

    @property
    def is_controller(self) -> bool:
        """Whether Slurm's controller runs here, and no slurmd: a head node."""
        limits = self.document.part("limits")
        return bool(limits and limits["slurm"]["slurmctld"] and not limits["slurm"]["slurmd"])


def subject_of(document: Document, instance_type: str | None = None) -> Subject:
    """Return the document with its type and the number of devices that it should have."""
    kind = instance_type or document.instance_type
    given = document.part("settings") or {}
    known = {name: given[name] for name in ("expected_devices", "compute_resources") if name in given}
    expectation = expected_devices(Settings(**known), document.node, kind, efa_table())
    if expectation["devices_expected"] is None and kind is not None and _has_no_efa(kind):
        expectation = {"devices_expected": 0, "expected_from": "instance-type", "expected_by": f"instance type {kind}"}
    return Subject(document, kind, expectation)


def _has_no_efa(kind: str) -> bool:
    try:
        return not get(kind).efa_capable
    except UnknownInstanceType:
        return False
