"""On jobs of which the truth is known: the verdict, the sick nodes, and the nodes that are well.

``pytest -s tests/jobs/test_labelled.py`` prints the confusion matrix.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from efakit.jobs.devices import pack
from efakit.jobs.findings import Job, Standout, line_rate, stands_out
from efakit.jobs.verdict import VERDICTS, JobVerdict, judge
from efakit.rules.registry import rules_of
from tests.jobs.labelled import GB, Labelled, Maker, jobs

_LEAST_JOBS = 300
_MOST_FALSE = 0.01


@dataclass(frozen=True)
class Judged:
    job: Labelled
    verdict: JobVerdict
    found: list[Standout]

    def named(self, node: str) -> set[str]:
        """Return what names a node as unlike the others: rules, its own verdict, a note of the hooks."""
        rules = {item.finding.rule for item in self.found if node in item.nodes and not item.whole}
        own = next(item for item in self.verdict.nodes if item.node == node)
        if own.verdict != self.verdict.verdict or own.verdict in ("incomplete", "tcp-fallback"):
            rules |= {"verdict"} if own.verdict in ("incomplete", "tcp-fallback", "mixed", "no-traffic") else set()
        return rules | ({"note"} if own.notes else set())


def judged(job: Labelled) -> Judged:
    for record in job.records.values():  # as the reader leaves them
        record["devices"] = pack(record["devices"]) or record["devices"]
    verdict = judge(job.nodes, job.records)
    by_node = {node.node: node.traffic for node in verdict.nodes}
    return Judged(job, verdict, stands_out(Job(job.records, verdict.verdict, verdict.traffic, by_node)))


@pytest.fixture(scope="module")
def all_jobs() -> list[Judged]:
    return [judged(job) for job in jobs()]


def test_the_verdicts_are_the_truth_s(all_jobs, capsys):
    matrix = Counter((one.job.verdict, one.verdict.verdict) for one in all_jobs)
    said = [verdict for verdict in VERDICTS if any(pair[1] == verdict for pair in matrix)]
    rows = [f"{'truth':14}" + "".join(f"{verdict:>14}" for verdict in said)]
    for truth in VERDICTS:
        if any(pair[0] == truth for pair in matrix):
            rows.append(f"{truth:14}" + "".join(f"{matrix[truth, verdict]:14}" for verdict in said))
    with capsys.disabled():
        print(f"\n{len(all_jobs)} jobs, {sum(len(one.job.nodes) for one in all_jobs)} nodes", *rows, sep="\n")
    assert len(all_jobs) >= _LEAST_JOBS
    for one in all_jobs:
        if one.job.looks_like_efa:
            assert one.verdict.verdict == "efa"
            assert any("no counters by operation class" in note for note in one.verdict.notes)
        elif one.job.undecided:
            assert one.verdict.verdict == "incomplete"
            assert one.job.verdict in one.verdict.reason
            assert "LNet counts its networks together" in one.verdict.reason
        else:
            assert one.verdict.verdict == one.job.verdict, (one.job.name, one.verdict.reason)


def test_every_sick_node_is_named(all_jobs):
    missed = [
        (one.job.name, node, rules, one.named(node))
        for one in all_jobs
        for node, rules in one.job.sick.items()
        if not rules & one.named(node)
    ]
    assert missed == []


def test_at_most_one_in_a_hundred_healthy_nodes_is_named(all_jobs, capsys):
    # Of a job that fell back, each node did.
    well = [
        (one, node)
        for one in all_jobs
        if one.job.verdict != "tcp-fallback" and not one.job.undecided
        for node in one.job.nodes
        if node not in one.job.sick
    ]
    named = [(one.job.name, node, sorted(one.named(node))) for one, node in well if one.named(node)]
    with capsys.disabled():
        print(f"\n{len(named)} of {len(well)} healthy nodes named; {Counter(row[0] for row in named)}")
    assert len(named) <= _MOST_FALSE * len(well), named


def test_what_concerns_the_whole_job_is_said(all_jobs):
    missed = [
        (one.job.name, rule)
        for one in all_jobs
        for rule in one.job.whole
        if rule not in {item.finding.rule for item in one.found}
    ]
    assert missed == []


def test_every_rule_of_jobs_is_met_by_some_job(all_jobs):
    said = {item.finding.rule for one in all_jobs for item in one.found}
    # These jobs have no log: what a benchmark's tables show is tests/report/test_bench.py's.
    assert said == {rule for rule in rules_of("job") if not rule.startswith("bench-")}


def test_a_rule_that_may_not_speak_of_what_was_not_read_does_not(all_jobs):
    for one in all_jobs:
        if one.job.name == "unread":
            assert "job-drops" not in {item.finding.rule for item in one.found}


def unread_of_one_device(record):
    device = record["devices"][0]
    del device["counters"]["tx_bytes"]
    device["unknown"] = ["tx_bytes"]


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(resets=["the node was booted during the job"]),
        lambda record: record.update(baseline="missing"),
        lambda record: record.update(devices_unknown=True),
        lambda record: record.update(devices=[]),
        unread_of_one_device,
    ],
    ids=["reset", "no baseline", "devices unknown", "no devices", "one counter of one device"],
)
def test_a_node_whose_bytes_are_not_known_is_no_zero_in_the_share_of_the_line_rate(change):
    make = Maker(1, nodes=2, instance="p5.48xlarge")
    make.exchange()
    first, second = make.names
    records = {name: {**make.records[name], "devices": list(make.devices(name))} for name in (first, second)}
    verdict = judge(make.names, records)
    alone = line_rate(Job({first: records[first]}, "efa", verdict.traffic, {}))
    assert alone is not None
    assert min(alone) > 0
    change(records[second])
    assert line_rate(Job(records, "efa", verdict.traffic, {})) == alone
    assert line_rate(Job({second: records[second]}, "efa", verdict.traffic, {})) is None


def told_of(make, change):
    """Return what stands out, by rule, where one node's record is changed."""
    records = {name: {**make.records[name], "devices": list(make.devices(name))} for name in make.names}
    change(records[make.names[2]])
    verdict = judge(make.names, records)
    by_node = {node.node: node.traffic for node in verdict.nodes}
    found = stands_out(Job(records, verdict.verdict, verdict.traffic, by_node))
    return {item.finding.rule: item for item in found}


