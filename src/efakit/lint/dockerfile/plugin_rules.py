"""Rules for aws-ofi-nccl, its libfabric and NCCL in an image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from efakit.catalog.image_facts import PLUGIN_IN_LIB_SINCE, TORCH_NCCL, image_name
from efakit.lint.dockerfile.contents import Contents, commands
from efakit.lint.dockerfile.image import Stage
from efakit.lint.dockerfile.rule import Context, rule
from efakit.lint.script.model import GAP
from efakit.lint.script.rule import Problem
from efakit.lint.script.text import Span
from efakit.versions import same_version, within

_EFA = "/opt/amazon/efa"
_PLUGIN = "/opt/amazon/ofi-nccl"
_OF_LOADER = ("LD_LIBRARY_PATH", "NCCL_NET_PLUGIN", "LD_PRELOAD")
_LOADERS_OWN = ("/usr", "/usr/local", "/usr/local/lib", "/lib", "/usr/lib")


class Configure(NamedTuple):
    """A run of aws-ofi-nccl's configure: its libfabric and its prefix, None where they are not known."""

    libfabric: str | None
    prefix: str | None
    span: Span
    order: tuple[int, int, int]


def configured(contents: Contents) -> Iterator[Configure]:
    """Give each run of aws-ofi-nccl's configure."""
    for stage in contents.parts:
        for place, step in enumerate(stage.steps):
            for number, (command, texts) in enumerate(step.texts()):
                libfabric = _option(texts, "--with-libfabric")
                if command.name != "configure" or libfabric is None:
                    continue
                whole = " ".join(texts)
                if "--with-cuda" not in whole and "--with-mpi" not in whole and "ofi" not in step.instruction.code:
                    continue  # another program that uses libfabric
                prefix = _option(texts, "--prefix")
                known = prefix if prefix and GAP not in prefix else None
                prefix = "/usr/local" if prefix is None and GAP not in whole else known
                span = Span(command.words[0].span.start, command.words[-1].span.end)
                folder = libfabric.rstrip("/") if GAP not in libfabric else None
                yield Configure(folder, prefix.rstrip("/") if prefix else None, span, (stage.number, place, number))


def _option(texts: list[str], name: str) -> str | None:
    for place, text in enumerate(texts):
        if text.startswith(f"{name}="):
            return text.partition("=")[2]
        if text == name and place + 1 < len(texts):
            return texts[place + 1]
    return None


@rule("image-plugin-libfabric")
def image_plugin_libfabric(context: Context) -> Iterator[Problem]:
    """Point out a plugin that is built before EFA's libfabric is there."""
    seen = set()
    for contents in context.contents:
        for item in configured(contents):
            stage = next(part for part in contents.parts if part.number == item.order[0])
            base = stage.base_image
            lacks = base is not None and base.has_efa is False
            if item.libfabric != _EFA or not lacks or item.span in seen or _may_have_efa(stage, item):
                continue
            seen.add(item.span)
            message = f"no libfabric in {_EFA} yet: {stage.root} has none, and no step installs it"
            yield Problem(item.span, message, "run the EFA installer before it, in this stage or in one below")


# What may put a libfabric there: the installer, a script that this file does not show, another build of it.
_MAY_BRING = re.compile(r"efa_installer|install\w*efa|efa\w*install|libfabric|\w\.sh\b")
_NOT_BRINGING = re.compile(r"--with-libfabric\S*|autogen\.sh|autoreconf")


def _may_have_efa(stage: Stage, item: Configure) -> bool:
    """Return whether anything before a place may have brought EFA's libfabric."""
    for one in stage.chain:
        for place, step in enumerate(one.steps):
            if (one.number, place) > item.order[:2]:
                break
            code = step.instruction.code
            if step.instruction.name in ("COPY", "ADD") and ("/opt/amazon" in code or step.instruction.flag("from")):
                return True
            if step.instruction.name == "RUN" and (
                step.script is None or _MAY_BRING.search(_NOT_BRINGING.sub("", code))
            ):
                return True
    return False


