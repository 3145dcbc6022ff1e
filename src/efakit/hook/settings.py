"""Reads hook.json. A broken or untrusted file never stops the hook: it goes on with the defaults and says so."""

from __future__ import annotations

from efakit.hook.folder import Untrusted
from efakit.hook.json_text import loads
from efakit.hook.trust import read_trusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

DEFAULTS: dict[str, Any] = {
    "installation_id": None,
    "mode": "observe",
    "enforce": ["devices-missing", "driver-unbound", "verbs-missing", "verbs-unusable"],
    "breaker_nodes_per_hour": 2,
    "breaker_percent_per_hour": 10,
    "cluster_nodes": 0,
    "task_prolog": True,
    "health_check": True,
    "health_max_age_seconds": 86400,
    "stack": None,
    "root": "/",
    "run_dir": "/run/efakit",
    "spool_dir": "/var/spool/efakit",
    "spool_limit_mib": 256,
    "spool_max_age_days": 60,
    "baseline_max_age_days": 7,
    "records_dir": None,
    "records_mode": "0644",
    "expected_devices": "auto",
    "compute_resources": {},
    "tcp_interfaces": "auto",
    "deadline_seconds": 5,
}
_MOST_ID_CHARACTERS = 64
_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")
_MODES = ("observe", "warn", "enforce")


def load_settings(path: str | None) -> tuple[dict[str, Any], list[str]]:
    """Return the settings of ``path`` over the defaults, and what was wrong with them."""
    if path is None:
        return dict(DEFAULTS), ["no --config given: the defaults are in force"]
    try:
        given = loads(_read(path).decode())
    except Untrusted as error:
        return _remembered(path, str(error))
    except (OSError, ValueError, RecursionError) as error:
        return _remembered(path, "%s: %s" % (path, error))
    if not isinstance(given, dict):
        return _remembered(path, "%s holds no JSON object" % path)
    settings, problems = _checked(given)
    if problems:
        from efakit.hook.remembered import recall

        # A value that is no use: what this node's last prolog had of it names the folders in which its baseline lies.
        kept = recall(path) or {}
        for name, check in _CHECKS.items():
            if name in given and not check(given[name]) and name in kept and check(kept[name]):
                settings[name] = kept[name]
    return settings, problems


def _read(path: str) -> bytes:
    """Return a trusted file's content, asked for twice: it lies on shared storage, and holds where all else lies."""
    try:
        return read_trusted(path)
    except (FileNotFoundError, Untrusted):
        raise
    except OSError:
        return read_trusted(path)


def _remembered(path: str, why: str) -> tuple[dict[str, Any], list[str]]:
    """Return the settings of this node's last prolog, else the defaults: a record lies where people look for it."""
    from efakit.hook.remembered import recall

    kept = recall(path)
    if kept is None:
        return dict(DEFAULTS), ["settings not read: %s" % why]
    settings, problems = _checked(kept)
    return settings, ["settings not read: %s; those of this node's last prolog are in force" % why, *problems]


def _checked(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    settings: dict[str, Any] = dict(DEFAULTS)
    problems = []
    for name, value in given.items():
        check = _CHECKS.get(name)
        if check is None:
            continue  # written for a newer or older hook; nothing that this one knows
        if check(value):
            settings[name] = value
        else:
            problems.append("setting %s: %r is not allowed; %r is in force" % (name, value, settings[name]))
    return settings, problems


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and value >= 0


def _is_positive(value: Any) -> bool:
    return _is_number(value) and 0 < value < 1e6


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_ID_CHARACTERS and set(value) <= _ID_CHARACTERS


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("/")


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and "/" not in name for name in value)


def _is_mode_bits(value: Any) -> bool:
    return isinstance(value, str) and 3 <= len(value) <= 4 and set(value) <= set("01234567") and value[-1] in "04"


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "installation_id": lambda value: value is None or _is_id(value),
    "mode": lambda value: value in _MODES,
    "enforce": _is_names,
    "breaker_nodes_per_hour": _is_count,
    "breaker_percent_per_hour": _is_number,
    "cluster_nodes": _is_count,
    "task_prolog": lambda value: isinstance(value, bool),
    "health_check": lambda value: isinstance(value, bool),
    "health_max_age_seconds": _is_number,
    "stack": lambda value: value is None or isinstance(value, dict),
    "root": _is_path,
    "run_dir": _is_path,
    "spool_dir": _is_path,
    "spool_limit_mib": _is_positive,
    "spool_max_age_days": _is_positive,
    "baseline_max_age_days": _is_positive,
    "records_dir": lambda value: value is None or _is_path(value),
    "records_mode": _is_mode_bits,
    "expected_devices": lambda value: value == "auto" or _is_count(value),
    "compute_resources": lambda value: isinstance(value, dict) and all(_is_count(n) for n in value.values()),
    "tcp_interfaces": lambda value: value == "auto" or _is_names(value),
    # A spec may say 50 at most, since ParallelCluster's MessageTimeout is 60; a site with a longer one knows its own.
    "deadline_seconds": lambda value: _is_number(value) and 0 < value <= 60,
}
