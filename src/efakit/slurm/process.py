"""Run one command to its end: bounded in time, nothing on stdin, its words as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from efakit.slurm.job import SourceError

# What Slurm's log functions put before a message: "squeue: error: ", "python: fatal: ".
_LOG_PREFIX = re.compile(r"^(?:[\w.-]+: )?(?:error|fatal): ")


class Finished(NamedTuple):
    """A command that ended by itself."""

    exit_code: int
    stdout: str
    stderr: str

    def complaint(self) -> str:
        """The last line it wrote to stderr, which is the one that says what came of it; else its exit code."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        if not lines:
            return f"exit code {self.exit_code} without a message"
        return _LOG_PREFIX.sub("", lines[-1])


def run(
    argv: Sequence[str], timeout_seconds: float, environment: Mapping[str, str], text: bytes | None = None
) -> Finished:
    """Run ``argv`` with ``text`` on its stdin and give its output; the caller judges the exit code.

    Raises:
        SourceError: it did not start, or took longer than ``timeout_seconds`` (and was killed).
    """
    import subprocess

    try:
        done = subprocess.run(
            argv,
            input=text or b"",
            capture_output=True,
            timeout=timeout_seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SourceError(f"no answer within {timeout_seconds:g} s", timed_out=True) from None
    except OSError as error:
        raise SourceError(f"{argv[0]} does not start: {error.strerror or error}") from error
    # A job name is whatever bytes the user typed: UTF-8 nearly always, but never a reason to fail.
    stdout, stderr = (part.decode("utf-8", "replace") for part in (done.stdout, done.stderr))
    return Finished(done.returncode, stdout, stderr)
