"""Result tables of nccl-tests, nccom-test and OSU: excerpts of public reports are read rightly, however they come."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from efakit.diagnose.bench import lines, nccom_lines, read
from efakit.diagnose.bench.read import Reader
from efakit.diagnose.bench.tables import NCCOM, Table
from efakit.diagnose.log_files import LogFile

FOLDER = Path(__file__).parent / "bench_logs"
PUBLIC = sorted(FOLDER.glob("*.txt"))
FORMS = {
    "plain": str.encode,
    "coloured": lambda log: "".join(f"\x1b[1;32m{line}\x1b[0m\n" for line in log.splitlines()).encode(),
    "Windows line ends": lambda log: log.replace("\n", "\r\n").encode(),
    "gzip": lambda log: gzip.compress(log.encode()),
    "no last newline": lambda log: log.rstrip("\n").encode(),
    "srun's labels": lambda log: "".join(f"  0: {line}\n" for line in log.splitlines()).encode(),
    "behind a progress bar": lambda log: "".join(f" 10%|##\r{line}\n" for line in log.splitlines()).encode(),
    "far into a long log": lambda log: ("n1:1:1 [0] NCCL INFO Channel 00 : 0[0] -> 1[0]\n" * 9_000 + log).encode(),
}


def given(path: Path) -> tuple[list[str], str]:
    head, _, log = path.read_text(encoding="utf-8").partition("---\n")
    return [line.removeprefix("table: ") for line in head.splitlines() if line.startswith("table: ")], log


def tables(log: str | bytes, folder: Path) -> list[Table]:
    path = folder / "job.out"
    path.write_bytes(log if isinstance(log, bytes) else log.encode())
    reader = Reader()
    reader.read(LogFile(path))
    return reader.tables


def told(table: Table) -> str:
    row = table.judged_row()
    size, value = (row.size_bytes, f"{row.best:.10g}") if row else ("-", "-")
    words = [table.tool, table.test or "?", f"ranks={table.ranks}", f"rows={len(table.rows)}"]
    words += [f"size={size}", f"value={value}", *["alone"] * table.is_alone, "ended" if table.ended else "broken"]
    words += [f"wrong={table.wrong_values}"] * bool(table.wrong_values)
    if table.tool == NCCOM:
        words += [
            f"unit={table.unit or '?'}",
            f"nodes={table.nodes or '?'}",
            *[f"failed={table.no_numbers}"] * bool(table.no_numbers),
        ]
    wrong = sum(bool(row.wrong) for row in table.rows)
    return " ".join([*words, *[f"rowswrong={wrong}"] * bool(wrong and not table.wrong_values)])


ROW = "  1073741824   268435456   float     sum      -1   6759.0  158.86  297.86      0   6737.4  159.37  298.82      0"
HEADINGS = "#  size  count  type  redop  root  time  algbw  busbw #wrong  time  algbw  busbw #wrong\n"


def test_there_are_enough_of_them():
    assert len(PUBLIC) >= 25


@pytest.mark.parametrize("path", PUBLIC, ids=lambda path: path.stem)
def test_a_public_table_is_read(path, tmp_path):
    expected, log = given(path)
    assert [told(table) for table in tables(log, tmp_path)] == expected


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_a_log_changes_nothing(form, tmp_path):
    for path in PUBLIC:
        expected, log = given(path)
        assert [told(table) for table in tables(FORMS[form](log), tmp_path)] == expected, path.stem


@pytest.mark.parametrize("cut", range(0, len(ROW), 7))
def test_a_row_that_breaks_off_tells_no_number_that_it_does_not_have(cut, tmp_path):
    for table in tables(HEADINGS + ROW[:cut], tmp_path):
        assert all(row.value in (None, 297.86) and row.size_bytes == 1 << 30 for row in table.rows)


@pytest.mark.parametrize(
    "number", ["nan", "-nan", "inf", "1e999", "-5", "9" * 400, "1" + "0" * 20, "0x10", "١٢", "1_0"]
)
def test_what_is_no_number_is_none(number, tmp_path):
    for place in ("297.86", "158.86", "6759.0"):
        (table,) = tables(HEADINGS + ROW.replace(place, number).replace("298.82", "N/A") + "\n", tmp_path)
        assert all(row.best in (None, 297.86) for row in table.rows)


def test_a_row_with_no_number_is_counted(tmp_path):
    (table,) = tables(HEADINGS + ROW.replace("297.86", "nan").replace("298.82", "inf"), tmp_path)
    assert (table.no_numbers, table.judged_row()) == (1, None)


@pytest.mark.parametrize("size", ["0", "-8", "9" * 18, "8.5", ""])
def test_sizes_that_cannot_be_are_no_rows(size, tmp_path):
    (table,) = tables(HEADINGS + ROW.replace("1073741824", size), tmp_path)
    assert [row.size_bytes for row in table.rows] == ([0] if size == "0" else [])


def test_layouts_with_more_columns_are_read_by_their_headings(tmp_path):
    per_iteration = HEADINGS.replace("#wrong", "#wrong  i_min  i_max  i_p99  i_cv%").replace("\n", "  timestamp\n")
    half = "6759.0  158.86  297.86  0  6700.1  6800.2  6790.0  1.2"
    row = f"1073741824  268435456  float  sum  -1  {half}  {half}  2026-11-29 10:00:00\n"
    assert [row.value for row in tables(per_iteration + row, tmp_path)[0].rows] == [297.86]
    dated = HEADINGS.replace("\n", "  timestamp\n") + ROW + "  2026-11-29 10:00:00\n"
    assert [row.value for row in tables(dated, tmp_path)[0].rows] == [297.86]
    cpu = HEADINGS.replace("time", "time").replace(" time", " cputime")
    assert [row.time_us for row in tables(cpu + ROW, tmp_path)[0].rows] == [6759.0]


def test_a_newer_release_names_its_test(tmp_path):
    log = "# nccl-tests version 2.19.6\n# Collective test starting: /opt/x/alltoall_perf\n"
    (table,) = tables(f"{log}# Using devices\n{HEADINGS}{ROW}\n# Avg bus bandwidth    : 1 \n", tmp_path)
    assert table.test == "alltoall"


def test_labelled_tasks_that_write_between_each_other_keep_their_tables(tmp_path):
    one, two = (HEADINGS + ROW.replace("297.86", value) for value in ("100.00", "200.00"))
    pairs = zip(one.splitlines(), two.splitlines(), strict=True)
    found = tables("".join(f"0: {a}\n1: {b}\n" for a, b in pairs), tmp_path)
    assert sorted((table.label, table.rows[0].value) for table in found) == [("0:", 100.0), ("1:", 200.0)]


@pytest.mark.parametrize(
    "log",
    [
        "size count type time algbw busbw\n",
        "# OSU MPI Latency Test v7.5\n1 2\n",
        "a listing: OSU MPI Latency Test, OSU MPI Bandwidth Test\n1    2.0\n",
        "# Size   Latency (us)\n1   2.0\n",
        "1073741824     268435456     float     sum      -1   6759.0  158.86  297.86      0\n",
        "Avg bus bandwidth : 12\n",
        "Rank 0 Group 0 Pid 1 on x device 0\n" * 50,
        "algbw busbw size bytes OSU Test\n" * 1000,
        HEADINGS * 1500,
        "# OSU MPI" + " " * 1900 + "Test\n",
        "OSU MPI " * 200 + "\n",
        "\x00\x1b[2J# OSU \udcff\n",
    ],
)
def test_what_only_looks_like_a_table_has_no_rows(log, tmp_path):
    found = tables(log.encode("utf-8", "surrogateescape"), tmp_path)
    assert len(found) <= 1000
    assert not any(table.rows for table in found)


def test_what_follows_a_table_of_osu_is_not_its_row(tmp_path):
    log = "# OSU MPI Latency Test v7.5\n# Size       Avg Latency(us)\n1   9.87\n2   9.85\n2   0.01\n4   0.01\n"
    (table,) = tables(log, tmp_path)
    assert [row.value for row in table.rows] == [9.87, 9.85]
    barrier = "# OSU MPI Barrier Latency Test v7.5\n# Avg Latency(us)\n             12.34\n             99.00\n"
    (table,) = tables(barrier, tmp_path)
    assert [row.value for row in table.rows] == [12.34]


def test_a_last_row_of_osu_that_breaks_off_within_its_number_is_none(tmp_path):
    log = "# OSU MPI Latency Test v7.5\n# Size       Avg Latency(us)\n1   9.87\n2   19.85"
    for cut in range(1, 5):
        assert [row.value for row in tables(log[:-cut], tmp_path)[0].rows] == [9.87]
    assert [row.value for row in tables(log, tmp_path)[0].rows] == [9.87, 19.85]


NCCOM_HEAD = "size(B)    count(elems)    type    time:avg(us)    algbw(GB/s)    busbw(GB/s)\n"
NCCOM_ROW = "1073741824       268435456    fp32       41806          25.68          50.57"


@pytest.mark.parametrize("cut", range(0, len(NCCOM_ROW), 5))
def test_a_row_of_nccom_test_that_breaks_off_tells_no_number_that_it_does_not_have(cut, tmp_path):
    (table,) = tables(NCCOM_HEAD + NCCOM_ROW[:cut], tmp_path)
    assert all(row.value == 50.57 for row in table.rows)
    assert not table.ended


@pytest.mark.parametrize("number", ["nan", "inf", "-5", "9" * 400, "1e999", "N/A"])
def test_a_row_of_nccom_test_without_a_number_is_none(number, tmp_path):
    log = NCCOM_HEAD + NCCOM_ROW.replace("50.57", number) + "\n"
    assert all(row.value is None for table in tables(log, tmp_path) for row in table.rows)


def test_the_unit_of_nccom_test_is_told_by_its_rows_and_by_nothing_else(tmp_path):
    gib = NCCOM_ROW.replace("25.68", "23.92")
    small = NCCOM_ROW.replace("25.68", "0.92")
    other = NCCOM_ROW.replace("25.68", "99.00")
    for rows, unit in (
        ([NCCOM_ROW], "GB/s"),
        ([gib], "GiB/s"),
        ([small], ""),
        ([NCCOM_ROW, gib], ""),
        ([other], "GB/s"),
    ):
        (table,) = tables(NCCOM_HEAD + "\n".join([*rows, ""]), tmp_path)
        assert table.unit == (unit if rows != [other] else ""), rows


def test_several_times_of_nccom_test_are_columns_as_any_other(tmp_path):
    head = NCCOM_HEAD.replace("time:avg(us)", "time:p10(us)    time:p99(us)    time:avg(us)")
    (table,) = tables(head + NCCOM_ROW.replace("41806", "40000    60000    41806") + "\n", tmp_path)
    assert (table.rows[0].value, table.unit) == (50.57, "GB/s")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("+ nccom-test -r 64 -N 2 allr", ("all_reduce", 64, 2, [])),
        (
            "$ /opt/aws/neuron/bin/nccom-test --nworkers=64 --nnodes=2 all_reduce --hosts a b.c",
            ("all_reduce", 64, 2, ["a", "b"]),
        ),
        ("+ nccom-test --hosts a b allr -r 64 -N 2", ("all_reduce", 64, 2, ["a", "b"])),
        ("+ nccom-test -r 64 -N 2 allr --hosts a b c", ("all_reduce", 64, 2, [])),
        ("+ nccom-test -r 64 -N 2 allr --hosts 127.0.0.1 b", ("all_reduce", 64, 2, [])),
        ("+ nccom-test -r 2 allr", ("", 2, 1, [])),
        ("+ nccom-test -r 64 -N 2 unheard", ("all_reduce", 64, 2, [])),
        ("+ nccom-test -r 64 -N 2 sendrecv", ("", 64, 2, [])),
        ("+ nccom-test -r x allr", ("all_reduce", 0, None, [])),
        ("+ nccom-test -r 99999999999999 allr", ("all_reduce", 0, None, [])),
        ("nccom-test is a benchmark", ("all_reduce", 0, None, [])),
    ],
)
def test_a_command_of_nccom_test_says_what_its_table_does_not(command, said, tmp_path):
    (table,) = tables(f"{command}\n{NCCOM_HEAD}{NCCOM_ROW}\n", tmp_path)
    assert (table.test, table.ranks, table.nodes, list(table.hosts)) == said


def test_a_command_is_of_the_next_table_only_and_may_name_ten_thousand_hosts(tmp_path):
    hosts = [f"trn-st-{number}" for number in range(10_000)]
    command = f"+ nccom-test -r 320000 -N 10000 allr --hosts {' '.join(hosts)}\n"
    one, two = tables(command + (NCCOM_HEAD + NCCOM_ROW + "\nAvg bus bandwidth:  50.57GB/s\n") * 2, tmp_path)
    assert (list(one.hosts), one.average, one.ended) == (hosts, 50.57, True)
    assert (list(two.hosts), two.ranks, two.nodes) == ([], 0, None)


def test_what_a_benchmark_did_not_check_is_not_known_and_not_zero(tmp_path):
    unchecked = ROW.replace("      0 ", "    N/A ")[:-1] + "N/A"
    (table,) = tables(HEADINGS + unchecked + "\n", tmp_path)
    assert (table.rows[0].wrong, table.wrong_values) == (None, None)
    (table,) = tables(HEADINGS + ROW + "\n# Out of bounds values : 0 OK\n# Avg bus bandwidth    : 1\n", tmp_path)
    assert (table.rows[0].wrong, table.wrong_values) == (0, 0)
    (table,) = tables("# OSU MPI Latency Test v7.5\n# Size       Avg Latency(us)\n1   9.87\n", tmp_path)
    assert table.rows[0].wrong is None


@pytest.mark.parametrize("module", [lines, nccom_lines])
def test_no_pattern_tries_a_line_from_each_of_its_places_to_its_end(module):
    """A log of blanks, or of the words that are looked for, took minutes a megabyte."""
    patterns = {name: value.pattern for name, value in vars(module).items() if isinstance(value, re.Pattern)}
    assert len(patterns) >= 5
    for name, pattern in patterns.items():
        bare = re.sub(r"\\.|\[[^\]]*\]", "x", pattern)
        assert not re.search(r"[*+]|\{\d+,\}", bare), name


def test_tables_of_many_labels_are_told_apart(tmp_path):
    count = 1_500
    heads = "".join(f"n{label}: {HEADINGS}" for label in range(count))
    found = tables(heads + "".join(f"n{label}: {ROW}\n" for label in reversed(range(count))), tmp_path)
    assert len(found) == 1000
    assert {len(table.rows) for table in found} == {1}
    assert found[10].label == "n10:"


def test_labels_without_end_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "_MOST_OPEN", 10)
    path = tmp_path / "job.out"
    ranks = "".join(
        f"l{label}: # Using devices\nl{label}: # Rank 0 Group 0 Pid 1 on host{label} device 0\n" for label in range(50)
    )
    heads = "".join(f"l{label}: {HEADINGS}" for label in range(50))
    path.write_text(ranks + heads + "".join(f"l{label}: {ROW}\n" for label in range(50)))
    reader = Reader()
    reader.read(LogFile(path))
    assert [bool(table.hosts) for table in reader.tables] == [True] * 10 + [False] * 40
    assert [len(table.rows) for table in reader.tables] == [0] * 40 + [1] * 10


HOSTILE = [
    "</script><b>",
    "\x1b[2J\x1b]0;x\x07",
    "\u202egpj",
    "=cmd|' /C x'!A0",
    "x" * 900,
    "\x00",
    "\N{PILE OF POO}",
    "%s{0}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_in_its_place_or_nowhere_and_costs_no_other_table(text, tmp_path):
    host = text.replace(" ", "_")[:200] or "h"
    log = f"# Using devices\n#  Rank  0 Group  0 Pid 42 on {host} device  0 [00:00] H100\n{HEADINGS}{ROW}\n"
    log += f"# OSU MPI {text} Test v7\n# Size       Avg Latency(us)\n1  2.0\n{text}: # OSU MPI Latency Test\n"
    log += f"+ nccom-test -r 4 -N 2 allr --hosts {host} --format=x\n{NCCOM_HEAD}{NCCOM_ROW}\n"
    found = tables(log, tmp_path)
    assert [table.rows[0].best for table in found if table.rows] in ([297.86, 2.0, 50.57], [297.86, 50.57])
    assert all(len(table.label) <= 100 and len(table.variant) <= 60 and len(table.test) <= 120 for table in found)


@pytest.mark.parametrize(("wrong", "known"), [("N/A", None), ("0", 0)])
def test_values_that_nccl_tests_was_told_not_to_check_are_not_none_wrong(wrong, known, tmp_path):
    """Its last lines say 0 OK all the same (src/common.cu, src/util.cu of NVIDIA/nccl-tests)."""
    row = ROW.replace("297.86      0", f"297.86  {wrong}").replace("298.82      0", f"298.82  {wrong}")
    (table,) = tables(f"{HEADINGS}{row}\n# Out of bounds values : 0 OK\n# Avg bus bandwidth    : 297 \n", tmp_path)
    assert (table.ended, table.wrong_values) == (True, known)


def test_what_osu_measures_in_place_of_mpi_is_told(tmp_path):
    titles = ("MPI Bandwidth", "MPI-CUDA Bandwidth", "NCCL Bandwidth", "xCCL-CUDA Bandwidth", "MPI_Put Bandwidth")
    log = "".join(f"# OSU {title} Test v7.5\n# Size      Bandwidth (MB/s)\n4194304  18666.02\n" for title in titles)
    found = [(table.test, table.variant) for table in tables(log, tmp_path)]
    assert [variant for _, variant in found] == ["", "CUDA", "NCCL", "xCCL-CUDA", ""]
    assert {test for test, _ in found} == {"Bandwidth", "Put Bandwidth"}


def test_where_buffers_are_is_told_once_however_often_a_log_says_it(tmp_path):
    buffers = "# Send Buffer on DEVICE (D) and Receive Buffer on HOST (H)\n"
    (table,) = tables(
        f"# OSU MPI-CUDA Latency Test v7\n{buffers * 150}# Size       Avg Latency(us)\n1  2.0\n", tmp_path
    )
    assert table.variant == "CUDA DEVICE HOST"
