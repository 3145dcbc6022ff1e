"""What the hooks need of Slurm's running configuration and of what is installed: pure functions to findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from efakit.catalog.layouts import SHIPPED_SINCE
from efakit.doctor.site import SCRIPTS, Home, Site, is_own
from efakit.finding import INFO, Finding, Place

_PROLOG_GUIDE = "https://slurm.schedmd.com/prolog_epilog.html"
_SLURM_CONF = "https://slurm.schedmd.com/slurm.conf.html"
_CONFIGLESS = "https://slurm.schedmd.com/configless_slurm.html"
# slurmd tells the controller that a prolog hangs this long before MessageTimeout (slurmd_common.c).
_HUNG_BEFORE_SECONDS = 2
_PYXIS = "https://github.com/NVIDIA/pyxis/issues/83"
_SCRIPT_RULES = {"Prolog": "prolog-script", "Epilog": "epilog-script"}
_PROGRAM_RULES = {"TaskProlog": "task-prolog", "HealthCheckProgram": "health-check"}
_INSTALL = "run 'efakit hooks install' on the head node, as root"


@dataclass(frozen=True)
class Passed:
    """One thing that was looked at and is right."""

    rule: str
    message: str
    file: str = ""
    source: str = ""
    severity: Literal["ok"] = "ok"
    fix: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return JSON values with the fields of a finding; the severity is ``ok``."""
        blank = Finding(self.rule, INFO, self.message, place=Place(self.file), source=self.source).as_data()
        return {**blank, "severity": self.severity}


Check = Finding | Passed


def _finding(rule: str, severity: str, message: str, fix: str = "", file: str = "", source: str = "") -> Finding:
    return Finding(rule, severity, message, place=Place(file), fix=fix, source=source)


def checks(site: Site, version: str) -> list[Check]:
    """Return all checks; ``version`` is this efakit's own."""
    found = [*_scripts(site), *_flags(site)]
    home = site.home
    if home is None:
        return found
    return [*found, *_files(home, version), *_settings(home), *_programs(site, home), *_timeouts(site, home)]


def _scripts(site: Site) -> Iterator[Check]:
    user = site.config.get("SlurmdUser") or ""
    if user and not user.startswith("root("):
        yield _finding(
            "slurmd-user",
            "error",
            f"slurmd runs as {user}, but the hooks need root",
            "set SlurmdUser=root",
            "",
            _SLURM_CONF,
        )
    if "enable_configless" in site.config.words("SlurmctldParameters"):
        yield _configless(site)
    for setting, own in SCRIPTS.items():
        unmatched = list(_unmatched(site, setting))
        yield from unmatched
        if not unmatched or any(is_own(setting, script.path) for script in site.scripts[setting]):
            yield _own_script(site, setting, own)
        for script in site.scripts[setting]:
            name = Path(script.path).name
            if script.trouble:
                message = (
                    f"Slurm runs {script.path}, which is {script.trouble}: every job fails and Slurm drains its node"
                )
                yield _finding(
                    "script-unusable", "error", message, "move it out of the folder", script.path, _PROLOG_GUIDE
                )
            elif name != own and own in name:
                message = f"{script.path} looks like a copy of {own}: Slurm runs both"
                yield _finding("script-twice", "error", message, "remove it", script.path, _PROLOG_GUIDE)


def _configless(site: Site) -> Check:
    bare = [value for setting in SCRIPTS for value in site.config.all(setting) if not value.startswith("/")]
    if bare:
        message = (
            f"Slurm is configless: from {SHIPPED_SINCE} on its controller sends {bare[0]} to the nodes, but no folders"
        )
        fix = "install the hooks on each node: efakit hooks install --layout configless"
        return _finding("configless", "warning", message, fix, "", _CONFIGLESS)
    message = "Slurm is configless: each node may have files of its own, and these checks are about this machine's"
    return _finding("configless", "info", message, "run this on a compute node too", "", _CONFIGLESS)


