"""The schema of matrix.json is made from the types, and what the report writes is of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
import jsonschema

from triton_matrix.report import schema

KEPT = Path(schema.__file__).with_name("matrix.schema.json")


def test_the_schema_that_is_kept_is_the_one_that_the_types_make():
    made = json.dumps(schema.of_matrix(), indent=1) + "\n"
    assert KEPT.read_text() == made, f"run: python -m triton_matrix.report.schema > {KEPT.name}"


@pytest.mark.parametrize(
    "change",
    [
        {"status": 3},
        {"schema": "triton-matrix/matrix/9"},
        {"cells": {"x": {}}},
        {"failures": [{"cause": "weather"}]},
    ],
)
def test_what_is_no_matrix_is_refused(change, report, recorded):
    found = report(recorded / "none")
    content = json.loads((found["out"] / "matrix.json").read_text())
    jsonschema.validate(content, schema.of_matrix())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, **change}, schema.of_matrix())


def test_a_level_that_is_none_is_refused(report, recorded):
    found = report(recorded / "none")
    content = json.loads((found["out"] / "matrix.json").read_text())
    levels = content["cells"]["triton231"]["levels"]
    levels["simulator"] = levels.pop("interpreter")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema.of_matrix())
