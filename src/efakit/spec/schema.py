"""Checks data against the spec's JSON Schema and says what is wrong in words of the spec."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from efakit.finding import Finding
from efakit.nearness import by_nearness, choice, nearest
from efakit.printable import as_written
from efakit.spec.fits import surely_fits
from efakit.spec.job_schema import complete, with_templates
from efakit.spec.sections import sections
from efakit.spec.yamltext import Document

_SOURCE = "docs/spec.md"
# Not a keyword of JSON Schema: the section whose needs a part of the schema says.
_SECTION = "x-section"
_TYPE_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
    "boolean": "true or false",
}


def spec_schema() -> dict[str, Any]:
    """Return the published JSON Schema (draft 2020-12): the common parts, and each section's own."""
    return _schema(tuple(sections()))


@lru_cache(maxsize=2)
def _schema(names: tuple[str, ...]) -> dict[str, Any]:
    text = files("efakit.spec").joinpath("spec.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    complete(schema)
    schema["allOf"] = []
    for name in names:
        section = sections()[name]
        taken = set(section.defs) & set(schema["$defs"])
        if taken:
            raise ValueError(f"section {name!r}: the definitions {', '.join(sorted(taken))} are others' already")
        schema["$defs"].update(section.defs)
        schema["properties"][name] = {"$ref": f"#/$defs/{name}"}
        schema["allOf"].append({"if": {"required": [name]}, "then": section.needs, _SECTION: name})
    return schema


_MOST_KEYS = 100
"""Of the unknown keys of one mapping: a file that has more is no spec."""


def schema_faults(document: Document, templates: Iterable[str] = ()) -> list[Finding]:
    """Return what the schema has against a document; empty where it is fine.

    ``templates`` are the names of job templates of the user's own. A number, true or false where only text is allowed
    is taken as the file spells it: ``env: {X: 1}``, ``version: 3.10``. The document's data then hold that text.
    """
    names = tuple(templates), tuple(sections())
    if surely_fits(_wider(*names), document.data, _text_fits):
        return []
    validator = _validator(*names)
    found = list(validator.iter_errors(document.data))
    if _spelled_out(document, found):
        found = list(validator.iter_errors(document.data))
    # Of a text that two patterns refuse, the common one and a section's, the section's is told: it allows less.
    single = {
        (error.json_path, error.validator if error.validator == "pattern" else id(error)): error for error in found
    }
    errors = sorted(single.values(), key=lambda error: list(map(str, error.path)))
    return [fault.replaced(source=_SOURCE) for error in errors for fault in _faults(document, error)]


def _spelled_out(document: Document, errors: Iterable[Any]) -> bool:
    """Put the file's spelling in the place of each scalar that must be text; return whether there was one."""
    changed = False
    for error in errors:
        changed |= _spelled_out(document, error.context or ())
        keys, value = list(error.absolute_path), error.instance
        if not keys or not isinstance(value, (bool, int, float)):
            continue
        text = document.spelling(keys)
        if text is not None and _is_text(error, text):
            holder = document.data
            for key in keys[:-1]:
                holder = holder[key]
            holder[keys[-1]] = text
            changed = True
    return changed


def _is_text(error: Any, text: str) -> bool:
    """Return whether a scalar was refused only since it is no text."""
    wanted = error.validator_value
    return (error.validator == "type" and "string" in wanted) or (error.validator == "enum" and text in wanted)


def _faults(document: Document, error: Any) -> Iterator[Finding]:
    keys, value, at = list(error.absolute_path), error.instance, document.fault
    if error.validator == "additionalProperties":
        unknown = [str(key) for key in value if key not in error.schema.get("properties", {})]
        for key in unknown[:_MOST_KEYS]:
            rule, message, fix = _moved(key, error, document) or _unknown(key, error.schema)
            yield at(rule, [*keys, key], message, fix, at_key=True, of=keys)
        if left := unknown[_MOST_KEYS:]:
            message = f"{len(left)} more unknown keys"
            yield at("unknown-key", [*keys, left[0]], message, "name a spec of efakit's", at_key=True, of=keys)
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in value:
                yield at("missing-key", keys, f"the key {key!r} is missing{_needed_by(error)}", f"add {key}")
    elif error.validator == "not" and "required" in error.validator_value:
        both = " and ".join(map(repr, error.validator_value["required"]))
        yield at("exclude-each-other", keys, f"only one of the keys {both} is allowed", "remove one of them")
    elif error.validator == "not":  # the key belongs to another kind of it
        kind = "job's template" if keys[0] == "jobs" else "kind of storage"
        yield at("option-of-another-kind", keys, f"not an option of this {kind}", "remove it", at_key=True)
    elif error.validator in ("oneOf", "anyOf") and "required" in error.validator_value[0]:
        names = [name for allowed in error.validator_value for name in allowed["required"]]
        message = f"exactly one of the keys {' and '.join(map(repr, names))} is needed{_needed_by(error)}"
        yield at("missing-key", keys, message, f"add {' or '.join(names)}")
    elif "propertyNames" in error.absolute_schema_path:
        message, (_, fix) = f"{value!r} is not a valid name here", _allowed(error)
        yield at("value-not-allowed", [*keys, value], message, fix, at_key=True, of=keys)
    else:
        rule = "wrong-type" if error.validator == "type" else "value-not-allowed"
        allowed, fix = _allowed(error)
        yield at(rule, keys, f"{_shown(value)} is not {allowed}", fix)


def _moved(key: str, error: Any, document: Document) -> tuple[str, str, str] | None:
    """Return the fault of an older spec's key: rule, message, and where it stands now; None for any other key."""
    place = error.schema.get("x-moved", {}).get(key)
    if place is None:
        return None
    names = {"QUEUE": "QUEUE", "RESOURCE": "RESOURCE"}
    part = document.data
    for step in error.absolute_path:
        part = part[step]
        if isinstance(step, int) and isinstance(part.get("name"), str):
            names["RESOURCE" if "RESOURCE" in place and names["QUEUE"] != "QUEUE" else "QUEUE"] = part["name"]
    written = ".".join(names.get(word, word) for word in place.split("."))
    return "key-moved", f"{key!r} has moved", f"write it as {written}"


def _needed_by(error: Any) -> str:
    """Return which section of the spec asks for what is missing, an empty text where every spec needs it."""
    path = list(error.absolute_schema_path)
    return f" (the section {spec_schema()['allOf'][path[1]][_SECTION]!r} needs it)" if path[:1] == ["allOf"] else ""


def _unknown(key: str, schema: dict[str, Any]) -> tuple[str, str, str]:
    """Return the fault of a key that no spec has here: rule, message and what to do."""
    instead = schema.get("x-instead", {}).get(key)
    if instead:
        return "option-decided", f"{key!r} is not allowed here", instead
    return "unknown-key", f"unknown key {key!r}", choice(key, by_nearness(key, schema.get("properties", {})), "allowed")


@lru_cache(maxsize=4)
def _validator(templates: tuple[str, ...], names: tuple[str, ...]) -> Any:
    """Return the validator, with patterns as ``_text_fits`` has them."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(_: Any, wanted: str, instance: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not _text_fits(wanted, instance):
            yield ValidationError(f"{instance!r} does not match {wanted!r}")

    kind: Any = validators
    return kind.extend(Draft202012Validator, {"pattern": pattern})(_wider(templates, names))


def _wider(templates: tuple[str, ...], names: tuple[str, ...]) -> dict[str, Any]:
    return with_templates(_schema(names), templates) if templates else _schema(names)


def _text_fits(pattern: str, text: str) -> bool:
    """Return whether a pattern holds, its $ being the end of the text, as JSON Schema has it.

    In Python it would match before a newline at the end too, and a name with a newline would pass.
    """
    return re.search(pattern.replace("$", r"\Z"), text) is not None


def _allowed(error: Any) -> tuple[str, str]:
    """Return what a value is not, and what to write."""
    wanted = error.validator_value
    if error.validator == "type":
        types = " or ".join(_TYPE_NAMES[name] for name in ([wanted] if isinstance(wanted, str) else wanted))
        return types, f"write {types}"
    if "errorMessage" in error.schema:
        return "allowed", f"write {error.schema['errorMessage']}"
    if error.validator == "enum":
        words = list(map(str, wanted))
        instead = error.schema.get("x-instead", {}).get(str(error.instance))
        if instead:
            return f"one of {', '.join(words)}", instead
        return f"one of {', '.join(words)}", nearest(error.instance, words).removeprefix("; ") or "write one of them"
    if error.validator in ("minimum", "maximum"):
        least = error.validator == "minimum"
        return f"at {'least' if least else 'most'} {wanted}", f"write {wanted} or {'more' if least else 'less'}"
    if error.validator == "minItems":
        return f"long enough: it needs at least {wanted}", "add what is missing"
    if error.validator == "maxItems":
        return f"allowed: at most {wanted} are", "shorten it"
    if error.validator == "uniqueItems":
        return "allowed: it contains a duplicate item", "remove one of them"
    # jsonschema's own words begin with the value as Python writes it.
    said = error.message.replace(repr(error.instance), _shown(error.instance))
    return f"allowed: {said}", "write another value"


def _shown(value: object) -> str:
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    return as_written(value)