def _unmatched(site: Site, setting: str) -> Iterator[Check]:
    rule = _SCRIPT_RULES[setting]
    for value, why in site.unmatched.get(setting, {}).items():
        if why is None:
            message = f"Slurm's {setting} is {value}, a folder that this user cannot read"
            yield _finding(rule, "warning", message, "run this as root", value)
        else:
            message = f"Slurm's {setting} is {value}, and {why}: every job fails and Slurm drains its nodes"
            fix = f"{_INSTALL}, or put a script there that does nothing, or remove {setting} from slurm.conf"
            yield _finding(rule, "error", message, fix, value, _PROLOG_GUIDE)


def _own_script(site: Site, setting: str, own: str) -> Check:
    rule, folder = _SCRIPT_RULES[setting], f"{setting.lower()}.d"
    values = site.config.all(setting)
    if not values:
        fix = f"create the folder {folder} on shared storage, set {setting}=FOLDER/* in slurm.conf, and {_INSTALL}"
        return _finding(rule, "error", f"Slurm has no {setting}", fix, "", _PROLOG_GUIDE)
    paths = [script.path for script in site.scripts[setting]]
    place = next((number for number, path in enumerate(paths) if is_own(setting, path)), None)
    if place is None:
        message = f"Slurm's {setting} does not run {own} ({', '.join(values)})"
        return _finding(
            rule, "error", message, f"{_INSTALL}; set the folder above with --scripts-dir", "", _PROLOG_GUIDE
        )
    if site.scripts[setting][place].home is None:
        message = f"{paths[place]} does nothing: the hooks are not installed"
        return _finding(rule, "error", message, _INSTALL, paths[place], _PROLOG_GUIDE)
    between = paths[place + 1 :] if setting == "Prolog" else paths[:place]
    if between:
        message = f"{', '.join(between)} runs between {own} and the job: its traffic counts as the job's"
        fix = "rename it so that it sorts nearer to 90"
        return _finding(rule, "warning", message, fix, paths[place], _PROLOG_GUIDE)
    return Passed(rule, f"{paths[place]} runs next to the job", paths[place], _PROLOG_GUIDE)


def _flags(site: Site) -> Iterator[Check]:
    flags = site.config.words("PrologFlags")
    shown = site.config.get("PrologFlags") or "not set"
    if "alloc" in flags:
        yield Passed("prolog-flags", f"PrologFlags is {shown}", "", _PROLOG_GUIDE)
    else:
        message = f"PrologFlags is {shown}: without Alloc the prolog runs on a node only when a step starts there"
        yield _finding("prolog-flags", "error", message, "add Alloc to PrologFlags", "", _PROLOG_GUIDE)
    if "serial" in flags:
        message = (
            "PrologFlags has Serial: hooks of jobs that share a node wait for each other, each at most "
            "until its deadline"
        )
        yield _finding("prolog-flags-serial", "info", message, "", "", _PROLOG_GUIDE)
    if "runinjob" in flags:
        message = "PrologFlags has RunInJob: the hooks run within the job's limits of memory and devices"
        yield _finding("prolog-flags-runinjob", "warning", message, "remove RunInJob", "", _PROLOG_GUIDE)
    if site.home and site.home.settings.mode == "enforce":
        yield from _enforcing(site, flags)


def _enforcing(site: Site, flags: tuple[str, ...]) -> Iterator[Check]:
    if "nohold_on_prolog_fail" not in site.config.words("SchedulerParameters"):
        message = "Slurm requeues and holds a job whose prolog fails: it does not start on other nodes"
        fix = "add nohold_on_prolog_fail to SchedulerParameters"
        yield _finding("enforce-holds", "warning", message, fix, "", _SLURM_CONF)
    if "forcerequeueonfail" not in flags:
        message = "Slurm cancels a job with --no-requeue when its prolog fails"
        yield _finding(
            "enforce-requeue", "info", message, "add ForceRequeueOnFail to PrologFlags (23.02)", "", _SLURM_CONF
        )


