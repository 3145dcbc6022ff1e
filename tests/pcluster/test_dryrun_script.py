"""scripts/pcluster_dryrun.py: what it prints, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from efakit.vendor.simulated_account import NEVER_PROVEN, why_unavailable
from tests.pcluster.simulated import config, standard_account, text

pytestmark = [
    pytest.mark.pcluster,
    pytest.mark.skipif(why_unavailable(node=True) is not None, reason=str(why_unavailable(node=True))),
]

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "pcluster_dryrun.py"


def run(folder: Path, *changes: dict[str, Any], options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    path = folder / "cluster.yaml"
    path.write_text(text(config(standard_account(), *changes)), encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(path), *options], capture_output=True, text=True, timeout=120
    )


def test_config_with_ids_of_its_own_is_accepted(tmp_path: Path) -> None:
    subnet = {"queue": {"Networking": {"SubnetIds": ["subnet-0fedcba9876543210"]}}}
    result = run(tmp_path, subnet)
    assert result.returncode == 0, result.stderr
    assert "cluster.yaml: accepted" in result.stdout
    assert "subnet subnet-0fedcba9876543210: private, in us-east-1a" in result.stdout
    assert NEVER_PROVEN in result.stdout


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """A config that pcluster refuses, with the zone of a subnet given."""
    other_zone = ("--zone", "subnet-0000000000000000b=us-east-1c")
    folder: Path = tmp_path_factory.mktemp("refused")
    return run(folder, {"queue": {"Networking": {"PlacementGroup": None}}}, options=other_zone)


def test_refusal_names_validator_and_reason(refused: subprocess.CompletedProcess[str]) -> None:
    assert refused.returncode == 1, refused.stderr
    assert "cluster.yaml: REFUSED" in refused.stdout
    assert "error pcluster:EfaPlacementGroupValidator: The placement group for EFA-enabled" in refused.stdout
    assert NEVER_PROVEN in refused.stdout


def test_zone_of_a_subnet_can_be_given(refused: subprocess.CompletedProcess[str]) -> None:
    assert "subnet subnet-0000000000000000b: private, in us-east-1c" in refused.stdout


def test_config_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "nowhere.yaml")], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 2
    assert "nowhere.yaml" in result.stderr
    assert "Traceback" not in result.stderr
