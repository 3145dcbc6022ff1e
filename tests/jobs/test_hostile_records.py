"""Whatever lies in the records folder, the good node is reported, faults are listed, and a terminal obeys nothing."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from efakit.cli.main import efakit
from efakit.errors import EfakitError
from tests.jobs.hostile import ESCAPES, REFUSED, USABLE
from tests.jobs.making import GB, path_of, version_1, version_2, write

pytestmark = pytest.mark.thorough


@pytest.fixture(autouse=True)
def no_slurm(monkeypatch, tmp_path):
    """No Slurm is asked here."""
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "none.conf"))


def report(folder, *more):
    """Return exit code and output of ``efakit report``: as JSON's data, or as text."""
    done = CliRunner().invoke(efakit, ["report", "7", "--records", str(folder), *more], standalone_mode=False)
    if isinstance(done.exception, EfakitError):
        return done.exception.exit_code, str(done.exception)
    assert done.exception is None, done.exc_info
    return done.return_value or 0, json.loads(done.output) if "json" in more else done.output


def is_safe(text):
    return all(line.isprintable() and len(line) < 2000 for line in text.split("\n"))


def is_safe_page(page):
    """Only the page's own elements, and no control character (tests/report/test_page.py reads them one by one)."""
    read = _Elements()
    read.feed(page)
    whole = page.startswith("<!DOCTYPE html>") and page.endswith("</html>\n")
    return whole and not read.strange and all(line.isprintable() for line in page.split("\n"))


class _Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.strange = set()

    def handle_starttag(self, tag, attrs):
        self.strange |= {name for name, _ in attrs if name.startswith("on") or name in ("src", "style", "action")}
        self.strange |= {tag} & {"script", "img", "iframe", "object", "embed", "link", "form", "base"}


