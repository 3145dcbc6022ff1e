"""What a snapshot says: findings of the prolog and of the epilog."""

from __future__ import annotations

import pytest

from efakit.hook.checks import check_devices, check_growth, check_node
from efakit.hook.installed import check_limits
from efakit.hook.job import job_from
from efakit.node.limits import UNLIMITED

EXPECTED = {"devices_expected": 4, "expected_from": "settings", "expected_by": "settings"}


def device(name: str, **changes) -> dict:
    counters = {"counters": {}, "device_counters": {"cmds_err": 0, "no_completion_cmds": 0}}
    known = {"driver_error": None, "verbs_error": None, "open_error": None, "errors": [], "own_errors": []}
    return {"name": name, "driver": "efa", "verbs": "uverbs0", "unusable": None, **known, **counters, **changes}


def snapshot(devices: list[dict], **changes) -> dict:
    return {
        "complete": True,
        "devices_listed": True,
        "list_error": None,
        "instance_type": "p4d.24xlarge",
        "late": None,
        "hugepages": None,
        "devices_present": [item["name"] for item in devices],
        "unknown_devices": [],
        "unbound_functions": [],
        "unknown_functions": [],
        "devices": devices,
        **changes,
    }


def four(**changes) -> list[dict]:
    return [device(f"rdmap{number}", **changes) for number in range(4)]


def told(findings: list[dict]) -> list[tuple[str, str, str]]:
    return [(item.rule, item.severity, item.message) for item in findings]


def commands(unanswered: int = 0, refused: int = 0) -> dict:
    return {"device_counters": {"no_completion_cmds": unanswered, "cmds_err": refused}}


def test_a_sound_node_has_no_findings():
    assert check_devices(snapshot(four()), EXPECTED) + check_node(snapshot(four())) == []


def test_many_devices_with_the_same_fault_are_one_finding():
    assert told(check_devices(snapshot(four(driver=None)), EXPECTED)) == [
        ("driver-unbound", "error", "rdmap0, rdmap1, rdmap2 and 1 more have no driver bound")
    ]
    assert told(check_devices(snapshot([*four()[:3], device("rdmap9", verbs=None)]), EXPECTED)) == [
        ("verbs-missing", "error", "rdmap9 has no uverbs device")
    ]


def test_a_verbs_device_that_cannot_be_opened_is_told_with_its_reason():
    why = "/dev/infiniband/uverbs0 cannot be opened: Permission denied"
    assert told(check_devices(snapshot([*four()[:3], device("rdmap9", unusable=why)]), EXPECTED)) == [
        ("verbs-unusable", "error", f"rdmap9: {why}")
    ]


def test_a_device_set_that_is_not_known_is_neither_missing_nor_complete():
    unknown = snapshot([], devices_listed=False, complete=False, list_error="x: Input/output error")
    assert [item.rule for item in check_devices(unknown, EXPECTED)] == ["snapshot-incomplete"]


@pytest.mark.parametrize(
    ("now", "before", "findings"),
    [
        (commands(), None, []),
        (commands(refused=3), None, [("commands-refused", "info", "since the driver was loaded")]),
        (commands(unanswered=1), None, [("commands-unanswered", "error", "since the driver was loaded")]),
        (commands(refused=3), commands(refused=3), []),
        (commands(refused=5), commands(refused=3), [("commands-refused", "warning", "2 admin commands refused while")]),
        (
            commands(unanswered=1),
            commands(),
            [("commands-unanswered", "error", "1 admin commands never answered while")],
        ),
        ({"device_counters": {}}, {"device_counters": {}}, []),
    ],
)
def test_admin_commands_that_fail_are_told_before_the_job_and_by_growth_after_it(now, before, findings):
    after = snapshot([device("rdmap0", **now)])
    found = check_node(after) if before is None else check_growth(snapshot([device("rdmap0", **before)]), after)
    assert len(found) == len(findings)
    for item, (rule, severity, part) in zip(told(found), findings, strict=True):
        assert item[:2] == (rule, severity)
        assert part in item[2]


def test_late_devices_are_told():
    late = snapshot(four(), late={"devices_at_first": 1, "waited_seconds": 0.4})
    assert told(check_node(late)) == [
        ("devices-late", "warning", "only 1 EFA devices were ready at first; others came within 0.4 s")
    ]


LIMITS = {"locked_memory": UNLIMITED, "login_limits": [], "ptrace_scope": 0}


@pytest.mark.parametrize(("count", "severity"), [(0, ["warning"]), (5128, ["info"]), (10561, []), (20000, [])])
def test_huge_pages(count, severity):
    pages = {"size_kib": 2048, "count": count, "wanted": 10561}
    found = check_node(snapshot(four(), hugepages=pages))
    assert [(item.rule, item.severity) for item in found] == [("huge-pages-few", one) for one in severity]
    assert check_limits({**LIMITS, "huge_pages": pages}) == found, "prolog and health check say the same"


@pytest.mark.parametrize(
    ("variables", "exit_code", "derived"),
    [
        ({}, None, None),
        ({"SLURM_JOB_EXIT_CODE2": "3:0", "SLURM_JOB_EXIT_CODE": "768", "SLURM_JOB_DERIVED_EC": "768"}, "3:0", "3:0"),
        ({"SLURM_JOB_EXIT_CODE": "9", "SLURM_JOB_DERIVED_EC": "0"}, "0:9", "0:0"),
        ({"SLURM_JOB_EXIT_CODE": "oops"}, None, None),
    ],
)
def test_slurm_s_exit_codes(variables, exit_code, derived):
    job = job_from({"SLURM_JOB_ID": "7", **variables}, "n1")
    assert (job["exit_code"], job["derived_exit_code"]) == (exit_code, derived)
