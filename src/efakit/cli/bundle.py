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
        raise UsageError(f"{error.filename or folder}: cannot be written: {error.strerror}") from error


def _manifest(folder: Path) -> dict[str, str]:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --out names a folder")
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        listed = None
    if not isinstance(listed, dict) or not all(isinstance(value, str) for value in listed.values()):
        raise UsageError(f"{folder / MANIFEST}: is damaged; remove the folder, or name another with --out")
    return listed


def _refuse_foreign(folder: Path, files: Sequence[File], written: dict[str, str]) -> None:
    if not written and folder.is_dir() and any(folder.iterdir()):
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:5])
        raise UsageError(
            f"{folder}: holds files that efakit did not write ({found}); name an empty folder, or add --force"
        )
    for path in sorted({file.path for file in files} | set(written)):
        present = folder / path
        if present.is_symlink() or (present.exists() and _digest(present.read_bytes()) != written.get(path)):
            raise UsageError(
                f"{present}: was changed since efakit wrote it; move it away, or add --force to overwrite it"
            )


def _write(folder: Path, files: Sequence[File], written: dict[str, str]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
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
        if not folder.exists():
            staging.rename(folder)
            return
        for file in (*files, File(MANIFEST, b"")):
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (staging / file.path).replace(folder / file.path)
        for stale in set(written) - set(manifest):
            (folder / stale).unlink(missing_ok=True)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
