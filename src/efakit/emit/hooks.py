"""Target hooks: the hook as one file, its settings, Slurm's scripts, and an installer that holds them all."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Sequence

from efakit import __version__
from efakit.catalog.layouts import installer_rows
from efakit.emit.exporter_archive import exporter_archive
from efakit.emit.hook_archive import hook_archive
from efakit.emit.registry import File, slurm_target
from efakit.emit.resources import folder, package_file
from efakit.emit.shell import quote
from efakit.plan.plan import Plan
from efakit.plan.slurm.exporter import ExporterPlan
from efakit.plan.slurm.site import EXPORTER_SCRIPT, INSTALLER, PYXIS_SCRIPT

__all__ = ["emit_hooks", "exporter_uninstaller", "hook_archive", "uninstaller"]

# run-hook finds a Python; the two others are what Slurm's TaskProlog and HealthCheckProgram name.
_PROGRAMS = ("run-hook", "task-prolog", "health-check")
# What Slurm's Prolog, Epilog and TaskProlog name where they are one file: the installer alone has a use for them.
_FOR_ONE_FILE = ("efakit-prolog", "efakit-epilog", "efakit-task-prolog")

_UNIT = "efakit-exporter.service"


@slurm_target("hooks")
def emit_hooks(plan: Plan) -> list[File]:
    """Return the files of hooks/."""
    if plan.slurm is None:
        return []
    source, settings = folder("prolog"), plan.slurm.hooks.settings
    hook = File("efakit-hook.pyz", hook_archive())
    payload = [hook, File("hook.json", (json.dumps(settings, indent=2) + "\n").encode())]
    payload += [File(name, (source / name).read_bytes(), executable=True) for name in _PROGRAMS]
    for name in ("prolog.d", "epilog.d"):
        for script in sorted((source / name).iterdir()):
            payload.append(File(f"{name}/{script.name}", script.read_bytes(), executable=True))
    text = _script(settings["records_dir"])
    one_file = [File(name, (source / name).read_bytes(), executable=True) for name in _FOR_ONE_FILE]
    installer = File(INSTALLER, text + _packed([*payload, *one_file]), executable=True)
    files = [*payload, installer]
    if plan.slurm.hooks.pyxis is not None:
        files.append(File(PYXIS_SCRIPT, (source / PYXIS_SCRIPT).read_bytes(), executable=True))
    if plan.slurm.hooks.exporter is not None:
        files += _exporter(plan.slurm.hooks.exporter)
    return [File(f"hooks/{file.path}", file.content, file.executable) for file in files]


def _exporter(exporter: ExporterPlan) -> list[File]:
    """Return the exporter as one file, and its installer, which holds it and its systemd unit."""
    program = File("efakit-exporter.pyz", exporter_archive())
    unit = File(_UNIT, package_file("exporter", "assets", _UNIT).read_bytes())
    # The unit last: where it could be unpacked the program is whole.
    installer = _exporter_script(exporter.options, exporter.config) + _packed([program, unit])
    return [program, File(EXPORTER_SCRIPT, installer, executable=True)]


def exporter_uninstaller() -> bytes:
    """Return the exporter's installer without what it installs: enough for ``--uninstall``."""
    return _exporter_script((), "/")


def _exporter_script(options: Sequence[str], config: str) -> bytes:
    text = (folder("prolog") / EXPORTER_SCRIPT).read_text(encoding="utf-8")
    given = "".join(f" {option}" for option in options)
    return text.replace("@OPTIONS@", quote(given)).replace("@CONFIG@", quote(config)).encode()


def uninstaller() -> bytes:
    """Return the installer without what it installs: enough for ``--uninstall``."""
    return _script("the records folder")


def _script(records_dir: str) -> bytes:
    text = (folder("prolog") / INSTALLER).read_text(encoding="utf-8")
    text = text.replace("@RECORDS_DIR@", quote(records_dir)).replace("@VERSION@", quote(__version__))
    return text.replace("@LAYOUTS@", installer_rows()).encode()


def _packed(files: list[File]) -> bytes:
    """Return files as a tar.gz in base64, as comment lines of a shell script."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=4, mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for file in files:
            info = tarfile.TarInfo(file.path)
            info.size = len(file.content)
            info.mode = 0o755 if file.executable else 0o644
            archive.addfile(info, io.BytesIO(file.content))
    text = base64.b64encode(buffer.getvalue()).decode()
    return "".join(f"# {text[begin : begin + 100]}\n" for begin in range(0, len(text), 100)).encode()
