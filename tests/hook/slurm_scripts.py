"""What Slurm makes of the scripts in prolog.d and epilog.d, and what its commands tell the installer, without a Slurm.

Simulated here; ``tests/lab`` has the real one. Prolog and epilog run as slurmd 22.05 to 26.05 runs them
(``src/plugins/prep/script/prep_script_slurmd.c``, ``src/common/run_command.c``): glob(3), backwards, each by execve(2)
with an environment of Slurm's own; a value that matches nothing fails, and so does the first file that cannot be run.
"""

from __future__ import annotations

import glob
import os
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import pytest

import efakit.emit.hooks
from efakit.plan.make import make_plan
from efakit.spec.load import load_spec

ROOT = Path(__file__).resolve().parents[2]
CANNOT_RUN = 127
_NEVER_SECONDS = 60


@dataclass
class Outcome:
    """Status and output of a job's prolog, epilog, or task prolog."""

    status: int
    output: str = ""


def run_scripts(*values: str, job: int = 7) -> Outcome:
    """Run what the values of Prolog, or of Epilog, mean, as slurmd does for a job."""
    paths = []
    for value in values:
        matched = sorted(glob.glob(value), reverse=True)  # noqa: PTH207 (a whole path is the pattern)
        if not matched:
            return Outcome(1, f"no file matches {value}")
        paths += matched
    output = ""
    for path in paths:
        done = run_program(path, {"SLURM_JOB_ID": str(job), "SLURM_CLUSTER_NAME": "lab", "SLURMD_NODENAME": "n0"})
        output += done.output
        if done.status:
            return Outcome(done.status, f"{path}: {output}")
    return Outcome(0, output)


def run_program(path: str | Path, environment: dict[str, str]) -> Outcome:
    if not os.access(path, os.R_OK | os.X_OK):
        return Outcome(CANNOT_RUN, f"{path} cannot be run")
    try:
        done = subprocess.run(
            [path],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_NEVER_SECONDS,
        )
    except OSError as error:
        return Outcome(CANNOT_RUN, str(error))
    return Outcome(done.returncode, done.stdout)


@dataclass
class Slurm:
    """The answers of scontrol and squeue, which lie in a folder for the installer's PATH."""

    programs: Path
    settings: dict[str, str | list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.programs.mkdir(exist_ok=True)
        self.jobs()

    def set(self, **settings: str | list[str] | None) -> None:
        """Give the running configuration these settings; several values of one as Slurm 24.05 and later show them."""
        self.settings.update({name: value for name, value in settings.items() if value is not None})
        for name in [name for name, value in settings.items() if value is None]:
            self.settings.pop(name, None)
        lines = ["Configuration data as of 2026-11-29T00:00:00"]
        for name, value in self.settings.items():
            values = {name: value} if isinstance(value, str) else {f"{name}[{n}]": v for n, v in enumerate(value)}
            lines += [f"{one:<23} = {text}" for one, text in values.items()]
        lines += ["PrologFlags             = Alloc", "TaskEpilog              = (null)", ""]
        self.answer("scontrol", "\n".join(lines))

    def jobs(self, *lines: str) -> None:
        """Say what squeue tells of jobs that are starting, ending or running."""
        self.answer("squeue", "".join(f"{line}\n" for line in lines))

    def answer(self, command: str, text: str, status: int = 0) -> None:
        (self.programs / f"{command}.txt").write_text(text)
        self.program(command, f"cat {self.programs}/{command}.txt; exit {status}")

    def program(self, command: str, script: str) -> None:
        path = self.programs / command
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


def small_installer(text: str = "", **hooks: object) -> bytes:
    """Return the installer with a hook that only says its command and ``text``; ``hooks``: settings of the spec.

    What is looked at is the installer and the scripts; its own hook takes most of the time that one installation needs.
    """
    return _small_installer(text, tuple(sorted(hooks.items())))


@lru_cache(maxsize=8)
def _small_installer(text: str, hooks: tuple[tuple[str, object], ...]) -> bytes:
    spec = (ROOT / "cluster-configs/p5.yaml").read_text()
    lines = "".join(f"  {name}: {value}\n" for name, value in hooks)
    head, _, rest = spec.partition("hooks:\n")
    assert rest, "the ready spec has a section hooks"
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "spec.yaml"
        path.write_text(f"{head}hooks:\n{lines}{rest}")
        patch.setattr(efakit.emit.hooks, "hook_archive", lambda: _small_hook(text))
        files = efakit.emit.hooks.emit_hooks(make_plan(load_spec(path)))
    (installer,) = [file for file in files if file.path == "hooks/install-hooks.sh"]
    return installer.content


def _small_hook(text: str) -> bytes:
    source = f"import sys\nif sys.argv[1] != 'compile': print('hook', sys.argv[1], {text!r})\n"
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py"), source)
    return buffer.getvalue()
