"""Pages for tests: jobs of several sizes, a fleet, and both with hostile texts everywhere."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import cycle
from types import SimpleNamespace
from typing import Any

from efakit.diagnose.causes import Cause
from efakit.finding import Finding
from efakit.jobs.devices import pack
from efakit.jobs.findings import Standout
from efakit.jobs.records import JobRun
from efakit.jobs.verdict import VERDICTS, judge
from efakit.report.fleet import FleetReport
from efakit.report.html.fleet import fleet_page
from efakit.report.html.job import job_page
from efakit.report.job import JobReport, SlurmFacts
from scripts.golden_reports import golden_page, report_of, sick
from tests.jobs.labelled import Labelled, Maker
from tests.report import benching

P5 = {"driver": "2.17.3", "instance": "p5.48xlarge"}
END = 1_795_000_000.0
DAY = 86_400.0

HOSTILE = (
    "</script><svg onload=window.owned=1>",
    "\"'><img src=x onerror=window.owned=2>",
    "</title></style><script>window.owned=3</script>",
    "<!--",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.owned=4",
    "\u202egpj.exe\u2066\x00\x1b]0;owned\x07\ud800",
    "&lt;b&gt; &amp;",
    "x" * 5000,
    "n o d e " * 30,
    "\N{ARABIC LETTER ALEF}\N{COMBINING DIAERESIS}\N{PILE OF POO}",
)


def many(nodes: int) -> JobReport:
    """Return the report of a job of many nodes, of which some are sick; the others share one record, packed as read."""
    few = sick(Maker(6, nodes=64, **P5))
    names = [f"gpu-st-p5-{number}" for number in range(1, nodes + 1)]
    packed = {name: {**record, "devices": pack(record["devices"])} for name, record in few.records.items()}
    records = {name: packed.get(name, packed[few.nodes[10]]) for name in names}
    return report_of(Labelled("many", "efa", tuple(names), records))


def job_of(nodes: int) -> str:
    """Return the page of a job of many nodes."""
    return job_page(many(nodes), "0")


def benched(report: JobReport, more: int = 20) -> JobReport:
    """Return a report of a job with tables of each kind, of which some have earlier runs, and so many more."""
    hosts = list(report.run.node_names)
    few = hosts[:16]
    earlier = tuple((benching.all_reduce(few, value), benching.latency(value / 365)) for value in (360.0, 365.0, 370.0))
    many_sizes = tuple(range(1 << 20, 501 << 20, 1 << 20))
    logs = (
        benching.all_reduce(few, 310.0),
        benching.broken(few),
        benching.latency(1.3),
        benching.all_reduce(few, 300.0, many_sizes),
        benching.all_reduce(hosts, 280.0),
        *(benching.all_reduce(few, 290.0),) * (more - 1),
    )
    return benching.with_tables(report, *logs, earlier=earlier)


def lost_of(nodes: int) -> str:
    """Return the page of a job of which the nodes differ and one has no record."""
    make = Maker(10, nodes=nodes, **P5)
    make.exchange(of=lambda name: {"7": 0.4, "5": 1.6}.get(name[-1], 1))
    del make.records[make.names[3]]
    return job_page(report_of(make.job("lost", "incomplete")), "0")


def restless(nodes: int) -> JobReport:
    """Return the report of a job of which each device is unlike its neighbours: the largest page."""
    few = Maker(11, nodes=64, **P5)
    few.exchange()
    for name in few.names:
        for device in few.devices(name):
            factor = few.draw.choice((0, 0.1, 0.3, 0.6, 0.9, 1, 1.1, 1.5, 3, 7))
            device["counters"]["tx_bytes"] = int(device["counters"]["tx_bytes"] * factor)
    packed = [{**record, "devices": pack(record["devices"])} for record in few.records.values()]
    names = tuple(f"gpu-st-p5-{number}" for number in range(1, nodes + 1))
    return report_of(Labelled("restless", "efa", names, dict(zip(names, cycle(packed), strict=False))))


def hostile_job() -> str:
    """Return the page of a job of which every text is hostile."""
    make = Maker(3, nodes=len(HOSTILE), driver="2.17.3", instance="p4d.24xlarge")
    make.exchange()
    records = {}
    for text, name in zip(HOSTILE, make.names, strict=True):
        record = make.records[name]
        record["findings"] = [{"rule": text, "severity": "error", "message": text}]
        for at, device in enumerate(record["devices"]):
            device["name"] = f"{text}{at}"
        record["devices"][0]["unknown"] = ["tx_bytes"]
        records[text] = record
    verdict = judge([*HOSTILE, *(f"none {text}" for text in HOSTILE)], records, {}, HOSTILE)
    told = [Finding("job-node-silent", "warning", text, fix=text, source=text) for text in HOSTILE]
    run = JobRun("cluster" + HOSTILE[0], 7, HOSTILE[1], records, HOSTILE, END, HOSTILE, HOSTILE)
    report = JobReport(
        run,
        verdict,
        SlurmFacts(*("".join(HOSTILE[:2]),) * 2, 60, HOSTILE[2], *HOSTILE[:4], "1:9", HOSTILE[5], 3, *HOSTILE[:3]),
        HOSTILE,
        tuple(Standout(one, HOSTILE, HOSTILE) for one in told),
        tuple(Cause(text, "log", True, text, text, f"https://{text}", HOSTILE) for text in HOSTILE),
        HOSTILE[1],
    )
    return job_page(benching.with_tables(report, *map(benching.hostile, HOSTILE)), HOSTILE[0])


def fleet(days: int, by: str | None = None, texts: tuple[str, ...] = ("ana", "bob")) -> FleetReport:
    """Return a report of all jobs over some days, of which one in seven has no run; with users of these names."""
    last = date.fromtimestamp(END)
    by_day = [
        (
            str(last - timedelta(days=at)),
            100,
            *(70 if name == "efa" else at % 6 for name in VERDICTS),
            1e15,
            1.0,
            1.0,
            1.0,
        )
        for at in range(days)
        if at % 7 != 2
    ]
    words = [name.replace("-", "_") for name in VERDICTS]
    sums = ["efa_tx_bytes", "efa_rx_bytes", "tcp_tx_bytes", "tcp_rx_bytes"]
    ratios = ["retrans_ratio_first_half", "retrans_ratio_second_half", "tx_pkts_second_half", "efa_tx_bytes"]
    verdicts = [
        (name, sum(day[2 + at] for day in by_day), 8, 2e18, 1e12, 5e9, None) for at, name in enumerate(VERDICTS)
    ]
    jobs = [
        (text, 1000 + at, text, ("tcp-fallback", "mixed")[at % 2], text, END - at * 5000, 8, 1e12, text)
        for at, text in enumerate(texts)
    ]
    nodes = [(text, text, 9, at % 2, 1, 1e-5 if at % 3 else None, 9e-4, 5e6, 1e12) for at, text in enumerate(texts)]
    answers: list[Any] = [
        (["verdict", "runs", "nodes", *sums], verdicts),
        (
            *(
                [
                    "cluster_name",
                    "job_id",
                    "run",
                    "verdict",
                    "user_name",
                    "ended_at",
                    "nodes",
                    "tcp_tx_bytes",
                    "reason",
                ],
            ),
            jobs,
        ),
        (
            ["cluster_name", "node_name", "runs", "runs_with_idle_devices", "runs_with_missing_devices", *ratios],
            nodes,
        ),
        (["user_name", "runs", *words, "never_efa"], [(text, 9, *range(7), 1) for text in texts]),
    ]
    if by:
        answers = [answers[0], answers[{"job": 1, "node": 2, "user": 3}[by]]]
    filters = SimpleNamespace(
        since=END - days * DAY,
        until=END,
        user=texts[0],
        partition=None,
        node=None,
        cluster=None,
        verdicts=(),
    )
    return FleetReport(filters, by, answers, len(texts), texts, (["day", "runs", *words, *sums], by_day), 500)


def all_pages() -> dict[str, str]:
    """Return pages of each kind by their names."""
    return {
        "4 nodes": golden_page(),
        "32 nodes": lost_of(32),
        "512 nodes": job_of(512),
        "4,096 nodes": job_of(4096),
        "benchmarks": job_page(benched(many(4), 1), "0"),
        "hostile": hostile_job(),
        "fleet of a week": fleet_page(fleet(7), "0"),
        "fleet of a year": fleet_page(fleet(365, "node"), "0"),
        "hostile fleet": fleet_page(fleet(90, None, HOSTILE), HOSTILE[0]),
    }
