"""Names of their own, also where the kernel gives nothing random."""

from __future__ import annotations

import errno
import os

import pytest

from efakit.node.unique import random_hex


@pytest.mark.parametrize(
    "error", [OSError(errno.EAGAIN, "busy"), OSError(errno.EPERM, "not allowed"), NotImplementedError("no urandom")]
)
def test_where_the_kernel_gives_nothing_random_names_still_differ(monkeypatch, error):
    def refuse(count: int) -> bytes:
        raise error

    monkeypatch.setattr(os, "urandom", refuse)
    names = [random_hex(8) for _ in range(100)]
    assert len(set(names)) == 100
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in names)
