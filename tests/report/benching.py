"""Result tables for pages: several tools, with and without earlier runs, whole, broken off, and hostile."""

from __future__ import annotations

from dataclasses import replace

from efakit.diagnose.bench.judge import findings_of, judge_tables, measured_of
from efakit.diagnose.bench.read import Reader
from efakit.diagnose.log_files import Block
from efakit.jobs.bench_results import KeptRun
from efakit.jobs.findings import limits_with
from efakit.report.bench import BenchReport
from efakit.report.job import JobReport

HEADINGS = (
    "#   size    count    type   redop    root     time   algbw   busbw #wrong     time   algbw   busbw #wrong\n"
    "#    (B)  (elements)                    (us)  (GB/s)  (GB/s)            (us)  (GB/s)  (GB/s)\n"
)
SIZES = tuple(8 << power for power in range(31))
END = "# Out of bounds values : 0 OK\n# Avg bus bandwidth    : 70.7 \n"


def devices(hosts: list[str], each: int = 8) -> str:
    """Return what nccl-tests says of the ranks."""
    ranks = [
        f"#  Rank {place * each + device:4d} Group  0 Pid 42 on {host} device {device:2d} [0000:0{device}:00] H100"
        for place, host in enumerate(hosts)
        for device in range(each)
    ]
    return "\n".join(["# nThread 1 nGpus 1", "# Using devices", *ranks, "#", ""])


def row(size: int, time_us: float, factor: float, wrong: str = "0", bus: str = "") -> str:
    """Return a row of nccl-tests, as a time makes it."""
    alg = size / time_us / 1000
    part = f"  {time_us:9.2f}  {alg:6.2f}  {bus or f'{alg * factor:6.2f}'}  {wrong:>6}"
    return f"{size:14d}  {size // 4:14d}  {'float':>8}  {'sum':>6}  {'-1':>6}{part}{part}\n"


def all_reduce(hosts: list[str], gb_per_second: float, sizes: tuple[int, ...] = SIZES, end: str = END) -> str:
    """Return a whole table whose bus bandwidth comes near to a number at large sizes."""
    n = len(hosts) * 8
    factor = 2 * (n - 1) / n
    rows = [row(size, 60 + size * factor / gb_per_second / 1000, factor) for size in sizes]
    return devices(hosts) + HEADINGS + "".join(rows) + end


def latency(scale: float) -> str:
    """Return a table of OSU's latency."""
    rows = "".join(f"{size:<12d}{scale * (15.5 + size / 9000):14.2f}\n" for size in (1, *SIZES[:20]))
    return f"# OSU MPI Latency Test v7.5\n# Size       Avg Latency(us)\n{rows}"


def broken(hosts: list[str]) -> str:
    """Return a table that has no number in the middle, wrong values, and no end."""
    whole = all_reduce(hosts, 250.0, SIZES[:24], "").splitlines(keepends=True)
    begin = whole.index(HEADINGS.splitlines(keepends=True)[1]) + 1
    whole[begin + 10] = row(SIZES[10], 70.0, 1.0, bus="   nan")
    whole[begin + 15] = row(SIZES[15], 90.0, 1.0, wrong="12")
    return "".join(whole)


def hostile(text: str) -> str:
    """Return tables with a text wherever a log may have one: labels, hosts, titles, types, cells."""
    label = text.replace("\n", " ")
    title = f"{label}# OSU MPI {text} Test v7\n{label}# Size       Avg Latency(us)\n{label}1  2.0\n{label}2  {text}\n"
    other = "".join(f"{label}{line}\n" for line in all_reduce([text, "<b>"], 100.0, SIZES[:4]).splitlines())
    return title + other + HEADINGS.replace("busbw", text, 1) + all_reduce([text], 100.0).replace("float", text)


def with_tables(report: JobReport, *logs: str, earlier: tuple[tuple[str, ...], ...] = ()) -> JobReport:
    """Return a report with the tables of logs, after runs that wrote those of ``earlier``."""
    run, limits = report.run, limits_with({})
    before: list[KeptRun] = []
    for number, texts in enumerate((*earlier, logs), 1):
        reader = Reader()
        reader.begin("nccl.out")
        reader.feed(Block("".join(texts).encode("utf-8", "surrogatepass"), 1))
        reader.end()
        own = KeptRun(run.cluster, run.job_id if texts is logs else number, "r0", float(number), ())
        judged = judge_tables(reader.tables, own, run.records, run.node_names, before)
        before.append(replace(own, tables=measured_of(judged)))
    bench = BenchReport(tuple(judged), ("nccl.out",), limits, left_out=reader.left_out)
    return replace(report, bench=bench, stands_out=(*report.stands_out, *findings_of(judged, limits)))
