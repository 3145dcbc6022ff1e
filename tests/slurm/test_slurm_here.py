"""Who asks Slurm: pyslurm, Slurm's commands, or as the setting says; and what a failure of sbatch's tells."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from efakit.errors import UsageError
from efakit.slurm import SlurmHere, find_job
from efakit.slurm.job import SourceError
from efakit.slurm.partitions import minutes, parse_partitions
from efakit.slurm.submission import BatchScript, NotSubmitted, submit

NODE = (
    "separator=${5#--Format=NodeList:0}; separator=${separator%%,*}\n"
    'for value in n1 "efa*" idle "(null)" none 8 1000 "(null)"; do printf "%s%s" "$value" "$separator"; done; echo'
)


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def strange_pyslurm(bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pyslurm that cannot be loaded."""
    monkeypatch.delitem(sys.modules, "pyslurm")
    package = tmp_path / "site/pyslurm"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('of another Slurm')\n")
    monkeypatch.syspath_prepend(str(package.parent))


def test_where_pyslurm_cannot_the_commands_answer_and_are_named(strange_pyslurm: None, bare_machine: Path):
    program(bare_machine, "sinfo", NODE.replace("$5", "$4").replace("${5#", "${4#"))
    asked = SlurmHere()
    assert asked.name == "pyslurm"
    assert [node.name for node in asked.nodes().nodes] == ["n1"]
    assert asked.name == "commands"


def test_the_setting_forces_one(strange_pyslurm: None, bare_machine: Path, monkeypatch: pytest.MonkeyPatch):
    program(bare_machine, "sinfo", NODE.replace("${5#", "${4#"))
    monkeypatch.setenv("EFAKIT_SLURM", "pyslurm")
    with pytest.raises(SourceError, match="of another Slurm"):
        SlurmHere().nodes()
    assert {attempt.source for attempt in find_job("7").attempts} == {"pyslurm"}
    monkeypatch.setenv("EFAKIT_SLURM", "Commands")
    assert SlurmHere().nodes().default_partition == "efa"
    assert {attempt.source for attempt in find_job("7").attempts} == {"squeue", "sacct"}


def test_a_wrong_setting_is_refused_with_those_that_there_are(bare_machine: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EFAKIT_SLURM", "rest")
    with pytest.raises(UsageError, match="EFAKIT_SLURM=rest: must be one of auto, pyslurm, commands"):
        SlurmHere()


def test_one_that_does_not_answer_in_time_is_the_only_one_that_is_asked(
    strange_pyslurm: None, bare_machine: Path, tmp_path: Path
):
    (tmp_path / "site/pyslurm/__init__.py").write_text("import time\ntime.sleep(60)\n")
    program(bare_machine, "sinfo", f"touch {tmp_path}/asked")
    with pytest.raises(SourceError, match=r"no answer within 0\.5 s"):
        SlurmHere(0.5).nodes()
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize(
    ("said", "sureness"),
    [
        (
            "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
            "not-reached",
        ),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", "unsure"),
        ("sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received", "unsure"),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition combination", "refused"),
        ("", "refused"),
    ],
)
def test_whether_a_failure_leaves_it_open_that_the_job_was_taken(bare_machine: Path, said: str, sureness: str):
    program(bare_machine, "sbatch", f'echo "{said}" >&2; exit 1')
    with pytest.raises(NotSubmitted) as caught:
        submit(BatchScript(text=b"#!/bin/sh\n"), (), 20)
    assert caught.value.sureness == sureness


def test_an_sbatch_that_hangs_leaves_it_open_too(bare_machine: Path):
    program(bare_machine, "sbatch", "exec /bin/sleep 60")
    with pytest.raises(NotSubmitted) as caught:
        submit(BatchScript(text=b"#!/bin/sh\n"), (), 0.3)
    assert caught.value.sureness == "unsure"


def test_the_id_is_found_among_what_plugins_print_and_with_a_cluster_behind_it(bare_machine: Path):
    program(bare_machine, "sbatch", "echo 'site: project charged 3 hours'; echo '42;other'")
    assert submit(BatchScript(text=b"#!/bin/sh\n"), (), 20) == 42


def test_the_job_inherits_the_user_s_environment(bare_machine: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SQUEUE_FORMAT", "%i")
    monkeypatch.setenv("SBATCH_WAIT", "1")
    program(bare_machine, "sbatch", '[ "$SQUEUE_FORMAT" = %i ] && [ -z "$SBATCH_WAIT" ] && echo 42')
    assert submit(BatchScript(text=b"#!/bin/sh\n"), (), 20) == 42


@pytest.mark.parametrize(
    ("printed", "script"),
    [
        (f"Batch Script for 7\\n{'-' * 80}\\n#!/bin/sh\\nexit 3\\n", "#!/bin/sh\nexit 3\n"),
        (f"Batch Script for 7\\n{'-' * 80}\\nNONE\\n", None),
        ("", None),
    ],
)
def test_the_script_of_a_job_that_slurmctld_does_not_have_comes_from_the_accounting(
    bare_machine: Path, printed: str, script: str | None
):
    program(bare_machine, "scontrol", "echo 'Job has already finished for job 7' >&2; exit 1")
    program(bare_machine, "sacct", f"printf '{printed}'")
    assert SlurmHere().batch_script(7) == script


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        ("UNLIMITED", None),
        ("1-00:00:00", 1440),
        ("02:30:00", 150),
        ("30:00", 30),
        ("30:01", 31),
        ("NONE", None),
        ("90", 90),
    ],
)
def test_time_limits_in_minutes(printed: str, number: int | None):
    assert minutes(printed) == number


def test_what_is_no_partition_is_a_failure():
    assert parse_partitions("No partitions in the system\n") == []
    with pytest.raises(SourceError, match="unexpected form"):
        parse_partitions("slurm_load_partitions: strange days=1\n")
