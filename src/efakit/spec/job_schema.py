"""The parts of the spec's schema that follow from the catalog: a template's keys, sbatch's options, enforced rules."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from efakit.catalog.enforceable import ENFORCEABLE, ENFORCED_BY_DEFAULT, RENAMED
from efakit.catalog.job_templates import JOB_TEMPLATES, OWN_KEYS, template_names
from efakit.catalog.sbatch_options import SBATCH_OPTIONS, SbatchOption, decided_options

_LINE = {"type": "string", "pattern": "^[^\\x00-\\x1f\\x7f]+$"}
_KINDS: dict[str, dict[str, Any]] = {
    "text": {**_LINE, "type": ["string", "number"], "errorMessage": "one line of text, or a number"},
    "number": {"type": "integer"},
    "flag": {"type": "boolean"},
    "time": {"$ref": "#/$defs/time_limit"},
    "list": {
        "anyOf": [{**_LINE, "type": ["string", "number"]}, {"type": "array", "minItems": 1, "items": _LINE}],
        "errorMessage": "one line of text, or a list of such lines",
    },
}


def complete(schema: dict[str, Any]) -> None:
    """Add to the schema what the catalog's rows say."""
    enforce = schema["$defs"]["hooks"]["properties"]["enforce"]
    enforce["items"]["enum"], enforce["default"] = list(ENFORCEABLE), list(ENFORCED_BY_DEFAULT)
    enforce["items"]["x-instead"] = {old: _renamed(new) for old, new in RENAMED.items()}
    job = schema["$defs"]["job"]
    job["properties"]["template"]["enum"] = list(template_names())
    job["allOf"] = [_condition(row.name, row.keys, row.required) for row in JOB_TEMPLATES]
    options = schema["$defs"]["slurm_options"]
    options["properties"] = {row.key: _option(row) for row in SBATCH_OPTIONS} | options["properties"]
    # Not a keyword of JSON Schema: what to write in place of a key that is not allowed.
    options["x-instead"] = {row.key: row.instead for row in decided_options().values()}


def _renamed(rule: str) -> str:
    use = "write that" if rule in ENFORCEABLE else "it never fails a prolog: remove it"
    return f"the rule is now called {rule}; {use}"


def with_templates(schema: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the schema with templates of the user's own beside the built-in ones."""
    wider = deepcopy(schema)
    known = wider["$defs"]["job"]["properties"]["template"]["enum"]
    known += [name for name in names if name not in known]
    return wider


def _condition(name: str, keys: tuple[str, ...], required: tuple[str, ...]) -> dict[str, Any]:
    then: dict[str, Any] = {"properties": {key: {"not": {}} for key in OWN_KEYS if key not in keys}}
    if required:
        then["required"] = list(required)
    return {"if": {"properties": {"template": {"const": name}}, "required": ["template"]}, "then": then}


def _option(row: SbatchOption) -> dict[str, Any]:
    return {"description": f"{row.what}.", **_KINDS[row.kind]}
