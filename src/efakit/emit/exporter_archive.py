"""The exporter as one file: efakit-exporter.pyz, with prometheus-client and every module of ours that it imports."""

from __future__ import annotations

import io
import zipfile

from efakit.catalog.instances import bytes_per_second_table, efa_table
from efakit.emit.hook_archive import add, modules_of
from efakit.errors import UsageError

_MAIN = """\
import sys

from efakit.exporter.main import main
from efakit_carried import BYTES_PER_SECOND, EFA_INTERFACES

sys.exit(main(sys.argv[1:], EFA_INTERFACES, BYTES_PER_SECOND))
"""
_PACKAGE = "prometheus_client"
# Servers of other frameworks, and what sends to others: the exporter serves by the standard library.
_LEFT_OUT = ("aiohttp", "bridge", "django", "twisted")
_LICENSES = ("LICENSE", "NOTICE")


def exporter_archive() -> bytes:
    """Return efakit-exporter.pyz: what ``python3 -I`` runs on a compute node, with nothing but itself.

    The same bytes whatever Python makes it, of one release of prometheus-client. Raises UsageError without that.
    """
    buffer = io.BytesIO()
    # Stored, not deflated: another zlib would give other bytes.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        add(archive, "__main__.py", _MAIN.encode())
        tables = f"EFA_INTERFACES = {efa_table()!r}\nBYTES_PER_SECOND = {bytes_per_second_table()!r}\n"
        add(archive, "efakit_carried.py", tables.encode())
        for path, content in sorted({**modules_of(("exporter/main.py",)), **_library()}.items()):
            add(archive, path, content)
    return buffer.getvalue()


def _library() -> dict[str, bytes]:
    # Not above: with all that it imports it is a part of the time of each render, and few have an exporter.
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        files = distribution(_PACKAGE).files or []
    except PackageNotFoundError as error:
        raise UsageError(
            "hooks.exporter: the exporter's file carries prometheus-client, which is not installed here: "
            "pip install 'efakit[exporter]'"
        ) from error
    found = {}
    for file in files:
        if file.parts[0] == _PACKAGE and file.suffix == ".py" and file.parts[1] not in _LEFT_OUT:
            found[file.as_posix()] = file.read_binary()
        elif file.name in _LICENSES:
            found[f"{_PACKAGE}/{file.name}"] = file.read_binary()
    return found
