"""The report says for people what it says for programs, and refuses bad input clearly."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.cli.report import _facts
from efakit.errors import EfakitError
from efakit.jobs.records import JobRun
from efakit.jobs.verdict import judge
from efakit.report.job import JobReport, SlurmFacts, as_data
from efakit.report.text import print_report
from efakit.slurm.job import SlurmAnswer, SlurmJob
from tests.jobs import making as records_making
from tests.jobs.making import version_2

GB = 10**9


def record(node: str, **changes: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "cluster": "lab",
        "job_id": 7,
        "restart_count": 0,
        "sluid": None,
        "node": node,
        "node_list": "gpu-st-p5-[1-2]",
        "began_at": 1.0,
        "ended_at": 2.0,
        "baseline": "ok",
        "resets": [],
        "shared_with": [],
        "findings": [],
        "devices_expected": 32,
        "devices_found": 31,
        "devices": [{"name": "rdmap79s0", "counters": {"tx_bytes": GB, "rx_bytes": GB}, "errors": []}],
        "interfaces": [{"name": "eth0", "counters": {"tx_bytes": 10, "rx_bytes": 20}, "errors": []}],
        **changes,
    }


@pytest.fixture(autouse=True)
def no_slurm(monkeypatch, tmp_path):
    """No Slurm is asked here; the lab's tests ask a real one."""
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "none.conf"))


@pytest.fixture
def records(tmp_path) -> Path:
    folder = tmp_path / "records"
    for node in ("gpu-st-p5-1", "gpu-st-p5-2"):
        write(folder, record(node))
    return folder


def write(folder: Path, content: dict[str, Any], run: str = "r0") -> Path:
    path = folder / content["cluster"] / str(content["job_id"]) / f"{content['node']}.{run}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def report(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(efakit, ["report", *map(str, arguments)], standalone_mode=False)
    if isinstance(done.exception, EfakitError):
        return done.exception.exit_code, done.output, str(done.exception)
    assert done.exception is None, done.exc_info
    return done.return_value or 0, done.output, ""


def unwrapped(text: str) -> str:
    """Return a text with each run of blanks and line breaks as one blank."""
    return " ".join(text.split())


def test_json_has_its_fixed_fields(records):
    _, output, _ = report(7, "--records", records, "--format", "json")
    data = json.loads(output)
    assert (data["job_id"], data["verdict"]) == (7, "efa")
    sums = ("efa_tx_bytes", "efa_rx_bytes", "tcp_tx_bytes", "tcp_rx_bytes")
    assert [data[name] for name in sums] == [2 * GB, 2 * GB, 20, 40]
    node = data["nodes"][0]
    assert (node["node"], node["verdict"]) == ("gpu-st-p5-1", "efa")
    assert (node["devices_expected"], node["devices_found"]) == (32, 31)
    assert [node[name] for name in sums] == [GB, GB, 10, 20]
    assert "devices" not in node
    data = json.loads(report(7, "--records", records, "--format", "json", "--devices")[1])
    assert data["nodes"][0]["devices"] == [{"name": "rdmap79s0", "counters": {"tx_bytes": GB, "rx_bytes": GB}}]


def test_text_says_the_same(records):
    _, output, _ = report(7, "--records", records)
    assert "Job 7: efa" in output
    assert "gpu-st-p5-[1-2]: efa, 31 of 32 devices" in output
    assert "name and state unknown" in unwrapped(output)


def test_a_node_of_the_job_without_record_is_named(records):
    (records / "lab/7/gpu-st-p5-2.r0.json").unlink()
    _, output, _ = report(7, "--records", records)
    assert "incomplete" in output
    assert "gpu-st-p5-2: no record" in output


def test_runs_and_clusters_do_not_mix(records):
    for node in ("gpu-st-p5-1", "gpu-st-p5-2"):
        write(records, record(node, restart_count=1, ended_at=9.0), "r1")
    _, output, _ = report(7, "--records", records, "--format", "json")
    assert (json.loads(output)["run"], json.loads(output)["other_runs"]) == ("r1", ["r0"])
    assert json.loads(report(7, "--records", records, "--run", "r0", "--format", "json")[1])["run"] == "r0"
    write(records, record("a", cluster="other", node_list="a"))
    code, _, message = report(7, "--records", records)
    assert (code, "lab, other" in message) == (2, True)
    assert (
        json.loads(report(7, "--records", records, "--cluster", "other", "--format", "json")[1])["cluster"] == "other"
    )


