"""``efakit diagnose``: files, folders, standard input, gzip; exit codes; JSON; what a terminal must not obey."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from efakit.cli.main import efakit
from efakit.diagnose import pipes, search
from efakit.errors import UsageError
from tests.emit.denied import without_privilege

OOM = "srun: error: gpu-1: tasks 1-3: Out Of Memory\n"
FINE = "step 1 loss 2.3\n"


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(efakit, ["diagnose", *map(str, arguments)], input=stdin, catch_exceptions=False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "slurm-1.out"
    path.write_text(FINE + OOM)
    return path


def test_an_error_ends_with_1_and_says_where_what_why_and_what_to_do(log):
    done = run(log)
    assert done.exit_code == 1
    assert f"first to fail: task 1 on gpu-1, at {log}:2, log-slurm-task-memory" in done.output
    assert f"{log}:2: error log-slurm-task-memory: Slurm: a task was killed because the memory was full" in done.output
    assert "fix: request more" in done.output
    assert done.output.endswith("1 file: 1 error, 0 warnings, 0 info\n")


def test_of_a_healthy_log_there_is_nothing_to_say(tmp_path):
    path = tmp_path / "a.log"
    path.write_text(FINE * 1000)
    done = run(path)
    assert (done.exit_code, done.output) == (0, "1 file: nothing found\n")


@pytest.mark.parametrize(("fail_on", "code"), [("error", 0), ("warning", 1), ("info", 1)])
def test_fail_on_names_the_severity(tmp_path, fail_on, code):
    path = tmp_path / "dmesg"
    path.write_text("[ 1.0] infiniband efa_0: Failed to process command CREATE_AH (opcode 14) comp_status 1 err -22\n")
    assert run(path, "--fail-on", fail_on).exit_code == code


def test_json_holds_findings_network_and_the_first_failure(log):
    done = run(log, "--format", "json")
    data = json.loads(done.output)
    (finding,) = data["findings"]
    assert (finding["file"], finding["line"], finding["severity"]) == (str(log), 2, "error")
    assert (finding["cause_is_sure"], finding["follows"], finding["lines"], finding["ranks"]) == (True, False, 1, "1")
    assert data["first_failure"]["rule"] == finding["rule"] == "log-slurm-task-memory"
    assert (data["network"], data["files"]) == ([], [{"file": str(log), "lines": 2, "damage": None}])


def test_standard_input_is_a_log(log):
    assert "<stdin>:2" in run("-", stdin=log.read_bytes()).output
    assert "<stdin>:2" in run("-", stdin=gzip.compress(log.read_bytes())).output


def test_a_folder_is_searched_for_logs_alone(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/slurm-2_7.out.gz").write_bytes(gzip.compress(OOM.encode()))
    (tmp_path / "rank0.log.1").write_text(FINE)
    (tmp_path / "model.pt").write_bytes(OOM.encode())
    data = json.loads(run(tmp_path, "--format", "json").output)
    assert [Path(item["file"]).name for item in data["files"]] == ["slurm-2_7.out.gz", "rank0.log.1"]
    assert [item["rule"] for item in data["findings"]] == ["log-slurm-task-memory"]


def test_a_folder_without_logs_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no log in this folder"):
        CliRunner().invoke(efakit, ["diagnose", str(tmp_path)], catch_exceptions=False, standalone_mode=False)


def test_a_log_that_cannot_be_read_does_not_hide_the_others(log, tmp_path):
    done = run(log, tmp_path / "none.log")
    assert done.exit_code == 2
    assert "log-slurm-task-memory" in done.stdout
    assert "none.log: cannot be read: No such file or directory" in done.stderr
    data = json.loads(run(log, tmp_path / "none.log", "--format", "json").stdout)
    assert [item["rule"] for item in data["findings"]] == ["log-slurm-task-memory", "input-unusable"]


def test_a_gzip_that_breaks_off_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress((OOM + "".join(f"{n * n}\n" for n in range(100_000))).encode())[:-500])
    done = run(path)
    assert done.exit_code == 1
    assert "gzip breaks off" in done.stderr


PACKED = {
    "xz": lzma.compress(OOM.encode()),
    "bzip2": bz2.compress(OOM.encode()),
    "zstd": b"\x28\xb5\x2f\xfd" + OOM.encode(),
    "lz4": b"\x04\x22\x4d\x18" + OOM.encode(),
    "zip": b"PK\x03\x04" + OOM.encode(),
    "UTF-16": OOM.encode("utf-16"),
}


@pytest.mark.parametrize("form", PACKED)
def test_a_log_that_is_packed_or_encoded_otherwise_is_not_a_log_without_findings(tmp_path, form):
    (tmp_path / "slurm-1.out").write_bytes(PACKED[form])
    with pytest.raises(UsageError, match=f"cannot be read: .*{form}"):
        CliRunner().invoke(efakit, ["diagnose", str(tmp_path)], catch_exceptions=False, standalone_mode=False)


def test_an_empty_log_is_called_empty(tmp_path):
    (tmp_path / "a.log").touch()
    done = run(tmp_path / "a.log")
    assert done.exit_code == 0
    assert f"{tmp_path}/a.log: the file is empty" in done.stderr


def test_where_not_all_was_read_neither_nothing_nor_the_first_failure_is_the_last_word(log, tmp_path):
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(FINE.encode() * 9)[:-9])
    assert run(tmp_path / "b.log.gz").stdout == "1 file: nothing found in what could be read\n"
    done = run(log, tmp_path / "b.log.gz")
    assert "(not all logs could be read: another may have failed before)" in done.stdout
    data = json.loads(run(log, tmp_path / "none.log", "--format", "json").stdout)
    assert data["first_failure"]["order_known"] is False
    assert json.loads(run(log, "--format", "json").stdout)["first_failure"]["order_known"] is True


def test_what_may_not_be_read_is_told_and_hides_no_other_log(log, tmp_path):
    (tmp_path / "logs/closed").mkdir(parents=True)
    (tmp_path / "logs/closed/a.out").write_text(OOM)
    (tmp_path / "logs/b.out").write_text(FINE)
    (tmp_path / "logs/c.out").write_text(OOM)
    (tmp_path / "logs/c.out").chmod(0)
    (tmp_path / "logs/closed").chmod(0)
    efakit_ = [sys.executable, "-c", "from efakit.cli.main import efakit; efakit()", "diagnose"]
    for logs in (["logs"], [log, "logs/closed/a.out"], [log, "logs/closed"]):
        argv = without_privilege([*efakit_, *map(str, logs)])
        done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 2
        assert "logs/closed" in done.stderr
        assert "Permission denied" in done.stderr
        assert ("logs/c.out: cannot be read" in done.stderr) == (logs == ["logs"])
        assert ("log-slurm-task-memory" in done.stdout) == (logs != ["logs"])
    (tmp_path / "logs/closed").chmod(0o755)


def test_a_terminal_obeys_nothing_that_a_log_holds(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"NCCL WARN Cuda failure '\x1b]0;owned\x07\x1b[2J\xe2\x80\xaeevil\x9b'\n")
    done = run(path)
    assert "log-nccl-cuda-failure" in done.output
    assert done.output.replace("\n", "").isprintable()


def test_without_re2_the_same_is_found_and_for_large_files_it_is_said(log, monkeypatch, tmp_path):
    answer = run(log).output
    monkeypatch.setitem(sys.modules, "re2", None)
    search._compiled.cache_clear()
    assert run(log).output == answer
    monkeypatch.setattr("efakit.cli.diagnose._SLOW_BYTES", 10)
    assert "pip install 'efakit[logs]'" in run(log).stderr
    search._compiled.cache_clear()


def test_each_finding_s_rule_is_explained(log):
    done = CliRunner().invoke(efakit, ["explain", "--rule", "log-slurm-task-memory"])
    assert "in logs of jobs and nodes, by efakit diagnose" in done.output
    assert "Evidence, the line: code: " in done.output


def test_the_lines_of_a_log_are_counted_as_an_editor_does(tmp_path):
    path = tmp_path / "a.log"
    # More than one block, long lines, carriage returns within a line, no newline at the end.
    lines = [FINE.strip() * 1000] * 300 + ["10%\r20%\r30%"] * 5 + ["x" * 3_000_000] + [OOM.strip()]
    path.write_text("\n".join(lines))
    data = json.loads(run(path, "--format", "json").output)
    assert data["findings"][0]["line"] == len(lines) == data["files"][0]["lines"]


def test_a_pipe_that_nobody_writes_to_is_refused_and_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(pipes, "SECONDS_FOR_A_WRITER", 0.05)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match=r"pipe: is a pipe that nobody writes to: start its writer first"):
        CliRunner().invoke(efakit, ["diagnose", str(tmp_path / "pipe")], catch_exceptions=False, standalone_mode=False)


def test_a_pipe_with_a_writer_is_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(pipes, "SECONDS_FOR_A_WRITER", 60.0)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("a\n" * 100_000,))
    writer.start()
    done = run("--format", "json", pipe)
    writer.join()
    assert json.loads(done.stdout)["files"] == [{"file": str(pipe), "lines": 100_000, "damage": None}]


def test_a_writer_that_says_nothing_yet_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(pipes, "SECONDS_FOR_A_WRITER", 0.0)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    other = os.open(pipe, os.O_RDWR)
    with pipes.opened(pipe) as reader:
        assert os.get_blocking(reader.fileno())
        os.write(other, b"late\n")
        os.close(other)
        assert reader.read() == b"late\n"


@pytest.mark.parametrize("text", [b"", b"a\nb\n"])
def test_what_a_shell_puts_in_place_of_a_command_is_read_although_the_command_has_ended(text):
    source, sink = os.pipe()
    os.write(sink, text)
    os.close(sink)
    done = run("--format", "json", f"/dev/fd/{source}")
    os.close(source)
    assert json.loads(done.stdout)["files"][0]["lines"] == text.count(b"\n")
