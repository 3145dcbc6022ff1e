"""Rates between two looks at a node: what is not known is None, never 0."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from efakit.errors import UsageError
from efakit.exporter.reading import Reading
from efakit.top.exporters import Unreachable, host_and_port, sample_of
from efakit.top.here import Here
from efakit.top.sample import NodeRates, Sample, rates
from efakit.top.table import bar, of_devices, of_nodes

SNAPSHOT = {
    "devices_listed": True,
    "devices": [],
    "devices_present": [],
    "unknown_devices": [],
    "interfaces": [],
    "instance_type": None,
}
LONG = "gpu-dy-p5-48xlarge-with-a-long-name-in-us-east-1-"


def sample(at: float, devices: dict, **more) -> Sample:
    given = {"found": len(devices), "expected": len(devices), "line_rate": 400.0, **more}
    return Sample(at, devices, tuple(sorted(devices)), **given)


def counters(tx: float, rx: float, packets: float = 0, again: float = 0) -> dict[str, float]:
    return {"tx_bytes": tx, "rx_bytes": rx, "tx_pkts": packets, "retrans_pkts": again}


def text(found, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(found)
    return console.file.getvalue()


def test_a_rate_is_the_difference_over_the_time():
    before = sample(10, {"a": counters(0, 100, 0, 0), "b": counters(50, 0, 0, 0)})
    after = sample(12, {"a": counters(200, 120, 1000, 1), "b": counters(50, 0, 0, 0)}, tcp={"eth0": {"tx_bytes": 5}})
    found = rates("n", before, after)
    assert (found.tx, found.rx, found.partial) == (100, 10, False)
    assert found.of_line_rate == 0.25
    assert found.retransmits == 0.001
    assert [(item.name, item.tx, item.rx, item.share) for item in found.devices] == [
        ("a", 100, 10, 200),
        ("b", 0, 0, 200),
    ]
    assert found.tcp_tx is None, "the first look knew nothing of it"


def test_a_device_that_has_gone_or_that_nobody_recognised_leaves_its_node_s_bytes_at_least_the_others():
    before = sample(0, {"a": counters(0, 0), "b": counters(0, 0)})
    gone = rates("n", before, sample(1, {"a": counters(7, 7)}))
    unsure = rates("n", before, sample(1, {"a": counters(7, 7), "b": counters(0, 0)}, found=None))
    for found in (gone, unsure):
        assert (found.tx, found.partial, found.of_line_rate) == (7, True, None)


def test_the_first_look_gives_no_rate():
    found = rates("n", None, sample(1, {"a": counters(1, 1)}))
    assert (found.tx, found.rx, found.of_line_rate, found.devices[0].tx) == (None, None, None, None)
    assert found.found == 1


@pytest.mark.parametrize("now", [counters(5, 5), {}, {"rx_bytes": 30}])
def test_a_device_that_began_anew_or_was_not_read_is_unknown_and_its_node_is_at_least_the_others(now):
    before = sample(0, {"a": counters(10, 10), "b": counters(0, 0)})
    found = rates("n", before, sample(1, {"a": now, "b": counters(7, 7)}))
    assert found.devices[0].tx is None
    assert (found.tx, found.partial, found.of_line_rate) == (7, True, None)
    assert found.as_data()["efa_tx_bytes_per_second"] is None
    assert ">7 B/s" in text(of_nodes([found]))


def test_a_node_that_tells_sums_only_has_no_devices():
    before = Sample(0, None, None, {"tx_bytes": 1, "rx_bytes": 1}, found=2)
    found = rates("n", before, Sample(2, None, None, {"tx_bytes": 5, "rx_bytes": 1}, found=2))
    assert (found.tx, found.rx, found.devices) == (2, 0, ())
    assert "nothing is known of single devices" in text(of_devices(found))


def test_a_node_without_efa_devices_is_told_as_such():
    found = rates("n", Sample(0, None, None, {}, found=0), Sample(2, None, None, {}, found=0))
    assert text(of_devices(found)).strip() == "n: no EFA device was found"


def test_sums_of_other_devices_are_not_compared():
    before = Sample(0, None, None, {"tx_bytes": 1, "rx_bytes": 1}, found=1)
    found = rates("n", before, Sample(2, None, None, {"tx_bytes": 900, "rx_bytes": 900}, found=2))
    assert (found.tx, found.rx) == (None, None)


@pytest.mark.parametrize(
    ("then", "now", "rate"),
    [
        ({"eth0": 5, "eth1": 100}, {"eth0": 7, "eth1": 100}, 1),
        ({"eth0": 5}, {"eth0": 5, "eth1": 900}, None),
        ({"eth0": 5, "eth1": 900}, {"eth0": 7}, None),
        ({"eth0": 5, "eth1": None}, {"eth0": 7, "eth1": 900}, None),
        ({"eth0": None}, {"eth0": None}, None),
        ({}, {}, None),
    ],
)
def test_tcp_is_the_sum_of_the_same_interfaces_or_unknown(then, now, rate):
    """An interface that was read in one look alone would count all that it ever carried."""
    looks = [{name: {} if value is None else {"tx_bytes": value} for name, value in one.items()} for one in (then, now)]
    assert rates("n", sample(0, {}, tcp=looks[0]), sample(2, {}, tcp=looks[1])).tcp_tx == rate


def test_packets_sent_again_are_a_share_of_the_same_devices_packets():
    before = sample(0, {"a": counters(0, 0), "b": {"tx_bytes": 0, "rx_bytes": 0, "tx_pkts": 0}})
    after = sample(1, {"a": counters(0, 0, 100, 10), "b": {"tx_bytes": 0, "rx_bytes": 0, "tx_pkts": 900}})
    assert rates("n", before, after).retransmits == 0.1


def test_bytes_of_some_devices_are_never_those_of_the_node():
    devices = {"a": {"rx_bytes": 0}, "b": {}}
    found = rates("n", sample(0, devices), sample(1, {"a": {"rx_bytes": 9}, "b": {}}))
    assert (found.rx, found.partial, found.as_data()["efa_rx_bytes_per_second"]) == (9, True, None)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e999"])
def test_a_number_that_is_none_is_unknown(value):
    text_of_it = f"""efa_scrape_success 1
