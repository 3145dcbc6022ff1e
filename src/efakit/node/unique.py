"""Names that nobody else has, and short digests: for the records' and the spool's files."""

from __future__ import annotations

import os
import time


def random_hex(count: int) -> str:
    """Return ``2 * count`` random hex digits; where the kernel gives none, a digest of this process and moment.

    ``count`` is in bytes, at most 64. The kernel refuses (getrandom: EAGAIN) while it starts, and where a filter of
    system calls says so. A name is no secret: it has to be one of its own only.
    """
    try:
        return os.urandom(count).hex()
    except (OSError, NotImplementedError):
        moment = "%d %d %d" % (os.getpid(), time.time_ns(), time.monotonic_ns())
        return digest(moment.encode("ascii"), count)


def digest(data: bytes, count: int) -> str:
    """Return a digest of ``count`` bytes as hex digits."""
    try:
        from _blake2 import blake2b  # hashlib takes long to import
    except ImportError:
        from hashlib import blake2b
    return str(blake2b(data, digest_size=count).hexdigest())
