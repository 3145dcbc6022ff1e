"""Measures the store for ``make bench``: compaction, a report of all jobs against bare SQL, and one of one job.

``python -m scripts.bench_store --records 20000 --fleet 100000`` measures other sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.ratios import median_ratio, seconds
from scripts.record_forms import by_columns

COMPACTED, FLEET = 20_000, 1_000_000
DEVICES = (16, 32)
# The bars, and what the bare recipe made on the machine that they were set on (scripts/bare_compaction.py).
LEAST_RECORDS_A_SECOND = {16: 15_000, 32: 12_000}
BARE_THERE = {16: 20_100, 32: 16_300}
MOST_TIMES_OF_BARE_SQL = 2.0
MOST_MEMORY_KIB = 2 << 20
MOST_TIMES_LINEAR = 1.5
MOST_SECONDS_OF_ONE_JOB = 0.3
_DAY, _NODES, _START = 86_400, 10, 20_370 * 86_400
_COMPACT = (
    "import json, resource, sys, time; from pathlib import Path; from efakit.store.compact import compact; "
    "began = time.perf_counter(); done = compact(Path(sys.argv[1]), workers=2); "
    "taken = time.perf_counter() - began; "
    "most = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)); "
    "print(json.dumps([done.records, taken, most]))"
)
_BARE = """
import sys, time, duckdb
text, files = open(sys.argv[1]).read(), sys.argv[2]
with duckdb.connect() as connection:
    for name in ("runs", "nodes"):
        paths = open(files + "." + name).read().split("\\n")
        connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM read_parquet({paths!r})")
    rows = connection.execute(text).fetchall()
print(len(rows))
"""


def record(number: int, devices: int) -> dict[str, Any]:
    """Return a record as a p5's hook writes it; of each ten jobs one falls back to TCP."""
    return by_columns(older_record(number, devices)) | {"lnet": None}


def older_record(number: int, devices: int) -> dict[str, Any]:
    """Return the same as the hooks of version 2 wrote it."""
    from efakit.catalog.counters import PORT_COUNTERS
    from efakit.store.columns import DEVICE_COUNTERS

    job, node = divmod(number, _NODES)
    falls_back = job % 10 == 3
    ended = _START + job * 300 % _DAY
    sent = 0 if falls_back else 10**10 + number
    # No two counters of a node that move are alike, nor those of two nodes.
    counters = {
        counter.name: 0 if falls_back else (sent * (at + 3) + number * 977) // 29
        for at, counter in enumerate(PORT_COUNTERS)
    }
    counters |= {"tx_bytes": sent, "rx_bytes": sent, "rdma_write_bytes": sent, "rdma_write_recv_bytes": sent}
    zeros = dict.fromkeys(("retrans_pkts", "retrans_bytes", "rx_drops", "rdma_read_wr_err", "rdma_write_wr_err"), 0)
    events = ("retrans_timeout_events", "unresponsive_remote_events", "impaired_remote_conn_events")
    counters |= zeros | dict.fromkeys(events, 0)
    driver = dict.fromkeys(DEVICE_COUNTERS, 0)
    driver |= dict.fromkeys(("submitted_cmds", "completed_cmds", "keep_alive_rcvd"), 1000 + number % 911)
    tcp = (10**10 if falls_back else 10**5) + number
    return {
        "schema_version": 2,
        "record_id": f"{number * 0x9E3779B97F4A7C15 % (1 << 64):016x}",
        "cluster": "bench",
        "job_id": job + 1,
        "restart_count": 0,
        "sluid": None,
        "started_at": ended - 3600,
        "ends_at": ended + 3600,
        "het_job_id": None,
        "node": f"gpu-st-p5-{(job * 7 + node) % 1000 + 1}",
        "node_list": _node_list(job),
        "node_list_at_end": _node_list(job),
        "node_count": _NODES,
        "user_id": 1000 + job % 37,
        "user": f"user{job % 37}",
        "partition": "gpu",
        "exit_code": "0:0",
        "derived_exit_code": "0:0",
        "run": f"t{ended - 3600}",
        "run_from": "baseline",
        "doubts": [],
        "installation_id": "0123456789abcdef",
        "devices_expected": devices,
        "expected_by": "compute resource",
        "began_at": ended - 3599.5 + number % 97 / 128,
        "ended_at": ended + number % 89 / 128,
        "clock_jump_seconds": 0.0,
        "boot_id": f"5f0e4b0c-1a2b-4c3d-8e9f-{(job * 7 + node) % 1000:012x}",
        "instance_type": "p5.48xlarge",
        "driver_version": "3.3.1",
        "baseline": "ok",
        "resets": [],
        "devices_found": devices,
        "devices_unknown": False,
        "interfaces_unknown": False,
        "foreign_devices": [],
        "late_devices": None,
        "hugepages": None,
        "devices": [
            {
                "name": f"rdmap{at}s0",
                "pci_address": f"0000:{at:02x}:00.0",
                "driver": "efa",
                "counters": {name: value + at if value else 0 for name, value in counters.items()},
                "device_counters": driver,
                "unknown": [],
                "errors": [],
            }
            for at in range(devices)
        ],
        "interfaces": [
            {
                "name": "ens32",
                "counters": {"rx_bytes": tcp, "rx_packets": 99, "tx_bytes": tcp, "tx_packets": 99},
                "unknown": [],
                "errors": [],
            }
        ],
        "mode": "warn",
        "shared_with": [],
        "prolog_failed": None,
        "findings": [],
    }


