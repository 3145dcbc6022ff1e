"""What a site loads beside the exporter: Prometheus' rules and alerts, a Grafana dashboard, a systemd unit."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from efakit.errors import UsageError
from efakit.finding import Place

# name -> what it is for
ASSETS = {
    "efa.rules.yml": "recording rules and alerts for Prometheus (rule_files)",
    "node-amazonefa.rules.yml": "the same metrics from node_exporter's collector amazonefa, where that runs instead",
    "efa.dashboard.json": "a dashboard for Grafana",
    "efakit-exporter.service": "a systemd unit for compute nodes",
}


def asset(name: str) -> str:
    """Return the text of a file of ``ASSETS``."""
    return (files(__name__) / name).read_text(encoding="utf-8")


def write_assets(folder: Path) -> list[Path]:
    """Write all files into a folder, made where it is missing; return their paths.

    Raises UsageError where one cannot be written, or is there with another text.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = {folder / name: asset(name) for name in ASSETS}
        for path, text in paths.items():
            if os.path.lexists(path) and not (path.is_file() and path.read_bytes() == text.encode()):
                raise UsageError("is there, with another text: move it away, or name another folder", Place(str(path)))
        missing = [path for path in paths if not path.exists()]
        for path in missing:
            written.append(path)
            path.write_text(paths[path], encoding="utf-8")
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)  # half of it would be in the way next time
        where = Place(str(error.filename or folder))
        raise UsageError(f"cannot be written: {error.strerror}", where) from error
    return list(paths)
