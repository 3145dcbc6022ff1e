"""The process in which pcluster's validators run, started before anything else is imported.

pcluster and moto take most of a second to import, on a core of their own: who needs an answer starts them first. So
this module imports little.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from importlib import util
from pathlib import Path
from types import TracebackType
from typing import Any

from efakit.vendor.child import Answer, Child
from efakit.vendor.isolated_environment import isolated_environment

_WORKER = "efakit.vendor.simulated_account.worker"


class PclusterProcess:
    """The process, from its making to ``end``, or to leaving the context."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="efakit-judge-")
        home = Path(self._folder.name)
        self._child = Child(_WORKER, isolated_environment(home), home)

    def __enter__(self) -> PclusterProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def ask(self, request: Mapping[str, Any], *, timeout_seconds: float) -> Answer:
        """Return the worker's answer; raises `ChildError` where there is none in time or the worker failed."""
        return self._child.ask(request, timeout_seconds=timeout_seconds)

    def kill(self) -> None:
        """Let the process end while others go on; ``end`` waits for it, and removes what it leaves."""
        self._child.kill()

    def end(self, *, at_once: bool = True) -> None:
        """End the process, at once or when it has tidied up what it has started itself; again does nothing."""
        self._child.close(at_once=at_once)
        self._folder.cleanup()


def pcluster_process() -> PclusterProcess | None:
    """Start the process where it can be of use: None without pcluster or moto.

    Asks nothing else, since reading what is installed takes longer than starting (`why_unavailable` asks).
    """
    if any(util.find_spec(package) is None for package in ("pcluster", "moto")):
        return None
    return PclusterProcess()
