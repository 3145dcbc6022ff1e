"""For what a prolog may fail: only for what two looks at the node show, of the same devices."""

from __future__ import annotations

from efakit.hook.checks import check_count, check_devices, check_node, device_faults, fault_findings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from efakit.finding import Finding
    from efakit.node.snapshot import Snapshot


# How long after the first look the second one is taken: a share of the deadline, and at most so long.
_PAUSE_SHARE, _MOST_PAUSE_SECONDS = 0.02, 0.5


def pause_seconds(deadline_seconds: float) -> float:
    """Return how long to wait between the two looks: what is short for a moment is there again."""
    return min(_PAUSE_SHARE * deadline_seconds, _MOST_PAUSE_SECONDS)


def confirmed(
    reasons: Sequence[Finding], first: Snapshot, second: Snapshot, expectation: Mapping[str, Any]
) -> list[Finding]:
    """Return the reasons for a refusal that a second look gives too, in its words.

    What comes from the health check stays: it asks twice itself.
    """
    rules = {item.rule for item in reasons}
    seen_here = {item.rule for item in check_devices(first, expectation) + check_node(first)}
    twice: list[Finding] = [item for item in shown_twice(first, second, expectation) if item.rule in rules]
    return twice + [item for item in reasons if item.rule not in seen_here]


def shown_twice(first: Snapshot, second: Snapshot, expectation: Mapping[str, Any]) -> list[Finding]:
    """Return the findings that both snapshots give, with the devices that are faulty in both.

    A device is missing only where neither saw it, or something that may be it.
    """
    before = device_faults(first)
    faults = {
        rule: {name: why for name, why in by_name.items() if name in before[rule]}
        for rule, by_name in device_faults(second).items()
    }
    seen = {name for snapshot in (first, second) for name in snapshot["devices_present"]}
    seen |= {item["name"] for snapshot in (first, second) for item in snapshot["unknown_devices"]}
    earlier = {item.rule for item in check_devices(first, expectation) + check_node(first)}
    if len(seen) >= (expectation["devices_expected"] or 0):
        earlier.discard("devices-missing")
    later = check_count(second, expectation) + fault_findings(faults) + check_node(second)
    return [item for item in later if item.rule in earlier]
