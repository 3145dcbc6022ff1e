"""Help, completion and mistyped names: what one needs before a command works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit


def commands(group: click.Group, context: click.Context, *names: str) -> Iterator[tuple[str, ...]]:
    """Give the words of each command and group."""
    yield names
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, click.Context(command, parent=context, info_name=name), *names, name)
        else:
            yield (*names, name)


ALL = list(commands(efakit, click.Context(efakit)))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_help_tells_the_exit_codes(call, words):
    help_ = call(*words, "--help").out
    codes = help_.partition("Exit codes:")[2]
    assert re.findall(r"^  (\d)  \w", codes, re.MULTILINE) in (["0", "2"], ["0", "1", "2"])


@pytest.mark.parametrize("words", [(), ("hooks",), ("records",), ("catalog",)], ids=" ".join)
def test_a_list_of_commands_has_whole_sentences(call, words):
    listed = call(*words, "--help").out.partition("Commands:\n")[2].partition("Exit codes:")[0]
    assert "..." not in listed
    assert all(item.rstrip().endswith(".") for item in re.split(r"\n(?=  \S)", listed.rstrip()))


@pytest.mark.parametrize(
    "words",
    [["render"], ["validate"], ["lint"], ["submit"], ["report"], ["diagnose"], ["doctor"], ["hooks", "status"]],
    ids=" ".join,
)
def test_what_can_find_something_says_when_it_ends_with_1(call, words):
    assert "\n  1  " in call(*words, "--help").out


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["rendr"], "'render'"),
        (["Lint"], "'lint'"),
        (["hooks", "instal"], "'install'"),
        (["catalog", "lst"], "'list'"),
    ],
)
def test_a_mistyped_command_is_told_the_nearest(call, words, meant):
    ran = call(*words)
    assert ran.code == 2
    assert f"No such command {words[-1]!r}; did you mean {meant}?" in ran.err


def test_what_is_like_no_command_is_told_no_neighbour(call):
    assert "did you mean" not in call("qqqqqq").err


def completed(line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    words = line.split(" ")
    monkeypatch.setenv("_EFAKIT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    output = CliRunner().invoke(efakit, prog_name="efakit").output
    return [word.partition(",")[2] for word in output.split()]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("efakit explain --instance p5.", ["p5.48xlarge", "p5.4xlarge"]),
        ("efakit lint --instance p5en", ["p5en.48xlarge"]),
        ("efakit doctor --instance p5en", ["p5en.48xlarge"]),
        ("efakit init --instance trn1.", ["trn1.2xlarge", "trn1.32xlarge"]),
        ("efakit catalog show p4de", ["p4de.24xlarge"]),
        ("efakit explain --rule head-", ["head-architecture", "head-memory", "head-small"]),
        ("efakit explain --workload open", ["openmpi"]),
        ("efakit explain --template n", ["nccl-tests", "neuron"]),
        ("efakit explain --instance p99", []),
    ],
)
def test_the_shell_completes_names_of_the_catalog(line, found, monkeypatch):
    assert completed(line, monkeypatch) == found


def test_the_shell_completes_variables(monkeypatch):
    assert "FI_EFA_USE_DEVICE_RDMA" in completed("efakit explain --variable FI_EFA_USE", monkeypatch)


def test_the_shell_completes_the_jobs_of_the_spec(monkeypatch, tmp_path):
    spec = Path(__file__).resolve().parents[2] / "cluster-configs/p5.yaml"
    assert completed(f"efakit render {spec} --show ", monkeypatch) == ["train", "nccl-tests"]
    assert completed(f"efakit explain {spec} --job tr", monkeypatch) == ["train"]
    assert completed(f"efakit submit {spec} ", monkeypatch) == ["train", "nccl-tests"]
    assert completed(f"efakit submit --wait {spec} nc", monkeypatch) == ["nccl-tests"]
    (tmp_path / "x.yaml").write_text("jobs: [")
    assert completed(f"efakit render {tmp_path}/x.yaml --show ", monkeypatch) == []


def test_the_bandwidth_s_column_says_gigabits(call):
    head = call("catalog", "list", "--family", "p5").out.splitlines()[0]
    assert "Gb/s" in head
