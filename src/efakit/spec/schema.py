"""Checks data against the spec's JSON Schema and says what is wrong in words of the spec."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from efakit.spec.job_schema import complete, with_templates
from efakit.spec.sections import sections
from efakit.spec.yamltext import Document, KeyPath

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


def schema_problems(document: Document, templates: Iterable[str] = ()) -> list[str]:
    """Return what the schema has against a document, one line each with its place; empty where it is fine.

    ``templates`` are the names of job templates of the user's own.
    """
    found = _validator(tuple(templates), tuple(sections())).iter_errors(document.data)
    # Of a text that two patterns refuse, the common one and a section's, the section's is told: it allows less.
    single = {
        (error.json_path, error.validator if error.validator == "pattern" else id(error)): error for error in found
    }
    errors = sorted(single.values(), key=lambda error: list(map(str, error.path)))
    return list(dict.fromkeys(problem for error in errors for problem in _explain(document, error)))


def by_nearness(word: object, words: Iterable[str]) -> list[str]:
    """Return ``words`` in alphabetical order, but the nearest to ``word`` first."""
    listed = sorted(words)
    from difflib import get_close_matches  # only where there is a fault

    close = get_close_matches(str(word), listed, n=3, cutoff=0.6)
    return close + [name for name in listed if name not in close]


def nearest(word: object, words: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` where one of ``words`` is near, an empty text otherwise."""
    from difflib import get_close_matches  # only where there is a fault

    close = get_close_matches(str(word), list(words), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def spell(keys: KeyPath) -> str:
    """Return a path in the spec as people write it: cluster.queues[0].name."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text or "the spec"


def _explain(document: Document, error: Any) -> Iterator[str]:
    keys = list(error.absolute_path)
    place, field, value = document.where(keys), spell(keys), error.instance
    if error.validator == "additionalProperties":
        for key in [str(key) for key in value if key not in error.schema.get("properties", {})]:
            where = document.where([*keys, key], at_key=True)
            yield f"{where}: {field}: {_moved(key, error, document) or _unknown(key, error.schema)}"
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in value:
                yield f"{place}: {field}: the key {key!r} is missing{_needed_by(error)}"
    elif error.validator == "not" and "required" in error.validator_value:
        names = " and ".join(map(repr, error.validator_value["required"]))
        yield f"{place}: {field}: only one of the keys {names} is allowed"
    elif error.validator == "not":  # the key belongs to another kind of it
        kind = "job's template" if keys[0] == "jobs" else "kind of storage"
        yield f"{document.where(keys, at_key=True)}: {field}: not an option of this {kind}"
    elif error.validator in ("oneOf", "anyOf") and "required" in error.validator_value[0]:
        keyed = [repr(name) for choice in error.validator_value for name in choice["required"]]
        needed = f"exactly one of the keys {' and '.join(keyed)} is needed"
        yield f"{place}: {field}: {needed}{_needed_by(error)}"
    elif "propertyNames" in error.absolute_schema_path:
        yield f"{document.where([*keys, value], at_key=True)}: {field}: {value!r} is not a name that is allowed here"
    else:
        yield f"{place}: {field}: {_shown(value)} is not {_allowed(error)}{_near(error)}"


def _moved(key: str, error: Any, document: Document) -> str:
    """Return where a key of an older spec stands now, an empty text for a key that no spec ever had here."""
    place = error.schema.get("x-moved", {}).get(key)
    if place is None:
        return ""
    names = {"QUEUE": "QUEUE", "RESOURCE": "RESOURCE"}
    part = document.data
    for step in error.absolute_path:
        part = part[step]
        if isinstance(step, int) and isinstance(part.get("name"), str):
            names["RESOURCE" if "RESOURCE" in place and names["QUEUE"] != "QUEUE" else "QUEUE"] = part["name"]
    return f"{key!r} has moved; write it as {'.'.join(names.get(word, word) for word in place.split('.'))}"


def _needed_by(error: Any) -> str:
    """Return which section of the spec asks for what is missing, an empty text where every spec needs it."""
    path = list(error.absolute_schema_path)
    return f" (the section {spec_schema()['allOf'][path[1]][_SECTION]!r} needs it)" if path[:1] == ["allOf"] else ""


def _unknown(key: str, schema: dict[str, Any]) -> str:
    instead = schema.get("x-instead", {}).get(key)
    if instead:
        return f"{key!r} is not given here: {instead}"
    allowed = schema.get("properties", {})
    return f"unknown key {key!r}{nearest(key, allowed)} (allowed: {', '.join(by_nearness(key, allowed))})"


@lru_cache(maxsize=4)
def _validator(templates: tuple[str, ...], names: tuple[str, ...]) -> Any:
    """Return the validator, in whose patterns $ is the end of the text, as JSON Schema has it.

    In Python it would match before a newline at the end too, and a name with a newline would pass.
    """
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(_: Any, wanted: str, instance: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not re.search(wanted.replace("$", r"\Z"), instance):
            yield ValidationError(f"{instance!r} does not match {wanted!r}")

    kind: Any = validators
    return kind.extend(Draft202012Validator, {"pattern": pattern})(with_templates(_schema(names), templates))


def _allowed(error: Any) -> str:
    wanted = error.validator_value
    if error.validator == "type":
        names = [wanted] if isinstance(wanted, str) else wanted
        return " or ".join(_TYPE_NAMES[name] for name in names)
    if "errorMessage" in error.schema:
        return f"allowed: it must be {error.schema['errorMessage']}"
    if error.validator == "enum":
        return f"one of {', '.join(map(str, wanted))}"
    if error.validator in ("minimum", "maximum"):
        return f"{'at least' if error.validator == 'minimum' else 'at most'} {wanted}"
    if error.validator == "minItems":
        return f"long enough: at least {wanted} is needed"
    return f"allowed: {error.message}"


def _near(error: Any) -> str:
    return nearest(error.instance, map(str, error.validator_value)) if error.validator == "enum" else ""


def _shown(value: object) -> str:
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    text = json.dumps(value) if isinstance(value, bool) or value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
