"""``efakit report --bench``: benchmarks in a job's log against line rate and earlier runs, and what is kept of them."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.errors import EfakitError
from efakit.store import bench as store_bench
from tests.jobs import labelled
from tests.jobs.labelled import Maker
from tests.jobs.making import write
from tests.report import benching
from tests.report.pages import HOSTILE

HEADINGS = (
    "#   size    count    type   redop    root     time   algbw   busbw #wrong     time   algbw   busbw #wrong\n"
    "#    (B)  (elements)                    (us)  (GB/s)  (GB/s)            (us)  (GB/s)  (GB/s)\n"
)
END = "# Out of bounds values : 0 OK\n# Avg bus bandwidth    : 70.7 \n"


@pytest.fixture(autouse=True)
def no_slurm(monkeypatch, tmp_path):
    """No Slurm is asked here."""
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "none.conf"))
    monkeypatch.setenv("COLUMNS", "200")


class Cluster:
    """Jobs of one cluster, each with a log: 16 nodes of p5.48xlarge unless it is said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = folder / "records"
        self.log = folder / "job.out"

    def job(
        self, number: int, nodes: int = 16, instance: str = "p5.48xlarge", names: dict[int, str] | None = None
    ) -> list[str]:
        made = labelled.healthy(Maker(number, nodes=nodes, driver="2.17.3", instance=instance))
        told = [record["node"] for record in made.records.values()]
        renamed = [(names or {}).get(place, name) for place, name in enumerate(told)]
        new = [
            {
                **record,
                "job_id": number,
                "node": name,
                "node_list": ",".join(renamed),
                "node_list_at_end": ",".join(renamed),
                "began_at": 1000.0 * number,
                "ended_at": 1000.0 * number + 900,
                "started_at": None,
            }
            for name, record in zip(renamed, made.records.values(), strict=True)
        ]
        write(self.records, *new)
        return renamed

    def report(self, number: int, *arguments: object, bench: bool = True) -> tuple[int, str]:
        command = ["report", str(number), "--records", str(self.records), *["--bench"] * bench, *map(str, arguments)]
        if "--log" not in command and bench:
            command += ["--log", str(self.log)]
        done = CliRunner().invoke(efakit, command, standalone_mode=False)
        if isinstance(done.exception, EfakitError):
            return done.exception.exit_code, str(done.exception)
        assert done.exception is None, done.exc_info
        return done.return_value or 0, done.output

    def data(self, number: int, *arguments: object) -> dict[str, Any]:
        return json.loads(self.report(number, "--format", "json", *arguments)[1])  # type: ignore[no-any-return]

    def sentences(self, number: int, *arguments: object) -> list[str]:
        return [table["sentence"] for table in self.data(number, *arguments)["bench"]["tables"]]

    def rules(self, number: int, *arguments: object) -> set[str]:
        found = self.data(number, *arguments)["findings"]
        return {item["rule"] for item in found if item["rule"].startswith("bench-")}

    def history(self, *values: float, first: int = 1, **about: Any) -> None:
        for number, value in enumerate(values, first):
            hosts = self.job(number, **about)
            self.log.write_text(all_reduce(hosts, value))
            assert self.report(number, "--keep")[0] == 0


@pytest.fixture
def cluster(tmp_path) -> Cluster:
    return Cluster(tmp_path)


def devices(hosts: list[str], each: int = 8) -> str:
    lines = [
        f"#  Rank {place * each + device:2d} Group  0 Pid 4242 on {host} device {device:2d} [0000:0{device}:00] H100"
        for place, host in enumerate(hosts)
        for device in range(each)
    ]
    return "\n".join(["# nThread 1 nGpus 1 minBytes 8 maxBytes 1073741824", "#", "# Using devices", *lines, "#", ""])


def row(
    size: int, bus: float | str, *, wrong: str = "0", root: str = "-1", redop: str = "sum", algbw: float | None = None
) -> str:
    alg = algbw if algbw is not None else (bus / 2 if isinstance(bus, float) else 1.0)
    part = f"  6759.0  {alg:6.2f}  {bus}  {wrong:>6}"
    return f"{size:12d}  {size // 4:12d}  {'float':>8}  {redop:>6}  {root:>6}{part}{part}\n"