efa_devices_found {value}
efa_line_rate_bytes_per_second {value}
efa_device_read_success{{device="a"}} 1
efa_tx_bytes_total{{device="a"}} {value}
"""
    found = rates("n", sample_of(text_of_it, 0, 0), sample_of(text_of_it, 1, 1))
    assert (found.found, found.line_rate, found.tx, found.of_line_rate) == (None, None, None, None)
    assert text(of_nodes([found]))


def test_nodes_that_are_not_shown_and_not_known_are_called_unknown():
    nodes = [NodeRates(f"n{number}", "no answer") for number in range(5)] + [NodeRates("n9", tx=1, rx=1, line_rate=2)]
    assert "and 4 nodes, 3 of them unknown" in text(of_nodes(nodes, 3))


def test_the_worst_comes_first_and_the_rest_is_counted():
    nodes = [NodeRates(f"n{share}", tx=share, rx=0, line_rate=100) for share in (50, 10, 90)]
    nodes += [NodeRates("hung", "no answer"), NodeRates("new", line_rate=100)]
    lines = text(of_nodes(nodes)).splitlines()
    assert [line.split()[0] for line in lines[1:6]] == ["hung", "new", "n10", "n50", "n90"]
    assert lines[6] == "hung: no answer"
    lines = text(of_nodes(nodes, 3)).splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["hung", "new"]
    assert lines[3] == "and 3 nodes with a larger share of their line rate"


def test_nodes_and_devices_with_long_names_and_large_numbers_fit_80_columns():
    devices = {f"rdmap{number}s0-{LONG}": counters(0, 0) for number in range(32)}
    after = {name: counters(999e9, 999e9, 1, 1) for name in devices}
    nodes = [
        rates(f"{LONG}{number}", sample(0, devices), sample(1, after, tcp={"eth0": {"tx_bytes": 1}}))
        for number in range(3)
    ]
    nodes.append(NodeRates(LONG, "no answer " * 20))
    drawn = text(of_nodes(nodes)) + text(of_devices(nodes[0]))
    assert max(map(len, drawn.splitlines())) <= 80
    for number in range(3):
        assert f"us-east-1-{number} " in drawn
    assert drawn.count("999 GB/s") == 32 * 2


@pytest.mark.parametrize("speed", [99.9e9, 0.5, 999.4e6, 1e9, 100e9])
def test_no_number_is_cut_off_at_80_columns(speed):
    before = {f"rdmap{number}s0-{LONG}": counters(0, 0) for number in range(32)}
    after = {name: counters(speed, speed, 1, 1) for name in before}
    node = rates(LONG, sample(0, before, line_rate=speed * 3.2), sample(1, after, line_rate=speed * 3.2))
    some = NodeRates(LONG, tx=speed, rx=speed, tcp_tx=speed, tcp_rx=speed, partial=True, found=31, expected=32)
    for table in (of_devices(node), of_nodes([node, some])):
        wide, narrow = (text(table, width).splitlines() for width in (300, 80))
        assert [line.split() for line in narrow] == [line.split() for line in wide]


def metrics(tx: int, reading_took: float) -> str:
    took = f"efa_scrape_duration_seconds {reading_took}\nefa_scrape_success 1\n"
    return f'{took}efa_device_read_success{{device="a"}} 1\nefa_tx_bytes_total{{device="a"}} {tx}\n'


@pytest.mark.parametrize(
    ("first", "second", "tx"),
    [
        ((0, 0.1, 0.01), (2, 2.1, 0.01), 50),
        # A device hung for five seconds: the counters of the others were read before.
        ((0, 5, 5), (5.0, 5.0, 0), 20),
        ((0, 0, 0), (5, 10, 5), 20),
        # Nobody knows when within these five seconds.
        ((0, 5, 0.01), (6, 6, 0.01), None),
        ((0, 0, 0), (2, 4, 0.01), None),
    ],
)
def test_a_rate_is_over_the_time_between_the_readings_and_not_between_the_answers(first, second, tx):
    samples = [
        sample_of(metrics(count, took), sent, answered) for count, (sent, answered, took) in ((0, first), (100, second))
    ]
    found = rates("n", *samples).tx
    assert found == (None if tx is None else pytest.approx(tx))


def test_this_node_s_counters_are_of_the_moment_in_which_reading_them_began(monkeypatch):
    clock = [3.0]
    monkeypatch.setattr("efakit.top.here.time.monotonic", lambda: clock[0])

    class Slow:
        def read(self) -> Reading:
            clock[0] += 5  # a device hangs
            return Reading(SNAPSHOT, None, None, 5.0)

    assert Here(Slow(), lambda _: None)().at == 3.0


def test_a_device_of_which_nobody_knows_whether_it_is_an_efa_device_may_carry_traffic():
    snapshot = {
        **SNAPSHOT,
        "devices": [{"name": "a", "counters": {"tx_bytes": 5, "rx_bytes": 5}}],
        "devices_present": ["a"],
        "unknown_devices": [{"name": "b", "error": "Input/output error"}],
    }

    class Told:
        def read(self) -> Reading:
            return Reading(snapshot, 2, None, 0.0)

    look = Here(Told(), lambda _: None)
    found = rates("n", look(), look())
    assert (found.partial, found.found, found.expected) == (True, None, 2)


def test_what_a_node_is_called_never_steers_the_terminal():
    assert "\x1b" not in text(of_nodes([NodeRates("a\x1b[2J[red]b", "c\x1b]0;d\x07")]))


@pytest.mark.parametrize(("share", "drawn"), [(None, "    "), (0, "...."), (0.5, "##.."), (7, "####")])
def test_a_bar_is_as_long_as_its_share(share, drawn):
    assert bar(share, 4) == drawn


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("<html>", "no exporter of efakit's"),
        ("", "no exporter of efakit's"),
        ("efa_scrape_success 0\n", "its node could not be read"),
    ],
)
def test_another_answer_than_metrics_of_efa_is_called_so(answer, why):
    with pytest.raises(Unreachable, match=why):
        sample_of(answer, 0, 0)


@pytest.mark.parametrize("name", ["a\rb", "a\x0bb", "a\x85b", "a\u2028b"])
def test_a_label_may_hold_what_ends_a_line_elsewhere(name):
    assert sample_of(f'efa_scrape_success 1\nefa_job_info{{job_id="7",user="{name}"}} 1\n', 0, 0).jobs == ("7",)


def test_labels_are_read_as_they_are_written():
    found = sample_of(
        'efa_scrape_success 1\nefa_job_info{job_id="7",user="a\\"},\\\\b\\n"} 1.0\nx{a="b"} NaN\nbad line\n', 0, 0
    )
    assert found.jobs == ("7",)


@pytest.mark.parametrize(
    ("given", "found"), [("n1", ("n1", None)), ("n1:9", ("n1", 9)), ("[::1]:9", ("::1", 9)), ("[::1]", ("::1", None))]
)
def test_an_address_may_have_a_port(given, found):
    assert host_and_port(given) == found


@pytest.mark.parametrize("given", ["", "a:b", "::1", "n1:0", "n1:70000", "http://n1", "a b"])
def test_what_is_no_address_is_refused(given):
    with pytest.raises(UsageError, match="is no ADDRESS"):
        host_and_port(given)
