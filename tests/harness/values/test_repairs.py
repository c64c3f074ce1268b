"""Repaired interpreters against a GPU's figures (h200.json), and without a repair: each is needed."""

import json
from pathlib import Path

import numpy as np
import pytest

from triton_matrix.values import dtypes, filling
from triton_matrix.values.outcomes import Outcome
from triton_matrix.values.repairs import REPAIRS
from triton_matrix.values.semantics import run, source
from triton_matrix.values.semantics.operations import Operation

FIGURES = json.loads(Path(__file__).with_name("h200.json").read_text())["rows"]
NAMES = [f"{row['expression']} | {row['x']['dtype']}" for row in FIGURES]
ROUNDED = {"fp16": 1e-3, "bf16": 1.6e-2, "fp32": 1.3e-6}  # a fused multiply-add, and a GPU's approximate functions


def operation(row):
    scalar = row["expression"].startswith(("tl.sum", "tl.max(x"))
    return Operation(row["expression"], (row["x"]["dtype"],), row["y"]["dtype"], places="0" if scalar else "i")


def launches(folder):
    """The figures' rows as launches of the language table's own kernels."""
    text, names = source.module(map(operation, FIGURES))
    (folder / "figures.py").write_text(text)
    made = []
    for name, row in zip(NAMES, FIGURES):
        args = {"a": values(row["x"]), "b": values(row["y"]), "c": values(row["x"]), "m": values(row["x"])}
        for result, dtype in (("of", "fp64"), ("oi", "i64"), ("t", "i32")):
            args[result] = {"tensor": {"dtype": dtype, "shape": [16], "fill": {"kind": "constant", "value": 0}}}
        kernel = f"{folder / 'figures.py'}:{names[row['expression'], 'pairs']}"
        launch = {
            "name": name,
            "kernel": kernel,
            "args": {**args, "s": 3, "k": 3},
            "constexprs": {"N": 16},
            "grid": [1],
        }
        made.append(launch)
    return made


def values(operand):
    dtype = dtypes.find(operand["dtype"])
    numbers = np.array([float(each) for each in operand["values"]])
    return {"tensor": {"dtype": dtype.name, "shape": [16], "fill": filling.packed(dtypes.encode(numbers, dtype))}}


@pytest.fixture(scope="module")
def results(child, tmp_path_factory):
    """Row -> its type and numbers (or its refusal), of a release, without some repairs; each is asked once."""
    known = {}

    def of(release, *without):
        if (release, *without) not in known:
            folder = tmp_path_factory.mktemp(release)
            found = child(release, folder, launches(folder), without=list(without))
            known[(release, *without)] = {name: result(found[name]) for name in NAMES}
        return known[(release, *without)]

    return of


def result(outcome: Outcome):
    if outcome.status != "computed":
        return outcome.status, None
    found = {each.argument: each for each in run.compare.written(outcome)}
    kind = list(source.CODES)[int(found["t"].bits[0]) - 1]
    return kind, found["of" if kind.startswith(("fp", "bf")) else "oi"].bits.astype(np.float64)


def as_measured(row, release, found):
    """Whether a result is what the GPU gave, bit for bit or, where that is not to be had, as near as rounding is."""
    kind, numbers = found
    figures = row["gpu"][release]
    if figures == "refused" or numbers is None:
        return figures == "refused" and kind == "error"
    wanted = np.array([float(each) for each in figures])
    if row["near"]:
        return bool(np.allclose(numbers, wanted, rtol=ROUNDED[kind], atol=0, equal_nan=True))
    if kind.startswith(("fp", "bf")):
        numbers, wanted = numbers.astype(np.float32), wanted.astype(np.float32)  # as they were written down
    return bool(np.array_equal(numbers, wanted, equal_nan=True))


@pytest.mark.parametrize("release", ["2.3.1", "3.9.0"])
def test_a_repaired_interpreter_gives_what_an_h200_gave(results, release):
    found = results(release)
    asked = [(name, row) for name, row in zip(NAMES, FIGURES) if release in row["gpu"]]
    assert len(asked) > 30
    assert [name for name, row in asked if not as_measured(row, release, found[name])] == []


@pytest.mark.parametrize(
    ("release", "repair", "wrong"),
    [
        ("3.9.0", "bf16", ["x + y | bf16", "x * 1.0009765625 + 1e-4 | bf16", "tl.sum(x, 0) | bf16"]),
        ("3.9.0", "casts", ["x.to(tl.int32) | fp32"]),
        ("3.9.0", "reductions and scans", ["tl.sum(x, 0) | fp16", "tl.cumsum(x, 0) | fp16"]),
        ("3.3.1", "NaN in minimum, maximum and clamp", ["tl.maximum(x, y) | fp32"]),
        ("3.3.1", "int1", ["(~(x > 0)).to(tl.int32) + (-(x > 0).to(tl.int8)).to(tl.int32) | fp32"]),
        ("2.3.1", "operations that 2.3.1 lacks", ["x // y | i32", "x % y | i32", "tl.maximum(x, y) | fp32"]),
    ],
)
def test_without_a_repair_the_figures_are_missed(results, release, repair, wrong):
    measured = {"3.3.1": "3.6.0"}.get(release, release)  # the nearest release that was measured
    rows = dict(zip(NAMES, FIGURES))
    assert [name for name in wrong if not as_measured(rows[name], measured, results(release)[name])] == []
    assert [name for name in wrong if as_measured(rows[name], measured, results(release, repair)[name])] == []


def test_every_repair_says_for_which_releases_it_is_why_and_what_it_was_held_against():
    rows = [repair.row for repair in REPAIRS]
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.why and row.held_against for row in rows)
    assert all(any(row.covers(release) for release in ("2.3.1", "3.0.0", "3.4.0", "3.9.0")) for row in rows)
    old = next(row for row in rows if row.name == "operations that 2.3.1 lacks")
    assert (old.covers("2.3.1"), old.covers("3.0.0")) == (True, False)
