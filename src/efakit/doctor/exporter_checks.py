"""The exporter on a node: which one, and whether it runs. A node without one lacks nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.doctor.document import Document
from efakit.finding import Finding

_NOT_KNOWN = "not known"


def exporter_findings(document: Document, version: str) -> Iterator[Finding]:
    """Give what is wrong with the exporter that a node has; ``version`` is this efakit's own."""
    state: Any = document.part("exporter")
    if not state or not state["installed"]:
        return
    if state["unit"] == "other":
        message = "a unit efakit-exporter.service that is not efakit's stands in the place of the exporter's"
        yield Finding("exporter-stopped", "warning", message, fix="remove it, or the exporter")
    elif state["unit"] == "none" or state["enabled"] is False or state["active"] is False:
        missing = "it has no unit" if state["unit"] == "none" else _states(state)
        yield Finding("exporter-stopped", "warning", f"the exporter is installed and does not serve: {missing}")
    if state["version"] not in (None, version):
        message = f"the exporter is of efakit {state['version']}, and this is {version}"
        yield Finding("exporter-version", "info", message)


def exporter_words(state: Mapping[str, Any] | None) -> str:
    """Return what a node has of the exporter, in words; what cannot be asked is ``not known``."""
    if state is None or state["installed"] is None:
        return _NOT_KNOWN
    if not state["installed"]:
        return "not installed" + ("; a unit of its name is not efakit's" if state["unit"] == "other" else "")
    unit = {"ours": _states(state), "none": "no unit", "other": "its unit is not efakit's"}.get(state["unit"])
    return f"version {state['version'] or _NOT_KNOWN}, {unit or 'unit not known'}, at {state['listen'] or _NOT_KNOWN}"


def _states(state: Mapping[str, Any]) -> str:
    enabled = {True: "enabled", False: "not enabled", None: f"enabled: {_NOT_KNOWN}"}[state["enabled"]]
    active = {True: "active", False: "not active", None: f"active: {_NOT_KNOWN}"}[state["active"]]
    return f"{enabled}, {active}"