@rule("image-plugin-not-found")
def image_plugin_not_found(context: Context) -> Iterator[Problem]:
    """Point out a plugin in a folder that the loader does not know."""
    seen = set()
    for contents in context.contents:
        told = _told_to_loader(contents)
        for item in configured(contents):
            folder = item.prefix
            if folder is None or item.span in seen or told is None or folder in (*_LOADERS_OWN, _PLUGIN):
                continue
            seen.add(item.span)
            if folder not in told and contents.stage.unread is False and _is_kept(contents, item, folder):
                message = (
                    f"the loader does not search {folder}/lib, where the plugin is installed: NCCL does not find it"
                )
                yield Problem(item.span, message, f"ENV LD_LIBRARY_PATH={folder}/lib:..., or ldconfig")


def _told_to_loader(contents: Contents) -> str | None:
    """Return all that says where libraries are, None where that cannot be known."""
    found = []
    for name in _OF_LOADER:
        setting = contents.stage.end.get(name)
        if setting is not None:
            found.append(setting.partial)
    for step in contents.stage.all_steps():
        text = step.instruction.code if step.texts() else ""
        if re.search(r"ld\.so\.conf|\bldconfig\s+\S*/|\bln\s|\bcp\s|\bmv\s|nccl\.conf|\.bashrc|/etc/environment", text):
            found.append(text)
            if re.search(r"\$\{?\w+\}?", text) and "ld.so.conf" in text:
                return None
    return "\n".join(found)


def _is_kept(contents: Contents, item: Configure, folder: str) -> bool:
    """Return whether what is built there is in the image: built in it, or copied to the same place."""
    if item.order[0] in {stage.number for stage in contents.stage.chain}:
        return True
    return any(
        step.instruction.name == "COPY" and step.instruction.text.rstrip().endswith(folder)
        for step in contents.stage.all_steps()
    )


@rule("image-plugin-twice")
def image_plugin_twice(context: Context) -> Iterator[Problem]:
    """Point out a plugin of the user's own beside the installer's."""
    seen = set()
    for contents in context.contents:
        own = next((item for item in contents.found if item.component == "plugin"), None)
        if own is None or not contents.brings_plugin or own.span in seen or contents.installer is None:
            continue
        if _is_taken_out(contents) or any(item.prefix in (_PLUGIN, None) for item in configured(contents)):
            continue
        seen.add(own.span)
        bundled = contents.bundled_plugin
        said = f"aws-ofi-nccl {bundled}" if bundled else "an aws-ofi-nccl"
        message = (
            f"EFA installer {contents.installer.version} already installs {said}, beside {own.version or 'this one'}"
        )
        yield Problem(own.span, message, "remove one, or set NCCL_NET_PLUGIN to the file", about=("plugin",))


def _is_taken_out(contents: Contents) -> bool:
    """Return whether the file removes the plugin of the installer."""
    for _, _, command, texts in commands(contents.parts):
        whole = " ".join(texts)
        if command.name == "rm" and re.search(r"/opt/amazon/(aws-)?ofi-nccl", whole):
            return True
        if command.name in ("apt-get", "apt", "dpkg", "dnf", "yum", "rpm") and re.search(r"ofi-nccl|nccl-ofi", whole):
            return True
    return False


@rule("image-plugin-folder")
def image_plugin_folder(context: Context) -> Iterator[Problem]:
    """Point out a folder of the plugin that the image's installer does not make."""
    seen = set()
    for contents in context.contents:
        version = contents.installer.version if contents.installer is not None else None
        if version is None or not contents.brings_plugin or any(configured(contents)) or not _is_ubuntu(contents):
            continue
        in_lib = within(version, PLUGIN_IN_LIB_SINCE, None)
        for name in ("LD_LIBRARY_PATH", "NCCL_NET_PLUGIN", "NCCL_TUNER_PLUGIN"):
            setting = contents.stage.end.get(name)
            if setting is None or setting.word is None or setting.span in seen:
                continue
            items = [part for part in re.split(r"[:\0]", setting.partial) if part.startswith(_PLUGIN)]
            of_lib = [part for part in items if re.fullmatch(rf"{_PLUGIN}/lib/?([\w.-]+\.so[\w.]*)?", part)]
            of_architecture = [part for part in items if "-linux-gnu" in part]
            wrong = of_architecture if in_lib and not of_lib else of_lib if not in_lib and not of_architecture else []
            if wrong:
                seen.add(setting.span)
                right = f"{_PLUGIN}/lib" if in_lib else f"{_PLUGIN}/lib/$(uname -m)-linux-gnu"
                message = f"{name} names {wrong[0]}: EFA installer {version} installs the plugin into {right}"
                yield Problem(setting.span, message, right if in_lib else f"{_PLUGIN}/lib/x86_64-linux-gnu")


