"""Gathers what is installed on this machine: Slurm's script folders, efakit's scripts in them, what they lead to."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from efakit.hook.settings import Settings, load_settings
from efakit.hook.trust import distrust
from efakit.slurm import SlurmConfig

SCRIPTS = {"Prolog": "00_efakit", "Epilog": "99_efakit"}
# Their names where Slurm's setting is one file (the layouts single-file and configless): these run the site's own too.
ONE_FILE = {"Prolog": "efakit-prolog", "Epilog": "efakit-epilog"}
MANIFEST = "installed.sha256"
_HOME = re.compile(r"^home=(/\S+)$", re.MULTILINE)
_MOST_SCRIPT_BYTES = 65536


@dataclass(frozen=True)
class Script:
    """One file that Slurm runs as prolog or epilog; ``trouble`` says why it cannot (empty: it can).

    ``home`` is the folder of the hooks that one of efakit's own runs; None: it is not efakit's, or does nothing.
    """

    path: str
    trouble: str = ""
    home: str | None = None


@dataclass(frozen=True)
class Installed:
    """One file of an installation: its digest as the manifest has it and as it is (None: not there)."""

    path: str
    wanted: str
    found: str | None
    distrusted: str | None


@dataclass(frozen=True)
class Home:
    """The folder that efakit's scripts lead to; ``version`` is None where there is no manifest."""

    path: str
    version: str | None
    files: tuple[Installed, ...]
    settings: Settings
    problems: tuple[str, ...]
    python: str
    python_version: tuple[int, ...] | None
    closed: str | None
    """The task prolog or its folder, where not every user may run or pass it. Above them a site knows who may."""
    records: str | None
    """Why records_dir cannot be used, None where it can, or where none is set."""


@dataclass(frozen=True)
class Site:
    """What there is: for Prolog and Epilog the scripts in the order in which Slurm runs them, and efakit's home."""

    config: SlurmConfig
    scripts: Mapping[str, tuple[Script, ...]]
    home: Home | None
    unmatched: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    """The values of Prolog and Epilog that match no file, and why; None: this user cannot look."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """The text of what TaskProlog and HealthCheckProgram name, by the setting's name."""
    pyxis: bool = False
    """Whether Slurm loads Pyxis, the plugin that runs tasks in containers."""


def look_at(config: SlurmConfig) -> Site:
    """Return what is installed here, going by Slurm's running configuration. Nothing is raised for what is missing."""
    folder = Path(config.get("SLURM_CONF") or "/etc/slurm/slurm.conf").parent
    found = {name: {value: scripts_in_order(str(folder / value)) for value in config.all(name)} for name in SCRIPTS}
    scripts = {name: tuple(script for listed in found[name].values() for script in listed) for name in SCRIPTS}
    unmatched = {
        name: {value: _why_none(folder / value) for value, listed in found[name].items() if not listed}
        for name in SCRIPTS
    }
    home = next((script.home for name in SCRIPTS for script in scripts[name] if script.home), None)
    texts = {name: _text(Path(value)) for name in ("TaskProlog", "HealthCheckProgram") if (value := config.get(name))}
    return Site(config, scripts, _look_home(home) if home else None, unmatched, texts, _loads_pyxis(config))


def _loads_pyxis(config: SlurmConfig) -> bool:
    """Return whether plugstack.conf, or what it includes, names Pyxis (https://slurm.schedmd.com/spank.html)."""
    beside = Path(config.get("SLURM_CONF") or "/etc/slurm/slurm.conf").with_name("plugstack.conf")
    stack = Path(config.get("PlugStackConfig") or beside)
    patterns = re.findall(r"^\s*include\s+(\S+)", _text(stack), re.MULTILINE)
    included = [path for pattern in patterns for path in glob.glob(str(stack.parent / pattern))]  # noqa: PTH207 (likewise)
    texts = (_text(path) for path in (stack, *map(Path, included)))
    return any(re.search(r"^[^#]*spank_pyxis", text, re.MULTILINE) for text in texts)


