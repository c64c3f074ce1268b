"""A launch's description: what is made of it, what is refused, and which programs run."""

import re

import numpy as np
import pytest

from triton_matrix.values import arrays, description, dtypes, filling

COPY = {"name": "copy", "kernel": "mine.py:copy", "grid": [2]}


def test_tensors_that_name_a_storage_share_it_and_the_first_one_fills_it():
    fill = {"kind": "count"}
    args = {
        "x": {"tensor": {"dtype": "fp32", "shape": [4], "storage": "s", "fill": fill}},
        "y": {"tensor": {"dtype": "i32", "shape": [3], "strides": [2], "offset": 2, "storage": "s"}},
    }
    made = description.prepared({**COPY, "args": args})
    assert made.tensors["x"].storage is made.tensors["y"].storage
    assert made.tensors["x"].storage.size == 28  # as far as the farther one reaches
    assert made.tensors["x"].array.tolist() == [0, 1, 2, 3]
    assert made.tensors["y"].array.tolist()[0] == np.float32(2).view(np.int32)


def test_scalars_types_and_tuples_become_what_a_launch_passes():
    args = {"n": 7, "eps": {"number": "nan"}, "pair": {"tuple": [1, {"tensor": {"dtype": "i8", "shape": [2]}}]}}
    made = description.prepared({**COPY, "args": args, "constexprs": {"T": {"dtype": "bf16"}, "flag": None}})
    assert made.args["n"] == 7
    assert np.isnan(made.args["eps"])
    assert made.args["pair"][1] is made.tensors["pair[1]"]
    assert made.constexprs["T"].dtype.language == "bfloat16"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"grid": [0]}, "grid is [0]; allowed are 1 to 3 integers above 0"),
        ({"grid": [1, 1, 1, 1]}, "grid is [1, 1, 1, 1]; allowed are 1 to 3 integers above 0"),
        ({"launches": 1}, "the launch has 'launches'; allowed are name, kernel"),
        ({"args": {"x": {"tensor": {"dtype": "fp31", "shape": [1]}}}}, "dtype is 'fp31'; allowed are i1"),
        ({"args": {"x": {"tensor": {"dtype": "i8", "shape": [1], "strides": []}}}}, "x has shape [1], strides []"),
        ({"args": {"x": {"tensor": {"dtype": "i8", "shape": [1], "offset": -1}}}}, "x has shape [1], strides (1,)"),
        ({"args": {"x": {"tensor": {"dtype": "fp64", "shape": [1 << 29]}}}}, "x takes 4,294,967,296 bytes"),
        ({"args": {"x": [1]}}, "x is [1]; allowed is a number, a text, a tensor"),
    ],
)
def test_a_description_that_cannot_be_is_one_sentence(change, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        description.prepared({**COPY, **change})


def test_a_small_grid_runs_whole_and_a_large_one_by_lot_with_both_ends():
    assert description.chosen([2, 2], 64) == [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]
    some = description.chosen([1000, 7, 3], 10)
    assert len(set(some)) == 10
    assert some[:2] == [(0, 0, 0), (999, 6, 2)]
    assert some == description.chosen([1000, 7, 3], 10)
    assert some[:5] == description.chosen([1000, 7, 3], 5)  # a smaller share is a part of the larger one


def test_a_range_is_kept_to_and_both_of_its_ends_are_there():
    recipe = {"kind": "normal", "mean": 0.0, "deviation": 5.0, "low": -1.5, "high": 3.0, "nan": 0.25, "seed": 7}
    made = filling.filled(recipe, 4096, dtypes.find("fp32"))
    assert (np.nanmin(made), np.nanmax(made)) == (-1.5, 3.0)
    assert 0.2 < np.isnan(made).mean() < 0.3


def test_what_a_scratch_tensor_holds_is_no_result(tmp_path):
    about = {"dtype": "fp32", "shape": [4]}
    made = description.prepared({**COPY, "args": {"y": {"tensor": about}, "s": {"tensor": {**about, "scratch": True}}}})
    for tensor in made.tensors.values():
        tensor.storage.written[:] = True
    assert [row["written"] for row in arrays.keep(made.tensors, tmp_path)] == [4, 0]
