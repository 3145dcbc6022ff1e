"""What only the JSON of ``scontrol show node`` has without free text around it, and the forms that JSON takes.

A number is a number in 22.05, and ``{set, infinite, number}`` from 23.02 on; a state is a text with its flags apart in
22.05, and a list from 23.02 on; a list is a text with commas in 22.05. Where a release has no JSON here, or no such
field, nothing is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from efakit.slurm.job import SourceError


def text(value: Any) -> str | None:
    """Return a text, None for an empty one."""
    return value if isinstance(value, str) and value else None


def number(value: Any) -> int | None:
    """Return a number, None for one that is not set or has no end."""
    if isinstance(value, Mapping):
        value = value.get("number") if value.get("set") and not value.get("infinite") else None
    return value if type(value) is int else None


def words(value: Any) -> tuple[str, ...]:
    """Return a list of words, from a list or from a text with commas."""
    listed = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(word for word in listed if isinstance(word, str) and word)


class JsonField(NamedTuple):
    """One field of a node: its name in efakit, its name in JSON, how it is read, and the first release that has it."""

    field: str
    key: str
    read: Callable[[Any], Any]
    since: str = ""


NODE_FIELDS = (
    JsonField("name", "name", text),
    JsonField("state", "state", words),
    JsonField("state_flags", "state_flags", words),  # until 22.05; then among the states
    JsonField("features", "features", words),
    JsonField("partitions", "partitions", words),
    JsonField("cpus", "cpus", number),
    JsonField("memory_mib", "real_memory", number),
    JsonField("reason", "reason", text),
    JsonField("instance_type", "instance_type", text, since="23.11"),
)


def parse_node_json(output: str) -> list[dict[str, Any]]:
    """Return the nodes of ``scontrol --json show node`` (22.05: of ``sinfo --json``) as fields by name.

    Raises:
        SourceError: it is no such document.
    """
    try:
        nodes = json.loads(output)["nodes"]
        return [{field.field: field.read(node.get(field.key)) for field in NODE_FIELDS} for node in nodes]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"output of an unexpected form: {output[:200]!r}") from error
