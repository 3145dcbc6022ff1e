"""Fixtures of the room slurm/: a real single-host Slurm, and a machine that has none."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from efakit.slurm import commands
from tests.slurm.single_host import NoSlurmHere, SingleHostSlurm, pyslurm_prefix


def started(slurm: SingleHostSlurm) -> Iterator[SingleHostSlurm]:
    """Start, hand over, stop; a start that fails part way is cleaned up too."""
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()


@pytest.fixture(scope="session")
def session_slurm() -> Iterator[SingleHostSlurm]:
    """The system's own Slurm, with accounting where slurmdbd and MariaDB are installed."""
    try:
        slurm = SingleHostSlurm(accounting=True)
    except NoSlurmHere as with_accounting:
        try:
            slurm = SingleHostSlurm(accounting=False)
        except NoSlurmHere as error:
            pytest.skip(f"no real Slurm here: {error}; as root: apt-get install slurm-wlm munge")
        slurm.no_accounting_because = str(with_accounting)
    yield from started(slurm)


@pytest.fixture
def slurm(
    session_slurm: SingleHostSlurm, monkeypatch: pytest.MonkeyPatch, without_pyslurm: None
) -> Iterator[SingleHostSlurm]:
    """The real Slurm, with idle nodes; efakit talks to it and to no other, by its commands."""
    for name, value in session_slurm.environment.items():
        monkeypatch.setenv(name, value)
    yield session_slurm
    session_slurm.cancel_all()


@pytest.fixture
def accounting(slurm: SingleHostSlurm) -> SingleHostSlurm:
    """The real Slurm, if it has a real slurmdbd and MariaDB behind it."""
    if not slurm.accounting:
        pytest.skip(
            f"no real slurmdbd here: {slurm.no_accounting_because}; as root: apt-get install slurmdbd mariadb-server"
        )
    return slurm


@pytest.fixture
def without_pyslurm(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyslurm is not installed, whatever this Python has."""
    monkeypatch.setitem(sys.modules, "pyslurm", None)


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_pyslurm: None) -> Path:
    """No pyslurm and no Slurm command: only what a test writes into the folder that this gives, which is PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("SLURM_CONF", raising=False)
    monkeypatch.setattr(commands, "INSTALL_DIRECTORIES", (str(tmp_path / "opt-slurm-bin"),))
    return folder


@pytest.fixture(scope="session")
def session_pyslurm_slurm() -> Iterator[SingleHostSlurm]:
    """The Slurm that this Python's pyslurm was built for."""
    prefix = pyslurm_prefix()
    try:
        # One node name: SchedMD's own packages are built without --enable-multiple-slurmd.
        slurm = SingleHostSlurm(prefix=prefix, accounting=True, nodes=("n0",))
    except NoSlurmHere as error:
        pytest.skip(f"no real Slurm of pyslurm's release here: {error}")
    yield from started(slurm)


@pytest.fixture
def pyslurm_slurm(session_pyslurm_slurm: SingleHostSlurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[SingleHostSlurm]:
    """A real Slurm of pyslurm's own release, with idle nodes; the commands in PATH are of that release too."""
    for name, value in session_pyslurm_slurm.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(session_pyslurm_slurm.bin_directory), prepend=os.pathsep)
    yield session_pyslurm_slurm
    session_pyslurm_slurm.cancel_all()
