"""The whole table against one schema: each wrong value is one sentence with row, key, value and what is allowed."""

import importlib.util
import json
from dataclasses import fields

import pytest

from triton_matrix.base import cells, files, schema

ROW = '[cell.new]\npython = "3.11"\ntorch = "2.7.1"\ntriton = "3.3.1"\nplatforms = ["cuda"]\nwhy = "a reason"\n'
WRONG = {
    "torch is a number": (ROW.replace('"2.7.1"', "2.3"), "[cell.new]: torch is 2.3; allowed is a release in quotes"),
    "triton is a number": (ROW.replace('"3.3.1"', "3.3"), "[cell.new]: triton is 3.3; allowed is"),
    "torch is a range": (ROW.replace('"2.7.1"', '">=2.7"'), '[cell.new]: torch is ">=2.7"; allowed is'),
    "why is a number": (ROW.replace('"a reason"', "3"), "[cell.new]: why is 3; allowed is one line of text"),
    "why is empty": (ROW.replace('"a reason"', '" "'), '[cell.new]: why is " "; allowed is one line of text'),
    "requires is a string": (ROW + 'requires = "numpy"\n', '[cell.new]: requires is "numpy"; allowed is a list'),
    "a requirement is a number": (ROW + "requires = [1]\n", "[cell.new]: requires[0] is 1; allowed is a requirement"),
    "a requirement is an option": (ROW + 'requires = ["--pre"]\n', '[cell.new]: requires[0] is "--pre"; allowed is'),
    "python is a number": (ROW.replace('"3.11"', "3.11"), "[cell.new]: python is 3.11; allowed is major.minor"),
    "python is a patch release": (ROW.replace('"3.11"', '"3.11.7"'), '[cell.new]: python is "3.11.7"; allowed is'),
    "platforms is a string": (ROW.replace('["cuda"]', '"cuda"'), '[cell.new]: platforms is "cuda"; allowed is a list'),
    "platforms is empty": (ROW.replace('["cuda"]', "[]"), "[cell.new]: platforms is []; allowed is a list with one"),
    "a platform is unknown": (ROW.replace('["cuda"]', '["metal"]'), '[cell.new]: platforms[0] is "metal"; allowed is'),
    "gaps is a table": (ROW + 'gaps = { level = "device" }\n', '[cell.new]: gaps is {"level": "device"}; allowed is'),
    "a gap is a string": (ROW + 'gaps = ["bf16"]\n', '[cell.new]: gaps[0] is "bf16"; allowed is { level'),
    "a gap lacks a key": (
        ROW + 'gaps = [{ level = "device", feature = "x" }]\n',
        "[cell.new]: gaps[0]: the key 'reason' is missing",
    ),
    "a gap's reason is a number": (
        ROW + 'gaps = [{ level = "device", feature = "x", reason = 3 }]\n',
        "[cell.new]: gaps[0].reason is 3; allowed is one line of text",
    ),
    "a row is no table": ('cell.new = "3.3.1"\n', '[cell.new] is "3.3.1"; allowed is a row of key = value'),
    "the cells are no table": ("cell = 3\n", "[cell] is 3; allowed is rows"),
    "a cell's name climbs": (
        ROW.replace("cell.new", 'cell."../../x"'),
        '[cell."../../x"]: the name is "../../x"; allowed is letters',
    ),
    "a cell's name is empty": (ROW.replace("cell.new", 'cell.""'), '[cell.""]: the name is ""; allowed is letters'),
    "a cell's name is a dot": (ROW.replace("cell.new", 'cell."."'), '[cell."."]: the name is "."; allowed is letters'),
    "a cell's name has a space": (ROW.replace("cell.new", 'cell."a b"'), '[cell."a b"]: the name is "a b"'),
    "a cell's name has an escape": (ROW.replace("cell.new", 'cell."a\\u001b"'), 'the name is "a\\u001b"; allowed is'),
    "a cell's name is that of the atlas's folder": (
        ROW.replace("cell.new", "cell.codegen"),
        '[cell.codegen]: the name is "codegen"; allowed',
    ),
    "a cell's name is that of a folder which is not read": (
        ROW.replace("cell.new", "cell.launches"),
        '[cell.launches]: the name is "launches"; allowed',
    ),
    "a cell's name is a row's that ambient has in a report": (
        ROW.replace("cell.new", "cell.ambient-3"),
        '[cell.ambient-3]: the name is "ambient-3"; allowed',
    ),
    "a cell's name is a group's": (ROW.replace("cell.new", "cell.check"), '[cell.check]: the name is "check"; allowed'),
    "a release is no version": (ROW + "[release]\nnewest = {}\n", '[release.newest]: the name is "newest"; allowed is'),
    "a release is a string": (ROW + '[release]\n"3.8.0" = "3.11"\n', '[release."3.8.0"] is "3.11"; allowed is a row'),
    "a release's torch is a number": (
        ROW + '[release]\n"3.8.0" = { python = "3.11", torch = 2 }\n',
        '[release."3.8.0"]: torch is 2; allowed is',
    ),
    "a runner is a string": (
        ROW + '[platform.cuda]\nrunner = "linux"\n',
        '[platform.cuda]: runner is "linux"; allowed is a list of labels',
    ),
    "a platform's key is unknown": (ROW + "[platform.cuda]\nlabels = []\n", "[platform.cuda]: unknown key 'labels'"),
    "the package is a string": ('package = "x"\n' + ROW, '[package] is "x"; allowed is a row of key = value'),
    "the package's tests are a string": (ROW + '[package]\ntest = "pytest"\n', '[package]: test is "pytest"; allowed'),
    "a hook climbs": (
        ROW + '[package]\nplatform = "../x.py"\n',
        '[package]: platform is "../x.py"; allowed is the path',
    ),
    "a hook has no function": (ROW + '[package]\natlas = "a.py"\n', '[package]: atlas is "a.py"; allowed is path/to'),
    "a subject's suites are a string": (
        ROW + '[package.subject]\nsuites = "x"\n',
        '[package.subject]: suites is "x"; allowed is a list',
    ),
    "an index is a folder": (ROW + 'index = "wheels"\n', '[cell.new]: index is "wheels"; allowed is the address'),
    "a date": (ROW.replace('"3.11"', "2026-11-25"), '[cell.new]: python is "2026-11-25"; allowed is major.minor'),
    "a torch without its triton": ('[cell.a]\nplatforms = ["cuda"]\nwhy = "w"\ntorch = "2.7.1"\n', "needs triton too"),
    "a nightly without its index": (ROW.replace('"2.7.1"', '"nightly"'), "such a row needs index too"),
}


