"""What a row says holds from the release on, and up to the release, that its evidence names: through the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit

SCRIPTS = Path(__file__).with_name("versions")


def findings(script: str, **target: str) -> dict[str, str]:
    """Return rule -> severity of what ``efakit lint`` finds in a script on a target."""
    options = [word for name, value in target.items() for word in (f"--{name}", value)]
    result = CliRunner().invoke(efakit, ["lint", str(SCRIPTS / script), *options, "--format", "json"])
    return {item["rule"]: item["severity"] for item in json.loads(result.output)}


@pytest.mark.parametrize(
    ("plugin", "nccl", "broken"),
    [
        ("1.16.2", "2.20.5", True),
        ("1.16.0", "2.19.3", True),
        ("1.17.0", "2.20.5", False),
        ("1.15.0", "2.20.5", False),
        ("1.16.2", "2.21.5", False),
    ],
)
def test_plugin_1_16_does_not_start_with_nccl_2_19_and_2_20_on_p4de(plugin: str, nccl: str, broken: bool):
    found = findings("p4de-plugin-1.16.sbatch", instance="p4de.24xlarge", plugin=plugin, nccl=nccl)
    assert (found.get("software-broken") == "error") is broken


def test_it_does_on_p5():
    found = findings("p4de-plugin-1.16.sbatch", instance="p5.48xlarge", plugin="1.16.2", nccl="2.20.5")
    assert "software-broken" not in found


@pytest.mark.parametrize("plugin", ["1.13.0", "1.16.3", "1.19.0"])
def test_the_old_name_of_the_network_is_accepted_from_plugin_1_13_on(plugin: str):
    assert "error" not in findings("nccl-net-aws-libfabric.sh", instance="p5en.48xlarge", plugin=plugin).values()


@pytest.mark.parametrize(
    ("nccl", "rule"),
    [
        ("2.27.7", "nccl-gin-type"),
        ("2.28.6", "nccl-gin-type"),
        ("2.28.7", "nccl-gin-type-too-early"),
        ("2.28.9", "nccl-gin-type-too-early"),
        ("2.31.2", None),
    ],
)
def test_nccl_reads_the_type_of_gpu_initiated_networking_before_efa_has_it(nccl: str, rule: str | None):
    found = findings("gin-type.sbatch", nccl=nccl)
    assert [name for name in found if name.startswith("nccl-gin-type")] == ([rule] if rule else [])
    assert "error" not in found.values()


@pytest.mark.parametrize(("libfabric", "found"), [("1.17.1", "error"), ("1.18.0", "error"), ("1.18.1", None)])
def test_192_ranks_of_a_node_need_a_longer_list_before_libfabric_1_18_1(libfabric: str, found: str | None):
    assert findings("192-ranks-openmpi.sbatch", instance="hpc7a.96xlarge", libfabric=libfabric) == (
        {"fi-efa-shm-av-size": found} if found else {}
    )


def test_shared_memory_that_is_off_is_a_known_way_out_for_very_many_ranks():
    found = findings("shm-transfer-off-mpi.sbatch", instance="hpc7a.96xlarge")
    assert found["fi-efa-enable-shm-transfer-off"] == "info"
    assert "error" not in found.values()


def test_shared_memory_that_is_off_is_right_for_nvshmem():
    assert findings("nvshmem-shm-off.sbatch", instance="p5en.48xlarge") == {}


def test_slurm_takes_gpus_of_a_task_with_a_fixed_number_of_nodes():
    found = findings("gpus-per-task.sbatch", instance="p4d.24xlarge")
    assert "gpus-per-task-alone" not in found
    assert found["more-ranks-than-gpus"] == "error"
