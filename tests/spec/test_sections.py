"""A spec by sections: what each asks for, where an older spec's keys have gone, a spec of a cluster that is up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from efakit.errors import SpecError
from efakit.spec.load import read_spec
from efakit.spec.model import Spec
from efakit.spec.parallelcluster.model import ParallelCluster
from efakit.spec.schema import spec_schema
from efakit.spec.yamltext import Document

CONFIGS = Path(__file__).resolve().parents[2] / "cluster-configs"
PLAIN = """\
cluster:
  queues:
    - name: GPU_large
      compute_resources: [{name: nodes, instance: p5.48xlarge, nodes: 4}]
jobs:
  - {name: train, template: torchrun, script: train.py}
"""
# What older specs had, in full: every key that is elsewhere now.
OLD = """\
cluster:
  region: us-east-1
  os: alinux2023
  ami: ami-0123456789abcdef0
  parallelcluster: "3.16.3"
  plugin: "1.16.3"
  key: my-key
  head_node: {subnet: subnet-0123456789abcdef0}
  login_nodes: [{name: login, subnet: subnet-0123456789abcdef0}]
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef1
      public_ip: false
      security_groups: [sg-0123456789abcdef0]
      additional_security_groups: [sg-0123456789abcdef0]
      ami: ami-0123456789abcdef0
      gpu_health_check: true
      slurm_settings: {PriorityTier: 10}
      custom_actions: {on_node_configured: {script: "s3://my-bucket/a.sh"}}
      iam: {policies: ["arn:aws:iam::aws:policy/A"]}
      tags: {team: a}
      overrides: {ComputeSettings: {}}
      compute_resources:
        - name: p5
          instance: p5.48xlarge
          nodes: 4
          gpu_health_check: true
          slurm_settings: {Weight: 5}
          tags: {team: a}
          overrides: {MaxCount: 9}
  storage: [{name: files, mount: /files, type: efs}]
  accounting: {uri: "db:3306", user: slurm, password_secret: "arn:aws:secretsmanager:us-east-1:1:secret:x"}
  slurm_settings: {KillWait: 60}
  efa_interface_type: efa
  imds: v2
  tags: {project: demo}
  monitoring: {logs: true}
  overrides: {Tags: []}
