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
        note="the least that any plugin works with",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p4de.*",
        component="plugin",
        least="1.3.0",
        better=None,
        note="the first with a topology for it",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p4de.*",
        component="nccl",
        least="2.4.8",
        better=None,
        note="the least that any plugin works with",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p5.48xlarge",
        component="plugin",
        least="1.7.2",
        better="1.7.3",
        note="the least that its vendor asks for",
        source=_ENV_DOC,
    ),
    Minimum(
        instances="p5.48xlarge",
        component="installer",
        least="1.29.0",
        better=None,
        note="the least that the plugin's vendor asks for, with NCCL 2.19 and later",
        source=_ENV_DOC,
    ),
    Minimum(
        instances="p5.48xlarge",
        component="nccl",
        least="2.18.0",
        better="2.18.5",
        note="the least that the plugin's vendor asks for",
        source=_ENV_DOC,
    ),
    Minimum(
        instances="p5.* p5e.* p5en.*",
        component="cuda",
        least="12.0",
        better=None,
        note="the least that the plugin's vendor asks for",
        source=_ENV_DOC,
    ),
    Minimum(
        instances="p5e.*",
        component="plugin",
        least="1.11.0",
        better=None,
        note="older ones do not know it",
        source=_PLATFORM,
    ),
    Minimum(
        instances="p5e.*",
        component="installer",
        least="1.34.0",
        better=None,
        note="older ones do not know it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p5en.*",
        component="plugin",
        least="1.13.0",
        better="1.15.0",
        note="older ones do not know it; 1.15.0 has its latency",
        source=_PLATFORM,
    ),
    Minimum(
        instances="p5en.*",
        component="installer",
        least="1.36.0",
        better=None,
        note="older ones do not know it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p5en.*",
        component="nccl",
        least="2.23",
        better=None,
        note="what the first plugin for it was tested with",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p5.4xlarge",
        component="plugin",
        least="1.16.2",
        better=None,
        note="the first with an entry for it",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p5.4xlarge",
        component="installer",
        least="1.43.1",
        better=None,
        note="the first that brings a plugin for it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p6-b200.*",
        component="plugin",
        least="1.15.0",
        better="1.17.0",
        note="older ones take it for a p5; 1.17.0 spreads NICs",
        source=_PLATFORM,
    ),
    Minimum(
        instances="p6-b200.*",
        component="installer",
        least="1.42.0",
        better=None,
        note="the first that brings a plugin for it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p6-b200.*",
        component="nccl",
        least="2.26",
        better="2.28.3",
        note="what it was tested with; 2.28.3 spreads NICs",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p6e-gb200.*",
        component="plugin",
        least="1.16.1",
        better="1.19.0",
        note="older ones use its NICs without a GPU beside them; 1.19.0 knows Docker's topology",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p6e-gb200.*",
        component="installer",
        least="1.43.0",
        better=None,
        note="the first that brings a plugin for it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p6e-gb200.*",
        component="nccl",
        least="2.25.1",
        better=None,
        note="older ones are not built for Blackwell GPUs",
        source="https://github.com/NVIDIA/nccl/blob/master/makefiles/common.mk",
    ),
    Minimum(
        instances="g7e.1* g7e.2* g7e.48xlarge",
        component="plugin",
        least="1.17.2",
        better=None,
        note="older ones do not know it",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="g7e.8xlarge",
        component="plugin",
        least="1.17.2",
        better="1.18.0",
        note="1.18.0 has the right protocol for it",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="g7e.*",
        component="installer",
        least="1.45.0",
        better=None,
        note="the first that brings a plugin for it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p6-b300.*",
        component="plugin",
        least="1.18.0",
        better="1.21.0",
        note="older ones have no tuning for it",
        source=_PLUGIN_NOTES,
    ),
    Minimum(
        instances="p6-b300.*",
        component="installer",
        least="1.47.0",
        better=None,
        note="the first that brings a plugin for it",
        source=_EFA_CHANGELOG,
    ),
    Minimum(
        instances="p6-b300.*",
        component="nccl",
        least="2.28",
        better=None,
        note="what it was tested with",
        source=_PLUGIN_NOTES,
    ),
)
