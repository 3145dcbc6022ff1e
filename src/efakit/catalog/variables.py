"""Environment variables as rows: which one a job needs, on what stack, on which instance, and why.

A bound (``plugin_since``, ``plugin_until``) is the first release for which the row holds, or the first for which it
holds no more. A row with a bound does not hold where that component's version is not known.
"""

from __future__ import annotations

from typing import NamedTuple

_PLUGIN = "https://github.com/aws/aws-ofi-nccl/blob/master/"
_ENV_DOC = _PLUGIN + "doc/efa-env-var.md"
_PLATFORM = _PLUGIN + "src/platform-aws.cpp"


class VariableRule(NamedTuple):
    """One variable that a job must have, and where."""

    name: str
    value: str
    workload: str
    reason: str
    source: str
    plugin_since: str | None = None
    plugin_until: str | None = None
    instances: str = "*"
    except_instances: str = ""


VARIABLE_RULES = (
    VariableRule(
        "NCCL_NET",
        "Libfabric",
        "nccl",
        "a plugin that is missing or fails ends the job at once; without this NCCL goes on over TCP",
        "https://github.com/aws/aws-ofi-nccl/commit/7c014f0d",
        plugin_since="1.12.0",
    ),
    VariableRule(
        "NCCL_NET",
        "AWS Libfabric",
        "nccl",
        "a plugin that is missing or fails ends the job at once; without this NCCL goes on over TCP",
        "https://github.com/aws/aws-ofi-nccl/commit/7c014f0d",
        plugin_until="1.12.0",
    ),
    VariableRule(
        "FI_PROVIDER",
        "efa",
        "nccl",
        "plugins until 1.5 take whatever provider libfabric lists first",
        _ENV_DOC,
        plugin_until="1.6.0",
    ),
    VariableRule(
        "FI_EFA_USE_DEVICE_RDMA",
        "1",
        "nccl",
        "plugins until 1.6 do not ask for RDMA read by themselves on this hardware",
        _ENV_DOC,
        plugin_until="1.7.0",
        instances="p[45]*",
    ),
    VariableRule(
        "NCCL_BUFFSIZE",
        "8388608",
        "nccl",
        "the plugin sets it by itself only from 1.16.0 on; NCCL's own 4 MiB are slower on EFA",
        _PLATFORM,
        plugin_until="1.16.0",
        instances="p[456]*",
        except_instances="p5.4xlarge",  # for which the plugin has no entry of its own
    ),
    VariableRule(
        "NCCL_P2P_NET_CHUNKSIZE",
        "524288",
        "nccl",
        "the plugin sets it by itself only from 1.16.0 on; NCCL's own 128 KiB are slower on EFA",
        _PLATFORM,
        plugin_until="1.16.0",
        instances="p[456]*",
        except_instances="p5.4xlarge",  # for which the plugin has no entry of its own
    ),
)
