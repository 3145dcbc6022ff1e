"""efakit submit where no Slurm is asked: what is wrong with the input is said first."""

from __future__ import annotations

from pathlib import Path

import pytest

SPECS = Path(__file__).resolve().parents[2] / "cluster-configs"


@pytest.fixture(autouse=True)
def no_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "none.conf"))
    monkeypatch.setattr("efakit.cli.submit.LOOK_PAUSES_SECONDS", ())


def script(folder: Path, text: str = "#!/bin/bash\nhostname\n") -> Path:
    path = folder / "job.sbatch"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{folder}/none.sbatch"], "none.sbatch: cannot be read: No such file or directory"),
        (["{folder}"], "cannot be read: Is a directory"),
        (["{folder}/text.txt"], "text.txt:1: not a batch script"),
        (["{script}", "train"], "'train': a script has no jobs; sbatch's options stand behind --"),
        (["{script}", "--", "train.py"], "'train.py': only sbatch's options may follow --"),
        (["{script}", "--", "--test-only"], "use 'efakit submit --dry-run'"),
        (["{script}", "--wait", "--dry-run"], "--wait and --dry-run exclude each other"),
        (["{script}", "--fail-on", "efa"], "--fail-on needs --wait"),
        (["{script}", "--wait", "--fail-on", "bad"], "'bad' is not a verdict"),
        (["{script}", "--nodes=2"], "No such option"),
        (["{specs}/p5.yaml"], "name a job (jobs: train, nccl-tests)"),
        (["{specs}/p5.yaml", "trian"], "unknown job 'trian'; did you mean 'train'?"),
        (["{specs}/p5.yaml", "train", "--spec", "{specs}/p5.yaml"], "SPEC itself is given already"),
        (["{specs}/eks-p5.yaml", "train"], "does not use Slurm"),
    ],
)
def test_wrong_input_is_refused_with_what_to_do(call, tmp_path, arguments, words):
    path = script(tmp_path)
    (tmp_path / "text.txt").write_text("hello\n")
    ran = call("submit", *(word.format(folder=tmp_path, script=path, specs=SPECS) for word in arguments))
    assert ran.code == 2
    assert words in " ".join(ran.err.split())


def test_without_slurm_nothing_is_submitted_and_the_reason_is_given(call, tmp_path):
    ran = call("submit", script(tmp_path))
    assert ran.code == 2
    assert "SLURM_CONF names" in ran.err
    assert "Nothing was submitted" in ran.err


def test_a_job_whose_check_is_a_file_of_its_own_is_submitted_from_its_bundle(call, tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "cluster: {queues: [{name: gpu, compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 2}]}]}\n"
        "jobs: [{name: train, template: torchrun, script: train.py, preflight: file}]\n"
    )
    ran = call("submit", spec)
    assert (ran.code, "submit its jobs/train.sbatch" in ran.err) == (2, True)


def test_the_help_shows_where_the_options_of_sbatch_stand(call):
    usage = " ".join(call("submit", "--help").out.split())
    assert "submit [OPTIONS] SPEC|SCRIPT [JOB] [-- SBATCH-" in usage
