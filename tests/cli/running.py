"""Runs efakit's commands: in this process, as ``main`` runs them, or in one of their own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from efakit.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from efakit.cli.main import main; main()"]
Done = subprocess.CompletedProcess[str]


def run_here(*arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Done:
    """Run efakit in this process: exit code, stdout and stderr are a process's, at a fraction of its time.

    ``env`` are variables in addition to the tests' own. What is remembered from one call to the next, such as rows of
    the user's own, is for ``run_process``.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    argv = ["efakit", *map(str, arguments)]
    streams = {"argv": argv, "stdout": out, "stderr": err, "stdin": io.StringIO()}
    with patch.multiple(sys, **streams), patch.dict(os.environ, dict(env or {})), _inside(cwd):
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
    said = [stream.buffer.getvalue().decode() for stream in (out, err)]  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(argv, code, *said)


def run_process(*arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Done:
    """Run efakit in a process of its own; ``env`` as ``run_here`` has it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "SLURM_CONF": "", **(env or {})}
    argv = [*COMMAND, *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, cwd=cwd, env=environment, stdin=subprocess.DEVNULL)


@contextmanager
def _inside(folder: Path | None) -> Iterator[None]:
    before = Path.cwd()
    try:
        os.chdir(folder or before)
        yield
    finally:
        os.chdir(before)