def _files(home: Home, version: str) -> Iterator[Check]:
    if home.version is None:
        message = f"{home.path} has no list of the installed files: they cannot be checked"
        yield _finding("files", "warning", message, _INSTALL, home.path)
        return
    wrong = [file for file in home.files if file.found != file.wanted]
    for file in wrong:
        what = "is missing" if file.found is None else "was changed after the installation"
        yield _finding("files", "error", f"{file.path} {what}", _INSTALL, file.path)
    for file in home.files:
        if file.distrusted:
            yield _finding("files-trust", "error", file.distrusted, "make root its owner, with mode 0755", file.path)
    if not wrong:
        message = f"{len(home.files)} files of efakit {home.version} in {home.path} are unchanged"
        yield Passed("files", message, home.path)
    if home.version != version:
        message = f"the hooks are from efakit {home.version}, this command is {version}"
        yield _finding("version", "info", message, f"{_INSTALL} to update them to {version}", home.path)


def _settings(home: Home) -> Iterator[Check]:
    file = f"{home.path}/hook.json"
    for problem in home.problems:
        yield _finding("settings", "error", problem, f"fix it, or {_INSTALL}", file)
    if not home.problems:
        deadline = home.settings.deadline_seconds
        message = f"{file}: mode {home.settings.mode}, deadline {deadline:g} s"
        yield Passed("settings", message, file)
    yield _records(home)
    yield _python(home)


def _records(home: Home) -> Check:
    folder = home.settings.records_dir
    if folder is None:
        message = "records_dir is not set: records stay on the nodes, and are lost with them"
        return _finding("records", "error", message, f"set it in {home.path}/hook.json", home.path)
    if home.records:
        message = f"records cannot be published: {home.records}"
        fix = f"make root the owner of {folder}, and let nobody else write there (sudo install -d -m 0755 {folder})"
        return _finding("records", "error", message, fix, folder)
    return Passed("records", f"records go to {folder}", folder)


def _python(home: Home) -> Check:
    if not home.python:
        message = "no Python 3.9 or later on this machine: nodes with the same image record nothing"
        fix = "install one as /usr/bin/python3.9 or later, on the nodes' image"
        return _finding("python", "warning", message, fix, f"{home.path}/run-hook")
    if home.python_version is None or home.python_version < (3, 9):
        shown = ".".join(map(str, home.python_version or ())) or "does not start"
        message = f"{home.python} should run the hook, but {shown if home.python_version is None else 'is ' + shown}"
        return _finding("python", "error", message, "install a Python 3.9 or later", home.python)
    shown = ".".join(map(str, home.python_version))
    return Passed("python", f"{home.python} ({shown}) runs the hook on this machine", home.python)


def _programs(site: Site, home: Home) -> Iterator[Check]:
    named = site.config.get("TaskProlog")
    if site.pyxis and not named and home.settings.task_prolog:
        message = "Slurm loads Pyxis and has no TaskProlog, which would fail each task in a container"
        yield Passed("task-prolog", message, f"{home.path}/task-prolog", _PYXIS)
    else:
        yield _program(site, home, "task prolog", "TaskProlog", "task-prolog", on=home.settings.task_prolog)
    if site.pyxis and named:
        message = f"Slurm loads Pyxis and has TaskProlog {named}: Slurm looks for it in the image, and the task fails"
        fix = (
            "remove TaskProlog from slurm.conf (in a spec: hooks.task_prolog: false), or mount it into every container"
        )
        yield _finding("task-prolog-pyxis", "error", message, fix, "", _PYXIS)
    check = _program(site, home, "health check", "HealthCheckProgram", "health-check", on=home.settings.health_check)
    if check.severity == "ok" and "start_only" not in site.config.words("HealthCheckNodeState"):
        interval = site.config.seconds("HealthCheckInterval")
        if home.settings.health_check and not interval:
            message = "HealthCheckInterval is 0: Slurm does not run the health check"
            check = _finding("health-check", "error", message, "set HealthCheckInterval=300", "", _SLURM_CONF)
    yield check


