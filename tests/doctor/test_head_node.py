"""``efakit doctor`` on a head node says what ``efakit hooks status`` says; what it is told by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit import __version__
from efakit.cli.main import efakit
from efakit.doctor.archive import Collected
from efakit.doctor.cluster_checks import checks
from efakit.doctor.cluster_judge import judge_cluster
from efakit.doctor.document import document_of
from efakit.doctor.examine import examine
from efakit.doctor.site import look_at
from efakit.doctor.site_data import collect_site, site_as_data, site_of
from efakit.finding import Finding
from efakit.hook.collect import look
from efakit.slurm.config import parse_config
from tests.doctor import trees
from tests.doctor.test_cluster import Cluster, bare, cluster, installed  # noqa: F401 - fixtures

pytestmark = pytest.mark.thorough


def config_of(there: Cluster, **conf: str) -> str:
    values = {**there.conf, "AccountingStoragePass": "secret", "SLURM_VERSION": "25.11.4", **conf}
    return "".join(f"{name:<24}= {value}\n" for name, value in values.items())


CHANGES = [
    {},
    {"PrologFlags": "(null)"},
    {"SlurmdUser": "slurm(64030)"},
    {"MessageTimeout": "5 sec"},
    {"TaskProlog": "(null)"},
    {"HealthCheckInterval": "0 sec"},
    {"Prolog": "/nowhere/*"},
    {"SlurmctldParameters": "enable_configless"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: ", ".join(change) or "as installed")
def test_doctor_finds_of_a_cluster_what_hooks_status_finds(cluster, change):  # noqa: F811
    site = look_at(parse_config(config_of(cluster, **change)))
    data = json.loads(json.dumps(site_as_data(site)))
    assert checks(site_of(data, "x")[0], __version__) == checks(site, __version__)
    told, seen = judge_cluster(data, __version__, "x")
    found = [item for item in checks(site, __version__) if isinstance(item, Finding)]
    assert sorted((item.finding.rule, item.finding.message) for item in told) == sorted(
        (item.rule, item.message) for item in found
    )
    assert len(seen) == len(checks(site, __version__)) - len(found)


def test_of_slurm_s_configuration_only_what_is_judged_is_kept(cluster):  # noqa: F811
    data, why = collect_site(parse_config(config_of(cluster)))
    assert why is None
    assert "secret" not in json.dumps(data)


def test_an_open_circuit_breaker_is_told_with_its_nodes(cluster):  # noqa: F811
    folder = cluster.folder / "records/.breaker"
    folder.mkdir(parents=True)
    now = int(time.time())
    for name in (f"lab.gpu-1.7f3d2c7e.{now}", f"lab.gpu-2.7f3d2c7e.{now - 60}", f"lab.gpu-3.7f3d2c7e.{now - 7200}"):
        (folder / name).write_text("{}")
    told, _ = judge_cluster(site_as_data(look_at(parse_config(config_of(cluster)))), __version__, "x")
    (found,) = [item.finding for item in told if item.finding.rule == "breaker-open"]
    assert "2 nodes failed their prolog on purpose within the hour (gpu-1, gpu-2)" in found.message


def test_a_slurm_release_with_a_known_fault_is_named(cluster):  # noqa: F811
    for version, there in (("23.02.1", 2), ("23.02.7", 1), ("25.11.4", 0)):
        text = config_of(cluster, SLURM_VERSION=version)
        told, _ = judge_cluster(site_as_data(look_at(parse_config(text))), __version__, "x")
        found = [item.finding for item in told if item.finding.rule == "slurm-release"]
        assert len(found) == there
        assert all(item.severity == "info" and version in item.message and item.fix for item in found)


def test_where_slurm_loads_pyxis_no_task_prolog_is_asked_for(cluster):  # noqa: F811
    for named, rules in (("(null)", []), (cluster.conf["TaskProlog"], ["task-prolog-pyxis"])):
        site = replace(look_at(parse_config(config_of(cluster, TaskProlog=named))), pyxis=True)
        found = [item for item in checks(site, __version__) if item.rule.startswith("task-prolog")]
        assert [item.rule for item in found if isinstance(item, Finding)] == rules


def test_pyxis_without_enroot_on_a_node_is_told(cluster, tmp_path):  # noqa: F811
    data = site_as_data(look_at(parse_config(config_of(cluster))))
    root = trees.healthy(tmp_path / "node", "p4d.24xlarge")
    for pyxis, enroot, rules in ((True, False, ["enroot-missing"]), (False, False, []), (True, True, [])):
        if enroot:
            trees.write(root, "usr/bin/enroot", "")
        document = document_of(json.loads(json.dumps(look(str(root), "gpu-1"))), "x")
        found = examine(Collected((document,), (), {**data, "pyxis": pyxis}), __version__, "x").told
        assert [item.finding.rule for item in found if item.node] == rules


def test_a_head_node_of_a_type_that_can_have_efa_needs_none_but_its_shells_limits_count(tmp_path):
    trees.write(tmp_path, "sys/class/dmi/id/product_name", "c5n.18xlarge\n")
    trees.write(tmp_path, "proc/77/comm", "slurmctld\n")
    trees.efa_software.write_limits(tmp_path)
    judged = [CliRunner().invoke(efakit, ["doctor", "--root", str(tmp_path), "--format", "json"]).stdout]
    trees.efa_software.write_limits(tmp_path, locked="65536")
    judged.append(CliRunner().invoke(efakit, ["doctor", "--root", str(tmp_path), "--format", "json"]).stdout)
    rules = [[item["rule"] for item in json.loads(text)["findings"]] for text in judged]
    assert rules == [[], ["login-memlock-low"]]


def test_a_slurmd_with_a_low_limit_is_told_whatever_the_limit_of_the_one_who_looks(tmp_path):
    root = trees.healthy(tmp_path / "root", "p4d.24xlarge")
    trees.write(root, "proc/4711/comm", "slurmd\n")
    trees.write(root, "proc/4711/limits", "Max locked memory         65536                65536                bytes\n")
    done = CliRunner().invoke(efakit, ["doctor", "--root", str(root), "--format", "json"])
    (found,) = json.loads(done.stdout)["findings"]
    assert (found["rule"], found["severity"]) == ("memlock-low", "warning")
    assert found["message"].startswith("slurmd, and so every job, may lock 64 KiB")
    assert "LimitMEMLOCK=infinity" in "\n".join(found["commands"])


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from efakit.cli.main import main; main()", "doctor", *map(str, arguments)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    return subprocess.run(
        command, capture_output=True, text=True, env={**kept, **environment}, stdin=subprocess.DEVNULL
    )


def test_this_machine_is_looked_at_without_a_traceback_and_its_archive_says_the_same(tmp_path):
    done = run("--format", "json", "--collect", tmp_path / "t.tar.gz")
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr
    again = run("--format", "json", "--root", tmp_path / "t.tar.gz")
    assert json.loads(again.stdout) == json.loads(done.stdout)


def test_slurm_that_does_not_answer_is_unread_and_no_error(tmp_path):
    (tmp_path / "scontrol").write_text("#!/bin/sh\necho 'scontrol: error: Unable to contact controller' >&2\nexit 1\n")
    (tmp_path / "scontrol").chmod(0o755)
    done = run("--format", "json", PATH=f"{tmp_path}:{os.environ['PATH']}")
    messages = [item["message"] for item in json.loads(done.stdout)["findings"] if item["rule"] == "not-read"]
    assert any("Unable to contact controller" in message for message in messages)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--root", "/nowhere"], "/nowhere: does not exist"),
        (["--node", "a", "--root", "/"], "--node asks other nodes"),
        (["--srun-option", "--partition=x"], "--srun-option is for --node"),
        (["--instance", "p5.96xlarge"], "p5.96xlarge"),
        (["--node", "gpu-[1-"], "gpu-[1-"),
        (["--start-seconds", "0"], "--start-seconds"),
    ],
)
def test_wrong_input_is_refused_with_what_and_what_to_do(arguments, words):
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_cannot_be_asked_where_slurm_does_not_answer(tmp_path):
    (tmp_path / "scontrol").write_text("#!/bin/sh\necho 'scontrol: error: Unable to contact controller' >&2\nexit 1\n")
    (tmp_path / "scontrol").chmod(0o755)
    done = run("--node", "gpu-1", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Unable to contact controller" in done.stderr
    assert "run this where Slurm's commands work" in done.stderr


# Inside an image.


def image(root: Path, *, efa: bool = True, gpu: bool = False) -> Path:
    kept = trees.healthy(root, "p5.48xlarge")
    for path in ("sys", "proc", "dev"):
        subprocess.run(["rm", "-rf", kept / path], check=True)
    if not gpu:
        subprocess.run(["rm", "-rf", kept / "usr/local/cuda"], check=True)
    if not efa:
        subprocess.run(["rm", "-rf", kept / "opt/amazon", kept / "etc/ld.so.conf.d"], check=True)
        trees.efa_software.write_loader_cache(kept, [])
    return kept


def image_findings(root: Path, *arguments: str) -> list[tuple[str, str]]:
    done = CliRunner().invoke(efakit, ["doctor", "--container", "--root", str(root), "--format", "json", *arguments])
    return [(item["rule"], item["severity"]) for item in json.loads(done.stdout)["findings"]]


def test_an_image_needs_no_device_and_no_driver(tmp_path):
    root = image(tmp_path / "a", gpu=True)
    assert image_findings(root, "--instance", "p5.48xlarge") == []
    done = CliRunner().invoke(efakit, ["doctor", "--container", "--root", str(root)])
    assert done.output == "1 image: nothing found\n"


def test_an_image_without_efa_and_one_for_gpus_without_the_plugin_are_told(tmp_path):
    assert image_findings(image(tmp_path / "a", efa=False)) == [("image-without-efa", "error")]
    found = image_findings(image(tmp_path / "b", efa=False, gpu=True))
    assert found == [("image-without-efa", "error"), ("plugin-missing", "warning")]


def test_the_commands_for_an_image_are_those_of_a_dockerfile(tmp_path):
    done = CliRunner().invoke(
        efakit, ["doctor", "--container", "--root", str(image(tmp_path / "a", efa=False)), "--format", "json"]
    )
    commands = "\n".join(json.loads(done.stdout)["findings"][0]["commands"])
    assert "--skip-kmod" in commands
    assert "sudo" not in commands
