"""The hook as one file: efakit-hook.pyz, with every module that it imports and nothing else."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Iterator

from efakit.catalog.instances import efa_table
from efakit.emit.resources import package_file

_WHOLE_ROOMS = ("node", "hook")
# Whom the hook may import beside them (docs/architecture.md).
_ASKED_ROOMS = ("catalog", "rules")
_MAIN = """\
import os
import sys


class Once:
    # zipimport loads each module twice, first only to learn the name of its file. This finder loads it once.
    importers = {}

    def __init__(self, importer):
        self.importer = importer

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        try:
            if not path or not name.startswith(("efakit.hook", "efakit.node")):
                return None
            folder = path[0]
            if folder not in cls.importers:
                cls.importers[folder] = type(__loader__)(folder)
            importer = cls.importers[folder]
            package = importer.is_package(name)
            spec = type(__spec__)(name, cls(importer), is_package=package)
            if package:
                spec.submodule_search_locations.append(folder + "/" + name.rpartition(".")[2])
            return spec
        except Exception:  # Python's own finder then
            return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.importer.get_code(module.__name__), module.__dict__)


status = 0
try:
    sys.meta_path.insert(0, Once)
    from efakit.hook.main import main
    from efakit_carried import CARRIED

    status = main(sys.argv[1:], os.environ, CARRIED)
except Exception as error:  # as in main: a fault of the hook's is never the job's
    # Nothing has been done: who asks by --refusal-status hears of it, and may try again.
    status = 70 if "--refusal-status" in sys.argv else 0
    os.write(2, ("efakit: %r\\n" % error).encode("ascii", "backslashreplace"))
finally:
    # Nothing is left to write or to close, and an interpreter takes its time to go.
    os._exit(status)
"""
# By lines, since parsing all modules would take as long as all the rest of rendering; ruff keeps their form. Each is
# tried only where its word stands, since a search that begins with blanks stops at every line.
_TYPE_CHECKING = re.compile(r"( *)if TYPE_CHECKING:.*\n(?:\1 +.*\n|\n)*")
_IMPORT = re.compile(r" *(?:from|import) (efakit[\w.]*)(?: import (?:\(([^)]*)\)|([^\n(]*)))?")
_NAME = re.compile(r"\w+")
# Same input, same bytes: no clock and no user in an archive.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def hook_archive() -> bytes:
    """Return efakit-hook.pyz: what ``python3 -I -S`` runs on a compute node, with nothing but itself.

    The same bytes whatever Python makes it: the installer has a Python of the cluster's compile it.
    """
    buffer = io.BytesIO()
    # Stored, not deflated: the hook then starts without importing zlib.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        add(archive, "__main__.py", _MAIN.encode())
        add(archive, "efakit_carried.py", f"CARRIED = {{'efa_interfaces': {efa_table()!r}}}\n".encode())
        for path, content in sorted(modules_of(_WHOLE_ROOMS).items()):
            add(archive, path, content)
    return buffer.getvalue()


def imported_modules(source: str) -> Iterator[str]:
    """Give the modules of efakit that a module imports when it runs, also late, inside a function.

    What is imported for type checking only is left out: ``if TYPE_CHECKING:``.
    """
    unread = [match.span() for match in _at_lines(_TYPE_CHECKING, "if TYPE_CHECKING:", source)]
    for match in _at_lines(_IMPORT, " efakit", source):
        if any(start <= match.start() < end for start, end in unread):
            continue
        module, in_lines, in_line = match.groups()
        yield module
        # "from efakit.catalog import stacks" may name a module too.
        yield from (f"{module}.{name}" for name in _NAME.findall(in_lines or in_line or ""))


def _at_lines(pattern: re.Pattern[str], word: str, source: str) -> Iterator[re.Match[str]]:
    """Give the matches of a pattern that stand at the beginning of a line with a word."""
    found = source.find(word)
    while found >= 0:
        match = pattern.match(source, source.rfind("\n", 0, found) + 1)
        if match is not None:
            yield match
        found = source.find(word, found + 1 if match is None else match.end())


def modules_of(starts: Collection[str]) -> dict[str, bytes]:
    """Return rooms or single modules, and what they import, directly or not, by their paths in an archive.

    ``starts`` are names such as ``hook`` and ``exporter/main.py``.
    """
    package = package_file("__init__.py").parent
    there = {f"efakit/{file.name}": file for file in package.glob("*.py")}
    for room in dict.fromkeys((*(start.partition("/")[0] for start in starts), *_WHOLE_ROOMS, *_ASKED_ROOMS)):
        there.update(
            {f"efakit/{file.relative_to(package).as_posix()}": file for file in (package / room).rglob("*.py")}
        )
    pending = [name for name in there if name.split("/")[1] in starts or name.removeprefix("efakit/") in starts]
    found: dict[str, bytes] = {}
    while pending:
        name = pending.pop()
        if name in found or name not in there:
            continue
        found[name] = there[name].read_bytes()
        pending.append(f"{name.rpartition('/')[0]}/__init__.py")
        pending.append("efakit/__init__.py")
        for module in imported_modules(found[name].decode()):
            path = module.replace(".", "/")
            pending += (f"{path}.py", f"{path}/__init__.py")
    return found


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file to an archive whose bytes depend on nothing else."""
    info = zipfile.ZipInfo(name, _ZIP_TIME)
    info.external_attr = 0o644 << 16
    archive.writestr(info, content)
