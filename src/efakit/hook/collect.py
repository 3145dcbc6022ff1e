"""Collects what a node has, as one document of JSON's types: ``efakit-hook.pyz collect``. ``efakit doctor`` judges it.

It changes nothing. Each part is read in a child process, so that a read which never returns costs its own part alone:
that part is then None, and ``unread`` says why. ``catalog`` and ``rules`` are not asked here: who collects need not be
of the release of who judges.
"""

from __future__ import annotations

import os
import time

from efakit import __version__
from efakit.hook.folder import Untrusted, open_folder
from efakit.node.bounded import NoChild, run_bounded
from efakit.node.exporter import exporter_state
from efakit.node.files import OWN_LACK, below, read_text, told
from efakit.node.inventory import (
    cuda_toolkit,
    enroot_settings,
    kernel_modules,
    loader_cache,
    loader_paths,
    nvidia_driver,
    peer_memory,
    slurm_daemons,
    text_of,
)
from efakit.node.limits import huge_pages, locked_memory_limit, login_limits, ptrace_scope
from efakit.node.record import safe_name
from efakit.node.snapshot import assemble, pieces, since_boot
from efakit.node.software import PACKAGES, find_plugins, find_software

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from efakit.hook.run import Run
    from efakit.hook.settings import Settings
    from efakit.node.inventory import Unread

SCHEMA_VERSION = 1
_DEADLINE_SECONDS = 20.0
_PART_SECONDS = 5.0
_FABRIC_SECONDS = 10.0
_SPOOL_ACTIVE = "active"
# What no program of a saved tree, which somebody else may have made, can be asked.
SAVED = "the programs of a saved tree are not run"
BUSY = "a job runs here, and asking would move the counters of its devices"


def collect(run: Run) -> str:
    """Return the document of this node on one line of JSON."""
    from efakit.hook.json_text import dumps

    settings = run.settings
    job = run.environment.get("SLURM_JOB_ID", "")
    document = look(settings.root, run.node, asks=lambda names: why_not_asked(settings, run.node, job))
    if run.config is not None:
        document["settings"] = settings_data(run.config, run.problems, settings)
        add_keeping(document, settings)
    return dumps(document) + "\n"


def settings_data(path: str | None, problems: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Return what of the hook's settings tells what a node should have, and what was wrong with them."""
    planned = settings.stack or {}
    return {
        "path": path,
        "problems": list(problems),
        "expected_devices": settings.expected_devices,
        "compute_resources": settings.compute_resources,
        "stack": {name: planned[name] for name in ("installer", "plugin") if isinstance(planned.get(name), str)},
    }


def why_not_asked(settings: Settings, node: str, job_id: str) -> str | None:
    """Return why libfabric is not asked now, None where it may be: nobody else's job has a baseline in the spool."""
    try:
        values, _ = run_bounded(lambda: iter([_busy(settings, node, job_id)]), _PART_SECONDS)
    except NoChild as error:
        return "whether a job runs here is not known: %s" % error.strerror
    if not values:
        return "whether a job runs here is not known: the spool gave no answer"
    return BUSY if values[0] else None


def _busy(settings: Settings, node: str, job_id: str) -> bool:
    from efakit.hook.baselines import Baselines
    from efakit.hook.liveness import is_at_rest
    from efakit.hook.moment import Moment

    boot_id = told(read_text, below(settings.root, "proc/sys/kernel/random/boot_id"))[0]
    try:
        with open_folder(os.path.join(settings.spool_dir, _SPOOL_ACTIVE)) as folder:
            now = Moment(settings, boot_id, since_boot(), None)
            kept = Baselines(folder, safe_name(node)).all()
            return any(str(item["job"].get("job_id")) != job_id and not is_at_rest(item, now) for item in kept)
    except OSError:
        return False  # no spool, so no baseline; or another user's, who may ask at any time


def add_keeping(document: dict[str, Any], settings: Settings) -> None:
    """Add what keeps the hook's records on this node: its spool, and the shared folder."""
    document["keeping"] = _part("keeping", lambda unread: _keeping(settings, unread), document["unread"], _PART_SECONDS)


def _keeping(settings: Settings, unread: list[Unread]) -> dict[str, Any]:
    """Return why the spool and the shared folder cannot be used, and how many records wait; None: nothing is wrong.

    What only this process may not do is unread: the hook runs as root.
    """
    found: dict[str, Any] = {
        "spool": settings.spool_dir,
        "spool_trouble": None,
        "waiting": None,
        "set_aside": None,
        "records": settings.records_dir,
        "records_trouble": None,
    }
    why, names = _folder_names(settings.spool_dir, "outbox", unread)
    # No spool: no hook has run here yet.
    found.update(spool_trouble=why, waiting=None if names is None else len(names))
    if why is None and names is not None:
        aside = _folder_names(settings.spool_dir, "aside", unread)[1]
        found["set_aside"] = None if aside is None else len(aside)
    if settings.records_dir is not None:
        found["records_trouble"] = _folder_names(settings.records_dir, None, unread, must_be=True)[0]
    return found


def _folder_names(
    path: str, inside: str | None, unread: list[Unread], *, must_be: bool = False
) -> tuple[str | None, list[str] | None]:
    """Return why root could not use a folder, and the names in it, or in a folder inside it."""
    shown = path if inside is None else os.path.join(path, inside)
    try:
        with open_folder(shown) as folder:
            return None, [name for name in folder.names() if not name.startswith(".")]
    except Untrusted as error:
        # Who is not root must not own what root keeps; that says nothing of the folder.
        if os.geteuid() == 0:
            return str(error), None
        unread.append({"what": shown, "why": "only root can judge it"})
    except (FileNotFoundError, NotADirectoryError) as error:
        return ("%s: %s" % (shown, error.strerror), None) if must_be else (None, None)
    except OSError as error:
        if error.errno not in OWN_LACK:
            return "%s: %s" % (shown, error.strerror), None
        unread.append({"what": shown, "why": str(error.strerror)})
    return None, None


def look(
    root: str,
    node: str,
    *,
    in_image: bool = False,
    asks: Callable[[list[str]], str | None] = lambda names: SAVED,
) -> dict[str, Any]:
    """Return the document of what is below ``root``, without the hook's settings.

    ``in_image``: this is a container's image, which needs no device and no driver. ``asks`` tells of the devices' names
    why libfabric is not asked, None where it is.
    """
    ends_at = time.monotonic() + _DEADLINE_SECONDS
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "efakit": __version__,
        "node": node,
        "time_seconds": round(time.time()),
        "is_root": os.geteuid() == 0,
        "in_image": in_image,
        "unread": [],
    }
    document["devices"] = None if in_image else _devices(root, document["unread"], ends_at)
    present = document["devices"]["devices_present"] if document["devices"] else []
    parts: dict[str, Callable[[list[Unread]], Any]] = {
        "machine": lambda unread: _machine(root, unread),
        "software": lambda unread: _software(root, unread),
        "loader": lambda unread: {"paths": loader_paths(root, unread), "cache": loader_cache(root, unread)},
        "limits": lambda unread: _limits(root, unread),
        "enroot": lambda unread: {"settings": enroot_settings(root, unread)},
    }
    if not in_image:
        parts["kernel"] = lambda unread: _kernel(root, present, unread)
        parts["exporter"] = lambda unread: exporter_state(root, unread)
    for name, work in parts.items():
        document[name] = _part(name, work, document["unread"], min(_PART_SECONDS, ends_at - time.monotonic()))
    document["fabric"], document["fabric_not_asked"] = None, asks(present)
    if document["fabric_not_asked"] is None:
        from efakit.hook.fabric import ask_fabric

        left = max(1.0, min(_FABRIC_SECONDS, ends_at - time.monotonic()))
        document["fabric"] = ask_fabric(root, present, left)
    return document


