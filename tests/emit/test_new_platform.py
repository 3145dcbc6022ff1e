"""A new platform is a section of the schema, a plan, a target and their test, and nothing else knows of it.

Here is one that only the tests have: it writes one text file from ``cluster`` and ``jobs``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.emit import registry
from efakit.emit.registry import File, applying, emit, target, targets
from efakit.errors import SpecError, UsageError
from efakit.plan import platforms
from efakit.plan.decision import Decision
from efakit.plan.plan import Plan, make_plan
from efakit.plan.platforms import Platform, platform_of
from efakit.spec import sections as spec_sections
from efakit.spec.load import read_spec
from efakit.spec.schema import spec_schema
from efakit.spec.sections import Section, sections
from efakit.spec.yamltext import Document
from scripts.reference import spec_reference

# The section of the schema.


@dataclass(frozen=True)
class Notice:
    owner: str


NOTICE = Section(
    defs={
        "notice": {
            "description": "A notice on the wall.",
            "type": "object",
            "additionalProperties": False,
            "required": ["owner"],
            "properties": {"owner": {"$ref": "#/$defs/line", "description": "Whom to ask."}},
        }
    },
    needs={"description": "cluster.region.", "properties": {"cluster": {"required": ["region"]}}},
    build=lambda data: Notice(**data),
)

# The plan.


@dataclass(frozen=True)
class NoticePlan:
    owner: str
    decisions: tuple[Decision, ...]


def plan_notice(plan: Plan) -> NoticePlan:
    notice = plan.spec.section(Notice)
    assert notice is not None
    return NoticePlan(notice.owner, (Decision("place of the notice", "notice.txt", "walls are read"),))


# The target.


def emit_notice(plan: Plan) -> list[File]:
    notice = plan.section(NoticePlan)
    assert notice is not None
    lines = [f"{notice.owner}, {plan.spec.cluster.region}"]
    for queue in plan.cluster.queues:
        for item in queue.resources:
            efa = "with EFA" if item.efa else "without EFA"
            lines.append(f"{queue.queue.name}: {item.resource.nodes} x {item.resource.instance.name} {efa}")
    lines += [
        f"{job.job.name}: {job.nodes} nodes of {job.queue}, {job.layout.ranks_per_node} ranks" for job in plan.jobs
    ]
    return [File("notice.txt", ("\n".join(lines) + "\n").encode())]


# The test.

SPEC = {
    "cluster": {
        "region": "us-east-1",
        "queues": [{"name": "gpu", "compute_resources": [{"name": "p5", "instance": "p5.48xlarge", "nodes": 4}]}],
    },
    "notice": {"owner": "Ada"},
    "jobs": [{"name": "train", "template": "torchrun", "nodes": 2, "script": "train.py"}],
}
TEXT = "Ada, us-east-1\ngpu: 4 x p5.48xlarge with EFA\ntrain: 2 nodes of gpu, 8 ranks\n"
PARALLELCLUSTER = {"key": "my-key", "head_node": {"subnet": "subnet-0123456789abcdef0"}}


@pytest.fixture(autouse=True)
def _notice(monkeypatch):
    """Register the platform as the others are, and forget it after the test."""
    monkeypatch.setattr(spec_sections, "_registered", sections())
    monkeypatch.setattr(platforms, "_registered", {name: platform_of(name) for name in sections()})
    monkeypatch.setattr(registry, "_targets", targets())
    spec_sections.register("notice", NOTICE)
    platforms.register("notice", Platform(plan_notice))
    target("notice")(emit_notice)


def plan_of(**changes) -> Plan:
    spec = {name: value for name, value in {**SPEC, **changes}.items() if value is not None}
    return make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec))))


def test_its_file_is_written_from_cluster_and_jobs():
    assert emit(plan_of()) == [File("notice.txt", TEXT.encode())]


def test_the_commands_know_it(tmp_path):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    done = CliRunner().invoke(efakit, ["render", str(tmp_path / "spec.yaml"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"notice.txt", "DECISIONS.md", ".efakit-bundle.json"}
    assert "- **place of the notice: notice.txt**: walls are read" in (tmp_path / "out/DECISIONS.md").read_text()
    told = CliRunner().invoke(efakit, ["explain", str(tmp_path / "spec.yaml"), "--format", "json"]).output
    assert "place of the notice" in [decision["subject"] for decision in json.loads(told)["decisions"]]
    shown = CliRunner().invoke(efakit, ["render", str(tmp_path / "spec.yaml"), "--show", "train"])
    assert isinstance(shown.exception, UsageError)


def test_a_platform_that_has_no_slurm_has_neither_sbatch_scripts_nor_hooks():
    assert applying(plan_of()) == ("notice",)
    with pytest.raises(UsageError, match="target sbatch: the spec must have a section whose platform runs Slurm"):
        emit(plan_of(), ("sbatch",))


def test_it_stands_beside_another_platform_and_changes_nothing_there():
    cluster = {**SPEC["cluster"], "queues": [{**SPEC["cluster"]["queues"][0], "subnet": "subnet-0123456789abcdef1"}]}
    both = plan_of(cluster=cluster, parallelcluster=PARALLELCLUSTER)
    alone = plan_of(cluster=cluster, parallelcluster=PARALLELCLUSTER, notice=None)
    assert applying(both) == ("parallelcluster", "notice", "sbatch", "hooks")
    assert applying(alone) == ("parallelcluster", "sbatch", "hooks")
    assert emit(both) == [*emit(alone)[:1], File("notice.txt", TEXT.encode()), *emit(alone)[1:]]


def test_without_its_section_it_does_not_apply():
    assert applying(plan_of(notice=None)) == ("sbatch", "hooks")
    with pytest.raises(UsageError, match="target notice: the spec must have the section 'notice'"):
        emit(plan_of(notice=None), ("notice",))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"notice": {}}, "notice: the key 'owner' is missing"),
        ({"notice": {"ownr": "Ada", "owner": "x"}}, "unknown key 'ownr'; did you mean 'owner'?"),
        ({"cluster": {"queues": SPEC["cluster"]["queues"]}}, "'region' is missing (the section 'notice' needs it)"),
        ({"notice": None, "notise": {}}, "unknown key 'notise'; did you mean 'notice'?"),
    ],
)
def test_its_faults_are_told_like_any_other(changes, said):
    with pytest.raises(SpecError) as refused:
        plan_of(**changes)
    assert said in str(refused.value)


def test_the_published_schema_and_the_reference_have_it():
    assert spec_schema()["properties"]["notice"] == {"$ref": "#/$defs/notice"}
    assert "## notice\n\nA notice on the wall.\n\nWith it the spec needs cluster.region." in spec_reference()


def test_each_name_is_taken_once():
    with pytest.raises(ValueError, match="duplicate section 'notice'"):
        spec_sections.register("notice", NOTICE)
    with pytest.raises(ValueError, match="duplicate platform 'notice'"):
        platforms.register("notice", Platform(plan_notice))
    with pytest.raises(ValueError, match="duplicate target 'notice'"):
        target("notice")(emit_notice)
