"""What findings lead to: told, or a prolog that fails on purpose, and never more of them than the breaker allows."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jsonschema
import pytest

from efakit.emit.resources import package_file
from efakit.hook.policy import allowed_nodes, health_findings
from efakit.hook.settings import Settings
from efakit.jobs.records import find_runs
from efakit.jobs.verdict import judge
from scripts.record_forms import by_columns
from tests.hook.hookrun import Node
from tests.lab import efa_tree

pytestmark = pytest.mark.thorough

SCHEMA = json.loads(package_file("node").joinpath("record.schema.json").read_text())
BOOT_ID = efa_tree.BOOT_ID


def node_with(folder: Path, name: str, present: int = 4, expected: int = 4, **settings) -> Node:
    node = Node(folder, name, expected_devices=expected, run_dir=str(folder / f"run-{name}"), **settings)
    efa_tree.write_node(node.root, "p4d.24xlarge", efa_tree.instance_devices("p4d.24xlarge")[:present])
    node.set_interface(1000, 2000)
    return node


def half(folder: Path, name: str = "gpu-st-p4d-1", **settings) -> Node:
    """Return a node with two of its four devices, whose hook enforces."""
    # A short deadline, since devices that may come late are waited for.
    return node_with(folder, name, present=2, **{"mode": "enforce", "deadline_seconds": 3, **settings})


def prolog(node: Node, job_id: int = 7, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run the prolog and return its exit code and what it said."""
    node.config.write_text(json.dumps(node.settings))
    environment = {"SLURMD_NODENAME": node.name, "SLURM_CLUSTER_NAME": "lab", "SLURM_JOB_NODELIST": node.name}
    done = subprocess.run(
        [node.python, "-I", "-S", node.archive, "prolog", "--config", node.config, *arguments],
        env={**environment, "SLURM_JOB_ID": str(job_id), **variables},
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert done.stderr == ""
    assert "internal error" not in done.stdout
    return done.returncode, done.stdout


def rules(record: dict) -> list[str]:
    return [finding["rule"] for finding in record["findings"]]


def notes(node: Node) -> list[str]:
    folder = node.records / ".breaker"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("mode", ["observe", "warn"])
def test_only_enforce_fails_a_prolog(tmp_path, mode):
    node = half(tmp_path, mode=mode)
    assert prolog(node)[0] == 0
    assert notes(node) == []


def test_a_prolog_that_fails_on_purpose_says_why_and_leaves_a_record(tmp_path):
    node = half(tmp_path)
    status, said = prolog(node)
    assert status == 1
    first = said.splitlines()[0]
    assert first.startswith("efakit: prolog failed on purpose: 2 of 4 EFA devices found (devices-missing).")
    assert "gpu-st-p4d-1" in first
    assert "efakit report 7" in first
    record = node.record()
    jsonschema.validate(by_columns(record), SCHEMA)
    assert record["prolog_failed"] == first.removeprefix("efakit: ")
    assert rules(record) == ["devices-missing"]
    (run,) = find_runs(node.records, 7)
    verdict = judge(run.node_names, run.records, run.damaged)
    assert verdict.verdict == "incomplete"
    assert "prolog failed on purpose: 2 of 4" in verdict.reason


@pytest.mark.parametrize("variable", ["SLURM_JOB_PARTITION", "SLURM_JOB_RESERVATION"])
def test_no_prolog_fails_where_a_platform_repairs_and_checks_its_nodes(tmp_path, variable):
    own = "hyperpod-deep-health-check"
    node = half(tmp_path, never_enforced_in=["hyperpod-system-maintenance", own])
    status, said = prolog(node, **{variable: own})
    assert (status, f"only warned here: {own} is the platform's own" in said) == (0, True)
    assert notes(node) == []
    assert prolog(node, **{variable: "gpu"})[0] == 1


def test_whoever_runs_the_hook_may_ask_for_another_status(tmp_path):
    assert prolog(half(tmp_path), 7, "--refusal-status", "99")[0] == 99
    assert prolog(half(tmp_path, "other", mode="warn"), 7, "--refusal-status", "99")[0] == 0


def test_the_epilog_after_a_failed_prolog_keeps_the_reason(tmp_path):
    node = half(tmp_path)
    prolog(node)
    node.run("epilog")
    record = node.record()
    assert (record["baseline"], rules(record)) == ("ok", ["devices-missing"])
    assert "on purpose" in record["prolog_failed"]
    assert len(list((node.records / "lab/7").iterdir())) == 1


def test_a_sound_node_passes(tmp_path):
    assert prolog(node_with(tmp_path, "n1", mode="enforce"))[0] == 0


@pytest.mark.parametrize(
    ("rule", "breaks"),
    [
        ("driver-unbound", lambda root, name: (root / "sys/class/infiniband" / name / "device/driver").unlink()),
        ("verbs-missing", lambda root, name: shutil.rmtree(root / "sys/class/infiniband_verbs")),
        ("verbs-unusable", lambda root, name: (root / "dev/infiniband/uverbs0").unlink()),
    ],
)
def test_each_default_rule_fails_the_prolog(tmp_path, rule, breaks):
    node = node_with(tmp_path, "n1", mode="enforce")
    breaks(node.root, "rdmap16s27")
    status, said = prolog(node)
    assert (status, f"({rule})" in said) == (1, True)
    assert prolog(node_with(tmp_path, "n2", mode="enforce", enforce=["devices-missing"]))[0] == 0


def test_devices_without_a_driver_are_told_from_devices_that_are_not_there(tmp_path):
    """They have no RDMA device: only the PCI functions show them."""
    node = node_with(tmp_path, "n1", mode="enforce", deadline_seconds=1)
    for name in efa_tree.instance_devices("p4d.24xlarge")[:2]:
        efa_tree.unbind_device(node.root, name.name)
    status, said = prolog(node)
    assert status == 1
    assert "2 of 4 EFA devices found; 0000:10:1b.0, 0000:20:1b.0 have no driver bound" in said
    efa_tree.remove_device(node.root, efa_tree.instance_devices("p4d.24xlarge")[2].name)
    assert "1 of 4 EFA devices found; 0000:10:1b.0, 0000:20:1b.0 have no driver bound" in prolog(node)[1]


def test_only_the_rules_that_are_listed_fail_a_prolog(tmp_path):
    assert prolog(half(tmp_path, enforce=["driver-unbound"]))[0] == 0


def test_any_check_may_be_listed_but_none_that_tells_of_the_hook_itself(tmp_path):
    node = node_with(tmp_path, "n1", mode="enforce", enforce=["devices-extra"], expected=3)
    assert prolog(node)[0] == 1
    node = node_with(tmp_path, "n2", mode="enforce", enforce=["snapshot-incomplete"], deadline_seconds=1)
    pipe = node.root / "sys/class/infiniband/rdmap16s27/ports/1/hw_counters/tx_bytes"
    pipe.unlink()
    os.mkfifo(pipe)
    assert prolog(node)[0] == 0


def test_a_read_that_hangs_is_no_missing_device(tmp_path):
    """What was not looked at is not missing: no node is drained for our own deadline."""
    node = node_with(tmp_path, "n1", mode="enforce", deadline_seconds=1)
    product = node.root / "sys/class/dmi/id/product_name"
    product.unlink()
    os.mkfifo(product)
    status, said = prolog(node)
    assert status == 0
    assert "could not be listed" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list any folder: run as another user")
def test_a_folder_that_cannot_be_listed_is_no_missing_device(tmp_path):
    node = node_with(tmp_path, "n1", mode="enforce")
    (node.root / "sys/class/infiniband").chmod(0)
    assert prolog(node)[0] == 0


def test_settings_in_doubt_fail_no_prolog(tmp_path):
    status, said = prolog(half(tmp_path, records_mode="rw"))
    assert status == 0
    assert "mode enforce only warned here: its settings are in doubt" in said


def test_the_breaker_lets_so_many_nodes_fail_and_no_more(tmp_path):
    statuses = [prolog(half(tmp_path, f"n{number}", breaker_nodes_per_hour=2))[0] for number in range(4)]
    assert statuses == [1, 1, 0, 0]
    assert [note.rsplit(".", 2)[0] for note in notes(half(tmp_path))] == ["lab.n0", "lab.n1"]
    node = half(tmp_path, "n9")
    assert "circuit breaker" in prolog(node)[1]
    node.run("epilog")
    assert rules(node.record()) == ["devices-missing", "enforce-suspended"]
    assert node.record()["prolog_failed"] is None


def test_a_node_that_fails_again_counts_once(tmp_path):
    node = half(tmp_path, breaker_nodes_per_hour=1)
    assert [prolog(node, job_id)[0] for job_id in (1, 2, 3)] == [1, 1, 1]
    assert prolog(half(tmp_path, "another", breaker_nodes_per_hour=1))[0] == 0


def test_the_instance_that_takes_a_drained_node_s_place_counts_anew(tmp_path):
    """ParallelCluster gives it the same name: a wrong expectation would replace it without end."""
    node = half(tmp_path, breaker_nodes_per_hour=2)
    statuses = []
    for boot in range(4):
        (node.root / "proc/sys/kernel/random/boot_id").write_text(f"{boot:08d}-0000-4000-8000-000000000000\n")
        statuses.append(prolog(node, 1 + boot)[0])
    assert statuses == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("nodes", "percent", "cluster", "allowed"),
    [(2, 10, 0, 2), (2, 10, 8, 1), (2, 10, 100, 2), (5, 10, 30, 3), (1, 1, 10, 1), (0, 50, 100, 0)],
)
def test_the_smaller_limit_counts_and_one_node_is_always_allowed(nodes, percent, cluster, allowed):
    limits = {"breaker_nodes_per_hour": nodes, "breaker_percent_per_hour": percent, "cluster_nodes": cluster}
    assert allowed_nodes(Settings(**limits)) == allowed


