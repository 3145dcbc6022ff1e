"""The hook's command line: ``python3 -I -S efakit-hook.pyz prolog|epilog|flush --config hook.json``.

Whatever happens here, the job goes on: every way out is exit code 0.
"""

from __future__ import annotations

import os
import time

from efakit.hook.bounded import run_bounded
from efakit.hook.checks import check_devices, finding
from efakit.hook.expectation import expected_devices
from efakit.hook.job import NoJob, job_from
from efakit.hook.publish import publish_record, publish_waiting
from efakit.hook.settings import load_settings
from efakit.hook.spool import Spool
from efakit.node.record import make_record
from efakit.node.snapshot import assemble, pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from efakit.node.snapshot import Snapshot

# How the time up to the deadline is shared out: reading may take this part of it, the spool up to this, the shared
# folder the rest but a margin in which the interpreter ends.
_READ_UNTIL, _SPOOL_UNTIL, _PUBLISH_UNTIL = 0.5, 0.7, 0.95


class Usage(Exception):
    """The command line names no command of the hook."""


class Run:
    """One run of the hook: its settings, its job, and the time that is left."""

    def __init__(self, settings: dict[str, Any], problems: list[str], environment: Mapping[str, str]) -> None:
        self._began = time.monotonic()
        self.settings = settings
        self.findings = [finding("settings", "error", problem) for problem in problems]
        self.environment = environment

    def left(self, share: float) -> float:
        """Return the seconds until ``share`` of the deadline has passed, at least a tenth of a second."""
        seconds: float = share * self.settings["deadline_seconds"]
        return max(0.1, self._began + seconds - time.monotonic())

    def snapshot(self) -> Snapshot:
        """Read the node, up to the deadline's share for it."""
        settings = self.settings
        values, _ = run_bounded(lambda: pieces(settings["root"], settings["tcp_interfaces"]), self.left(_READ_UNTIL))
        return assemble(values)

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


def prolog(run: Run) -> str:
    """Check the devices, take the snapshot as late as can be, and keep it as the job's baseline."""
    job = job_from(run.environment)
    spool = Spool(run.settings["spool_dir"], job["node"])
    snapshot = run.snapshot()
    expectation = _expect(run, job, snapshot)
    findings = run.findings + check_devices(snapshot, expectation)
    baseline = {"job": job, "snapshot": snapshot, "findings": findings}

    def keep() -> Iterator[Any]:
        spool.prepare()
        spool.keep_baseline(job, baseline)
        yield {}

    trouble = _failure(run.in_time(keep, _SPOOL_UNTIL))
    return _summary("prolog", job, snapshot, expectation, trouble or "baseline kept", findings)


def epilog(run: Run) -> str:
    """Take the second snapshot at once, write the node's record to the spool and publish what waits there."""
    snapshot = run.snapshot()
    job = job_from(run.environment)
    expectation = _expect(run, job, snapshot)
    spool = Spool(run.settings["spool_dir"], job["node"])
    records_dir, mode = run.settings["records_dir"], int(run.settings["records_mode"], 8)

    def keep() -> Iterator[Any]:
        spool.prepare()
        baseline, shared_with = spool.find_baseline(job)
        record = make_record(
            _with_baseline(job, baseline), expectation, baseline["snapshot"] if baseline else None, snapshot
        )
        early = baseline["findings"] if baseline else []
        late = [item for item in run.findings + check_devices(snapshot, expectation) if item not in early]
        record.update(mode=run.settings["mode"], shared_with=shared_with, findings=early + late)
        try:
            spool.keep_record(record)
        except OSError:
            # Such as a disk that the job has filled: the shared folder may still take it.
            if records_dir is None:
                raise
            publish_record(record, records_dir, mode)
        finally:
            # A baseline that stayed would share this node with every job to come.
            if baseline:
                spool.forget_baseline(baseline["job"])
        yield {}

    kept = run.in_time(keep, _SPOOL_UNTIL)
    trouble = _failure(kept)
    if trouble is None:
        trouble = _publish(run, spool, mode)
    return _summary("epilog", job, snapshot, expectation, trouble or "record published", run.findings)


