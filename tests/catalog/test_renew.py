"""What becomes of an answer of EC2: rows of the user's own, laid over the built-in catalog."""

from __future__ import annotations

import json
from typing import Any

import pytest

from efakit.catalog import instances
from efakit.catalog.user_rows import userdata
from efakit.catalog.user_rows.renew import Renewal, renew
from tests.catalog.answers import with_efa, without_efa

NOW = "2030-01-01T00:00:00Z"
SOURCE = {
    "title": "EC2 DescribeInstanceTypes in us-east-1",
    "address": "https://example.com",
    "retrieved": "2030-01-01",
}


def renewed(*raw: dict[str, Any], previous: userdata.UserData | None = None, revision: int = 0) -> Renewal:
    """Renew from types, with a built-in catalog that is ``revision`` newer than the real one."""
    built_in = instances.built_in()
    built_in = built_in._replace(revision=built_in.revision + revision)
    found = renew({row["InstanceType"]: row for row in raw}, built_in, previous, NOW, SOURCE)
    assert userdata.parse(json.loads(userdata.render(found.data))) == found.data
    return found


def test_a_type_that_the_catalog_lacks_is_new():
    found = renewed(with_efa("p9.48xlarge"), without_efa("m9.large"))
    assert found.new == ["p9.48xlarge", "m9.large"]
    row = found.data.efa["p9.48xlarge"]
    assert (row["efa_interfaces"], row["card0_efa"], row["bandwidth_gbps"]) == (16, True, 6400)
    assert found.data.plain["m9.large"]["row"] == [2, 8192, "x86_64", 2]
    assert list(found.data.sources.values()) == [SOURCE]


def test_a_type_that_is_as_in_the_catalog_leaves_no_row():
    found = renewed(without_efa("m5.large"))
    assert (found.same, found.data.plain, found.data.sources) == (1, {}, {})


def test_what_differs_from_the_catalog_is_named():
    found = renewed(without_efa("m5.large", vcpus=4))
    assert list(found.changed) == ["m5.large"]
    assert found.data.plain["m5.large"]["row"][0] == 4


def test_a_type_that_has_gained_or_lost_efa_moves():
    found = renewed(with_efa("m5.large"), without_efa("p5.48xlarge"))
    assert found.changed == {"m5.large": ["has EFA now"], "p5.48xlarge": ["has no EFA any more"]}
    assert list(found.data.efa) == ["m5.large"]
    assert list(found.data.plain) == ["p5.48xlarge"]


def test_what_ec2_does_not_say_stays_known_with_its_own_source():
    found = renewed(with_efa("c5n.18xlarge", EfaInfo={}))
    row = found.data.efa["c5n.18xlarge"]
    assert row["efa_interfaces"] == 1
    assert row["field_sources"] == {"efa_interfaces": instances.built_in().ec2_source}
    assert set(found.data.sources) == {row["source"], instances.built_in().ec2_source}


def test_an_unknown_number_of_a_new_type_stays_unknown():
    row = renewed(with_efa("p9.48xlarge", EfaInfo={}, NetworkPerformance="Very High")).data.efa["p9.48xlarge"]
    assert (row["efa_interfaces"], row["card0_efa"], row["bandwidth_gbps"]) == (None, None, None)


def test_a_correction_by_hand_outlives_ec2s_answer_and_is_named():
    found = renewed(with_efa("p5.48xlarge"))
    row = found.data.efa["p5.48xlarge"]
    assert (row["slurm_sockets"], row["field_sources"]["slurm_sockets"]) == (2, "pcluster-5797")
    assert "p5.48xlarge: slurm_sockets stays 2, as the built-in catalog has it" in found.notes


def test_ec2_overtakes_a_row_that_was_made_by_hand():
    row = renewed(with_efa("p6e-gb300.36xlarge")).data.efa["p6e-gb300.36xlarge"]
    assert (row["efa_interfaces"], row["vcpus"], row.get("note")) == (16, 192, None)
    assert "field_sources" not in row


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"NetworkInfo": None}, "not as DescribeInstanceTypes"),
        ({"MemoryInfo": {"SizeInMiB": "much"}}, "memory_mib is 'much'"),
        ({"ProcessorInfo": {"SupportedArchitectures": ["x86_64", "arm64"]}}, "architectures"),
        ({"SupportedUsageClasses": ["\x1b[2J"]}, "usage_classes"),
    ],
)
def test_a_type_that_is_not_described_as_it_should_be_is_left_out_and_named(change, word):
    found = renewed({**with_efa("p9.48xlarge"), **change}, without_efa("m9.large"))
    assert found.new == ["m9.large"]
    assert word in found.notes[0]


def test_rows_of_earlier_answers_stay_with_their_source():
    first = renewed(with_efa("p9.48xlarge")).data
    earlier = first._replace(updated="2029")
    found = renewed(without_efa("m9.large"), previous=earlier)
    assert (list(found.data.efa), list(found.data.plain)) == (["p9.48xlarge"], ["m9.large"])
    assert found.data.updated == NOW


def test_an_earlier_row_ends_where_ec2_and_the_catalog_agree_again():
    earlier = renewed(without_efa("m5.large", vcpus=4)).data
    assert renewed(without_efa("m5.large"), previous=earlier).data.plain == {}


def test_an_earlier_row_gives_way_to_a_newer_catalog_that_knows_the_type():
    earlier = renewed(without_efa("m5.large", vcpus=4), with_efa("p9.48xlarge")).data
    found = renewed(without_efa("m9.large"), previous=earlier, revision=1)
    assert list(found.data.plain) == ["m9.large"]
    assert list(found.data.efa) == ["p9.48xlarge"]
    assert found.notes == [f"m5.large: your row of {NOW} gives way to the newer built-in one"]
    assert found.data.built_in_revision == instances.built_in().revision + 1