def all_reduce(hosts: list[str], value: float, end: str = END) -> str:
    n = len(hosts) * 8
    alg = value / (2 * (n - 1) / n)
    return devices(hosts) + HEADINGS + row(8, 0.0) + row(1 << 30, value, algbw=alg) + end


def test_one_sentence_tells_type_nodes_test_size_number_and_most(cluster):
    cluster.log.write_text(all_reduce(cluster.job(42), 310.0))
    assert cluster.sentences(42) == ["p5.48xlarge, 16 nodes, all_reduce 1 GiB: 310 of at most 423 GB/s"]
    assert cluster.rules(42) == set()
    text = cluster.report(42)[1]
    assert "\nBenchmarks\n  p5.48xlarge, 16 nodes, all_reduce 1 GiB: 310 of at most 423 GB/s\n" in text
    assert "\nBenchmarks\n" not in cluster.report(42, bench=False)[1]
    (table,) = cluster.data(42)["bench"]["tables"]
    assert (table["line_rate"], table["ranks"], round(table["most"], 1)) == (400, 128, 423.3)
    assert [(one["size_bytes"], one["value"]) for one in table["rows"]] == [(8, 0.0), (1 << 30, 310.0)]


def test_a_run_worse_than_all_earlier_ones_names_the_nodes_that_are_new(cluster):
    cluster.history(360.0, 365.0, 370.0)
    hosts = cluster.job(42, names={3: "new-3", 9: "new-9"})
    cluster.log.write_text(all_reduce(hosts, 310.0))
    expected = "310 of at most 423 GB/s; your median of 3 runs is 365: new-3, new-9 were new"
    assert cluster.sentences(42) == [f"p5.48xlarge, 16 nodes, all_reduce 1 GiB: {expected}"]
    (finding,) = [item for item in cluster.data(42)["findings"] if item["rule"] == "bench-below-earlier"]
    assert "new-3" in finding["message"]
    assert cluster.report(42, "--fail-on", "bench-below-earlier")[0] == 1
    assert cluster.report(42, "--fail-on", "warning")[0] == 1
    assert cluster.rules(42, "--threshold", "bench-off-median=0.3") == set()
    assert cluster.rules(42, "--threshold", "bench-least-runs=4") == set()


@pytest.mark.parametrize("value", [361.0, 350.0])
def test_a_run_as_good_as_one_before_or_near_the_median_is_no_finding(cluster, value):
    cluster.history(340.0 if value < 360 else 360.0, 365.0, 370.0)
    cluster.log.write_text(all_reduce(cluster.job(42), value))
    assert cluster.rules(42) == set()


def test_two_earlier_runs_are_too_few(cluster):
    cluster.history(365.0, 370.0)
    cluster.log.write_text(all_reduce(cluster.job(42), 100.0))
    assert cluster.rules(42) == set()
    assert "your median of 2 runs is 368" in cluster.sentences(42)[0]


def test_only_the_same_test_on_as_many_nodes_of_the_type_is_compared(cluster):
    cluster.history(365.0, 366.0, 367.0, nodes=8)
    cluster.history(80.0, 81.0, 82.0, first=10, instance="p4d.24xlarge")
    cluster.log.write_text(all_reduce(cluster.job(42), 10.0))
    assert cluster.data(42)["bench"]["tables"][0]["earlier"] == []


def test_later_runs_and_the_run_itself_are_no_earlier_ones(cluster):
    cluster.history(365.0, 366.0, 367.0, first=50)
    cluster.history(300.0, first=42)
    assert cluster.data(42)["bench"]["tables"][0]["earlier"] == []


def test_kept_results_are_never_overwritten_and_keeping_again_changes_nothing(cluster):
    cluster.history(365.0, first=42)
    (file,) = (cluster.records / "@bench").iterdir()
    before = file.read_bytes(), file.stat().st_mtime_ns
    assert "were kept already in" in cluster.report(42, "--keep")[1]
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    cluster.log.write_text(all_reduce(cluster.job(42), 366.0))
    assert "\n  kept in " in cluster.report(42, "--keep")[1]
    assert len(list((cluster.records / "@bench").iterdir())) == 2
    assert file.read_bytes() == before[0]


