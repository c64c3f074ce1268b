"""Any shape, dtype, stride and range of values: examples drawn by hypothesis.

The same examples in every run; ``--hypothesis-seed=N`` draws others.
"""

from __future__ import annotations

import hypothesis
import pytest
import torch
from hypothesis import strategies as st

from .api import liger_layer_norm
from .inputs import DTYPES, HALF_DTYPES, Problem, normal
from .reference import check, evaluate

# Few, because an interpreted launch is slow; the grids of the other files hold the cases that must not be left to luck.
EXAMPLES = 12
in_few_examples = hypothesis.settings(max_examples=EXAMPLES)


def lay_out(tensor: torch.Tensor, layout: str) -> torch.Tensor:
    """The same values with other strides."""
    if layout == "padded rows":
        return torch.nn.functional.pad(tensor, (1, 2))[..., 1:-2]
    if layout == "every second column":
        return tensor.repeat_interleave(2, dim=-1)[..., ::2]
    if layout == "columns first":
        return tensor.movedim(-1, 0).contiguous().movedim(0, -1)
    return tensor


@st.composite
def problems(draw: st.DrawFn, dtype: torch.dtype, device: str) -> Problem:
    """Up to 4 dimensions, 60 rows and 300 columns; scales that leave every result inside fp16."""
    n_cols = draw(st.integers(1, 300), label="n_cols")
    leading = draw(st.lists(st.integers(0, 6), max_size=3).filter(lambda sizes: torch.Size(sizes).numel() <= 60))
    layouts = st.sampled_from(["contiguous", "padded rows", "every second column", "columns first"])
    scale = 2.0 ** draw(st.integers(-4, 8), label="log2 of the scale")
    offset = scale * draw(st.sampled_from([0, 0.5, -8, 64]), label="mean over scale")
    param_dtype = draw(st.sampled_from([dtype, torch.float32]), label="dtype of the parameters")
    seed = draw(st.integers(0, 2**16), label="seed of the values")
    parameters = [
        normal(n_cols, dtype=param_dtype, device=device, seed=seed + i) if draw(st.booleans()) else None for i in (1, 2)
    ]
    x = normal(*leading, n_cols, dtype=dtype, device=device, mean=offset, std=scale, seed=seed)
    dy = normal(*leading, n_cols, dtype=dtype, device=device, seed=seed + 3)
    return Problem(lay_out(x, draw(layouts)), *parameters, lay_out(dy, draw(layouts)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_problem_is_as_exact_as_torch(dtype, device):
    @in_few_examples
    @hypothesis.given(problem=problems(dtype, device), eps=st.sampled_from([1e-6, 1e-5, 1e-2]))
    def holds(problem, eps):
        check(*problem, eps=eps)

    holds()


# Powers of two scale without rounding, so these hold bit by bit in fp32 with eps scaled alike.
def test_scaling_the_input_and_eps_changes_nothing(device):
    @in_few_examples
    @hypothesis.given(problem=problems(torch.float32, device), log2=st.integers(-8, 8))
    def holds(problem, log2):
        x, w, b, dy = problem
        one = evaluate(liger_layer_norm, x, w, b, 2.0**-10, dy)
        scaled = evaluate(liger_layer_norm, x * 2.0**log2, w, b, 2.0 ** (2 * log2 - 10), dy)
        assert torch.equal(one.y, scaled.y)
        assert torch.equal(one.dx, scaled.dx * 2.0**log2)

    holds()


@pytest.mark.parametrize("dtype", HALF_DTYPES)
def test_strides_change_nothing(dtype, device):
    @in_few_examples
    @hypothesis.given(problem=problems(dtype, device))
    def holds(problem):
        x, w, b, dy = problem
        as_given = evaluate(liger_layer_norm, x, w, b, 1e-6, dy)
        packed = evaluate(liger_layer_norm, x.contiguous(), w, b, 1e-6, dy.contiguous())
        for one, other in zip(as_given, packed):
            assert one is other is None or torch.equal(one, other)

    holds()