def _node_list(job: int) -> str:
    return ",".join(f"gpu-st-p5-{(job * 7 + node) % 1000 + 1}" for node in range(_NODES))


def write_records(
    folder: Path, count: int, devices: int, made_by: Callable[[int, int], dict[str, Any]] = record
) -> None:
    """Write JSON files as the hooks publish them."""
    from efakit.hook.json_text import dumps_lines
    from efakit.node.record import record_path

    for number in range(count):
        made = made_by(number, devices)
        path = folder.joinpath(*record_path(made))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dumps_lines(made))


def compaction(folder: Path, count: int, devices: int) -> tuple[float, float]:
    """Return records a second and memory in KiB of a process that compacts that many records."""
    write_records(folder, count, devices)
    done = subprocess.run([sys.executable, "-c", _COMPACT, str(folder)], check=True, capture_output=True, text=True)
    records, taken, memory = json.loads(done.stdout)
    if records != count:
        raise SystemExit(f"{records} records of {count} were stored")
    return count / taken, memory


def bare(folder: Path, count: int, devices: int) -> float:
    """Return how many of the same records, in version 2, the bare recipe makes Parquet of in a second."""
    write_records(folder, count, devices, older_record)
    command = [sys.executable, "-m", "scripts.bare_compaction", str(folder)]
    root = Path(__file__).resolve().parent.parent
    return float(subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout)


def spread_out(folder: Path, records: int) -> int:
    """Make of the one day of a store as many as hold so many records, of other jobs; return their number."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from efakit.store.index import read_index, write_index
    from efakit.store.layout import day_of, newest

    (first,) = newest(folder)
    index = list(read_index(first.file("index")))
    jobs = max(row.folder_job_id for row in index)
    days = max(1, records // len(index))
    tables = {name: pq.read_table(first.file(f"{name}.parquet")) for name in ("runs", "nodes", "records")}
    for number in range(1, days):
        day = day_of(_START + number * _DAY)
        path = first.path.parent.parent / day / "00000001"
        path.mkdir(parents=True)
        for name, table in tables.items():
            for column in ("folder_job_id", "job_id"):
                table = _set(table, column, pc.add(table[column], number * jobs))
            for column in ("ended_at", "began_at"):
                if column in table.column_names:
                    table = _set(table, column, pc.add(table[column], float(number * _DAY)))
            table = _set(table, "day", pa.array([day] * table.num_rows))
            pq.write_table(table, path / f"{name}.parquet", compression="zstd", compression_level=1)
        shifted = [
            row._replace(folder_job_id=row.folder_job_id + number * jobs, job_id=row.job_id + number * jobs)
            for row in index
        ]
        write_index(path / "index", shifted)
    return days


def _set(table: Any, name: str, values: Any) -> Any:
    return table.set_column(table.column_names.index(name), name, values)


def fleet(folder: Path, runs: int) -> tuple[float, float, str]:
    """Return the ratio of a report by verdict to the same SQL run bare, the report's seconds, and what to print."""
    from efakit.store.layout import newest
    from efakit.store.queries import Filters, query

    asked = query("verdict", Filters(since=0.0))
    text = asked.text
    for name, value in asked.values.items():
        text = text.replace(f":{name}", repr(value))
    (folder / "query.sql").write_text(text)
    for name in ("runs", "nodes"):
        files = [str(one.file(f"{name}.parquet")) for one in newest(folder)]
        (folder / f"files.{name}").write_text("\n".join(files))
    bare = [sys.executable, "-c", _BARE, str(folder / "query.sql"), str(folder / "files")]
    efakit = str(Path(sys.executable).parent / "efakit")
    report = [efakit, "report", "--since", "2020-01-01", "--by", "verdict", "--records", str(folder)]
    ratio = median_ratio(report, bare, runs)
    return ratio.value, ratio.first_seconds, ratio.line("", "")


