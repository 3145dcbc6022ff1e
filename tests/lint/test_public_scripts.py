"""How many findings in public scripts and Dockerfiles are true: a list judged by hand, and the files where fetched.

The scripts are not part of this repository. EFAKIT_PUBLIC_REPOSITORIES names a folder with their git directories.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from scripts.public_scripts import DOCKERFILES, SCRIPTS, TARGETS, Corpus, faults, findings, judged, public_scripts


@pytest.mark.parametrize(
    ("corpus", "name"), [(SCRIPTS, "scripts"), (DOCKERFILES, "Dockerfiles")], ids=["scripts", "dockerfiles"]
)
def test_the_list_has_no_false_error_and_few_false_warnings(corpus: Corpus, name: str, record_property):
    judgements = judged(corpus)
    assert list(faults(judgements)) == []
    told = Counter((key.severity, judgement) for key, judgement in judgements.items())
    record_property(
        "says",
        f"{len(public_scripts(corpus))} public {name}: {told['warning', 'false']} warnings of "
        f"{told['warning', 'true'] + told['warning', 'false']} are false",
    )
    assert len(public_scripts(corpus)) >= 60
    assert {key.target for key in judgements} == set(TARGETS)


@pytest.mark.parametrize("corpus", [SCRIPTS, DOCKERFILES], ids=["scripts", "dockerfiles"])
def test_what_is_found_in_the_scripts_today_is_judged(corpus: Corpus):
    folder = os.environ.get("EFAKIT_PUBLIC_REPOSITORIES")
    if not folder:
        pytest.skip("EFAKIT_PUBLIC_REPOSITORIES names no folder: the public scripts are not fetched")
    found, missing = findings(Path(folder), corpus)
    assert [script.path for script in missing] == []
    assert set(found) == set(judged(corpus))
