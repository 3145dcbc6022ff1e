"""Writes a bundle's folder: all of it or nothing, and never over what is not efakit's."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from efakit.emit.registry import File
from efakit.errors import UsageError

MANIFEST = ".efakit-bundle.json"
_HOOKS = "hooks"
# A difference longer than this is cut where a run is refused; --diff shows all of it.
_SHOWN_LINES = 60


class Manifest(NamedTuple):
    """What efakit wrote into the folder, by path and SHA-256: so a later run knows its own files, and changed ones.

    ``installer`` is the address from which the cluster fetches the hooks' installer; None: it fetches none.
    """

    files: dict[str, str]
    installer: str | None = None


class Change(NamedTuple):
    """What a run does with one file of the folder.

    ``kind`` is "new", "changed", "unchanged" or "removed"; ``edited`` says that the file there is not as efakit wrote
    it. ``before`` and ``after`` are its contents, None where there is no file.
    """

    path: str
    kind: str
    edited: bool = False
    before: bytes | None = None
    after: bytes | None = None

    def diff(self) -> str:
        """Return the change as a unified diff, of a file that is no text as one line; empty where nothing changes."""
        from difflib import unified_diff

        if self.kind == "unchanged":
            return ""
        try:
            before, after = (
                (content or b"").decode().splitlines(keepends=True) for content in (self.before, self.after)
            )
        except UnicodeDecodeError:
            return f"{self.path}: not a text file; {self.kind}\n"
        if before == after:
            return f"{self.path}: {'the same lines, but not executable' if self.before else 'an empty file'}\n"
        old = "/dev/null" if self.before is None else f"there/{self.path}"
        new = "/dev/null" if self.after is None else f"rendered/{self.path}"
        lines = unified_diff(before, after, old, new)
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def write_bundle(folder: Path, files: Sequence[File], *, force: bool, installer: str | None = None) -> list[Change]:
    """Write ``files`` into ``folder`` and return what was done with each, and with each file that is removed.

    ``installer`` is the address from which the cluster fetches hooks/install-hooks.sh, where that is among the files.
    Raises UsageError, with nothing written, where that would harm other files.
    """
    try:
        written = _manifest(folder)
        changes = _changes(folder, files, written)
        if not force:
            _refuse_foreign(folder, written.files)
            _refuse_edited(folder, changes)
        _write(folder, files, changes, written, installer)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}") from error
    return changes


def compare_bundle(folder: Path, files: Sequence[File]) -> list[Change]:
    """Return what ``write_bundle`` would do, and write nothing; raise UsageError where the folder cannot be read."""
    try:
        return _changes(folder, files, _manifest(folder))
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror}") from error


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a bundle, an empty one where there is none; raise UsageError where it is damaged."""
    try:
        return _manifest(folder)
    except OSError as error:
        raise UsageError(f"{folder / MANIFEST}: cannot be read: {error.strerror}") from error


def _manifest(folder: Path) -> Manifest:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; give a folder with --out")
    if folder.is_symlink() and not folder.exists():
        raise UsageError(
            f"{folder}: is a symbolic link to {folder.readlink()}, which does not exist; create that folder"
        )
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
        raise UsageError(f"{folder / MANIFEST}: is damaged; remove the folder, or give another one with --out")
    return Manifest(files, installer)


def _stays_inside(path: str) -> bool:
    """Whether a path of the manifest, whoever wrote it, leads to a file of the folder: such files are removed."""
    return bool(path) and not path.startswith("/") and ".." not in path.split("/") and "\0" not in path


def _changes(folder: Path, files: Sequence[File], written: Manifest) -> list[Change]:
    """Return what is to be done with each file, in the files' order, then what is removed."""
    # Folders of targets that were not asked for stay as they were.
    tops, paths = {_top(file.path) for file in files}, {file.path for file in files}
    # What lies behind a symbolic link is in another folder.
    stale = sorted(
        path
        for path in written.files
        if _top(path) in tops and path not in paths and not any(map(Path.is_symlink, _between(folder, path)))
    )
    return [
        *(_change(folder, file.path, file, written.files.get(file.path)) for file in files),
        *(_change(folder, path, None, written.files[path]) for path in stale if _is_there(folder / path)),
    ]


