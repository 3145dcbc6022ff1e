"""The exporter's metrics over HTTP: names, values, what is not known, devices that hang. Devices are a folder tree."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from efakit.catalog import instances
from efakit.exporter.metrics import NodeCollector
from efakit.exporter.reading import Reader
from efakit.exporter.serve import registry_of, server_for
from efakit.hook.settings import Settings
from efakit.hook.spool import MOST_RUNS_BYTES
from efakit.node.bounded import NoChild
from tests.hook.faults.faulty_mount import FaultyMount, missing_for_fuse
from tests.hook.hookrun import Node
from tests.lab import efa_tree
from tests.lab.efa_devices import GENERATIONS

pytestmark = pytest.mark.thorough

TYPE, DEVICES = "p4d.24xlarge", 4


class Exporter:
    """Serves a node's metrics on a free port of loopback."""

    def __init__(self, root: Path, spool: Path, *, detail: bool = True, seconds: float = 20, **settings) -> None:
        given = {"root": str(root), "spool_dir": str(spool), "tcp_interfaces": ["eth0"], **settings}
        self.reader = Reader(Settings(**given), "gpu-st-p4d-1", seconds, instances.efa_table())
        self.collector = NodeCollector(self.reader.read, lambda name: 5e10, device_detail=detail)
        self.server = server_for(self.collector, "127.0.0.1", 0, None)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def text(self, accept: str = "") -> str:
        connection = HTTPConnection("127.0.0.1", self.server.server_port, timeout=60)
        connection.request("GET", "/metrics", headers={"Accept": accept})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert answer.status == 200, text
        return text

    def samples(self, **wanted: str) -> dict[str, float]:
        """Return the values by name of the samples that have these labels."""
        return {
            sample.name: sample.value
            for family in parse(self.text())
            for sample in family.samples
            if {name: sample.labels.get(name) for name in wanted} == wanted
        }

    def devices(self, name: str) -> dict[str, float]:
        """Return a metric's values by device."""
        found = [sample for family in parse(self.text()) for sample in family.samples if sample.name == name]
        return {sample.labels["device"]: sample.value for sample in found}


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(**options) -> Exporter:
        servers.append(Exporter(tmp_path / "root", tmp_path / "spool", **options))
        return servers[-1]

    yield start
    for one in servers:
        one.server.shutdown()
        one.server.server_close()
        one.reader.close()


@pytest.fixture
def root(tmp_path) -> Path:
    efa_tree.write_node(tmp_path / "root", TYPE)
    (tmp_path / "root/sys/class/net/eth0/statistics").mkdir(parents=True)
    for name, value in {"tx_bytes": 11, "rx_bytes": 22}.items():
        (tmp_path / f"root/sys/class/net/eth0/statistics/{name}").write_text(f"{value}\n")
    return tmp_path / "root"


def put(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "sys/class/infiniband").iterdir())


@pytest.mark.parametrize("generation", [5, 13, 17, 22])
def test_each_counter_of_a_driver_has_the_name_that_sysfs_gives_it(tmp_path, serve, generation):
    root = tmp_path / "root"
    efa_tree.write_node(root, TYPE, port_counters=generation)
    first = root / "sys/class/infiniband" / names(root)[0]
    files = [*(first / "ports/1/hw_counters").iterdir(), *(first / "hw_counters").iterdir()]
    wanted = {}
    for number, file in enumerate(sorted(file for file in files if file.name != "lifespan")):
        put(file, f"{1000 + number}\n")
        wanted[f"efa_{file.name}_total"] = 1000.0 + number
    assert len(wanted) == generation + len(GENERATIONS[generation].device_counters)
    found = serve().samples(device=first.name)
    assert found.pop("efa_device_read_success") == 1
    assert found == wanted


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("accept", ["", "application/openmetrics-text;version=1.0.0"])
def test_no_series_is_there_twice(root, serve, flat, accept):
    if flat:
        efa_tree.write_node(root, TYPE, flat_list=True, port_counters=5)
    series = [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in parse(serve().text(accept))
        for sample in family.samples
    ]
    assert len(set(series)) == len(series) > DEVICES


