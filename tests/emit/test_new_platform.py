"""A new platform is a section of the schema, a plan, a target and their test, and nothing else knows of it.

Here is one that only the tests have (``new_platform/``): it writes one text file from ``cluster`` and ``jobs``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import efakit.cli.render  # its choice of targets is what is there when it is imported
import efakit.emit
import efakit.plan
import efakit.spec
from efakit.cli.main import efakit as command
from efakit.emit import registry
from efakit.emit.registry import File, applying, emit, target, targets
from efakit.errors import SpecError, UsageError
from efakit.plan import platforms
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.plan.platforms import platform_of
from efakit.spec import sections as spec_sections
from efakit.spec.load import read_spec
from efakit.spec.schema import spec_schema
from efakit.spec.sections import sections
from efakit.spec.yamltext import Document
from scripts.reference import spec_reference

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


HERE = Path(__file__).parent / "new_platform"
MODULES = ("efakit.spec.notice", "efakit.plan.notice", "efakit.emit.notice")


@pytest.fixture(autouse=True)
def _notice(monkeypatch):
    """Lay the platform's modules into their rooms, and take them out after the test."""
    monkeypatch.setattr(spec_sections, "_registered", sections())
    monkeypatch.setattr(platforms, "_registered", {name: platform_of(name) for name in sections()})
    monkeypatch.setattr(registry, "_targets", targets())
    for room in (efakit.spec, efakit.plan, efakit.emit):
        monkeypatch.setattr(room, "__path__", [*room.__path__, str(HERE / room.__name__.partition(".")[2])])
    spec_sections._load.cache_clear()
    yield
    for name in MODULES:
        sys.modules.pop(name, None)
        room, _, module = name.rpartition(".")
        vars(sys.modules[room]).pop(module, None)


def plan_of(**changes) -> Plan:
    spec = {name: value for name, value in {**SPEC, **changes}.items() if value is not None}
    return make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec))))


def test_its_file_is_written_from_cluster_and_jobs():
    assert emit(plan_of()) == [File("notice.txt", TEXT.encode())]


def test_the_commands_know_it(tmp_path):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    done = CliRunner().invoke(command, ["render", str(tmp_path / "spec.yaml"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"notice.txt", "DECISIONS.md", ".efakit-bundle.json"}
    assert "- **place of the notice: notice.txt**: walls are read" in (tmp_path / "out/DECISIONS.md").read_text()
    told = CliRunner().invoke(command, ["explain", str(tmp_path / "spec.yaml"), "--format", "json"]).output
    assert "place of the notice" in [decision["subject"] for decision in json.loads(told)["decisions"]]
    shown = CliRunner().invoke(command, ["render", str(tmp_path / "spec.yaml"), "--show", "train"])
    assert isinstance(shown.exception, UsageError)


def test_a_platform_that_has_no_slurm_has_neither_sbatch_scripts_nor_hooks():
    assert applying(plan_of()) == ("notice",)
    with pytest.raises(UsageError, match="target sbatch: the spec must have a section whose platform runs Slurm"):
        emit(plan_of(), ("sbatch",))


def test_it_stands_beside_another_platform_and_changes_nothing_there():
    cluster = {**SPEC["cluster"], "queues": [{**SPEC["cluster"]["queues"][0], "subnet": "subnet-0123456789abcdef1"}]}
    both = plan_of(cluster=cluster, parallelcluster=PARALLELCLUSTER)
    alone = plan_of(cluster=cluster, parallelcluster=PARALLELCLUSTER, notice=None)
    assert applying(both) == ("notice", "parallelcluster", "sbatch", "hooks")
    assert applying(alone) == ("parallelcluster", "sbatch", "hooks")
    assert emit(both) == [File("notice.txt", TEXT.encode()), *emit(alone)]


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
    assert emit(plan_of())
    with pytest.raises(ValueError, match="duplicate section 'notice'"):
        spec_sections.register("notice", sections()["notice"])
    with pytest.raises(ValueError, match="duplicate platform 'notice'"):
        platforms.register("notice", platform_of("notice"))
    with pytest.raises(ValueError, match="duplicate target 'notice'"):
        target("notice")(targets()["notice"].emit)


def test_it_is_one_section_one_plan_and_one_target():
    modules = sorted(str(path.relative_to(HERE)) for path in HERE.rglob("*.py"))
    assert modules == ["emit/notice.py", "plan/notice.py", "spec/notice/__init__.py"]
