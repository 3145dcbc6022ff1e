"""What a job asks for is read as sbatch reads it."""

from __future__ import annotations

import pytest

from efakit.errors import UsageError
from efakit.lint.script import read_script
from efakit.submit.request import Request, read_options, read_request


def request(lines: str = "", *options: str, **environment: str) -> Request:
    return read_request(read_script("job.sbatch", f"#!/bin/bash\n{lines}\ntrue\n".encode()), options, environment)


def test_options_win_over_variables_and_variables_over_the_script():
    script = "#SBATCH --partition=script --nodes=2 -A mine"
    assert request(script).partitions == ("script",)
    assert request(script, SBATCH_PARTITION="variable").partitions == ("variable",)
    given = request(script, "-p", "option,other", "-N4", SBATCH_PARTITION="variable")
    assert (given.partitions, given.nodes, given.get("account")) == (("option", "other"), 4, "mine")


def test_lines_after_the_first_command_do_not_count():
    assert request("echo hello\n#SBATCH --nodes=9").nodes == 1


def test_of_a_heterogeneous_job_the_first_component_counts():
    assert request("#SBATCH --nodes=2\n#SBATCH hetjob\n#SBATCH --nodes=7").nodes == 2


@pytest.mark.parametrize(
    ("lines", "nodes"),
    [
        ("", 1),
        ("#SBATCH -N 3", 3),
        ("#SBATCH --nodes=2-4", 2),
        ("#SBATCH --ntasks=17 --ntasks-per-node=8", 3),
        ("#SBATCH --ntasks=16", 1),
        ("#SBATCH --nodelist=n[1-2]", 0),
    ],
)
def test_the_least_number_of_nodes(lines: str, nodes: int):
    assert request(lines).nodes == nodes


@pytest.mark.parametrize(
    ("lines", "gpus"),
    [
        ("", 0),
        ("#SBATCH --gpus-per-node=8", 8),
        ("#SBATCH --gpus-per-node=h100:8", 8),
        ("#SBATCH --gres=gpu:4", 4),
        ("#SBATCH --gres=gpu:h100:4,nvme:1", 4),
        ("#SBATCH --gres=gpu", 1),
        ("#SBATCH --gres=nvme:2", 0),
        ("#SBATCH --gpus=16 --nodes=2", 8),
        ("#SBATCH --gpus=16", 0),
    ],
)
def test_gpus_of_each_node(lines: str, gpus: int):
    assert request(lines).gpus_per_node == gpus


@pytest.mark.parametrize(
    ("lines", "cpus"),
    [
        ("", 1),
        ("#SBATCH --ntasks-per-node=8 --cpus-per-task=24", 192),
        ("#SBATCH -c 4", 4),
        ("#SBATCH --mincpus=64", 64),
        ("#SBATCH --ntasks-per-node=8 --overcommit", 1),
    ],
)
def test_cpus_of_each_node(lines: str, cpus: int):
    assert request(lines).cpus_per_node == cpus


@pytest.mark.parametrize(
    ("mem", "mib"), [("0", 0), ("500", 500), ("2G", 2048), ("1T", 1 << 20), ("2048K", 2), ("x", 0)]
)
def test_memory_of_each_node_in_mib(mem: str, mib: int):
    assert request(f"#SBATCH --mem={mem}").memory_mib == mib


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--test-only"], "--dry-run"),
        (["--wait"], "efakit submit --wait"),
        (["-W"], "efakit submit --wait"),
        (["--wrap=hostname"], "into a script"),
        (["--parsable"], "--format json"),
        (["-M", "other"], "on that cluster"),
        (["train.py"], "only sbatch's options"),
        (["--nodes=2", "extra"], "'extra'"),
        (["--nodez=2"], "--nodez is not an option of sbatch; did you mean '--nodes'"),
    ],
)
def test_what_is_no_option_for_sbatch_is_refused(words: list[str], told: str):
    with pytest.raises(UsageError) as caught:
        read_options(words)
    assert told.replace("'--", "'") in str(caught.value)


def test_an_array_is_one():
    assert request("#SBATCH --array=0-7%2").is_array
    assert not request("").is_array