@pytest.mark.parametrize("moved", [0, 30 * GB])
def test_a_node_that_may_have_devices_which_nobody_recognised_is_neither_silent_nor_unlike_others(moved):
    make = Maker(1, nodes=8, driver="2.17.3", instance="p4d.24xlarge")
    make.exchange(of=lambda node: moved / (100 * GB) if node == make.names[2] else 1.0)
    rules = {"job-node-silent"} if not moved else {"job-node-differs"}
    assert rules <= told_of(make, lambda _: None).keys()
    told = told_of(make, lambda record: record.update(devices_unknown=True))
    assert not {"job-node-silent", "job-node-differs"} & told.keys()


def test_a_node_s_bytes_are_not_held_against_its_peers_where_other_jobs_are_in_them():
    make = Maker(1, nodes=8, driver="2.17.3", instance="p4d.24xlarge")
    make.exchange(of=lambda node: 3.0 if node == make.names[2] else 1.0)
    told = told_of(make, lambda record: record.update(shared_with=[8]))
    assert "job-node-shared" in told
    assert "job-node-differs" not in told


def test_a_share_of_packets_is_of_those_devices_whose_packets_were_read():
    make = Maker(1, nodes=8, driver="2.17.3", instance="p4d.24xlarge")
    make.exchange()
    for name in make.names:
        for device in make.devices(name):
            # As on a healthy node: ten in a million packets are sent again.
            device["counters"]["retrans_pkts"] = device["counters"]["tx_pkts"] // 100_000

    def unread(record):
        for device in record["devices"][1:]:
            device["counters"] |= {"retrans_pkts": 5_000, "rx_drops": 3, "retrans_timeout_events": 3}
            del device["counters"]["tx_pkts"], device["counters"]["rx_pkts"]
            device["unknown"] = ["rx_pkts", "tx_pkts"]

    told = told_of(make, unread)
    assert "job-retransmits" not in told
    assert "%" not in told["job-drops"].finding.message
    assert "9 received packets dropped" in told["job-drops"].finding.message
    assert "9 time-outs of a network path, on " in told["job-path-timeouts"].finding.message
    assert told["job-path-timeouts"].finding.severity == "info"


@pytest.mark.parametrize("jump", [-3590.0, 86_400.0])
def test_the_line_rate_is_held_against_the_time_that_passed_though_the_clock_was_set(jump):
    make = Maker(1, nodes=4, instance="p4d.24xlarge")
    make.exchange()
    before = {name: {**one, "began_at": 1000.0, "ended_at": 4600.0} for name, one in make.records.items()}
    set_once = {name: {**one, "ended_at": 4600.0 + jump, "clock_jump_seconds": jump} for name, one in before.items()}
    verdict = judge(make.names, before)
    by_node = {node.node: node.traffic for node in verdict.nodes}
    shares = [Job(records, "efa", verdict.traffic, by_node).line_rate_shares for records in (before, set_once)]
    assert shares[0] == shares[1]
    assert shares[0].keys() == set(make.names)


def test_a_node_of_another_instance_type_is_not_held_against_the_others():
    make = Maker(1, nodes=8, driver="2.17.3", instance="p4d.24xlarge")
    make.exchange(of=lambda node: 0.5 if node == make.names[2] else 1.0)
    assert told_of(make, lambda _: None)["job-node-differs"].nodes == (make.names[2],)
    told = told_of(make, lambda record: record.update(instance_type="g6e.24xlarge"))
    assert not {"job-node-differs", "job-node-groups"} & told.keys()


@pytest.mark.parametrize("rail", ["little", "unread", "nothing"])
def test_a_rail_that_carried_little_or_was_not_read_is_not_said_to_have_carried_nothing(rail):
    make = Maker(1, nodes=8, driver="2.17.3", instance="p4d.24xlarge")
    make.exchange()
    for number, name in enumerate(make.names):
        device = make.devices(name)[3]
        make.clear(device)
        if rail == "little":
            device["counters"] |= {"tx_bytes": 200_000, "rx_bytes": 200_000}
        elif rail == "unread" and number < 6:
            del device["counters"]["tx_bytes"]
            device["unknown"] = ["tx_bytes"]
    told = told_of(make, lambda _: None)
    assert ("job-rail-idle" in told) == (rail == "nothing")


def test_a_device_is_not_said_to_rest_where_bytes_of_a_class_were_not_read():
    make = Maker(1, nodes=8, driver="2.17.3", instance="p4d.24xlarge")
    make.exchange()
    make.clear(make.devices(make.names[2])[3])
    assert told_of(make, lambda _: None)["job-device-idle"].nodes == (make.names[2],)
    device = make.devices(make.names[2])[3]
    del device["counters"]["rdma_write_bytes"]
    device["unknown"] = ["rdma_write_bytes"]
    assert "job-device-idle" not in told_of(make, lambda _: None)
