"""Least versions per instance type, as rows.

Rows about the plugin are from its tags and release notes; those about the EFA installer follow from the plugin that it
brings, so they say nothing where the user names a plugin. NCCL for B200, GB200 and B300 is what was tested with them.
"""

from __future__ import annotations

from typing import NamedTuple

_PLUGIN_NOTES = "https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/RELEASENOTES.md"
_PLATFORM = "https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/src/platform-aws.cpp"
_ENV_DOC = "https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/doc/efa-env-var.md"
_EFA_CHANGELOG = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html"


class Minimum(NamedTuple):
    """The least version of one component on some instance types.

    ``instances``: patterns of instance types, by blanks. ``component``: a key of ``catalog.variables.COMPONENTS``.
    ``better``: the version from which on it works well, None where that is ``least``. ``note``: why. ``severity``
    "error" takes proof that older versions fail there.
    """

    instances: str
    component: str
    least: str
    better: str | None
    note: str
    source: str
    severity: str = "warning"


MINIMUMS = (
    Minimum(
        instances="p4d.*",
        component="nccl",
        least="2.4.8",
        better=None,
        note="the minimum of every plugin release",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p4de.*",
        component="plugin",
        least="1.3.0",
        better=None,
        note="the first release with a topology for it",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p4de.*",
        component="nccl",
        least="2.4.8",
        better=None,
        note="the minimum of every plugin release",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p5.48xlarge",
        component="plugin",
        least="1.7.2",
        better="1.7.3",
        note="the minimum of its vendor",
        source=_ENV_DOC,
    ),
    Minimum(
        instances="p5.48xlarge",
        component="installer",
        least="1.29.0",
        better=None,
        note="the minimum of the plugin's vendor with NCCL 2.19 and later",
        source=_ENV_DOC,
    ),
    Minimum(
        instances="p5.48xlarge",
        component="nccl",
        least="2.18.0",
        better="2.18.5",
        note="the minimum of the plugin's vendor",
        source=_ENV_DOC,
    ),
    Minimum(
        instances="p5.* p5e.* p5en.*",
        component="cuda",
        least="12.0",
        better=None,
        note="the minimum of the plugin's vendor",
        source=_ENV_DOC,
    ),
    Minimum(
        instances="p5e.*",
        component="plugin",
        least="1.11.0",
        better=None,
        note="older releases do not support it",
        source=_PLATFORM,
    ),
    Minimum(
        instances="p5e.*",
        component="installer",
        least="1.34.0",
        better=None,
        note="older releases do not support it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p5en.*",
        component="plugin",
        least="1.13.0",
        better="1.15.0",
        note="older releases do not support it; 1.15.0 has its latency",
        source=_PLATFORM,
    ),
    Minimum(
        instances="p5en.*",
        component="installer",
        least="1.36.0",
        better=None,
        note="older releases do not support it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p5en.*",
        component="nccl",
        least="2.23",
        better=None,
        note="the release with which the first plugin for it was tested",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p5.4xlarge",
        component="plugin",
        least="1.16.2",
        better=None,
        note="the first release with an entry for it",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p5.4xlarge",
        component="installer",
        least="1.43.1",
        better=None,
        note="the first release that includes a plugin for it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p6-b200.*",
        component="plugin",
        least="1.15.0",
        better="1.17.0",
        note="older releases treat it as a p5; 1.17.0 spreads NICs",
        source=_PLATFORM,
    ),
    Minimum(
        instances="p6-b200.*",
        component="installer",
        least="1.42.0",
        better=None,
        note="the first release that includes a plugin for it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p6-b200.*",
        component="nccl",
        least="2.26",
        better="2.28.3",
        note="the release with which it was tested; 2.28.3 spreads NICs",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p6e-gb200.*",
        component="plugin",
        least="1.16.1",
        better="1.19.0",
        note="older releases use its NICs that have no GPU at their PCI level; 1.19.0 supports Docker's topology",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p6e-gb200.*",
        component="installer",
        least="1.43.0",
        better=None,
        note="the first release that includes a plugin for it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p6e-gb200.*",
        component="nccl",
        least="2.25.1",
        better=None,
        note="older releases are not built for Blackwell GPUs",
        source="https://github.com/NVIDIA/nccl/blob/master/makefiles/common.mk",
    ),
    Minimum(
        instances="g7e.1* g7e.2* g7e.48xlarge",
        component="plugin",
        least="1.17.2",
        better=None,
        note="older releases do not support it",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="g7e.8xlarge",
        component="plugin",
        least="1.17.2",
        better="1.18.0",
        note="1.18.0 uses the right protocol for it",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="g7e.*",
        component="installer",
        least="1.45.0",
        better=None,
        note="the first release that includes a plugin for it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p6-b300.*",
        component="plugin",
        least="1.18.0",
        better="1.21.0",
        note="older releases have no tuning for it",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p6-b300.*",
        component="installer",
        least="1.47.0",
        better=None,
        note="the first release that includes a plugin for it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p6-b300.*",
        component="nccl",
        least="2.28",
        better=None,
        note="the release with which it was tested",
        source=_PLUGIN_NOTES,
    ),
)
