"""How targets write YAML and scripts: a reason as a comment above what it is of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from efakit.emit.shell import quote
from efakit.plan.job import JobPlan

Line = tuple[str, Any, str]
"""A key, its value, and why: a comment above it, or none."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and lists indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def yaml_text(value: Any) -> str:
    """Return a value as YAML."""
    # Without aliases: a value that stands at two places is written twice.
    _Dumper.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


def yaml_lines(head: str, lines: Iterable[Line]) -> str:
    """Return a mapping as YAML, below a comment."""
    text = f"{comment(head)}\n"
    for key, value, why in lines:
        text += f"{comment(why)}\n" if why else ""
        text += yaml_text({key: value})
    return text


def comment(text: str) -> str:
    """Return a text as one line of comment."""
    return "# " + " ".join(text.split())


def broken(words: list[str]) -> str:
    """Return a command's parts on a line each."""
    return " \\\n  ".join(words)


def launched(plan: JobPlan, nodes: str, rank: str, first: str, port: str) -> str:
    """Return the command that starts a node's ranks by torchrun or accelerate.

    ``nodes``, ``rank`` and ``first`` name the shell's variables for how many nodes there are, which one this is, and
    the first one's address. ``port`` is a word of the shell.
    """
    job, ranks = plan.job, plan.layout.ranks_per_node
    if job.template == "accelerate":
        words = [
            "exec accelerate launch",
            *(f'--num_machines "${nodes}"', f'--machine_rank "${rank}"'),
            f'--num_processes "$(({nodes} * {ranks}))"',
            *(f'--main_process_ip "${first}"', f"--main_process_port {port}"),
        ]
    else:
        words = [
            f'exec torchrun --nnodes="${nodes}" --nproc-per-node={ranks}',
            *(f'--node-rank="${rank}"', f'--master-addr="${first}"', f"--master-port={port}"),
        ]
    words += [" ".join(map(quote, plan.launcher_args))] if plan.launcher_args else []
    return broken([*words, " ".join(map(quote, [job.script, *plan.args]))])


def merged(section: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``section`` with ``overrides`` over it: mappings are merged, everything else is replaced.

    None removes a key, as in JSON Merge Patch (https://www.rfc-editor.org/rfc/rfc7396).
    """
    result = dict(section)
    for key, value in overrides.items():
        own = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = merged(own if isinstance(own, dict) else {}, value)
        else:
            result[key] = value
    return result
