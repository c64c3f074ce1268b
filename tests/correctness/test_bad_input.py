"""Input that cannot be: one sentence that names the argument, what it was and what is allowed, and nothing launched."""

from __future__ import annotations

import pytest
import torch

from .api import LigerLayerNorm, liger_layer_norm
from .inputs import problem

GOOD = {"X": (3, 17), "W": (17,), "B": (17,)}


def zeros(*shape, dtype=torch.float32, device=None):
    """A tensor to be made on the device of the test, where no other is named."""
    return lambda test_device: torch.zeros(shape, dtype=dtype, device=device or test_device)


# what is wrong -> (arguments in place of the good ones: a maker of a tensor, or the value itself; the error; texts that
# its sentence must have: the argument, what it was, what is allowed)
BAD = {
    "X is no tensor": ({"X": [1.0, 2.0]}, TypeError, ["X", "list", "Tensor"]),
    "X is None": ({"X": None}, TypeError, ["X", "None", "Tensor"]),
    "X is integer": ({"X": zeros(3, 17, dtype=torch.int64)}, TypeError, ["X", "int64", "float32, float16"]),
    "X is boolean": ({"X": zeros(3, 17, dtype=torch.bool)}, TypeError, ["X", "bool", "float32, float16"]),
    "X is double": ({"X": zeros(3, 17, dtype=torch.float64)}, TypeError, ["X", "float64", "float32, float16", "sums"]),
    "X is complex": ({"X": zeros(3, 17, dtype=torch.complex64)}, TypeError, ["X", "complex64", "float32, float16"]),
    "X has no dimensions": ({"X": zeros()}, ValueError, ["X", "no dimension", "at least one"]),
    "X has no columns": ({"X": zeros(3, 0), "W": zeros(0), "B": zeros(0)}, ValueError, ["X", "(3, 0)", "at least one"]),
    "X has other columns": ({"X": zeros(3, 16)}, ValueError, ["W", "(17,)", "(16,)", "X"]),
    "X is on a device without kernels": (
        {"X": zeros(3, 17, device="meta"), "W": None, "B": None},
        ValueError,
        ["X", "meta", "GPU"],
    ),
    "W is no tensor": ({"W": 1.0}, TypeError, ["W", "float", "Tensor or None"]),
    "W is too long": ({"W": zeros(18)}, ValueError, ["W", "(18,)", "(17,)"]),
    "W has one element": ({"W": zeros(1)}, ValueError, ["W", "(1,)", "(17,)"]),
    "W has two dimensions": ({"W": zeros(1, 17)}, ValueError, ["W", "(1, 17)", "(17,)"]),
    "W has X's shape": ({"W": zeros(3, 17)}, ValueError, ["W", "(3, 17)", "(17,)"]),
    "W is integer": ({"W": zeros(17, dtype=torch.int32)}, TypeError, ["W", "int32", "float32"]),
    "W is double": ({"W": zeros(17, dtype=torch.float64)}, TypeError, ["W", "float64", "float32"]),
    "W is 16-bit under float32": ({"W": zeros(17, dtype=torch.float16)}, TypeError, ["W", "float16", "float32"]),
    "W and X are different 16-bit types": (
        {"X": zeros(3, 17, dtype=torch.float16), "W": zeros(17, dtype=torch.bfloat16)},
        TypeError,
        ["W", "bfloat16", "float16", "float32"],
    ),
    "W is on another device": ({"W": zeros(17, device="meta")}, ValueError, ["W", "meta", "X's device"]),
    "B is no tensor": ({"B": "zeros"}, TypeError, ["B", "str", "Tensor or None"]),
    "B is too short": ({"B": zeros(16)}, ValueError, ["B", "(16,)", "(17,)"]),
    "B has two dimensions": ({"B": zeros(17, 1)}, ValueError, ["B", "(17, 1)", "(17,)"]),
    "B is boolean": ({"B": zeros(17, dtype=torch.bool)}, TypeError, ["B", "bool", "float32"]),
    "B and X are different 16-bit types": (
        {"X": zeros(3, 17, dtype=torch.bfloat16), "W": None, "B": zeros(17, dtype=torch.float16)},
        TypeError,
        ["B", "float16", "bfloat16", "float32"],
    ),
    "B is on another device": ({"B": zeros(17, device="meta")}, ValueError, ["B", "meta", "X's device"]),
    "eps is no number": ({"eps": "1e-6"}, TypeError, ["eps", "str", "number"]),
    "eps is None": ({"eps": None}, TypeError, ["eps", "NoneType", "number"]),
    "eps is negative": ({"eps": -1e-6}, ValueError, ["eps", "-1e-06", "at least 0"]),
    "eps is NaN": ({"eps": float("nan")}, ValueError, ["eps", "nan", "at least 0"]),
    "eps is infinite": ({"eps": float("inf")}, ValueError, ["eps", "inf", "finite"]),
    "normalized_shape has other columns": ({"shape": (16,)}, ValueError, ["X", "(3, 17)", "(16,)", "normalized_shape"]),
    "normalized_shape has more dimensions": ({"shape": (2, 3, 17)}, ValueError, ["X", "(3, 17)", "(2, 3, 17)"]),
    "normalized_shape is empty": ({"shape": ()}, ValueError, ["normalized_shape", "()", "at least 1"]),
    "normalized_shape has a zero": ({"shape": (3, 0)}, ValueError, ["normalized_shape", "(3, 0)", "at least 1"]),
    "W has the last dimension of several": ({"shape": (3, 17)}, ValueError, ["W", "(17,)", "(3, 17)"]),
    "B has the last dimension of several": (
        {"shape": (3, 17), "W": zeros(3, 17)},
        ValueError,
        ["B", "(17,)", "(3, 17)"],
    ),
    "X is no tensor beside normalized_shape": ({"X": 1.0, "shape": (17,)}, TypeError, ["X", "float", "Tensor"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_sentence_and_nothing_is_launched(case, device, launches):
    bad, error, texts = BAD[case]
    arguments = {**{name: zeros(*shape) for name, shape in GOOD.items()}, "eps": 1e-6, **bad}  # shape comes last
    arguments = {name: value(device) if callable(value) else value for name, value in arguments.items()}
    with pytest.raises(error) as refused:
        liger_layer_norm(*arguments.values())
    sentence = str(refused.value)
    assert [text for text in texts if text not in sentence] == [], sentence
    assert len(sentence.splitlines()) == 1
    assert len(launches) == 0


def test_the_same_arguments_made_good_are_launched(device, launches):
    # the control of the table above: the spy does see launches, and the good arguments are good
    liger_layer_norm(*(zeros(*shape)(device) for shape in GOOD.values()), 1e-6)
    assert len(launches) > 0


def test_zero_rows_launch_nothing(device, launches):
    x, w, b, dy = problem(0, 17, device=device)
    liger_layer_norm(x.requires_grad_(), w.requires_grad_(), b, 1e-6).backward(dy)
    assert len(launches) == 0


def test_the_module_refuses_an_input_of_another_width(device, launches):
    with pytest.raises(ValueError, match=r"\(17,\).*\(16,\)"):
        LigerLayerNorm(17).to(device)(torch.zeros(3, 16, device=device))
    assert len(launches) == 0
