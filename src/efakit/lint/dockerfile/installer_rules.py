"""Rules for the EFA installer in an image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.catalog.image_facts import DROPPED_SYSTEMS, INSTALLER_OPTIONS, NGC_DETECTED_SINCE, image_name, system_of
from efakit.lint.dockerfile.contents import Contents, Run, older
from efakit.lint.dockerfile.image import Stage
from efakit.lint.dockerfile.rule import Context, rule
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
            fix = "run run apt-get update before it, in the same RUN"
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


# What stands between the installer and the next command, where the shell goes on whatever the installer's status is.
_GOES_ON = re.compile(rb"(?:[ \t]|\\\r?\n)*(;|\||\n)(?:\s|\\|#[^\n]*\n)*\Z")
_ENDS_AT_FAILURE = re.compile(
    r"""\b(?:set|sh|bash|dash)\b(?:["',]*\s+(?:[\["']*[-+/]\S*|["']?pipefail["',]*))*?["',]*\s+["']?"""
    r"""(?:-[a-z]*e[a-z]*\b|-[a-z]*o["',]*\s+["']?errexit)"""
)
_USES_IT = re.compile(r"/opt/amazon/|\bfi_info\b")


@rule("image-failure-lost")
def image_failure_lost(context: Context) -> Iterator[Problem]:
    """Point out the installer whose failure the build does not see, unless a later command needs what it installs."""
    data = context.file.source.data
    for stage, _, run in _runs(context):
        item, script = run.step.instruction, run.step.script
        commands = script.commands[run.order[2] + 1 :] if script is not None else ()
        sign = _GOES_ON.match(data[run.span.end : commands[0].span.start]) if commands else None
        if sign is None:
            continue
        steps = list(stage.all_steps())
        place = next(at for at, step in enumerate(steps) if step is run.step)
        shells = ["sh " + step.instruction.text for step in steps[:place] if step.instruction.name == "SHELL"]
        before = data[item.span.start : run.span.start].decode("utf-8", "replace") + " ".join(["", *shells[-1:]])
        region = item.heredocs[0].region if item.heredocs else item.region
        rest = data[run.span.end : region.at(len(region.text) - 1) + 1].decode("utf-8", "replace")
        later = [step.instruction.code for step in steps[place + 1 :] if step.instruction.name == "RUN"]
        piped = sign[1] == b"|"
        seen = "pipefail" in before if piped else _ENDS_AT_FAILURE.search(before)
        if not seen and not any(_USES_IT.search(text) for text in (rest, *later)):
            message = "the build goes on where the installer fails: RUN has the status of its last command"
            fix = "set -o pipefail before it, with bash" if piped else "put && behind it, or set -e before it"
            yield Problem(run.span, message, fix)


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
