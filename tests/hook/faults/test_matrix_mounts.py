"""The part of the fault matrix that mounts file systems and lets their requests hang."""

from __future__ import annotations

import pytest

from tests.hook.faults.faulty_mount import missing_for_fuse
from tests.hook.faults.mount_steps import clean_mounts
from tests.hook.faults.mounts import CASES
from tests.hook.faults.story import Case, play

MISSING = missing_for_fuse()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no FUSE mounts without {', '.join(MISSING)}: run 'make test' as root"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_job_is_unharmed_and_the_record_as_complete_as_can_be(case: Case, tmp_path):
    with clean_mounts():
        play(case, tmp_path)