def write_note(node: Node, name: str, seconds: float) -> None:
    """Leave another node's note, as written so many seconds from now by its clock and the file system's."""
    folder = node.records / ".breaker"
    folder.mkdir(exist_ok=True)
    at = time.time() + seconds
    path = folder / f"lab.{name}.{int(at)}"
    path.write_text("{}")
    os.utime(path, (at, at))


@pytest.mark.parametrize(("seconds", "status"), [(-3000, 0), (-4000, 1), (+4000, 0), (+400_000, 0)])
def test_a_note_counts_for_an_hour_and_one_from_the_future_as_well(tmp_path, seconds, status):
    """A clock that was set back must not let more nodes fail."""
    node = half(tmp_path, breaker_nodes_per_hour=1)
    write_note(node, "other", seconds)
    assert prolog(node)[0] == status


def test_notes_of_another_cluster_do_not_count(tmp_path):
    node = half(tmp_path, breaker_nodes_per_hour=1)
    write_note(node, "other", -10)
    (path,) = (node.records / ".breaker").iterdir()
    path.rename(path.with_name(path.name.replace("lab.", "site.")))
    assert prolog(node)[0] == 1


def test_notes_that_are_old_go(tmp_path):
    node = half(tmp_path)
    write_note(node, "other", -30 * 86400)
    prolog(node)
    assert [note.split(".")[1] for note in notes(node)] == [node.name]


