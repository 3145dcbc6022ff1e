"""Runs a program that may not read what its modes deny, also where the tests are root's."""

from __future__ import annotations

import os
import shutil

import pytest


def without_privilege(argv: list[str]) -> list[str]:
    """Return the words of a program that has no right beyond the files' modes; skip where that cannot be had."""
    if os.geteuid():
        return argv
    if shutil.which("setpriv") is None:
        pytest.skip("root reads everything, and there is no setpriv")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *argv]
