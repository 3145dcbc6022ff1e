"""Asks libfabric which EFA domains it offers: ``fi_info -p efa``.

That opens every verbs device and moves its counters: it belongs where no job runs (counters' readers would take it for
the job's traffic), and takes seconds on a node with many devices.
"""

from __future__ import annotations

import os
import time

from efakit.finding import Finding
from efakit.hook.trust import distrust
from efakit.node.command import NoChild, run_program
from efakit.node.files import below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import TypedDict

    class Answer(TypedDict):
        """One answer of ``fi_info -p efa``; ``error`` says why it could not be run.

        ``status`` None: none came within ``seconds``. ``domains`` None: it is no answer about EFA.
        """

        error: str | None
        status: int | None
        domains: list[str] | None
        first_line: str
        seconds: int

    class Asked(TypedDict):
        """What came of asking: the node's fi_info (None: there is none), why it was not run, its answers."""

        path: str | None
        distrust: str | None
        answers: list[Answer]


_CANDIDATES = ("opt/amazon/efa/bin/fi_info", "usr/bin/fi_info")
# libfabric's domains are the verbs device's name and one of these (man/fi_efa.7.md in ofiwg/libfabric).
_SUFFIXES = ("-rdm", "-dgrm")
# fi_info ends with the error's number: 61 is ENODATA, "No data available" (util/info.c).
_NO_DATA = 61


def fi_info_path(root: str) -> str | None:
    """Return the node's fi_info: the EFA installer's before the distribution's; None where there is none."""
    paths = (below(root, candidate) for candidate in _CANDIDATES)
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def efa_domains(text: str) -> list[str]:
    """Return the verbs devices that ``fi_info``'s output names as EFA domains, each once.

    A device has one block (libfabric 1.x) to three (2.x: efa-direct, efa, datagrams): blocks are not counted.
    """
    devices: set[str] = set()
    is_efa = False
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        if name == "provider":
            is_efa = value.partition(";")[0] == "efa"
        elif name == "domain" and is_efa:
            device = value
            for suffix in _SUFFIXES:
                device = device[: -len(suffix)] if device.endswith(suffix) else device
            devices.add(device)
    return sorted(devices)


def check_fabric(root: str, devices: list[str], seconds: float) -> tuple[list[Finding], list[str] | None]:
    """Return the findings and the EFA domains that libfabric offers; None where it could not be asked.

    ``devices`` are those that sysfs shows.
    """
    asked = ask_fabric(root, devices, seconds)
    domains = asked["answers"][-1]["domains"] if asked["answers"] else None
    return judge_fabric(asked, devices), domains


def ask_fabric(root: str, devices: list[str], seconds: float) -> Asked:
    """Ask ``fi_info -p efa``, and once more where the answer is bad news: a prolog may fail for it."""
    asked: Asked = {"path": fi_info_path(root), "distrust": None, "answers": []}
    path = asked["path"]
    if path is None:
        return asked
    asked["distrust"] = distrust(os.path.realpath(path))
    if asked["distrust"]:
        return asked
    ends_at = time.monotonic() + seconds
    asked["answers"].append(_ask(path, seconds / 2))
    first = _of_answer(path, asked["answers"][0], devices, ())
    if first is not None and first.severity == "error":
        asked["answers"].append(_ask(path, ends_at - time.monotonic()))
    return asked


def judge_fabric(asked: Asked, devices: list[str]) -> list[Finding]:
    """Return the findings about what ``ask_fabric`` gave. What a busy node does once is not told."""
    path, answers = asked["path"], asked["answers"]
    if path is None:
        message = "no fi_info on this node: libfabric's EFA provider is not checked"
        return [Finding("fi-info-missing", "warning", message)]
    if asked["distrust"]:
        message = "fi_info is not run as root, since somebody else may have put it there: %s" % asked["distrust"]
        return [Finding("fi-info-untrusted", "warning", message)]
    if not answers:
        return []
    first = _of_answer(path, answers[0], devices, ())
    if first is None or first.severity != "error" or len(answers) == 1:
        return [] if first is None else [first]
    second = _of_answer(path, answers[1], devices, answers[0]["domains"] or ())
    if second is not None and second.rule not in (first.rule, "fi-info-failed"):
        message = "%s -p efa gave two answers: %s; then: %s" % (path, first.message, second.message)
        second = Finding("fi-info-failed", "warning", message)
    return [] if second is None else [second]


def _ask(path: str, seconds: float) -> Answer:
    answer: Answer = {"error": None, "status": None, "domains": None, "first_line": "", "seconds": round(seconds)}
    try:
        answer["status"], text = run_program([path, "-p", "efa"], {"PATH": "/usr/bin:/bin"}, seconds)
    except NoChild as error:
        answer["error"] = error.strerror
        return answer
    answer["first_line"] = _first_line(text)
    if answer["status"] in (0, _NO_DATA):
        answer["domains"] = efa_domains(text)
    return answer


def _of_answer(path: str, answer: Answer, devices: list[str], seen: Collection[str]) -> Finding | None:
    """Return what is wrong with an answer, None where nothing is. The domains ``seen`` are not lost."""
    status, line, domains = answer["status"], answer["first_line"], answer["domains"]
    if answer["error"] is not None:
        return Finding("fi-info-failed", "warning", "%s cannot be run: %s" % (path, answer["error"]))
    if status is None:
        message = "%s -p efa gave no answer within %.0f s" % (path, answer["seconds"])
        return Finding("fi-info-hangs", "error", message)
    if domains is None:
        return Finding("fi-info-failed", "warning", "%s -p efa ended with status %d: %s" % (path, status, line))
    lost = [name for name in devices if name not in domains and name not in seen]
    if devices and not domains:
        message = (
            "libfabric offers no EFA domain, though %d EFA devices are there (%s): its efa provider or libefa is "
            "missing, or a verbs device cannot be opened" % (len(devices), line)
        )
        return Finding("provider-missing", "error", message)
    if lost:
        message = "libfabric offers %d of %d EFA devices; not %s" % (
            len(devices) - len(lost),
            len(devices),
            ", ".join(lost[:8]),
        )
        return Finding("domains-missing", "error", message)
    return None


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[0][:200]
