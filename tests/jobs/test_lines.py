"""A text that the hook wrote is read line by line exactly where the long way reads it, with the same values."""

from __future__ import annotations

import json
import random
import re

import pytest

from efakit.hook.json_text import dumps_lines
from efakit.jobs import json_text, lines
from efakit.jobs.fields import check_record
from efakit.jobs.json_file import Unusable, parse_json
from efakit.jobs.lines import read_lines
from efakit.node.record import SCHEMA_VERSION
from scripts.bench_store import record


def whole(device_count=2, **changes):
    return {**record(7, device_count), **changes}


def text_of(device_count=2, **changes):
    return dumps_lines(whole(device_count, **changes))


TEXT = text_of()
INTERFACE = whole()["interfaces"][0]
FINDING = {"rule": "r", "severity": "info", "message": "at 10:00: all well"}
LNET = {"networks": ["efa"], "send_bytes": 1, "recv_bytes": 2, "messages": 3, "all_tcp": True, "error": None}


@pytest.fixture(params=[False, True], ids=["json", "msgspec"], autouse=True)
def fresh(request, monkeypatch):
    monkeypatch.setattr(lines, "_FORMS", {})
    monkeypatch.setattr(json_text, "_FASTER", [])
    if request.param:
        json_text.prepare_for_many()


def slowly(data):
    try:
        return check_record(parse_json(data))
    except Unusable:
        return None


def quickly(data):
    """Return the record as readers have it, its devices one by one."""
    found = read_lines(data)
    if found is None:
        return None
    known = slowly(data) or {}
    read = {**found.fields(), "devices": [dict(device) for device in found.devices()]}
    return {name: read.get(name) for name in known} if known else read


