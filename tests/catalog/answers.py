"""EC2's descriptions of instance types, for tests: as DescribeInstanceTypes gives them."""

from __future__ import annotations

from typing import Any


def with_efa(name: str, **network: Any) -> dict[str, Any]:
    """Describe a type with EFA; ``network`` overlays NetworkInfo."""
    return {
        "InstanceType": name,
        "SupportedUsageClasses": ["spot", "on-demand"],
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        "VCpuInfo": {"DefaultVCpus": 192, "DefaultCores": 96, "DefaultThreadsPerCore": 2},
        "MemoryInfo": {"SizeInMiB": 2097152},
        "NetworkInfo": {
            "NetworkPerformance": "16x 400 Gigabit",
            "NetworkCards": [{"NetworkCardIndex": card, "MaximumNetworkInterfaces": 2} for card in range(16)],
            "EfaSupported": True,
            "EfaInfo": {"MaximumEfaInterfaces": 16},
            **network,
        },
        "GpuInfo": {
            "Gpus": [{"Name": "R100", "Manufacturer": "NVIDIA", "Count": 8, "MemoryInfo": {"SizeInMiB": 294912}}]
        },
        "PlacementGroupInfo": {"SupportedStrategies": ["cluster", "partition", "spread"]},
    }


def without_efa(name: str, vcpus: int = 2) -> dict[str, Any]:
    """Describe a type without EFA."""
    return {
        "InstanceType": name,
        "ProcessorInfo": {"SupportedArchitectures": ["i386", "x86_64"]},
        "VCpuInfo": {"DefaultVCpus": vcpus, "DefaultCores": vcpus // 2, "DefaultThreadsPerCore": 2},
        "MemoryInfo": {"SizeInMiB": 8192},
        "NetworkInfo": {"NetworkPerformance": "Moderate", "EfaSupported": False},
    }
