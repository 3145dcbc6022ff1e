"""A refusal needs a device's own fault, seen twice: what one look shows, or what could not be read, drains no node."""

from __future__ import annotations

import errno
import json
import os
import subprocess

import pytest

from efakit.finding import Finding
from efakit.hook.checks import check_devices
from efakit.hook.expectation import expected_devices
from efakit.hook.policy import refused_for
from efakit.hook.refusal import confirmed, pause_seconds
from efakit.hook.settings import Settings
from tests.hook.faults.fail_at import always, missing_for_preload
from tests.hook.hookrun import Node
from tests.hook.test_checks import EXPECTED, commands, device, four, snapshot
from tests.lab import efa_tree

pytestmark = pytest.mark.thorough

UNKNOWN = {"name": "rdmap3", "error": "Too many open files"}
RULES = ["devices-missing", "driver-unbound", "verbs-missing", "verbs-unusable", "counters-unreadable"]


def reasons(first: dict, second: dict | None = None, expectation: dict = EXPECTED) -> list[str]:
    """Return the messages for which a prolog would fail."""
    settings = Settings(mode="enforce", enforce=[*RULES, "commands-unanswered", "device-unreadable"])
    found = refused_for(settings, check_devices(first, expectation))
    return [item.message for item in confirmed(found, first, second or first, expectation)]


def three(**changes) -> dict:
    return snapshot(four()[:3], **changes)


def with_one(**changes) -> dict:
    return snapshot([*four()[:3], device("rdmap3", **changes)])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"driver": None}, "rdmap3 has no driver bound"),
        ({"verbs": None}, "rdmap3 has no uverbs device"),
        ({"unusable": "it cannot be opened"}, "rdmap3: it cannot be opened"),
        (
            {"errors": ["tx_bytes: Input/output error"]},
            "rdmap3: 1 counters could not be read (tx_bytes: Input/output error)",
        ),
    ],
)
def test_a_device_s_own_fault_is_a_reason_when_two_looks_show_it(fault, message):
    assert reasons(with_one(**fault)) == [message]
    assert reasons(with_one(**fault), snapshot(four())) == []
    another = snapshot([device("rdmap0", **fault), *four()[1:]])
    assert reasons(with_one(**fault), another) == [], "of another device"


@pytest.mark.parametrize(
    "lack",
    [
        {"driver": None, "driver_error": "Too many open files"},
        {"verbs": None, "verbs_error": "Cannot allocate memory"},
        {"open_error": "cannot be opened: Permission denied"},
        {"errors": ["tx_bytes: Too many open files"], "own_errors": ["tx_bytes: Too many open files"]},
    ],
)
def test_what_the_hook_lacks_is_told_and_is_no_reason(lack):
    assert reasons(with_one(**lack)) == []
    (finding,) = check_devices(with_one(**lack), EXPECTED)
    assert (finding.rule, finding.severity) == ("device-unreadable", "warning")
    assert finding.message.startswith("rdmap3: ")


def test_devices_are_missing_only_where_neither_look_saw_them():
    assert reasons(three()) == ["3 of 4 EFA devices found"]
    assert reasons(three(), snapshot(four())) == []
    assert reasons(three(), snapshot(four()[1:])) == [], "each look saw three, and together they saw all"
    assert reasons(three(), snapshot([], devices_listed=False)) == []


def test_what_may_be_a_device_is_not_missing():
    assert reasons(three(unknown_devices=[UNKNOWN])) == []
    assert reasons(three(), three(unknown_devices=[UNKNOWN])) == []
    assert reasons(snapshot(four()[:2], unknown_devices=[UNKNOWN])) == ["2 of 4 EFA devices found"]


def test_a_function_without_driver_must_be_seen_twice():
    assert reasons(three(unbound_functions=["0000:10:1b.0"])) == [
        "3 of 4 EFA devices found",
        "0000:10:1b.0 has no driver bound",
    ]
    assert reasons(three(unbound_functions=["0000:10:1b.0"]), three()) == ["3 of 4 EFA devices found"]


