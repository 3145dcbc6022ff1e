"""What ``efakit report`` is given beside the records: the job's logs and its script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efakit.errors import UnknownInstanceType, UsageError

if TYPE_CHECKING:
    from efakit.diagnose.judge import Diagnosis
    from efakit.diagnose.log_files import Block, LogFile
    from efakit.finding import Finding

Records = Mapping[str, Mapping[str, Any]]
Also = Callable[["LogFile"], "Iterator[Block]"]
"""Gives a log's blocks, and learns from them on the way."""


def read_logs(logs: Sequence[Path], also: Also | None = None) -> Diagnosis | None:
    """Return what the logs say, None where none is given; raise UsageError where one cannot be read.

    ``also`` reads them too: each log is read once.
    """
    if not logs:
        return None
    from efakit.diagnose.judge import judge
    from efakit.diagnose.log_files import LogFile, logs_in
    from efakit.diagnose.scan import Scan

    unusable: list[UsageError] = []
    scan = Scan()
    for number, path in enumerate(logs_in(logs, unusable)):
        file = LogFile(path)
        scan.read(file, number, also(file) if also is not None else None)
    if unusable:
        raise unusable[0]
    return judge(scan)


def script_findings(
    path: Path, records: Records, data: bytes | None = None, given: Mapping[str, str | None] | None = None
) -> list[Finding]:
    """Return what lint's rules have against the job's script, on the type of the job's nodes.

    ``data`` is the script's content where it is no file here, as Slurm keeps it, and ``given`` what sbatch was given
    beside it. Raises UsageError where it is no
    script.
    """
    from efakit.catalog import instances
    from efakit.rules.target import any_supported
    from efakit.validate.files import judge_file, judge_text, on_target

    types = Counter(record.get("instance_type") for record in records.values())
    name = types.most_common(1)[0][0] if types else None
    try:
        known = instances.get(name).name if name else None
    except UnknownInstanceType:
        known = None
    where = on_target(any_supported()._replace(instance=known))
    return judge_file(path, where) if data is None else judge_text(path, data, where, given)
