"""Writes a bundle's folder: all of it or nothing, and never over what is not efakit's."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from efakit.emit.registry import File
from efakit.errors import UsageError

MANIFEST = ".efakit-bundle.json"
_HOOKS = "hooks"


class Manifest(NamedTuple):
    """What efakit wrote into the folder, by path and SHA-256: so a later run knows its own files, and changed ones.

    ``installer`` is the address from which the cluster fetches the hooks' installer; None: it fetches none.
    """

    files: dict[str, str]
    installer: str | None = None


def write_bundle(folder: Path, files: Sequence[File], *, force: bool, installer: str | None = None) -> None:
    """Write ``files`` into ``folder``; raise UsageError, with nothing written, where that would harm other files.

    ``installer`` is the address from which the cluster fetches hooks/install-hooks.sh, where that is among the files.
    """
    try:
        written = read_manifest(folder)
        if not force:
            _refuse_foreign(folder, files, written.files)
        _write(folder, files, written, installer)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}") from error


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a bundle, an empty one where there is none; raise UsageError where it is damaged."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --out names a folder")
    if folder.is_symlink() and not folder.exists():
        raise UsageError(f"{folder}: is a symbolic link to {folder.readlink()}, which is not there; make that folder")
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Manifest({})
    except (ValueError, RecursionError):
        listed = None
    content = listed if isinstance(listed, dict) else {}
    # Before there was more to say than that, the files stood alone.
    files = content.get("files") if isinstance(content.get("files"), dict) else listed
    installer = content.get("installer") if files is not listed else None
    if (
        not isinstance(files, dict)
        or not all(isinstance(value, str) and _stays_inside(path) for path, value in files.items())
        or not isinstance(installer, (str, type(None)))
    ):
        raise UsageError(f"{folder / MANIFEST}: is damaged; remove the folder, or name another with --out")
    return Manifest(files, installer)


def _stays_inside(path: str) -> bool:
    """Whether a path of the manifest, whoever wrote it, leads to a file of the folder: such files are removed."""
    return bool(path) and not path.startswith("/") and ".." not in path.split("/") and "\0" not in path


def _refuse_foreign(folder: Path, files: Sequence[File], written: dict[str, str]) -> None:
    if not written and folder.is_dir() and any(folder.iterdir()):
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:5])
        raise UsageError(
            f"{folder}: holds files that efakit did not write ({found}); name an empty folder, or add --force"
        )
    for path in sorted({file.path for file in files} | set(written)):
        present = folder / path
        between = [folder / parent for parent in Path(path).parents if parent.name]
        changed = any(parent.is_symlink() or (parent.exists() and not parent.is_dir()) for parent in between)
        if changed or present.is_symlink() or (present.exists() and not _is_as_written(present, written.get(path))):
            raise UsageError(
                f"{present}: was changed since efakit wrote it; move it away, or add --force to overwrite it"
            )


def _write(folder: Path, files: Sequence[File], written: Manifest, installer: str | None) -> None:
    # Beside a folder that is still to be made, so that it appears all at once; inside one that is there, since it may
    # be a mount of its own, or the only place where the user may write.
    there = folder.exists()
    if not there:
        folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".efakit-", dir=folder if there else folder.parent))
    try:
        # Folders of targets that were not asked for stay as they were.
        tops = {file.path.partition("/")[0] for file in files}
        kept = {path: digest for path, digest in written.files.items() if path.partition("/")[0] not in tops}
        listed = {**kept, **{file.path: _digest(file.content) for file in files}}
        address = installer if _HOOKS in tops else written.installer
        text = json.dumps({"installer": address, "files": dict(sorted(listed.items()))}, indent=1) + "\n"
        for file in (*files, File(MANIFEST, text.encode())):
            path = staging / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            path.chmod(0o755 if file.executable else 0o644)
        staging.chmod(0o755)
        if not there:
            staging.rename(folder)
            return
        # First all that can fail.
        for file in files:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        for file in (*files, File(MANIFEST, b"")):
            (staging / file.path).replace(folder / file.path)
        for stale in set(written.files) - set(listed):
            (folder / stale).unlink(missing_ok=True)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _is_as_written(path: Path, digest: str | None) -> bool:
    return path.is_file() and _digest(path.read_bytes()) == digest


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
