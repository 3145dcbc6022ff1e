"""Names of images."""

from __future__ import annotations


def image_name(image: str) -> str:
    """Return an image's name as a registry has it, from that of Enroot: docker://nvcr.io#nvidia/pytorch:25.10."""
    name = image[len("docker://") :] if image.startswith("docker://") else image
    return name.replace("#", "/", 1)
