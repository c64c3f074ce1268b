"""Two 16-bit elements in a 32-bit register: what is packed comes out again, each element in its place."""

# no deferred annotations: the interpreter of Triton 3.0 then takes no parameter for a constexpr
import operator

import pytest
import torch
import triton
import triton.language as tl

from liger_kernel.kernels.packed import (
    as_words,
    half,
    halves,
    held_half,
    hold_half,
    load_halves,
    load_vector,
    not_before,
    pack,
    pack_halves,
    unpack,
)
from liger_kernel.ops.problem import flat
from liger_kernel.ops.utils import compare_version

from .inputs import HALF_DTYPES, normal

N_COLS = 34  # ends within the block


@triton.jit
def _scale(X, W, Y, Product, n_rows, N_COLS: tl.constexpr, BLOCK_N: tl.constexpr, PACK: tl.constexpr):
    cols = tl.expand_dims(tl.arange(0, BLOCK_N // PACK), 0)
    mask = cols < N_COLS // PACK
    words = tl.load(as_words(X, PACK) + cols, mask=mask, other=0)
    product = unpack(not_before(words, n_rows - n_rows, PACK), X, PACK) * load_vector(W, cols, mask, PACK)
    tl.store(Product + cols * PACK + halves(PACK), product, mask=mask)
    tl.store(as_words(Y, PACK) + cols, pack(product, Y, PACK), mask=mask)


@pytest.mark.parametrize("param_dtype", [None, torch.float32], ids=["as-x", "fp32"])
@pytest.mark.parametrize("dtype", HALF_DTYPES)
def test_packed_elements_are_those_of_the_row(dtype, param_dtype, device):
    if device == "cpu" and compare_version("triton", operator.lt, "3.0"):
        pytest.skip("the interpreter of Triton 2 reads no pointer as another type: run with 3.0 or on a GPU")
    x = normal(N_COLS, dtype=dtype, device=device)
    w = normal(N_COLS, dtype=param_dtype or dtype, device=device, seed=1)
    y, product = torch.empty_like(x), torch.empty(N_COLS, device=device)
    y_of_single, product_of_single = torch.empty_like(y), torch.empty_like(product)
    for PACK, outputs in ((2, (y, product)), (1, (y_of_single, product_of_single))):
        _scale[(1,)](x, w, *outputs, 5, N_COLS=N_COLS, BLOCK_N=64, PACK=PACK, num_warps=1)
    assert torch.equal(product, x.float() * w.float())
    assert torch.equal(product, product_of_single)
    assert torch.equal(y, y_of_single)
    torch.testing.assert_close(y.float(), product, rtol=2**-7, atol=0)  # interpreters round bf16 down


@triton.jit
def _scale_halves(X, W, Y, First, Second, N_COLS: tl.constexpr, BLOCK_N: tl.constexpr, HELD: tl.constexpr):
    cols = tl.expand_dims(tl.arange(0, BLOCK_N // 2), 0)
    mask = cols < N_COLS // 2
    words = tl.load(as_words(X, 2) + cols, mask=mask, other=0)
    if HELD:
        w_first = held_half(hold_half(W, cols, mask, 0, True), W, 0, 0)
        w_second = held_half(hold_half(W, cols, mask, 1, True), W, 0, 1)
    else:
        w_first, w_second = load_halves(W, cols, mask, True)
    first = half(words, X, 0) * w_first
    second = half(words, X, 1) * w_second
    tl.store(First + cols, first, mask=mask)
    tl.store(Second + cols, second, mask=mask)
    tl.store(as_words(Y, 2) + cols, pack_halves(first, second, Y), mask=mask)


# Both elements of a word by themselves, and two made into a word by one instruction
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("param_dtype", [None, torch.float32], ids=["as-x", "fp32"])
@pytest.mark.parametrize("dtype", HALF_DTYPES)
def test_the_elements_of_a_word_are_those_of_the_row(dtype, param_dtype, held, device):
    if device == "cpu" and compare_version("triton", operator.lt, "3.0"):
        pytest.skip("the interpreter of Triton 2 reads no pointer as another type: run with 3.0 or on a GPU")
    x = normal(N_COLS, dtype=dtype, device=device)
    w = normal(N_COLS, dtype=param_dtype or dtype, device=device, seed=1)
    y, first, second = torch.empty_like(x), *torch.empty(2, N_COLS // 2, device=device)
    _scale_halves[(1,)](x, w, y, first, second, N_COLS=N_COLS, BLOCK_N=64, HELD=held, num_warps=1)
    product = x.float() * w.float()
    assert torch.equal(torch.stack([first, second], dim=1).flatten(), product)
    if device == "cpu":  # interpreters round bf16 down
        torch.testing.assert_close(y.float(), product, rtol=2**-7, atol=0)
    else:
        assert torch.equal(y, product.to(dtype))


def test_what_kernels_read_as_words_starts_at_one(device):
    held = normal(2 * N_COLS + 1, dtype=torch.float16, device=device)
    for tensor in (held[1:], held[2:], held[1:].view(N_COLS, 2).t(), held[3:].expand(2, -1)):
        flattened = flat(tensor)
        assert flattened.data_ptr() % 4 == 0
        assert flattened.is_contiguous()
        assert torch.equal(flattened, tensor)
    assert flat(held[2:]).data_ptr() == held[2:].data_ptr()  # no copy where none is needed
    vector = normal(N_COLS + 1, device=device)[1:]  # of fp32 a word has 8 bytes
    assert flat(vector, 8).data_ptr() % 8 == 0
    assert torch.equal(flat(vector, 8), vector)
