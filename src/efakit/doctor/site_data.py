"""A cluster's installation as JSON values and back: what ``doctor --collect`` keeps of a head node. No secrets.

Of Slurm's configuration and of hook.json only what is named here is kept, and of a site's own scripts nothing but
whether they run ours.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from efakit.doctor.document import ListOf, MapOf, Maybe, check_shape
from efakit.doctor.site import Home, Installed, Script, Site, look_at
from efakit.errors import UsageError
from efakit.hook.breaker import FOLDER as BREAKER
from efakit.hook.settings import FIELDS, Settings
from efakit.node.bounded import NoChild, run_bounded
from efakit.slurm import SlurmConfig

CONFIG_NAMES = (
    *("Prolog", "Epilog", "PrologFlags", "PrologEpilogTimeout", "PrologTimeout", "EpilogTimeout", "TaskProlog"),
    *("HealthCheckProgram", "HealthCheckInterval", "HealthCheckNodeState", "MessageTimeout", "BatchStartTimeout"),
    *("SlurmdUser", "SchedulerParameters", "SlurmctldParameters", "SLURM_CONF", "SLURM_VERSION", "ClusterName"),
)
SETTING_NAMES = (
    *("mode", "deadline_seconds", "records_dir", "task_prolog", "health_check", "breaker_nodes_per_hour"),
    *("expected_devices", "compute_resources"),
)
_SECONDS = 60.0
_HOUR = 3600
_PROGRAMS = {"TaskProlog": "task-prolog", "HealthCheckProgram": "health-check"}
_SCRIPT = {"path": "text", "trouble": "text", "home": Maybe("text")}
_FILE = {"path": "text", "wanted": "text", "found": Maybe("text"), "distrusted": Maybe("text")}
_HOME = {
    "path": "text",
    "version": Maybe("text"),
    "files": ListOf(_FILE),
    "settings": None,
    "problems": ListOf("text"),
    "python": "text",
    "python_version": Maybe(ListOf("int")),
    "closed": Maybe("text"),
    "records": Maybe("text"),
}
_SHAPE = {
    "config": MapOf(ListOf("text")),
    "scripts": MapOf(ListOf(_SCRIPT)),
    "unmatched": MapOf(MapOf(Maybe("text"))),
    "texts": MapOf("text"),
    "pyxis": "bool",
    "home": Maybe(_HOME),
    "failed_within_hour": Maybe(ListOf("text")),
}


def collect_site(config: SlurmConfig) -> tuple[dict[str, Any] | None, str | None]:
    """Return what is installed here, as JSON values, else why it could not be read: a shared folder may hang."""
    try:
        values, _ = run_bounded(lambda: iter([site_as_data(look_at(config))]), _SECONDS)
    except NoChild as error:
        return None, error.strerror
    return (values[0], None) if values else (None, f"no answer within {_SECONDS:g} s")


def site_as_data(site: Site) -> dict[str, Any]:
    """Return a site as JSON values."""
    home = site.home
    texts = {}
    for setting, file in _PROGRAMS.items():
        wanted = f"{home.path}/{file}" if home else ""
        texts[setting] = wanted if wanted and wanted in site.texts.get(setting, "") else ""
    return {
        "config": {name: list(site.config.all(name)) for name in CONFIG_NAMES if site.config.all(name)},
        "scripts": {
            name: [{"path": item.path, "trouble": item.trouble, "home": item.home} for item in listed]
            for name, listed in site.scripts.items()
        },
        "unmatched": {name: dict(values) for name, values in site.unmatched.items()},
        "texts": texts,
        "pyxis": site.pyxis,
        "home": _home_as_data(home) if home else None,
        "failed_within_hour": _failed_nodes(home) if home else None,
    }


def site_of(data: object, where: str) -> tuple[Site, tuple[str, ...]]:
    """Return the site in JSON values, and the nodes whose prologs failed on purpose within the hour.

    Raises UsageError where the values are of another form.
    """
    check_shape(data, _SHAPE, where, "cluster")
    given: Any = data
    home = given["home"]
    site = Site(
        config=SlurmConfig({name.lower(): tuple(values) for name, values in given["config"].items() if values}),
        scripts={
            name: tuple(Script(item["path"], item["trouble"], item["home"]) for item in given["scripts"].get(name, []))
            for name in ("Prolog", "Epilog")
        },
        home=_home_of(home, where) if home else None,
        unmatched=given["unmatched"],
        texts=given["texts"],
        pyxis=given["pyxis"],
    )
    return site, tuple(given["failed_within_hour"] or ())


def _home_as_data(home: Home) -> dict[str, Any]:
    settings = home.settings.as_data()
    return {
        "path": home.path,
        "version": home.version,
        "files": [
            {"path": item.path, "wanted": item.wanted, "found": item.found, "distrusted": item.distrusted}
            for item in home.files
        ],
        "settings": {name: settings[name] for name in SETTING_NAMES},
        "problems": list(home.problems),
        "python": home.python,
        "python_version": list(home.python_version) if home.python_version else None,
        "closed": home.closed,
        "records": home.records,
    }


def _home_of(data: Mapping[str, Any], where: str) -> Home:
    given = data["settings"]
    names = [name for name in SETTING_NAMES if isinstance(given, dict) and name in given]
    wrong = [name for name in names if not FIELDS[name][1](given[name])]
    if wrong or not names:
        raise UsageError(f"{where}: cluster.home.settings: {', '.join(wrong) or 'nothing there'} is no setting")
    return Home(
        path=data["path"],
        version=data["version"],
        files=tuple(Installed(**{name: item[name] for name in _FILE}) for item in data["files"]),
        settings=Settings(**{name: given[name] for name in names}),
        problems=tuple(data["problems"]),
        python=data["python"],
        python_version=tuple(data["python_version"]) if data["python_version"] else None,
        closed=data["closed"],
        records=data["records"],
    )


def _failed_nodes(home: Home) -> list[str] | None:
    """Return the nodes whose prologs failed on purpose within the hour, by the circuit breaker's notes; None: unknown.

    A note is CLUSTER.NODE.BOOT.SECONDS, as ``hook/breaker.py`` writes it.
    """
    folder = home.settings.records_dir
    if folder is None:
        return None
    try:
        names = [entry.name for entry in (Path(folder) / BREAKER).iterdir()]
    except FileNotFoundError:
        return []
    except OSError:
        return None
    nodes = set()
    for name in names:
        rest, _, seconds = name.rpartition(".")
        node = rest.rpartition(".")[0].partition(".")[2]
        if node and seconds.isdigit() and abs(time.time() - int(seconds)) < _HOUR:
            nodes.add(node)
    return sorted(nodes)
