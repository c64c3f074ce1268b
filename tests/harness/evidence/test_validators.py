"""Content is held against schemas as jsonschema does it, but more quickly."""

import json

import pytest

from triton_matrix.evidence import validators

jsonschema = pytest.importorskip("jsonschema", reason="needs constraints/report.txt: `nox -s check` has it")

INNER = {"type": ["integer", "null"], "description": "said of it"}
SCHEMA = {
    "type": "object",
    "properties": {
        "a": INNER,
        "b": {"type": "array", "items": {"type": "number"}},
        "c": {"type": "integer", "minimum": 0},
    },
    "additionalProperties": {"type": "string"},
}
SAID = [
    {"a": 1, "b": [1, 0.5], "c": 0, "d": "x"},
    {"a": None, "b": [], "c": 2.0},
    {"a": True},
    {"a": 0.5},
    {"b": [1, "2"]},
    {"b": {"x": 1}},
    {"c": -1},
    {"d": "x", "e": 1, "a": []},
    [],
    "text",
]


def problems(validator, content):
    return sorted((each.json_path, each.message) for each in validator.iter_errors(content))


@pytest.mark.parametrize("content", SAID, ids=json.dumps)
def test_what_is_wrong_is_what_jsonschema_says(content, tmp_path):
    (tmp_path / "some.schema.json").write_text(json.dumps(SCHEMA))
    ours = problems(validators.of(tmp_path / "some.schema.json"), content)
    assert ours == problems(jsonschema.Draft202012Validator(SCHEMA), content)
    assert bool(ours) == (content not in SAID[:2])
