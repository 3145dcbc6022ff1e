"""The scripts of a spec's jobs are judged by the rules of scripts, and told at the spec's line, each thing once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.errors import SpecError
from efakit.finding import Finding
from efakit.rules.registry import rule_of
from efakit.rules.target import any_supported
from efakit.validate.files import judge_files, on_target
from efakit.validate.spec import plan_spec

HEAD = """\
cluster:
  region: us-east-1
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef0
      compute_resources:
        - {name: p5, instance: p5.48xlarge, nodes: 4}
    - name: cpu
      subnet: subnet-0123456789abcdef0
      compute_resources:
        - {name: hpc, instance: hpc7a.96xlarge, nodes: 4}
jobs:
  - name: train
"""
PLATFORM = """\
parallelcluster:
  version: 3.16.3
  key: my-key
  head_node: {instance: c7i.2xlarge, subnet: subnet-0123456789abcdef0}
"""
TORCHRUN = "    template: torchrun\n    script: train.py\n"
MPIRUN = "    template: openmpi\n    queue: gpu\n    program: ./solver\n    mpi: mpirun\n"


class Case(NamedTuple):
    """A job, and the one thing that is wrong with it: the rule, the text of its line in the spec, and its column."""

    name: str
    job: str
    rule: str
    line: str
    column: int = 5


CASES = (
    Case("variable", TORCHRUN + "    env:\n      NCCL_NET: Socket\n", "nccl-net-socket", "NCCL_NET: Socket", 7),
    Case(
        "setup",
        TORCHRUN + "    setup: |\n      source venv/bin/activate\n\n      export NCCL_NET=Socket\n",
        "nccl-net-socket",
        "export NCCL_NET=Socket",
        7,
    ),
    Case("setup of one line", TORCHRUN + "    setup: export NCCL_NET=Socket\n", "nccl-net-socket", "setup: export"),
    Case(
        "folded setup",
        TORCHRUN + "    setup: >\n      source venv/bin/activate;\n      export NCCL_NET=Socket\n",
        "nccl-net-socket",
        "setup: >",
    ),
    Case(
        "argument of the launcher",
        MPIRUN + "    launcher_args:\n      - -x\n      - FI_PROVIDER=sockets\n",
        "fi-provider-other",
        "- FI_PROVIDER=sockets",
        9,
    ),
    Case("fewer GPUs", TORCHRUN + "    gpus_per_node: 4\n", "gpus-of-instance", "gpus_per_node: 4"),
    Case("more GPUs", TORCHRUN + "    gpus_per_node: 16\n", "gpus-of-instance", "gpus_per_node: 16", 20),
    Case(
        "GPUs of nodes without",
        "    template: command\n    program: ./count\n    queue: cpu\n    gpus_per_node: 1\n",
        "gpus-of-instance",
        "gpus_per_node: 1",
        20,
    ),
    Case(
        "more ranks than GPUs", TORCHRUN + "    ranks_per_node: 16\n", "more-ranks-than-gpus", "ranks_per_node: 16", 21
    ),
    Case(
        "option that is passed through",
        TORCHRUN + "    slurm:\n      nice: 5\n      extra:\n        - --nice=7\n",
        "option-overridden",
        "nice: 5",
        7,
    ),
    Case("job", "    template: body\n    body: body.sh\n    workload: nccl\n", "mpi-launch-pml", "- name: train"),
)


def findings_of(folder: Path, text: str) -> list[Finding]:
    path = folder / "spec.yaml"
    path.write_text(text)
    ((_, found),) = judge_files([path], on_target(any_supported()), lambda error, named: pytest.fail(str(error)))
    return found


@pytest.mark.parametrize("platform", ["", PLATFORM], ids=["a cluster that is up", "parallelcluster"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_finding_in_a_job_s_script_stands_at_the_spec_s_line_and_once(case: Case, platform: str, tmp_path):
    (tmp_path / "body.sh").write_text("mpirun -n 4 ./train\n")
    text = platform + HEAD + case.job
    found = [item for item in findings_of(tmp_path, text) if item.rule == case.rule]
    assert len(found) == 1
    assert text.splitlines()[found[0].line - 1].strip().startswith(case.line)
    assert found[0].column == case.column
    assert found[0].file == str(tmp_path / "spec.yaml")
    assert not found[0].mendable


@pytest.mark.parametrize("first", ["#!/bin/bash\n", ""])
def test_a_finding_in_a_job_s_body_stands_at_the_body_s_line(first: str, tmp_path):
    body = f"{first}set -e\nexport NCCL_NET=Socket\nsrun ./train\n"
    (tmp_path / "body.sh").write_text(body)
    found = findings_of(tmp_path, HEAD + "    template: body\n    body: body.sh\n    workload: nccl\n")
    (item,) = [item for item in found if item.rule == "nccl-net-socket"]
    assert item.file == str(tmp_path / "body.sh")
    assert body.splitlines()[item.line - 1] == "export NCCL_NET=Socket"


def test_a_line_that_a_message_names_is_the_spec_s(tmp_path):
    job = TORCHRUN + "    env: {NCCL_DEBUG: WARN}\n    setup: |\n      true\n      export NCCL_DEBUG=INFO\n"
    (item,) = [item for item in findings_of(tmp_path, HEAD + job) if item.rule == "set-twice"]
    assert f"in line {(HEAD + job).splitlines().index('      export NCCL_DEBUG=INFO') + 1}:" in item.message


def test_a_comment_in_setup_leaves_a_rule_out(tmp_path):
    job = TORCHRUN + "    setup: |\n      export NCCL_NET=Socket  # efakit: ignore nccl-net-socket\n"
    assert "nccl-net-socket" not in [item.rule for item in findings_of(tmp_path, HEAD + job)]


def test_a_template_that_cannot_be_used_is_a_finding(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.sbatch.j2").write_text("#!/bin/bash\n{{ nothing.of_this }}\n")
    found = findings_of(tmp_path, "templates: own\n" + HEAD + "    template: mine\n")
    assert [(item.rule, item.line) for item in found] == [("job-file", 1)]
    assert "mine.sbatch.j2" in found[0].message


@pytest.mark.parametrize(
    ("key", "rule"),
    [("gpus_per_node: 16", "gpus-of-instance"), ("ranks_per_node: 9", "more-ranks-than-gpus")],
)
def test_a_job_that_could_never_start_stops_a_spec_by_the_rule_of_scripts(key: str, rule: str, tmp_path):
    (tmp_path / "spec.yaml").write_text(HEAD + TORCHRUN + f"    {key}\n")
    with pytest.raises(SpecError) as caught:
        plan_spec(tmp_path / "spec.yaml")
    (found,) = caught.value.findings
    row = rule_of(rule)
    assert row is not None
    assert (found.rule, found.source) == (rule, row.source)
    assert "write 8" in found.fix


def test_lint_judges_the_spec_itself_where_no_file_is_named(tmp_path):
    (tmp_path / "spec.yaml").write_text(HEAD + TORCHRUN + "    setup: export NCCL_NET=Socket\n")
    done = CliRunner().invoke(efakit, ["lint", "--spec", str(tmp_path / "spec.yaml"), "--format", "json"])
    assert done.exit_code == 1
    assert "nccl-net-socket" in [item["rule"] for item in json.loads(done.output)]
    assert CliRunner().invoke(efakit, ["lint"]).exit_code == 2


def test_validate_tells_what_the_scripts_say(tmp_path):
    (tmp_path / "spec.yaml").write_text(HEAD + TORCHRUN + "    setup: export NCCL_NET=Socket\n")
    done = CliRunner().invoke(efakit, ["validate", str(tmp_path / "spec.yaml"), "--no-vendor", "--format", "json"])
    assert done.exit_code == 1
    assert "nccl-net-socket" in [item["rule"] for item in json.loads(done.output)["findings"]]
