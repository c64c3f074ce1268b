"""Kernels that some Triton's compiler crashes on or refuses deep inside, each in its own way."""

import triton
import triton.language as tl


@triton.jit
def every_other(src_ptr, dst_ptr, M: tl.constexpr, N: tl.constexpr):
    """dst[M, N] = src[M, 2] gathered along its rows: with two warps a row is not one warp's."""
    m = tl.arange(0, M)[:, None]
    n = tl.arange(0, N)[None, :]
    pair = tl.load(src_ptr + m * 2 + tl.arange(0, 2)[None, :])
    index = (m + n) % 2
    tl.store(dst_ptr + m * N + n, tl.gather(pair, index, 1))


@triton.jit
def tiles(x_ptr, w_ptr, out_ptr, n_tiles, n_rows, D: tl.constexpr):
    """out[D, D] = sum of x[i, :D] @ w, each tile through a descriptor that the loop makes."""
    d = tl.arange(0, D)
    at = d[:, None] * D + d[None, :]
    w = tl.load(w_ptr + at)
    out = tl.zeros((D, D), dtype=tl.float32)
    for i in range(n_tiles):
        tile = tl.make_tensor_descriptor(x_ptr + i * n_rows * D, shape=[n_rows, D], strides=[D, 1], block_shape=[D, D])
        out = tl.dot(tile.load([0, 0]), w, out)
    tl.store(out_ptr + at, out)


@triton.jit
def specialized(a_ptr, b_ptr, c_ptr, K, D: tl.constexpr, BLOCK_K: tl.constexpr):
    """c[D, D] = a[D, K] @ b[K, D], with a loop that is parted between warps."""
    d = tl.arange(0, D)
    k = tl.arange(0, BLOCK_K)
    a_ptrs = a_ptr + d[:, None] * K + k[None, :]
    b_ptrs = b_ptr + k[:, None] * D + d[None, :]
    c = tl.zeros((D, D), dtype=tl.float32)
    for _ in tl.range(0, K // BLOCK_K, warp_specialize=True):
        c = tl.dot(tl.load(a_ptrs), tl.load(b_ptrs), c)
        a_ptrs += BLOCK_K
        b_ptrs += BLOCK_K * D
    tl.store(c_ptr + d[:, None] * D + d[None, :], c.to(tl.float16))


@triton.jit
def total(x_ptr, out_ptr, N: tl.constexpr):
    """out = sum of x[N]."""
    tl.store(out_ptr, tl.sum(tl.load(x_ptr + tl.arange(0, N)), axis=0))


@triton.jit
def assembly(x_ptr, N: tl.constexpr, TEXT: tl.constexpr, CONSTRAINTS: tl.constexpr):
    """x[N] = what an assembly text makes of it."""
    at = x_ptr + tl.arange(0, N)
    x = tl.load(at)
    tl.store(at, tl.inline_asm_elementwise(TEXT, CONSTRAINTS, [x], dtype=tl.int32, is_pure=True, pack=1))


@triton.jit
def turned(x_ptr, angle_ptr, N: tl.constexpr):
    """x[N] *= cos + sin of angles of any size: reducing a large one takes a local array of the kernel's own."""
    i = tl.arange(0, N)
    angle = tl.load(angle_ptr + i)
    tl.store(x_ptr + i, tl.load(x_ptr + i) * (tl.cos(angle) + tl.sin(angle)))
