"""Writes a bundle's folder: all of it or nothing, and never over what is not efakit's."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from efakit.emit.registry import File
from efakit.errors import UsageError

# What efakit wrote into the folder, by path and SHA-256: so a later run knows its own files, and changed ones.
MANIFEST = ".efakit-bundle.json"


def write_bundle(folder: Path, files: Sequence[File], *, force: bool) -> None:
    """Write ``files`` into ``folder``; raise UsageError, with nothing written, where that would harm other files."""
    try:
        written = _manifest(folder)
        if not force:
            _refuse_foreign(folder, files, written)
        _write(folder, files, written)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}") from error


def _manifest(folder: Path) -> dict[str, str]:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --out names a folder")
    if folder.is_symlink() and not folder.exists():
        raise UsageError(f"{folder}: is a symbolic link to {folder.readlink()}, which is not there; make that folder")
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, dict) or not all(
        isinstance(value, str) and _stays_inside(path) for path, value in listed.items()
    ):
        raise UsageError(f"{folder / MANIFEST}: is damaged; remove the folder, or name another with --out")
    return listed


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


def _write(folder: Path, files: Sequence[File], written: dict[str, str]) -> None:
    # Beside a folder that is still to be made, so that it appears all at once; inside one that is there, since it may
    # be a mount of its own, or the only place where the user may write.
    there = folder.exists()
    if not there:
        folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".efakit-", dir=folder if there else folder.parent))
    try:
        # Folders of targets that were not asked for stay as they were.
        tops = {file.path.partition("/")[0] for file in files}
        kept = {path: digest for path, digest in written.items() if path.partition("/")[0] not in tops}
        manifest = {**kept, **{file.path: _digest(file.content) for file in files}}
        text = json.dumps(dict(sorted(manifest.items())), indent=1) + "\n"
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
        for stale in set(written) - set(manifest):
            (folder / stale).unlink(missing_ok=True)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _is_as_written(path: Path, digest: str | None) -> bool:
    return path.is_file() and _digest(path.read_bytes()) == digest


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
