"""Makes the golden texts of ``efakit report``: labelled jobs of the tests, at 60 and at 100 columns, and a page."""

from __future__ import annotations

from efakit.diagnose.causes import causes_of, next_step
from efakit.jobs.findings import Job, line_rate, stands_out
from efakit.jobs.records import JobRun
from efakit.jobs.verdict import judge
from efakit.report.html.job import job_page
from efakit.report.job import JobReport, SlurmFacts
from efakit.report.text import report_lines
from tests.jobs import labelled
from tests.jobs.labelled import Labelled, Maker

_WIDTHS = (60, 100)


def golden_reports() -> dict[str, str]:
    """Return the texts by the names of their files."""
    reports = {name: report_of(job) for name, job in _jobs().items()}
    return {
        f"{name}-{width}.txt": "".join(f"{line}\n" for line, _ in report_lines(report, width))
        for name, report in reports.items()
        for width in _WIDTHS
    }


def golden_page() -> str:
    """Return a page that a reviewer can read: four nodes, of which one fell back and one has a device unread."""
    make = Maker(7, nodes=4, driver="2.17.3", instance="p4d.24xlarge")
    job = labelled.one_fell_back(make)
    fallen = next(iter(job.sick))
    device = make.devices(next(name for name in make.names if name != fallen))[1]
    del device["counters"]["tx_bytes"]
    device["unknown"] = ["tx_bytes"]
    return job_page(report_of(job), "VERSION")


def _jobs() -> dict[str, Labelled]:
    new = {"driver": "2.17.3", "instance": "p5.48xlarge"}
    return {
        "efa": labelled.healthy(Maker(1, nodes=512, **new)),
        "tcp-fallback": labelled.fallback(Maker(2, nodes=4, **new)),
        "mixed": labelled.one_fell_back(Maker(3, nodes=16, **new)),
        "incomplete": labelled.lost(Maker(4, nodes=8, **new)),
        "old-driver": labelled.pipeline(Maker(5, nodes=16, driver="1.10.1", instance="p4d.24xlarge")),
        "sick": sick(Maker(6, nodes=64, **new)),
    }


def sick(make: Maker) -> Labelled:
    """Make a job of which several nodes are sick, each in its own way."""
    make.exchange()
    first = make.devices(make.names[2])
    for device in first:
        device["counters"] |= {"rdma_write_wr_err": 1500, "retrans_timeout_events": 3000}
    first[0]["counters"]["unresponsive_remote_events"] = 12
    for device in make.devices(make.names[8])[1:]:
        make.clear(device)
    make.devices(make.names[40])[5]["device_counters"]["no_completion_cmds"] = 1
    storage = make.names[:4]
    for node in storage:
        for device in make.devices(node):
            make.add(device, "read", 10**9, 0)
    message = "31 of 32 EFA devices found"
    make.records[make.names[50]]["findings"] = [{"rule": "devices-missing", "severity": "error", "message": message}]
    make.records[make.names[50]]["devices_found"] = 31
    make.devices(make.names[50]).pop()
    return make.job("sick", "efa")


def report_of(job: Labelled) -> JobReport:
    """Return the report of a labelled job, as the command makes it."""
    verdict = judge(job.nodes, job.records)
    known = Job(job.records, verdict.verdict, verdict.traffic, {node.node: node.traffic for node in verdict.nodes})
    run = JobRun("lab", 42, "r0", job.records, job.nodes, 1_790_036_000.0)
    remarks = tuple(stands_out(known))
    step = next_step(verdict, "42", None, remarkable=any(item.devices for item in remarks))
    facts = SlurmFacts("train", "COMPLETED", 36_000)
    return JobReport(run, verdict, facts, (), remarks, tuple(causes_of(verdict, job.records)), step, line_rate(known))