"""


def spec_of(text: str) -> Spec:
    return read_spec(Document(Path("spec.yaml"), text))


def problems_of(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        spec_of(text)
    return caught.value.problems


def test_the_published_schema_is_a_json_schema():
    Draft202012Validator.check_schema(spec_schema())


def test_without_a_platform_a_spec_asks_for_no_region_key_head_node_or_subnet():
    spec = spec_of(PLAIN)
    assert (spec.cluster.region, spec.cluster.queues[0].subnets, spec.platforms) == (None, (), ())
    assert spec.section(ParallelCluster) is None


def test_parallelcluster_asks_for_what_it_needs_and_says_so():
    said = problems_of(PLAIN + "parallelcluster: {}\n")
    assert said == [
        "spec.yaml:2:3: cluster: the key 'region' is missing (the section 'parallelcluster' needs it); add region",
        "spec.yaml:3:7: cluster.queues[0]: exactly one of the keys 'subnet' and 'subnets' is needed "
        "(the section 'parallelcluster' needs it); add subnet or subnets",
        "spec.yaml:3:13: cluster.queues[0].name: 'GPU_large' is not allowed; write lower-case letters, digits and "
        "hyphens, at most 25, a letter first, and not 'default'",
        "spec.yaml:7:18: parallelcluster: the key 'head_node' is missing; add head_node",
    ]


def test_one_subnet_or_several_but_not_both():
    both = "subnet: subnet-0123456789abcdef0, subnets: [subnet-0123456789abcdef1]"
    text = PLAIN.replace("    - name: GPU_large\n", f"    - {{name: gpu, {both},\n")
    text = text.replace("      compute_resources: [", "       compute_resources: [").replace(
        "nodes: 4}]", "nodes: 4}]}"
    )
    assert any("only one of the keys 'subnet' and 'subnets' is allowed" in problem for problem in problems_of(text))


def _old_keys() -> list[tuple[str, str]]:
    """Return each line of OLD whose key has moved, and the place that it has now."""
    schema = spec_schema()["$defs"]
    moved = [
        *((2, key, place) for key, place in schema["cluster"]["x-moved"].items()),
        *((6, key, place) for key, place in schema["queue"]["x-moved"].items()),
        *((10, key, place) for key, place in schema["compute_resource"]["x-moved"].items()),
    ]
    return [
        (f"{' ' * indent}{key}: ", place.replace("QUEUE", "gpu").replace("RESOURCE", "p5"))
        for indent, key, place in moved
    ]


def test_each_key_of_an_older_spec_is_refused_once_with_the_place_that_it_has_now():
    lines = OLD.splitlines()
    expected = {}
    for beginning, place in _old_keys():
        (number,) = [number for number, line in enumerate(lines, start=1) if line.startswith(beginning)]
        key = beginning.strip().rstrip(":")
        expected[number] = f"spec.yaml:{number}:{len(beginning) - len(beginning.lstrip()) + 1}", key, place
    said = problems_of(OLD)
    assert len(said) == len(expected)
    for number, (where, key, place) in expected.items():
        found = [problem for problem in said if problem.startswith(f"{where}: ")]
        assert len(found) == 1, (number, said)
        assert f"{key!r} has moved; write it as {place}" in found[0]


def test_the_places_that_keys_have_moved_to_are_there():
    schema = spec_schema()
    for _, place in _old_keys():
        node = {"properties": schema["properties"]}
        for word in place.split("."):
            properties = node.get("properties", {})
            node = properties[word] if word in properties else node["additionalProperties"]
            while "$ref" in node:
                node = schema["$defs"][node["$ref"].rpartition("/")[2]]


def test_what_moved_is_read_at_its_new_place():
    data = yaml.safe_load(OLD)
    cluster = data["cluster"]
    queue = cluster["queues"][0]
    resource = queue["compute_resources"][0]
    own = {key: queue.pop(key) for key in spec_schema()["$defs"]["queue"]["x-moved"]}
    of_resource = {key: resource.pop(key) for key in spec_schema()["$defs"]["compute_resource"]["x-moved"]}
    section = {"version": cluster.pop("parallelcluster"), "queues": {"gpu": own}}
    own["compute_resources"] = {"p5": of_resource}
    cluster["stack"] = {"plugin": cluster.pop("plugin")}
    section |= {key: cluster.pop(key) for key in list(cluster) if key not in ("region", "stack", "queues")}
    spec = spec_of(yaml.safe_dump({"cluster": cluster, "parallelcluster": section}))
    found = spec.section(ParallelCluster)
    assert found is not None
    assert (found.version, found.imds, found.storage[0].mount) == ("3.16.3", "v2", "/files")
    assert found.queue("gpu").resource("p5").slurm_settings == {"Weight": 5}
    assert found.queue("gpu").tags == {"team": "a"}
    assert found.queue("other").resource("any").tags == {}


@pytest.mark.parametrize("word", ["parallelcluter", "paralelcluster"])
def test_an_unknown_section_is_refused_with_the_nearest_name(word):
    (said,) = problems_of(f"{PLAIN}{word}: {{}}\n")
    assert f"unknown key {word!r}; did you mean 'parallelcluster'?" in said
    (later,) = problems_of(f"{PLAIN}nomad: {{}}\n")
    assert "unknown key 'nomad'; write one of " in later


def test_options_of_a_queue_that_is_not_there_are_refused_with_the_nearest_name():
    text = """\
cluster:
  region: us-east-1
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef1
      compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 4}]
parallelcluster:
  key: my-key
  head_node: {subnet: subnet-0123456789abcdef0}
  queues:
    gpo:
      tags: {team: a}
    gpu:
      compute_resources:
        p5e: {tags: {team: a}}
"""
    assert problems_of(text) == [
        "spec.yaml:11:5: parallelcluster.queues.gpo: unknown queue 'gpo'; did you mean 'gpu'? (queues: gpu)",
        "spec.yaml:15:9: parallelcluster.queues.gpu.compute_resources.p5e: unknown compute resource 'p5e'; "
        "did you mean 'p5'? (compute resources: p5)",
    ]


@pytest.mark.parametrize("first", ["dstack", "parallelcluster"])
def test_the_sections_have_one_order_whichever_was_imported_first(first):
    script = (
        f"import efakit.spec.{first}; from efakit.spec.sections import sections;"
        "print(list(sections()) == sorted(sections()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.yaml") if "." not in path.stem))
def test_a_spec_may_have_no_jobs_whatever_its_sections_ask(name):
    data = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text()) | {"jobs": None}
    for section in ("dstack", "eks", "sagemaker"):
        data.get(section, {}).pop("jobs", None)
    assert read_spec(Document(Path("spec.yaml"), yaml.safe_dump(data))).jobs == ()
