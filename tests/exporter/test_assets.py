"""Rules, dashboard and unit that come with the exporter: judged by the real promtool and a real Prometheus."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.exporter.assets import ASSETS, asset
from tests.hook.hookrun import Node
from tests.lab import efa_tree

pytestmark = pytest.mark.thorough

HERE = Path(__file__).parent
UNPACKED = HERE.parents[1] / ".cache/prometheus/usr/bin"
TYPE = "p4d.24xlarge"
DASHBOARD = json.loads(asset("efa.dashboard.json"))
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]

# Each changes what a rule says; a test of the rules must notice.
MUTANTS = [
    ("efa_node_tcp_tx_bytes:rate5m > bool 1e6", "efa_node_tcp_tx_bytes:rate5m > bool 1e3"),
    ("efa_node_tcp_rx_bytes:rate5m > bool 1e6", "efa_node_tcp_rx_bytes:rate5m > bool 1e3"),
    ("> bool 0.1 * instance:efa_node_tcp_rx", "> bool 0.001 * instance:efa_node_tcp_rx"),
    ("> bool 0.1 * instance:efa_node_tcp_tx", "> bool 0.001 * instance:efa_node_tcp_tx"),
    ("efa_tx_bytes:rate5m < bool 1e4", "efa_tx_bytes:rate5m < bool 1e9"),
    ("efa_tx_bytes:rate5m < bool 1e4", "efa_tx_bytes:rate5m < bool 1e2"),
    ('nodes!="1", nodes!=""', 'nodes!=""'),
    ('nodes!="1", nodes!=""', 'nodes!="1"'),
    ("            * instance:efa_devices_read:all\n", ""),
    ("sum without (interface) (rate(efa_node_tcp_tx", "min without (interface) (rate(efa_node_tcp_tx"),
    ("min without (device) (efa_device_read", "max without (device) (efa_device_read"),
    ("sum without (device) (rate(efa_tx_bytes", "sum by (instance) (rate(efa_tx_bytes"),
    ("== bool efa_devices_found", "!= bool efa_devices_found"),
    ("efa_devices_found < efa_devices_expected", "efa_devices_found != efa_devices_expected"),
    ("efa_devices_found < efa_devices_expected", "efa_devices_found <= efa_devices_expected"),
    ("ratio_rate30m > 1e-4", "ratio_rate30m > 1e-6"),
    ("ratio_rate30m > 1e-4", "ratio_rate30m > 1e-2"),
    ("> 5 * scalar", "> 0.5 * scalar"),
    ("quantile(0.5", "quantile(1"),
    ("tx_pkts:rate30m > 1000", "tx_pkts:rate30m > 1"),
    ("(efa_no_completion_cmds_total) > 0", "(efa_no_completion_cmds_total) >= 0"),
    ("(efa_no_completion_cmds_total) > 0", "(efa_no_completion_cmds_total) > 3"),
    ("(efa_no_completion_cmds_total)", "(increase(efa_no_completion_cmds_total[30m]))"),
    ("efa_jobs_without_baseline > 0", "efa_jobs_without_baseline >= 0"),
    ("efa_jobs_without_baseline > 0", "efa_jobs_without_baseline > 2"),
    ("efa_hook_baselines_of_ended_jobs > 0", "efa_hook_baselines_of_ended_jobs >= 0"),
    ("efa_hook_baselines_of_ended_jobs > 0", "efa_hook_baselines_of_ended_jobs > 1"),
    ("efa_hook_records_waiting > 0", "efa_hook_records_waiting >= 0"),
    ("efa_hook_records_waiting > 0", "efa_hook_records_waiting > 3"),
    ("for: 30m", "for: 20m"),
    ("for: 1h", "for: 50m"),
    ("efa_scrape_success == 0", "efa_scrape_success == 1"),
    ("efa_devices_read:all == 0", "efa_devices_read:all == 1"),
    ("for: 10m", "for: 1m"),
    ("for: 15m", "for: 1s"),
]


def program(name: str) -> str:
    found = str(UNPACKED / name) if (UNPACKED / name).exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: scripts/setup-prometheus.sh .cache/prometheus unpacks Debian's")
    return found


def promtool(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [program("promtool"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


@pytest.mark.registry
@pytest.mark.parametrize("name", [name for name in ASSETS if name.endswith(".rules.yml")])
def test_promtool_has_nothing_against_the_rules(tmp_path, name):
    (tmp_path / name).write_text(asset(name))
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", str(tmp_path / name))
    assert said.returncode == 0, said.stderr


# As text: PyYAML would make other values of it than promtool does.
HEAD, *TESTS_OF_RULES = re.split(r"(?m)^(?=  - name: )", (HERE / "efa.rules.test.yml").read_text())


def tried(folder: Path, rules: str, tests: list[str]) -> subprocess.CompletedProcess[str]:
    (folder / "efa.rules.yml").write_text(rules)
    (folder / "efa.rules.test.yml").write_text(HEAD + "".join(tests))
    return promtool("test", "rules", "efa.rules.test.yml", cwd=folder)


def changed_rules(old: str, new: str) -> set[str]:
    """Return the names of the rules in which two texts differ."""
    before, after = (
        [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]] for text in (old, new)
    )
    return {one.get("alert") or one["record"] for one, other in zip(before, after, strict=True) if one != other}


@pytest.mark.registry
def test_the_alerts_fire_where_they_should_and_nowhere_else(tmp_path):
    said = tried(tmp_path, asset("efa.rules.yml"), TESTS_OF_RULES)
    assert said.returncode == 0, said.stderr + said.stdout


@pytest.mark.registry
def test_the_documented_join_tells_each_job_of_a_node_that_has_two(tmp_path):
    documented = (HERE.parents[1] / "docs/metrics.md").read_text()
    (join,) = re.findall(
        r"(?m)^.*\befa_job_info\b.*\bgroup_left\b.*$|^.*\bgroup_left\b.*\befa_job_info\b.*$", documented
    )
    test = f"""
  - name: two jobs on one node
    interval: 1m
    input_series:
      - {{series: 'efa_job_info{{instance="n", job_id="1"}}', values: '1x20'}}
      - {{series: 'efa_job_info{{instance="n", job_id="2"}}', values: '1x20'}}
      - {{series: 'efa_tx_bytes_total{{instance="n", device="a"}}', values: '0+60x20'}}
      - {{series: 'efa_tx_bytes_total{{instance="n", device="b"}}', values: '0+60x20'}}
    promql_expr_test:
      - expr: sum by (instance, job_id) ({join})
        eval_time: 15m
        exp_samples:
          - {{labels: '{{instance="n", job_id="1"}}', value: 2}}
          - {{labels: '{{instance="n", job_id="2"}}', value: 2}}
