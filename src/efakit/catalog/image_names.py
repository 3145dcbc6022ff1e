"""Names of images."""

from __future__ import annotations


def image_name(image: str) -> str:
    """Return an image's name as a registry has it, from that of Enroot: docker://nvcr.io#nvidia/pytorch:25.10."""
    name = image[len("docker://") :] if image.startswith("docker://") else image
    return name.replace("#", "/", 1)


def is_image_file(runtime: str, image: str) -> bool:
    """Return whether an image is a file, as Apptainer's and the squashed ones of Enroot are: no registry has it."""
    return runtime == "apptainer" or image.startswith(("/", "./", "../")) or image.endswith((".sqsh", ".sif"))


def from_file_of(container: dict[str, str] | None) -> bool | None:
    """Return whether the image of a job's container, as the spec has it, is a file; None without a container."""
    return is_image_file(container["runtime"], container["image"]) if container else None