def test_what_is_kept_is_no_record(cluster):
    cluster.history(365.0, first=42)
    assert cluster.data(42)["fault_count"] == 0
    done = CliRunner().invoke(efakit, ["report", "42", "--records", str(cluster.records)])
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "is not JSON"),
        (b'{"kind": "benchmarks", "schema_version": 99}', "newer efakit"),
        (b'{"kind": "benchmarks", "schema_version": 1, "tables": [{"tool": 3}], "ended_at": 1, "cluster": "c"}', ""),
        (b"\x00\xff", "is not UTF-8"),
    ],
)
def test_kept_results_that_cannot_be_used_are_told_and_cost_no_others(cluster, content, why):
    cluster.history(365.0, 366.0, 367.0)
    (good, *_) = (cluster.records / "@bench").iterdir()
    bad = good.with_name(good.name.split(".")[0] + ".7.r0.x.json")
    bad.write_bytes(content)
    cluster.log.write_text(all_reduce(cluster.job(42), 310.0))
    found = cluster.data(42)
    assert (found["bench"]["fault_count"], len(found["bench"]["tables"][0]["earlier"])) == (1, 3)
    assert why in found["bench"]["faults"][0]["why"]
    assert "1 kept results cannot be used" in cluster.report(42)[1]


def test_a_folder_that_is_a_link_is_not_written_to(cluster, tmp_path):
    hosts = cluster.job(42)
    cluster.log.write_text(all_reduce(hosts, 310.0))
    (tmp_path / "elsewhere").mkdir()
    (cluster.records / "@bench").symlink_to(tmp_path / "elsewhere")
    code, message = cluster.report(42, "--keep")
    assert (code, "is a link" in message) == (2, True)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_wrong_results_are_an_error(cluster):
    hosts = cluster.job(42)
    wrong = "# Out of bounds values : 12 FAILED\n# Avg bus bandwidth    : 70.7 \n"
    log = devices(hosts) + HEADINGS + row(8, 0.0) + row(1 << 20, 9.68, wrong="3") + wrong
    cluster.log.write_text(log)
    (finding,) = [item for item in cluster.data(42)["findings"] if item["rule"] == "bench-wrong-results"]
    assert finding["severity"] == "error"
    assert "12 values out of bounds, first at 1 MiB" in finding["message"]


def test_a_test_below_its_own_minimum_and_one_that_breaks_off_are_findings(cluster):
    hosts = cluster.job(42)
    cluster.log.write_text(all_reduce(hosts, 310.0, END.replace("70.7 ", "70.7 FAILED")))
    assert cluster.rules(42) == {"bench-below-minimum"}
    cluster.log.write_text(all_reduce(hosts, 310.0, ""))
    assert cluster.rules(42) == {"bench-broken-off"}


def test_a_row_without_a_number_is_a_finding_and_judges_nothing(cluster):
    hosts = cluster.job(42)
    cluster.log.write_text(devices(hosts) + HEADINGS + row(8, 0.0) + row(1 << 30, float("nan")) + END)
    assert cluster.rules(42) == {"bench-no-number"}
    assert "nan" not in json.dumps(cluster.data(42)["bench"]).lower()


def test_more_than_the_line_rate_allows_is_a_finding_and_two_nodes_allow_nearly_twice(cluster):
    hosts = cluster.job(42, nodes=2)
    cluster.log.write_text(all_reduce(hosts, 480.0))
    assert cluster.sentences(42) == ["p5.48xlarge, 2 nodes, all_reduce 1 GiB: 480 of at most 750 GB/s"]
    assert cluster.rules(42) == set()
    cluster.log.write_text(all_reduce(hosts, 900.0))
    assert cluster.rules(42) == {"bench-over-line-rate"}
    assert cluster.sentences(42) == ["p5.48xlarge, 2 nodes, all_reduce 1 GiB: 900 GB/s"]