@pytest.fixture
def problem_of(tmp_path):
    """Write a table and give the sentence that it is refused with."""

    def write(text):
        path = tmp_path / "constraints" / "cells.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        with pytest.raises(ValueError, match=r"^cells\.toml ") as caught:
            cells.load(path)
        return str(caught.value)

    return write


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_one_sentence_with_row_key_value_and_what_is_allowed(problem_of, name):
    text, said = WRONG[name]
    problem = problem_of(text)
    assert said in problem
    assert "\n" not in problem


def test_a_password_in_a_bad_address_is_not_said(problem_of):
    assert "secret" not in problem_of(ROW + 'index = "https://me:secret@host:port/x"\n')


ASKED = ("tags", "of_python", "variant", "install", "index", "switches")  # of a Triton that a command names


def test_the_rows_that_are_read_have_the_keys_that_the_schema_allows():
    rows = schema.SCHEMA["properties"]
    for keys, kind, given in (
        (rows["cell"]["additionalProperties"], cells.Cell, {"name"}),
        (rows["release"]["additionalProperties"], cells.Release, {"triton", *ASKED}),
        (rows["variant"]["additionalProperties"], cells.Variant, {"name"}),
        (rows["package"], cells.Package, set()),
        (rows["cell"]["additionalProperties"]["properties"]["gaps"]["items"], cells.Gap, set()),
    ):
        assert set(keys["properties"]) == {each.name for each in fields(kind)} - given


def test_the_schema_for_editors_is_the_one_that_the_table_is_read_with():
    kept = cells.find_root() / "constraints" / "cells.schema.json"
    assert json.loads(kept.read_text()) == schema.SCHEMA, "`python -m triton_matrix.base.schema` prints it"


@pytest.mark.skipif(importlib.util.find_spec("jsonschema") is None, reason="needs jsonschema")
def test_a_json_schema_library_refuses_and_allows_the_same_tables(tmp_path):
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema.SCHEMA)
    validator.check_schema(schema.SCHEMA)
    ours = files.read_toml(cells.find_root() / "constraints" / "cells.toml", "the table")
    assert not list(validator.iter_errors(ours))
    path = tmp_path / "cells.toml"
    for name, (text, _) in WRONG.items():
        path.write_text(text)
        table = files.read_toml(path, "the table")
        assert bool(list(validator.iter_errors(table))) == (schema.trouble(table) is not None), name
