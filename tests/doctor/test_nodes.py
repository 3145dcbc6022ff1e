"""``efakit doctor --node``: the hook's ``collect`` as built, a stand-in srun, and what differs between many nodes."""

from __future__ import annotations

import copy
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from efakit.cli.doctor_text import folded, print_examined
from efakit.cli.main import efakit
from efakit.doctor.archive import Collected
from efakit.doctor.ask import ask_nodes, installed_hooks, own_file, why_not_asked
from efakit.doctor.differences import differences
from efakit.doctor.document import Document, document_of, parse_document
from efakit.doctor.examine import examine
from efakit.errors import UsageError
from efakit.hook.collect import look
from tests.doctor import trees
from tests.hook.hookrun import Node, built_hook
from tests.lab import efa_software

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> dict[str, Any]:
    """The document of a healthy node."""
    root = trees.healthy(tmp_path_factory.mktemp("node") / "root")
    document: dict[str, Any] = json.loads(json.dumps(look(str(root), "gpu-1")))
    return document


def nodes_like(data: dict[str, Any], count: int) -> list[dict[str, Any]]:
    return [{**copy.deepcopy(data), "node": f"gpu-{number}"} for number in range(1, count + 1)]


def documents(many: list[dict[str, Any]]) -> list[Document]:
    return [document_of(item, item["node"]) for item in many]


def odd(many: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(node, found.rule, found.message) for node, found in differences(documents(many))]


def test_64_nodes_that_are_alike_differ_in_nothing(data):
    assert odd(nodes_like(data, 64)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["software"]["versions"].update(driver="2.8.0g"), "EFA driver 2.8.0g (3.1.0g on 63 nodes)"),
        (lambda d: d["software"]["versions"].update(plugin=None), "aws-ofi-nccl none (1.22.0 on 63 nodes)"),
        (lambda d: d["devices"]["devices_present"].pop(), "EFA devices 31 (32 on 63 nodes)"),
        (lambda d: d["kernel"]["modules"].remove("ib_uverbs"), "kernel modules: without ib_uverbs"),
        (lambda d: d["limits"].update(locked_memory=65536), "locked memory 65536 (unlimited on 63 nodes)"),
        (lambda d: d["limits"]["huge_pages"].update(count=0), "huge pages 0 (6000 on 63 nodes)"),
        (lambda d: d["loader"]["cache"].pop(), "EFA's libraries in the loader's cache: without"),
    ],
)
def test_of_64_nodes_the_one_that_differs_is_named_with_what_differs(data, change, told):
    many = nodes_like(data, 64)
    change(many[40])
    ((node, rule, message),) = odd(many)
    assert (node, rule) == ("gpu-41", "node-differs")
    assert told in message


def test_the_oddest_node_comes_first_before_what_all_nodes_have(data):
    many = nodes_like(data, 8)
    for item in many:
        item["limits"]["ptrace_scope"] = 1
    many[2]["software"]["versions"]["driver"] = "2.8.0g"
    many[5]["software"]["versions"].update(driver="2.8.0g", kernel="5.15.0")
    found = examine(Collected(tuple(documents(many))), "0.1.0", "test").told
    assert [(item.node, item.finding.rule) for item in found[:2]] == [
        ("gpu-6", "node-differs"),
        ("gpu-3", "node-differs"),
    ]


def test_what_is_not_known_of_a_node_is_no_difference(data):
    many = nodes_like(data, 8)
    many[3].update(software=None, kernel=None, loader=None, limits=None, devices=None)
    assert odd(many) == []


def test_nodes_of_other_types_are_not_compared(data):
    many = nodes_like(data, 6)
    many[0]["machine"]["instance_type"] = "p4d.24xlarge"
    many[0]["devices"]["devices_present"] = many[0]["devices"]["devices_present"][:4]
    assert odd(many) == []


def test_without_a_majority_the_groups_are_told_and_nobody_is_called_odd(data):
    many = nodes_like(data, 4)
    for item in many[:2]:
        item["software"]["versions"]["driver"] = "2.8.0g"
    ((node, rule, message),) = odd(many)
    assert (node, rule) == ("", "nodes-in-groups")
    assert "2.8.0g on 2 (gpu-1, gpu-2); 3.1.0g on 2 (gpu-3, gpu-4)" in message


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a1"], "a1"),
        (["gpu-3", "gpu-1", "gpu-2", "gpu-7"], "gpu-[1-3,7]"),
        (["n01", "n02", "n10"], "n[01-02], n10"),
        (["head", "gpu-1", "x" * 3], "gpu-1, head, xxx"),
        ([f"n{'9' * 30}"], f"n{'9' * 30}"),
    ],
)
def test_names_of_many_nodes_are_written_as_ranges(names, text):
    assert folded(names) == text


