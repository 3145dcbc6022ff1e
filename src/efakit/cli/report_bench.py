"""``efakit report --bench``: which logs are read, what is compared, and what is kept."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from efakit.diagnose.bench.judge import findings_of, judge_tables, measured_of
from efakit.diagnose.bench.read import Reader
from efakit.diagnose.log_files import Block, LogFile
from efakit.errors import UsageError
from efakit.finding import Place
from efakit.jobs.bench_results import KeptRun
from efakit.jobs.findings import Limits, Standout, limits_with
from efakit.jobs.records import JobRun
from efakit.report.bench import BenchReport
from efakit.store.bench import keep, kept

_NAME_IT = "name the log with --log FILE"


class BenchLogs:
    """Reads result tables, while ``efakit diagnose`` reads the same logs or alone."""

    def __init__(self) -> None:
        self.reader = Reader()
        self.files: list[LogFile] = []

    def blocks(self, file: LogFile) -> Iterator[Block]:
        """Give a log's blocks, and learn from them."""
        self.files.append(file)
        self.reader.begin(file.name)
        for block in file.blocks():
            self.reader.feed(block)
            yield block
        self.reader.end()

    def read(self, path: Path) -> None:
        """Read the job's own output file.

        Its path is its user's choice: no pipe or device is waited for.

        Raises:
            UsageError: it cannot be opened.
        """
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise UsageError("is no regular file", Place(str(path)))
            for _ in self.blocks(LogFile(path)):
                pass
        except OSError as error:
            raise UsageError(f"--bench: the job's output file {path}: {error.strerror}; {_NAME_IT}") from error
        except UsageError as error:
            raise UsageError(f"--bench: the job's output file {error}; {_NAME_IT}") from error


def output_of(job: int, output_file: str | None) -> Path:
    """Return the file that Slurm wrote the job's output to; raise UsageError where Slurm does not tell it."""
    if not output_file:
        raise UsageError(f"--bench: Slurm does not tell (any more) where job {job} wrote its output: add --log FILE")
    return Path(output_file)


def bench_report(
    logs: BenchLogs, run: JobRun, folder: Path, given: Limits | None, *, keeps: bool
) -> tuple[BenchReport, list[Standout]]:
    """Return the judged tables of a job's logs and their findings; ``keeps``: publish the results too.

    Raises:
        UsageError: the results cannot be kept.
    """
    limits = limits_with({}) if given is None else given
    before = kept(folder, run.cluster)
    own = KeptRun(run.cluster, run.job_id, run.run, run.ended_at if run.records else 0.0, ())
    judged = judge_tables(logs.reader.tables, own, run.records, run.node_names, before.runs)
    where, is_new = "", True
    if keeps:
        own = replace(own, tables=measured_of(judged))
        where, is_new = _keep(folder, own)
    report = BenchReport(
        tuple(judged),
        tuple(file.name for file in logs.files),
        limits,
        tuple(f"{file.name}: read up to line {file.lines}: {file.damage}" for file in logs.files if file.damage),
        logs.reader.left_out,
        tuple(before.faults),
        where,
        is_new,
    )
    return report, findings_of(judged, limits)


def _keep(folder: Path, run: KeptRun) -> tuple[str, bool]:
    if not run.tables or not run.ended_at:
        raise UsageError("--keep: the logs have no table of which test, nodes and instance type are known")
    try:
        path, is_new = keep(folder, run)
    except OSError as error:
        where = error.filename or folder
        raise UsageError(
            f"--keep: {where}: {error.strerror}: run it as the folder's owner, or make {folder}/@bench with mode 1777"
        ) from error
    return str(path), is_new


def sorted_findings(found: Sequence[Standout]) -> tuple[Standout, ...]:
    """Return findings with the worst first, as ``stands_out`` gives them."""
    return tuple(
        sorted(found, key=lambda item: (item.whole and item.finding.severity != "error", -item.finding.severity.rank))
    )