@pytest.mark.parametrize("trouble", ["none", "missing", "a file", "others may write", "a link", "breaker is a file"])
def test_where_failures_cannot_be_counted_no_prolog_fails(tmp_path, trouble):
    node = half(tmp_path)
    breaker = node.records / ".breaker"
    if trouble == "none":
        node.settings["records_dir"] = None
    elif trouble == "missing":
        node.records.rmdir()
    elif trouble == "a file":
        node.records.rmdir()
        node.records.write_text("")
    elif trouble == "others may write":
        breaker.mkdir()
        breaker.chmod(0o777)
    elif trouble == "a link":
        breaker.symlink_to(tmp_path)
    else:
        breaker.write_text("")
    status, said = prolog(node)
    assert (status, "mode enforce only warned here" in said) == (0, True)


def test_of_nodes_that_fail_at_once_never_more_than_allowed_do(tmp_path):
    names = [f"n{number}" for number in range(8)]
    nodes = [half(tmp_path, name, breaker_nodes_per_hour=2) for name in names]
    for node in nodes:
        node.config.write_text(json.dumps(node.settings))
    running = [
        subprocess.Popen(
            [sys.executable, "-I", "-S", node.archive, "prolog", "--config", node.config],
            env={"SLURMD_NODENAME": node.name, "SLURM_CLUSTER_NAME": "lab", "SLURM_JOB_ID": "7"},
            stdout=subprocess.DEVNULL,
        )
        for node in nodes
    ]
    failed = sum(process.wait() for process in running)
    assert failed <= 2
    assert len(notes(nodes[0])) == failed, "who does not fail withdraws its note"


