"""The benchmark results that are kept below the records folder: ``RECORDS/@bench/CLUSTER.JOB.RUN.DIGEST.json``.

Nothing there is overwritten: the file's name holds a digest of its content, and a name that is taken is left alone. No
cluster's folder has an ``@`` in its name, so no reader of records looks there.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from efakit.jobs.bench_results import KeptRun, kept_run
from efakit.jobs.json_file import Unusable, read_json, why_unreadable
from efakit.jobs.reader import Fault
from efakit.node.record import safe_name
from efakit.printable import printable

FOLDER = "@bench"
MOST_FILES = 5_000
"""Of a cluster, the newest: what is older says little of today."""
_LETTERS_OF_DIGEST = 16


@dataclass
class Kept:
    """What is there: the runs that can be used, and the files that cannot."""

    runs: list[KeptRun] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    left_out: int = 0


def keep(records_dir: Path, run: KeptRun) -> tuple[Path, bool]:
    """Publish the results of a run; return the file, and whether it is new.

    Raises:
        OSError: the folder cannot be made or written.
    """
    content = (json.dumps(run.as_data(), indent=1) + "\n").encode()
    mode = records_dir.stat().st_mode
    folder = records_dir / FOLDER
    folder.mkdir(mode=mode & 0o777, exist_ok=True)
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise NotADirectoryError(20, "is a link, not a folder", str(folder))
    digest = hashlib.sha256(content).hexdigest()[:_LETTERS_OF_DIGEST]
    target = folder / f"{safe_name(run.cluster)}.{run.job_id}.{safe_name(run.run)}.{digest}.json"
    if os.path.lexists(target):
        return target, False
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(content)
            new.flush()
            os.fchmod(new.fileno(), mode & 0o444 | 0o600)
            os.fsync(new.fileno())
        os.link(name, target)  # fails where the name is taken meanwhile
    except FileExistsError:
        return target, False
    finally:
        Path(name).unlink()
    return target, True


def kept(records_dir: Path, cluster: str) -> Kept:
    """Return what is kept of a cluster; an unreadable folder is a fault, a missing one holds nothing."""
    found, folder = Kept(), records_dir / FOLDER
    begins = f"{safe_name(cluster)}."
    try:
        with os.scandir(folder) as entries:
            files = [
                (entry.stat(follow_symlinks=False).st_mtime, entry.name)
                for entry in entries
                if entry.name.startswith(begins) and entry.name.endswith(".json")
            ]
    except FileNotFoundError:
        return found
    except OSError as error:
        found.faults.append(Fault(printable(folder), why_unreadable(error)))
        return found
    files.sort(reverse=True)
    found.left_out = max(0, len(files) - MOST_FILES)
    for _, name in files[:MOST_FILES]:
        try:
            run = kept_run(read_json(folder / name))
        except Unusable as error:
            found.faults.append(Fault(printable(folder / name), printable(error, 300)))
            continue
        if run.cluster == cluster:
            found.runs.append(run)
    return found
