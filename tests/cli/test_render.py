"""``efakit render``: what it says of findings, of files that changed, and of what it would do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SPEC = """\
cluster:
  queues:
    - name: gpu
      compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 2}]
jobs:
  - name: train
    template: torchrun
    script: train.py
"""


@pytest.fixture
def spec(tmp_path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def wrong(spec) -> Path:
    spec.write_text(spec.read_text() + "    env: {FI_PROVIDER: tcp}\n")
    return spec


@pytest.fixture
def bundle(call, spec) -> Path:
    folder = spec.parent / "bundle"
    assert call("render", spec, "--out", folder).code == 0
    return folder


def test_errors_are_said_with_their_line_and_end_with_1_and_the_bundle_is_written(call, wrong):
    ran = call("render", wrong, "--out", wrong.parent / "bundle")
    assert ran.code == 1
    assert f"{wrong}:9:" in ran.err
    assert ": error " in ran.err
    assert "FI_PROVIDER" in ran.err
    assert "fix: " in ran.err
    assert (wrong.parent / "bundle/jobs/train.sbatch").is_file()


def test_errors_stand_ahead_of_the_decisions(call, wrong):
    call("render", wrong, "--out", wrong.parent / "bundle")
    titles = [
        line for line in (wrong.parent / "bundle/DECISIONS.md").read_text().splitlines() if line.startswith("## ")
    ]
    assert titles[0] == "## Findings"


def test_files_that_do_not_change_are_not_called_written(call, spec, bundle):
    ran = call("render", spec, "--out", bundle)
    assert "wrote" not in ran.out
    assert f"{len(contents(bundle)) - 1} files unchanged" in ran.out


def test_files_that_do_not_change_are_left_as_they_are(call, spec, bundle):
    before = {path: path.stat().st_ino for path in bundle.rglob("*") if path.is_file()}
    assert call("render", spec, "--out", bundle).code == 0
    assert {path: path.stat().st_ino for path in bundle.rglob("*") if path.is_file()} == before


def test_a_file_that_lost_its_executable_bit_gets_it_back(call, spec, bundle):
    (bundle / "hooks/install-hooks.sh").chmod(0o644)
    assert f"wrote {bundle / 'hooks/install-hooks.sh'}" in call("render", spec, "--out", bundle).out
    assert (bundle / "hooks/install-hooks.sh").stat().st_mode & 0o111


def test_all_edited_files_are_named_with_their_difference_and_nothing_is_written(call, spec, bundle):
    (bundle / "jobs/train.sbatch").write_text("mine\n")
    (bundle / "hooks/hook.json").write_text("{}\n")
    spec.write_text(spec.read_text().replace("train.py", "other.py"))
    before = contents(bundle)
    ran = call("render", spec, "--out", bundle)
    assert ran.code == 2
    for path in ("jobs/train.sbatch", "hooks/hook.json"):
        assert f"{bundle / path}: was changed since efakit wrote it" in ran.err
    assert "-mine" in ran.err
    assert "+#!/bin/bash" in ran.err
    assert "--force" in ran.err
    assert contents(bundle) == before


def test_a_long_difference_is_cut_and_the_last_line_still_says_what_to_do(call, spec, bundle):
    (bundle / "jobs/train.sbatch").write_text("mine\n" * 500)
    ran = call("render", spec, "--out", bundle)
    assert "more lines; --diff shows all" in ran.err
    assert ran.err.splitlines()[-1].endswith("or add --force to overwrite it")


def test_an_edited_binary_file_is_named_without_its_bytes(call, spec, bundle):
    (bundle / "hooks/efakit-hook.pyz").write_bytes(b"\xff\xfe")
    ran = call("render", spec, "--out", bundle)
    assert "hooks/efakit-hook.pyz: not a text file; changed" in ran.err


def test_a_file_that_goes_is_said_to_go(call, spec, bundle):
    spec.write_text(spec.read_text().replace("name: train", "name: tune"))
    assert f"removed {bundle / 'jobs/train.sbatch'}" in call("render", spec, "--out", bundle).out
    assert not (bundle / "jobs/train.sbatch").exists()


def test_an_edited_file_that_would_go_stays_until_force(call, spec, bundle):
    (bundle / "jobs/train.sbatch").write_text("mine\n")
    spec.write_text(spec.read_text().replace("name: train", "name: tune"))
    ran = call("render", spec, "--out", bundle)
    assert ran.code == 2
    assert "it would be removed" in ran.err
    assert (bundle / "jobs/train.sbatch").read_text() == "mine\n"
    forced = call("render", spec, "--out", bundle, "--force")
    assert f"removed {bundle / 'jobs/train.sbatch'} (changed by hand)" in forced.out


def test_what_lies_behind_a_symbolic_link_is_never_removed(call, spec, bundle):
    elsewhere = spec.parent / "elsewhere"
    (bundle / "jobs").rename(elsewhere)
    (bundle / "jobs").symlink_to(elsewhere)
    spec.write_text(spec.read_text().replace("name: train", "name: tune"))
    assert call("render", spec, "--out", bundle).code == 2
    call("render", spec, "--out", bundle, "--force")
    assert (elsewhere / "train.sbatch").is_file()


def test_check_is_silent_about_a_folder_that_is_up_to_date(call, spec, bundle):
    ran = call("render", spec, "--out", bundle, "--check")
    assert (ran.code, ran.err) == (0, "")
    assert "would" not in ran.out


def test_check_ends_with_1_where_files_differ_and_writes_nothing(call, spec, bundle):
    spec.write_text(spec.read_text().replace("name: train", "name: tune"))
    before = contents(bundle)
    ran = call("render", spec, "--out", bundle, "--check")
    assert ran.code == 1
    assert f"would write {bundle / 'jobs/tune.sbatch'}" in ran.out
    assert f"would remove {bundle / 'jobs/train.sbatch'}" in ran.out
    assert contents(bundle) == before


def test_check_makes_no_folder(call, spec):
    assert call("render", spec, "--out", spec.parent / "none", "--check").code == 1
    assert not (spec.parent / "none").exists()


def test_diff_shows_what_would_change_and_ends_with_0(call, spec, bundle):
    spec.write_text(spec.read_text().replace("train.py", "other.py"))
    before = contents(bundle)
    ran = call("render", spec, "--out", bundle, "--diff")
    assert ran.code == 0
    assert "-  train.py" in ran.out
    assert "+  other.py" in ran.out
    assert contents(bundle) == before
    assert call("render", spec, "--out", bundle, "--diff", "--check").code == 1


def test_json_has_files_and_findings(call, wrong):
    folder = wrong.parent / "bundle"
    ran = call("render", wrong, "--out", folder, "--format", "json")
    found = json.loads(ran.out)
    assert ran.code == 1
    assert {"path": "jobs/train.sbatch", "change": "new", "edited": False} in found["files"]
    assert [item["line"] for item in found["findings"] if item["severity"] == "error"] == [9]


@pytest.mark.parametrize("options", [["--out", "out"], ["--check"], ["--diff", "--force"], ["--target", "sbatch"]])
def test_show_refuses_the_options_that_it_would_ignore(call, spec, options):
    ran = call("render", spec, "--show", "train", *options)
    assert ran.code == 2
    assert ran.out == ""
    assert f"leave out {', '.join(item for item in options if item.startswith('-'))}" in ran.err


def test_the_next_step_names_the_spec_and_the_readme_of_what_was_written(call, spec):
    image = "image: 123456789012.dkr.ecr.us-west-2.amazonaws.com/efa:1"
    eks = f"eks: {{name: mine, zones: [us-west-2a, us-west-2b], {image}}}\n"
    spec.write_text(SPEC.replace("cluster:\n", f"{eks}cluster:\n  region: us-west-2\n"))
    ran = call("render", spec, "--out", spec.parent / "bundle")
    assert (ran.code, ran.err) == (0, "")
    assert f"{spec.parent / 'bundle/eks/README.md'} has the commands." in ran.out
    own = "parallelcluster: {key: my-key, head_node: {subnet: subnet-0123456789abcdef0}}\n"
    with_subnet = SPEC.replace("- name: gpu\n", "- name: gpu\n      subnet: subnet-0123456789abcdef1\n")
    spec.write_text(with_subnet.replace("cluster:\n", f"{own}cluster:\n  region: us-west-2\n"))
    ran = call("render", spec, "--out", spec.parent / "other")
    assert f"efakit validate {spec}" in ran.out