def test_what_the_health_check_found_needs_no_second_look_of_the_prolog_s():
    domains = Finding("domains-missing", "error", "libfabric offers 3 of 4")
    sound = snapshot(four())
    assert confirmed([domains], sound, sound, EXPECTED) == [domains]


def test_a_count_that_is_only_the_type_s_is_never_enforced():
    settings = Settings(mode="enforce", enforce=[*RULES, "devices-fewer"])
    by_type = expected_devices(settings, "node-1", "p4d.24xlarge", {"p4d.24xlarge": 4})
    (finding,) = check_devices(three(), by_type)
    assert (finding.rule, finding.severity) == ("devices-fewer", "warning")
    assert refused_for(settings, [finding]) == []


@pytest.mark.parametrize(
    ("settings", "source"),
    [({"expected_devices": 4}, "settings"), ({"compute_resources": {"gpu/p4d": 4}}, "compute-resource")],
)
def test_a_count_that_somebody_gave_is(settings, source):
    given = expected_devices(Settings(**settings), "gpu-st-p4d-1", "p4d.24xlarge", {})
    assert given["expected_from"] == source
    assert [item.rule for item in check_devices(three(), given)] == ["devices-missing"]


def test_commands_that_were_never_answered_are_shown_by_both_looks():
    finding = Finding("commands-unanswered", "error", "m")
    sick, sound = with_one(**commands(unanswered=1)), snapshot(four())
    assert confirmed([finding], sick, sound, EXPECTED) == []
    assert [item.rule for item in confirmed([finding], sick, sick, EXPECTED)] == ["commands-unanswered"]


def test_the_second_look_comes_soon():
    assert pause_seconds(5) == pytest.approx(0.1)
    assert pause_seconds(50) == 0.5


@pytest.mark.skipif(bool(missing_for_preload()), reason=f"no faults without {', '.join(missing_for_preload())}")
@pytest.mark.parametrize(
    ("error", "process", "status"),
    [
        *((error, -1, 1) for error in ("ENOENT", "ENODEV", "ENXIO", "EIO")),
        *((error, 1, 0) for error in ("ENOENT", "ENODEV", "ENXIO", "EIO")),
        *((error, 2, 0) for error in ("ENOENT", "EIO")),
        *((error, -1, 0) for error in ("EMFILE", "ENFILE", "ENOMEM", "EACCES", "EPERM", "ETIMEDOUT", "ENOBUFS")),
    ],
)
def test_a_prolog_fails_for_a_device_that_says_twice_that_it_is_gone(tmp_path, error, process, status):
    """The hook's first child takes the first look, its second child the second one."""
    node = Node(tmp_path, mode="enforce", compute_resources={"gpu/p5": 4}, run_dir=str(tmp_path / "run"))
    efa_tree.write_node(node.root, "p4d.24xlarge")
    node.set_interface(1, 1)
    node.config.write_text(json.dumps(node.settings))
    place = "dev/infiniband/uverbs0$"
    number = getattr(errno, error)
    variables = always(tmp_path / "state", node.archive, "stat", place, number, process=process)
    done = subprocess.run(
        [node.python, "-I", "-S", node.archive, "prolog", "--config", node.config],
        env={"SLURM_JOB_ID": "7", "SLURMD_NODENAME": node.name, "SLURM_CLUSTER_NAME": "lab", **variables},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert ("on purpose" in done.stdout) == (status == 1)
    assert ("a second look did not show this any more" in done.stdout) == (process == 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes device files: run as root")
def test_a_device_that_only_the_hook_may_not_open_is_not_known_to_be_unusable(tmp_path):
    path = tmp_path / "dev/infiniband/uverbs0"
    path.parent.mkdir(parents=True)
    os.mknod(path, 0o020666, os.makedev(1, 3))
    path.chmod(0o666)
    from efakit.node.devices import try_to_open

    assert try_to_open(str(tmp_path), "uverbs0")[0] is None
