"""``# efakit: ignore``."""

from __future__ import annotations

import pytest

from tests.lint.script.linting import rules

BAD = "export FI_LOG_LEVEL=1"


@pytest.mark.parametrize(
    "text",
    [
        f"{BAD} # efakit: ignore fi-log-level",
        f"{BAD} # efakit: ignore nccl-algo, fi-log-level",
        f"# efakit: ignore fi-log-level\n{BAD}",
        f"{BAD}\ntrue\n# efakit: ignore-file fi-log-level",
    ],
)
def test_a_comment_leaves_a_rule_out(text):
    assert rules(f"#!/bin/bash\n{text}\n") == []


@pytest.mark.parametrize(
    "text",
    [
        f"{BAD} # efakit: ignore nccl-algo",
        f"true # efakit: ignore fi-log-level\n{BAD}",
        f"# efakit: ignore fi-log-level\ntrue\n{BAD}",
        f'echo "# efakit: ignore-file fi-log-level"\n{BAD}',
    ],
)
def test_it_leaves_out_no_more_than_it_says(text):
    assert rules(f"#!/bin/bash\n{text}\n") == ["fi-log-level"]


def test_a_rule_that_is_none_is_a_finding():
    assert rules("#!/bin/bash\ntrue # efakit: ignore fi-log-levle\n") == ["ignore-unknown-rule"]


def test_env_files_have_such_comments_too():
    assert rules("# efakit: ignore fi-log-level\nFI_LOG_LEVEL=1\n", file="x.env") == []
