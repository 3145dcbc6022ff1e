"""How the hook starts: its bytecode, its JSON, what it imports, and its child processes."""

from __future__ import annotations

import ast
import json
import math
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efakit.bytecode import with_bytecode
from efakit.emit import hook_archive as hook_archive_module
from efakit.emit.hook_archive import hook_archive
from efakit.hook import json_text
from efakit.node.bounded import run_bounded
from tests.hook.hookrun import Node
from tests.hook.pythons import found_pythons
from tests.lab import efa_tree

pytestmark = pytest.mark.thorough

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@pytest.fixture
def node(tmp_path) -> Node:
    node = Node(tmp_path, expected_devices=4)
    efa_tree.write_node(node.root, "p4d.24xlarge")
    node.set_interface(1, 1)
    return node


BLOCK_ALARM = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])"


def imported(node: Node, command: str) -> set[str]:
    """Return the modules that a run of the hook imports."""
    node.config.write_text(json.dumps(node.settings))
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-I", "-S", node.archive, command, "--config", node.config],
        env={"SLURM_JOB_ID": "7", "SLURMD_NODENAME": node.name, "SLURM_CLUSTER_NAME": "lab"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")}


@pytest.mark.parametrize("command", ["prolog", "epilog", "flush"])
def test_a_run_imports_nothing_that_takes_long(node, command):
    heavy = {"json", "re", "enum", "typing", "dataclasses", "argparse", "pathlib", "subprocess", "socket", "signal"}
    assert imported(node, command) & heavy == set()


def test_the_task_prolog_does_not_import_the_epilog(node):
    assert not {"efakit.hook.prolog", "efakit.hook.epilog"} & imported(node, "task-prolog")


def test_every_module_of_the_hook_has_its_bytecode_beside_it():
    names = set(zipfile.ZipFile(BytesIO(with_bytecode(hook_archive()))).namelist())
    sources = {name for name in names if name.endswith(".py")}
    assert {f"{name}c" for name in sources} == names - sources


def test_what_is_rendered_holds_no_python_s_bytecode():
    """Else the bundle would be another one for each Python that renders it."""
    names = zipfile.ZipFile(BytesIO(hook_archive())).namelist()
    assert [name for name in names if not name.endswith(".py")] == []


@pytest.mark.parametrize("version", [version for version in found_pythons() if version >= (3, 10)])
def test_another_python_renders_the_same_hook(version):
    script = "import sys; from efakit.emit.hook_archive import hook_archive; sys.stdout.buffer.write(hook_archive())"
    environment = {**os.environ, "PYTHONPATH": str(Path(hook_archive_module.__file__).parents[2])}
    done = subprocess.run([found_pythons()[version], "-c", script], capture_output=True, env=environment, check=True)
    assert done.stdout == hook_archive()


def imports_of(source: bytes) -> set[str]:
    """Return the modules of efakit that a module imports when it runs, by Python's own parser."""
    found, pending = set(), [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        pending += ast.iter_child_nodes(node)
    return {name for name in found if name.partition(".")[0] == "efakit"}


def test_the_hook_s_file_holds_every_module_that_its_modules_import():
    archive = zipfile.ZipFile(BytesIO(hook_archive()))
    names = set(archive.namelist())
    for name in names:
        if name.endswith(".py"):
            places = {module.replace(".", "/") for module in imports_of(archive.read(name))}
            assert {place for place in places if not {f"{place}.py", f"{place}/__init__.py"} & names} == set(), name


def test_a_hook_that_cannot_be_imported_fails_no_prolog(node):
    with zipfile.ZipFile(BytesIO(node.archive.read_bytes())) as given, zipfile.ZipFile(node.archive, "w") as out:
        for name in given.namelist():
            if not name.startswith("efakit/hook/main.py"):
                out.writestr(name, given.read(name))
    prolog = [sys.executable, "-I", "-S", node.archive, "prolog"]
    done = subprocess.run(prolog, env={}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("efakit: ModuleNotFoundError(")
    done = subprocess.run([*prolog, "--refusal-status", "99"], env={}, capture_output=True, text=True)
    assert done.returncode not in (0, 99), "who asks hears that nothing was done"


def test_a_hook_whose_file_cannot_be_read_to_the_end_says_that_nothing_was_done(node):
    with zipfile.ZipFile(BytesIO(node.archive.read_bytes())) as given, zipfile.ZipFile(node.archive, "w") as out:
        for name in given.namelist():
            if not name.startswith("efakit/hook/spool.py"):
                out.writestr(name, given.read(name))
    for command in ("prolog", "epilog", "health-check", "flush"):
        argv = [sys.executable, "-I", "-S", node.archive, command]
        done = subprocess.run([*argv, "--refusal-status", "99"], env={}, capture_output=True, text=True)
        assert done.returncode not in (0, 99)
        assert done.stderr.startswith("efakit: Unreadable(")


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_bytecode_is_the_same_in_every_process(seed):
    code = (
        "import hashlib; from efakit.bytecode import with_bytecode; from efakit.emit.hooks import hook_archive; "
        "print(hashlib.sha256(with_bytecode(hook_archive())).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True
        ).stdout
        for seed in (seed, "77")
    }
    assert len(digests) == 1


def test_bytecode_of_another_python_is_passed_over(node):
    with zipfile.ZipFile(BytesIO(node.archive.read_bytes())) as given, zipfile.ZipFile(node.archive, "w") as out:
        for name in given.namelist():
            content = given.read(name)
            out.writestr(name, b"\0\0\r\n" + content[4:] if name.endswith(".pyc") else content)
    assert "baseline kept" in node.run("prolog")


def test_the_hook_writes_itself_with_bytecode_of_the_python_that_runs_it(node, tmp_path):
    own = tmp_path / "own.pyz"
    done = subprocess.run(
        [sys.executable, "-I", "-S", node.archive, "compile", "--output", own], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    names = zipfile.ZipFile(own).namelist()
    assert {f"{name}c" for name in names if name.endswith(".py")} == {name for name in names if name.endswith(".pyc")}
    assert own.read_bytes() == with_bytecode(hook_archive()), "nothing of what was there is left"
    assert (own.stat().st_mode & 0o777) == 0o644


@given(VALUES)
def test_json_is_what_the_standard_library_makes_of_it(value):
    assert json.loads(json_text.dumps(value)) == value
    assert json_text.loads(json.dumps(value, indent=2)) == value


@settings(max_examples=25)
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_json_in_lines_is_the_same_json(value):
    assert json.loads(json_text.dumps_lines(value)) == value


@pytest.mark.parametrize(
    "text", ["", " ", "{", "[1,]", "{} x", '"\n"', "nul", '{"a"}', "{1: 2}", "\ufeff{}", "[" * 99999]
)
def test_broken_json_is_told_as_json_tells_it(text):
    with pytest.raises((ValueError, RecursionError)):
        json_text.loads(text)


def test_json_of_what_is_none_is_refused():
    with pytest.raises(TypeError):
        json_text.dumps({"a": object()})
    assert math.isnan(json_text.loads("[NaN]")[0])


def test_a_child_has_none_of_our_descriptors_and_a_session_of_its_own(tmp_path):
    mine = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(mine, True)

    def work():
        names = sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
        yield names
        yield [str(Path(f"/proc/self/fd/{number}").readlink()) for number in (0, 1, 2)]
        yield os.getsid(0) == os.getpid()

    values, finished = run_bounded(work, 60)
    os.close(mine)
    assert finished
    assert values[0][:4] == [0, 1, 2, 3]
    assert len(values[0]) == 5, "and the one that lists them"
    assert values[1:] == [["/dev/null"] * 3, True]


def test_what_a_child_gave_before_it_hung_or_fell_is_kept(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def hangs():
        yield {"one": 1}
        pipe.read_text()

    def falls():
        yield ["x" * 1_000_000]
        raise RuntimeError

    assert run_bounded(hangs, 0.5) == ([{"one": 1}], False)
    assert run_bounded(falls, 60) == ([["x" * 1_000_000]], False)


@pytest.mark.parametrize("before", ["", "signal.signal(signal.SIGALRM, signal.SIG_IGN)", BLOCK_ALARM])
def test_a_child_whose_parent_was_killed_ends_by_itself(tmp_path, before):
    """It waits for a pipe that nobody writes; only its own alarm can end it, whatever it inherited."""
    pipe, told = tmp_path / "pipe", tmp_path / "told"
    os.mkfifo(pipe)
    os.mkfifo(told)
    code = f"""
import os, signal
{before}
from efakit.node import bounded
bounded._GRACE_SECONDS = 1
def work():
    os.kill(os.getppid(), signal.SIGKILL)
    writer = os.open({str(told)!r}, os.O_WRONLY)
    open({str(pipe)!r}).read()
    yield 1
bounded.run_bounded(work, 0.2)
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    with told.open("rb") as end:
        assert end.read() == b"", "the child holds the other end as long as it lives"
    assert parent.wait() == -9
