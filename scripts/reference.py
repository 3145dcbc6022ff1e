"""Makes docs/cli.md from the commands' own help, docs/spec.md from the JSON Schema, docs/architecture.md's rooms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from efakit.cli.main import COMMANDS, efakit
from efakit.spec.schema import spec_schema
from scripts.rooms import architecture_table

_ARCHITECTURE = Path(__file__).resolve().parents[1] / "docs" / "architecture.md"
_ROOMS = ("<!-- rooms: made from scripts/rooms.py by python -m scripts.renew_golden -->", "<!-- end of rooms -->")
_MADE = "<!-- Made by python -m scripts.renew_golden: do not edit. -->"


_WIDTH: dict[str, Any] = {"terminal_width": 100, "max_content_width": 100}


def cli_reference() -> str:
    """Return docs/cli.md: the help of each command and subcommand."""
    parts = ["# Commands", _MADE]
    root = click.Context(efakit, info_name="efakit", **{**efakit.context_settings, **_WIDTH})
    for name in COMMANDS:
        command = efakit.get_command(root, name)
        if command is not None:
            parts += _help(command, root, name)
    return "\n\n".join(parts) + "\n"


def _help(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    # click keeps the help option as it was when a command's help was first wanted, such as by a test without "-h".
    vars(command).update(_help_option=None)
    context = click.Context(command, parent=parent, info_name=name, **_WIDTH)
    yield f"## {context.command_path}"
    yield "```\n" + command.get_help(context).rstrip() + "\n```"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _help(found, context, child)


def architecture() -> str:
    """Return docs/architecture.md with the table of rooms as it is now, between its two marks."""
    begin, end = _ROOMS
    before, _, rest = _ARCHITECTURE.read_text(encoding="utf-8").partition(begin)
    return f"{before}{begin}\n\n{architecture_table()}\n{end}{rest.partition(end)[2]}"


def spec_reference() -> str:
    """Return docs/spec.md: each key of the spec, what it may hold, its default and its meaning."""
    schema = spec_schema()
    lines = ["# The spec", "", _MADE, "", schema["description"], ""]
    lines += ["The JSON Schema: `efakit init --print-schema`. Required keys are bold.", ""]
    needs = {part["x-section"]: part["then"].get("description") for part in schema["allOf"]}
    top = {"type": "object", **{key: schema[key] for key in ("required", "properties")}}
    for title, section in {"top level": top, **schema["$defs"]}.items():
        if "properties" not in section:
            continue
        lines += [f"## {title}", ""]
        if "description" in section:
            lines += [section["description"], ""]
        if needs.get(title):
            lines += [f"With it the spec needs {needs[title]}", ""]
        lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
        lines += [_row(schema, section, key, value) for key, value in section["properties"].items()]
        lines.append("")
    return "\n".join(lines)


def _row(schema: dict[str, Any], section: dict[str, Any], key: str, value: dict[str, Any]) -> str:
    name = f"**`{key}`**" if key in section.get("required", []) else f"`{key}`"
    resolved = {**_resolve(schema, value), **value}
    default = f"`{_in_yaml(resolved['default'])}`" if "default" in resolved else ""
    meaning = str(resolved.get("description", "")).replace("|", "\\|")
    return f"| {name} | {_kind(schema, value)} | {default} | {meaning} |"


def _in_yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _resolve(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"][value["$ref"].rpartition("/")[2]] if "$ref" in value else value
    return found


def _kind(schema: dict[str, Any], value: dict[str, Any]) -> str:
    resolved = _resolve(schema, value)
    if "errorMessage" in resolved:
        return str(resolved["errorMessage"])
    if "enum" in resolved:
        return ", ".join(f"`{_in_yaml(choice)}`" for choice in resolved["enum"])
    if "$ref" in value and "properties" in resolved:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    kind = resolved.get("type")
    inner = resolved.get("additionalProperties")
    if kind == "object" and isinstance(inner, dict) and "properties" in _resolve(schema, inner):
        return f"mapping: name to {_kind(schema, inner)}"
    if kind == "array" or (isinstance(kind, list) and "array" in kind):
        return f"list: {_kind(schema, resolved['items'])}"
    names = {"object": "mapping", "string": "text", "integer": "whole number", "boolean": "true, false"}
    return names.get(str(kind), str(kind))