def test_a_finding_of_many_nodes_is_printed_once_and_the_worst_first(data, capsys):
    many = nodes_like(data, 64)
    for item in many:
        item["limits"]["ptrace_scope"] = 1
    many[9]["devices"]["devices"][0]["unusable"] = "/dev/infiniband/uverbs0 cannot be opened: No such device"
    print_examined(examine(Collected(tuple(documents(many))), "0.1.0", "x"), verbose=False)
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("    ")]
    assert lines[0].startswith("gpu-10: error verbs-unusable")
    assert lines[1].startswith("gpu-[1-64]: info ptrace-restricted")
    assert lines[2:] == ["64 nodes: 1 error, 0 warnings, 64 info"]


# The hook's own file.


@pytest.fixture
def node(tmp_path) -> Node:
    node = Node(tmp_path, run_dir=str(tmp_path / "run"))
    trees.healthy(node.root)
    names = sorted(path.name for path in (node.root / "sys/class/infiniband").iterdir())
    efa_software.write_fi_info(node.root, names)
    return node


def told(node: Node, **variables: str) -> list[tuple[str, str]]:
    """Run the hook's collect; judge what it printed."""
    document = parse_document(node.run("collect", None, **variables), "the hook")
    found = examine(Collected((document,)), "0.1.0", "test").told
    return [(item.finding.rule, str(item.finding.severity)) for item in found]


def test_the_hook_collects_a_healthy_node_on_one_line_and_leaves_nothing(node):
    before = sorted(path for path in node.root.parent.rglob("*"))
    text = node.run("collect", None)
    assert (text.count("\n"), text[:1]) == (1, "{")
    assert sorted(path for path in node.root.parent.rglob("*") if path != node.config) == before
    assert told(node) == []


@pytest.mark.parametrize(
    ("devices", "status", "rule", "severity"),
    [
        ([], 61, "provider-missing", "error"),
        (["rdmap79s0"], 0, "domains-missing", "error"),
        ([], 127, "fi-info-failed", "warning"),
    ],
)
def test_what_libfabric_says_is_judged(node, devices, status, rule, severity):
    efa_software.write_fi_info(node.root, devices, status=status)
    assert told(node) == [(rule, severity)]


def test_a_missing_and_an_untrusted_fi_info_are_told(node):
    program = node.root / "opt/amazon/efa/bin/fi_info"
    program.chmod(0o777)
    assert told(node) == [("fi-info-untrusted", "warning")]
    program.unlink()
    assert told(node) == [("fi-info-missing", "warning")]


def test_while_another_job_runs_libfabric_is_not_asked_and_that_is_said(node):
    node.run("prolog", 7)
    assert told(node) == [("not-read", "info")]
    # The job that asks is its own.
    assert told(node, SLURM_JOB_ID="7") == []


def test_settings_that_expect_more_devices_are_believed(node):
    node.settings["expected_devices"] = 33
    assert told(node) == [("devices-missing", "error")]


def test_a_spool_and_a_records_folder_that_cannot_be_used_are_told(node):
    node.spool.mkdir(mode=0o700)
    (node.spool / "outbox").mkdir(mode=0o777)
    (node.spool / "outbox").chmod(0o777)
    assert told(node) == [("spool-unusable", "error")]
    (node.spool / "outbox").chmod(0o700)
    assert told(node) == []
    node.records.rmdir()
    assert told(node) == [("records", "error")]


def test_records_that_wait_and_files_set_aside_are_told(node):
    for folder, count in (("outbox", 12), ("aside", 1)):
        (node.spool / folder).mkdir(parents=True, mode=0o700)
        node.spool.chmod(0o700)
        for number in range(count):
            (node.spool / folder / f"{number}.json").write_text("{}")
    assert told(node) == [("spool-damaged", "warning"), ("records-wait", "warning")]


