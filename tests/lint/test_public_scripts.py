"""How many of the findings in public scripts are true: a list that was judged by hand, and the scripts where fetched.

The scripts are not part of this repository. EFAKIT_PUBLIC_REPOSITORIES names a folder with their git directories.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from scripts.public_scripts import TARGETS, faults, findings, judged, public_scripts


def test_the_list_has_no_false_error_and_few_false_warnings(record_property):
    judgements = judged()
    assert list(faults(judgements)) == []
    told = Counter((key.severity, judgement) for key, judgement in judgements.items())
    record_property(
        "says",
        f"{len(public_scripts())} public scripts: {told['warning', 'false']} warnings of "
        f"{told['warning', 'true'] + told['warning', 'false']} are false",
    )
    assert len(public_scripts()) >= 60
    assert {key.target for key in judgements} == set(TARGETS)


def test_what_is_found_in_the_scripts_today_is_judged():
    folder = os.environ.get("EFAKIT_PUBLIC_REPOSITORIES")
    if not folder:
        pytest.skip("EFAKIT_PUBLIC_REPOSITORIES names no folder: the public scripts are not fetched")
    found, missing = findings(Path(folder))
    assert [script.path for script in missing] == []
    assert set(found) == set(judged())
