"""Values of the charts that offer devices to pods."""

from __future__ import annotations

from typing import Any

from efakit.catalog import eks as rows
from efakit.emit.eks.cluster import EFA_LABEL
from efakit.emit.writing import Line, yaml_lines
from efakit.plan.eks import EksPlan

CRITICAL = {"key": "CriticalAddonsOnly", "operator": "Exists"}


def toleration(section: EksPlan) -> list[dict[str, Any]]:
    """Return the toleration of the EFA nodes' taint; none where there is no taint."""
    if not section.section.taint:
        return []
    return [{"key": rows.TAINT, "operator": "Exists", "effect": "NoSchedule"}]


def values_files(section: EksPlan) -> dict[str, str]:
    """Return the values of each chart by the file's name."""
    files: dict[str, str] = {}
    if section.efa_types:
        name = "values-efa-dra.yaml" if section.section.devices == "dra" else "values-efa-device-plugin.yaml"
        files[name] = _efa(section)
    if section.accelerated("nvidia.com/gpu"):
        files["values-nvidia-device-plugin.yaml"] = _nvidia(section)
    if section.accelerated("aws.amazon.com/neuron"):
        files["values-neuron.yaml"] = _neuron(section)
    return files


def _efa(section: EksPlan) -> str:
    chart = f"aws-efa-k8s-device-plugin {rows.PLUGIN_VERSION}"
    if section.section.devices == "dra":
        chart = f"aws-dranet {rows.DRA_VERSION}"
    lines: list[Line] = [
        (
            "nodeSelector",
            {EFA_LABEL: "true"},
            "On a node without EFA interfaces the driver exits and restarts.",
        ),
        (
            "supportedInstanceLabels",
            {"keys": ["node.kubernetes.io/instance-type"], "values": list(section.efa_types)},
            "",
        ),
        ("tolerations", toleration(section), "The chart's default is an empty list."),
    ]
    return yaml_lines(f"Values for the chart {chart}.", lines)


def _nvidia(section: EksPlan) -> str:
    gpu = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    lines: list[Line] = [
        ("nodeSelector", {"nvidia.com/gpu.present": "true"}, "A label of the node groups."),
        ("tolerations", [CRITICAL, gpu, *toleration(section)], "This list replaces the chart's list."),
    ]
    return yaml_lines("Values for the chart nvidia-device-plugin.", lines)


def _neuron(section: EksPlan) -> str:
    neuron = {"key": "aws.amazon.com/neuron", "operator": "Exists", "effect": "NoSchedule"}
    lines: list[Line] = [
        ("neuronInstances", list(section.accelerated("aws.amazon.com/neuron")), "The chart runs on these types."),
        (
            "devicePlugin",
            {"tolerations": [CRITICAL, neuron, *toleration(section)]},
            "This list replaces the chart's list.",
        ),
    ]
    return yaml_lines("Values for the chart neuron-helm-chart.", lines)
