"""One order of versions for every room: forms that mean the same are equal, and all others have one order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efakit.catalog.known_bad import KNOWN_BAD
from efakit.catalog.minimums import MINIMUMS
from efakit.catalog.release_traits import TRAITS, has_trait
from efakit.catalog.stacks import EFA_INSTALLERS, OLDER_PARALLELCLUSTER_RELEASES, PARALLELCLUSTER_RELEASES, stack_of
from efakit.catalog.variables import rows
from efakit.node.software import COMPONENTS as ON_NODES
from efakit.versions import COMPONENTS, is_release, is_version, release_line, same_version, version_key, within

NUMBERS = st.lists(st.integers(0, 60), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
# What stands behind the numbers in the releases and packages of the components.
BUILDS = ["", "-1", "-aws", "g", ".0", ".0.0", "-1.el9", "-111.187.amzn2023.x86_64", "~1", "+cuda12", "-dirty"]
AMAZON = ["amzn1.0", "~amzn2", "amzn3.0", ".amzn4", "~amzn5.0"]
BEFORE = ["a1", "alpha", "b2", "beta", "rc1", "-rc2", "rc10", "-0rc11", ".dev3", "-dev"]
VERSIONS = st.builds(str.__add__, NUMBERS, st.sampled_from([*BUILDS, *AMAZON, *BEFORE]))
ANY_TEXT = st.one_of(VERSIONS, st.text(max_size=80))


@pytest.mark.parametrize(
    "forms",
    [
        ("3.14", "3.14.0", "3.14.0.0", "v3.14.0"),
        ("1.18.0", "1.18.0-aws", "1.18"),
        ("2.27.7", "2.27.7-1"),
        ("3.1.0", "3.1.0g"),
        ("1.16.0~amzn3.0", "1.16.0amzn3", "1.16.0amzn3.0"),
        ("57.amzn1", "57.0.amzn1.0"),
        ("58.0", "58.amzn0", "58"),
        ("2.3.1", "2.3.1amzn"),
        ("4.1.7", "4.1.7-2", "4.1.7-3.x86_64"),
        ("6.12.46-66.121.amzn2023.x86_64", "6.12.46"),
        ("24.05.8", "24.5.8"),
    ],
    ids=lambda forms: forms[0],
)
def test_forms_of_one_version_are_equal(forms):
    assert len({version_key(form) for form in forms}) == 1
    assert all(same_version(forms[0], form) for form in forms)


@pytest.mark.parametrize(
    "ascending",
    [
        ("1.9.0", "1.10.0", "1.10.1", "2.0"),
        ("2.0.0a1", "2.0.0beta", "2.0.0rc1", "2.0.0rc2", "2.0.0rc10", "2.0.0", "2.0.1"),
        ("5.0.0a", "5.0.0", "5.0.0amzn1", "5.0.1"),
        ("25.05.0-0rc1", "25.05.0", "25.05.1"),
        ("2.1.0-1", "2.1.0amzn2.0", "2.1.0amzn3.0", "2.1.0amzn5.0", "2.1.1"),
        ("1.19.0-dev", "1.19.0-aws", "1.19.1"),
        ("3.13.2", "3.14", "3.14.1", "3.15"),
    ],
    ids=lambda versions: versions[0],
)
def test_versions_have_their_makers_order(ascending):
    keys = [version_key(version) for version in ascending]
    assert keys == sorted(set(keys))


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_the_order_is_total(one, two, three):
    first, second, third = version_key(one), version_key(two), version_key(three)
    assert (first < second) + (first == second) + (first > second) == 1
    if first <= second <= third:
        assert first <= third
    assert (first == second) == (not first < second and not second < first)


@given(NUMBERS, st.sampled_from(BUILDS), st.sampled_from(BUILDS))
def test_a_package_s_additions_do_not_change_the_version(numbers, one, other):
    assert version_key(numbers + one) == version_key(numbers + other)


@given(NUMBERS, st.sampled_from(BEFORE), st.sampled_from(BUILDS), st.sampled_from(AMAZON))
def test_a_pre_release_comes_before_its_release_and_a_build_after_it(numbers, before, build, amazon):
    assert version_key(numbers + before) < version_key(numbers + build) < version_key(numbers + amazon)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_bounds_follow_the_order(version, since, until):
    assert within(version, since, until) == (version_key(since) <= version_key(version) < version_key(until))


@given(st.text(max_size=80).filter(lambda text: not is_version(text)))
def test_what_is_no_version_is_within_no_bounds(text):
    assert not within(text, "0", None)
    assert not within(text, None, "9999")
    assert not same_version(text, text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("1.16.3", True),
        ("2.4.0amzn5.0", True),
        ("1.16.0~amzn3.0", True),
        ("3.14", True),
        ("3", False),
        ("latest", False),
        ("1.x", False),
        ("1.16.3 ", False),
        ("1.16.3/..", False),
        ("v1.16.3", False),
        ("", False),
        ("9" * 5000 + ".1", False),
    ],
)
def test_what_users_may_name_as_a_release(text, answer):
    assert is_release(text) is answer


def test_a_line_is_the_first_two_numbers():
    assert release_line("3.16") == release_line("3.16.3") == (3, 16)
    assert release_line("24.05.8") == (24, 5)
    assert release_line("25") == (25, 0)


def test_the_catalog_names_the_components_as_everybody_does():
    stack = set(stack_of().versions())
    counts = {"ranks_per_node", "cores_per_rank", "efa_interfaces"}
    assert stack <= set(COMPONENTS)
    assert set(ON_NODES) - {"os"} <= set(COMPONENTS)
    named = {component for row in KNOWN_BAD for component in (*row.since, *row.until)}
    named |= {row.component for row in MINIMUMS} | {row.component for row in TRAITS}
    assert named | {component for row in rows() for component in (*row.since, *row.until)} <= set(COMPONENTS) | counts


def test_every_version_in_the_catalog_is_one():
    stacks = (*EFA_INSTALLERS, *PARALLELCLUSTER_RELEASES, *OLDER_PARALLELCLUSTER_RELEASES)
    bounds = [version for row in (*KNOWN_BAD, *rows()) for version in (*row.since.values(), *row.until.values())]
    assert all(is_version(version) for version in [*(row.version for row in stacks), *bounds])


@pytest.mark.parametrize(
    ("trait", "version", "has"),
    [
        ("efa-only-interfaces", "3.14.1", False),
        ("efa-only-interfaces", "3.15", True),
        ("awsbatch", "3.15.1", True),
        ("awsbatch", "3.16", False),
        ("open-nvidia-driver", "3.7.2", False),
        ("open-nvidia-driver", "3.8.0", True),
        ("srun-forgets-cpus", "21.08.8", False),
        ("srun-forgets-cpus", "22.05.0", True),
        ("srun-forgets-cpus", "23.02.7", True),
        ("srun-forgets-cpus", "23.11.0", False),
        ("tasks-per-node-lost", "22.05.9", False),
        ("tasks-per-node-lost", "23.02.1", True),
        ("tasks-per-node-lost", "23.02.2", False),
        ("plugin-sets-tuning", "1.15.0-aws", False),
        ("plugin-sets-tuning", "1.16.0-aws", True),
    ],
)
def test_a_release_has_its_traits_within_their_bounds(trait, version, has):
    assert has_trait(trait, version) is has
