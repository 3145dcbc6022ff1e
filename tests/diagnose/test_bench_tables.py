"""Result tables of nccl-tests and OSU: excerpts of public reports are read rightly, however they come."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import pytest

from efakit.diagnose.bench.read import Reader
from efakit.diagnose.bench.tables import Table
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
    wrong = sum(bool(row.wrong) for row in table.rows)
    return " ".join([*words, *[f"rowswrong={wrong}"] * bool(wrong and not table.wrong_values)])


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
