"""The rows of known lines, and what is made of several of them."""

from __future__ import annotations

import inspect
import re

import pytest

from efakit.catalog.evidence import entries
from efakit.catalog.log_lines import KINDS, facts, lines, own
from efakit.diagnose.search import Search, _one_by_one
from efakit.hook import watch_node
from tests.diagnose.reading import diagnosis

ROWS = [pytest.param(row, id=row.id) for row in lines()]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_recognises_its_example_and_says_what_to_do(row, tmp_path):
    found = diagnosis(row.example + "\n", folder=tmp_path)
    assert row.id in {item.finding.rule for item in found.said} or row.kind == "reason"
    assert row.kind in KINDS
    for item in found.said:
        if item.finding.rule == row.id:
            assert item.finding.severity == row.severity
            assert "{" not in item.finding.message + item.finding.fix
            assert ("possible cause" in item.finding.message) != row.sure


@pytest.mark.parametrize("row", ROWS)
def test_a_row_fills_in_what_its_pattern_finds(row):
    used = set(re.findall(r"\{(\w+)\}", row.effect + row.cause + row.fix))
    assert used <= set(re.compile(row.pattern).groupindex)


@pytest.mark.parametrize("row", [*lines(), *(fact for fact in facts() if fact.component)], ids=lambda row: row.id)
def test_a_row_has_its_evidence(row):
    proof = [entry for entry in entries("log_lines") if entry.row == row.id]
    assert proof, "run python -m scripts.prove_rows"
    assert all(entry.file and entry.tag_first for entry in proof) or not row.component


def test_the_rows_of_efakit_s_own_lines_are_what_its_watch_prints():
    printed = inspect.getsource(watch_node)
    assert [needle for row in own.ROWS for needle in row.needles if needle.strip() not in printed] == []


def test_there_are_as_many_rows_as_are_told():
    assert len(lines()) >= 80
    assert len({row.id for row in lines()}) == len(lines())


@pytest.mark.parametrize("row", ROWS)
def test_no_needle_is_in_an_ordinary_sentence(row):
    # Shorter ones have a pattern that wants more than the text.
    assert all(len(needle) >= 15 or row.pattern for needle in row.needles)


def test_searching_text_by_text_finds_what_re2_finds():
    needles = [needle for row in (*lines(), *facts()) for needle in row.needles]
    data = "\n".join(f"12: {row.example} {row.example}" for row in (*lines(), *facts())).encode()
    plain = [(place, text.decode()) for place, text in _one_by_one(tuple(needle.encode() for needle in needles))(data)]
    by_re = re.compile("|".join(map(re.escape, sorted(needles, key=lambda text: (-len(text), text)))).encode())
    assert plain == [(match.start(), match.group().decode()) for match in by_re.finditer(data)]
    assert list(Search(needles).hits(data)) == plain


def test_a_text_that_comes_too_often_is_not_counted_further():
    search = Search(["abc", "xyz"], most_hits=10)
    assert len(list(search.hits(b"abc " * 100 + b"xyz"))) == 11
    assert search.left_out == {"abc"}
    assert [text for _, text in search.hits(b"abc xyz")] == ["xyz"]


def test_a_device_that_cannot_be_opened_may_be_one_that_a_mount_should_not_have_shown(tmp_path):
    """ofiwg/libfabric #12708: /dev/infiniband of the host was the cause there, not what was missing."""
    log = "libfabric:4:1::efa:ep_data:efa_device_construct_gid():47<warn> ibv_open_device failed! errno: 2\n"
    log += "node-1:4:5 [0] NCCL INFO Using network Socket\n"
    (told,) = [
        said for said in diagnosis(log, folder=tmp_path).said if said.finding.rule == "log-libfabric-open-device"
    ]
    assert "another RDMA device" in told.finding.message
    assert "on Kubernetes request vpc.amazonaws.com/efa, and mount no /dev/infiniband" in told.finding.fix


@pytest.mark.parametrize("fabric", ["10.0.16.0/20", "fe80::/64", "<unknown>/0", "tcp"])
def test_a_provider_of_sockets_is_a_fallback_whatever_its_fabric_is_called(fabric, tmp_path):
    # libfabric names a fabric of sockets after its network (ofi_set_netmask_str in src/common.c).
    log = (
        f"gpu-1:55:99 [2] NCCL INFO NET/OFI Selected provider is tcp;ofi_rxm, fabric is {fabric} (found 2 nics)\n"
        "gpu-1:55:99 [2] NCCL INFO Using network Libfabric\n"
    )
    found = diagnosis(log, folder=tmp_path)
    assert "log-fallback" in {item.finding.rule for item in found.said}
    assert (found.choices[0].provider, found.choices[0].fabric, found.choices[0].nics) == ("tcp;ofi_rxm", fabric, 2)
