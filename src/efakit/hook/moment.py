"""The moment at which a prolog, an epilog or a health check looks at the spool, and what it knows of its node."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from efakit.hook.settings import Settings

_DAY_SECONDS = 86400.0


class Moment:
    """What tells whether another job's baseline is still of use.

    ``exclusive``: whether the job of this prolog or epilog has the node to itself; None: there is no job.
    ``since_boot_seconds`` is a clock that nobody sets.
    """

    def __init__(
        self, settings: Settings, boot_id: str | None, since_boot_seconds: float | None, exclusive: bool | None
    ) -> None:
        self.boot_id = boot_id
        self.since_boot_seconds = since_boot_seconds
        self.time_seconds = time.time()
        self.exclusive = exclusive
        self.installation_id: str | None = settings.installation_id
        self.max_age_seconds: float = settings.baseline_max_age_days * _DAY_SECONDS
        self._root: str = settings.root
        self._steps: tuple[set[int] | None] | None = None

    def without_job(self) -> Moment:
        """Return the moment as it is for who knows of no job that has the node to itself."""
        other: Moment = object.__new__(Moment)
        other.__dict__.update(self.__dict__, exclusive=None)
        return other

    def other_jobs(self, job_id: int, het_job_id: int | None) -> set[int]:
        """Return the ids of other jobs that have processes here now, as far as Slurm's cgroups tell."""
        from efakit.hook.steps import jobs_in_cgroups

        # A step of a heterogeneous job may bear the id of its first component.
        return jobs_in_cgroups(self._root) - {job_id, het_job_id or job_id}

    def jobs_with_steps(self) -> set[int] | None:
        """Return the ids of the jobs that have a step on this node, read once; None where that cannot be known."""
        if self._steps is None:
            from efakit.hook.steps import jobs_with_steps

            self._steps = (jobs_with_steps(self._root),)
        return self._steps[0]