def test_two_jobs_of_one_id_with_other_nodes_do_not_mix(records):
    """A cluster whose job ids began anew."""
    write(records, record("gpu-st-p5-9", node_list="gpu-st-p5-[8-9]", began_at=0.2, ended_at=0.5))
    data = json.loads(report(7, "--records", records, "--format", "json")[1])
    assert [node["node"] for node in data["nodes"]] == ["gpu-st-p5-1", "gpu-st-p5-2"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["8"], "no record of job 8"),
        (["seven"], "give a number"),
        (["-1"], "No such option"),
        (["7_"], "give a number"),
        (["7", "--run", "r5"], "no run 'r5' (runs: r0)"),
        (["7", "--cluster", "nope"], "clusters: lab"),
        (["7", "--fail-on", "slow"], "'slow' is not a verdict"),
    ],
)
def test_bad_input_is_refused(records, arguments, words):
    done = CliRunner().invoke(efakit, ["report", *arguments, "--records", str(records)], standalone_mode=False)
    assert getattr(done.exception, "exit_code", None) == 2
    assert words in str(done.exception)


def test_fail_on_gives_exit_code_1(records):
    assert report(7, "--records", records, "--fail-on", "tcp-fallback")[0] == 0
    assert report(7, "--records", records, "--fail-on", "mixed,efa")[0] == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a record"),
        ('{"schema_version": 99}', "install a newer efakit"),
        ('{"schema_version": 1}', "is damaged"),
    ],
)
def test_a_record_that_cannot_be_used_makes_its_node_incomplete(records, content, words):
    (records / "lab/7/gpu-st-p5-2.r0.json").write_text(content)
    data = json.loads(report(7, "--records", records, "--format", "json")[1])
    assert (data["verdict"], data["efa_tx_bytes"]) == ("incomplete", None)
    assert words in data["nodes"][1]["notes"][0]


def test_a_job_whose_records_are_all_damaged_is_an_error_that_names_one(records):
    for path in records.glob("lab/7/*"):
        path.write_text("{")
    code, _, message = report(7, "--records", records)
    assert (code, "gpu-st-p5-1.r0.json" in message) == (2, True)


def test_a_missing_records_folder_is_named(tmp_path):
    assert "no such folder" in report(7, "--records", tmp_path / "none")[2]


def test_names_with_markup_are_shown_as_they_are():
    run = JobRun("lab", 7, "r0", {}, ("n1", "n2"), 0.0)
    found = JobReport(run, judge(run.node_names, {}), SlurmFacts(name="[red]x[/red]\x1b[2J", state="COMPLETED"))
    out = io.StringIO()
    print_report(found, out)
    assert "Job 7 [red]x[/red]?[2J: incomplete" in out.getvalue()
    assert as_data(found)["nodes"][0]["efa_tx_bytes"] is None


@pytest.mark.parametrize(
    ("recorded", "sluid", "own"), [(1, None, True), (0, None, False), (1, "s1", True), (0, "s0", False)]
)
def test_slurm_s_answer_is_about_the_latest_run_only(recorded, sluid, own):
    job = SlurmJob(7, "train", "COMPLETED", 60, "n1", 1, "gpu", "me", None, "squeue")
    run = JobRun("lab", 7, sluid or f"r{recorded}", {"n1": {"restart_count": recorded, "sluid": sluid}}, ("n1",), 0.0)
    facts = _facts(SlurmAnswer(job, ()), run)
    assert (facts.state == "COMPLETED", "not this run" in (facts.note or "")) == (own, not own)