def test_a_test_within_one_node_has_no_bound_by_the_network(cluster):
    hosts = cluster.job(42)
    cluster.log.write_text(all_reduce(hosts[:1], 480.0))
    assert cluster.sentences(42) == ["p5.48xlarge, 1 node, all_reduce 1 GiB: 480 GB/s"]


def test_tables_of_other_hosts_are_not_judged(cluster):
    cluster.job(42)
    cluster.log.write_text(all_reduce(["elsewhere-1", "elsewhere-2"], 999.0))
    (told,) = cluster.sentences(42)
    assert told == "all_reduce 1 GiB: 999 GB/s (not judged: elsewhere-1, elsewhere-2 are no nodes of this job)"
    assert cluster.rules(42) == set()
    assert cluster.report(42, "--keep")[0] == 2


def test_several_tables_of_one_log_are_judged_each(cluster):
    hosts = cluster.job(42)
    gather = devices(hosts) + HEADINGS + row(1 << 30, 340.0, redop="none", algbw=340 * 128 / 127) + END
    exchange = gather.replace("     0\n", "   N/A\n").replace("340.0", "48.00").replace("342.68", " 48.38")
    cluster.log.write_text(all_reduce(hosts, 310.0) + gather + exchange)
    assert cluster.sentences(42) == [
        "p5.48xlarge, 16 nodes, all_reduce 1 GiB: 310 of at most 423 GB/s",
        "p5.48xlarge, 16 nodes, all_gather 1 GiB: 340 of at most 423 GB/s",
        "p5.48xlarge, 16 nodes, unknown collective 1 GiB: 48 GB/s "
        "(not judged: the log does not tell which collective it is)",
    ]
    cluster.log.write_text("+ srun ./alltoall_perf -b 1G -e 1G\n" + exchange)
    assert cluster.sentences(42) == ["p5.48xlarge, 16 nodes, alltoall 1 GiB: 48 of at most 52.9 GB/s"]


def test_osu_is_judged_by_what_point_to_point_can_be(cluster):
    cluster.job(42, nodes=2, instance="hpc7a.96xlarge")
    latency = "# OSU MPI Latency Test v7.5\n# Size       Avg Latency(us)\n1     15.5\n2     15.6\n"
    both = "# OSU MPI Bi-Directional Bandwidth Test v7.5\n# Size      Bandwidth (MB/s)\n4194304  18666.02\n"
    memory = "# OSU MPI Bandwidth Test v7.5\n# Size      Bandwidth (MB/s)\n4194304  93130.52\n"
    cluster.log.write_text(latency + both + memory)
    assert cluster.sentences(42) == [
        "hpc7a.96xlarge, 2 nodes, OSU Latency 1 B: 15.5 us",
        "hpc7a.96xlarge, 2 nodes, OSU Bi-Directional Bandwidth 4 MiB: 18,666 of at most 75,000 MB/s",
        "hpc7a.96xlarge, 2 nodes, OSU Bandwidth 4 MiB: 93,131 MB/s",
    ]
    assert cluster.rules(42) == set()


def test_a_latency_is_worse_where_it_is_higher(cluster):
    table = "# OSU MPI Latency Test v7.5\n# Size       Avg Latency(us)\n1     {}\n4194304   800.0\n"
    for number, value in enumerate((15.0, 15.5, 16.0), 1):
        cluster.job(number, nodes=2)
        cluster.log.write_text(table.format(value))
        cluster.report(number, "--keep")
    cluster.job(42, nodes=2)
    cluster.log.write_text(table.format(30.0))
    assert cluster.rules(42) == {"bench-below-earlier"}
    cluster.log.write_text(table.format(9.0))
    assert cluster.rules(42) == set()


@pytest.mark.parametrize(("values", "rules"), [((90.0, 364.0), set()), ((90.0, 310.0), {"bench-below-earlier"})])
def test_of_several_tables_of_one_test_the_best_is_held_against_earlier_runs(cluster, values, rules):
    cluster.history(360.0, 365.0, 370.0)
    hosts = cluster.job(42)
    cluster.log.write_text("".join(all_reduce(hosts, value) for value in values))  # such as one a protocol of NCCL
    found = [item for item in cluster.data(42)["findings"] if item["rule"].startswith("bench-")]
    assert {item["rule"] for item in found} == rules
    assert all("310" in item["message"] for item in found)
    assert len(found) <= 1


