"""Values that are hard on the arithmetic: no variance, a large mean, NaN and Inf, eps at its ends, autocast."""

from __future__ import annotations

import functools

import pytest
import torch

from .api import LigerLayerNorm, liger_layer_norm
from .inputs import BF16, DTYPES, FP16, FP32, HALF_DTYPES, normal, problem
from .reference import check, evaluate, torch_layer_norm

pytestmark = pytest.mark.usefixtures("settings_of_many_rows")

# 17 and 1000 lie in one block, narrow and masked; at 65537 the kernel loops over the row.
WIDTHS = [17, 1000, 65537]


# Constants whose sums are exact in fp32, so that the mean is too: zero, small and large, and of both signs. Without
# bf16, in which they are the same numbers.
@pytest.mark.parametrize("dtype", [FP32, FP16])
@pytest.mark.parametrize("n_cols", WIDTHS)
def test_rows_without_variance_give_the_bias(n_cols, dtype, device):
    _, w, b, dy = problem(4, n_cols, dtype=dtype, device=device)
    x = torch.tensor([0.0, 1.0, -3.0, 1024.0], dtype=dtype, device=device)[:, None].expand(4, n_cols)
    got = check(x, w, b, dy, eps=1e-3)
    assert torch.equal(got.y, b.expand(4, n_cols))


# 0.1 is not exact in binary, so that its sum rounds: the mean is off by an ulp, and eps must keep that small.
@pytest.mark.parametrize("n_cols", WIDTHS)
def test_rows_without_variance_whose_sum_rounds(n_cols, device):
    _, w, b, dy = problem(4, n_cols, device=device)
    check(torch.full((4, n_cols), 0.1, device=device), w, b, dy)


# A variance computed as E[x^2] - E[x]^2 would lose every digit of it: 1e8 is known to 8 only in fp32. bf16 cannot hold
# a variance of one beside that mean. 64 rows, so that torch's own error is a typical one.
@pytest.mark.parametrize("dtype", [FP32, FP16])
@pytest.mark.parametrize("n_cols", [127, 1000])
def test_large_mean_beside_a_small_variance(n_cols, dtype, device):
    check(*problem(64, n_cols, dtype=dtype, device=device, mean=1e4))


def test_large_mean_in_rows_that_are_looped_over(device):
    check(*problem(4, 65537, device=device, mean=1e4))


# fp16's largest value, 65504: only fp32 holds its square, and the row's sum
@pytest.mark.parametrize("dtype", HALF_DTYPES)
def test_the_largest_value_of_fp16_does_not_overflow(dtype, device):
    x, w, b, dy = problem(5, 1000, dtype=dtype, device=device)
    x[:, 500:] = 65504
    x[:, :500] = -65504
    check(x, w, b, dy)


# eps from where it is lost beside the variance to where it rules; rows whose standard deviation is sqrt(eps) feel it
# most, and those of std 1 show that it is not added twice. fp32: a 16-bit y would hide eps = 1e-12.
@pytest.mark.parametrize("std", ["sqrt(eps)", "1"])
@pytest.mark.parametrize("eps", [1e-12, 1e-8, 1e-6, 1e-5, 1e-3, 1.0])
def test_eps(eps, std, device):
    check(*problem(9, 1000, device=device, std=eps**0.5 if std == "sqrt(eps)" else 1.0), eps=eps)


@functools.cache
def _clean(dtype, device):
    """Results of the problem below as it is; its nine places and values share them."""
    return check(*problem(9, 17, dtype=dtype, device=device))


# In the first, a middle and the last row, at the ends of the row and inside: each could reach a neighbour in its tile.
# The interpreter's numpy warns of inf - inf, which is meant.
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")], ids=["nan", "inf", "-inf"])
@pytest.mark.parametrize(("row", "col"), [(0, 0), (3, 11), (8, 16)])
@pytest.mark.parametrize("dtype", [FP32, FP16, BF16])
def test_nan_and_inf_stay_in_their_row(value, row, col, dtype, device):
    x, w, b, dy = problem(9, 17, dtype=dtype, device=device)
    clean = _clean(dtype, device)
    x[row, col] = value
    got = evaluate(liger_layer_norm, x, w, b, 1e-6, dy)
    expected = evaluate(torch_layer_norm, *(t.float() for t in (x, w, b)), 1e-6, dy.float())
    others = torch.arange(9, device=device) != row
    for ours, torchs, before in zip(got[:2], expected[:2], clean[:2]):
        assert torch.equal(ours.isnan(), torchs.isnan())
        assert torch.equal(ours[others], before[others])
    assert torch.equal(got.dw.isnan(), expected.dw.isnan())
    assert torch.equal(got.db, clean.db)


def test_nan_in_the_output_gradient_stays_in_its_row_and_column(device):
    x, w, b, dy = problem(9, 17, device=device)
    clean = _clean(x.dtype, device)
    dy[3, 11] = float("nan")
    got = evaluate(liger_layer_norm, x, w, b, 1e-6, dy)
    assert got.dx[3].isnan().all()
    rows, cols = torch.arange(9, device=device) != 3, torch.arange(17, device=device) != 11
    assert torch.equal(got.dx[rows], clean.dx[rows])
    for ours, before in ((got.dw, clean.dw), (got.db, clean.db)):
        assert ours[11].isnan()
        assert torch.equal(ours[cols], before[cols])


# As torch's layer_norm under autocast: on a GPU it is computed in fp32 and gives fp32, on the CPU it is left alone. One
# autocast dtype for each device, because what counts is the input's: a CPU has had bfloat16 there for longest.
@pytest.mark.parametrize("dtype", DTYPES)
def test_autocast_acts_as_on_torchs_layer_norm(dtype, device):
    x, w, b, dy = problem(9, 65, dtype=dtype, param_dtype=torch.float32, device=device)
    with torch.autocast(device, dtype=torch.bfloat16 if device == "cpu" else torch.float16):
        computed_in = torch_layer_norm(x, w, b, 1e-6).dtype
        got = evaluate(liger_layer_norm, x, w, b, 1e-6, dy.to(computed_in))
    expected = check(x.to(computed_in), w, b, dy.to(computed_in))
    assert got.y.dtype == computed_in
    for one, other, like in zip(got, expected, (expected.y, x, w, b)):
        assert torch.equal(one, other.to(like.dtype))


@pytest.mark.needs("bfloat16")
def test_a_module_under_autocast_takes_what_the_layer_before_it_gives(device):
    linear, norm = torch.nn.Linear(16, 65).to(device), LigerLayerNorm(65).to(device)
    with torch.autocast(device, dtype=torch.bfloat16):
        hidden = linear(normal(9, 16, device=device))
        y = norm(hidden)
    assert hidden.dtype == torch.bfloat16
    y.square().sum().backward()
    assert torch.equal(y, check(hidden.detach().to(y.dtype), norm.weight, norm.bias, torch.ones_like(y)).y)
    for parameter in (*linear.parameters(), *norm.parameters()):
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.isfinite().all()
