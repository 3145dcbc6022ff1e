"""Runs the command in the test's own process."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from efakit.cli.main import main


class Ran(NamedTuple):
    """What a run of efakit left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Call = Callable[..., Ran]


@pytest.fixture
def call(capsys, monkeypatch) -> Call:
    """Return a function that runs ``efakit ARGUMENTS``, with ``stdin`` as standard input."""

    def run(*arguments: str | Path, stdin: str = "") -> Ran:
        monkeypatch.setattr("sys.argv", ["efakit", *map(str, arguments)])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Ran(int(ended.value.code or 0), *capsys.readouterr())

    return run
