"""Rules for the EFA installer in an image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.catalog.image_facts import DROPPED_SYSTEMS, INSTALLER_OPTIONS, NGC_DETECTED_SINCE, image_name, system_of
from efakit.lint.dockerfile.contents import INSTALLER, Contents, Run, older
from efakit.lint.dockerfile.image import Stage, Step, code_of
from efakit.lint.dockerfile.rule import Context, rule
from efakit.lint.dockerfile.status import Options, goes_on, switched
from efakit.lint.script.fed import SHELLS
from efakit.lint.script.rule import Problem
from efakit.rules.target import SUPPORTED
from efakit.versions import is_version, within


def _runs(context: Context) -> Iterator[tuple[Stage, Contents, Run]]:
    """Give each start of the installer once, with its stage and one of the images that it is for."""
    seen: set[tuple[int, int]] = set()
    for contents in context.contents:
        stages = {stage.number: stage for stage in contents.parts}
        for run in contents.runs:
            if run.span not in seen:
                seen.add(run.span)
                yield stages[run.order[0]], contents, run


@rule("image-kernel-module")
def image_kernel_module(context: Context) -> Iterator[Problem]:
    """Point out the installer without --skip-kmod."""
    for _, _, run in _runs(context):
        if run.known and not run.has("--skip-kmod", "k") and not run.has("--enable-ngc"):
            wrong = next((text for text in run.options if text in ("--no-kmod", "--skip-kernel-module")), "")
            told = f"{wrong} is not an option; the" if wrong else "the"
            message = f"{told} installer builds a kernel module, but an image has no kernel: the build fails"
            yield Problem(run.span, message, "add --skip-kmod")


@rule("image-self-test")
def image_self_test(context: Context) -> Iterator[Problem]:
    """Point out the installer without --no-verify."""
    for _, _, run in _runs(context):
        if run.known and not run.has("--no-verify", "n") and not run.has("--enable-ngc"):
            message = "the installer ends with a test of an EFA device, but a build has no device"
            yield Problem(run.span, message, "--skip-limit-conf --no-verify")


@rule("image-taken-for-ngc")
def image_taken_for_ngc(context: Context) -> Iterator[Problem]:
    """Point out an installer of 1.48 or later that takes CUDA's image for one of NGC's."""
    for stage, contents, run in _runs(context):
        base, version = stage.base_image, _version(contents)
        cuda = base is not None and base.ngc_marker and not base.hpcx
        told = any(other.has(option.name) for other in contents.runs for option in INSTALLER_OPTIONS)
        removed = any("nvidia_entrypoint" in step.instruction.code for step in stage.all_steps())
        if cuda and run.known and not told and not removed and within(version, NGC_DETECTED_SINCE, None):
            message = f"EFA installer {version} takes {stage.root} for an NGC image and installs only some of its parts"
            yield Problem(run.span, message, "--disable-ngc --disable-build-ngc")


@rule("image-installer-option")
def image_installer_option(context: Context) -> Iterator[Problem]:
    """Point out options that the installer's release is not known to have."""
    for _, contents, run in _runs(context):
        version = _version(contents)
        for option in INSTALLER_OPTIONS:
            if version is not None and run.has(option.name) and older(version, option.since):
                message = f"EFA installer {version} does not have {option.name}: {option.since} added it"
                yield Problem(run.span, message, f"remove it, or use {option.since} or later", source=option.source)


def _version(contents: Contents) -> str | None:
    return contents.installer.version if contents.installer is not None else None


@rule("image-installer-old")
def image_installer_old(context: Context) -> Iterator[Problem]:
    """Point out installers that are older than all that efakit supports, each place once."""
    seen = set()
    for contents in context.contents:
        for item in contents.found:
            least = SUPPORTED["installer"]
            if item.component == "installer" and older(item.version, least) and item.span not in seen:
                seen.add(item.span)
                message = f"EFA installer {item.version} is older than {least}, the oldest release that efakit supports"
                yield Problem(item.span, message, "use a later release", about=("installer",))


@rule("image-installer-unpinned")
def image_installer_unpinned(context: Context) -> Iterator[Problem]:
    """Point out the installer called latest, each place once."""
    seen = set()
    for contents in context.contents:
        for item in contents.found:
            if item.component == "installer" and item.version == "latest" and item.span not in seen:
                seen.add(item.span)
                message = "aws-efa-installer-latest: the release depends on the date of the build"
                yield Problem(item.span, message, "name the release", about=("installer",))


_UPDATES = re.compile(r"\bapt(-get)?\s+(-\S+\s+)*update\b")
_REMOVES = re.compile(r"\brm\s+(-\w+\s+)*[^&|;]*/var/lib/apt/lists")


@rule("image-package-lists")
def image_package_lists(context: Context) -> Iterator[Problem]:
    """Point out the installer where apt has no lists; an info where the base may have what it needs."""
    for stage, _, run in _runs(context):
        if any("environment-modules" in step.instruction.code for step in stage.all_steps()):
            continue  # what the installer's packages need is there already
        if _has_lists(context, stage, run) is False:
            base = stage.base_image
            bare = base is not None and base.has_efa is False
            message = "apt has no package lists here, so it cannot find the installer's dependencies"
            message += "" if bare else ", where the base image has not got it"
            fix = "run apt-get update before it, in the same RUN"
            yield Problem(run.span, message, fix, severity=None if bare else "info")