def _part(name: str, work: Callable[[list[Unread]], Any], unread: list[Unread], seconds: float) -> Any:
    def both() -> Iterator[Any]:
        own: list[Unread] = []
        value = work(own)
        yield value
        yield own

    seconds = max(0.1, seconds)
    ends_at = time.monotonic() + seconds
    why = "no answer within %.0f s" % seconds
    try:
        values, _ = run_bounded(both, seconds)
        if time.monotonic() < ends_at:
            why = "its process ended"
    except NoChild as error:
        values, why = [], str(error.strerror)
    if len(values) == 2:
        unread += values[1]
        return values[0]
    unread.append({"what": name, "why": why})
    return None


def _devices(root: str, unread: list[Unread], ends_at: float) -> Mapping[str, Any] | None:
    """Return a snapshot without the ports' counters, LNet's and the interfaces: they move and are nobody's fault."""
    try:
        values, _ = run_bounded(lambda: pieces(root, "auto", lambda _: _MANY), _PART_SECONDS)
    except NoChild as error:
        unread.append({"what": "devices", "why": str(error.strerror)})
        return None
    if not values:
        unread.append({"what": "devices", "why": "no answer within %.0f s" % _PART_SECONDS})
        return None
    snapshot: Any = assemble(values)
    snapshot.update(interfaces=[], interfaces_present=[], interfaces_error=None, lnet=None)
    for device in snapshot["devices"]:
        device["counters"] = {}
    return snapshot  # type: ignore[no-any-return]


# More than any instance has: so that functions without a driver are always looked for.
_MANY = 1 << 16


def _machine(root: str, unread: list[Unread]) -> dict[str, Any]:
    return {
        # On Nitro the DMI product name is the instance type.
        "instance_type": text_of(root, "sys/class/dmi/id/product_name", unread) or None,
        "vendor": text_of(root, "sys/class/dmi/id/sys_vendor", unread) or None,
        # Where ParallelCluster's images say which release made them (cookbook, libraries/entrypoints.rb).
        "parallelcluster": text_of(root, "opt/parallelcluster/.bootstrapped", unread) or None,
    }


def _software(root: str, unread: list[Unread]) -> dict[str, Any]:
    text_of(root, PACKAGES, unread)  # so that a list that cannot be read does not look like none
    found: dict[str, Any] = dict(find_software(root))
    found["cuda"] = cuda_toolkit(root, unread)
    found["nvidia_driver"] = nvidia_driver(root, unread)
    return {
        "versions": found,
        "plugins": find_plugins(root),
        "has_gpu": os.path.isdir(below(root, "proc/driver/nvidia")),
        "open_mpi": [name for name in ("opt/amazon/openmpi", "opt/amazon/openmpi5") if _there(root, name)],
    }


def _there(root: str, path: str) -> bool:
    return os.path.isdir(below(root, path))


def _limits(root: str, unread: list[Unread]) -> dict[str, Any]:
    for path in ("proc/self/limits", "proc/meminfo", "proc/sys/kernel/yama/ptrace_scope"):
        text_of(root, path, unread)
    return {
        "locked_memory": locked_memory_limit(root),
        "login_limits": [list(row) for row in login_limits(root)],
        "huge_pages": huge_pages(root),
        "ptrace_scope": ptrace_scope(root),
        "slurm": slurm_daemons(root, unread),
    }


def _kernel(root: str, devices: list[str], unread: list[Unread]) -> dict[str, Any]:
    return {"modules": kernel_modules(root, unread), "peer_memory": peer_memory(root, devices, unread)}
