"""Scripts of public reports: each has the finding that its author needed, where it belongs, and no false error."""

from __future__ import annotations

from pathlib import Path

import pytest

from efakit.finding import Finding
from tests.lint.script.linting import found

CASES = Path(__file__).with_name("cases")
P5 = {"instance": "p5.48xlarge", "installer": "1.47.0"}


def lint(name: str, **given: str) -> list[Finding]:
    return found((CASES / name).read_bytes(), file=name, **given)


def errors(name: str, **given: str) -> list[tuple[int, str]]:
    return [(item.line, item.rule) for item in lint(name, **given) if item.severity == "error"]


@pytest.mark.parametrize("given", [{}, P5], ids=["anywhere", "p5"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("node-rank-expanded-early.sbatch", [(7, "task-variable-expanded-early")]),
        (
            "procid-expanded-early.sbatch",
            [
                (8, "task-variable-expanded-early"),
                (9, "task-variable-expanded-early"),
                (11, "task-variable-expanded-early"),
            ],
        ),
        ("torchrun-without-srun.sbatch", [(5, "launcher-on-one-node")]),
        ("torchrun-without-nnodes.sbatch", [(7, "nnodes-missing")]),
        ("broken-continuation.sbatch", []),
        ("options-after-variable.sh", []),
        ("nccl-net-aws-libfabric.sh", []),
        ("shm-transfer-off-mpi.sbatch", []),
        ("nvshmem-shm-off.sbatch", []),
        ("gin-type.sbatch", []),
    ],
)
def test_a_public_script_has_these_errors_and_no_other(name, expected, given):
    assert errors(name, **given) == expected


def test_lines_behind_a_broken_continuation_are_pointed_out():
    told = [(item.line, item.severity) for item in lint("broken-continuation.sbatch")]
    assert told == [(7, "warning"), (8, "warning")]


@pytest.mark.parametrize("given", [{}, P5], ids=["anywhere", "p5"])
def test_options_behind_a_variable_are_set(given):
    assert not any("is not set" in item.message for item in lint("options-after-variable.sh", **given))


def test_more_ranks_than_gpus_are_seen_in_the_code_of_a_shell_that_srun_starts():
    assert errors("gpus-per-task.sbatch") == [(8, "more-ranks-than-gpus")]


def test_a_pair_of_plugin_and_nccl_that_cannot_start_is_an_error():
    given = {"instance": "p4de.24xlarge", "plugin": "1.16.2", "nccl": "2.20.5"}
    assert errors("p4de-plugin-1.16.sbatch", **given) == [(7, "software-broken")]


@pytest.mark.parametrize(("libfabric", "expected"), [("1.17.1", [(6, "fi-efa-shm-av-size")]), ("1.18.1", [])])
def test_192_ranks_of_a_node_need_libfabric_1_18_1(libfabric, expected):
    assert errors("192-ranks-openmpi.sbatch", instance="hpc7a.96xlarge", libfabric=libfabric) == expected


@pytest.mark.parametrize(
    "launcher",
    ["$(which mpirun)", "`which mpirun`", '"$(command -v mpirun)"', "$(type -p mpirun)", "$MPI_HOME/bin/mpirun"],
)
def test_a_launcher_that_is_looked_up_or_lies_in_a_variable_s_folder_is_seen(launcher):
    """As in aws-ofi-nccl #67; a command that only a variable names stays unknown."""
    text = (CASES / "looked-up-mpirun.sbatch").read_text()
    given = {"instance": "p4d.24xlarge", "installer": "1.43.2", "nccl": "2.27.7"}

    def told(written: str) -> list[tuple[int, str]]:
        script = text.replace("$(which mpirun)", written).encode()
        return [(item.line, item.rule) for item in found(script, file="looked-up-mpirun.sbatch", **given)]

    assert told(launcher) == told("/opt/amazon/openmpi/bin/mpirun")
    assert (16, "hostfile-of-others") in told(launcher)
    assert told("$LAUNCHER") == told("$(my-launcher)") == []
