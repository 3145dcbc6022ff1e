"""One run of the hook: its settings, and the time that is left for each part of its work."""

from __future__ import annotations

import time

from efakit.hook.checks import finding
from efakit.node.bounded import run_bounded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

# How the time up to the deadline is shared out: late devices are waited for up to this part of it, reading may take
# this one, the circuit breaker and the spool up to these, the shared folder the rest but a margin in which Python ends.
WAIT_UNTIL, READ_UNTIL, BREAKER_UNTIL, SPOOL_UNTIL, PUBLISH_UNTIL, SYNC_UNTIL = 0.3, 0.5, 0.6, 0.7, 0.92, 0.95


class Run:
    """One run of the hook. ``refusal`` says why the prolog is to fail on purpose; None: whatever happens, it is not."""

    def __init__(self, settings: dict[str, Any], problems: list[str], environment: Mapping[str, str]) -> None:
        self._began = time.monotonic()
        self.settings = settings
        self.problems = problems
        self.findings = [finding("settings", "error", problem) for problem in problems]
        self.environment = environment
        self.refusal: str | None = None

    def left(self, share: float) -> float:
        """Return the seconds until ``share`` of the deadline has passed, at least a tenth of a second."""
        seconds: float = share * self.settings["deadline_seconds"]
        return max(0.1, self._began + seconds - time.monotonic())

    def bounded(self, work: Callable[[], Iterator[Any]], share: float) -> list[Any]:
        """Do ``work`` up to ``share`` of the deadline and return the values that it gave until then."""
        return run_bounded(work, self.left(share))[0]

    def in_time(self, work: Callable[[], Iterator[Any]], share: float) -> list[Any]:
        """Do ``work`` up to ``share`` of the deadline; a failure becomes the last value, ``{"failed": why}``."""

        def guarded() -> Iterator[Any]:
            try:
                yield from work()
            except OSError as error:
                yield {"failed": str(error)}
            except Exception as error:  # a record of another version, say
                yield {"failed": "%s: %s" % (type(error).__name__, error)}

        values, finished = run_bounded(guarded, self.left(share))
        return values if finished else [*values, {"failed": "not finished by the deadline"}]


def failure(values: list[Any]) -> str | None:
    """Return why the work of ``Run.in_time`` failed, None where it did not."""
    last = values[-1] if values else None
    return last["failed"] if isinstance(last, dict) and "failed" in last else None