def test_the_slow_half_of_the_nodes_is_told_beside_the_other_one(cluster):
    cluster.history(360.0, 365.0, 370.0, nodes=2)
    hosts = cluster.job(42, nodes=4)
    cluster.log.write_text(all_reduce(hosts[:2], 364.0) + all_reduce(hosts[2:], 250.0))
    found = [item for item in cluster.data(42)["findings"] if item["rule"] == "bench-below-earlier"]
    assert ["250" in item["message"] for item in found] == [True]


OSU_TABLES = {
    "one pair in place of 64": (
        "# OSU MPI Multiple Bandwidth / Message Rate Test v7.5\n# [ pairs: {} ] [ window size: 64 ]\n"
        "# Size                  MB/s        Messages/s\n4194304    {:.2f}        5000.00\n",
        (64, 36_000.0),
        (1, 12_000.0),
    ),
    "more ranks, of which nothing tells": (
        "# OSU MPI Allreduce Latency Test v7.5\n# Size       Avg Latency(us)\n{}        {:.2f}\n",
        (8, 20.0),
        (8, 60.0),
    ),
}


@pytest.mark.parametrize("case", OSU_TABLES)
def test_tables_of_osu_are_not_held_against_those_of_other_ranks(cluster, case):
    table, before, now = OSU_TABLES[case]
    for number in (1, 2, 3):
        cluster.job(number, nodes=2)
        cluster.log.write_text(table.format(*before))
        assert cluster.report(number, "--keep")[0] == 0
    cluster.job(42, nodes=2)
    cluster.log.write_text(table.format(*now))
    assert cluster.rules(42) == set()


def test_as_many_pairs_are_compared(cluster):
    table, (pairs, value), _ = OSU_TABLES["one pair in place of 64"]
    for number in (1, 2, 3):
        cluster.job(number, nodes=2)
        cluster.log.write_text(table.format(pairs, value))
        cluster.report(number, "--keep")
    cluster.job(42, nodes=2)
    cluster.log.write_text(table.format(pairs, value / 2))
    assert cluster.rules(42) == {"bench-below-earlier"}
    assert "(64 pairs, window 64)" in cluster.sentences(42)[0]


def test_ranks_in_groups_are_not_held_against_ranks_in_one(cluster):
    cluster.history(360.0, 365.0, 370.0, nodes=2)
    hosts = cluster.job(42, nodes=2)
    whole = "# Collective test starting: all_reduce_perf\n" + all_reduce(hosts, 45.0)
    split = whole.splitlines(keepends=True)
    for place, line in enumerate(split):
        if " Rank " in line:
            split[place] = line.replace("Group  0", f"Group  {int(line.split()[2]) % 8}")
    cluster.log.write_text("".join(split))
    (told,) = cluster.sentences(42)
    assert "all_reduce (8 groups)" in told
    assert "median" not in told
    assert cluster.rules(42) == set()


def test_processes_that_ran_each_for_itself_are_a_finding(cluster):
    hosts = cluster.job(42, nodes=2)
    one = "# nThread 1 nGpus 1\n# Using devices\n"
    ranks = "".join(devices([host], 1).splitlines(keepends=True)[3] for host in hosts)
    body = row(1 << 30, 0.0, algbw=1816.16) + END
    cluster.log.write_text(one + one + ranks + HEADINGS + HEADINGS + body + body)
    assert cluster.rules(42) == {"bench-without-mpi"}
    labelled = "".join(
        f"{task}: {line}\n"
        for task, host in enumerate(hosts)
        for line in (devices([host], 1) + HEADINGS + body).splitlines()
    )
    cluster.log.write_text(labelled)
    assert cluster.rules(42) == {"bench-without-mpi"}