def slurm_says(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Let Slurm answer for job 7."""
    known = {
        "job_id": 7,
        "name": "train",
        "state": "COMPLETED",
        "elapsed_seconds": 60,
        "node_list": "gpu-st-p5-[1-2]",
        "restart_count": 0,
        "partition": "gpu",
        "user": "me",
        "array": None,
        "source": "squeue",
    }
    monkeypatch.setattr("efakit.cli.report.find_job", lambda _, **__: SlurmAnswer(SlurmJob(**{**known, **changes}), ()))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"node_list": "gpu-st-p5-[8-9]"}, "run r0 was on other nodes (gpu-st-p5-1, gpu-st-p5-2)"),
        ({"state": "RUNNING"}, "run r0 ended before this job began"),
    ],
)
def test_the_records_of_an_earlier_job_of_this_id_are_not_the_report_of_the_one_that_slurm_knows(
    records, monkeypatch, changes, words
):
    slurm_says(monkeypatch, **changes)
    data = json.loads(report(7, "--records", records, "--format", "json")[1])
    assert (data["verdict"], data["run"], data["other_runs"]) == ("incomplete", "", ["r0"])
    assert {note for node in data["nodes"] for note in node["notes"]} == {"no record"}
    assert data["notes"] == [f"no record of the job that Slurm shows: {words}"]
    assert words in unwrapped(report(7, "--records", records)[1])
    chosen = json.loads(report(7, "--records", records, "--format", "json", "--run", "r0")[1])
    assert (chosen["verdict"], chosen["name"]) == ("efa", None)
    assert words in unwrapped(report(7, "--records", records, "--run", "r0")[1])


def test_the_run_of_the_restart_that_slurm_knows_is_taken_whatever_the_clocks_say(records, monkeypatch):
    for node in ("gpu-st-p5-1", "gpu-st-p5-2"):
        write(records, record(node, restart_count=1, began_at=0.1, ended_at=0.9), "r1")
    assert json.loads(report(7, "--records", records, "--format", "json")[1])["run"] == "r0"
    slurm_says(monkeypatch, restart_count=1)
    data = json.loads(report(7, "--records", records, "--format", "json")[1])
    assert (data["run"], data["other_runs"], data["state"]) == ("r1", ["r0"], "COMPLETED")


def test_a_requeued_job_that_runs_on_other_nodes_is_still_the_one_of_its_earlier_runs(records, monkeypatch):
    slurm_says(monkeypatch, restart_count=1, state="RUNNING", node_list="gpu-st-p5-9")
    text = unwrapped(report(7, "--records", records)[1])
    assert "Job 7 train: efa" in text
    assert "Slurm knows the job's restart 1 (running), not this run" in text


@pytest.mark.parametrize("node_list", ["n[0-9999999]", "@all", "\x1b[2J", "None assigned"])
def test_a_node_list_of_slurm_s_that_cannot_be_read_does_no_harm(records, monkeypatch, node_list):
    slurm_says(monkeypatch, node_list=node_list, name="\x1b[2J[red]")
    code, text, _ = report(7, "--records", records)
    assert (code, "Job 7 ?[2J[red]: efa" in text, "\x1b" in text) == (0, True, False)
    assert "no record of job 7" in report(7, "--records", records, "--cluster", "none")[2]


def test_a_run_in_doubt_is_incomplete_and_says_why(records):
    write(records, record("gpu-st-p5-1", user="you", user_id=2), "r0.0123456789abcdef")
    write(records, record("gpu-st-p5-2", user="me", user_id=1))
    code, text, _ = report(7, "--records", records, "--fail-on", "incomplete")
    assert code == 1
    assert "Job 7: incomplete" in text
    assert "  in doubt: its records name several users: 1, 2" in text
    data = json.loads(report(7, "--records", records, "--format", "json")[1])
    assert "its records name several users: 1, 2" in data["doubts"]
    assert [node["verdict"] for node in data["nodes"]] == ["efa", "efa"]


def test_other_runs_are_listed_newest_first_and_each_is_found_by_its_name_and_its_start(records):
    for count in (1, 2):
        for node in ("gpu-st-p5-1", "gpu-st-p5-2"):
            write(records, record(node, restart_count=count, started_at=100 * count, ended_at=900.0), f"r{count}")
    data = json.loads(report(7, "--records", records, "--format", "json")[1])
    assert (data["run"], data["run_key"], data["other_runs"]) == ("r2", "t200", ["r1", "r0"])
    # Why Slurm was not asked stands before it, and decides where the line is wrapped.
    assert "run r2 (other runs: r1, r0)" in " ".join(report(7, "--records", records)[1].split())
    for name in ("r1", "t100"):
        assert json.loads(report(7, "--records", records, "--run", name, "--format", "json")[1])["run"] == "r1"


def test_a_name_that_several_runs_have_is_refused_with_their_own_names(records):
    for node in ("gpu-st-p5-1", "gpu-st-p5-2"):
        write(records, record(node, sluid="s0", began_at=90_000.0, ended_at=90_001.0), "s0")
    data = json.loads(report(7, "--records", records, "--format", "json")[1])
    assert data["other_runs"] == ["r0@1970-01-01T00:00:01Z"]
    code, _, message = report(7, "--records", records, "--run", "r0")
    assert (code, "(runs: r0@1970-01-02T01:00:00Z, r0@1970-01-01T00:00:01Z)" in message) == (2, True)
    assert json.loads(report(7, "--records", records, "--run", "s0", "--format", "json")[1])["run_key"] == "s0"


@pytest.mark.parametrize("job_id", [10, 11])
def test_a_heterogeneous_job_is_one_report(tmp_path, job_id):
    for job, node in ((10, "n1"), (11, "n2")):
        lists = {"node_list": node, "node_list_at_end": node}
        records_making.write(tmp_path, version_2(node, job_id=job, het_job_id=10, **lists))
    data = json.loads(report(job_id, "--records", tmp_path, "--format", "json")[1])
    assert (data["job_id"], data["verdict"], data["components"]) == (10, "efa", ["10+0", "10+1"])
    assert [node["node"] for node in data["nodes"]] == ["n1", "n2"]
    assert any(note.startswith("10+1 is the last component with a record") for note in data["notes"])
    assert "heterogeneous job 10+0, 10+1" in report(job_id, "--records", tmp_path)[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is not JSON"),
        (b"[" * 10**5, "nested deeper"),
        (b"[]", "has no records_dir"),
        (b"{}", "has no records_dir"),
        (b'{"records_dir": null}', "no hook is installed here"),
        (b'{"records_dir": "a\\u0000b"}', "no hook is installed here"),
        (None, "no hook is installed here"),
    ],
)
def test_settings_of_the_hook_that_name_no_folder_are_told(tmp_path, monkeypatch, content, words):
    monkeypatch.setattr("efakit.cli.records_dir._SLURM_ETC", str(tmp_path / "none"))
    if content is not None:
        (tmp_path / "efakit").mkdir()
        (tmp_path / "efakit/hook.json").write_bytes(content)
    code, _, message = report(7)
    assert (code, words in message) == (2, True)


@pytest.mark.thorough
def test_a_list_of_very_many_nodes_is_folded_and_all_are_listed_where_asked_for(tmp_path):
    many = "n[1-20000]"
    for node in ("n7", "n19999"):
        write(tmp_path, record(node, node_list=many, node_list_at_end=many))
    status, out, _ = report(7, "--records", tmp_path)
    assert status == 0
    assert "  n[1-6,8-19998,20000]: incomplete, - devices" in out
    assert len(out.splitlines()) < 25
    listed = report(7, "--records", tmp_path, "--nodes")[1].splitlines()
    assert sum(line.startswith("n") and " incomplete " in line for line in listed) == 19998
    assert len(json.loads(report(7, "--records", tmp_path, "--format", "json")[1])["nodes"]) == 20000


def test_what_slurm_says_of_the_job_is_in_text_and_data(records, monkeypatch):
    slurm_says(
        monkeypatch,
        state="FAILED",
        account="research",
        exit_code="3:0",
        reason="NonZeroExitCode",
        node_count=2,
        script="/home/me/train.sbatch --fast",
        output_file="/fsx/train-7.out",
    )
    text = unwrapped(report(7, "--records", records)[1])
    assert "user me, account research, partition gpu, exit code 3, reason its script ended with another exit" in text
    assert "script /home/me/train.sbatch --fast output /fsx/train-7.out " in text
    data = json.loads(report(7, "--records", records, "--format", "json")[1])
    names = ("user", "account", "partition", "exit_code", "state_reason", "node_count", "output_file", "told_by")
    assert [data[name] for name in names] == [
        "me",
        "research",
        "gpu",
        "3:0",
        "NonZeroExitCode",
        2,
        "/fsx/train-7.out",
        "squeue",
    ]
    assert data["script"] == "/home/me/train.sbatch --fast"


def test_a_job_that_waits_says_why_in_place_of_its_report(records, monkeypatch):
    slurm_says(monkeypatch, job_id=8, state="PENDING", reason="Resources", node_list="")
    code, _, told = report(8, "--records", records)
    assert code == 2
    assert "Slurm says it is pending (the nodes that it needs are in use (Resources)), and records appear" in told


@pytest.mark.parametrize(
    ("line", "script"),
    [
        ("sbatch -N 2 --exclusive train.sbatch --fast", "/home/me/train.sbatch"),
        ("/opt/slurm/bin/sbatch --job-name=x /fsx/train.sbatch", "/fsx/train.sbatch"),
        ("sbatch --wrap=hostname", None),
        ("srun hostname", None),
    ],
)
def test_the_script_comes_out_of_the_command_line_that_accounting_keeps(records, monkeypatch, line, script):
    slurm_says(monkeypatch, source="sacct", submit_line=line, work_dir="/home/me")
    assert json.loads(report(7, "--records", records, "--format", "json")[1])["script"] == script


def test_without_slurm_the_records_say_what_they_have(records):
    for node in ("gpu-st-p5-1", "gpu-st-p5-2"):
        write(records, record(node, user="alice", partition="gpu", exit_code="1:0", node_count=2))
    data = json.loads(report(7, "--records", records, "--format", "json")[1])
    names = ("name", "state", "user", "partition", "exit_code", "node_count", "node_list", "told_by")
    assert [data[name] for name in names] == [
        None,
        None,
        "alice",
        "gpu",
        "1:0",
        2,
        "gpu-st-p5-[1-2]",
        "records",
    ]
    assert "user alice, partition gpu, exit code 1\n" in report(7, "--records", records)[1]


def test_who_was_asked_is_said_with_verbose(records):
    done = CliRunner().invoke(efakit, ["report", "7", "--records", str(records), "--verbose"], standalone_mode=False)
    assert "efakit: Slurm cannot be asked about job 7; SLURM_CONF names" in done.stderr


def test_the_next_step_names_the_output_and_the_script_that_slurm_knows(tmp_path, monkeypatch):
    for node in ("gpu-st-p5-1", "gpu-st-p5-2"):
        much = {"tx_bytes": GB, "rx_bytes": GB}
        none = {"tx_bytes": 0, "rx_bytes": 0}
        devices = [{"name": "rdmap79s0", "counters": none, "errors": []}]
        interfaces = [{"name": "eth0", "counters": much, "errors": []}]
        write(tmp_path, record(node, devices=devices, interfaces=interfaces))
    slurm_says(monkeypatch, script="/home/me/train.sbatch --fast", output_file="/fsx/my out.log")
    data = json.loads(report(7, "--records", tmp_path, "--format", "json")[1])
    assert data["next"] == "efakit report 7 --log '/fsx/my out.log' --script /home/me/train.sbatch"


def test_where_lnet_s_networks_leave_the_verdict_open_the_next_step_is_the_job_s_log(tmp_path):
    much = {
        "networks": ["efa", "tcp"],
        "send_bytes": GB,
        "recv_bytes": GB,
        "messages": 5,
        "all_tcp": True,
        "error": None,
    }
    tcp = {"name": "eth0", "counters": {"tx_bytes": GB, "rx_bytes": GB}, "unknown": [], "errors": []}
    made = [version_2(node, lnet=much, interfaces=[tcp]) for node in ("n1", "n2")]
    records_making.write(tmp_path, *made)
    _, text, _ = report(7, "--records", tmp_path)
    assert "Job 7: incomplete" in text
    assert "LNet counts its networks together: of its 2 GB at least 0 B went over EFA" in unwrapped(text)
    assert "Next: efakit report 7 --log LOG, where LOG is the job's output: the log says which network" in unwrapped(
        text
    )


def test_a_page_goes_to_a_file_or_to_standard_output(records, tmp_path):
    _, page, _ = report(7, "--records", records, "--format", "html")
    assert page.startswith("<!DOCTYPE html>")
    assert '<span class="verdict efa">efa</span>' in page
    for form in ("html", "text", "json"):
        file = tmp_path / f"report.{form}"
        _, said, _ = report(7, "--records", records, "--format", form, "--output", file)
        assert said == f"wrote {file}\n"
        assert file.read_text() == report(7, "--records", records, "--format", form, "--output", "-")[1]
    assert report(7, "--records", records, "--format", "html", "--fail-on", "efa", "--output", file)[0] == 1


@pytest.mark.parametrize("where", ["nowhere/report.html", "folder", "/dev/null", "link"])
def test_a_file_that_cannot_be_written_is_named_and_nothing_else_is_touched(records, tmp_path, where):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("link")
    code, _, said = report(7, "--records", records, "--format", "html", "--output", tmp_path / where)
    assert (code, where in said) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link", "records"]
    assert Path("/dev/null").is_char_device()


def test_a_page_uses_the_thresholds_that_the_report_was_given(records):
    page = report(7, "--records", records, "--format", "html", "--threshold", f"idle-device={2 * GB + 1}")[1]
    assert "moved nothing (less than 2 GB): <b>2</b>" in page
