"""Rules for Dockerfiles and Containerfiles: ``lint_dockerfile`` asks them all."""

from __future__ import annotations

import re

from efakit.errors import UsageError
from efakit.finding import Finding, Place
from efakit.lint.dockerfile.image import image_of
from efakit.lint.dockerfile.parse import parse
from efakit.lint.dockerfile.rule import Context, all_rules
from efakit.lint.script import findings_of
from efakit.lint.script.model import Script
from efakit.lint.script.rule import Surroundings

_NAMES = re.compile(r"((?:.+\.)?(?:docker|container)file)(\..+)?\Z", re.IGNORECASE)
_NOT = (".dockerignore", ".containerignore", ".sh", ".py", ".md", ".txt", ".yaml", ".yml", ".json", ".go", ".rs", ".ts")
_FROM = re.compile(rb"FROM[ \t]+(--platform=\S+[ \t]+)?[^\s=]+([ \t]+(AS|as)[ \t]+[\w.-]+)?[ \t\r]*\Z")

__all__ = ["is_dockerfile", "lint_dockerfile", "named_like_dockerfile"]


def named_like_dockerfile(name: str) -> bool:
    """Return whether a file is called like Dockerfile, Dockerfile.gpu, app.Dockerfile or Containerfile."""
    return _NAMES.match(name) is not None and not name.lower().endswith(_NOT)


def is_dockerfile(name: str, data: bytes) -> bool:
    """Return whether a file is a Dockerfile: by its name, or since FROM is its first instruction, or behind ARG."""
    if named_like_dockerfile(name):
        return True
    return not name.endswith((".sh", ".bash", ".sbatch", ".slurm", ".env")) and _begins_with_from(data)


def _begins_with_from(data: bytes) -> bool:
    """Return whether FROM is the first instruction, or stands behind ARG alone."""
    for line in data.removeprefix(b"\xef\xbb\xbf").splitlines():
        text = line.strip()
        if text and not text.startswith((b"#", b"ARG ")):
            return _FROM.match(text) is not None
    return False


def lint_dockerfile(file: str, data: bytes, surroundings: Surroundings) -> list[Finding]:
    """Return what efakit's rules have against a Dockerfile, by line.

    ``data`` is the file's content; nothing is opened. Raises UsageError where it is empty or no text.
    """
    if not data.strip(b" \t\r\n\xef\xbb\xbf"):
        raise UsageError("the file is empty", Place(file))
    parsed = parse(file, data)
    if not parsed.instructions:
        raise UsageError("the file holds no instruction", Place(file))
    context = Context(image_of(parsed), surroundings)
    comments = Script(parsed.source, "shell", comments=parsed.comments)
    return findings_of(comments, ((rule.row, problem) for rule in all_rules() for problem in rule.check(context)))