@pytest.mark.parametrize(("put", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_file_that_cannot_be_used_is_listed_and_the_good_node_reported(tmp_path, put, words):
    write(tmp_path, version_2("n1"))
    bad = put(tmp_path)
    code, data = report(tmp_path, "--format", "json")
    assert code == 0
    nodes = {node["node"]: node for node in data["nodes"]}
    assert (nodes["n1"]["verdict"], nodes["n1"]["efa_tx_bytes"]) == ("efa", GB)
    (fault,) = data["faults"]
    assert words in fault["why"]
    assert fault["file"].endswith("".join(letter if letter.isprintable() else "?" for letter in bad.name))
    assert data["fault_count"] == 1
    if bad == path_of(tmp_path, version_2("n2")):
        assert data["verdict"] == nodes["n2"]["verdict"] == "incomplete"
        assert words[:20] in nodes["n2"]["notes"][0]
    else:
        assert data["verdict"] == nodes["n2"]["verdict"] == "efa"
    _, text = report(tmp_path)
    assert is_safe(text)
    assert "1 of the job's files are unusable:" in text
    assert report(tmp_path, "--fail-on", data["verdict"])[0] == 1
    _, page = report(tmp_path, "--format", "html")
    assert is_safe_page(page)
    assert "1 of the job's files are unusable" in page


@pytest.mark.parametrize("put", [row[1] for row in USABLE], ids=[row[0] for row in USABLE])
def test_a_record_with_hostile_texts_is_read_and_a_terminal_obeys_none(tmp_path, put):
    write(tmp_path, version_2("n1"))
    put(tmp_path)
    for number in ("--format=json", "--format=text"):
        assert report(tmp_path, number)[0] == 0
    text = report(tmp_path)[1]
    assert is_safe(text)
    assert "n1 " in report(tmp_path, "--nodes")[1]
    assert report(tmp_path, "--format", "json")[1]["faults"] == []
    code, page = report(tmp_path, "--format", "html")
    assert code == 0
    assert is_safe_page(page)


def test_what_is_wrong_with_all_records_is_an_error_that_names_one_and_counts_the_others(tmp_path):
    for number in range(38):
        write(tmp_path, version_2(f"n{number}", node_list="n["))
    code, message = report(tmp_path)
    assert code == 2
    assert "is damaged" in message
    assert message.endswith("and 37 more cannot be used")


def test_many_faults_are_counted_and_the_first_are_shown(tmp_path):
    write(tmp_path, *(version_2(f"n{number}", user_id=-1) for number in range(57)), version_1("n99", node_list="n99"))
    text, data = report(tmp_path)[1], report(tmp_path, "--format", "json")[1]
    assert "57 of the job's files are unusable:" in text
    assert "  and 51 more\n" in text
    assert (data["fault_count"], len(data["faults"])) == (57, 57)


def test_markup_is_shown_as_it_is(tmp_path):
    write(tmp_path, version_2("n1", findings=[{"rule": "r", "severity": "error", "message": "[red]x[/red] :skull:"}]))
    assert "  n1: [red]x[/red] :skull:" in report(tmp_path)[1]


def test_the_json_is_in_ascii_and_keeps_what_was_written(tmp_path):
    write(tmp_path, version_2("n1", findings=[{"rule": "r", "severity": "error", "message": ESCAPES}]))
    runner = CliRunner().invoke(efakit, ["report", "7", "--records", str(tmp_path), "--format", "json"])
    assert runner.output.isascii()
    assert "\x1b" not in runner.output
    assert json.loads(runner.output)["nodes"][0]["notes"] == [ESCAPES]


@pytest.mark.parametrize("place", ["lab", "lab/7"])
def test_a_cluster_s_folder_that_is_a_loop_of_links_is_a_fault(tmp_path, place):
    write(tmp_path, version_2("n1", cluster="good"))
    loop = tmp_path / place
    loop.parent.mkdir(exist_ok=True)
    loop.symlink_to(loop)
    code, data = report(tmp_path, "--format", "json")
    assert (code, data["nodes"][0]["verdict"], len(data["faults"])) == (0, "efa", 1)


VALID = [json.dumps(version_1("n2")).encode(), json.dumps(version_2("n2")).encode()]
PLACES = st.integers(0, max(map(len, VALID)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(2**63, 2**70) | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def bent_records(draw):
    """Return a record in which one value at any depth is another, or missing."""
    record = json.loads(draw(st.sampled_from(VALID)))
    inner = record
    while True:
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        key = draw(st.sampled_from(keys))
        if isinstance(inner[key], (dict, list)) and inner[key] and draw(st.booleans()):
            inner = inner[key]
            continue
        if isinstance(inner, dict) and draw(st.integers(0, 9)) == 0:
            del inner[key]
        else:
            inner[key] = draw(JSON)
        return json.dumps(record).encode()


@st.composite
def bent_bytes(draw):
    """Return a record's bytes with some of them replaced."""
    data = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(PLACES)
        data = data[:start] + draw(st.binary(max_size=8)) + data[start + draw(st.integers(0, 30)) :]
    return data


@pytest.mark.thorough
@pytest.mark.parametrize(
    "kind", [bent_records(), bent_bytes(), st.binary(max_size=300)], ids=["record", "bytes", "raw"]
)
def test_no_content_of_a_file_ends_a_report(tmp_path, kind):
    write(tmp_path, version_2("n1"))
    path = path_of(tmp_path, version_1("n2"))

    @settings(max_examples=settings().max_examples * 2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(kind)
    def check(data: bytes) -> None:
        path.write_bytes(data)
        code, text = report(tmp_path, "--nodes")
        assert code == 0
        assert is_safe(text)
        assert any(line.startswith("n1 ") for line in text.splitlines())
        assert report(tmp_path, "--format", "json")[0] == 0

    check()


@settings(
    max_examples=settings().max_examples * 2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.binary(min_size=1, max_size=60).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_no_name_of_a_file_ends_a_report(tmp_path, name):
    write(tmp_path, version_2("n1"))
    path = Path(tmp_path / "lab/7") / (name + b".json").decode("utf-8", "surrogateescape")
    path.write_bytes(b"{")
    code, text = report(tmp_path)
    path.unlink()
    assert (code, is_safe(text)) == (0, True)