def flush(run: Run) -> str:
    """Publish the records that wait in the spool."""
    if not os.path.isdir(run.settings["spool_dir"]):
        return "flush: no spool here, so nothing waits"
    spool = Spool(run.settings["spool_dir"], os.uname().nodename)
    return "flush: %s" % (_publish(run, spool, int(run.settings["records_mode"], 8)) or "nothing waits now")


_COMMANDS = {"prolog": prolog, "epilog": epilog, "flush": flush}


def main(arguments: Sequence[str], environment: Mapping[str, str], carried: Mapping[str, Any]) -> int:
    """Run one command of the hook. Returns 0 always; says on stdout, which slurmd logs, what it did.

    ``carried`` is what the hook's file carries of the catalog: ``efa_interfaces``, a count for each instance type.
    """
    try:
        _open_standard_descriptors()
        command, config = _parse(arguments)
        settings, problems = load_settings(config)
        run = Run(settings, problems, environment)
        run.settings["efa_interfaces"] = carried.get("efa_interfaces", {})
        _say(_COMMANDS[command](run))
    except (NoJob, Usage) as error:
        _say(str(error))
    except Exception as error:  # a fault of ours is never the job's
        _say("internal error, the job goes on: %s: %s" % (type(error).__name__, error))
    return 0


def _parse(arguments: Sequence[str]) -> tuple[str, str | None]:
    given = list(arguments)
    config = None
    if "--config" in given[:-1]:
        place = given.index("--config")
        config = given[place + 1]
        del given[place : place + 2]
    if len(given) != 1 or given[0] not in _COMMANDS:
        raise Usage("usage: efakit-hook.pyz %s --config hook.json" % "|".join(_COMMANDS))
    return given[0], config


def _expect(run: Run, job: Mapping[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    table = run.settings["efa_interfaces"]
    return expected_devices(run.settings, job["node"], snapshot["instance_type"], table)


def _with_baseline(job: dict[str, Any], baseline: dict[str, Any] | None) -> dict[str, Any]:
    """Return the job with what only the prolog was told: Slurm tells the two different things.

    Which run it is, the prolog knows better (see ``Spool.find_baseline``).
    """
    if baseline is None:
        return job
    known = {name: value for name, value in job.items() if value is not None}
    run = {name: baseline["job"][name] for name in ("restart_count", "sluid")}
    return {**baseline["job"], **known, **run}


def _publish(run: Run, spool: Spool, mode: int) -> str | None:
    records_dir = run.settings["records_dir"]
    if records_dir is None:
        return "record kept in the spool: no records_dir is set"
    why = _failure(run.in_time(lambda: publish_waiting(spool, records_dir, mode), _PUBLISH_UNTIL))
    return "record kept in the spool, not published: %s" % why if why else None


def _failure(values: list[Any]) -> str | None:
    last = values[-1] if values else None
    return last["failed"] if isinstance(last, dict) and "failed" in last else None


def _summary(
    command: str,
    job: Mapping[str, Any],
    snapshot: Snapshot,
    expectation: Mapping[str, Any],
    outcome: str,
    findings: list[dict[str, str]],
) -> str:
    expected = expectation["devices_expected"]
    found = len(snapshot["devices_present"])
    count = "%d of %s EFA devices" % (found, "?" if expected is None else expected)
    notes = "".join("; %s" % item["message"] for item in findings)
    return "%s of job %d: %s; %s%s" % (command, job["job_id"], count, outcome, notes)


def _say(text: str) -> None:
    # slurmd may have gone away, or its log's disk may be full.
    # Not through sys.stdout: what it cannot write it tries again at the end, and that failure is an exit code.
    try:
        os.write(1, b"efakit: %s\n" % text.encode("ascii", "backslashreplace"))
    except OSError:
        pass


def _open_standard_descriptors() -> None:
    """Open /dev/null where stdin, stdout or stderr is closed: else a pipe of ours would take its place."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
