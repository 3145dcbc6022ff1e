"""A helper process that answers JSON lines, for as long as its standard input stays open.

pcluster and moto keep global state, log where they like and read files when they are imported, so they run in a
process of their own; it ends with its parent, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from efakit.errors import EfakitError

Answer = dict[str, Any]


class ChildError(EfakitError):
    """The helper process died, hung or failed; the message carries the end of what it printed."""


class Child:
    """The parent's end: starts ``python -m MODULE`` in ``folder`` and asks it."""

    def __init__(self, module: str, environment: Mapping[str, str], folder: Path) -> None:
        self._module = module
        self._log = folder / "child.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                # The working directory stands on the path of -m: an empty one, where no foreign moto.py can lie.
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(environment),
                cwd=folder,
                text=True,
                start_new_session=True,  # Ctrl-C in the terminal is the parent's to handle
            )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self, request: Mapping[str, Any], *, timeout_seconds: float) -> Answer:
        """The child's answer; raises `ChildError` where there is none in time or the child failed."""
        stdin = _pipe(self._process.stdin)
        if stdin.closed:
            raise self._gone("died earlier")
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            line = self._answers.get(timeout=timeout_seconds)
        except queue.Empty:
            self._process.kill()
            raise self._gone(f"gave no answer in {timeout_seconds:g} s") from None
        except BrokenPipeError:
            raise self._gone("died") from None
        if not line:
            raise self._gone("died")
        answer: Answer = json.loads(line)
        if "failure" in answer:
            raise ChildError(f"{self._module} failed: {answer['failure']}\n{self._tail()}")
        return answer

    def kill(self) -> None:
        """Let the child end, without waiting for it: the system takes its time to free what a large one holds."""
        self._process.kill()

    def close(self, *, at_once: bool = False) -> None:
        """End the child and wait: it leaves when its input closes, and is killed if it does not, or ``at_once``."""
        with contextlib.suppress(BrokenPipeError):
            _pipe(self._process.stdin).close()
        try:
            if not at_once:
                self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            at_once = True
        if at_once:
            self.kill()
            self._process.wait()
        self._reader.join()
        _pipe(self._process.stdout).close()

    def _gone(self, how: str) -> ChildError:
        self.close()
        return ChildError(f"{self._module} {how}\n{self._tail()}")

    def _read(self) -> None:
        for line in _pipe(self._process.stdout):
            self._answers.put(line)
        self._answers.put("")

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


def answer_lines(handle: Callable[[Answer], Answer]) -> None:
    """The child's end: answer each line of standard input until it closes.

    Standard output is kept for the answers; whatever else is printed goes to standard error.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            answer = handle(json.loads(line))
        except Exception as error:  # the parent raises it; the child goes on
            import traceback

            traceback.print_exc()
            answer = {"failure": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise AssertionError("the child was started without pipes")
    return pipe