def test_the_node_and_what_it_should_have(root, serve):
    found = serve().samples()
    assert (found["efa_devices_found"], found["efa_devices_expected"]) == (DEVICES, DEVICES)
    assert found["efa_line_rate_bytes_per_second"] == 5e10
    assert found["efa_scrape_success"] == found["efa_node_info"] == 1
    assert (found["efa_node_tcp_tx_bytes_total"], found["efa_node_tcp_rx_bytes_total"]) == (11, 22)


def test_a_number_of_devices_that_nobody_knows_is_no_series(root, serve):
    put(root / "sys/class/dmi/id/product_name", "x1.unknown\n")
    found = serve().samples()
    assert "efa_devices_expected" not in found
    assert found["efa_devices_found"] == DEVICES


def test_a_counter_that_cannot_be_read_has_no_series_and_the_device_says_so(root, serve):
    broken, *others = names(root)
    file = root / "sys/class/infiniband" / broken / "ports/1/hw_counters/rx_bytes"
    put(file, "?\n")
    exporter = serve()
    assert set(exporter.devices("efa_rx_bytes_total")) == set(others)
    assert exporter.devices("efa_device_read_success") == {broken: 0, **dict.fromkeys(others, 1)}
    assert set(exporter.devices("efa_tx_bytes_total")) == {broken, *others}


def test_without_device_detail_there_are_sums_but_only_where_all_devices_are_known(root, serve):
    for number, name in enumerate(names(root)):
        put(root / "sys/class/infiniband" / name / "ports/1/hw_counters/tx_bytes", f"{10**number}\n")
    exporter = serve(detail=False)
    assert exporter.samples()["efa_tx_bytes_total"] == 1111
    assert exporter.samples()["efa_devices_read"] == DEVICES
    file = root / "sys/class/infiniband" / names(root)[0] / "ports/1/hw_counters/tx_bytes"
    put(file, "?\n")
    found = exporter.samples()
    assert "efa_tx_bytes_total" not in found
    assert (found["efa_devices_read"], found["efa_devices_found"]) == (DEVICES - 1, DEVICES)


def test_a_sum_never_falls_since_prometheus_would_take_all_of_it_for_new(root, serve):
    one, two, *_ = names(root)

    def count(name: str, value: int) -> None:
        put(root / "sys/class/infiniband" / name / "ports/1/hw_counters/tx_bytes", f"{value}\n")

    for name in names(root):
        count(name, 1000)
    exporter = serve(detail=False)
    assert exporter.samples()["efa_tx_bytes_total"] == 4000
    efa_tree.remove_device(root, one)
    assert exporter.samples()["efa_tx_bytes_total"] == 4000
    count(two, 1007)
    assert exporter.samples()["efa_tx_bytes_total"] == 4007
    count(two, 3)
    assert exporter.samples()["efa_tx_bytes_total"] == 4010, "it began anew"


def test_the_sum_of_a_driver_s_own_counter_is_what_the_drivers_say_now(root, serve):
    file = root / "sys/class/infiniband" / names(root)[0] / "hw_counters/no_completion_cmds"
    put(file, "1\n")
    exporter = serve(detail=False)
    assert exporter.samples()["efa_no_completion_cmds_total"] == 1
    put(file, "0\n")
    assert exporter.samples()["efa_no_completion_cmds_total"] == 0


def test_an_interface_that_the_settings_name_twice_is_one(serve, root):
    exporter = serve(tcp_interfaces=["eth0", "eth0"])
    assert exporter.text().count("efa_node_tcp_tx_bytes_total{") == 1
    assert [interface["name"] for interface in exporter.reader.read().snapshot["interfaces"]] == ["eth0"]


