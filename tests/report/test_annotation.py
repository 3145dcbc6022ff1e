"""The line for AdminComment: what it says, where it may be written, and which run it is of."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.jobs.records import find_runs
from efakit.jobs.verdict import VERDICTS, judge
from efakit.report.annotation import decide, is_same_run, line_of
from tests.jobs import labelled
from tests.jobs.labelled import Maker
from tests.jobs.making import version_2, write

LINE = "efakit: efa, 2 nodes, EFA 2 GB, TCP 20 B"

SACCT = """#!/bin/sh
for word; do case $word in --delimiter=*) mark=${word#*=};; esac; done
printf '%s' "7${mark}COMPLETED${mark}n[1-2]${mark}1000${mark}2000${mark}@COMMENT@${mark}
"
"""


@pytest.mark.parametrize("kind", ["healthy", "fallback", "one_fell_back", "lost"])
def test_a_line_is_short_plain_and_begins_with_its_prefix(kind):
    job = getattr(labelled, kind)(Maker(1, nodes=4, driver="2.17.3", instance="p5.48xlarge"))
    line = line_of(judge(job.nodes, job.records))
    assert line.startswith("efakit: ")
    assert line.split(",")[0].removeprefix("efakit: ") in VERDICTS
    assert len(line) < 100
    assert line.isascii()
    assert not set(line) & set("'\"`=\\\n")


@pytest.mark.parametrize(
    ("comment", "what"),
    [
        ("", "set"),
        ("  ", "set"),
        ("efakit: incomplete, 2 nodes", "set"),
        (LINE, "same"),
        (LINE.lower(), "same"),
        ("JS1:H4sIAAAA", "foreign"),
        ("looked at it: efakit: efa", "foreign"),
        ("Efakit: by hand", "foreign"),
        ("efakit:", "foreign"),
    ],
)
def test_only_empty_fields_and_own_lines_are_written(comment, what):
    assert decide(comment, LINE) == what


@pytest.mark.parametrize(
    ("nodes", "started", "ended", "same"),
    [
        ("n[1-2]", 1000, 2000, True),
        ("n[1-4]", 900, 2100, True),  # a job that shrank
        ("n1", 1000, 2000, False),
        ("n[3-4]", 1000, 2000, False),
        (None, 1000, 2000, False),  # the latest run never started
        ("n[1-", 1000, 2000, False),
        ("n[1-2]", 2000, 3000, False),  # a requeue
        ("n[1-2]", 0, 900, False),
        ("n[1-2]", None, 2000, False),
        ("n[1-2]", 1000, None, False),
    ],
)
def test_accounting_s_row_must_be_of_the_same_run(nodes, started, ended, same, tmp_path):
    write(tmp_path, version_2("n1"), version_2("n2"))
    (run,) = find_runs(tmp_path, 7)
    assert is_same_run(run, nodes, started, ended) is same


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Slurm's commands as scripts, which write down what they were called with; the job ended long ago."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def put(name: str, text: str) -> None:
        path = folder / name
        path.write_text(text)
        path.chmod(0o755)

    put("scontrol", "#!/bin/sh\necho 'ClusterName             = lab'\n")
    put("sacct", SACCT.replace("@COMMENT@", ""))
    put("sacctmgr", f'#!/bin/sh\nprintf "%s|" "$@" >> {tmp_path}/called\n')
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("EFAKIT_SLURM", "commands")
    monkeypatch.delenv("SLURM_CONF", raising=False)
    return put


def annotate(records: Path, *options: str) -> tuple[int, str]:
    write(records, version_2("n1"), version_2("n2"))
    arguments = ["records", "annotate", "--records", str(records), "--since", "999999w", *options]
    done = CliRunner().invoke(efakit, arguments, standalone_mode=False)
    return (2, str(done.exception)) if done.exception else (0, done.output)


def test_the_comment_goes_to_this_cluster_s_job_by_sacctmgr(commands, tmp_path):
    code, text = annotate(tmp_path / "records")
    assert (code, "1 jobs annotated, 0 have their line already" in text) == (0, True)
    called = (tmp_path / "called").read_text()
    assert called.startswith("-i|modify|job|where|cluster=lab|jobid=7|set|AdminComment=efakit: efa, 2 nodes,")


@pytest.mark.parametrize(
    ("options", "comment", "told"),
    [
        (("--dry-run",), "", "1 jobs would be annotated"),
        ((), "somebody was here", "1 have a comment of somebody else's, which stays"),
        ((), LINE, "1 have their line already"),
    ],
)
def test_nothing_is_written_without_need_or_over_others(commands, tmp_path, options, comment, told):
    commands("sacct", SACCT.replace("@COMMENT@", comment))
    assert told in annotate(tmp_path / "records", *options)[1]
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize(
    ("name", "script", "told"),
    [
        ("sacct", "#!/bin/sh\necho 'Slurm accounting storage is disabled' >&2; exit 1\n", "storage is disabled"),
        ("scontrol", "#!/bin/sh\necho 'Unable to contact slurm controller' >&2; exit 1\n", "Unable to contact"),
        ("sacctmgr", "#!/bin/sh\necho 'you have no privilege' >&2; exit 1\n", "run this as root"),
    ],
)
def test_what_slurm_refuses_is_said(commands, tmp_path, name, script, told):
    commands(name, script)
    code, message = annotate(tmp_path / "records")
    assert (code, told in message) == (2, True)


def test_a_job_that_ended_just_now_waits_for_other_tools(commands, tmp_path):
    assert "0 jobs annotated" in annotate(tmp_path / "records", "--after", "999999w")[1]
    assert not (tmp_path / "called").exists()


def test_the_timer_annotates_only_where_it_is_told_to(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/efakit"])
    (tmp_path / "records").mkdir()
    command = ["records", "timer", "--records", str(tmp_path / "records")]
    assert "records annotate" not in CliRunner().invoke(efakit, command).output
    unit = CliRunner().invoke(efakit, [*command, "--annotate"]).output
    lines = [line for line in unit.splitlines() if line.startswith("ExecStart")]
    assert [line.split()[2] for line in lines] == ["annotate", "compact"]
    assert lines[0].startswith('ExecStart=-"/usr/bin/efakit"')