def test_no_table_is_said_and_no_log_is_refused(cluster):
    cluster.job(42)
    cluster.log.write_text("hello\n")
    assert "no result table of nccl-tests, nccom-test or OSU in" in cluster.report(42)[1]
    assert cluster.rules(42) == set()
    code, message = cluster.report(42, "--log", cluster.folder / "none.out")
    assert (code, "none.out" in message) == (2, True)
    done = CliRunner().invoke(efakit, ["report", "42", "--records", str(cluster.records), "--bench"])
    assert "add --log FILE" in str(done.exception)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_of_a_log_reaches_the_terminal_as_it_is(cluster, text):
    """Hosts, titles, labels, types and what stands where a number belongs."""
    hosts = cluster.job(42, nodes=2)
    log = benching.hostile(text) + all_reduce([text.replace(" ", "_")[:200]], 310.0) + all_reduce(hosts, 310.0)
    cluster.log.write_bytes(log.encode("utf-8", "surrogatepass"))
    code, told = cluster.report(42)
    assert code == 0
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", told)
    assert "p5.48xlarge, 2 nodes, all_reduce 1 GiB: 310 of at most 750 GB/s" in told
    assert cluster.report(42, "--keep")[0] == 0
    assert cluster.data(42)["bench"]["fault_count"] == 0


def test_results_that_no_report_could_read_again_are_not_kept(cluster, monkeypatch):
    monkeypatch.setattr(store_bench, "MOST_BYTES", 500)
    cluster.log.write_text(all_reduce(cluster.job(42), 310.0))
    code, message = cluster.report(42, "--keep")
    assert code == 2
    assert "at most 500 are read again: name fewer logs" in message
    assert not list((cluster.records / "@bench").iterdir())


def test_keep_without_bench_and_bench_without_a_job_are_refused(cluster):
    cluster.job(42)
    assert "add --bench" in cluster.report(42, "--keep", bench=False)[1]
    done = CliRunner().invoke(efakit, ["report", "--since", "7d", "--bench", "--records", str(cluster.records)])
    assert "--bench is for the report of one job" in str(done.exception)


def test_logs_are_read_once_for_causes_and_for_tables(cluster, tmp_path):
    hosts = cluster.job(42)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if os.fork() == 0:
        try:
            pipe.write_text(all_reduce(hosts, 310.0))
        finally:
            os._exit(0)
    found = cluster.data(42, "--log", pipe)
    os.wait()
    assert found["bench"]["tables"][0]["value"] == 310.0


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A squeue that knows job 42, whose output is at the path that is put."""

    def put(path: Path) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        script = folder / "squeue"
        values = {
            "JobID": "42",
            "JobArrayID": "42",
            "State": "COMPLETED",
            "TimeUsed": "1:00",
            "RestartCnt": "0",
            "StdOut": str(path),
            "BatchFlag": "1",
            "WorkDir": "/",
        }
        script.write_text(
            f"""#!{sys.executable} -S
import re, sys
form = next(word for word in sys.argv if word.startswith("--Format="))
values = {values!r}
for name, mark in re.findall(r"(\\w+):0(\\|\\w+\\|)", form.partition("=")[2]):
    sys.stdout.write(values.get(name, "") + mark)
sys.stdout.write("\\n")
"""
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        monkeypatch.setenv("EFAKIT_SLURM", "commands")
        monkeypatch.delenv("SLURM_CONF", raising=False)

    return put


def without_log(cluster: Cluster) -> tuple[int, str]:
    done = CliRunner().invoke(
        efakit, ["report", "42", "--records", str(cluster.records), "--bench"], standalone_mode=False
    )
    return (2, str(done.exception)) if done.exception else (done.return_value or 0, done.output)


def test_the_log_is_the_job_s_output_file(cluster, squeue):
    cluster.log.write_text(all_reduce(cluster.job(42), 310.0))
    squeue(cluster.log)
    assert "all_reduce 1 GiB: 310 of at most 423 GB/s" in without_log(cluster)[1]


def test_an_output_file_that_cannot_be_read_or_waited_for_is_refused(cluster, squeue, tmp_path):
    cluster.job(42)
    os.mkfifo(tmp_path / "pipe")
    for path, why in ((tmp_path / "pipe", "no regular file"), (tmp_path / "none", "No such file")):
        squeue(path)
        code, message = without_log(cluster)
        assert (code, why in message, "--log FILE" in message) == (2, True, True), message
