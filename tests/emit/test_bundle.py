"""The bundle: deterministic, self-contained, and safe against hostile values."""

from __future__ import annotations

import dis
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from efakit.emit.decisions import emit_decisions
from efakit.emit.hooks import hook_archive
from efakit.emit.registry import emit, target
from efakit.emit.shell import quote
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import load_spec, read_spec
from efakit.spec.yamltext import Document

ROOT = Path(__file__).resolve().parents[2]


def p5() -> Plan:
    return make_plan(load_spec(ROOT / "cluster-configs/p5.yaml"))


def files_of(plan: Plan) -> dict[str, bytes]:
    return {file.path: file.content for file in emit(plan)}


def test_the_same_spec_gives_the_same_bytes():
    script = (
        "import hashlib, sys; from efakit.emit.registry import emit; from pathlib import Path;"
        "from efakit.plan.make import make_plan; from efakit.spec.load import load_spec;"
        "plan = make_plan(load_spec(Path(sys.argv[1])));"
        "[print(f.path, hashlib.sha256(f.content).hexdigest()) for f in emit(plan)]"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script, ROOT / "cluster-configs/p5.yaml"],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            capture_output=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]
    assert runs[0] == runs[1]
    assert b"hooks/efakit-hook.pyz" in runs[0]


def test_the_bundle_has_its_fixed_names():
    assert set(files_of(p5())) == {
        "cluster.yaml",
        "jobs/train.sbatch",
        "jobs/nccl-tests.sbatch",
        "hooks/efakit-hook.pyz",
        "hooks/hook.json",
        "hooks/run-hook",
        "hooks/task-prolog",
        "hooks/health-check",
        "hooks/prolog.d/00_efakit",
        "hooks/epilog.d/99_efakit",
        "hooks/install-hooks.sh",
    }


def test_with_a_bucket_the_cluster_fetches_the_installer_and_may_read_it():
    head = yaml.safe_load(files_of(p5())["cluster.yaml"])["HeadNode"]
    address = "s3://my-bucket/efakit/install-hooks.sh"
    assert head["CustomActions"]["OnNodeConfigured"] == {"Script": address, "Args": ["--custom-action"]}
    assert head["CustomActions"]["OnNodeUpdated"]["Script"] == address
    assert head["Iam"]["S3Access"] == [{"BucketName": "my-bucket", "KeyName": "efakit/install-hooks.sh"}]


def test_without_a_bucket_there_is_no_custom_action_and_the_decisions_say_how():
    text = (ROOT / "cluster-configs/p5.yaml").read_text()
    text = text.replace("  bucket: s3://my-bucket/efakit\n", "  mode: observe\n")
    plan = make_plan(read_spec(Document(Path("spec.yaml"), text)))
    assert "CustomActions" not in yaml.safe_load(files_of(plan)["cluster.yaml"])["HeadNode"]
    assert "sudo sh install-hooks.sh" in emit_decisions(plan).content.decode()


def test_decisions_stand_as_comments_where_they_apply():
    lines = files_of(p5())["cluster.yaml"].decode().splitlines()
    place = next(number for number, line in enumerate(lines) if line.strip() == "Efa:")
    assert lines[place - 1].strip() == "# on: p5.48xlarge has 32 EFA interfaces and the queue more than one node"


def test_every_decision_is_in_decisions_md_with_its_source():
    plan = p5()
    text = emit_decisions(plan).content.decode()
    for decision in plan.decisions:
        assert f"**{decision.subject}: {decision.choice}**: {decision.reason}" in text
        assert decision.source in text


def test_a_target_s_name_can_be_taken_once():
    files_of(p5())
    with pytest.raises(ValueError, match="duplicate target"):
        target("sbatch")(lambda plan: [])


def archived() -> dict[str, str]:
    """Return the sources in the hook's file; what is compiled beside them is left out."""
    with zipfile.ZipFile(io.BytesIO(hook_archive())) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")}


def test_the_hook_s_file_holds_nothing_but_the_hook_and_the_rows_that_it_reads():
    rooms = {name.split("/")[1] for name in archived() if name.count("/") == 2}
    assert {"node", "hook"} <= rooms <= {"node", "hook", "catalog", "rules"}


def test_every_module_that_the_hook_imports_is_in_its_file():
    """By Python's own account: each module is compiled, and its import statements are read off, late ones too."""
    files = archived()
    for path, source in files.items():
        for module in _imports_at_run_time(source):
            place = module.replace(".", "/")
            assert f"{place}.py" in files or f"{place}/__init__.py" in files, f"{path} imports {module}"


def _imports_at_run_time(source: str) -> set[str]:
    body = source.replace("if TYPE_CHECKING:", "if 0:")  # which the compiler leaves out
    pending, found = [compile(body, "module", "exec", dont_inherit=True)], set()
    while pending:
        code = pending.pop()
        pending += [constant for constant in code.co_consts if hasattr(constant, "co_code")]
        found |= {
            str(step.argval)
            for step in dis.get_instructions(code)
            if step.opname == "IMPORT_NAME" and str(step.argval).partition(".")[0] == "efakit"
        }
    return found


@pytest.mark.parametrize("room", ["hook", "node"])
def test_every_module_of_the_hook_is_imported_from_its_file_alone(tmp_path, room):
    """Without site-packages and in a folder of nothing else, as on a node."""
    archive = tmp_path / "efakit-hook.pyz"
    archive.write_bytes(hook_archive())
    names = [name[:-3].replace("/", ".") for name in archived() if name.startswith(f"efakit/{room}/")]
    script = "import sys; sys.path.insert(0, sys.argv[1])\nfor name in sys.argv[2:]: __import__(name)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script, archive, *names], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_hook_runs_alone_and_never_fails(tmp_path):
    archive = tmp_path / "efakit-hook.pyz"
    archive.write_bytes(hook_archive())
    done = subprocess.run(
        ["/usr/bin/env", "-i", sys.executable, "-I", "-S", archive, "nonsense"], capture_output=True, text=True, cwd="/"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage" in done.stdout


HOSTILE = st.text(
    alphabet=st.one_of(st.sampled_from("'\"$`\\;&|<>(){}%#!~*?[]-= \n\t"), st.characters(codec="utf-8")), max_size=40
)


@given(HOSTILE)
def test_a_quoted_value_is_one_literal_word(value):
    clean = value.replace("\0", "")
    printed = subprocess.run(["/bin/sh", "-c", f"printf %s {quote(clean)}"], capture_output=True, check=True).stdout
    assert printed == clean.encode("utf-8", "surrogateescape")
