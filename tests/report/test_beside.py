"""What a report is given beside the records, and what it lists and fails on when it is asked to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.errors import EfakitError
from tests.jobs import labelled
from tests.jobs.labelled import Labelled, Maker
from tests.jobs.making import write

SOCKETS = "gpu-st-p5-1:101:190 [0] NCCL INFO NET/OFI No eligible providers were found\n" + "".join(
    f"gpu-st-p5-{node}:101:190 [0] NCCL INFO Using network Socket\n" for node in (1, 2)
)
SCRIPT = "#!/bin/bash\n#SBATCH --nodes=2\nexport NCCL_NET=Socket\nsrun all_reduce_perf\n"


@pytest.fixture(autouse=True)
def no_slurm(monkeypatch, tmp_path):
    """No Slurm is asked here."""
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "none.conf"))
    monkeypatch.setenv("COLUMNS", "200")


def put(folder: Path, job: Labelled) -> Path:
    write(folder, *({**record, "job_id": 42} for record in job.records.values()))
    return folder


@pytest.fixture
def fallen(tmp_path) -> Path:
    return put(tmp_path / "records", labelled.fallback(Maker(1, nodes=2, driver="2.17.3", instance="p5.48xlarge")))


@pytest.fixture
def sick(tmp_path) -> Path:
    """Sixteen nodes, of which some have idle devices."""
    return put(tmp_path / "records", labelled.idle_device(Maker(2, nodes=16, driver="2.17.3", instance="p4d.24xlarge")))


def report(records: Path, *arguments: object) -> tuple[int, str]:
    command = ["report", "42", "--records", str(records), *map(str, arguments)]
    done = CliRunner().invoke(efakit, command, standalone_mode=False)
    if isinstance(done.exception, EfakitError):
        return done.exception.exit_code, str(done.exception)
    assert done.exception is None, done.exc_info
    return done.return_value or 0, done.output


def data(records: Path, *arguments: object) -> dict[str, Any]:
    return json.loads(report(records, "--format", "json", *arguments)[1])  # type: ignore[no-any-return]


def test_a_log_and_a_script_give_causes_and_the_next_step_no_longer_asks_for_them(fallen, tmp_path):
    log, script = tmp_path / "slurm-42.out", tmp_path / "train.sbatch"
    log.write_text(SOCKETS)
    script.write_text(SCRIPT)
    assert "--log LOG --script SCRIPT" in data(fallen)["next"]
    found = data(fallen, "--log", log, "--script", script)
    by_origin = {cause["from"]: cause for cause in reversed(found["causes"])}
    assert by_origin["log"]["rule"] == "log-fallback"
    assert by_origin["log"]["sure"]
    assert "NCCL_NET" in by_origin["script"]["cause"]
    assert str(script) in by_origin["script"]["cause"]
    assert found["next"] == "NCCL_NET=Libfabric lets a job fail instead of falling back to TCP"
    text = report(fallen, "--log", log, "--script", script)[1]
    assert "\n  by the log log-fallback: " in text
    assert "\n  possible, by the script nccl-net-socket: " in text


@pytest.mark.parametrize("option", ["--log", "--script"])
def test_a_log_or_a_script_that_cannot_be_read_is_refused(fallen, tmp_path, option):
    code, message = report(fallen, option, tmp_path / "none")
    assert (code, str(tmp_path / "none") in message) == (2, True)


def test_a_binary_log_and_an_empty_one_end_no_report(fallen, tmp_path):
    log = tmp_path / "log"
    for content in (b"", bytes(range(256)) * 100):
        log.write_bytes(content)
        assert report(fallen, "--log", log)[0] == 0


def test_what_the_hooks_found_on_the_nodes_that_fell_back_is_a_cause(tmp_path):
    job = labelled.fallback(Maker(1, nodes=2, driver="2.17.3", instance="p4d.24xlarge"))
    finding = {"rule": "driver-unbound", "severity": "error", "message": "4 EFA devices have no driver"}
    for record in job.records.values():
        record["findings"] = [finding]
    (cause,) = data(put(tmp_path, job))["causes"]
    assert (cause["rule"], cause["nodes"], cause["from"]) == ("driver-unbound", "gpu-st-p5-[1-2]", "record")


def test_nodes_without_any_device_fell_back_for_want_of_them(tmp_path):
    job = labelled.fallback(Maker(1, nodes=2, driver="2.17.3", instance="p4d.24xlarge"))
    for record in job.records.values():
        record |= {"devices": [], "devices_found": 0}
    (cause,) = data(put(tmp_path, job))["causes"]
    assert (cause["sure"], "no EFA device was there" in cause["cause"]) == (True, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("job-device-idle", 1),
        ("warning", 1),
        ("info", 1),
        ("error", 0),
        ("job-retransmits", 0),
        ("tcp-fallback,job-device-idle", 1),
        ("tcp-fallback,mixed", 0),
    ],
)
def test_fail_on_takes_rules_and_severities_beside_verdicts(sick, words, code):
    assert report(sick, "--fail-on", words)[0] == code


def test_a_rule_that_fail_on_does_not_know_is_refused_with_its_neighbour(sick):
    code, message = report(sick, "--fail-on", "job-device-idel")
    assert (code, "did you mean 'job-device-idle'?" in message) == (2, True)


def test_a_threshold_that_is_set_decides(sick):
    rules = {item["rule"] for item in data(sick)["findings"]}
    assert "job-device-idle" in rules
    rules = {item["rule"] for item in data(sick, "--threshold", "busy-rail=1e15")["findings"]}
    assert "job-device-idle" not in rules


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("peers-z", "must be NAME=VALUE"),
        ("peers-z=x", "must be NAME=VALUE"),
        ("peers-z=-1", "must be NAME=VALUE"),
        ("peers-z=nan", "must be NAME=VALUE"),
        ("peers-z=inf", "must be NAME=VALUE"),
        ("efa-floor=1", "no threshold is called 'efa-floor'"),
    ],
)
def test_a_threshold_that_is_none_is_refused(sick, text, words):
    code, message = report(sick, "--threshold", text)
    assert (code, words in message) == (2, True)


def test_nodes_and_devices_list_all_of_them(sick):
    folded = report(sick)[1]
    assert "  gpu-st-p5-[1-16]: efa, 4 of 4 devices\n" in folded
    nodes = report(sick, "--nodes")[1]
    assert [line.split()[0] for line in nodes.splitlines() if " 4 of 4 " in line] == [
        f"gpu-st-p5-{number}" for number in range(1, 17)
    ]
    devices = [line.split()[:2] for line in report(sick, "--devices")[1].splitlines() if "  rdmap" in line]
    assert len([row for row in devices if row[0].startswith("gpu-st")]) == 64
    found = data(sick, "--devices")["nodes"][0]["devices"]
    assert [device["name"] for device in found] == [f"rdmap{79 + place}s0" for place in range(4)]
    assert found[0]["counters"].keys() >= {"tx_bytes", "retrans_pkts", "cmds_err"}
    assert "devices" not in data(sick)["nodes"][0]


def test_json_names_nodes_and_devices_of_what_stands_out(sick):
    (item,) = [item for item in data(sick)["findings"] if item["rule"] == "job-device-idle"]
    assert item["severity"] == "warning"
    assert item["nodes"].startswith("gpu-st-p5-")
    assert item["devices"]
    assert item["source"]
    assert item["about_job"] is False


def test_a_thousand_nodes_with_a_thousand_notes_take_eighty_lines(tmp_path):
    job = labelled.idle_device(Maker(3, nodes=1000, driver="2.17.3", instance="hpc7a.96xlarge"))
    for number, record in enumerate(job.records.values()):
        message = f"{number} things were found here"
        record["findings"] = [{"rule": "devices-missing", "severity": "error", "message": message}]
        record["devices_found"] = number
    text = report(put(tmp_path, job))[1]
    assert len(text.splitlines()) <= 80
    assert "more nodes: --nodes shows all" in text


def test_what_a_log_says_of_nodes_that_are_not_the_job_s_proves_nothing_of_it(fallen, tmp_path):
    own, strange = tmp_path / "own.out", tmp_path / "strange.out"
    own.write_text(SOCKETS.replace("gpu-st-p5-1:", "gpu-st-p5-1.example.internal:"))
    strange.write_text(SOCKETS.replace("gpu-st-p5-", "gpu-st-p5-9"))
    (first, *_) = data(fallen, "--log", own)["causes"]
    assert (first["rule"], first["sure"], "another job's" in first["cause"]) == ("log-fallback", True, False)
    causes = [one for one in data(fallen, "--log", strange)["causes"] if one["from"] == "log"]
    assert {one["sure"] for one in causes} == {False}
    assert all(one["cause"].endswith("the job has no such node: the log may be another job's") for one in causes)
