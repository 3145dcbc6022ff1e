"""What the spec says of the hooks, as settings of the hook and of Slurm, each with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from efakit.emit.hooks import emit_hooks
from efakit.emit.parallelcluster import cluster_config
from efakit.errors import SpecError
from efakit.hook.policy import _NEVER_ENFORCED
from efakit.hook.settings import Settings, load_settings
from efakit.lint.config import lint_config
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.rules.breaker import breaker_limit
from efakit.rules.registry import rules_of
from efakit.spec.load import read_spec
from efakit.spec.schema import spec_schema
from efakit.spec.yamltext import Document

ROOT = Path(__file__).resolve().parents[2]
HOME = "/opt/slurm/etc/efakit"
HEALTH_CHECK = {
    "HealthCheckProgram": f"{HOME}/health-check",
    "HealthCheckInterval": 300,
    "HealthCheckNodeState": "IDLE,CYCLE",
}


def plan_of(hooks: dict[str, Any] | None = None, **slurm_settings: Any) -> Plan:
    spec = yaml.safe_load((ROOT / "cluster-configs/p5.yaml").read_text())
    spec["hooks"] = {"bucket": "s3://my-bucket/efakit", **(hooks or {})}
    spec["hooks"] = {name: value for name, value in spec["hooks"].items() if value is not None}
    spec["parallelcluster"]["slurm_settings"] = slurm_settings
    spec["jobs"] = []
    return make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec))))


def slurm_conf(plan: Plan) -> dict[str, Any]:
    listed = cluster_config(plan)["Scheduling"]["SlurmSettings"]["CustomSlurmSettings"]
    assert all(len(item) == 1 for item in listed)
    return {name: value for item in listed for name, value in item.items()}


def decision(plan: Plan, subject: str) -> str:
    (found,) = [item for item in plan.decisions if item.subject == subject]
    assert found.reason
    return f"{found.choice}: {found.reason}"


def test_with_a_bucket_slurm_is_told_of_task_prolog_and_health_check():
    plan = plan_of()
    assert slurm_conf(plan) == {"PrologFlags": "Alloc", "TaskProlog": f"{HOME}/task-prolog", **HEALTH_CHECK}
    assert "Slurm fails tasks if the TaskProlog file is missing" in decision(plan, "task prolog")


def test_without_a_bucket_no_task_prolog_is_named_that_is_not_there_yet():
    plan = plan_of({"bucket": None})
    assert slurm_conf(plan) == {"PrologFlags": "Alloc", **HEALTH_CHECK}
    assert f"set TaskProlog: {HOME}/task-prolog" in decision(plan, "task prolog")


def test_both_can_be_turned_off():
    plan = plan_of({"task_prolog": False, "health_check": False})
    assert slurm_conf(plan) == {"PrologFlags": "Alloc"}
    assert decision(plan, "task prolog").startswith("off")
    assert decision(plan, "health check").startswith("off")


def test_the_user_s_own_programs_stay():
    plan = plan_of(None, taskprolog="/site/task", HealthCheckProgram="/usr/sbin/nhc", HealthCheckInterval=60)
    assert slurm_conf(plan) == {
        "PrologFlags": "Alloc",
        "taskprolog": "/site/task",
        "HealthCheckProgram": "/usr/sbin/nhc",
        "HealthCheckInterval": 60,
    }
    assert "let it run /opt/slurm/etc/efakit/task-prolog" in decision(plan, "task prolog")
    assert "let it run /opt/slurm/etc/efakit/health-check" in decision(plan, "health check")


def test_the_interval_is_the_spec_s_and_slurm_settings_come_first():
    assert slurm_conf(plan_of({"health_check_interval_seconds": 600}))["HealthCheckInterval"] == 600
    assert slurm_conf(plan_of(None, healthcheckinterval=60)) == {
        "PrologFlags": "Alloc",
        "healthcheckinterval": 60,
        "TaskProlog": f"{HOME}/task-prolog",
        "HealthCheckProgram": f"{HOME}/health-check",
        "HealthCheckNodeState": "IDLE,CYCLE",
    }


@pytest.mark.parametrize("hooks", [{}, {"bucket": None}, {"mode": "enforce"}, {"health_check": False}], ids=str)
def test_lint_has_nothing_to_say_of_it(hooks):
    config = cluster_config(plan_of(hooks))
    found = lint_config(config, version="3.16.3", where=lambda path: (1, 1), file="x")
    assert [item.message for item in found if "lurm" in item.rule or "Slurm" in item.message] == []


@pytest.mark.parametrize("mode", ["observe", "warn", "enforce"])
def test_each_mode_is_a_decision(mode):
    assert decision(plan_of({"mode": mode}), "mode of the hooks").startswith(mode)


def test_enforcing_names_its_checks_and_its_breaker():
    plan = plan_of({"mode": "enforce", "enforce": ["devices-missing"], "breaker_nodes_per_hour": 5})
    assert "devices-missing fail the prolog" in decision(plan, "mode of the hooks")
    assert decision(plan, "circuit breaker of the hooks").startswith("1 of 4 nodes each hour")


@pytest.mark.parametrize("nodes", [1, 4, 10, 19, 20, 21, 1000])
@pytest.mark.parametrize("per_hour", [0, 1, 2, 50])
@pytest.mark.parametrize("percent", [0.1, 10, 33.3, 100])
def test_the_breaker_lets_neither_limit_be_passed(nodes, per_hour, percent):
    limit = breaker_limit(nodes, per_hour, percent)
    assert min(1, per_hour) <= limit <= per_hour
    assert limit <= max(1, nodes * percent / 100)
    assert breaker_limit(0, per_hour, percent) == per_hour, "the share of a cluster of unknown size is not known"


def test_the_hook_takes_every_setting_that_a_spec_can_give(tmp_path):
    hooks = {
        "mode": "enforce",
        "enforce": ["verbs-unusable"],
        "breaker_nodes_per_hour": 3,
        "breaker_percent_per_hour": 12.5,
        "task_prolog": False,
        "health_check": False,
        "health_max_age_seconds": 600,
        "run_dir": "/run/other",
        "spool_dir": "/var/spool/other",
        "spool_limit_mib": 64,
        "spool_max_age_days": 30,
        "baseline_max_age_days": 0.5,
        "records_dir": "/shared/records",
        "records_mode": "0640",
        "expected_devices": 7,
        "tcp_interfaces": ["eth0"],
        "deadline_seconds": 9,
    }
    plan = plan_of(hooks)
    (file,) = [file for file in emit_hooks(plan) if file.path == "hooks/hook.json"]
    path = tmp_path / "hook.json"
    path.write_bytes(file.content)
    settings, problems = load_settings(str(path))
    assert problems == []
    assert {name: getattr(settings, name) for name in hooks} == hooks
    assert settings.cluster_nodes == 4
    assert settings.stack["parallelcluster"] == plan.stack.parallelcluster


def test_a_spec_may_enforce_the_hook_s_rules_that_say_a_device_is_of_no_use():
    """A rule that the hook does not have would be asked for and never hold."""
    enforce = spec_schema()["$defs"]["hooks"]["properties"]["enforce"]
    rows = rules_of("hook").values()
    assert set(enforce["items"]["enum"]) == {row.id for row in rows if row.enforce}
    assert set(enforce["default"]) == {row.id for row in rows if row.enforce == "default"} == set(Settings().enforce)
    assert all(row.severity == "error" for row in rows if row.enforce)
    assert not [row.id for row in rows if row.enforce and row.id in _NEVER_ENFORCED]


@pytest.mark.parametrize(
    "hooks",
    [
        {"mode": "drain"},
        {"enforce": []},
        {"enforce": ["device-missing"]},
        {"breaker_nodes_per_hour": -1},
        {"breaker_percent_per_hour": 0},
        {"breaker_percent_per_hour": 101},
        {"task_prolog": "yes"},
        {"health_check_interval_seconds": 65534},
        {"health_max_age_seconds": 1},
        {"run_dir": "run"},
        {"spool_limit_mib": 0},
        {"spool_limit_mib": 1.5},
        {"spool_max_age_days": 0},
        {"baseline_max_age_days": "7"},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_where_it_stands(hooks):
    with pytest.raises(SpecError, match=f"hooks.{next(iter(hooks))}"):
        plan_of(hooks)


def test_a_misspelt_check_is_told_its_neighbour():
    with pytest.raises(SpecError, match="did you mean 'devices-missing'"):
        plan_of({"enforce": ["device-missing"]})


def test_the_installer_puts_the_programs_where_slurm_is_told():
    files = {file.path: file.content.decode(errors="replace") for file in emit_hooks(plan_of())}
    assert f"\nplain|folders|/opt/slurm/etc/scripts|{HOME}|" in files["hooks/install-hooks.sh"]
