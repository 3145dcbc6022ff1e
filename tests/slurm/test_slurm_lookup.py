"""The order in which Slurm is asked, and what is said when it gives no job.

The programs and the pyslurm that these tests write stand in for real ones, to fail in ways that are hard to bring
about; the real ones are asked in test_slurm_real_commands.py and test_slurm_real_pyslurm.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from efakit.errors import UsageError
from efakit.slurm import SlurmAnswer, find_job

# Each prints job 7, field by field as it is asked.
ROW = """\
for option; do case "$option" in
  --Format=*) fields=${option#--Format=}; separator=${fields##*:0};;
  --format=*) fields=${option#--format=};;
  --delimiter=*) separator=${option#--delimiter=};;
esac; done
IFS=,; for field in $fields; do case ${field%%:*} in
  JobID|JobArrayID|JobIDRaw) value=7;; Name|JobName) value=train;; State) value=STATE;; TimeUsed) value=0:09;;
  ElapsedRaw) value=9;; NodeList) value=n0;; Partition) value=efa;; User|UserName) value=root;;
  RestartCnt|Restarts|NumNodes|NNodes|BatchFlag) value=1;; *) value=;;
esac; printf "%s%s" "$value" "$separator"; done; echo"""
SQUEUE_ROW = ROW.replace("STATE", "RUNNING")
SACCT_ROW = ROW.replace("STATE", "COMPLETED")
SQUEUE_UNKNOWN = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def pyslurm_source(bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pyslurm whose text the test writes."""
    monkeypatch.delitem(sys.modules, "pyslurm")
    package = tmp_path / "site" / "pyslurm"
    package.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(package.parent))
    return package / "__init__.py"


def asked(answer: SlurmAnswer) -> list[tuple[str, str, str]]:
    return [(attempt.source, attempt.daemon, attempt.outcome) for attempt in answer.attempts]


def test_job_id_is_checked_before_anything_is_asked(bare_machine: Path) -> None:
    with pytest.raises(UsageError):
        find_job("12.batch")


def test_machine_without_slurm_says_so(bare_machine: Path) -> None:
    answer = find_job("7")
    assert answer.status == "unavailable"
    assert answer.reason.startswith("Slurm cannot be asked about job 7; squeue, sacct: not found in PATH, ")
    assert asked(answer) == [
        ("pyslurm", "slurmctld", "absent"),
        ("squeue", "slurmctld", "absent"),
        ("pyslurm", "slurmdbd", "absent"),
        ("sacct", "slurmdbd", "absent"),
    ]


def test_configuration_that_is_not_there_is_told_at_once(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CONF", "/nowhere")
    program(bare_machine, "squeue", "exec /bin/sleep 60")
    answer = find_job("7")
    assert answer.status == "unavailable"
    assert answer.reason == "Slurm cannot be asked about job 7; SLURM_CONF names /nowhere, which is not there"


def test_job_that_slurmctld_knows_is_not_asked_of_the_accounting(bare_machine: Path) -> None:
    program(bare_machine, "squeue", SQUEUE_ROW)
    program(bare_machine, "sacct", SACCT_ROW)
    answer = find_job("7")
    assert answer.job is not None
    assert (answer.job.source, answer.job.state, answer.reason) == ("squeue", "RUNNING", "")


def test_job_that_slurmctld_forgot_comes_from_the_accounting(bare_machine: Path) -> None:
    program(bare_machine, "squeue", SQUEUE_UNKNOWN)
    program(bare_machine, "sacct", SACCT_ROW)
    answer = find_job("7")
    assert answer.job is not None
    assert (answer.job.source, answer.job.state, answer.job.elapsed_seconds) == ("sacct", "COMPLETED", 9)


def test_job_that_nobody_knows(bare_machine: Path) -> None:
    program(bare_machine, "squeue", SQUEUE_UNKNOWN)
    program(bare_machine, "sacct", "exit 0")
    answer = find_job("7")
    assert answer.status == "unknown"
    assert answer.reason == "Slurm does not know job 7 (any more), or does not show it to this user"


def test_cluster_without_accounting_says_so_beside_the_unknown_job(bare_machine: Path) -> None:
    program(bare_machine, "squeue", SQUEUE_UNKNOWN)
    program(bare_machine, "sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    answer = find_job("7")
    assert answer.status == "unknown"
    assert answer.reason.endswith("; sacct: Slurm accounting storage is disabled")


def test_pyslurm_that_ends_its_process_does_not_end_ours(bare_machine: Path, pyslurm_source: Path) -> None:
    pyslurm_source.write_text(
        "import os, sys\n"
        "sys.stderr.write('python: fatal: Unable to process configuration file\\n'); sys.stderr.flush()\n"
        "os._exit(1)\n"
    )
    program(bare_machine, "squeue", SQUEUE_ROW)
    answer = find_job("7")
    assert answer.job is not None
    assert asked(answer) == [("pyslurm", "slurmctld", "failed"), ("squeue", "slurmctld", "found")]
    assert answer.attempts[0].detail == "Unable to process configuration file"


def test_pyslurm_of_another_slurm_is_passed_over(bare_machine: Path, pyslurm_source: Path) -> None:
    pyslurm_source.write_text("raise ImportError('libslurmfull.so: cannot open shared object file')\n")
    program(bare_machine, "squeue", SQUEUE_ROW)
    answer = find_job("7")
    assert answer.job is not None
    assert answer.attempts[0].detail == "libslurmfull.so: cannot open shared object file"


def test_pyslurm_is_not_loaded_into_this_process(bare_machine: Path, pyslurm_source: Path) -> None:
    pyslurm_source.write_text("raise ImportError('no')\n")
    find_job("7")
    assert "pyslurm" not in sys.modules


@pytest.mark.thorough
def test_slurmctld_that_hangs_costs_one_timeout_not_two(bare_machine: Path, pyslurm_source: Path) -> None:
    pyslurm_source.write_text("import time\ntime.sleep(60)\n")
    program(bare_machine, "squeue", SQUEUE_ROW)
    answer = find_job("7", timeout_seconds=0.5)
    assert answer.status == "unavailable"
    assert asked(answer) == [("pyslurm", "slurmctld", "failed"), ("pyslurm", "slurmdbd", "failed")]
    assert answer.reason == "Slurm cannot be asked about job 7; pyslurm: no answer within 0.5 s"


def test_folder_where_the_user_stands_is_not_searched_for_modules(
    bare_machine: Path, pyslurm_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyslurm_source.write_text("raise ImportError('the installed one')\n")
    trap = tmp_path / "home"
    trap.mkdir()
    (trap / "json.py").write_text("raise SystemExit('the trap')\n")
    (trap / "pyslurm.py").write_text("raise ImportError('the trap')\n")
    monkeypatch.chdir(trap)
    assert find_job("7").attempts[0].detail == "the installed one"
