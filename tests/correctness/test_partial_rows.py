"""The kernel that adds up the partial rows of dw and db, by itself: passes that the compiler knows of, and a loop."""

import operator

import pytest
import torch

from liger_kernel.kernels.layer_norm import _layer_norm_backward_reduce_kernel as reduce
from liger_kernel.ops.utils import compare_version

N_COLS = 37  # ends within the third block of 16


@pytest.mark.parametrize("wanted", ["dw", "db", "both"])
@pytest.mark.parametrize(("n_partials", "passes"), [(1, 1), (4, 1), (5, 2), (11, 3), (12, 3), (11, 0), (12, 0), (3, 0)])
def test_every_partial_row_is_added_once(n_partials, passes, wanted, device):
    if passes > 1 and device == "cpu" and compare_version("triton", operator.lt, "3.0"):
        pytest.skip("a static_range ends at no constexpr in the interpreter of Triton 2: run with 3.0 or on a GPU")
    # whole numbers, of which any order gives the same sum
    partials = torch.arange(2 * n_partials * N_COLS, dtype=torch.float32, device=device).view(2, n_partials, N_COLS)
    dw, db = torch.full((2, N_COLS), -1.0, device=device)
    need_dw, need_db = wanted != "db", wanted != "dw"
    switches = {"DEPENDENT": False, "NEED_DW": need_dw, "NEED_DB": need_db}
    tile = {"N_COLS": N_COLS, "ROWS": 4, "BLOCK_N": 16, "PASSES": passes, "num_warps": 1}
    reduce[(3, need_dw + need_db)](*partials, dw, db, n_partials, **tile, **switches)
    for result, rows, needed in ((dw, partials[0], need_dw), (db, partials[1], need_db)):
        assert torch.equal(result, rows.sum(dim=0) if needed else torch.full_like(result, -1.0))
