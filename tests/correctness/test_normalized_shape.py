"""Several last dimensions that are normalised together, as torch's LayerNorm can, and torch's own samples."""

from __future__ import annotations

import functools
import math

import pytest
import torch

from .api import LigerLayerNorm, liger_layer_norm
from .inputs import DTYPES, normal
from .reference import check, evaluate

# torch/testing/_internal/common_methods_invocations.py, sample_inputs_layer_norm, the same from torch 2.3 to 2.15:
# shape of the input, normalized_shape, eps, whether there are weight and bias. Six for each dtype.
SAMPLES = [
    ((1, 2, 3), (1, 2, 3), 0.5, True),
    ((2, 2, 3), (2, 3), -0.5, True),
    ((1,), (1,), 1e-5, True),
    ((1, 2), (2,), 1e-5, True),
    ((0, 1), (1,), 1e-5, True),
    ((1, 2), (2,), 1e-5, False),
]


def sample(shape, normalized_shape, with_parameters, dtype, device):
    x, dy = (normal(*shape, dtype=dtype, device=device, std=4.0, seed=seed) for seed in (0, 1))
    w, b = (normal(*normalized_shape, dtype=dtype, device=device, seed=seed) for seed in (2, 3))
    return (x, w, b, dy) if with_parameters else (x, None, None, dy)


def check_as_rows(x, w, b, dy, normalized_shape, eps):
    """Assert that the results are those of rows, bit by bit, and that those are exact; return them."""
    n_cols = math.prod(normalized_shape)
    n_rows = x.numel() // n_cols
    w_row, b_row = (vector if vector is None else vector.reshape(n_cols) for vector in (w, b))
    expected = check(x.reshape(n_rows, n_cols), w_row, b_row, dy.reshape(n_rows, n_cols), eps)
    ours = functools.partial(liger_layer_norm, normalized_shape=normalized_shape)
    got = evaluate(ours, x, w, b, eps, dy)
    for result, wanted, like in zip(got, expected, (x, x, w, b)):
        assert (result is None) == (like is None)
        if like is not None:
            assert result.shape == like.shape
            assert result.dtype == like.dtype
            assert torch.equal(result.reshape(wanted.shape), wanted)
    return got


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "normalized_shape", "eps", "with_parameters"), SAMPLES)
def test_torchs_samples(shape, normalized_shape, eps, with_parameters, dtype, device):
    arguments = sample(shape, normalized_shape, with_parameters, dtype, device)
    if eps < 0:  # torch lets a variance below -eps give NaN
        with pytest.raises(ValueError, match=r"eps is -0\.5; it must be finite and at least 0"):
            liger_layer_norm(*arguments[:3], eps, normalized_shape)
    got = check_as_rows(*arguments, normalized_shape, abs(eps))
    x, w, b, _ = arguments
    torchs = torch.nn.functional.layer_norm(x, normalized_shape, w, b, abs(eps))
    torch.testing.assert_close(got.y, torchs, rtol=2e-2 if dtype != torch.float32 else 1e-5, atol=2e-2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "normalized_shape"), [((5, 3, 7), (3, 7)), ((2, 3, 4, 5), (3, 4, 5)), ((3, 7), (3, 7)), ((9, 17), 17)]
)
def test_last_dimensions_are_normalised_together(shape, normalized_shape, dtype, device):
    as_tuple = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
    x, w, b, dy = sample(shape, as_tuple, True, dtype, device)
    got = check_as_rows(x, w, b, dy, as_tuple, 1e-6)
    assert torch.equal(liger_layer_norm(x, w, b, 1e-6, normalized_shape), got.y)


def test_several_dimensions_of_any_strides(device):
    x, w, b, dy = sample((7, 5, 3), (3, 5), True, torch.float32, device)[:4]
    x, dy = x.permute(0, 2, 1), dy.permute(0, 2, 1)
    check_as_rows(x, w.t().contiguous().t(), b, dy, (3, 5), 1e-6)


def test_a_module_over_several_dimensions_is_torchs(device):
    module = LigerLayerNorm((3, 7), eps=1e-3, bias=True).to(device)
    assert (module.hidden_size, module.normalized_shape) == ((3, 7), (3, 7))
    assert repr(module) == "LigerLayerNorm((3, 7), eps=0.001)"
    torchs = torch.nn.LayerNorm([3, 7], eps=1e-3).to(device)
    torchs.load_state_dict(module.state_dict())
    x = normal(5, 3, 7, device=device)
    y = module(x)
    torch.testing.assert_close(y, torchs(x))
    torchs.variance_epsilon = torchs.eps
    assert torch.equal(LigerLayerNorm.forward(torchs, x), y)  # how Liger patches models that are already built
    y.sum().backward()
    assert module.weight.grad.shape == module.bias.grad.shape == (3, 7)


def test_a_module_over_one_dimension_keeps_what_it_was_given():
    assert LigerLayerNorm(33).normalized_shape == (33,)
    assert LigerLayerNorm([33]).hidden_size == (33,)


def test_a_wrong_input_of_a_module_over_several_dimensions_is_named(device):
    with pytest.raises(ValueError, match=r"X has shape \(5, 7, 3\); .* normalized_shape, \(3, 7\)"):
        LigerLayerNorm((3, 7)).to(device)(torch.zeros(5, 7, 3, device=device))
