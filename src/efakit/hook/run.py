"""One run of the hook: its settings, and the time that is left for each part of its work."""

from __future__ import annotations

import os
import time

from efakit.finding import Finding
from efakit.hook.job import fit_name
from efakit.node.bounded import NoChild, run_bounded, run_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from efakit.hook.settings import Settings

# How the time up to the deadline is shared out: late devices are waited for up to this part of it, reading may take
# this one, a second look, the circuit breaker and the spool up to these, the shared folder the rest but a margin in
# which Python ends.
WAIT_UNTIL, READ_UNTIL, LOOK_AGAIN_UNTIL, BREAKER_UNTIL, SPOOL_UNTIL = 0.3, 0.5, 0.55, 0.6, 0.7
PUBLISH_UNTIL, SYNC_UNTIL = 0.92, 0.95
# A child that ends without its last word, with more than this left, has been killed: it is given another try.
_WORTH_ANOTHER_SECONDS = 0.05
# Each part of the work is given so much, whatever the others took.
_LEAST_SECONDS = 0.1


class Run:
    """One run of the hook.

    ``problems`` say what is wrong with the settings, ``config`` is the file that holds them. ``efa_interfaces`` is how
    many EFA interfaces each instance type has. ``node`` is the node's name, as Slurm calls it, else the host's without
    its domain: every command takes this one. ``refusal`` says why the prolog is to fail on purpose; None: whatever
    happens, it is not.
    """

    def __init__(
        self,
        settings: Settings,
        problems: list[str],
        environment: Mapping[str, str],
        *,
        efa_interfaces: Mapping[str, int] | None = None,
        config: str | None = None,
    ) -> None:
        self._began = time.monotonic()
        self.deadline_seconds: float = settings.deadline_seconds
        self.settings = settings
        self.config = config
        self.efa_interfaces = efa_interfaces or {}
        self.problems = problems
        self.findings = [Finding("settings", "error", problem) for problem in problems]
        self.environment = environment
        self.node = fit_name(environment.get("SLURMD_NODENAME") or os.uname().nodename.partition(".")[0] or "localhost")
        self.refusal: str | None = None

    def seconds(self) -> float:
        """Return how long this run has taken so far."""
        return time.monotonic() - self._began

    def left(self, share: float) -> float:
        """Return the seconds until ``share`` of the deadline has passed, at least a tenth of a second."""
        seconds: float = share * self.deadline_seconds
        return max(_LEAST_SECONDS, self._began + seconds - time.monotonic())

    def bounded(self, work: Callable[[], Iterator[Any]], share: float, *, in_process: bool = False) -> list[Any]:
        """Do ``work`` up to ``share`` of the deadline and return the values that it gave until then.

        ``work`` only reads: where its process is killed it is begun again. ``in_process``: nothing of it is known to
        hang, so that where no child process can be made it is done without one; else nothing is.
        """
        ends_at = time.monotonic() + self.left(share)
        try:
            values, finished = self._do(work, ends_at, in_process)
            if not finished and ends_at - time.monotonic() > _WORTH_ANOTHER_SECONDS:
                again, finished = self._do(work, ends_at, in_process)
                values = again if finished or len(again) > len(values) else values
        except NoChild:
            return []
        return values

    def in_time(self, work: Callable[[], Iterator[Any]], share: float, *, in_process: bool = False) -> list[Any]:
        """Do ``work`` up to ``share`` of the deadline; a failure becomes the last value, ``{"failed": why}``.

        Where it fails, or its process is killed, before its first value it is begun again, once: what the node lacks,
        and what a disk refuses, may be over. ``in_process`` as with ``bounded``.
        """

        def guarded() -> Iterator[Any]:
            try:
                yield from work()
            except OSError as error:
                yield {"failed": str(error), "raised": True}
            except Exception as error:  # a record of another version, say
                yield {"failed": "%s: %s" % (type(error).__name__, error), "raised": True}

        ends_at = time.monotonic() + self.left(share)
        try:
            values, finished = self._do(guarded, ends_at, in_process)
            came_to_nothing = values[0].get("raised") if values and isinstance(values[0], dict) else not finished
            if came_to_nothing and ends_at - time.monotonic() > _WORTH_ANOTHER_SECONDS:
                values, finished = self._do(guarded, ends_at, in_process)
        except NoChild as error:
            return [{"failed": error.strerror}]
        if finished:
            return values
        was_killed = ends_at - time.monotonic() > _WORTH_ANOTHER_SECONDS
        return [*values, {"failed": "its process was killed" if was_killed else "not finished by the deadline"}]

    def _do(self, work: Callable[[], Iterator[Any]], ends_at: float, in_process: bool) -> tuple[list[Any], bool]:
        try:
            return run_bounded(work, max(_LEAST_SECONDS, ends_at - time.monotonic()))
        except NoChild as error:
            if not in_process:
                raise
            if "hook-without-child" not in [item.rule for item in self.findings]:
                message = "%s: the hook did its work in its own process" % error.strerror
                self.findings.append(Finding("hook-without-child", "warning", message))
        return run_here(work, max(_LEAST_SECONDS, ends_at - time.monotonic()))


def failure(values: list[Any]) -> str | None:
    """Return why the work of ``Run.in_time`` failed, None where it did not."""
    last = values[-1] if values else None
    return last["failed"] if isinstance(last, dict) and "failed" in last else None
