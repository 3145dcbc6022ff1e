"""Where the records lie: the option --records, else what the installed hooks' settings say."""

from __future__ import annotations

import os
from pathlib import Path

import click

from efakit.errors import RecordError
from efakit.jobs.json_file import Unusable, read_json

# Where the installer puts the hook's settings, which name the records folder.
_HOOK_SETTINGS = "efakit/hook.json"
_SLURM_ETC = "/opt/slurm/etc"

records_option = click.option(
    "--records",
    type=click.Path(path_type=Path),
    envvar="EFAKIT_RECORDS",
    show_envvar=True,
    help="Folder with the records.  [default: that of the installed hooks]",
)


def the_records_dir(records: Path | None) -> Path:
    """Return the folder that was named, else the one that the installed hook's settings name; it must be there."""
    folder = records or installed_records_dir()
    if not folder.is_dir():
        raise RecordError(f"{folder}: no such folder; --records names the folder that the hooks publish to")
    return folder


def installed_records_dir() -> Path:
    """Return the records folder that the installed hook's settings name."""
    conf = os.environ.get("SLURM_CONF")
    candidates = [Path(conf).parent] if conf else []
    for etc in (*candidates, Path(_SLURM_ETC)):
        path = etc / _HOOK_SETTINGS
        try:
            settings = read_json(path, follow_links=True)
        except Unusable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                continue
            raise RecordError(f"{path}: {error}; give the records' folder with --records") from error
        if not isinstance(settings, dict) or "records_dir" not in settings:
            raise RecordError(f"{path}: has no records_dir; give the records' folder with --records")
        folder = settings["records_dir"]
        if isinstance(folder, str) and "\0" not in folder:
            return Path(folder)
    raise RecordError(
        f"no hook is installed here ({_SLURM_ETC}/{_HOOK_SETTINGS}): give the records' folder with --records"
    )