"""
    said = tried(tmp_path, asset("efa.rules.yml"), [test])
    assert said.returncode == 0, said.stderr + said.stdout


@pytest.mark.registry
@pytest.mark.parametrize(("old", "new"), MUTANTS, ids=[new.strip() or old.strip() for old, new in MUTANTS])
def test_a_rule_that_says_something_else_fails_these_tests(tmp_path, old, new):
    rules = asset("efa.rules.yml")
    assert old in rules
    changed = changed_rules(rules, rules.replace(old, new))
    assert changed
    # One after the other until one notices, those first that name the rule: all take promtool eight times as long.
    tests = sorted(TESTS_OF_RULES, key=lambda test: not any(name in test for name in changed))
    ended = (tried(tmp_path, rules.replace(old, new), [test]).returncode for test in tests)
    assert next((status for status in ended if status), 0) == 1, "no test noticed"


@pytest.mark.registry
def test_promtool_has_nothing_against_the_metrics(tmp_path):
    efa_tree.write_node(tmp_path / "root", TYPE)
    (tmp_path / "hook.json").write_text(json.dumps({"root": str(tmp_path / "root"), "tcp_interfaces": []}))
    written = tmp_path / "efa.prom"
    command = ["exporter", "--config", str(tmp_path / "hook.json"), "--textfile", str(written)]
    done = CliRunner().invoke(efakit, command)
    assert done.exit_code == 0, done.output
    said = promtool("check", "metrics", input=written.read_text())
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_in_which_unit_and_asks_the_chosen_source(panel):
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] == "${datasource}"
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        assert re.findall(r"rate\([^[]*\[([^]]*)\]", target["expr"]) in (
            [],
            ["$__rate_interval"],
            ["$__rate_interval"] * 2,
        )


def test_panels_and_their_places_are_each_their_own():
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)


def test_the_names_of_another_exporter_are_those_of_ours():
    rules = yaml.safe_load(asset("node-amazonefa.rules.yml"))["groups"][0]["rules"]
    for rule in rules:
        name = rule["record"].removeprefix("efa_").removesuffix("_total")
        assert rule["expr"] == f"max without (port) (node_amazonefa_{name})"
    assert {rule["record"] for rule in rules} == {
        f"efa_{name}_total" for name in efa_tree.GENERATIONS[22].port_counters
    }


class Prometheus:
    """A real Prometheus on loopback that scrapes one address every second."""

    def __init__(self, folder: Path, target: str) -> None:
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["efa.rules.yml"],
            "scrape_configs": [{"job_name": "efa", "static_configs": [{"targets": [target]}]}],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))
        (folder / "efa.rules.yml").write_text(asset("efa.rules.yml"))
        self.port = free_port()
        self.log = (folder / "prometheus.log").open("wb")
        self.process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdout=self.log,
            stderr=self.log,
        )

    def ask(self, expression: str) -> list[Any]:
        """Return the series that an expression has now; none where nobody answers yet."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
            response = connection.getresponse()
            if response.status == HTTPStatus.SERVICE_UNAVAILABLE:  # it listens, and is not ready yet
                return []
            answer = json.load(response)
        except OSError:
            return []
        finally:
            connection.close()
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def wait_for(self, expression: str) -> list[Any]:
        """Return the series of an expression as soon as there are some."""
        until = time.monotonic() + 90
        while not (found := self.ask(expression)):
            assert time.monotonic() < until, f"no series: {expression}"
            assert self.process.poll() is None, "Prometheus ended"
            time.sleep(0.2)
        return found

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.log.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.registry
def test_a_real_prometheus_scrapes_a_node_and_every_panel_shows_something(tmp_path):
    root = tmp_path / "root"
    efa_tree.write_node(root, TYPE)
    node = Node(
        tmp_path, name="gpu-st-p4d-1", root=str(root), compute_resources={"gpu/p4d": 4}, tcp_interfaces=["eth0"]
    )
    (root / "sys/class/net/eth0/statistics").mkdir(parents=True)
    for name in ("tx_bytes", "rx_bytes", "tx_packets", "rx_packets"):
        (root / "sys/class/net/eth0/statistics" / name).write_text("1000\n")
    node.run("prolog", 7, SLURM_JOB_USER="ada", SLURM_JOB_PARTITION="gpu", SLURM_JOB_NUM_NODES="2")
    port = free_port()
    command = [sys.executable, "-c", "from efakit.cli.main import main; main()", "exporter", "--node", node.name]
    command += ["--config", str(node.config), "--listen", f"127.0.0.1:{port}"]
    with (tmp_path / "exporter.log").open("wb") as log:
        exporter = subprocess.Popen(command, stderr=log, stdout=log)
    server = Prometheus(tmp_path, f"127.0.0.1:{port}")
    try:
        (up,) = server.wait_for("efa_scrape_success")
        assert up["value"][1] == "1", (tmp_path / "exporter.log").read_text()
        # A rate needs two readings.
        server.wait_for("count_over_time(efa_scrape_success[1m]) > 3")
        for expression in EXPRESSIONS:
            asked = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
            if "retrans_pkts" in asked:
                asked = asked.replace(" > 0", "")  # nobody sends here
            assert server.ask(asked), asked
        (job,) = server.ask("efa_job_info")
        labels = {name: job["metric"][name] for name in ("job_id", "user", "partition", "nodes")}
        assert labels == {"job_id": "7", "user": "ada", "partition": "gpu", "nodes": "2"}
        (devices,) = server.ask("count(efa_tx_bytes_total)")
        assert devices["value"][1] == "4"
        server.wait_for("instance:efa_devices_read:all == 1")
        assert server.ask("scrape_samples_scraped")[0]["value"][1] > "0"
    finally:
        server.stop()
        exporter.terminate()
        exporter.wait()