def scripts_in_order(setting: str) -> list[Script]:
    """Return the files that a value of Prolog or Epilog means, in Slurm's order: glob(3), then backwards.

    Source: https://slurm.schedmd.com/prolog_epilog.html.
    """
    paths = sorted(glob.glob(setting), reverse=True)  # noqa: PTH207 (a whole path is the pattern)
    return [Script(path, _trouble(path), _home_of(path)) for path in paths]


def _why_none(value: Path) -> str | None:
    if not value.parent.is_dir():
        return "nothing is there"
    if not os.access(value.parent, os.R_OK | os.X_OK):
        return None
    empty = all(entry.name.startswith(".") for entry in value.parent.iterdir())
    return f"{value.parent} is empty" if empty else "no file matches it"


def _trouble(path: str) -> str:
    try:
        status = Path(path).stat()
    except OSError as error:
        return error.strerror or str(error)
    if not stat.S_ISREG(status.st_mode):
        return "not a file"
    # Root may read everything, and run what anybody may run.
    if not status.st_mode & 0o111:
        return "not executable"
    return _interpreter_trouble(_text(Path(path))) if os.access(path, os.R_OK) else ""


def _interpreter_trouble(text: str) -> str:
    """Return why the kernel starts no such program: Slurm leaves it to execve(2), and no shell steps in."""
    first, *_ = text.partition("\n")
    if text.startswith("\x7fELF"):
        return ""
    if not first.startswith("#!"):
        return "not a program: its first line does not begin with #!" if text else "empty"
    interpreter, *_ = [*first[2:].split(maxsplit=1), ""]
    return "" if os.access(interpreter, os.X_OK) else f"a script for {interpreter!r}, which does not exist"


def is_own(setting: str, path: str) -> bool:
    """Say whether a script of Prolog or Epilog is efakit's, by its name."""
    return Path(path).name in (SCRIPTS[setting], ONE_FILE[setting])


def _home_of(path: str) -> str | None:
    if not any(is_own(setting, path) for setting in SCRIPTS):
        return None
    match = _HOME.search(_text(Path(path)))
    # Without efakit's part beside it, such a file runs the site's own alone.
    if match and Path(path).name in ONE_FILE.values() and not (Path(match[1]) / "run-hook").exists():
        return None
    return match[1] if match else None


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST_SCRIPT_BYTES)
    except OSError:
        return ""


def _look_home(path: str) -> Home:
    home = Path(path)
    settings, problems = load_settings(str(home / "hook.json"))
    python = _say(["/bin/sh", str(home / "run-hook"), "--python"]) if (home / "run-hook").is_file() else ""
    version = _say([python, "-I", "-S", "-c", "import sys; print(*sys.version_info[:3])"]) if python else ""
    manifest = _text(home / MANIFEST)
    named = re.match(r"# efakit (\S+)\n", manifest)
    return Home(
        path=path,
        version=named[1] if named else None,
        files=tuple(_look_file(line) for line in manifest.splitlines() if not line.startswith("#")),
        settings=settings,
        problems=tuple(problems),
        python=python,
        python_version=tuple(map(int, version.split())) if version else None,
        closed=next((str(part) for part in (home, home / "task-prolog") if _is_closed(part)), None),
        records=_distrust(settings.records_dir) if settings.records_dir else None,
    )


def _is_closed(path: Path) -> bool:
    try:
        return path.stat().st_mode & 0o005 != 0o005
    except OSError:
        return False


def _look_file(line: str) -> Installed:
    wanted, _, path = line.partition("  ")
    try:
        found: str | None = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        found = None
    return Installed(path, wanted, found, _distrust(path) if found else None)


def _distrust(path: str) -> str | None:
    try:
        return distrust(path)
    except OSError as error:
        return f"{path}: {error.strerror or error}"


def _say(argv: list[str]) -> str:
    """Return what a program prints, an empty text where it does not work."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
