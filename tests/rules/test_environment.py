"""Rules hold within their bounds, and never on a version that is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efakit.catalog.instances import all_efa
from efakit.catalog.stacks import EFA_INSTALLERS, PARALLELCLUSTER_RELEASES, parallelcluster_release
from efakit.rules.environment import needed
from efakit.rules.releases import target_of
from efakit.versions import within

VERSIONS = st.tuples(*[st.integers(0, 40)] * 3).map(lambda parts: ".".join(map(str, parts)))


@pytest.mark.parametrize(
    ("version", "since", "until", "holds"),
    [
        ("1.12.0", "1.12.0", None, True),
        ("1.11.9", "1.12.0", None, False),
        ("1.9.0", None, "1.12.0", True),
        ("1.12.0", None, "1.12.0", False),
        ("1.22.0-aws", "1.12.0", None, True),
        ("2.4", "2.4.0", None, True),
        (None, "1.12.0", None, False),
        (None, None, None, True),
    ],
)
def test_bounds(version, since, until, holds):
    assert within(version, since, until) is holds


@given(VERSIONS, st.sampled_from([instance.name for instance in all_efa()]))
def test_no_variable_is_set_twice(plugin, instance):
    names = [
        rule.name for rule in needed(target_of(parallelcluster="3.16.3", plugin=plugin, instance=instance), ("nccl",))
    ]
    assert len(names) == len(set(names))


def test_every_release_has_its_installer_and_they_are_in_order():
    for release in PARALLELCLUSTER_RELEASES:
        assert release.installer in {installer.version for installer in EFA_INSTALLERS}
        assert parallelcluster_release(release.version) == release


def test_a_patch_release_without_a_row_takes_the_nearest_older_one():
    assert parallelcluster_release("3.15.2").installer == "1.47.0"
    with pytest.raises(KeyError):
        parallelcluster_release("3.17.0")