@pytest.mark.parametrize("detail", [True, False])
def test_a_device_that_may_be_no_efa_device_is_neither_found_nor_missing(root, serve, detail):
    unknown, *others = names(root)
    function = (root / "sys/class/infiniband" / unknown / "device").resolve()
    (function / "driver").unlink()
    (function / "vendor").unlink()
    (function / "vendor").mkdir()  # a read of it fails
    found = (exporter := serve(detail=detail)).samples()
    assert "efa_devices_found" not in found
    assert found["efa_devices_expected"] == DEVICES
    if detail:
        assert exporter.devices("efa_device_read_success") == {unknown: 0, **dict.fromkeys(others, 1)}
        assert set(exporter.devices("efa_tx_bytes_total")) == set(others)
    else:
        assert "efa_tx_bytes_total" not in found


def test_a_device_that_is_taken_away_has_no_series_any_more(root, serve):
    exporter = serve()
    gone, *others = names(root)
    assert set(exporter.devices("efa_tx_bytes_total")) == {gone, *others}
    efa_tree.remove_device(root, gone)
    assert set(exporter.devices("efa_tx_bytes_total")) == set(others)
    assert exporter.samples()["efa_devices_found"] == DEVICES - 1


def test_where_sysfs_is_not_there_nothing_is_called_zero(tmp_path, serve):
    (tmp_path / "root").mkdir()
    found = serve().samples()
    assert found["efa_scrape_success"] == 0
    assert "efa_devices_found" not in found


def test_the_text_says_what_the_library_s_own_writer_says(tmp_path, root, serve):
    node = Node(tmp_path, name="gpu-st-p4d-1", root=str(root), compute_resources={"gpu/p4d": DEVICES})
    node.run("prolog", 7, SLURM_JOB_USER='a"\\b\n', SLURM_JOB_PARTITION="gpu", SLURM_JOB_NUM_NODES="2")
    exporter = serve(spool_dir=str(node.spool))

    def said(text: str) -> list[tuple]:
        return [
            (family.name, family.documentation, family.type, sample.name, sample.labels, sample.value)
            for family in parse(text)
            for sample in family.samples
            if "duration" not in sample.name
        ]

    theirs = generate_latest(registry_of(exporter.collector)).decode()
    assert said(exporter.text()) == said(theirs) != []


def test_one_process_reads_scrape_after_scrape_and_one_that_is_killed_is_replaced(root, serve):
    exporter = serve()
    exporter.samples()
    first = exporter.reader._worker._child
    exporter.samples()
    assert exporter.reader._worker._child == first > 0
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert exporter.samples()["efa_devices_found"] == DEVICES
    assert exporter.reader._worker._child not in (0, first)
    assert exporter.reader._hung == {}


def test_the_process_that_reads_ends_with_the_exporter(root, serve):
    exporter = serve()
    exporter.samples()
    child = exporter.reader._worker._child
    ends = os.pidfd_open(child)
    try:
        exporter.reader.close()
        assert select.select([ends], [], [], 60)[0] == [ends]
    finally:
        os.close(ends)


def test_a_counter_that_is_written_in_place_and_one_that_is_another_file_are_both_seen(root, serve):
    first, *_ = names(root)
    file = root / "sys/class/infiniband" / first / "ports/1/hw_counters/tx_bytes"
    exporter = serve()
    seen = [exporter.devices("efa_tx_bytes_total")[first]]
    file.write_text("41\n")
    seen.append(exporter.devices("efa_tx_bytes_total")[first])
    put(file, "42\n")
    seen.append(exporter.devices("efa_tx_bytes_total")[first])
    assert seen[1:] == [41, 42]


