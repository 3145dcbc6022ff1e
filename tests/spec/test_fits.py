"""The quick answer about a spec is the validator's own."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from efakit.spec.fits import surely_fits
from efakit.spec.schema import spec_schema
from efakit.spec.yamltext import Document

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
SPECS = [path for path in sorted((ROOT / "cluster-configs").glob("*.yaml")) if ".cluster." not in path.name]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 70000), st.floats(allow_nan=False), st.sampled_from(["", "a", "p5", "-x"])
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner))


def search(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def fits(schema: Any, data: Any) -> bool:
    return surely_fits(schema, data, search)


def valid(schema: Any, data: Any) -> bool:
    return bool(Draft202012Validator(schema).is_valid(data))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_ready_spec_is_answered_at_once(path):
    assert fits(spec_schema(), Document(path, path.read_text()).data)


def places(data: Any, *keys: Any) -> list[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [keys, *(place for key, value in inner for place in places(value, *keys, key))]


@given(st.data())
def test_a_spec_in_which_something_is_another_value_is_judged_as_the_validator_judges_it(data):
    path = data.draw(st.sampled_from(SPECS))
    changed = copy.deepcopy(Document(path, path.read_text()).data)
    *above, last = data.draw(st.sampled_from([place for place in places(changed) if place]))
    holder = changed
    for key in above:
        holder = holder[key]
    if data.draw(st.booleans()):
        holder[last] = data.draw(VALUES)
    elif isinstance(holder, dict):
        holder[data.draw(st.text(max_size=3))] = holder.pop(last)
    assert fits(spec_schema(), changed) == valid(spec_schema(), changed)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"type": ["string", "null"]},
        {"enum": [1, "a", False]},
        {"const": True},
        {"not": {"type": "integer"}},
        {"oneOf": [{"type": "integer"}, {"minimum": 3}]},
        {"anyOf": [{"maximum": 3}, {"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "null"}}]},
        {"if": {"type": "integer"}, "then": {"minimum": 2}},
        {"propertyNames": {"pattern": "^a"}, "additionalProperties": {"type": "integer"}},
        {"required": ["a"], "properties": {"a": False}},
        {"type": "array", "items": {"type": "number"}, "uniqueItems": True},
    ],
    ids=str,
)
@given(VALUES)
def test_each_keyword_means_what_the_validator_means(schema, data):
    assert fits(schema, data) == valid(schema, data)


def test_a_keyword_that_is_not_known_here_is_left_to_the_validator():
    assert not fits({"maxLength": 3}, "a")
    assert not fits({"not": {"maxLength": 3}}, "abcd")


def test_a_right_spec_is_loaded_without_the_validator():
    script = (
        "import sys; from pathlib import Path; from efakit.spec.load import load_spec;"
        "load_spec(Path(sys.argv[1])); print('jsonschema' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, SPECS[0]], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
