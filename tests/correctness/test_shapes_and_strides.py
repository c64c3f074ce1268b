"""Inputs of any number of dimensions and any strides: what counts is the last dimension's values."""

from __future__ import annotations

import pytest
import torch

from .api import liger_layer_norm
from .inputs import DTYPES, normal, problem
from .reference import check, evaluate


# As they occur: a vector, (rows, hidden), (batch, tokens, hidden), (batch, heads, tokens, hidden)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(33,), (6, 33), (2, 3, 33), (2, 3, 4, 33)], ids=lambda shape: f"{len(shape)}d")
def test_dimensions(shape, dtype, device):
    check(*problem(*shape, dtype=dtype, device=device))


def test_leading_dimensions_are_only_rows(device):
    x, w, b, dy = problem(2, 3, 4, 33, device=device)
    folded = check(x, w, b, dy)
    flat = check(x.reshape(24, 33), w, b, dy.reshape(24, 33))
    for in_four, in_two in zip(folded, flat):
        assert torch.equal(in_four.reshape(in_two.shape), in_two)


# Each gives (6, 33) in another way that a caller's tensor comes to lie in memory.
LAYOUTS = {
    "columns of a wider tensor": lambda t: _wide(t, 6, 66)[:, :33],
    "columns from an odd offset": lambda t: _wide(t, 6, 66)[:, 1:34],  # rows start off a 16-byte boundary
    "every second column": lambda t: _wide(t, 6, 66)[:, ::2],
    "every second row": lambda t: _wide(t, 12, 33)[::2],
    "transposed": lambda t: _wide(t, 33, 6).t(),
    "permuted": lambda t: _wide(t, 33, 2, 3).permute(1, 2, 0),
    "one row expanded": lambda t: _wide(t, 1, 33).expand(6, 33),
    "one column expanded": lambda t: _wide(t, 6, 1).expand(6, 33),
    "one value expanded": lambda t: _wide(t, 1, 1).expand(6, 33),
    "off a 16-byte boundary": lambda t: _wide(t, 6 * 33 + 1)[1:].view(6, 33),
}


def _wide(like, *shape):
    return normal(*shape, dtype=like.dtype, device=like.device, seed=7)


# Two dtypes: how many elements a load takes at once, and so what an offset breaks, depends on the element's size.
@pytest.mark.parametrize("dtype", DTYPES[:2])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_input_of_any_strides(layout, dtype, device):
    _, w, b, dy = problem(6, 33, dtype=dtype, device=device)
    x = LAYOUTS[layout](dy)
    check(x, w, b, dy.reshape(x.shape))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_output_gradient_of_any_strides(layout, device):
    x, w, b, _ = problem(6, 33, device=device)
    dy = LAYOUTS[layout](x)
    check(x.reshape(dy.shape), w, b, dy)


def test_output_gradient_of_a_sum(device):
    # autograd hands backward one value expanded to all of y, with every stride zero
    x, w, b, _ = problem(6, 33, device=device)
    summed = evaluate(lambda *arguments: liger_layer_norm(*arguments).sum(), x, w, b, 1e-6, None)
    expected = check(x, w, b, torch.ones_like(x))
    assert torch.equal(summed.dx, expected.dx)
    assert torch.equal(summed.dw, expected.dw)


@pytest.mark.parametrize("strided", ["w", "b"])
def test_parameters_with_a_stride(strided, device):
    x, w, b, dy = problem(6, 33, device=device)
    every_second = normal(66, device=device)[::2]
    check(x, every_second if strided == "w" else w, every_second if strided == "b" else b, dy)


# Kernels that hold long rows of 16 bits read two elements of a parameter at once: 4 bytes, or 8 in fp32.
@pytest.mark.parametrize("param_dtype", [torch.float16, torch.float32])
def test_parameters_that_start_between_two_words(param_dtype, device):
    x, w, b, dy = problem(3, 12288, dtype=torch.float16, param_dtype=param_dtype, device=device)
    w, b = (torch.cat((each[:1], each))[1:] for each in (w, b))
    assert w.data_ptr() % (2 * w.element_size())
    check(x, w, b, dy)


def test_an_expanded_row_receives_the_sum_of_its_copies_gradients(device):
    x, w, b, dy = problem(6, 33, device=device)
    row = x[:1].clone().requires_grad_()
    liger_layer_norm(row.expand(6, 33), w, b, 1e-6).backward(dy)
    assert torch.equal(row.grad, check(row.detach().expand(6, 33), w, b, dy).dx.sum(dim=0, keepdim=True))
