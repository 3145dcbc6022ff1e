"""Reading squeue and sacct: rows that Slurm 22.05.8, 25.11.7 and 26.05.3 printed, and commands that misbehave.

Where a test writes a program into PATH, that program stands in for a Slurm command; the real ones are asked in
test_slurm_real_commands.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efakit.slurm import commands
from efakit.slurm.commands import (
    SACCT_COLUMNS,
    SQUEUE_COLUMNS,
    array_task,
    ask_sacct,
    ask_squeue,
    exit_code,
    find_command,
    job_of,
    time_used_seconds,
)
from efakit.slurm.job import JobRef, SlurmJob, SourceError
from efakit.slurm.table import Column, read_table

SEPARATOR = "|9a3c|"

# Prints job 7, each field that --Format asks for.
SQUEUE_STANDIN = """\
for option; do case "$option" in --Format=*) fields=${option#--Format=};; esac; done
separator=${fields##*:0}
IFS=,; for field in $fields; do case $field in
JobID:*|JobArrayID:*) value=7;; RestartCnt:*|NumNodes:*|BatchFlag:*) value=1;; TimeUsed:*) value=0:01;;
State:*) value=RUNNING;; Name:*) value='NAME';; *) value=;; esac
printf '%b%s' "$value" "$separator"; done; echo"""


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=3))
def test_any_text_survives_as_a_field(tails: list[list[str]]) -> None:
    rows = [[str(number), *tail] for number, tail in enumerate(tails)]
    text = "".join("".join(field + SEPARATOR for field in row) + "\n" for row in rows)
    if text.count(SEPARATOR) == 3 * len(rows):  # the real separator is random, so never in a name
        columns = [Column(str(place), "") for place in range(3)]
        assert [list(row.values()) for row in read_table(text, SEPARATOR, columns)] == rows


def test_output_that_is_no_table_is_a_failure_and_no_job() -> None:
    with pytest.raises(SourceError, match="unexpected form"):
        read_table("slurm_load_jobs: strange days\n", SEPARATOR, SQUEUE_COLUMNS)
    with pytest.raises(SourceError, match="unexpected form"):
        read_table(f"1{SEPARATOR}2{SEPARATOR}", SEPARATOR, SQUEUE_COLUMNS)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:00", 0),
        ("0:07", 7),
        ("59:59", 3599),
        ("1:00:00", 3600),
        ("1-00:00:01", 86401),
        ("10-23:59:59", 950399),
        ("INVALID", None),
        ("", None),
    ],
)
def test_time_used_in_seconds(text: str, seconds: int | None) -> None:
    assert time_used_seconds(text) == seconds


@pytest.mark.parametrize(
    ("shown", "array"),
    [("2", None), ("2_0", (2, 0)), ("2_11", (2, 11)), ("2_[2-3]", None), ("2_[0-9%2]", None), ("2+1", None)],
)
def test_array_task_of_the_shown_id(shown: str, array: tuple[int, int] | None) -> None:
    assert array_task(shown) == array


@pytest.mark.parametrize(
    ("printed", "code"), [("768", "3:0"), ("9", "0:9"), ("0", "0:0"), ("3:0", "3:0"), ("0:15", "0:15"), ("", None)]
)
def test_exit_code_as_older_and_newer_releases_print_it(printed: str, code: str | None) -> None:
    assert exit_code(printed) == code


def _table(rows: list[list[str]]) -> str:
    return "".join("".join(value + SEPARATOR for value in row) + "\n" for row in rows)


def test_squeue_rows_as_recorded() -> None:
    # squeue 22.05.8 --jobs=2: what is left of an array, and two tasks that are split off.
    recorded = [
        ["2", "2_[2-3]", "wrap", "PENDING", "0:00", "", "efa", "root", "0"],
        ["4", "2_1", "wrap", "RUNNING", "0:03", "n0", "efa", "root", "0"],
        ["3", "2_0", "wr\nap", "RUNNING", "0:06", "n1", "efa", "root", "1"],
    ]
    columns = SQUEUE_COLUMNS[:9]
    assert [job_of(row, "squeue") for row in read_table(_table(recorded), SEPARATOR, columns)] == [
        SlurmJob(2, "wrap", "PENDING", 0, "", 0, "efa", "root", None, "squeue"),
        SlurmJob(4, "wrap", "RUNNING", 3, "n0", 0, "efa", "root", (2, 1), "squeue"),
        SlurmJob(3, "wr\nap", "RUNNING", 6, "n1", 1, "efa", "root", (2, 0), "squeue"),
    ]


def test_sacct_rows_as_recorded() -> None:
    # sacct 26.05.3, then 22.05.8, which has no restarts.
    by_name = {column.asked: column for column in SACCT_COLUMNS}
    named = ["JobIDRaw", "JobID", "JobName", "State", "ElapsedRaw", "NodeList", "Partition", "User", "Restarts"]
    columns = [by_name[name] for name in named]
    newer = [
        ["1", "1", "a|b,c\n%x", "CANCELLED by 0", "3", "n[0-1]", "efa", "root", "1"],
        ["2", "2_[1-3]", "wrap", "PENDING", "0", "None assigned", "efa", "root", "0"],
    ]
    assert [job_of(row, "sacct") for row in read_table(_table(newer), SEPARATOR, columns)] == [
        SlurmJob(1, "a|b,c\n%x", "CANCELLED", 3, "n[0-1]", 1, "efa", "root", None, "sacct"),
        SlurmJob(2, "wrap", "PENDING", 0, "", 0, "efa", "root", None, "sacct"),
    ]
    older = [["3", "2_0", "wrap", "RUNNING", "6", "n1", "efa", "root"]]
    assert [job_of(row, "sacct") for row in read_table(_table(older), SEPARATOR, columns[:-1])] == [
        SlurmJob(3, "wrap", "RUNNING", 6, "n1", None, "efa", "root", (2, 0), "sacct"),
    ]


def test_an_older_sacct_is_asked_again_without_the_fields_that_it_does_not_know(bare_machine: Path) -> None:
    program(
        bare_machine,
        "sacct",
        'for option; do case "$option" in --format=*) fields=${option#--format=},;; '
        "--delimiter=*) separator=${option#--delimiter=};; esac; done\n"
        "for newer in Restarts StdOut; do case $fields in *,$newer,*)\n"
        'echo "sacct: error: Invalid field requested: \\"$newer\\"" >&2; exit 1;; esac; done\n'
        "IFS=,; for field in $fields; do case $field in JobIDRaw|JobID|ElapsedRaw|NNodes) value=7;;"
        " State) value=FAILED;; ExitCode) value=3:0;; *) value=;; esac\n"
        'printf "%s%s" "$value" "$separator"; done; echo',
    )
    job = ask_sacct(JobRef(7), 5)
    assert job is not None
    assert (job.state, job.exit_code, job.restart_count, job.output_file) == ("FAILED", "3:0", None, None)


def test_command_outside_path_is_found_where_installations_put_it(bare_machine: Path) -> None:
    folder = Path(commands.INSTALL_DIRECTORIES[0])
    folder.mkdir()
    program(folder, "squeue", "exit 0")
    assert find_command("squeue") == str(folder / "squeue")


def test_command_in_path_comes_first(bare_machine: Path) -> None:
    folder = Path(commands.INSTALL_DIRECTORIES[0])
    folder.mkdir()
    program(folder, "squeue", "exit 0")
    program(bare_machine, "squeue", "exit 0")
    assert find_command("squeue") == str(bare_machine / "squeue")


def test_missing_command_says_where_it_was_looked_for(bare_machine: Path) -> None:
    with pytest.raises(SourceError, match=f"not found in PATH, {commands.INSTALL_DIRECTORIES[0]}") as caught:
        ask_squeue(JobRef(1), 5)
    assert caught.value.outcome == "absent"


def test_parallelcluster_installs_to_a_folder_that_is_searched() -> None:
    assert "/opt/slurm/bin" in commands.INSTALL_DIRECTORIES


def test_failing_command_gives_its_last_line_without_the_log_prefix(bare_machine: Path) -> None:
    program(
        bare_machine,
        "sacct",
        "echo 'sacct: error: Sending PersistInit msg: Connection refused' >&2\n"
        "echo 'sacct: error: Problem talking to the database: Connection refused' >&2\nexit 1",
    )
    with pytest.raises(SourceError) as caught:
        ask_sacct(JobRef(1), 5)
    assert str(caught.value) == "Problem talking to the database: Connection refused"
    assert caught.value.outcome == "failed"


def test_silent_failure_gives_the_exit_code(bare_machine: Path) -> None:
    program(bare_machine, "squeue", "exit 3")
    with pytest.raises(SourceError, match="exit code 3 without a message"):
        ask_squeue(JobRef(1), 5)


def test_command_that_does_not_start_is_a_failure(bare_machine: Path) -> None:
    program(bare_machine, "squeue", "")
    (bare_machine / "squeue").write_text("#!/no/such/interpreter\n")
    with pytest.raises(SourceError, match="does not start: No such file or directory"):
        ask_squeue(JobRef(1), 5)


def test_command_that_hangs_is_killed_in_time(bare_machine: Path) -> None:
    program(bare_machine, "squeue", "exec /bin/sleep 60")
    with pytest.raises(SourceError, match=r"no answer within 0\.2 s") as caught:
        ask_squeue(JobRef(1), 0.2)
    assert caught.value.timed_out


def test_name_that_is_not_utf8_is_no_failure(bare_machine: Path) -> None:
    program(
        bare_machine,
        "squeue",
        SQUEUE_STANDIN.replace("NAME", "\\0351t\\0351"),
    )
    job = ask_squeue(JobRef(7), 5)
    assert job is not None
    assert job.name == "\ufffdt\ufffd"


def test_variables_that_reshape_the_output_do_not_reach_the_command(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SQUEUE_STATES", "SQUEUE_FORMAT2", "SACCT_FORMAT", "SLURM_CLUSTERS"):
        monkeypatch.setenv(name, "other")
    monkeypatch.setenv("SLURM_CONF", "/some/slurm.conf")
    program(bare_machine, "squeue", "set | /bin/grep -E '^(SQUEUE_|SACCT_|SLURM_CLUSTERS|SLURM_CONF)' >&2; exit 1")
    with pytest.raises(SourceError) as caught:
        ask_squeue(JobRef(1), 5)
    assert str(caught.value) == "SLURM_CONF='/some/slurm.conf'"
