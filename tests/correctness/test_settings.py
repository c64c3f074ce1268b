"""Settings that the plan keeps for some devices and releases of Triton: right wherever they run."""

from __future__ import annotations

import operator

import pytest
import torch
import triton

from liger_kernel.kernels import plan as launch_plan
from liger_kernel.kernels.plan import Settings
from liger_kernel.ops import problem as problems
from liger_kernel.ops.layer_norm import layer_norm_backward, layer_norm_forward
from liger_kernel.ops.utils import compare_version, is_hip

from .api import liger_layer_norm
from .inputs import DTYPES, FP32, HALF_DTYPES, normal, problem
from .reference import check, evaluate

# Eight programs on the four "multiprocessors" of the interpreter. Of 17 rows each program takes several.
UNALIGNED = Settings("unaligned", 1, 2048, 4, programs=2)
N_ROWS = 17
# Of a row of 16-bit elements the length modulo 8, of one of fp32 modulo 4, decides where the next row starts. Of 9
# columns the body may be empty, of 1023 the head or the tail.
LENGTHS = [9, 23, 505, 1023, 1030]


@pytest.fixture
def plan_with(monkeypatch):
    """`plan_with(settings)`: every plan of the test takes these settings."""
    problems._problem.cache_clear()

    def force(settings: Settings) -> None:
        for name in ("forward_settings", "backward_settings"):
            monkeypatch.setattr(launch_plan, name, lambda *arguments: settings)

    yield force
    problems._problem.cache_clear()


@pytest.fixture
def unaligned(plan_with, device):
    if device == "cpu" and compare_version("triton", operator.lt, "3.0"):
        pytest.skip("the interpreter of Triton 2 has no scalars made by a reduction: run with 3.0 or on a GPU")
    plan_with(UNALIGNED)


@pytest.fixture(params=[0, 1, 2], ids=lambda prefetch: f"prefetch{prefetch}")
def packed(request, plan_with, device, monkeypatch):
    if device == "cpu" and compare_version("triton", operator.lt, "3.0"):
        pytest.skip("the interpreter of Triton 2 reads no pointer as another type: run with 3.0 or on a GPU")
    _skip_on_rocm()
    plan_with(Settings("packed", 1, 64, 1, prefetch=request.param))
    monkeypatch.setattr(launch_plan, "backward_settings", lambda *arguments: Settings("tile", 2, 512, 4, programs=2))


def _skip_on_rocm() -> None:
    if is_hip():
        pytest.skip("these kernels hold PTX, so that a plan for ROCm refuses them: run on a CUDA GPU or interpreted")


@pytest.fixture
def copied_ahead(plan_with):
    """`copied_ahead(stages)`: every plan copies rows of 16-bit elements ahead."""
    if compare_version("triton", operator.lt, "3.0"):
        pytest.skip("Triton 2 has no loop that copies rows ahead, so its plans have none: run with 3.0 or later")
    _skip_on_rocm()
    return lambda stages: plan_with(Settings("pipelined", 1, 2048, 4, programs=2, stages=stages))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_cols", LENGTHS)
def test_rows_that_are_not_aligned(n_cols, dtype, device, unaligned, launches):
    arguments = problem(N_ROWS, n_cols, dtype=dtype, device=device)
    first = check(*arguments)
    assert {"_layer_norm_forward_unaligned_kernel", "_layer_norm_backward_unaligned_kernel"} <= {
        launched.kernel for launched in launches
    }
    for result, again in zip(first, evaluate(liger_layer_norm, *arguments[:3], 1e-6, arguments.dy)):
        assert torch.equal(result, again)


def test_rows_of_a_tensor_that_is_not_aligned_either(device, unaligned):
    x, w, b, dy = problem(N_ROWS + 1, 1023, dtype=torch.float16, device=device)
    check(x.flatten()[1:-1022].view(N_ROWS, 1023), w, b, dy.flatten()[3:-1020].view(N_ROWS, 1023))


@pytest.mark.parametrize("n_rows", [1, 7, 8, 9])
def test_fewer_rows_than_programs_that_are_not_aligned(n_rows, device, unaligned):
    check(*problem(n_rows, 1023, device=device))


@pytest.mark.parametrize("dtype", HALF_DTYPES)
def test_rows_that_are_not_aligned_with_parameters_in_fp32(dtype, device, unaligned):
    check(*problem(N_ROWS, 1023, dtype=dtype, param_dtype=torch.float32, device=device))


@pytest.mark.parametrize("frozen", [("x",), ("w",), ("b",), ("w", "b")], ids="".join)
def test_only_what_is_wanted_of_rows_that_are_not_aligned(frozen, device, unaligned):
    x, w, b, dy = problem(N_ROWS, 505, device=device)
    check(x, w, b, dy, frozen=frozen)
    check(x, None, None if "b" in frozen else b, dy, frozen=frozen)