def _is_ubuntu(contents: Contents) -> bool:
    root = contents.stage.root or ""
    return "ubuntu" in root or image_name(root)[0].startswith("nvcr.io/nvidia/pytorch")


@rule("image-cudart-link")
def image_cudart_link(context: Context) -> Iterator[Problem]:
    """Point out the plugin in an image without libcudart.so."""
    for contents in context.contents:
        root = contents.stage.root or ""
        name, tag = image_name(root)
        if name not in ("nvidia/cuda", "nvcr.io/nvidia/cuda") or "runtime" not in tag:
            continue
        chain = {stage.number for stage in contents.stage.chain}
        there = contents.brings_plugin and any(run.order[0] in chain for run in contents.runs)
        texts = [step.instruction.code for step in contents.stage.all_steps()]
        mended = any(
            re.search(r"libcudart|cuda-cudart-dev|cuda-toolkit|cuda-libraries-dev|cuda-nvcc", text) for text in texts
        )
        # A script that is not in this file may do it.
        unseen = any(
            step.script is None or re.search(r"\.sh\b", step.instruction.code.replace("efa_installer.sh", ""))
            for step in contents.stage.all_steps()
            if step.instruction.name == "RUN"
        )
        if there and not mended and not unseen:
            message = f"{root} has no libcudart.so, which the plugin loads by that name"
            yield Problem(contents.runs[-1].span, message, "ln -s libcudart.so.NN /usr/local/cuda/lib64/libcudart.so")


@rule("image-efa-without-rdma-core")
def image_efa_without_rdma_core(context: Context) -> Iterator[Problem]:
    """Point out /opt/amazon that is copied without rdma-core."""
    for contents in context.contents:
        base = contents.stage.base_image
        lacks = base is not None and base.has_efa is False
        chain = {stage.number for stage in contents.stage.chain}
        if not lacks or any(run.order[0] in chain for run in contents.runs):
            continue
        steps = list(contents.stage.all_steps())
        text = "\n".join(step.instruction.code for step in steps)
        if re.search(r"rdma-core|ibverbs|libefa|\w\.sh\b|\.deb\b|\.rpm\b", text):
            continue
        for step in steps:
            item = step.instruction
            words = item.text.split()
            if item.name == "COPY" and item.flag("from") and len(words) == 2 and _is_efa(words[0]):
                message = (
                    f"{words[0]} is copied alone: the installer's libibverbs and libefa are in the system's folders"
                )
                yield Problem(item.span, message, "run the EFA installer in this stage, or also install rdma-core")


def _is_efa(path: str) -> bool:
    return path.rstrip("/") in ("/opt/amazon", _EFA)


@rule("image-nccl-not-pytorchs")
def image_nccl_not_pytorchs(context: Context) -> Iterator[Problem]:
    """Point out a NCCL that is not the one of the PyTorch beside it."""
    seen = set()
    for contents in context.contents:
        torch, nccl = contents.one("torch"), contents.one("nccl")
        wanted = TORCH_NCCL.get(torch.version) if torch is not None else None
        if torch is None or nccl is None or wanted is None or nccl.span in seen or same_version(nccl.version, wanted):
            continue
        seen.add(nccl.span)
        message = f"NCCL {nccl.version} is not the {wanted} that PyTorch {torch.version} in this image uses"
        yield Problem(nccl.span, message, f"NCCL {wanted}", about=("nccl",))
