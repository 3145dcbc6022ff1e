"""Collects from this machine, or from a saved tree: the same documents as the hook's ``collect`` gives."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from efakit.doctor.archive import Collected
from efakit.doctor.document import Document, document_of
from efakit.doctor.site_data import collect_site
from efakit.hook.collect import add_keeping, look, settings_data, why_not_asked
from efakit.hook.settings import Settings, load_settings
from efakit.node.bounded import NoChild, run_bounded
from efakit.node.exporter import exporter_state
from efakit.node.files import read_text_or_none, told
from efakit.slurm import running_config
from efakit.slurm.job import SourceError

# Where ParallelCluster's layout has the hooks; another layout's folder comes from Slurm's configuration.
_HOME = "opt/slurm/etc/efakit"
_CONTROLLER_SECONDS = 10.0
_SETTINGS_SECONDS = 5.0


def collect_here(*, in_image: bool) -> Collected:
    """Return what this machine has, and what is installed on its cluster where Slurm is there."""
    node = os.environ.get("SLURMD_NODENAME") or os.uname().nodename.partition(".")[0] or "localhost"
    if in_image:
        return Collected((_checked(look("/", node, in_image=True, asks=lambda names: None)),))
    cluster, unread = collect_cluster()
    home = cluster["home"]["path"] if cluster and cluster["home"] else f"/{_HOME}"
    path = f"{home}/hook.json"
    data, settings = _settings(path)
    job = os.environ.get("SLURM_JOB_ID", "")
    document = look("/", node, asks=lambda names: why_not_asked(settings, node, job))
    _add_settings(document, data, path)
    if document["settings"]["path"] is not None:
        add_keeping(document, settings)
    return Collected((_checked(document),), (), cluster, unread)


def exporter_here() -> tuple[str, dict[str, Any] | None, str | None]:
    """Return this machine's name, what it has of the exporter, and what could not be read."""
    node = os.uname().nodename.partition(".")[0] or "localhost"
    unread: list[Any] = []

    def both() -> Iterator[Any]:
        yield dict(exporter_state("/", unread))
        yield unread

    try:
        values, _ = run_bounded(both, _SETTINGS_SECONDS)
    except NoChild as error:
        return node, None, str(error.strerror)
    if len(values) != 2:
        return node, None, "no answer in time"
    return node, values[0], "; ".join(f"{item['what']}: {item['why']}" for item in values[1]) or None


def collect_tree(root: Path, *, in_image: bool) -> Collected:
    """Return what a saved tree has. None of its programs is run: somebody else may have made it."""
    document = look(str(root), _host_name(root), in_image=in_image)
    _add_settings(document, _settings(str(root / _HOME / "hook.json"))[0], f"/{_HOME}/hook.json")
    return Collected((_checked(document),))


def collect_cluster() -> tuple[dict[str, Any] | None, str | None]:
    """Return what is installed on this machine's cluster, and why it is not known; None twice: there is no Slurm."""
    try:
        config = running_config(timeout_seconds=_CONTROLLER_SECONDS)
    except SourceError as error:
        # A machine without Slurm has no cluster, which is nothing that could not be read.
        return None, None if error.outcome == "absent" else f"Slurm's configuration: scontrol: {error}"
    return collect_site(config)


def _settings(path: str) -> tuple[dict[str, Any], Settings]:
    """Return the hook's settings as the document has them, and all of them; the defaults where it is not installed.

    hook.json lies on shared storage: the read is bounded.
    """

    def read() -> Iterator[Any]:
        there, why = told(os.stat, path)
        if why is None and there is not None and not os.access(path, os.R_OK):
            why = "Permission denied"
        if why is not None or there is None:
            yield {"unread": why, "path": None, "settings": {}, "problems": []}
            return
        settings, problems = load_settings(path)
        yield {"unread": None, "path": path, "settings": settings.as_data(), "problems": problems}

    try:
        values, _ = run_bounded(read, _SETTINGS_SECONDS)
    except NoChild as error:
        values = [{"unread": str(error.strerror), "path": None, "settings": {}, "problems": []}]
    found = values[0] if values else {"unread": "no answer in time", "path": None, "settings": {}, "problems": []}
    settings = Settings(**found["settings"])
    data = settings_data(found["path"], found["problems"], settings)
    return {**data, "unread": found["unread"]}, settings


def _add_settings(document: dict[str, Any], data: dict[str, Any], shown: str) -> None:
    why = data.pop("unread")
    if why is not None:
        document["unread"].append({"what": shown, "why": why})
    document["settings"] = {**data, "path": data["path"] and shown}


def _host_name(root: Path) -> str:
    try:
        values, _ = run_bounded(lambda: iter([read_text_or_none(str(root / "etc/hostname"))]), _SETTINGS_SECONDS)
    except NoChild:
        values = []
    return (values[0] if values else None) or root.resolve().name or "node"


def _checked(document: dict[str, Any]) -> Document:
    # By way of JSON: what is judged here is what another machine would read.
    return document_of(json.loads(json.dumps(document)), "this machine")