def test_statistics_of_rows_that_are_not_aligned(device, unaligned):
    x = normal(N_ROWS, 1023, device=device, mean=1e4)
    _, _, mean, rstd, *_ = layer_norm_forward(x, None, None, 0.0)
    exact = x.double()
    torch.testing.assert_close(mean.double(), exact.mean(dim=1), rtol=1e-7, atol=0)
    torch.testing.assert_close(rstd.double(), exact.var(dim=1, correction=0).rsqrt(), rtol=1e-5, atol=0)


# Rows in chunks of 64 elements, those of 16 bits in words of two: a whole chunk, a begun one, eight, and some that are
# not full; and of rows whose ends lie apart, as many as start each in another way.
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_rows", "n_cols"), [(3, n) for n in (64, 66, 132, 254, 512)] + [(9, 131), (9, 450)])
def test_a_row_in_packed_chunks(n_rows, n_cols, dtype, device, packed, launches):
    x, w, b, dy = problem(n_rows, n_cols, dtype=dtype, device=device)
    check(x, w, b, dy)
    assert "_layer_norm_forward_packed_kernel" in {launched.kernel for launched in launches}
    check(x, w.float(), b.float(), dy)
    check(x, None, b, dy)
    check(x, w, None, dy)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("n_cols", [300, 301])
def test_values_that_are_hard_on_packed_chunks(n_cols, device, packed):
    x, w, b, dy = problem(9, n_cols, dtype=torch.float16, device=device)
    for mean, spread in ((1e4, 1.0), (0.0, 1e-3), (-300.0, 30.0)):
        check((x.float() * spread + mean).half(), w, b, dy)
    expected = check(x, w, b, dy)
    for value in (1024.0, -3.0, 0.1):
        constant = torch.full_like(x, value)
        assert torch.equal(liger_layer_norm(constant, w, b, 1e-3), b.expand_as(x))
    for value in (float("nan"), float("inf"), float("-inf")):
        x[4, 17] = value
        got = liger_layer_norm(x, w, b, 1e-6)
        assert got[4].isnan().all()
        assert torch.equal(got[:4], expected.y[:4])
        assert torch.equal(got[5:], expected.y[5:])


@pytest.mark.parametrize("n_cols", [300, 301])
def test_statistics_of_packed_chunks(n_cols, device, packed):
    x = normal(9, n_cols, dtype=torch.float16, device=device, mean=1e3)
    _, _, mean, rstd, *_ = layer_norm_forward(x, None, None, 0.0)
    exact = x.double()
    torch.testing.assert_close(mean.double(), exact.mean(dim=1), rtol=1e-7, atol=0)
    torch.testing.assert_close(rstd.double(), exact.var(dim=1, correction=0).rsqrt(), rtol=1e-5, atol=0)


# Rows copied ahead to shared memory: whole rows and split ones, blocks that end within a row, more rows than groups of
# programs and fewer, and each result wanted or not.
@pytest.mark.device("programs that wait for each other cannot be interpreted")
@pytest.mark.parametrize("dtype", HALF_DTYPES)
@pytest.mark.parametrize("n_cols", [2048, 1000, 4096, 5000, 16384, 20002])
@pytest.mark.parametrize("stages", [2, 3])
def test_rows_copied_ahead(stages, n_cols, dtype, device, copied_ahead, launches):
    copied_ahead(stages)
    for n_rows in (1, 3, 700):
        x, w, b, dy = problem(n_rows, n_cols, dtype=dtype, device=device)
        first = check(x, w, b, dy)
        for result, again in zip(first, evaluate(liger_layer_norm, x, w, b, 1e-6, dy)):
            assert torch.equal(result, again)
    assert "_layer_norm_backward_pipelined_kernel" in {launched.kernel for launched in launches}
    check(x, w.float(), b.float(), dy)
    check(x, None, None, dy)
    for frozen in (("x",), ("w",), ("b",), ("w", "b"), ("x", "w")):
        check(x, w, b, dy, frozen=frozen)


@pytest.mark.device("programs that wait for each other cannot be interpreted")
@pytest.mark.parametrize("n_cols", [2048, 20002])
def test_values_that_are_hard_on_rows_copied_ahead(n_cols, device, copied_ahead):
    copied_ahead(3)
    x, w, b, dy = problem(300, n_cols, dtype=torch.float16, device=device)
    check((x.float() + 1e4).half(), w, b, dy)
    clean = check(x, w, b, dy)
    huge = x.clone()
    huge[:, 0] = 6e4  # the first element alone decides the variance
    check(huge, w, b, dy)
    for value in (1024.0, -3.0):
        constant = torch.full_like(x, value)
        assert torch.equal(liger_layer_norm(constant, w, b, 1e-3), b.expand_as(x))
    x[4, 17] = float("nan")
    got = evaluate(liger_layer_norm, x, w, b, 1e-6, dy)
    others = torch.arange(300, device=device) != 4
    assert got.y[4].isnan().all()
    assert got.dx[4].isnan().all()
    assert torch.equal(got.y[others], clean.y[others])
    assert torch.equal(got.dx[others], clean.dx[others])
    assert torch.equal(got.db, clean.db)


