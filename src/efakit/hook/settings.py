"""Reads hook.json. A broken or untrusted file never stops the hook: it goes on with the defaults and says so."""

from __future__ import annotations

import os

from efakit.hook.folder import Untrusted
from efakit.hook.json_text import loads
from efakit.hook.trust import read_trusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Literal

_MOST_ID_CHARACTERS = 64
_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")
# Of names, in a list, and in one of them: no node has so many interfaces, and the kernel's names have 15 letters.
_MOST_NAMES, _MOST_LETTERS = 1000, 64
# A record holds no larger number of devices, and the breaker multiplies its own.
_MOST = 1 << 53
_MODES = ("observe", "warn", "enforce")


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= _MOST


def _is_positive(value: Any) -> bool:
    return _is_number(value) and 0 < value < 1e6


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_ID_CHARACTERS and set(value) <= _ID_CHARACTERS


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("/") and _can_be_named(value)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_NAMES and all(map(_is_name, value))


def _is_name(value: Any) -> bool:
    is_short = isinstance(value, str) and 0 < len(value) <= _MOST_LETTERS
    return is_short and value not in (".", "..") and "/" not in value and _can_be_named(value)


def _can_be_named(text: str) -> bool:
    """Return whether a system call takes a text: one that it does not take would end all that is read with it."""
    try:
        return b"\0" not in os.fsencode(text)
    except ValueError:
        return False


def _is_mode_bits(value: Any) -> bool:
    return isinstance(value, str) and 3 <= len(value) <= 4 and set(value) <= set("01234567") and value[-1] in "04"


# Of each setting: its default, and the check of a value that somebody gave.
FIELDS: dict[str, tuple[Any, Callable[[Any], bool]]] = {
    "installation_id": (None, lambda value: value is None or _is_id(value)),
    "mode": ("observe", lambda value: value in _MODES),
    "enforce": (["devices-missing", "driver-unbound", "verbs-missing", "verbs-unusable"], _is_names),
    "never_enforced_in": ([], _is_names),
    "breaker_nodes_per_hour": (2, _is_count),
    "breaker_percent_per_hour": (10, _is_number),
    "cluster_nodes": (0, _is_count),
    "task_prolog": (True, lambda value: isinstance(value, bool)),
    "health_check": (True, lambda value: isinstance(value, bool)),
    "health_max_age_seconds": (86400, _is_number),
    "stack": (None, lambda value: value is None or isinstance(value, dict)),
    "root": ("/", _is_path),
    "run_dir": ("/run/efakit", _is_path),
    "spool_dir": ("/var/spool/efakit", _is_path),
    "spool_limit_mib": (256, _is_positive),
    "spool_max_age_days": (60, _is_positive),
    "baseline_max_age_days": (7, _is_positive),
    "records_dir": (None, lambda value: value is None or _is_path(value)),
    "records_mode": ("0644", _is_mode_bits),
    "expected_devices": ("auto", lambda value: value == "auto" or _is_count(value)),
    "compute_resources": ({}, lambda value: isinstance(value, dict) and all(_is_count(n) for n in value.values())),
    "tcp_interfaces": ("auto", lambda value: value == "auto" or _is_names(value)),
    # A spec may say 50 at most: ParallelCluster's MessageTimeout is 60. A site with a longer one knows its own.
    "deadline_seconds": (5, lambda value: _is_number(value) and 0 < value <= 60),
}


class Settings:
    """The hook's settings: those of hook.json, and the defaults of the others. Nobody changes them."""

    __slots__ = tuple(FIELDS)

    installation_id: str | None
    mode: Literal["observe", "warn", "enforce"]
    enforce: list[str]
    never_enforced_in: list[str]
    breaker_nodes_per_hour: int
    breaker_percent_per_hour: float
    cluster_nodes: int
    task_prolog: bool
    health_check: bool
    health_max_age_seconds: float
    stack: dict[str, Any] | None
    root: str
    run_dir: str
    spool_dir: str
    spool_limit_mib: float
    spool_max_age_days: float
    baseline_max_age_days: float
    records_dir: str | None
    records_mode: str
    expected_devices: int | Literal["auto"]
    compute_resources: dict[str, int]
    tcp_interfaces: list[str] | Literal["auto"]
    deadline_seconds: float

    def __init__(self, **given: Any) -> None:
        """Take values that are right; raise AttributeError for a setting that there is not."""
        for name, (default, _) in FIELDS.items():
            setattr(self, name, given.pop(name, default))
        if given:
            raise AttributeError("no such setting: %s" % ", ".join(given))

    def as_data(self) -> dict[str, Any]:
        """Return the settings as hook.json has them."""
        return {name: getattr(self, name) for name in FIELDS}

    @property
    def records_mode_bits(self) -> int:
        """The mode of published records, as a number."""
        return int(self.records_mode, 8)


def load_settings(path: str | None) -> tuple[Settings, list[str]]:
    """Return the settings of ``path`` over the defaults, and what was wrong with them."""
    if path is None:
        return Settings(), ["no --config given: the defaults are in force"]
    try:
        given = loads(_read(path).decode())
    except Untrusted as error:
        return _remembered(path, str(error))
    except (OSError, ValueError, RecursionError) as error:
        return _remembered(path, "%s: %s" % (path, getattr(error, "strerror", None) or error))
    if not isinstance(given, dict):
        return _remembered(path, "%s holds no JSON object" % path)
    return _checked(given, path)


def _read(path: str) -> bytes:
    """Return a trusted file's content, asked for twice: it lies on shared storage, and holds where all else lies."""
    try:
        return read_trusted(path)
    except (FileNotFoundError, Untrusted):
        raise
    except OSError:
        return read_trusted(path)


def _remembered(path: str, why: str) -> tuple[Settings, list[str]]:
    """Return the settings of this node's last prolog, else the defaults: a record lies where people look for it."""
    from efakit.hook.remembered import recall

    kept = recall(path)
    if kept is None:
        return Settings(), ["settings not read: %s" % why]
    settings, problems = _checked(kept, None)
    return settings, ["settings not read: %s; those of this node's last prolog are in force" % why, *problems]


def _checked(given: Mapping[str, Any], path: str | None) -> tuple[Settings, list[str]]:
    """Return the settings that ``given`` has, and what is wrong with them.

    A value that is no use: what this node's last prolog had from ``path`` names the folders in which its baseline lies.
    """
    # What is no field was written for a newer or older hook; nothing that this one knows.
    known = {name: value for name, value in given.items() if name in FIELDS}
    wrong = [name for name, value in known.items() if not _is_right(name, value)]
    values = {name: value for name, value in known.items() if name not in wrong}
    if wrong and path is not None:
        from efakit.hook.remembered import recall

        kept = recall(path) or {}
        values.update({name: kept[name] for name in wrong if name in kept and _is_right(name, kept[name])})
    settings = Settings(**values)
    text = "setting %s: %r is not allowed; %r is in force"
    return settings, [text % (name, given[name], getattr(settings, name)) for name in wrong]


def _is_right(name: str, value: Any) -> bool:
    return FIELDS[name][1](value)
