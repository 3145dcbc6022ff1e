"""Collects from this machine, or from a saved tree: the same documents as the hook's ``collect`` gives."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from efakit.doctor.archive import Collected
from efakit.doctor.document import Document, document_of
from efakit.doctor.site_data import collect_site
from efakit.hook.collect import look, why_not_asked
from efakit.hook.settings import Settings, load_settings
from efakit.node.files import read_text_or_none
from efakit.slurm import running_config
from efakit.slurm.job import SourceError

# Where ParallelCluster's layout has the hooks; another layout's folder comes from Slurm's configuration.
_HOME = "opt/slurm/etc/efakit"
_CONTROLLER_SECONDS = 10.0


def collect_here(*, in_image: bool) -> Collected:
    """Return what this machine has, and what is installed on its cluster where Slurm is there."""
    node = os.environ.get("SLURMD_NODENAME") or os.uname().nodename.partition(".")[0] or "localhost"
    if in_image:
        return Collected((_checked(look("/", node, in_image=True, asks=lambda names: None if names else "no device")),))
    cluster, unread = collect_cluster()
    home = cluster["home"]["path"] if cluster and cluster["home"] else f"/{_HOME}"
    settings, problems, path = _settings(f"{home}/hook.json")
    job = os.environ.get("SLURM_JOB_ID", "")
    document = look("/", node, asks=lambda names: why_not_asked(settings, node, job))
    document["settings"] = _settings_data(settings, problems, path)
    return Collected((_checked(document),), (), cluster, unread)


def collect_tree(root: Path, *, in_image: bool) -> Collected:
    """Return what a saved tree has. None of its programs is run: somebody else may have made it."""
    node = read_text_or_none(str(root / "etc/hostname")) or root.resolve().name
    document = look(str(root), node, in_image=in_image)
    settings, problems, path = _settings(str(root / _HOME / "hook.json"))
    document["settings"] = _settings_data(settings, problems, path and f"/{_HOME}/hook.json")
    return Collected((_checked(document),))


def collect_cluster() -> tuple[dict[str, Any] | None, str | None]:
    """Return what is installed on this machine's cluster, and why it is not known; None twice: there is no Slurm."""
    try:
        config = running_config(timeout_seconds=_CONTROLLER_SECONDS)
    except SourceError as error:
        # A machine without Slurm has no cluster, which is nothing that could not be read.
        return None, None if error.outcome == "absent" else f"Slurm's configuration: scontrol: {error}"
    return collect_site(config)


def _settings(path: str) -> tuple[Settings, list[str], str | None]:
    """Return the hook's settings; the defaults, and no path, where it is not installed here."""
    if not Path(path).is_file():
        return Settings(), [], None
    settings, problems = load_settings(path)
    return settings, problems, path


def _settings_data(settings: Settings, problems: list[str], path: str | None) -> dict[str, Any]:
    return {
        "path": path,
        "problems": problems,
        "expected_devices": settings.expected_devices,
        "compute_resources": settings.compute_resources,
    }


def _checked(document: dict[str, Any]) -> Document:
    # By way of JSON: what is judged here is what another machine would read.
    return document_of(json.loads(json.dumps(document)), "this machine")
