"""What the shell's own commands do to variables: read, set, source, module and the like."""

from __future__ import annotations

import re
from collections.abc import Sequence

from efakit.lint.script.model import Script, Word

# Commands that give variables a value: their operands are names.
_READERS = ("read", "mapfile", "readarray", "getopts", "let", "wait")
_FROM_ELSEWHERE = ("source", ".", "eval", "conda", "mamba", "micromamba", "spack", "ml", "module")
# Environment modules of ParallelCluster's images: they set paths, and no variable of EFA.
_MODULE_OF_IMAGE = re.compile(r"(openmpi5?|intelmpi|libfabric-aws)(/[\w.-]+)?")


def note_effects(script: Script, name: str, words: Sequence[Word]) -> bool | None:
    """Note in ``script`` what a command does to variables.

    Returns whether all later assignments are exported, None where the command says nothing of that.
    """
    operands = [word.text for word in words[1:]]
    if name in _FROM_ELSEWHERE:
        script.takes_from_elsewhere = True
        script.takes_efa_from_elsewhere |= not _loads_modules_of_image(name, operands)
    if name in _READERS or (name == "printf" and operands[:1] == ["-v"]):
        script.defined.update(re.findall(r"[A-Za-z_]\w*", " ".join(operands)))
    if name == "module" and operands[:1] in (["load"], ["add"], ["switch"]):
        script.modules.append((tuple(operands[1:]), words[0].span))
    elif name == "ml" and operands and not operands[0].startswith("-"):
        script.modules.append((tuple(operands), words[0].span))
    return _exports_all(script, operands) if name == "set" else None


def _loads_modules_of_image(name: str, operands: Sequence[str]) -> bool:
    modules = operands if name == "ml" else operands[1:] if name == "module" and operands[:1] == ["load"] else []
    return bool(modules) and all(_MODULE_OF_IMAGE.fullmatch(module) for module in modules)


def _exports_all(script: Script, operands: Sequence[str]) -> bool | None:
    said: bool | None = None
    for place, operand in enumerate(operands):
        short = re.match(r"[-+][A-Za-z]*a", operand)
        long = operand in ("-o", "+o") and list(operands[place + 1 : place + 2]) == ["allexport"]
        if short or long:
            said = operand.startswith("-")
            script.exports_all = script.exports_all or said
    return said
