"""``efakit render``: one job's script, with templates of the user's own and without the check of the nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import Done, run_here

P5 = Path(__file__).resolve().parents[2] / "cluster-configs/p5.yaml"


def render(*arguments: str | Path) -> Done:
    return run_here("render", *arguments)


def test_the_check_of_the_nodes_can_be_left_out():
    with_it = render(P5, "--show", "train").stdout
    without = render(P5, "--show", "train", "--no-preflight").stdout
    assert "PREFLIGHT" in with_it
    assert "PREFLIGHT" not in without
    assert set(without.splitlines()) < set(with_it.splitlines())


def test_a_folder_of_templates_on_the_command_line_comes_first(tmp_path):
    (tmp_path / "torchrun.sbatch.j2").write_text("#!/bin/bash\necho my own {{ job.name }}\n")
    done = render(P5, "--show", "train", "--templates", tmp_path)
    assert done.stdout == "#!/bin/bash\necho my own train\n"
    assert "all_reduce_perf" in render(P5, "--show", "nccl-tests", "--templates", tmp_path).stdout


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{% nothing %}", "torchrun.sbatch.j2:1: the template cannot be used"),
        ("{{ 1 / 0 }}", "torchrun.sbatch.j2: the template cannot be used: ZeroDivisionError"),
        ("{{ 'a' + 1 }}", "the template cannot be used: TypeError"),
        ("{% include 'torchrun.sbatch.j2' %}", "the template cannot be used: RecursionError"),
        ("", "the output of the template is not a script"),
        ("echo hi", "the output of the template is not a script"),
        (None, "no such folder"),
    ],
)
def test_a_template_at_fault_is_an_error_and_nothing_is_written(tmp_path, template, words):
    folder = tmp_path / "mine"
    if template is not None:
        folder.mkdir()
        (folder / "torchrun.sbatch.j2").write_text(template)
    done = render(P5, "--out", tmp_path / "out", "--templates", folder)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_body_lies_beside_its_spec(tmp_path):
    text = P5.read_text().partition("jobs:")[0] + "jobs:\n  - {name: mine, template: body, body: run.sh}\n"
    (tmp_path / "spec.yaml").write_text(text)
    (tmp_path / "run.sh").write_text("srun hostname\n")
    assert render(tmp_path / "spec.yaml", "--show", "mine").stdout.endswith("\nsrun hostname\n")
