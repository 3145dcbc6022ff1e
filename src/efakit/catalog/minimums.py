"""The least versions that an instance type needs, and pairs of versions that do not work together, as rows.

Only what a source says has a row. ``instances`` is a pattern; the first row of a component that fits counts.
"""

from __future__ import annotations

from typing import NamedTuple

_PLUGIN = "https://github.com/aws/aws-ofi-nccl/blob/master/"
_NOTES = _PLUGIN + "RELEASENOTES.md"
_PLATFORM = _PLUGIN + "src/platform-aws.cpp"
_ENV_DOC = _PLUGIN + "doc/efa-env-var.md"
_EFA_CHANGELOG = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html"


class Minimum(NamedTuple):
    """One least version; ``component`` is efa_installer, plugin or nccl. ``inferred``: no source says it outright."""

    instances: str
    component: str
    version: str
    source: str
    inferred: bool = False


# The installer's are those that first brought the plugin's; NCCL's for B200, GB200 and B300 are "tested with".
MINIMUMS = (
    Minimum("p5.4xlarge", "plugin", "1.16.2", _NOTES),
    Minimum("p5.4xlarge", "efa_installer", "1.43.1", _EFA_CHANGELOG, inferred=True),
    Minimum("p5.*", "plugin", "1.7.2", _ENV_DOC),
    Minimum("p5.*", "efa_installer", "1.29.0", _ENV_DOC),
    Minimum("p5.*", "nccl", "2.18.0", _ENV_DOC),
    Minimum("p5e.*", "plugin", "1.11.0", _NOTES),
    Minimum("p5e.*", "efa_installer", "1.34.0", _EFA_CHANGELOG, inferred=True),
    Minimum("p5en.*", "plugin", "1.13.0", _NOTES),
    Minimum("p5en.*", "efa_installer", "1.36.0", _EFA_CHANGELOG, inferred=True),
    Minimum("p5en.*", "nccl", "2.23", _NOTES, inferred=True),
    Minimum("p6-b200.*", "plugin", "1.15.0", _NOTES),
    Minimum("p6-b200.*", "efa_installer", "1.42.0", _EFA_CHANGELOG, inferred=True),
    Minimum("p6-b200.*", "nccl", "2.26", _NOTES, inferred=True),
    Minimum("p6e-gb200.*", "plugin", "1.16.1", _NOTES),
    Minimum("p6e-gb200.*", "efa_installer", "1.43.0", _EFA_CHANGELOG, inferred=True),
    Minimum("p6e-gb200.*", "nccl", "2.25", _NOTES, inferred=True),
    Minimum("p6-b300.*", "plugin", "1.18.0", _NOTES),
    Minimum("p6-b300.*", "efa_installer", "1.47.0", _EFA_CHANGELOG, inferred=True),
    Minimum("p6-b300.*", "nccl", "2.28", _NOTES, inferred=True),
    Minimum("g7e.*", "plugin", "1.17.2", _NOTES),
    Minimum("g7e.*", "efa_installer", "1.45.0", _EFA_CHANGELOG, inferred=True),
    Minimum("p4d*", "nccl", "2.4.8", _NOTES),
)


class KnownBad(NamedTuple):
    """Versions of the plugin, alone or with another component, that are known to fail.

    Bounds as everywhere: since <= version < until; None: no bound. ``fixed`` is the release that works.
    """

    effect: str
    fixed: str
    severity: str
    source: str
    plugin_since: str | None
    plugin_until: str | None
    component: str | None = None
    since: str | None = None
    until: str | None = None
    instances: str = "*"


KNOWN_BAD = (
    KnownBad("slow, or a crash", "1.11.1", "warning", _NOTES, "1.11.0", "1.11.1", "efa_installer", "1.35.0"),
    KnownBad("slow, or a crash", "1.12.1", "warning", _NOTES, "1.12.0", "1.12.1", "efa_installer", "1.35.0"),
    KnownBad("NCCL ends at its GPUDirect check", "1.16.2", "error", _NOTES, "1.15.0", "1.16.2", instances="p5.4xlarge"),
    KnownBad(
        "a crash where libfabric fails to start",
        "1.17.2",
        "warning",
        _NOTES,
        "1.17.0",
        "1.17.2",
        "nccl",
        "2.28",
        "2.29",
    ),
    KnownBad("wrong results of a receive of several messages", "1.19.2", "warning", _NOTES, "1.19.0", "1.19.2"),
    KnownBad("host memory leaks in long jobs", "1.17.3", "info", _NOTES, None, "1.17.3"),
    KnownBad("the tuner is not loaded", "1.9.2", "info", _NOTES, None, "1.9.2", "nccl", "2.19", "2.21"),
)
