"""Forward and backward over row lengths, row counts and dtypes."""

from __future__ import annotations

import pytest
import torch

from .inputs import DTYPES, HALF_DTYPES, problem
from .reference import check

pytestmark = pytest.mark.usefixtures("settings_of_many_rows")

# (n_rows, n_cols): every n_cols brings a code path of its own, and n_rows is as small as still shows rows mixed up.
SIZES = [
    (5, 1),  # the shortest row: variance 0, so y is the bias and dx is 0
    (5, 2),  # the shortest row with a variance
    (9, 17),  # prime, and under a warp's 32 lanes: most of the block is masked; 9 rows do not fill a tile of rows
    (9, 64),  # a power of two: nothing is masked along the row
    (9, 127),  # the last column of the block is masked
    (5, 1000),  # a multiple of 8, not of 16: loads are narrower than for 1024
    (5, 1023),  # one under, at and over a block size that is a power of two, where tiles and warps change
    (5, 1024),
    (5, 1025),
    (3, 4096),  # usual widths of models, where the plan has one row per program and more warps
    (3, 8192),
    (3, 12288),  # three quarters of its block of 16384
    (2, 65537),  # over 65536, where Liger's kernels refuse, and odd
    (2, 70000),  # even: two elements of 16 bits in a register, and the last slice of a split row only begun
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_rows", "n_cols"), SIZES)
def test_results_are_as_exact_as_torch(n_rows, n_cols, dtype, device):
    check(*problem(n_rows, n_cols, dtype=dtype, device=device))


# One narrow, one wide and one looped row length: where the parameters are cast does not depend on the length otherwise.
@pytest.mark.parametrize("dtype", HALF_DTYPES)
@pytest.mark.parametrize(("n_rows", "n_cols"), [(9, 127), (3, 4096), (2, 65537)])
def test_fp32_parameters_under_a_16_bit_input(n_rows, n_cols, dtype, device):
    check(*problem(n_rows, n_cols, dtype=dtype, param_dtype=torch.float32, device=device))


@pytest.mark.parametrize("dtype", HALF_DTYPES)
def test_weight_and_bias_of_different_dtypes(dtype, device):
    x, w, b, dy = problem(5, 127, dtype=dtype, device=device)
    check(x, w.float(), b, dy)
    check(x, w, b.float(), dy)


# dw and db are sums over all rows. 1 leaves all partial sums but one empty; 2 to 65 lie around whole tiles of rows;
# 5000 gives every program several tiles and leaves the last one short. Rows are short: columns are the table's above.
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_rows", [1, 2, 3, 63, 64, 65, 5000])
def test_row_counts(n_rows, dtype, device):
    check(*problem(n_rows, 17, dtype=dtype, device=device))


# At these widths a program holds one row, and its share of the partial sums is large. fp32, because it shows an error
# that rounding to 16 bits would hide.
@pytest.mark.parametrize("n_cols", [1025, 12288])
def test_more_wide_rows_than_programs(n_cols, device):
    check(*problem(41, n_cols, device=device))


def test_zero_rows_give_zero_parameter_gradients(device):
    for shape in ((0, 17), (3, 0, 17), (0, 65537)):
        got = check(*problem(*shape, device=device))
        assert got.y.shape == shape
        assert not got.dw.any()
        assert not got.db.any()


def test_results_do_not_depend_on_rows_beside_them(device):
    # bitwise, which also says that a tile's rows are never mixed
    x, w, b, dy = problem(7, 1000, device=device)
    together = check(x, w, b, dy)
    for row in range(7):
        alone = check(x[row : row + 1], w, b, dy[row : row + 1])
        assert torch.equal(alone.y[0], together.y[row])
        assert torch.equal(alone.dx[0], together.dx[row])


def test_sums_over_rows_are_exact_where_fp32_can_be(device):
    # 1024 + 1/4 is 1024 in fp16: wherever two such rows meet in a 16-bit sum, db loses one. Each sum here is a multiple
    # of 1/4 below 2**22, which fp32 holds in any order.
    x, w, b, _ = problem(5000, 17, dtype=torch.float16, param_dtype=torch.float32, device=device)
    dy = torch.where(x > 0, 1024.0, 0.25).to(x.dtype)
    assert torch.equal(check(x, w, b, dy).db.double(), dy.double().sum(dim=0))
