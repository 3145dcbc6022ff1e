"""Target hooks: the hook as one file, its settings, Slurm's scripts, and an installer that holds them all."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import textwrap
import zipfile

from efakit.catalog.instances import efa_table
from efakit.emit.registry import File, target
from efakit.emit.resources import folder, package_file
from efakit.emit.shell import quote
from efakit.plan.hooks import INSTALLER
from efakit.plan.plan import Plan

_CARRIED_ROOMS = ("node", "hook")
_MAIN = """\
import os
import sys

from efakit.hook.main import main
from efakit_carried import CARRIED

sys.exit(main(sys.argv[1:], os.environ, CARRIED))
"""
# Same input, same bytes: no clock and no user in an archive.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@target("hooks")
def emit_hooks(plan: Plan) -> list[File]:
    """Return the files of hooks/."""
    source = folder("prolog")
    settings = json.dumps(plan.hooks.settings, indent=2) + "\n"
    payload = [File("efakit-hook.pyz", hook_archive()), File("hook.json", settings.encode())]
    payload.append(File("run-hook", (source / "run-hook").read_bytes(), executable=True))
    for name in ("prolog.d", "epilog.d"):
        for script in sorted((source / name).iterdir()):
            payload.append(File(f"{name}/{script.name}", script.read_bytes(), executable=True))
    text = (source / INSTALLER).read_text(encoding="utf-8")
    text = text.replace("@RECORDS_DIR@", quote(plan.hooks.settings["records_dir"]))
    installer = File(INSTALLER, text.encode() + _packed(payload), executable=True)
    return [File(f"hooks/{file.path}", file.content, file.executable) for file in (*payload, installer)]


def hook_archive() -> bytes:
    """Return efakit-hook.pyz: what ``python3 -I -S`` runs on a compute node, with nothing but itself."""
    buffer = io.BytesIO()
    # Stored, not deflated: the hook then starts without importing zlib.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "__main__.py", _MAIN.encode())
        _add(archive, "efakit_carried.py", f"CARRIED = {{'efa_interfaces': {efa_table()!r}}}\n".encode())
        _add(archive, "efakit/__init__.py", package_file("__init__.py").read_bytes())
        for room in _CARRIED_ROOMS:
            for file in sorted(package_file(room).glob("*.py")):
                _add(archive, f"efakit/{room}/{file.name}", file.read_bytes())
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _ZIP_TIME)
    info.external_attr = 0o644 << 16
    archive.writestr(info, content)


def _packed(files: list[File]) -> bytes:
    """Return files as a tar.gz in base64, as comment lines of a shell script."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for file in files:
            info = tarfile.TarInfo(file.path)
            info.size = len(file.content)
            info.mode = 0o755 if file.executable else 0o644
            archive.addfile(info, io.BytesIO(file.content))
    text = base64.b64encode(buffer.getvalue()).decode()
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, 100)).encode()