def test_a_process_that_may_open_few_files_reads_all_counters(root):
    code = """
import os, resource, sys
from efakit.exporter.kept import KeptFiles, allow_many_files
from efakit.node.counters import read_counters
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
allow_many_files()
kept = KeptFiles()
folder = sys.argv[1]
paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
for _ in range(2):
    assert [kept.read(path) for path in paths] == [read_counters(path) for path in paths]
print(len(kept._folders))
"""
    command = [sys.executable, "-c", code, str(root / "sys/class/infiniband")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 2 * DEVICES


@pytest.mark.skipif(bool(missing_for_fuse()), reason=", ".join(missing_for_fuse()))
def test_a_device_that_hangs_costs_its_own_series_and_no_second_process(tmp_path, root, serve):
    """The read sleeps uninterruptibly, as where a device's admin command never completes."""
    hung, *others = names(root)
    counters = (root / "sys/class/infiniband" / hung).resolve() / "ports/1/hw_counters"
    backing = tmp_path / "backing"
    counters.rename(backing)
    mount = FaultyMount(counters, backing)
    mount.start()
    try:
        mount.hang("read", "*tx_bytes*")
        exporter = serve(seconds=1.5)
        assert set(exporter.devices("efa_tx_bytes_total")) == set(others)
        assert frozenset([hung]) in exporter.reader._hung.values()
        # The next scrape does not touch it, so it does not wait either.
        reading = exporter.reader.read()
        assert reading.unread == (hung,)
        assert reading.snapshot["complete"]
        assert list(filter(None, exporter.reader._hung.values())) == [{hung}]
        assert exporter.devices("efa_device_read_success") == {hung: 0, **dict.fromkeys(others, 1)}
        process = next(process for process, names in exporter.reader._hung.items() if names)
        mount.heal()
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        assert set(exporter.devices("efa_tx_bytes_total")) == {hung, *others}
        assert not any(exporter.reader._hung.values())
    finally:
        mount.stop()


def test_where_too_many_processes_hang_no_further_one_is_made(root, serve):
    exporter = serve()
    sleepers = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(8)]
    try:
        exporter.reader._hung.update({one.pid: frozenset() for one in sleepers})
        with pytest.raises(NoChild, match="8 processes that read this node hang"):
            exporter.reader.read()
        assert exporter.samples() == {"efa_scrape_success": 0}
    finally:
        for one in sleepers:
            one.communicate()
    assert exporter.samples()["efa_scrape_success"] == 1


def test_a_job_is_there_from_its_prolog_to_its_epilog(tmp_path, root, serve):
    node = Node(tmp_path, name="gpu-st-p4d-1", root=str(root), compute_resources={"gpu/p4d": DEVICES})
    exporter = serve(spool_dir=str(node.spool))
    assert "efa_job_info" not in exporter.text(), "the hook has made no spool yet"
    told = {"SLURM_JOB_USER": 'a"\\b\n', "SLURM_JOB_PARTITION": "gpu", "SLURM_JOB_NUM_NODES": "2"}
    node.run("prolog", 7, **told)
    node.run("prolog", 8, **told)
    jobs = [
        sample.labels for family in parse(exporter.text()) for sample in family.samples if sample.name == "efa_job_info"
    ]
    common = {"user": 'a"\\b\n', "partition": "gpu", "nodes": "2"}
    assert jobs == [{"job_id": "7", **common}, {"job_id": "8", **common}]
    node.run("epilog", 7, **told)
    assert exporter.samples(job_id="7") == {}
    assert exporter.samples(job_id="8") == {"efa_job_info": 1}


def test_a_name_that_is_no_utf_8_does_not_cost_the_scrape(tmp_path, root, serve):
    node = Node(tmp_path, name="gpu-st-p4d-1", root=str(root), compute_resources={"gpu/p4d": DEVICES})
    exporter = serve(spool_dir=str(node.spool))
    node.run("prolog", 7, SLURM_JOB_USER="ana\udce9", SLURM_JOB_PARTITION="gpü", SLURM_JOB_NUM_NODES="2")
    assert exporter.samples(user="ana?", partition="gpü") == {"efa_job_info": 1}
    assert generate_latest(registry_of(exporter.collector))


def runs(exporter: Exporter) -> dict[tuple[str, str], float]:
    found = [
        sample for family in parse(exporter.text()) for sample in family.samples if sample.name == "efa_hook_runs_total"
    ]
    return {(sample.labels["hook"], sample.labels["result"]): sample.value for sample in found}