def test_an_fi_info_that_hangs_is_told_in_time(node, monkeypatch):
    from efakit.hook import collect

    monkeypatch.setattr(collect, "_FABRIC_SECONDS", 1.0)
    efa_software.write_fi_info(node.root, [], sleep_seconds=60)
    document = look(str(node.root), "gpu-1", asks=lambda names: None)
    found = examine(Collected((document_of(json.loads(json.dumps(document)), "x"),)), "0.1.0", "test").told
    assert [(item.finding.rule, str(item.finding.severity)) for item in found] == [("fi-info-hangs", "error")]


# srun.


def fake_srun(folder: Path, answers: Path) -> dict[str, str]:
    """An srun that prints the file of the node it is asked for, and fails for a node that has none."""
    script = folder / "srun"
    script.write_text(
        f"#!{sys.executable}\nimport sys, pathlib\n"
        'node = [a.split("=", 1)[1] for a in sys.argv if a.startswith("--nodelist=")][0]\n'
        f'path = pathlib.Path("{answers}") / node\n'
        f'(pathlib.Path("{answers}") / ("argv." + node)).write_text("\\n".join(sys.argv[1:]))\n'
        "if not path.exists():\n"
        '    sys.stderr.write("srun: error: Unable to allocate resources: Requested nodes are busy\\n"); sys.exit(1)\n'
        "sys.stdout.write(path.read_text())\n"
    )
    script.chmod(0o755)
    sinfo = folder / "sinfo"
    states = " ".join(f"gpu-{number}\\ idle" for number in range(1, 7))
    sinfo.write_text(f"#!/bin/sh\nprintf '%s\\n' {states} 'gpu-7 idle~' 'gpu-8 drained*' 'gpu-9 mixed'\n")
    sinfo.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_each_node_is_asked_by_itself_and_one_that_does_not_answer_costs_no_other(tmp_path, monkeypatch, data):
    answers = tmp_path / "answers"
    answers.mkdir()
    for item in nodes_like(data, 3):
        (answers / item["node"]).write_text("a line of somebody else\n" + json.dumps(item) + "\n")
    (answers / "gpu-5").write_text("efakit: usage: efakit-hook.pyz prolog|epilog --config hook.json\n")
    (answers / "gpu-6").write_text('{"schema_version": 1}\n')
    for name, value in fake_srun(tmp_path, answers).items():
        monkeypatch.setenv(name, value)
    names = [*(f"gpu-{number}" for number in range(1, 9)), "x"]
    found, silent = ask_nodes(names, installed_hooks("/opt/slurm/etc/efakit"), options=["--partition=gpu"])
    assert [item.node for item in found] == ["gpu-1", "gpu-2", "gpu-3"]
    why = dict(silent)
    assert why["gpu-4"] == "Unable to allocate resources: Requested nodes are busy"
    assert "older efakit" in why["gpu-5"]
    assert why["gpu-7"] == "Slurm says idle~: it is powered down, and a job would start it"
    assert why["gpu-8"].startswith("Slurm says drained*")
    assert why["x"] == "Slurm knows no node of this name"
    assert not [path for path in answers.glob("argv.*") if path.name in ("argv.gpu-7", "argv.gpu-8", "argv.x")]
    assert "is missing" in why["gpu-6"]
    argv = (answers / "argv.gpu-1").read_text().split("\n")
    assert argv[-3:] == ["/bin/sh", "/opt/slurm/etc/efakit/run-hook", "collect"]
    assert {"--nodelist=gpu-1", "--nodes=1", "--partition=gpu", "--export=NONE"} <= set(argv)


