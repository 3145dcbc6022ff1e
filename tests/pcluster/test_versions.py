"""What efakit renders for a ParallelCluster release is accepted by that release: the one that is installed here.

``make test`` runs this in one environment for each of two releases.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from efakit.emit.parallelcluster import cluster_config
from efakit.errors import SpecError
from efakit.plan.make import make_plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document
from efakit.vendor.simulated_account import Judge, account_for, installed_pcluster_version

pytestmark = pytest.mark.pcluster
CONFIGS = Path(__file__).resolve().parents[2] / "cluster-configs"
# p6-b300's layout, whose first card has no EFA, came with 3.15; p6-b200 with 3.14.
SINCE = {"p6-b300": (3, 15), "p6-b200": (3, 14)}
NAMES = sorted(path.name.removesuffix(".cluster.yaml") for path in CONFIGS.glob("*.cluster.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_a_ready_spec_rendered_for_the_installed_release_is_accepted_by_it(name, judge: Judge):
    version = str(installed_pcluster_version())
    if tuple(map(int, version.split(".")[:2])) < SINCE.get(name, (3, 11)):
        pytest.skip(f"ParallelCluster {version} does not know {name}")
    path = CONFIGS / f"{name}.yaml"
    spec = Document(path, path.read_text()).data
    spec["jobs"] = []
    for other in {"container", "eks", "dstack", "sagemaker"} & set(spec):
        del spec[other]
    section = spec["parallelcluster"]
    section["version"] = version
    if section.get("os") == "ubuntu2404" and version.startswith(("3.11", "3.12")):
        section["os"] = "ubuntu2204"
    config = cluster_config(make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec)))))
    answer = judge.dry_run(yaml.safe_dump(config), account_for(config))
    assert answer.accepted, answer.findings


def test_the_spec_takes_the_operating_systems_of_the_installed_release(judge: Judge):
    version = str(installed_pcluster_version())
    accepted, refused = set(), set()
    for os_name in ("alinux2", "alinux2023", "ubuntu2004", "ubuntu2204", "ubuntu2404", "rhel8", "rhel9"):
        spec = Document(CONFIGS, (CONFIGS / "p5.yaml").read_text()).data
        spec["parallelcluster"].update(version=version, os=os_name)
        spec["jobs"] = []
        try:
            config = cluster_config(make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec)))))
        except SpecError:
            refused.add(os_name)
            config = cluster_config(make_plan(read_spec(Document(CONFIGS, (CONFIGS / "p5.yaml").read_text()))))
            config["Image"]["Os"] = os_name
        answer = judge.dry_run(yaml.safe_dump(config), account_for(config))
        (accepted if answer.accepted else refused).add(os_name)
        assert answer.accepted == (os_name not in refused), (version, os_name, answer.findings)
    assert accepted