def test_warn_tells_the_log_and_the_job_s_own_processes(tmp_path):
    # A socket's path may have 108 bytes, and a test's own folder can be longer.
    with tempfile.TemporaryDirectory(prefix="efakit") as short:
        node = half(Path(short), mode="warn")
        (node.root / "dev").mkdir(exist_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind(str(node.root / "dev/log"))
            log.setblocking(False)
            assert prolog(node)[0] == 0
            message = log.recv(4096).decode()
        assert message.startswith("<27>efakit[")
        assert message.endswith("job 7: 2 of 4 EFA devices found")
        note = Path(node.settings["run_dir"]) / "job-7.json"
        assert [item["rule"] for item in json.loads(note.read_text())["findings"]] == ["devices-missing"]
        assert (stat.S_IMODE(note.stat().st_mode), stat.S_IMODE(note.parent.stat().st_mode)) == (0o644, 0o755)
        node.run("epilog")
        assert not note.exists()


def test_a_log_whose_queue_is_full_holds_up_nothing(tmp_path):
    with tempfile.TemporaryDirectory(prefix="efakit") as short:
        node = half(Path(short), mode="warn")
        (node.root / "dev").mkdir(exist_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log, socket.socket(log.family, log.type) as other:
            log.bind(str(node.root / "dev/log"))
            other.setblocking(False)
            other.connect(str(node.root / "dev/log"))
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.send(b"x")
            assert "baseline kept" in prolog(node)[1]


def test_a_log_that_nobody_reads_holds_up_nothing(tmp_path):
    node = half(Path(tmp_path), mode="warn")
    (node.root / "dev/log").write_text("no socket")
    assert prolog(node) == (0, "efakit: prolog of job 7: 2 of 4 EFA devices; baseline kept; 2 of 4 EFA devices found\n")


def test_observe_tells_nobody(tmp_path):
    node = half(tmp_path, mode="observe")
    prolog(node)
    assert not Path(node.settings["run_dir"]).exists()


def test_a_comment_turns_the_task_prolog_off_in_every_mode_and_is_not_copied(tmp_path):
    node = node_with(tmp_path, "n1")
    prolog(node, SLURM_JOB_COMMENT="secret efakit=off")
    text = (Path(node.settings["run_dir"]) / "job-7.json").read_text()
    assert json.loads(text)["task_prolog"] is False
    assert "secret" not in text
    prolog(node)
    assert not (Path(node.settings["run_dir"]) / "job-7.json").exists(), "the job runs again, without the comment"


def health(node: Node, **changes) -> None:
    finding = {"rule": "fi-info-failed", "severity": "error", "message": "fi_info lists no EFA domain"}
    result = {"schema_version": 1, "time_seconds": time.time(), "boot_id": BOOT_ID, "findings": [finding], **changes}
    node.spool.mkdir(mode=0o700, exist_ok=True)
    (node.spool / "health.json").write_text(json.dumps(result))


def test_the_prolog_passes_on_what_the_health_check_found(tmp_path):
    node = node_with(tmp_path, "n1")
    health(node)
    assert "fi_info lists no EFA domain" in prolog(node)[1]
    node.run("epilog")
    assert rules(node.record()) == ["fi-info-failed"]


@pytest.mark.parametrize(
    "changes",
    [
        {"boot_id": "another"},
        {"time_seconds": 0},
        {"time_seconds": "now"},
        {"time_seconds": time.time() + 10**6},
        {"schema_version": 2},
        {"findings": None},
        {"findings": ["x", {"rule": 1, "severity": "error", "message": "m"}]},
        {"findings": [{"rule": "r", "severity": "fatal", "message": "m"}]},
    ],
)
def test_a_health_result_of_another_boot_time_or_form_says_nothing(tmp_path, changes):
    node = node_with(tmp_path, "n1")
    health(node, **changes)
    prolog(node)
    node.run("epilog")
    assert rules(node.record()) == []


def test_a_health_finding_that_the_prolog_has_itself_is_told_once():
    result = {"schema_version": 1, "time_seconds": 10, "boot_id": "b"}
    result["findings"] = [{"rule": "huge-pages-few", "severity": "info", "message": "m"}]
    assert health_findings(result, "b", 10, 100, {"huge-pages-few"}) == []
    assert len(health_findings(result, "b", 10, 100, set())) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can show files of another owner: run as root")
def test_a_health_result_that_others_may_write_is_not_read(tmp_path):
    node = node_with(tmp_path, "n1")
    health(node)
    (node.spool / "health.json").chmod(0o666)
    assert "fi_info" not in prolog(node)[1]


def test_what_a_user_could_have_put_there_is_printed_escaped(tmp_path):
    node = node_with(tmp_path, "n1")
    (node.root / "sys/class/dmi/id/product_name").unlink()
    (node.root / "sys/class/dmi/id/product_name").write_text("p4d\x1b[31m\nexport X=\u202e1")
    node.settings["expected_devices"] = "auto"
    node.settings["compute_resources"] = {}
    said = prolog(node)[1]
    assert said.count("\n") == 1
    assert all(" " <= letter <= "~" for letter in said.rstrip("\n"))
