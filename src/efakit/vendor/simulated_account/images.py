"""The official ParallelCluster AMIs, in the form that moto reads from MOTO_AMIS_PATH."""

from __future__ import annotations

import json
from pathlib import Path

ARCHITECTURES = ("x86_64", "arm64")


def write_official_images(path: Path) -> None:
    """Write the official AMIs of the installed pcluster to ``path``.

    pcluster finds them by name and owner (pcluster/aws/ec2.py get_official_image_id); moto gives what it reads from
    the file the owner alias ``amazon``. Rocky Linux has no official AMI (PRIVATE_OSES), here as on AWS. Instance types
    that the open NVIDIA driver does not support are refused by the words in the description
    (InstanceTypeBaseAMICompatibleValidator).
    """
    from pcluster import constants, utils

    version = utils.get_installed_version()
    private = getattr(constants, "PRIVATE_OSES", ("rocky8", "rocky9"))
    rows: list[dict[str, object]] = []
    for os_name, part in constants.OS_TO_IMAGE_NAME_PART_MAP.items():
        if os_name in private:
            continue
        for architecture in ARCHITECTURES:
            name = f"aws-parallelcluster-{version}-{part}-{architecture}-202601010000"
            rows.append(
                {
                    "ami_id": f"ami-{len(rows) + 1:017x}",
                    "name": name,
                    "description": f"AWS ParallelCluster AMI for {os_name}",
                    "image_location": f"amazon/{name}",
                    "owner_id": "247102896272",
                    "architecture": architecture,
                    "virtualization_type": "hvm",
                    "hypervisor": "xen",
                    "root_device_type": "ebs",
                    "root_device_name": "/dev/sda1",
                    "image_type": "machine",
                    "public": True,
                    "sriov": "simple",
                    "creation_date": "2026-01-01T00:00:00.000Z",
                    "state": "available",
                }
            )
    path.write_text(json.dumps(rows), encoding="utf-8")
