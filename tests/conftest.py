"""Settings for all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# A test's speed depends on the machine, so it is never what a test is judged by.
settings.register_profile("efakit", deadline=None, print_blob=True)
settings.load_profile("efakit")

# The catalog as it ships, whatever rows of their own the one who runs the tests has.
os.environ.setdefault("EFAKIT_CATALOG", "builtin")
