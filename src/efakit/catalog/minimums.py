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
    ``better``: the version from which on it works well, None where that is ``least``. ``note``: why.
    """

    instances: str
    component: str
    least: str
    better: str | None
    note: str
    source: str


MINIMUMS = (
    Minimum("p4d.*", "nccl", "2.4.8", None, "the least that any plugin works with", _PLUGIN_NOTES),
    Minimum("p4de.*", "plugin", "1.3.0", None, "the first with a topology for it", _PLUGIN_NOTES),
    Minimum("p4de.*", "nccl", "2.4.8", None, "the least that any plugin works with", _PLUGIN_NOTES),
    Minimum("p5.48xlarge", "plugin", "1.7.2", "1.7.3", "older ones do not know it", _ENV_DOC),
    Minimum("p5.48xlarge", "installer", "1.29.0", None, "older ones do not know it", _ENV_DOC),
    Minimum("p5.48xlarge", "nccl", "2.18.0", "2.18.5", "older ones do not know Hopper GPUs", _ENV_DOC),
    Minimum("p5.* p5e.* p5en.*", "cuda", "12.0", None, "older ones do not know Hopper GPUs", _ENV_DOC),
    Minimum("p5e.*", "plugin", "1.11.0", None, "older ones do not know it", _PLATFORM),
    Minimum("p5e.*", "installer", "1.34.0", None, "older ones do not know it", _EFA_CHANGELOG),
    Minimum("p5en.*", "plugin", "1.13.0", "1.15.0", "older ones do not know it; 1.15.0 has its latency", _PLATFORM),
    Minimum("p5en.*", "installer", "1.36.0", None, "older ones do not know it", _EFA_CHANGELOG),
    Minimum("p5en.*", "nccl", "2.23", None, "what the first plugin for it was tested with", _PLUGIN_NOTES),
    Minimum("p5.4xlarge", "plugin", "1.16.2", None, "the first with an entry for it", _PLUGIN_NOTES),
    Minimum("p5.4xlarge", "installer", "1.43.1", None, "the first that brings a plugin for it", _EFA_CHANGELOG),
    Minimum("p6-b200.*", "plugin", "1.15.0", "1.17.0", "older ones do not know it; 1.17.0 spreads NICs", _PLATFORM),
    Minimum("p6-b200.*", "installer", "1.42.0", None, "the first that brings a plugin for it", _EFA_CHANGELOG),
    Minimum("p6-b200.*", "nccl", "2.26", "2.28.3", "what it was tested with; 2.28.3 spreads NICs", _PLUGIN_NOTES),
    Minimum("p6e-gb200.*", "plugin", "1.16.1", "1.19.0", "skips its NICs without GPU; 1.19.0 in Docker", _PLUGIN_NOTES),
    Minimum("p6e-gb200.*", "installer", "1.43.0", None, "the first that brings a plugin for it", _EFA_CHANGELOG),
    Minimum("p6e-gb200.*", "nccl", "2.25", None, "NVLink over several nodes", _PLUGIN_NOTES),
    Minimum("g7e.1* g7e.2* g7e.48xlarge", "plugin", "1.17.2", None, "older ones do not know it", _PLUGIN_NOTES),
    Minimum("g7e.8xlarge", "plugin", "1.17.2", "1.18.0", "1.18.0 has the right protocol for it", _PLUGIN_NOTES),
    Minimum("g7e.*", "installer", "1.45.0", None, "the first that brings a plugin for it", _EFA_CHANGELOG),
    Minimum("p6-b300.*", "plugin", "1.18.0", "1.21.0", "older ones have no tuning for it", _PLUGIN_NOTES),
    Minimum("p6-b300.*", "installer", "1.47.0", None, "the first that brings a plugin for it", _EFA_CHANGELOG),
    Minimum("p6-b300.*", "nccl", "2.28", None, "what it was tested with", _PLUGIN_NOTES),
)
