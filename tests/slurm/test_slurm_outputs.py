"""The output file's name: sbatch's patterns filled in."""

from __future__ import annotations

import pytest

from efakit.slurm.outputs import output_file


def filled(pattern: str | None, array: tuple[int, int] | None = None) -> str | None:
    return output_file(
        pattern,
        job_id=128,
        array=array,
        name="train",
        user="alice",
        first_node="gpu-st-p5-1.cluster.local",
        work_dir="/home/alice",
    )


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/fsx/%x-%j.out", "/fsx/train-128.out"),
        ("logs/%u/%j.out", "/home/alice/logs/alice/128.out"),
        ("/fsx/%6j.out", "/fsx/000128.out"),
        ("/fsx/%99j.out", "/fsx/0000000128.out"),
        ("/fsx/%N-%n-%t.out", "/fsx/gpu-st-p5-1-0-0.out"),
        ("/fsx/%5x.out", "/fsx/train.out"),
        ("/fsx/100%%-%j", "/fsx/100%-128"),
        ("/fsx/%q-%.out", "/fsx/%q-%.out"),
        ("/fsx/\\%j.out", "/fsx/%j.out"),
        (None, None),
        ("", None),
    ],
)
def test_of_a_job(pattern: str | None, path: str | None):
    assert filled(pattern) == path


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/fsx/%A_%a.out", "/fsx/120_11.out"),
        ("/fsx/%A_%4a-%b.out", "/fsx/120_0011-1.out"),
        ("/fsx/%j.out", "/fsx/128.out"),
        # What squeue of 22.05 makes up for a task whose job named no output file.
        ("/home/alice/slurm-128.out", "/home/alice/slurm-120_11.out"),
    ],
)
def test_of_an_array_s_task(pattern: str, path: str):
    assert filled(pattern, (120, 11)) == path
