"""For which of the hook's rules a prolog may fail in mode ``enforce``: those that say an EFA device is of no use."""

from __future__ import annotations

ENFORCED_BY_DEFAULT = ("devices-missing", "driver-unbound", "verbs-missing", "verbs-unusable")
ENFORCEABLE = (
    *ENFORCED_BY_DEFAULT,
    "counters-unreadable",
    "commands-unanswered",
    "fi-info-hangs",
    "provider-missing",
    "domains-missing",
)

# Names that rules of the hook had, and the ones that they have: older records and specs name them.
RENAMED = {"hugepages": "huge-pages-few"}