def _change(folder: Path, path: str, file: File | None, digest: str | None) -> Change:
    present = folder / path
    after = file.content if file else None
    replaced = present.is_symlink() or any(
        parent.is_symlink() or (parent.exists() and not parent.is_dir()) for parent in _between(folder, path)
    )
    before = None if replaced or not present.is_file() else present.read_bytes()
    there = replaced or _is_there(present)
    edited = there and (before is None or _digest(before) != digest) and before != after
    if file is None:
        return Change(path, "removed", edited, before)
    same = before == after and (not file.executable or bool(present.stat().st_mode & 0o100))
    return Change(path, "unchanged" if same else "changed" if there else "new", edited, before, after)


def _refuse_foreign(folder: Path, written: dict[str, str]) -> None:
    if not written and folder.is_dir() and any(folder.iterdir()):
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:5])
        raise UsageError(
            f"{folder}: contains files that efakit did not write ({found}); give an empty folder, or add --force"
        )


def _refuse_edited(folder: Path, changes: Iterable[Change]) -> None:
    edited = [change for change in changes if change.edited]
    if not edited:
        return
    lines = []
    for change in edited:
        lines += [f"{folder / change.path}: was changed since efakit wrote it{_fate(change)}"]
    shown = "".join(change.diff() for change in edited if change.before is not None).splitlines()
    lines += shown[:_SHOWN_LINES]
    if len(shown) > _SHOWN_LINES:
        lines.append(f"... {len(shown) - _SHOWN_LINES} more lines; --diff shows all")
    which = "it" if len(edited) == 1 else "them"
    lines.append(f"nothing was written; move {which} away, or add --force to overwrite {which}")
    raise UsageError("\n".join(lines))


def _fate(change: Change) -> str:
    return ", and the spec no longer has it: it would be removed" if change.kind == "removed" else ""


def _write(
    folder: Path, files: Sequence[File], changes: Sequence[Change], written: Manifest, installer: str | None
) -> None:
    # Beside a folder that is still to be made, so that it appears all at once; inside one that is there, since it may
    # be a mount of its own, or the only place where the user may write.
    there = folder.exists()
    if not there:
        folder.parent.mkdir(parents=True, exist_ok=True)
    tops = {_top(file.path) for file in files}
    manifest = _manifest_text(files, tops, written, installer)
    same = {change.path for change in changes if change.kind == "unchanged"}
    pending = [file for file in files if file.path not in same]
    if not pending and there and _reads(folder / MANIFEST) == manifest and len(changes) == len(files):
        return
    staging = Path(tempfile.mkdtemp(prefix=".efakit-", dir=folder if there else folder.parent))
    try:
        for file in (*pending, File(MANIFEST, manifest)):
            path = staging / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            path.chmod(0o755 if file.executable else 0o644)
        staging.chmod(0o755)
        if not there:
            staging.rename(folder)
            return
        # First all that can fail.
        for file in pending:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        for file in (*pending, File(MANIFEST, b"")):
            (staging / file.path).replace(folder / file.path)
        for change in changes:
            if change.kind == "removed":
                (folder / change.path).unlink(missing_ok=True)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _manifest_text(files: Sequence[File], tops: set[str], written: Manifest, installer: str | None) -> bytes:
    kept = {path: digest for path, digest in written.files.items() if _top(path) not in tops}
    listed = {**kept, **{file.path: _digest(file.content) for file in files}}
    address = installer if _HOOKS in tops else written.installer
    return (json.dumps({"installer": address, "files": dict(sorted(listed.items()))}, indent=1) + "\n").encode()


def _top(path: str) -> str:
    return path.partition("/")[0]


def _between(folder: Path, path: str) -> list[Path]:
    return [folder / parent for parent in Path(path).parents if parent.name]


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _reads(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