# On a GPU each thread has 8 columns, so that there is something to copy ahead. An interpreter adds two sums of a row up
# element by element: there, a few columns and a masked end take the same steps.
@pytest.mark.parametrize(("prefetch", "stages"), [(0, 1), (1, 1), (2, 1), (0, 2), (0, 4)])
@pytest.mark.parametrize("keep_w", [True, False])
@pytest.mark.parametrize("dtype", [FP32, HALF_DTYPES[0]])
def test_tiles_under_way(dtype, keep_w, prefetch, stages, device, plan_with):
    if stages > 1 and triton.__version__.startswith("2."):
        pytest.skip(f"needs Triton 3.0, whose loops have stages; this is {triton.__version__}")
    n_cols, block_n = (29, 32) if device == "cpu" else (1000, 1024)
    plan_with(Settings("tile", 2, block_n, 4, programs=2, prefetch=prefetch, stages=stages, keep_w=keep_w))
    for n_rows in (3, 70):  # 70: up to five tiles for each program
        check(*problem(n_rows, n_cols, dtype=dtype, device=device))


# A tile of 8 rows and 512 columns: less than one, one, one begun more of either, and several; and of dx a chunk, and
# more. An interpreter copies nothing ahead.
ONE_LAUNCH = [(1, 17, 32), (3, 512, 512), (8, 513, 1024), (9, 514, 256), (20, 61, 64)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_rows", "n_cols", "block_n"), ONE_LAUNCH)
def test_a_backward_of_one_launch(n_rows, n_cols, block_n, dtype, device, plan_with, launches):
    plan_with(Settings("wide", 8, block_n, 4, programs=2, stages=3))
    x, w, b, dy = problem(n_rows, n_cols, dtype=dtype, device=device)
    first = check(x, w, b, dy)
    assert [launched.kernel for launched in launches][1:] == ["_layer_norm_backward_wide_kernel"]
    for result, again in zip(first, evaluate(liger_layer_norm, x, w, b, 1e-6, dy)):
        assert torch.equal(result, again)


@pytest.mark.parametrize("frozen", [("x",), ("w",), ("b",), ("w", "b"), ("x", "w")], ids="".join)
def test_only_what_is_wanted_in_one_launch(frozen, device, plan_with):
    plan_with(Settings("wide", 8, 64, 4, programs=2, stages=3))
    x, w, b, dy = problem(9, 61, dtype=torch.float16, device=device)
    check(x, w, b, dy, frozen=frozen)
    check(x, w.float(), None if "b" in frozen else b.float(), dy, frozen=frozen)
    check(x, None, None if "b" in frozen else b, dy, frozen=frozen)


# Triton 3.0 and 3.1 copy the statistics of masked rows ahead too, which here are NaN.
@pytest.mark.parametrize("settings", [Settings("tile", 2, 64, 4, stages=3), Settings("wide", 8, 64, 4, stages=3)])
@pytest.mark.parametrize("n_rows", [1, 2, 7, 33])
def test_statistics_behind_the_last_row_count_for_nothing(n_rows, settings, device, plan_with):
    if settings.kind == "tile" and compare_version("triton", operator.lt, "3.0"):
        pytest.skip("Triton 2 has no loop that copies rows ahead: run with 3.0 or later")
    plan_with(settings)
    x, w, b, dy = problem(n_rows, 61, device=device)
    expected = check(x, w, b, dy)
    mean, rstd = (torch.full((n_rows + 16,), float("nan"), device=device)[:n_rows] for _ in range(2))
    _, flat, of_mean, of_rstd, *_ = layer_norm_forward(x, w, b, 1e-6)
    mean.copy_(of_mean)
    rstd.copy_(of_rstd)
    for got, wanted in zip(layer_norm_backward(dy, flat, w, b, mean, rstd), expected[1:]):
        torch.testing.assert_close(got.view(wanted.shape), wanted, rtol=0, atol=0)


@pytest.mark.device("the interpreter has no measured settings")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_rows", "n_cols"), [(1, 768), (128, 768), (512, 1024), (2048, 4096), (1024, 8192)])
def test_few_rows_as_the_plan_has_them(n_rows, n_cols, dtype, device):
    arguments = problem(n_rows, n_cols, dtype=dtype, device=device)
    for result, again in zip(check(*arguments), check(*arguments)):
        assert torch.equal(result, again)
