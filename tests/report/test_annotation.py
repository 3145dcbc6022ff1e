"""The line for AdminComment: what it says, where it may be written, and which run it is of."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.jobs.records import find_runs
from efakit.jobs.verdict import VERDICTS, judge
from efakit.report.annotation import decide, is_same_run, line_of, recorded
from efakit.report.answer import answer
from tests.jobs import labelled
from tests.jobs.labelled import Maker
from tests.jobs.making import GB, counters, version_2, write

LINE = "efakit: efa, 2 nodes, EFA 2 GB, TCP 20 B"

SACCT = """#!/bin/sh
echo "sacct $*" >> @CALLS@
[ "$1" != --version ] || { echo slurm-wlm @RELEASE@; exit; }
for word; do case $word in --delimiter=*) mark=${word#*=};; esac; done
printf '%s' "7${mark}COMPLETED${mark}n[1-2]${mark}1000${mark}2000${mark}@NAME@${mark}@COMMENT@${mark}
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
    assert decide(line, "efakit: another") == "set"
    assert not set(line) & set("'\"`=\\\n")


@pytest.mark.parametrize(
    ("known", "unread", "told"),
    [
        ({"tx_bytes": GB, "rx_bytes": GB}, (), "4 GB"),
        ({}, ("tx_bytes", "rx_bytes"), "at least 2 GB"),
        ({"rx_bytes": 5}, ("tx_bytes",), "at least 2 GB"),
    ],
)
def test_bytes_of_a_device_that_was_not_read_are_not_left_out_without_a_word(known, unread, told):
    def device(name, known, unread):
        errors = [f"{counter}: Input/output error" for counter in unread]
        return {"name": name, "counters": known, "unknown": list(unread), "errors": errors}

    devices = [device("a", counters(GB, GB), ()), device("b", known, unread)]
    verdict = judge(["n1", "n2"], {node: version_2(node, devices=devices) for node in ("n1", "n2")})
    assert line_of(verdict) == f"efakit: efa, 2 nodes, EFA {told}, TCP 20 B"
    assert answer(verdict) == f"EFA: the 2 nodes exchanged {told} over EFA, and 20 B over TCP."
    assert decide(line_of(verdict), LINE) == "set"


def test_little_of_which_a_part_is_unknown_is_at_most_so_much():
    unknown = {"name": "b", "counters": {"rx_bytes": 5}, "unknown": ["tx_bytes"], "errors": ["tx_bytes: not a number"]}
    verdict = judge(["n1", "n2"], {node: version_2(node, devices=[unknown]) for node in ("n1", "n2")})
    assert line_of(verdict) == "efakit: no-traffic, 2 nodes, EFA at most 10 B, TCP 20 B"
    assert decide(line_of(verdict), LINE) == "set"


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
        ("efakit: tcp-fallback, 4,096 nodes, EFA 0 B, TCP 1.9 TB; node 3 was slow - ana", "foreign"),
        (f"{LINE}\nlooked at it", "foreign"),
        (f"{LINE} ", "foreign"),
        ("efakit: to be looked at", "foreign"),
        ("efakit: tcp-fallback, 1 node, EFA 0 B, TCP 1.9 TB", "set"),
        ("efakit: mixed, 2 nodes, efa 12.5 gb, tcp 999 kb", "set"),
        ("efakit: efa, 10000 nodes, EFA 1.23e+03 PB, TCP at least 5 GB", "set"),
        ("efakit: no-traffic, 2 nodes, EFA 0 B, TCP an unknown amount", "set"),
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
    known = recorded(run, judge(run.node_names, run.records))
    assert is_same_run(known, nodes, started, ended) is same


def sacct(folder: Path, text: str = "", release: str = "26.05.3", name: str = "7") -> str:
    """Return sacct as a script that knows job 7, of which the field that is asked for holds a text."""
    return (
        SACCT.replace("@COMMENT@", text)
        .replace("@NAME@", name)
        .replace("@RELEASE@", release)
        .replace("@CALLS@", f"{folder}/asked")
    )


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
    put("sacct", sacct(tmp_path))
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


@pytest.mark.parametrize("name", ["7_3", "7+0", "6_12"])
def test_a_task_and_a_component_are_named_so_that_sacctmgr_writes_to_no_other_one(commands, tmp_path, name):
    commands("sacct", sacct(tmp_path, name=name))
    assert "1 jobs annotated" in annotate(tmp_path / "records")[1]
    assert f"|jobid={name}|" in (tmp_path / "called").read_text()


@pytest.mark.parametrize("name", ["7_[3-9]", "", "7,8", "7.batch"])
def test_what_is_not_one_job_is_not_written_to(commands, tmp_path, name):
    commands("sacct", sacct(tmp_path, name=name))
    assert "0 jobs annotated" in annotate(tmp_path / "records")[1]
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize(
    ("options", "comment", "told"),
    [
        (("--dry-run",), "", "1 jobs would be annotated"),
        ((), "somebody was here", "1 have a text of somebody else's in AdminComment, which stays"),
        ((), LINE, "1 have their line already"),
    ],
)
def test_nothing_is_written_without_need_or_over_others(commands, tmp_path, options, comment, told):
    commands("sacct", sacct(tmp_path, comment))
    assert told in annotate(tmp_path / "records", *options)[1]
    assert not (tmp_path / "called").exists()


def test_what_somebody_writes_meanwhile_stays(commands, tmp_path):
    theirs = sacct(tmp_path, "somebody was faster").replace("for word;", f"[ -e {tmp_path}/seen ] || exit 1\nfor word;")
    ours = sacct(tmp_path).replace("for word;", f"touch {tmp_path}/seen\nfor word;")
    (tmp_path / "first").write_text(ours)
    (tmp_path / "second").write_text(theirs)
    commands(
        "sacct", f'#!/bin/sh\n[ -e {tmp_path}/seen ] && exec sh {tmp_path}/second "$@"\nexec sh {tmp_path}/first "$@"\n'
    )
    code, text = annotate(tmp_path / "records")
    assert (code, "0 jobs annotated" in text) == (0, True)
    assert "1 have a text of somebody else's" in text
    assert not (tmp_path / "called").exists()


def test_extra_is_read_and_written_where_the_release_has_it(commands, tmp_path):
    for release in ("23.02.0", "26.05.3"):
        commands("sacct", sacct(tmp_path, release=release))
        (tmp_path / "called").unlink(missing_ok=True)
        assert annotate(tmp_path / "records", "--field", "extra")[0] == 0
        assert "|jobid=7|set|Extra=efakit: efa, 2 nodes," in (tmp_path / "called").read_text()
        assert (tmp_path / "asked").read_text().splitlines()[-1].endswith("NodeList,Start,End,JobID,Extra")


@pytest.mark.parametrize("text", ['{"rack": 7}', "my run", "efakit"])
def test_a_user_s_extra_stays(commands, tmp_path, text):
    commands("sacct", sacct(tmp_path, text.replace('"', '\\"')))
    assert (
        "1 have a text of somebody else's in Extra, which stays"
        in annotate(tmp_path / "records", "--field", "Extra")[1]
    )
    assert not (tmp_path / "called").exists()


def test_a_text_of_several_lines_is_somebody_else_s_and_one_text(commands, tmp_path):
    commands("sacct", sacct(tmp_path, "efakit\\n7|COMPLETED|n[1-2]|1000|2000|"))
    assert "1 have a text of somebody else's" in annotate(tmp_path / "records")[1]


@pytest.mark.parametrize("release", ["22.05.8", "22.05.11-1"])
def test_extra_is_refused_by_name_where_slurm_is_older(commands, tmp_path, release):
    commands("sacct", sacct(tmp_path, release=release))
    code, message = annotate(tmp_path / "records", "--field", "Extra")
    assert code == 2
    assert "--field Extra: Slurm 22.05" in message
    assert "came with 23.02: use --field AdminComment" in message
    assert not (tmp_path / "called").exists()


def test_a_release_that_is_not_told_is_no_older_one_and_is_said(commands, tmp_path):
    commands("sacct", sacct(tmp_path, release="of our own"))
    code, message = annotate(tmp_path / "records", "--field", "Extra")
    assert (code, "unexpected form" in message) == (2, True)


def test_folders_that_are_no_job_s_cost_no_job_its_line(commands, tmp_path):
    write(tmp_path / "records", version_2("n1"), version_2("n2"))
    (cluster,) = (tmp_path / "records").iterdir()
    for name in ("9" * 200, "-1", "--format=x", "\u0667", "7 8"):
        (cluster / name).mkdir()
    (cluster / "8").symlink_to(tmp_path / "gone")
    assert "1 jobs annotated" in annotate(tmp_path / "records")[1]


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
    assert "--field" not in lines[0]
    unit = CliRunner().invoke(efakit, [*command, "--annotate", "--field", "extra"]).output
    assert 'records annotate --records "' in unit
    assert " --field Extra\n" in unit
    assert "add --annotate" in str(CliRunner().invoke(efakit, [*command, "--field", "Extra"]).exception)
