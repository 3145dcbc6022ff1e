"""What ``--fix`` changes, and that it changes nothing else."""

from __future__ import annotations

import subprocess

import pytest

from efakit.catalog import instances
from efakit.catalog.variable_names import known
from efakit.catalog.variables import rows
from efakit.finding import Finding
from efakit.lint.mend import mended
from efakit.lint.script import Surroundings, lint_script
from efakit.rules.judgement import judge, may_be_read
from efakit.rules.releases import target_of
from efakit.rules.target import Target, any_supported
from tests.lint.script.linting import CORPUS

ANYWHERE = Surroundings(any_supported())
CASES = {
    "export FI_LOG_LEVEL=1": "export FI_LOG_LEVEL=warn",
    "export NCCL_TIMEOUT=1 # why\ntrue": "true",
    "export A=1 NCCL_TIMEOUT=1 B=2": "export A=1 B=2",
    "export NCCL_TIMEOUT=1 NCCL_SOCKET_TIMEOUT=1\ntrue": "true",
    "export NCCL_SOCKET_TIMEOUT=1 A=1": "export A=1",
    "NCCL_TIMEOUT=1 srun x": "srun x",
    "env NCCL_TIMEOUT=1 A=1 srun x": "env A=1 srun x",
    "mpirun -np 2 -x NCCL_TIMEOUT=1 \\\n  -x A=1 x": "mpirun -np 2 -x A=1 x",
    "export NCCL_BUFFERSIZE=8388608": "export NCCL_BUFFSIZE=8388608",
    "export NCCL_BUFFERSIZE=1\ntrue": "true",
    "export NCCL_OFI_PROTOCOL=RDMA": "export OFI_NCCL_PROTOCOL=RDMA",
    "export NCCL_DEBG=INFO": "export NCCL_DEBUG=INFO",
    "srun --export=A=1 x": "srun --export=ALL,A=1 x",
    'srun --export "A=1,B=2" x': 'srun --export "ALL,A=1,B=2" x',
    "export A=1\nsrun --container-env=A=1,B x": "export A=1\nsrun --container-env=A,B x",
    "export A=1\r\ntrue": "export A=1\ntrue",
}
UNTOUCHED = [
    "if x; then\n  export NCCL_TIMEOUT=1\nfi",  # the branch would be empty
    "export NCCL_TIMEOUT=1\necho $NCCL_TIMEOUT",  # something else uses it
    "export NCCL_TIMEOUT=$(start-server)",  # the command does more than give a value
    "export FI_PROVIDER=efa",  # NCCL needs it no more, and another program of the job may
    "export NCCL_IB_DISABLE=1",  # NCCL reads it, on nodes without EFA
    "export NCCL_ALGO=ring",  # harmful or not: somebody's choice
    "srun --container-env=A=1 x",  # nothing sets A
    "# NCCL_TIMEOUT=1\ntrue",
    "cat <<EOF\nexport NCCL_TIMEOUT=1\nEOF",
    "export FI_LOG_LEVEL=3",
    "f() { export NCCL_TIMEOUT=1; }\nf",
]


def mend(data: bytes, surroundings: Surroundings = ANYWHERE, file: str = "x.sh") -> tuple[bytes, list[Finding]]:
    def judge(content: bytes) -> list[Finding]:
        return lint_script(file, content, surroundings)

    return mended(data, judge(data), judge)


def fix(text: str) -> str:
    done, _ = mend(f"#!/bin/bash\n{text}\n".encode())
    return done.decode().removeprefix("#!/bin/bash\n").removesuffix("\n")


@pytest.mark.parametrize(("before", "after"), CASES.items())
def test_what_is_safe_is_mended(before, after):
    assert fix(before) == after


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_is_not_safe_is_left(text):
    assert fix(text) == text


def test_a_name_that_does_harm_on_the_target_is_taken_out_instead():
    where = Surroundings(target_of(instance="p5.48xlarge", installer="1.47.0"))
    done, _ = mend(b"#!/bin/bash\nexport NCCL_BUFFERSIZE=8388608\ntrue\n", where)
    assert done == b"#!/bin/bash\ntrue\n"


TARGETS = {
    "any supported": any_supported(),
    "new": target_of(instance="p5.48xlarge", installer="1.47.0", nccl="2.28.9"),
    "old": target_of(instance="p4d.24xlarge", installer="1.34.0", plugin="1.11.0", nccl="2.19.4"),
    "mpi": target_of(instance="hpc7a.96xlarge", libfabric="1.17.1"),
}
BODIES = ("srun torchrun t.py", "mpirun ./app", "module load intelmpi\nmpirun ./app", "srun ./app")


def values() -> dict[str, set[str]]:
    """Return every variable of the catalog with values to try: those that rows speak of, and two others."""
    found = {name: {"0", "1"} for name in known()}
    for row in rows():
        if "*" not in row.name and row.name.isidentifier():
            told = row.value.partition("|")[0].strip("!*") if not row.value.startswith(("<=", ">=")) else row.value[2:]
            found.setdefault(row.name, {"0", "1"}).add(told or "7")
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.replace("\n", " "))
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_nothing_is_taken_out_that_a_release_within_the_target_reads(target, body):
    where = Surroundings(target, instances.get(target.instance) if target.instance else None)
    every, cut = values(), set()
    for turn in range(max(map(len, every.values()))):
        pairs = [(name, sorted(tried)[turn]) for name, tried in every.items() if turn < len(tried)]
        lines = [f"export {name}='{value}'" for name, value in pairs]
        text = "\n".join(["#!/bin/bash", *lines, body, ""])
        findings = lint_script("x.sh", text.encode(), where)
        cut |= {
            pairs[item.line - 2][0] for item in findings if item.edits and not any(edit.text for edit in item.edits)
        }
    assert {name for name in cut if may_be_read(name, target)} == set()
    assert cut


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*/*.s*h")), ids=lambda path: path.name)
def test_a_mended_script_is_shell_and_stays_as_it_is(path):
    data = path.read_bytes()
    surroundings = ANYWHERE._replace(has_folder=lambda folder: (path.parent / folder).is_dir())
    once, left = mend(data, surroundings, str(path))
    twice, _ = mend(once, surroundings, str(path))
    assert twice == once
    assert not any(item.edits for item in left)
    subprocess.run(["bash", "-n"], input=once, check=True)
    before = [finding.rule for finding in lint_script(str(path), data, surroundings)]
    assert {finding.rule for finding in left} <= set(before)


@pytest.mark.parametrize(
    "row", [row for row in rows() if row.value != "*" and row.effect in ("option", "no-effect")], ids=lambda row: row.id
)
def test_a_row_for_one_value_makes_no_other_value_one_without_effect(row):
    whole = [other for other in rows() if other.name == row.name and other.value == "*"]
    name, within = row.name.replace("*", "X"), dict.fromkeys(row.since, "0.1")
    told = judge(name, "another", Target(versions=within), set(row.workload.replace("*", "").split()))
    without = [item.rule for item in told if "has no effect" in item.message]
    assert whole or row.value.startswith("!") or row.id not in without