def _program(site: Site, home: Home, what: str, setting: str, file: str, *, on: bool) -> Check:
    rule, wanted, named = _PROGRAM_RULES[setting], f"{home.path}/{file}", site.config.get(setting)
    more = ", HealthCheckInterval=300 and HealthCheckNodeState=IDLE,CYCLE" if file == "health-check" else ""
    if named is None:
        if not on:
            return Passed(rule, f"the {what} is turned off in hook.json", wanted)
        message = f"Slurm has no {setting}: the {what} does not run"
        fix = (
            f"set {setting}={wanted}{more} "
            "(ParallelCluster: under parallelcluster.slurm_settings of the spec, then update)"
        )
        return _finding(rule, "warning", message, fix, "", _SLURM_CONF)
    there = Path(named).is_file()
    if not there and file == "task-prolog":
        message = f"Slurm's TaskProlog is {named}, which does not exist: every task fails"
        return _finding(
            rule, "error", message, f"{_INSTALL}, or remove TaskProlog from slurm.conf", named, _PROLOG_GUIDE
        )
    if not there:
        return _finding(
            rule, "warning", f"Slurm's {setting} is {named}, which does not exist", _INSTALL, named, _SLURM_CONF
        )
    if home.closed and named == wanted == f"{home.path}/task-prolog":
        message = f"not every user has access to {home.closed}: tasks of users who cannot run {named} fail"
        return _finding(rule, "error", message, f"chmod a+rx {home.closed}", home.closed, _PROLOG_GUIDE)
    if named == wanted or wanted in site.texts.get(setting, ""):
        return Passed(rule, f"{setting} is {named}", named, _SLURM_CONF)
    if not on:
        return Passed(rule, f"the {what} is turned off in hook.json; {setting} is {named}", named)
    does = "print what it prints" if file == "task-prolog" else "go on"
    message = f"{setting} is {named}, which does not run {wanted}"
    return _finding(rule, "warning", message, f"change it to run {wanted} and {does}", named, _SLURM_CONF)


def _timeouts(site: Site, home: Home) -> Iterator[Check]:
    deadline = home.settings.deadline_seconds
    bad = False
    for name in ("PrologEpilogTimeout", "PrologTimeout", "EpilogTimeout"):
        limit = site.config.seconds(name)
        if limit is not None and limit <= deadline:
            bad = True
            message = (
                f"{name} is {limit} s, but the hook's deadline is {deadline:g} s: Slurm kills the hook and "
                "drains the node"
            )
            yield _finding("timeouts", "error", message, f"raise {name} above {deadline:g}", "", _PROLOG_GUIDE)
    message_limit = site.config.seconds("MessageTimeout")
    if message_limit is not None and message_limit - _HUNG_BEFORE_SECONDS <= deadline:
        bad = True
        message = (
            f"MessageTimeout is {message_limit} s: at a deadline of {deadline:g} s slurmd reports a hanging prolog"
        )
        fix = f"raise MessageTimeout to {int(deadline) + _HUNG_BEFORE_SECONDS + 1} or more (ParallelCluster has 60)"
        yield _finding("timeouts", "error", message, fix, "", _SLURM_CONF)
    batch = site.config.seconds("BatchStartTimeout")
    if batch is not None and batch <= deadline:
        bad = True
        message = f"BatchStartTimeout is {batch} s: Slurm treats a batch job as lost if its prolog takes {deadline:g} s"
        fix = f"raise BatchStartTimeout above {deadline:g} (ParallelCluster has 180)"
        yield _finding("timeouts", "error", message, fix, "", _SLURM_CONF)
    if not bad:
        message = f"Slurm's time limits leave room for the hook's deadline of {deadline:g} s"
        yield Passed("timeouts", message, "", _SLURM_CONF)