def test_runs_of_the_hooks_are_counted_from_the_first_on(tmp_path, root, serve):
    node = Node(tmp_path, name="gpu-st-p4d-1", root=str(root), compute_resources={"gpu/p4d": DEVICES})
    exporter = serve(spool_dir=str(node.spool))
    assert runs(exporter) == {}
    node.run("prolog", 7)
    node.run("prolog", 8)
    assert runs(exporter) == {("prolog", "ok"): 2}
    node.run("epilog", 7)
    node.run("health-check", None)
    node.records.rename(tmp_path / "away")
    node.run("epilog", 8)
    told = {("prolog", "ok"): 2, ("epilog", "ok"): 1, ("epilog", "unpublished"): 1, ("health-check", "ok"): 1}
    assert runs(exporter) == told
    samples = exporter.samples(hook="epilog")
    assert samples["efa_hook_seconds_total"] > 0
    assert abs(samples["efa_hook_last_run_timestamp_seconds"] - time.time()) < 600
    assert exporter.samples()["efa_hook_records_waiting"] == 1
    (tmp_path / "away").rename(node.records)
    node.run("flush", None)
    assert exporter.samples()["efa_hook_records_waiting"] == exporter.samples()["efa_hook_records_dropped"] == 0
    assert runs(exporter) == told
    # Another exporter counts the same: the file is the hook's.
    assert runs(serve(spool_dir=str(node.spool))) == told


def test_a_file_of_runs_that_has_grown_begins_anew_and_half_a_line_counts_nothing(tmp_path, root, serve):
    node = Node(tmp_path, name="gpu-st-p4d-1", root=str(root), compute_resources={"gpu/p4d": DEVICES})
    node.run("prolog", 7)
    exporter = serve(spool_dir=str(node.spool))
    with (node.spool / "runs").open("a") as file:
        file.write("prolog ok\nrm -rf 1 2\nprolog ok x 1\n" + "epilog ok 0.5 1\n" * (MOST_RUNS_BYTES // 16 + 1) + "epi")
    assert runs(exporter) == {("prolog", "ok"): 1, ("epilog", "ok"): MOST_RUNS_BYTES // 16 + 1}
    node.run("prolog", 8)
    assert (node.spool / "runs").stat().st_size < 100
    assert runs(exporter) == {("prolog", "ok"): 1}


def test_jobs_of_which_no_hook_knows_and_jobs_whose_epilog_never_came_are_counted(tmp_path, root, serve):
    node = Node(tmp_path, name="gpu-st-p4d-1", root=str(root), compute_resources={"gpu/p4d": DEVICES})
    for job in ("job_7", "job_9"):
        cgroup = root / "sys/fs/cgroup/system.slice/slurmstepd.scope" / job
        cgroup.mkdir(parents=True)
        (cgroup / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    exporter = serve(spool_dir=str(node.spool))
    assert exporter.samples()["efa_jobs_without_baseline"] == 2, "no hook has ever run here"
    node.run("prolog", 7)
    found = exporter.samples()
    assert (found["efa_jobs_without_baseline"], found["efa_hook_baselines_of_ended_jobs"]) == (1, 0)
    put(root / "proc/sys/kernel/random/boot_id", "another\n")
    assert exporter.samples()["efa_hook_baselines_of_ended_jobs"] == 1


def test_the_documents_name_every_metric(tmp_path, root, serve):
    node = Node(tmp_path, name="gpu-st-p4d-1", root=str(root), compute_resources={"gpu/p4d": DEVICES})
    node.run("prolog", 7)
    told = (Path(__file__).parents[2] / "docs/metrics.md").read_text()
    for detail in (True, False):
        for family in parse(serve(detail=detail, spool_dir=str(node.spool)).text()):
            for sample in family.samples:
                is_counter = sample.name.endswith("_total") and not re.search("tcp|hook", sample.name)
                assert is_counter or f"`{sample.name}" in told, sample.name
