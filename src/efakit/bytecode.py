"""Adds to the hook's file what Python would else work out at each start: its modules, compiled.

Half of a run of the hook would go into compiling, since Python keeps nothing beside a file such as ours. Bytecode
serves one version of Python only; any other passes over it and compiles the source, which stays beside it
(``zipimport`` compares the magic number first). What is rendered has none; on a cluster the installer lets
``efakit-hook.pyz compile`` add that of the nodes' Python. Standard library only, Python 3.9.
"""

from __future__ import annotations

import _imp
import importlib.util
import io
import marshal
import zipfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

# PEP 552: checked against nothing, as the two files never part.
_UNCHECKED_HASH = (1).to_bytes(4, "little")
# The last format without back references: those depend on what else the process holds, and the same source would give
# other bytes from one run to the next.
_MARSHAL_VERSION = 2
_SOURCE, _BYTECODE = ".py", ".pyc"


def compiled(name: str, source: bytes) -> CodeType:
    """Return the code of a module, without its docstrings."""
    code: CodeType = compile(source, name, "exec", dont_inherit=True, optimize=2)
    return code


def with_bytecode(archive: bytes) -> bytes:
    """Return the archive with this Python's bytecode beside each module, in place of what was there."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as given, zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as out:
        for info in given.infolist():
            if info.filename.endswith(_BYTECODE):
                continue
            content = given.read(info)
            out.writestr(info, content)
            wanted = info.filename.endswith(_SOURCE)
            kept = _marshalled(compiled(info.filename, content), content) if wanted else None
            if kept:
                beside = zipfile.ZipInfo(info.filename[: -len(_SOURCE)] + _BYTECODE, info.date_time)
                beside.external_attr = info.external_attr
                out.writestr(beside, kept)
    return buffer.getvalue()


def _marshalled(code: CodeType, source: bytes) -> bytes | None:
    try:
        data = marshal.dumps(code, _MARSHAL_VERSION)
    except ValueError:  # a constant of a kind that this format does not know, as newer Pythons have them
        return None
    return importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + _imp.source_hash(0, source) + data