def one_job(folder: Path, job_id: int, runs: int) -> float:
    """Return the seconds of the report of a job whose records are in the store alone."""
    command = [str(Path(sys.executable).parent / "efakit"), "report", str(job_id), "--records", str(folder)]
    environment = {**os.environ, "SLURM_CONF": str(folder / "none")}
    return statistics.median([seconds(command, environment) for _ in range(runs + 1)][1:])


def bench_store(count: int = COMPACTED, records: int = FLEET, runs: int = 5) -> int:
    """Print each measure with its limit; return how many are exceeded."""
    failed = 0
    root = os.environ.get("EFAKIT_BENCH_FOLDER")
    for devices in DEVICES:
        rates, bares, memory = [], [], 0.0
        for _ in range(3):
            with tempfile.TemporaryDirectory(dir=root) as name:
                rate, used = compaction(Path(name), count, devices)
                rates.append(rate)
                memory = max(memory, used)
            with tempfile.TemporaryDirectory(dir=root) as name:
                bares.append(bare(Path(name), min(count, 8_000), devices))
        rate, bar = statistics.median(rates), LEAST_RECORDS_A_SECOND[devices]
        part, least = rate / statistics.median(bares), bar / BARE_THERE[devices]
        slow, big = part < least and rate < bar, memory > MOST_MEMORY_KIB
        failed += slow + big
        print(
            f"efakit records compact, {count} records of {devices} devices: {rate:.0f} a second (the bar: {bar}), "
            f"{part:.2f} of the bare recipe's {statistics.median(bares):.0f} (the bar's part: {least:.2f}) "
            f"{'TOO SLOW' if slow else 'ok'}, {memory / 1024:.0f} MiB {'TOO BIG' if big else 'ok'}"
        )
    with tempfile.TemporaryDirectory(dir=root) as name:
        taken = {}
        for size in (records // 100, records // 10, records):
            folder = Path(name) / str(size)
            write_records(folder, 2_740, 4)
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", _COMPACT, str(folder)], check=True, capture_output=True)
            subprocess.run([sys.executable, "-c", _CLEAN, str(folder)], check=True)
            days = spread_out(folder, size)
            made = time.perf_counter() - began
            value, taken[size], times = fleet(folder, runs)
            slow = value > MOST_TIMES_OF_BARE_SQL
            failed += slow
            print(
                f"efakit report --since by verdict, {size} records in {days} days / the same SQL bare: {value:.2f} "
                f"(limit {MOST_TIMES_OF_BARE_SQL}) {'TOO SLOW' if slow else 'ok'} {times} (made in {made:.0f} s)"
            )
            one = one_job(folder, size // _NODES // 2, runs)
            slow = one > MOST_SECONDS_OF_ONE_JOB
            failed += slow
            print(
                f"efakit report of one job of {_NODES} nodes, {size} records in the store: {one:.2f} s "
                f"(limit {MOST_SECONDS_OF_ONE_JOB} s) {'TOO SLOW' if slow else 'ok'}"
            )
    ratio = taken[records] / taken[records // 10]
    steep = ratio > 10 * MOST_TIMES_LINEAR
    print(f"  ten times the records take {ratio:.1f} times as long {'TOO STEEP' if steep else 'ok'}")
    return failed + steep


# What a later compaction does: the files go.
_CLEAN = (
    "import sys; from pathlib import Path; from efakit.store.compact import compact; "
    "compact(Path(sys.argv[1]), grace_seconds=0)"
)


def main() -> int:
    """Measure with the sizes that were given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=COMPACTED, help="to compact")
    parser.add_argument("--fleet", type=int, default=FLEET, help="in the store")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    return bench_store(given.records, given.fleet, given.runs)


if __name__ == "__main__":
    sys.exit(main())
