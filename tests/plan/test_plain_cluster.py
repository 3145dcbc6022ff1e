"""A spec without a platform's section: jobs and hooks for a Slurm cluster that is up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from efakit.emit.registry import applying, emit
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import load_spec, read_spec
from efakit.spec.yamltext import Document
from tests.emit.jobscript import plan_of as with_parallelcluster

TORCHRUN = {"template": "torchrun", "script": "train.py"}


def plan_of(hooks: dict[str, Any] | None = None, *, job: dict[str, Any] | None = None, **cluster: Any) -> Plan:
    resource = {"name": "main", "instance": "p5.48xlarge", "nodes": 4}
    data = {
        "cluster": {"queues": [{"name": "queue", "compute_resources": [resource]}], **cluster},
        "hooks": hooks,
        "jobs": [{"name": "job", **TORCHRUN, **(job or {})}],
    }
    return make_plan(read_spec(Document(Path("spec.yaml"), json.dumps(data))))


def decision(plan: Plan, subject: str) -> str:
    (found,) = [item for item in plan.decisions if item.subject == subject]
    return f"{found.choice}: {found.reason}"


def test_it_has_scripts_and_hooks_and_no_cluster_config():
    plan = plan_of()
    assert applying(plan) == ("sbatch", "hooks")
    paths = [file.path for file in emit(plan)]
    assert "jobs/job.sbatch" in paths
    assert "hooks/install-hooks.sh" in paths
    assert "cluster.yaml" not in paths


def test_a_job_s_script_is_the_same_as_on_parallelcluster_with_the_same_software():
    stack = {"installer": "1.47.0"}
    (script,) = emit(plan_of(stack=stack), ("sbatch",))
    own = {"version": "3.15.0", "key": "my-key", "head_node": {"subnet": "subnet-0123456789abcdef0"}}
    (other,) = emit(with_parallelcluster(TORCHRUN, parallelcluster=own), ("sbatch",))
    assert script == other


def test_of_software_that_nobody_names_only_what_every_supported_release_needs_is_set():
    plan = plan_of()
    assert (plan.stack.parallelcluster, plan.stack.installer, plan.stack.plugin) == (None, None, None)
    assert [variable.name for variable in plan.jobs[0].variables] == ["NCCL_NET"]
    assert any("cluster.stack.plugin" in item.reason for item in plan.decisions)


def test_the_hook_expects_devices_by_queue_and_compute_resource():
    settings = plan_of().slurm.hooks.settings
    assert settings["compute_resources"] == {"queue/main": 32}
    assert settings["records_dir"] == "/home/efakit/records"
    assert settings["stack"]["parallelcluster"] is None


@pytest.mark.parametrize("hooks", [None, {"bucket": "s3://my-bucket/efakit"}, {"mode": "enforce"}], ids=str)
def test_its_decisions_speak_of_no_other_platform_and_of_no_node_that_efakit_would_make(hooks):
    for item in plan_of(hooks).decisions:
        words = f"{item.subject} {item.choice} {item.reason}"
        assert "ParallelCluster" not in words
        assert "parallelcluster" not in words
        assert not item.subject.startswith(("placement group", "capacity", "head node"))


def test_what_slurm_needs_is_said_in_slurm_conf_s_words():
    plan = plan_of({"bucket": "s3://my-bucket/efakit"})
    assert decision(plan, "Slurm's PrologFlags").endswith("set PrologFlags=Alloc in slurm.conf")
    assert "set TaskProlog=/opt/slurm/etc/efakit/task-prolog in slurm.conf" in decision(plan, "task prolog")
    assert "set HealthCheckProgram=/opt/slurm/etc/efakit/health-check HealthCheckInterval=300" in decision(
        plan, "health check"
    )


def test_with_jobs_in_pyxis_s_containers_the_installer_asks_for_no_task_prolog_that_would_fail_them():
    image = {"container": {"runtime": "pyxis", "image": "/shared/a.sqsh"}}
    for plan, on in ((plan_of(), True), (plan_of(job=image), False), (plan_of({"task_prolog": False}), False)):
        assert plan.slurm.hooks.settings["task_prolog"] is on
        assert decision(plan, "task prolog").startswith("off") is not on


def test_with_a_bucket_the_installer_has_its_address_and_is_fetched_by_hand():
    plan = plan_of({"bucket": "s3://my-bucket/efakit"})
    assert plan.slurm.hooks.publication.address == "s3://my-bucket/efakit/install-hooks.sh"
    assert "fetch s3://my-bucket/efakit/install-hooks.sh" in decision(plan, "installation of the hooks")


def test_a_ready_spec_without_its_platform_s_section_still_has_its_jobs(tmp_path):
    text = (Path(__file__).resolve().parents[2] / "cluster-configs/p5.yaml").read_text()
    head, _, rest = text.partition("parallelcluster:\n")
    (tmp_path / "spec.yaml").write_text(head + "hooks:" + rest.partition("hooks:")[2])
    plan = make_plan(load_spec(tmp_path / "spec.yaml"))
    assert [job.job.name for job in plan.slurm.jobs] == ["train", "nccl-tests"]