def test_hooks_status_says_of_each_node_what_it_has_of_the_exporter(tmp_path, monkeypatch, data):
    answers = tmp_path / "answers"
    answers.mkdir()
    has = {
        "installed": True,
        "version": "0.1.0",
        "unit": "ours",
        "enabled": True,
        "active": True,
        "listen": "[::]:9764",
    }
    none = {**dict.fromkeys(has), "installed": False, "unit": "none", "enabled": False}
    states = [has, has, {**has, "active": None, "listen": None}, none, "older"]
    for item, state in zip(nodes_like(data, 5), states, strict=True):
        item["exporter"] = state
        if state == "older":
            del item["exporter"]
        (answers / item["node"]).write_text(json.dumps(item) + "\n")
    for name, value in fake_srun(tmp_path, answers).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "scontrol").write_text("#!/bin/sh\nprintf 'Prolog = (null)\\nSLURM_VERSION = 24.11.5\\n'\n")
    (tmp_path / "scontrol").chmod(0o755)
    told = CliRunner().invoke(efakit, ["hooks", "status", "--node", "gpu-[1-7]"]).output
    lines = [line for line in told.splitlines() if line.startswith("exporter on ")]
    assert lines == [
        "exporter on gpu-[1-2]: version 0.1.0, enabled, active, at [::]:9764",
        "exporter on gpu-3: version 0.1.0, enabled, active: not known, at not known",
        "exporter on gpu-4: not installed",
        "exporter on gpu-5: not known (its hooks are of an older efakit, or it could not be read)",
        "exporter on gpu-6: not known (Unable to allocate resources: Requested nodes are busy)",
        "exporter on gpu-7: not known (Slurm says idle~: it is powered down, and a job would start it)",
    ]
    document = json.loads(
        CliRunner().invoke(efakit, ["hooks", "status", "--node", "gpu-[1-7]", "--format", "json"]).stdout
    )
    assert document["exporters"][0] == {"node": "gpu-1", **has, "error": None}
    assert document["exporters"][6]["installed"] is None
    here = CliRunner().invoke(efakit, ["hooks", "status", "--format", "json"])
    (only,) = json.loads(here.stdout)["exporters"]
    assert only["node"] == os.uname().nodename.partition(".")[0]


def test_nodes_without_hooks_are_asked_by_a_file_that_does_not_stay():
    before = set(Path("/tmp").glob("efakit-collect.*"))
    for config in ("", "/nowhere/hook.json"):
        means = own_file(built_hook(), config)
        done = subprocess.run(means.command, input=means.stdin, capture_output=True, env={})
        document = parse_document(done.stdout.decode(), "the node")
        assert (done.returncode, done.stderr) == (0, b"")
        assert (document.part("settings") or {"path": ""})["path"] == config
    assert set(Path("/tmp").glob("efakit-collect.*")) <= before


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        *(("idle", True), ("mixed", True), ("allocated", True), ("idle-", True), ("planned", True), ("mixed+", True)),
        *(("idle~", False), ("idle#", False), ("down*", False), ("idle%", False), ("powered_down", False)),
        *(("drained", False), ("powering_up", False), ("idle!", False), ("fail", False), (None, False)),
    ],
)
def test_no_node_is_started_only_to_be_asked(state, asked):
    assert (why_not_asked(state) is None) == asked


def test_nodes_that_did_not_answer_are_findings_and_no_errors(data):
    found = examine(Collected(tuple(documents(nodes_like(data, 1))), (("gpu-2", "down"),)), "0.1.0", "test")
    assert [(item.node, item.finding.rule) for item in found.told] == [("gpu-2", "node-not-asked")]
    assert not found.has_errors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("[]", "no document"),
        ("[" * 100_000, "no JSON"),
        ('{"schema_version": NaN}', "no JSON"),
        ('{"schema_version": 1}', "is missing"),
        ('{"schema_version": 99, "efakit": "9.9"}', "newer efakit (9.9)"),
    ],
)
def test_an_answer_that_is_none_is_refused_with_a_reason(text, words):
    with pytest.raises(UsageError, match=words.replace("(", r"\(").replace(")", r"\)")):
        parse_document(text, "x")


def test_a_value_of_another_type_anywhere_is_refused_and_never_a_traceback(data):
    def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        inside = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
        return [path, *(place for key, item in inside for place in places(item, (*path, key)))]

    wrongs = itertools.cycle(({"x": 1}, [[]], 1.5, -(10**30), "x" * 5000, None, "12.8"))
    for place in places(data)[1:]:
        changed = copy.deepcopy(data)
        holder = changed
        for key in place[:-1]:
            holder = holder[key]
        holder[place[-1]] = next(wrongs)
        try:
            document = document_of(changed, "x")
        except UsageError:
            continue
        examine(Collected((document, document)), "0.1.0", "x")


def test_a_process_that_collects_needs_no_more_than_python(tmp_path, node):
    """As on a node: -I and -S, nothing in the environment."""
    node.run("collect", None)
    done = subprocess.run(
        [sys.executable, "-I", "-S", node.archive, "collect", "--config", node.config], env={}, capture_output=True
    )
    assert (done.returncode, done.stderr, done.stdout[:1]) == (0, b"", b"{")
