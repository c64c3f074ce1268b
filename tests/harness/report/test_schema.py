"""The schema of matrix.json is made from the types, and what the report writes is of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
import jsonschema

from triton_matrix.base.cells import find_root
from triton_matrix.report import schema

ROOM = find_root() / "triton_matrix"
KEPT = Path(schema.__file__).with_name("matrix.schema.json")


def test_the_schema_that_is_kept_is_the_one_that_the_types_make():
    made = json.dumps(schema.of_matrix(), indent=1) + "\n"
    assert KEPT.read_text() == made, f"run: python -m triton_matrix.report.schema > {KEPT.name}"


@pytest.mark.parametrize("path", sorted(ROOM.rglob("*.schema.json")), ids=lambda path: path.name)
def test_what_the_report_takes_for_a_schema_is_one(path):
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


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


def test_the_example_in_the_docs_is_what_the_report_writes(report, copy):
    example = json.loads((find_root() / "docs" / "matrix.example.json").read_text(encoding="utf-8"))
    copy("num_warps", ("triton231",))
    reports = copy("none", ("triton3x",))
    found = report(reports)
    written = (found["out"] / "matrix.json").read_text().replace(str(reports), "reports")
    assert shortened(json.loads(written), example) == example


def shortened(whole, like):
    """``whole`` without what ``like`` leaves out, where it says so with ``...``."""
    if isinstance(like, dict) and "..." in like:
        return {**{key: shortened(whole[key], like[key]) for key in like if key != "..."}, "...": "..."}
    if isinstance(like, dict):
        return {key: shortened(value, like[key]) for key, value in whole.items()}
    if isinstance(like, list) and like[-1:] == ["..."]:
        return [*map(shortened, whole, like[:-1]), "..."]
    if isinstance(like, list):
        return [shortened(value, each) for value, each in zip(whole, like, strict=True)]
    if isinstance(like, str) and like.endswith("..."):
        return f"{whole[: len(like) - 3]}..."
    return whole
