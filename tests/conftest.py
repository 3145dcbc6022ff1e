"""Settings for all tests, and the judges of cluster configs, each started once in a test process."""

from __future__ import annotations

import ast
import contextlib
import functools
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from efakit.hook import remembered
from efakit.vendor.simulated_account import Judge, MotoServer, why_unavailable
from tests.pcluster.simulated import Account, standard_account

ROOT = Path(__file__).resolve().parents[1]

# A test's speed depends on the machine, so it is never what a test is judged by.
settings.register_profile("efakit", deadline=None, print_blob=True)
settings.register_profile("quick", settings.get_profile("efakit"), max_examples=25)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "efakit"))

# Tests start hundreds of commands. Each would compile all of efakit anew, but for bytecode that lies beside no source.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
sys.pycache_prefix = os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / ".cache/bytecode"))

# The catalog as it ships, whatever rows of their own the one who runs the tests has.
os.environ.setdefault("EFAKIT_CATALOG", "builtin")


@pytest.fixture(scope="session")
def account() -> Account:
    return standard_account()


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    _skip_without(node=False)
    with Judge() as running:
        yield running


@pytest.fixture
def running_judge(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``efakit validate`` ask the judge that runs already: to start one takes ten times as long as to ask it."""
    monkeypatch.setattr("efakit.cli.validate.pcluster_process", lambda: None)
    monkeypatch.setattr("efakit.validate.judges.Judge", lambda _process: contextlib.nullcontext(judge))


@pytest.fixture(scope="session")
def synthesising_judge(judge: Judge) -> Judge:
    _skip_without(node=True)
    return judge


@pytest.fixture(scope="session")
def running_moto_server(account: Account) -> Iterator[MotoServer]:
    _skip_without(node=True)
    with MotoServer(account.simulated) as running:
        yield running


@pytest.fixture
def moto_server(running_moto_server: MotoServer, account: Account) -> MotoServer:
    """The server with the standard account on it, whatever a test before has put there."""
    running_moto_server.replace_account(account.simulated)
    return running_moto_server


def _skip_without(*, node: bool) -> None:
    reason = why_unavailable(node=node)
    if reason is not None:
        pytest.skip(f"ParallelCluster cannot judge here: {reason}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out a file none of whose tests can be what ``-m`` asks for: to make all tests takes each worker seconds."""
    if not collection_path.match("test_*.py") or not config.option.markexpr:
        return None
    asked = ast.parse(config.option.markexpr.strip(), mode="eval").body
    return None if True in _possible(asked, _marks_in(collection_path)) else True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers():
            if mark.name not in _marks_in(item.path):
                text = f"{item.nodeid}: write pytest.mark.{mark.name} into {item.path.name} itself"
                raise pytest.UsageError(f"{text}: by its text a file is chosen for -m")


def _possible(asked: ast.expr, marks: frozenset[str]) -> set[bool]:
    """Return what an expression of marks may be for a test of a file that has these."""
    if isinstance(asked, ast.Name):
        return {True, False} if asked.id in marks else {False}
    if isinstance(asked, ast.UnaryOp) and isinstance(asked.op, ast.Not):
        return {not value for value in _possible(asked.operand, marks)}
    if isinstance(asked, ast.BoolOp):
        parts = itertools.product(*(_possible(value, marks) for value in asked.values))
        return {(all if isinstance(asked.op, ast.And) else any)(values) for values in parts}
    return {True, False}


@functools.cache
def _marks_in(path: Path) -> frozenset[str]:
    return frozenset(re.findall(r"\bmark\.(\w+)", path.read_text(encoding="utf-8")))


_ON_LAB = ("on", "lab")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a report tell, also to xdist's first process, that it is one of a lab's test."""
    if item.get_closest_marker("lab"):
        item.user_properties.append(_ON_LAB)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have to say beside their outcome (``record_property("says", ...)``), also under xdist."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name == "says" and report.when == "call":
                    terminalreporter.write_line(str(value))
    _count_lab_tests(terminalreporter)


def _count_lab_tests(terminalreporter: pytest.TerminalReporter) -> None:
    """Say on which Slurm the lab's tests ran, and how many."""
    ran = {
        report.nodeid
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if getattr(report, "when", None) == "call" and _ON_LAB in map(tuple, report.user_properties)
    }
    if ran and (slurmctld := shutil.which("slurmctld", path=f"{os.environ.get('PATH', '')}:/usr/sbin")):
        slurm = subprocess.run([slurmctld, "-V"], capture_output=True, text=True, check=False).stdout.split()
        python = ".".join(map(str, sys.version_info[:3]))
        terminalreporter.write_line(f"lab: {len(ran)} tests ran on Slurm {slurm[-1]}, Python {python}")


@pytest.fixture(scope="session", autouse=True)
def forgotten_settings(tmp_path_factory) -> Iterator[None]:
    """The hook remembers its settings in /run for root; those of tests that are over are not the machine's.

    Only this session's own: beside it another one may have taken its hook.json away for a moment.
    """
    yield
    own = tmp_path_factory.getbasetemp()
    for path in Path(remembered.FOLDER).glob("settings-*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            if own in Path(json.loads(path.read_text())["config"]).parents:
                path.unlink()
