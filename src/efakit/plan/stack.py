"""Decides the software stack of the nodes and of containers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from efakit.catalog.stacks import Stack, stack_of
from efakit.spec.model import Cluster, Container


@dataclass(frozen=True)
class Software:
    """What runs on the nodes: ``stack`` and ``os`` (None: not known).

    ``own_images`` are the queues whose image is the user's own: of their software only the versions that the spec names
    are certain.
    """

    stack: Stack
    os: str | None = None
    own_images: frozenset[str] = frozenset()


def named_stack(cluster: Cluster) -> Stack:
    """Return the stack of which only the versions are known that the spec names."""
    return stack_of(None, **asdict(cluster.stack))


def container_stack(host: Stack, container: Container) -> Stack:
    """Return the stack of a container: the versions in the image, on the host's kernel and driver."""
    return stack_of(driver=host.driver, kernel=host.kernel, **container.stack)
