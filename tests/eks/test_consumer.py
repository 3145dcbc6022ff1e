"""What efakit renders for EKS is taken by schemas of Kubernetes, Kubeflow Trainer, eksctl and MPIJob, and by cfn-lint.

No cluster is there. eksctl's schema and MPIJob's definition are in no package: where ``shared/data`` beside the
checkout has them they are asked too.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit.catalog.eks import accelerator_resource, miscounted
from efakit.catalog.instances import Instance, all_efa
from efakit.cli.main import efakit
from efakit.lint.manifest import lint_manifests
from efakit.vendor import eks_judges
from tests.emit.test_eks import TESTS, TRAIN, files_of, spec_of

pytestmark = pytest.mark.eks
ROOT = Path(__file__).resolve().parents[2]
TYPES = all_efa()
SOLVE = {"name": "solve", "template": "openmpi", "program": "./solver"}
VERSION, REGION = "1.34", "us-west-2"


@cache
def shared(name: str) -> Any:
    """Return what a file of shared/data holds; None where there is none."""
    path = next(
        (folder / "shared/data" / name for folder in ROOT.parents if (folder / "shared/data" / name).is_file()), None
    )
    if path is None:
        return None
    # The definition is large: PyYAML's fast loader where it is there.
    return yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


@pytest.fixture(scope="module", autouse=True)
def _schemas_once():
    """Let Kubernetes' schemas be read once, and not for each document."""
    from kubernetes_validate import utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


def eksctl_schema() -> Any:
    return shared("eksctl-schema.json")


def definition() -> Any:
    return shared("kubeflow.org_mpijobs.yaml")


def jobs_for(instance: Instance) -> list[dict[str, Any]]:
    """Return jobs that go with an instance type: training on one with accelerators, and an MPI program."""
    resource = accelerator_resource(instance)
    if resource == "nvidia.com/gpu":
        return [TRAIN, TESTS]
    return [SOLVE, {**TRAIN, "template": "neuron"}] if resource else [SOLVE]


def rendered(instance: Instance, **section: Any) -> dict[str, bytes]:
    files = files_of(*jobs_for(instance), instance=instance.name, **section)
    return {
        name: text.encode() for name, text in files.items() if name.endswith(".yaml") and not name.startswith("values-")
    }


def refused(files: dict[str, bytes]) -> list[tuple[str, str]]:
    return list(eks_judges.refusals(files, VERSION, REGION, eksctl_schema(), definition()))


@pytest.mark.parametrize("instance", TYPES, ids=[item.name for item in TYPES])
def test_they_take_what_is_rendered_for_every_type_and_lint_finds_nothing_in_it(instance):
    files = rendered(instance)
    assert ("gpu-n.launch-template.yaml" in files) == miscounted(instance)
    assert refused(files) == []
    found = [str(item) for name, text in files.items() for item in lint_manifests(text.decode(), name)]
    assert found == []
    if instance.efa_interfaces is not None:
        assert len([name for name in files if name.endswith(".job.yaml")]) == len(jobs_for(instance))


def test_how_many_types_are_judged(record_property):
    left = [item.name for item in TYPES if item.efa_interfaces is None]
    asked = (
        "eksctl's schema and MPIJob's definition too" if eksctl_schema() and definition() else "without eksctl's schema"
    )
    why = "no public source says how many EFA interfaces they have"
    record_property(
        "says", f"eks: {len(TYPES)} of {len(TYPES)} EFA types have a node group ({asked}); no job for {left}: {why}"
    )
    assert len(left) < len(TYPES)


SECTIONS: list[dict[str, Any]] = [
    {"devices": "dra"},
    {"taint": False, "hugepages_mib": 0, "namespace": "mine", "image_pull_secret": "registry"},
    {"volumes": [{"claim": "fsx", "path": "/fsx"}], "security_groups": ["sg-0123456789abcdef0"]},
    {"queue": {"capacity": "capacity-block", "reservation": "cr-0123456789abcdef0"}},
    {"queue": {"capacity": "spot"}},
    {"queue": {"placement_group": "mine"}},
    {"subnets": {"us-west-2a": "subnet-0123456789abcdef0", "us-west-2b": "subnet-0123456789abcdef1"}},
]
# A launch template is for managed nodes, without an image of one's own.
OF_EKSCTL_ALONE: list[dict[str, Any]] = [
    {"nodes": "self-managed"},
    {"ami": "ami-0123456789abcdef0", "ami_family": "AmazonLinux2023"},
]


@pytest.mark.parametrize(
    ("name", "section"),
    [
        *(("p5.48xlarge", section) for section in (*SECTIONS, *OF_EKSCTL_ALONE)),
        *(("p6-b300.48xlarge", section) for section in SECTIONS),
    ],
    ids=str,
)
def test_they_take_what_is_rendered_for_each_key_of_the_section(name, section):
    instance = next(item for item in TYPES if item.name == name)
    assert refused(rendered(instance, **section)) == []


def test_eksctl_s_schema_and_mpijob_s_definition_are_asked():
    if eksctl_schema() is None or definition() is None:
        pytest.skip("no shared/data beside the checkout: eksctl's schema and MPIJob's definition are in no package")
    files = rendered(next(item for item in TYPES if item.name == "p5.48xlarge"))
    changed = {
        "cluster.yaml": files["cluster.yaml"].replace(b"efaEnabled", b"efaEnable"),
        "perf-1.job.yaml": files["perf-1.job.yaml"].replace(b"slotsPerWorker: 8", b"slotsPerWorker: eight"),
    }
    assert {name for name, _ in refused(changed)} == set(changed)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("train.job.yaml", b"numProcPerNode", b"numProcsPerNode"),
        ("train.job.yaml", b"imagePullPolicy", b"imagePulPolicy"),
        ("train.job.yaml", b"mlPolicy", b"mPolicy"),
        ("perf-1.job.yaml", b"mountPath", b"mountpath"),
        ("perf-1.job.yaml", b"kind: ConfigMap", b"kind: ConfigMap\nbinary: 1"),
        ("gpu-n.launch-template.yaml", b"NetworkCardIndex", b"NetworkCard"),
    ],
)
def test_each_is_a_judge_that_refuses(name, before, after):
    files = rendered(next(item for item in TYPES if item.name == "p6-b300.48xlarge"))
    assert before in files[name]
    assert {file for file, _ in eks_judges.refusals({name: files[name].replace(before, after)}, VERSION, REGION)} == {
        name
    }


def test_a_version_without_schemas_is_undecided():
    with pytest.raises(ImportError, match=r"1\.99"):
        list(eks_judges.refusals(rendered(TYPES[0]), "1.99", REGION))


@pytest.mark.parametrize("there", [True, False])
def test_validate_asks_them_and_eksctl_s_schema_where_eksctl_is(tmp_path, monkeypatch, there):
    if there:
        (tmp_path / "eksctl").write_text(
            '#!/bin/sh\n[ "$*" = "utils schema" ] && echo \'{"properties": {}, "required": ["nothing"]}\'\n'
        )
        (tmp_path / "eksctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec_of(TRAIN)))
    done = CliRunner().invoke(efakit, ["validate", str(tmp_path / "spec.yaml"), "--format", "json"])
    judgement = {item["judge"]: item for item in json.loads(done.stdout)["judged_by"]}["eks"]
    assert judgement["outcome"] == ("refused" if there else "accepted"), done.output
