"""What goes wrong around the hook: closed descriptors, full disks, broken files, other versions, races."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from efakit.hook import folder, publish
from efakit.hook.baselines import Baselines
from efakit.hook.epilog import epilog
from efakit.hook.folder import Folder
from efakit.hook.job import NoJob, job_from
from efakit.hook.moment import Moment
from efakit.hook.run import Run
from efakit.hook.settings import Settings, load_settings
from efakit.hook.spool import Spool
from tests.hook.hookrun import Node
from tests.lab import efa_tree

pytestmark = pytest.mark.thorough

BOOT = {"boot_id": "one", "taken_at": 1.0}


@pytest.fixture
def node(tmp_path) -> Node:
    node = Node(tmp_path, expected_devices=4)
    efa_tree.write_node(node.root, "p4d.24xlarge")
    node.set_interface(1000, 2000)
    return node


def job(job_id: int, node: str = "n1") -> dict:
    return job_from({"SLURM_JOB_ID": str(job_id), "SLURM_CLUSTER_NAME": "lab"}, node)


def baseline(job_id: int, node: str = "n1") -> dict:
    return {"job": job(job_id, node), "snapshot": dict(BOOT), "findings": []}


def shared_with(spool: Spool, job_id: int) -> list[int]:
    return spool.baselines.find_others(spool.baselines.find(job(job_id)), job(job_id), now()).shared_with


def now() -> Moment:
    return Moment(Settings(), BOOT["boot_id"], 1.0, None)


@pytest.mark.parametrize("redirections", ["<&-", ">&-", "<&- >&- 2>&-", ">/dev/full", ">/dev/full 2>&1 <&-"])
def test_closed_and_full_descriptors_change_nothing(node, redirections):
    node.config.write_text(json.dumps(node.settings))
    for command in ("prolog", "epilog", "nonsense"):
        line = f'exec "$0" -I -S "$1" {command} --config "$2" {redirections}'
        environment = {"SLURM_JOB_ID": "7", "SLURMD_NODENAME": node.name, "SLURM_CLUSTER_NAME": "lab"}
        done = subprocess.run(
            ["/bin/sh", "-c", line, node.python, node.archive, node.config], env=environment, capture_output=True
        )
        assert (done.returncode, done.stderr) == (0, b"")
    record = node.record()
    assert (record["baseline"], record["devices_found"]) == ("ok", 4)


def test_a_record_that_nobody_can_read_does_not_hold_up_the_others(node):
    outbox = node.spool / "outbox"
    outbox.mkdir(parents=True, mode=0o700)
    node.spool.chmod(0o700)
    for name, content in {"a": "{}", "b": "[", "c": '{"sluid": null, "restart_count": 0, "node": 7}'}.items():
        (outbox / f"{name}.json").write_text(content)
    (outbox / "d.json").mkdir()
    node.run("prolog")
    assert "record published" in node.run("epilog")
    assert node.record()["baseline"] == "ok"
    assert [path.name for path in outbox.iterdir()] == ["d.json"], "what is published waits no more"
    assert sorted(path.name for path in (node.spool / "aside").iterdir()) == ["a.json", "b.json", "c.json"]
    node.run("prolog", 8)
    node.run("epilog", 8)
    node.run("prolog", 9)
    node.run("epilog", 9)
    findings = [item for job_id in (7, 8, 9) for item in node.record(job_id)["findings"]]
    assert [item["message"] for item in findings if item["rule"] == "spool-damaged"] == [
        "3 files in the spool could not be read and were set aside"
    ], "it is told once"


def test_a_baseline_of_another_version_loses_no_record(node):
    node.run("prolog", 1)
    (kept,) = (node.spool / "active").iterdir()
    for other, content in (("2", {}), ("3", {"job_id": None}), ("4", [])):
        text = json.dumps({"job": content, "snapshot": {}})
        (kept.parent / kept.name.replace(".1.", f".{other}.")).write_text(text)
    node.run("epilog", 1)
    assert node.record(1)["baseline"] == "ok"
    assert node.record(1)["shared_with"] == []


def test_a_record_that_waits_is_put_on_stable_storage(tmp_path, monkeypatch):
    """After the attempt to publish it, so that a busy disk costs no record its deadline."""
    waiting = Spool(str(tmp_path / "spool"), "n1")
    waiting.prepare()
    outbox = tmp_path / "spool/outbox"
    for number in (2, 1):
        waiting.waiting.keep({**job(number), "record_id": "id"})
        os.utime(outbox / f"n1.{number}.id.json", (number, number))
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    assert list(waiting.sync_newest()) == ["n1.2.id.json"]
    assert synced == [str(outbox / "n1.2.id.json"), str(outbox)]


def test_what_the_newest_wait_for_is_published_first(tmp_path):
    waiting = Spool(str(tmp_path / "spool"), "n1")
    waiting.prepare()
    for job_id in (1, 3, 2):
        waiting.waiting.keep({**job(job_id), "record_id": "id"})
        path = tmp_path / "spool/outbox" / f"n1.{job_id}.id.json"
        os.utime(path, (job_id, job_id))
    assert [record["job_id"] for _, record in waiting.waiting.records()] == [3, 2, 1]


def test_another_run_of_the_hook_may_publish_a_record_first(tmp_path, monkeypatch):
    waiting = Spool(str(tmp_path / "spool"), "n1")
    waiting.prepare()
    (tmp_path / "records").mkdir()
    for job_id in (1, 2):
        waiting.waiting.keep({**job(job_id), "record_id": "id"})

    def published_by_another(record, records_dir, mode):
        (tmp_path / "spool/outbox" / f"n1.{record['job_id']}.id.json").unlink()
        return "elsewhere"

    monkeypatch.setattr(publish, "publish_record", published_by_another)
    assert list(publish.publish_waiting(waiting, str(tmp_path / "records"), 0o644)) == []


@pytest.mark.parametrize("record", [{"a": 1}, {"node": [None]}, {"het_job_id": "7"}, {"job_id": None}, {"run": True}])
def test_a_note_of_an_ended_run_that_names_no_record_costs_none(node, record):
    node.run("prolog")
    node.run("epilog")
    (path,) = (node.spool / "ended").iterdir()
    note = json.loads(path.read_text())
    note["record"] = record if "a" in record else {**note["record"], **record}
    path.write_text(json.dumps(note))
    assert "record published" in node.run("epilog")
    assert len(list((node.records / "lab/7").iterdir())) == 2


def test_an_epilog_that_runs_at_the_same_time_finds_the_baseline_or_the_note_of_the_end(node, monkeypatch):
    """Slurmd starts an epilog again while the first one runs: it leaves no second record of the run."""
    node.run("prolog")
    variables = {"SLURMD_NODENAME": node.name, "SLURM_CLUSTER_NAME": "lab", "SLURM_JOB_ID": "7"}
    variables["SLURM_JOB_NODELIST"] = node.name
    second = node.records.parent / "second"
    forget = Baselines.forget_job

    def then_again(baselines: Baselines, job_id: int) -> None:
        forget(baselines, job_id)
        done = node.start(["epilog", "--config", str(node.config)], variables, whole=True)
        second.write_text(done.stdout)

    monkeypatch.setattr(Baselines, "forget_job", then_again)
    settings, _ = load_settings(str(node.config))
    assert "record published" in epilog(Run(settings, [], variables))
    assert "an epilog has left this run's record already" in second.read_text()
    assert node.record()["baseline"] == "ok"


def test_an_epilog_that_looked_at_the_clock_before_the_one_that_ended_first_is_the_same_run_s(tmp_path):
    spool = Spool(str(tmp_path / "spool"), "n1")
    spool.prepare()
    told = job(7)
    spool.note_ended(told, {**told, "run": "r0", "record_id": "a"}, Moment(Settings(), BOOT["boot_id"], 100.0, None))
    ended = spool.ended(told, Moment(Settings(), BOOT["boot_id"], 99.5, None))
    assert ended is not None
    assert (ended.in_doubt, ended.record["record_id"]) == (True, "a")


def test_a_note_on_a_baseline_that_has_gone_does_not_stay_for_good(tmp_path):
    spool = Spool(str(tmp_path / "spool"), "n1")
    spool.prepare()
    spool.baselines.keep(baseline(1), now())
    spool.baselines.keep(baseline(2), now())
    active = tmp_path / "spool/active"
    notes = sorted(path.name for path in active.glob("*.shared-with.*"))
    assert len(notes) == 2
    gone, young = (active / f"n1.{number}.r0.json.shared-with.2" for number in (3, 4))
    for path in (gone, young):
        path.touch(0o600)
    for path in (gone, *map(active.joinpath, notes)):
        os.utime(path, (1.0, 1.0))
    spool.tidy(1e9, 1e9, None)
    assert sorted(path.name for path in active.glob("*.shared-with.*")) == sorted([*notes, young.name])


def test_a_full_spool_loses_no_record(node, monkeypatch):
    """A job may fill the node's disk; a folder in the record's place stands in for that."""
    node.run("prolog")
    (kept,) = (node.spool / "active").iterdir()
    record_id = json.loads(kept.read_text())["record_id"]
    (node.spool / "outbox" / f"{node.name}.7.{record_id}.json").mkdir()
    node.run("epilog")
    assert node.record()["baseline"] == "ok"
    assert list((node.spool / "active").iterdir()) == [], "else every later job would seem to share the node"


def test_the_spool_waits_for_no_disk_and_the_shared_folder_does(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(folder.os, "fsync", synced.append)
    kept = Spool(str(tmp_path / "spool"), "n1")
    kept.prepare()
    kept.baselines.keep(baseline(1), now())
    kept.waiting.keep({**job(1), "record_id": "id"})
    assert synced == []
    (tmp_path / "records").mkdir()
    assert len(list(publish.publish_waiting(kept, str(tmp_path / "records"), 0o644))) == 1
    assert len(synced) == 2


def test_of_two_jobs_that_begin_at_once_both_are_shared(tmp_path, monkeypatch):
    """Each looks for others and writes its own; whatever the order, neither may go unseen."""
    kept = Spool(str(tmp_path), "n1")
    kept.prepare()
    write = Folder.write

    def write_after_the_other(self, name, data, mode, *, durable=False):
        monkeypatch.setattr(Folder, "write", write)
        kept.baselines.keep(baseline(2), now())
        write(self, name, data, mode, durable=durable)

    monkeypatch.setattr(Folder, "write", write_after_the_other)
    kept.baselines.keep(baseline(1), now())
    assert shared_with(kept, 1) == [2]
    kept.baselines.forget_job(1)
    assert shared_with(kept, 2) == [1]
    kept.baselines.forget_job(2)
    assert list((tmp_path / "active").iterdir()) == []


def test_a_node_whose_name_begins_as_another_s_does_not_see_its_jobs(tmp_path):
    first, second = Spool(str(tmp_path), "n1"), Spool(str(tmp_path), "n1.lab")
    first.prepare()
    second.prepare()
    first.baselines.keep(baseline(7), now())
    second.baselines.keep(baseline(7, "n1.lab"), now())
    found = first.baselines.find(job(7))
    others = first.baselines.find_others(found, job(7), now())
    assert found.baseline is not None
    assert (found.baseline["job"]["node"], others.shared_with) == ("n1", [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused other users' folders: run as root")
def test_flush_publishes_nothing_from_a_spool_that_others_may_write(node):
    shutil.rmtree(node.records)
    node.run("prolog", 1)
    node.run("epilog", 1)
    node.records.mkdir()
    node.spool.chmod(0o777)
    assert "may be written by others" in node.run("flush", None)
    assert list(node.records.iterdir()) == []


@pytest.mark.parametrize("mode", ["0664", "0660"])
def test_a_group_may_write_records_and_never_their_folders(tmp_path, mode):
    """Otherwise the hook itself would refuse the folder that it made."""
    node = Node(tmp_path, records_mode=mode, expected_devices=4)
    efa_tree.write_node(node.root, "p4d.24xlarge")
    for job_id in (1, 2):
        node.run("prolog", job_id)
        assert "record published" in node.run("epilog", job_id)


def test_settings_nested_too_deep_are_broken_settings(tmp_path):
    config = tmp_path / "hook.json"
    config.write_text("[" * 100_000)
    assert load_settings(str(config))[0].deadline_seconds == 5


def test_true_is_no_deadline(tmp_path):
    config = tmp_path / "hook.json"
    config.write_text('{"deadline_seconds": true}')
    settings, problems = load_settings(str(config))
    assert (settings.deadline_seconds, len(problems)) == (5, 1)


@pytest.mark.parametrize("job_id", ["", "seven", "-1", "1.5", "\uff19", "9" * 5000])
def test_a_job_id_that_is_no_number_is_no_job(job_id):
    with pytest.raises(NoJob):
        job_from({"SLURM_JOB_ID": job_id}, "n1")


def test_a_wrong_command_is_told_as_such(node: Node):
    assert node.run("health").startswith("efakit: usage: ")


def test_paths_of_the_records_stay_below_the_folder():
    record = {"cluster": "../x", "job_id": 7, "node": "../../n", "run": "/s", "record_id": "../i", "het_job_id": None}
    parts = publish.record_path(record)
    assert not any("/" in part or part.startswith(".") for part in parts)
    assert Path("/r").joinpath(*parts).resolve().is_relative_to("/r")