def _has_lists(context: Context, stage: Stage, run: Run) -> bool | None:
    """Return whether apt has lists of packages where the installer runs, None where that is not known."""
    there = stage.base_image.apt_lists if stage.base_image is not None else None
    for step in stage.all_steps():
        item = step.instruction
        if step is run.step:
            start = item.heredocs[0].region.at(0) if item.heredocs else item.span.start
            before = context.file.source.data[start : run.span.start].decode("utf-8", "replace")
            return _lists_after(before, there)
        if item.name != "RUN":
            continue
        if step.script is None or any("/var/lib/apt" in flag.value for flag in item.flags):
            there = None
        else:
            there = _lists_after(item.code, there)
            there = None if there is False and re.search(r"\w\.sh\b", item.code) else there  # it may update them
    return None


def _lists_after(text: str, before: bool | None) -> bool | None:
    updates = [match.start() for match in _UPDATES.finditer(text)]
    removes = [match.start() for match in _REMOVES.finditer(text)]
    if not updates and not removes:
        return before
    return max(updates, default=-1) > max(removes, default=-1)


# What fails in a build where the installer has not installed what it brings.
_USES_IT = r"/opt/amazon/|libfabric|aws-ofi-nccl|\bfi_info\b|\bibv_|\bmpi(?:run|exec|cc|cxx|c\+\+|fort|4py)\b"
_FIXES = {
    ";": "put && behind it, or set -e before it",
    "&&": "join what follows the chain with && too: set -e does not end it there",
    "|": "set -o pipefail before it, with bash",
}


@rule("image-failure-lost")
def image_failure_lost(context: Context) -> Iterator[Problem]:
    """Point out the installer whose failure the build does not see, unless a later command needs what it installs."""
    source = context.file.source
    for stage, _, run in _runs(context):
        step, region = run.step, code_of(run.step.instruction)
        if step.script is None or region is None or step.scope.keys() & {"SHELLOPTS", "BASH_ENV"}:
            continue
        command = step.script.commands[run.order[2]]
        sign = goes_on(source, region, command.span, _shell_options(stage, step))
        place = step.instruction.span
        rest = source.data[command.span.end : place.end].decode("utf-8", "replace")
        later = [item for item in context.file.instructions if item.span.start > place.start]
        texts = (rest, *(item.code for item in later if item.name in ("RUN", "COPY")))
        uses = "|".join((_USES_IT, *_folders(context)))
        if sign and INSTALLER not in rest and not any(re.search(uses, text) for text in texts):
            message = "the build goes on where the installer fails: RUN has the status of its last command"
            yield Problem(run.span, message, _FIXES[sign])


def _folders(context: Context) -> set[str]:
    """Return patterns of the variables that hold folders of the installer's."""
    scopes = [step.scope for stage in context.image.stages for step in stage.steps]
    held = {name for scope in scopes for name, setting in scope.items() if "/opt/amazon/" in setting.partial}
    return {rf"\$\{{?{re.escape(name)}\b" for name in held}


def _shell_options(stage: Stage, step: Step) -> Options:
    """Return with which options the shell of a RUN starts: the last SHELL's, or those that a heredoc's shell has."""
    item = step.instruction
    if item.heredocs:
        words = re.sub(r"\d*<<-?[^\s;|&>)]+", " ", item.text).split()
        first = item.heredocs[0].region.text.decode("utf-8", "replace").lstrip().partition("\n")[0]
        words = words or (first[2:].split() if first.startswith("#!") else [])
        shell = next((at for at, word in enumerate(words) if word.rpartition("/")[2] in SHELLS), None)
        if shell is not None:
            return switched(words[shell + 1 :], Options())
    found = Options()
    for other in stage.all_steps():
        if other is step:
            break
        if other.instruction.name == "SHELL":
            words = re.findall(r'"([^"]*)"', other.instruction.text)
            found = switched(words[1:], Options())
    return found


@rule("image-system-dropped")
def image_system_dropped(context: Context) -> Iterator[Problem]:
    """Point out base images whose system the installer's release no longer supports."""
    seen = set()
    for contents in context.contents:
        for item in contents.found:
            stage = next(part for part in contents.parts if part.number == item.order[0])
            system = system_of(stage.root) if stage.root is not None else None
            first = DROPPED_SYSTEMS.get(system or "")
            ended = first is not None and item.component == "installer" and within(item.version, first, None)
            if ended and is_version(item.version) and item.span not in seen:
                seen.add(item.span)
                name = ":".join(part for part in image_name(stage.root or "") if part)
                message = (
                    f"EFA installer {item.version} does not support {system}, the operating system of {name}: "
                    f"{first} dropped it"
                )
                yield Problem(item.span, message, "use an image of a later operating system")
