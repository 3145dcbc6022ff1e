"""The rows of one job out of a generation, with as little as they take: a report of one job is mostly imports.

Rows are chosen by their places: a filter of Arrow's imports ``pyarrow.compute``, which takes longer than all of the
reading.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from efakit.store.tables import opened

_ROWS_AT_ONCE = 1024


def rows_of_job(path: Path, folder_job_id: int) -> list[dict[str, Any]]:
    """Return the rows of a job's folder, without reading the groups of rows that have none of them.

    Raises:
        FileNotFoundError: the file is not there, or not any more.
        RecordError: it cannot be read.
    """
    found: list[dict[str, Any]] = []
    with opened(path) as file:
        column = file.schema_arrow.get_field_index("folder_job_id")
        for group in range(file.num_row_groups):
            limits = file.metadata.row_group(group).column(column).statistics
            if limits is None or limits.min <= folder_job_id <= limits.max:
                ids = file.read_row_group(group, columns=["folder_job_id"])["folder_job_id"].to_pylist()
                found += _rows_at(file, group, [at for at, job_id in enumerate(ids) if job_id == folder_job_id])
    return found


def _rows_at(file: Any, group: int, places: list[int]) -> list[dict[str, Any]]:
    """Return the rows at these places of a group, of which no more is read than up to the last."""
    found: list[dict[str, Any]] = []
    begin = 0
    batches = file.iter_batches(_ROWS_AT_ONCE, row_groups=[group]) if places else ()
    for batch in batches:
        end = begin + batch.num_rows
        for at in [place for place in places if begin <= place < end]:
            found += batch.slice(at - begin, 1).to_pylist()
        if places[-1] < end:
            break
        begin = end
    return found