GOOD = {
    "as it is": TEXT,
    "one device": text_of(1),
    "no interface": text_of(interfaces=[]),
    "two interfaces": text_of(interfaces=[INTERFACE, {**INTERFACE, "name": "ens33"}]),
    "findings": text_of(findings=[FINDING, FINDING]),
    "LNet's counters": text_of(lnet=LNET),
    "what no report reads": text_of(
        foreign_devices=["mlx5_0"],
        late_devices={"devices_at_first": 1, "waited_seconds": 0.5},
        hugepages={"size_kib": 2048, "count": 1, "wanted": 2},
    ),
    "doubts and shared": text_of(doubts=["of 10:00"], shared_with=[7, 8], resets=["boot"]),
    "an older hook's, without what came later": dumps_lines(
        {name: value for name, value in whole().items() if name not in ("lnet", "mode")}
    ),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_a_record_of_the_hook_is_read_line_by_line_and_is_the_same(text):
    expected = slowly(text.encode())
    assert expected is not None
    for _ in range(2):  # at first its form is learned
        assert quickly(text.encode()) == expected


def test_sums_and_columns_are_those_of_the_devices():
    found = read_lines(TEXT.encode()).devices()
    own = whole()["devices"]["counters"]
    assert {name: list(found.column(name)) for name in own} == own
    assert {name: found.total(name) for name in own} == {name: sum(column) for name, column in own.items()}


def changed(old, new, text=TEXT):
    assert old in text
    return text.replace(old, new, 1)


def of_devices(**changes):
    return text_of(devices={**whole()["devices"], **changes})


COUNTERS = whole()["devices"]["counters"]
NONE = text_of(interfaces=[])
OTHER = {
    "a field twice": changed('"user": "user0",', '"user": "user0",\n"user": "user0",'),
    "a field twice on one line": changed('"user": "user0",', '"user": "user0", "user": "you",'),
    "another field in its place": changed('"user_id": ', '"user": '),
    "a line less": changed('"user": "user0",\n', ""),
    "two lines changed over": changed('"user": "user0",\n"partition": "gpu"', '"partition": "gpu",\n"user": "user0"'),
    "no comma": changed('"user": "user0",', '"user": "user0"'),
    "a comma more": changed('"lnet": null', '"lnet": null,'),
    "a blank more": changed('"user": "user0"', '"user":  "user0"'),
    "something after it": TEXT + "x",
    "two of them": TEXT + TEXT,
    "cut": TEXT[:-200],
    "a comment": changed('"user": "user0",', '"user": "user0", // 1'),
    "a counter twice": changed('"rx_pkts": ', '"rx_bytes": '),
    "a counter that was not read": of_devices(counters={**COUNTERS, "tx_pkts": [1, None]}),
    "a counter unknown": of_devices(unknown={"rdmap0s0": ["tx_pkts"]}),
    "an error": of_devices(errors={"rdmap0s0": ["tx_pkts: Input/output error"]}),
    "a column too long": of_devices(counters={**COUNTERS, "tx_pkts": [1, 2, 3]}),
    "a column too short": of_devices(counters={**COUNTERS, "tx_pkts": [1]}),
    "true for a number": of_devices(counters={**COUNTERS, "tx_pkts": [True, 1]}),
    "a text for a number": of_devices(counters={**COUNTERS, "tx_pkts": ["1", 1]}),
    "a fraction": of_devices(counters={**COUNTERS, "tx_pkts": [1.0, 1]}),
    "a power": changed('"rx_drops": [0, 0]', '"rx_drops": [0, 1e3]'),
    "below zero": of_devices(counters={**COUNTERS, "tx_pkts": [-1, 1]}),
    "zero below zero": changed('"rx_drops": [0, 0]', '"rx_drops": [0, -0]'),
    "64 bits": of_devices(counters={**COUNTERS, "tx_pkts": [(1 << 64) - 1, 1]}),
    "65 bits": of_devices(counters={**COUNTERS, "tx_pkts": [1 << 64, 1]}),
    "5000 digits": changed('"rx_drops": [0, 0]', '"rx_drops": [0, ' + "1" * 5000 + "]"),
    "no total": of_devices(counters={name: column for name, column in COUNTERS.items() if name != "tx_bytes"}),
    "no counters": of_devices(counters={}),
    "a device twice": of_devices(names=["rdmap0s0", "rdmap0s0"]),
    "a device without a name": of_devices(names=["", "rdmap1s0"]),
    "a driver less": of_devices(drivers=["efa"]),
    "a number for a driver": of_devices(drivers=["efa", 7]),
    "no devices": of_devices(
        names=[], pci_addresses=[], drivers=[], counters={name: [] for name in COUNTERS}, device_counters={}
    ),
    "an interface twice": text_of(interfaces=[INTERFACE, INTERFACE]),
    "an interface's name twice": changed('{"name": "ens32"', '{"name": "ens32", "name": "ens32"'),
    "an interface with a name of later": text_of(interfaces=[{**INTERFACE, "later": 1}]),
    "an interface's counter of 64 bits": text_of(interfaces=[{**INTERFACE, "counters": {"tx_bytes": (1 << 64) - 1}}]),
    "a finding's rule twice": changed('"rule": "r"', '"rule": "q", "rule": "r"', text_of(findings=[FINDING])),
    "a finding without words": text_of(findings=[{"rule": "r"}]),
    "a backslash": text_of(user="\u00e9"),
    "infinity": re.sub(r'"ended_at": [0-9.]+', '"ended_at": Infinity', TEXT),
    "1e999": re.sub(r'"ended_at": [0-9.]+', '"ended_at": 1e999', TEXT),
    "a count of 64 bits": text_of(restart_count=(1 << 64) - 1),
    "a job of another kind": text_of(job_id="7"),
    "a node's name with a digit of another script": changed('"node": "', '"node": "\u0661'),
    "a field of later": dumps_lines({**whole(), "later": 1}),
    "no node": dumps_lines({name: value for name, value in whole().items() if name != "node"}),
    "deep": text_of(foreign_devices=[[[[["x"]]]]]),
    "a number of 500 letters": re.sub(r'("ended_at": [0-9.]+)', r"\g<1>" + "0" * 500, TEXT),
    "a number of 500 letters that no report reads": text_of(hugepages=["x"]).replace('"x"', "0." + "0" * 500),
    **{
        f"{what} in {where}": changed('"x"', value, text)
        for what, value in {
            "a name of later": "1",
            "1e999": "1e999",
            "100 digits": "1" * 100,
            "40 lists": "[" * 40 + "]" * 40,
            "100,000 lists": "[" * 100_000 + "]" * 100_000,
            "990 objects": '{"a": ' * 990 + "1" + "}" * 990,
        }.items()
        for where, text in {
            "a finding": text_of(findings=[{**FINDING, "later": "x"}]),
            "LNet's counters": text_of(lnet={**LNET, "later": "x"}),
            "a counter": text_of(interfaces=[{**INTERFACE, "counters": {"tx_bytes": "x"}}]),
            "a column": of_devices(counters={**COUNTERS, "tx_pkts": [1, "x"]}),
            "a field": text_of(user="x"),
            "what no report reads": text_of(late_devices=["x"]),
        }.items()
    },
    **{
        f"{what} on the line of its field": changed('"interfaces": []', f'"interfaces": {json.dumps([item])}', NONE)
        for what, item in {
            "an interface": INTERFACE,
            "an interface with a name of later": {**INTERFACE, "later": 1},
            "an interface's 64 bits": {**INTERFACE, "counters": {"tx_bytes": (1 << 64) - 1}},
        }.items()
    },
    "on one line": json.dumps(whole()),
    "version 2": TEXT.replace('"schema_version": 3', '"schema_version": 2'),
    "a later version": TEXT.replace('"schema_version": 3', f'"schema_version": {SCHEMA_VERSION + 1}'),
    "nothing": "",
}


@pytest.mark.thorough
@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
@pytest.mark.parametrize("is_known", [False, True], ids=["first", "after a good one"])
def test_what_is_otherwise_is_left_to_the_long_way_or_read_alike(text, is_known):
    if is_known:
        for good in GOOD.values():
            assert read_lines(good.encode())
    data = text.encode()
    for _ in range(2):
        found = quickly(data)
        assert found is None or found == slowly(data)
    assert quickly(TEXT.encode()) == slowly(TEXT.encode())


@pytest.mark.parametrize("whose", ["a counter that was not read", "no interface twice", "64 bits", "a field of later"])
def test_these_the_long_way_reads_and_this_one_does_not(whose):
    text = OTHER.get(whose, OTHER["an interface with a name of later"])
    assert slowly(text.encode()) is not None
    assert read_lines(text.encode()) is None


@pytest.mark.thorough
def test_bytes_that_are_changed_at_random_are_never_read_otherwise():
    source = random.Random(1)  # noqa: S311
    good = TEXT.encode()
    assert read_lines(good)
    for _ in range(500):
        data = bytearray(good)
        for _ in range(source.choice((1, 1, 2))):
            data[source.randrange(len(data))] = source.choice(b'0123456789:",{}[]truefalsn-.eE \\\n')
        found = quickly(bytes(data))
        assert found is None or found == slowly(bytes(data)), bytes(data)


def test_texts_with_as_many_lines_and_other_numbers_of_devices_are_each_read():
    for _ in range(2):
        for devices in (1, 2, 4, 32):
            data = text_of(devices).encode()
            assert quickly(data) == slowly(data)
            assert len(read_lines(data).devices()) == devices


def test_forms_and_what_is_known_of_a_line_are_bounded(monkeypatch):
    monkeypatch.setattr(lines, "_MOST_FORMS", 3)
    monkeypatch.setattr(lines, "_MOST_KNOWN", 4)
    read = [quickly(text_of(devices).encode()) for devices in range(1, 6)]
    assert [found is not None for found in read] == [True] * 3 + [False] * 2
    for number in range(20):
        data = text_of(1, node=f"n{number}", node_list=f"n{number}," * 1000 + "n").encode()
        assert quickly(data) == slowly(data)
    (forms,) = lines._FORMS.values()
    known = [lines for form in forms for lines in form._known]
    assert all(len(lines) <= 4 and max(map(len, lines), default=0) <= 1024 for lines in known)


def test_many_long_lines_of_which_each_is_known_are_not_all_kept(monkeypatch):
    monkeypatch.setattr(lines, "_MOST_KNOWN_BYTES", 4096)
    for number in range(20):
        data = text_of(1, findings=[{**FINDING, "message": f"{number}-{at}" * 20} for at in range(50)]).encode()
        assert quickly(data) == slowly(data)
        devices = {**whole(1)["devices"], "pci_addresses": [f"{number}x" * 1000]}
        data = text_of(1, devices=devices).encode()
        assert quickly(data) == slowly(data)
    for form in (form for forms in lines._FORMS.values() for form in forms):
        kept = [line for at, known in enumerate(form._known) if form._lines[at].read for line in known]
        kept += [line for about in form._abouts for line in about]
        assert sum(map(len, kept)) <= max(4096, 2000 * 3)


def test_nothing_is_kept_of_names_that_are_no_fields():
    inner = ",\n".join(f'"name{number}": 1' for number in range(200))
    text = changed('"late_devices": null', '"late_devices":{\n' + inner + "\n}")
    for _ in range(2):
        found = quickly(text.encode())
        assert found is None or found == slowly(text.encode())
    assert lines._field.cache_info().currsize <= len(lines.FIELDS)


def test_a_text_whose_devices_come_first_and_do_not_end_on_a_line_of_their_own_is_left_to_the_long_way():
    value = whole()
    first = ("schema_version", "devices")
    text = dumps_lines({name: value[name] for name in (*first, *(name for name in value if name not in first))})
    data = changed('"errors": {}\n}', '"errors": {} }', text).encode()
    for _ in range(2):
        assert read_lines(data) is None
        assert slowly(data) is not None


@pytest.mark.parametrize("after", ['"interfaces": [', '"findings": [', '"devices": {', '"counters": {'])
def test_a_blank_line_is_no_value(after):
    text = text_of(findings=[FINDING, FINDING], interfaces=[INTERFACE, {**INTERFACE, "name": "ens33"}])
    data = changed(after + "\n", after + "\n\n", text).encode()
    for _ in range(2):
        found = quickly(data)
        assert found is None or found == slowly(data)
