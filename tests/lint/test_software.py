"""The software stack of a config or a spec is judged, on the instance types that use EFA."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.cli.explain import explain
from efakit.cli.render import render
from efakit.cli.validate import validate
from efakit.errors import SpecError
from efakit.finding import Finding
from efakit.lint.config import lint_config
from efakit.lint.config.document import ConfigDocument
from efakit.plan.make import make_plan
from efakit.spec.load import load_spec
from tests.pcluster.simulated import config, standard_account, text

SPEC = """\
cluster:
  region: us-east-1
  stack: {stack}
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef0
      compute_resources:
        - name: r
          instance: {instance}
          nodes: 2
          efa: {efa}
parallelcluster:
  key: my-key
  version: "{release}"
{own}  head_node: {{subnet: subnet-0123456789abcdef0}}
"""


def written(
    folder: Path, instance: str, release: str = "3.11.0", stack: str = "{}", own: str = "", efa: str = "auto"
) -> Path:
    path = folder / "spec.yaml"
    path.write_text(SPEC.format(instance=instance, release=release, stack=stack, own=own, efa=efa))
    return path


def judged(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(validate, [*arguments, "--no-vendor"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_a_plugin_that_cannot_work_is_an_error_with_its_fix(tmp_path):
    code, output = judged(str(written(tmp_path, "p5.4xlarge", stack='{plugin: "1.15.0"}')))
    assert code == 1
    assert f"{tmp_path / 'spec.yaml'}:9:11: error software-broken: aws-ofi-nccl 1.15.0 on p5.4xlarge" in output
    assert "fix: use aws-ofi-nccl 1.16.2" in output


@pytest.mark.parametrize("stack", ['{plugin: "1.16.3"}', '{installer: "1.43.2"}'])
def test_a_plugin_that_works_is_not(tmp_path, stack):
    code, output = judged(str(written(tmp_path, "p5.4xlarge", "3.14.0", stack=stack)))
    assert code == 0
    assert "software-broken" not in output


def test_without_efa_its_software_does_not_matter(tmp_path):
    _, output = judged(str(written(tmp_path, "p5.4xlarge", stack='{plugin: "1.15.0"}', efa="off")))
    assert "software-" not in output


def test_of_an_image_of_the_users_own_only_what_is_named_is_sure(tmp_path):
    image = "  ami: ami-0123456789abcdef0\n"
    assert "software-" not in judged(str(written(tmp_path, "p6-b200.48xlarge", "3.13.1", own=image)))[1]
    named = written(tmp_path, "p6-b200.48xlarge", "3.13.1", '{plugin: "1.14.0"}', image)
    assert "aws-ofi-nccl 1.14.0 is too old" in judged(str(named))[1]


def test_too_old_nccl_for_the_plugin_is_found(tmp_path):
    stack = '{nccl: "2.16.2"}'
    code, output = judged(str(written(tmp_path, "p4d.24xlarge", "3.16.3", stack)))
    assert code == 0  # of the newest plugin no row is known
    code, output = judged(str(written(tmp_path, "p4d.24xlarge", "3.16.1", stack)))
    assert code == 0
    assert "NCCL 2.16.2 is too old for aws-ofi-nccl 1.20.0: it needs at least 2.17.1" in output


def test_the_software_in_a_container_is_judged_as_well(tmp_path):
    path = written(tmp_path, "p5.48xlarge", "3.16.3")
    jobs = """\
jobs:
  - name: train
    template: torchrun
    script: train.py
    container: {runtime: apptainer, image: my.sif, stack: {plugin: "1.7.0", libfabric: "1.18.0"}}
"""
    path.write_text(path.read_text() + jobs)
    code, output = judged(str(path))
    assert code == 0
    assert "container of job train: aws-ofi-nccl 1.7.0 is too old for p5.48xlarge: it needs at least 1.7.2" in output
    found = [item for item in make_plan(load_spec(path)).findings if "container of job train" in item.message]
    assert ("warning", "least-plugin", "use aws-ofi-nccl 1.7.3 or later") in [
        (item.severity, item.rule, item.fix) for item in found
    ]


def lint(version: str, instance: str, **changes: object) -> list[Finding]:
    data = config(standard_account(), {"resource": {"InstanceType": instance}}, changes)
    document = ConfigDocument("cluster.yaml", text(data))
    found = lint_config(document.data, version=version, where=document.where, file="cluster.yaml")
    return [item for item in found if item.rule.startswith("software-")]


def test_a_config_that_efakit_did_not_write_is_judged_by_its_release():
    [old] = [item for item in lint("3.13.1", "p6-b200.48xlarge") if "aws-ofi-nccl" in item.message]
    assert "aws-ofi-nccl 1.14.2 is too old for p6-b200.48xlarge" in old.message
    assert lint("3.16.3", "p6-b200.48xlarge") == []
    assert lint("3.99.0", "p6-b200.48xlarge") == []


def test_a_config_with_its_own_image_is_not():
    assert lint("3.13.1", "p6-b200.48xlarge", Image={"Os": "alinux2023", "CustomAmi": "ami-0123456789abcdef0"}) == []


def test_explain_and_the_bundle_tell_it_too(tmp_path):
    path = written(tmp_path, "p5.4xlarge", stack='{plugin: "1.15.0"}')
    found = [item for item in make_plan(load_spec(path)).findings if item.message.startswith("nodes of p5.4xlarge: ")]
    assert ("error", "use aws-ofi-nccl 1.16.2") in [(item.severity, item.fix) for item in found]
    explained = CliRunner().invoke(explain, [str(path)])
    assert "error plugin-p5.4xlarge: nodes of p5.4xlarge: aws-ofi-nccl 1.15.0" in explained.output
    assert "fix: use aws-ofi-nccl 1.16.2" in explained.output
    # It is written all the same, and the exit code says that there are errors.
    assert CliRunner().invoke(render, [str(path), "--out", str(tmp_path / "out")]).exit_code == 1
    assert "**error plugin-p5.4xlarge**: nodes of p5.4xlarge" in (tmp_path / "out/DECISIONS.md").read_text()


def test_the_stack_that_a_spec_names_is_the_plans(tmp_path):
    named = '{installer: "1.43.2", libfabric: "2.3.1amzn1.0", nccl: "2.28.3-1", cuda: "13.0", kernel: "6.1.134"}'
    stack = make_plan(load_spec(written(tmp_path, "p5.48xlarge", "3.15.0", named))).stack
    assert stack.parallelcluster == "3.15.0"
    assert (stack.installer, stack.plugin, stack.libfabric) == ("1.43.2", "1.16.3", "2.3.1amzn1.0")
    assert (stack.nccl, stack.cuda, stack.kernel) == ("2.28.3-1", "13.0", "6.1.134")


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (
            '{installer: "1.10.0"}',
            "EFA installer 1.10.0 is not known; the nearest are 1.18.0 (known:",
        ),
        ('{installer: "1.43"}', "'1.43' is not allowed; write a release of the EFA installer"),
        ('{plugin: "latest"}', "write a release of aws-ofi-nccl such as '1.16.3'"),
        ('{ncc: "2.28.3"}', "unknown key 'ncc'; did you mean 'nccl'?"),
    ],
)
def test_a_stack_that_makes_no_sense_is_refused(tmp_path, stack, message):
    with pytest.raises(SpecError) as refused:
        load_spec(written(tmp_path, "p5.48xlarge", stack=stack))
    assert message in str(refused.value)
