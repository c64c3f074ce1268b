"""Kernels whose statements, names and accesses interpreters take otherwise than compilers do."""

import triton
import triton.language as tl
from triton.language import load, store

try:
    from triton.language.extra import libdevice  # from 3.0 on
except ImportError:
    libdevice = tl.math


@triton.jit
def float_argument(out, s):
    store(out, s.to(tl.float32) * 3)  # a name of its own for a builtin


@triton.jit
def loop_variable(x, out, n, BLOCK: tl.constexpr):
    total = 0
    for start in range(0, n, BLOCK):
        total += tl.sum(load(x + start.to(tl.int64) + tl.arange(0, BLOCK)), 0)
    tl.store(out, total)


@triton.jit
def both(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    a = tl.load(x + i)
    inside = (a > 1) and (a < 5)
    tl.store(out + i, tl.where(inside, a, 0))


@triton.jit
def smaller(x, y, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, min(tl.load(x + i), tl.load(y + i)))


@triton.jit
def less(x, y, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, (tl.load(x + i) < tl.load(y + i)).to(tl.int32))


@triton.jit
def assigned_half(x, out, BLOCK: tl.constexpr):
    scale = 0.1
    i = tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i) * scale)


def maker():
    bias = tl.constexpr(3)

    @triton.jit
    def around(x, out, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(out + i, tl.load(x + i) + bias)

    return around


inside_a_function = maker()


@triton.jit
def beyond(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i) + 1)


@triton.jit
def waits(flag, out):
    while tl.atomic_add(flag, 0) == 0:
        pass
    tl.store(out, 1)


@triton.jit
def meet(words, out, ROUNDS: tl.constexpr):
    """Two programs that tell each other a number, and go on when they know the other one's."""
    me = tl.program_id(0)
    for turn in range(ROUNDS):
        tl.atomic_xchg(words + turn * 2 + me, me + 10 * turn + 1)
        told = tl.atomic_add(words + turn * 2 + 1 - me, 0)
        while told == 0:
            told = tl.atomic_add(words + turn * 2 + 1 - me, 0)
        tl.store(out + turn * 2 + me, told)


@triton.jit
def all_meet(count, out, PROGRAMS: tl.constexpr):
    tl.atomic_add(count, 1)
    while tl.atomic_add(count, 0) < PROGRAMS:
        pass
    tl.store(out + tl.program_id(0), tl.program_id(0))


@triton.jit
def queue(lock, out):
    """Every program adds its number behind a lock that it may have to wait for."""
    while tl.atomic_cas(lock, 0, 1) == 1:
        pass
    tl.store(out, tl.load(out) + tl.program_id(0))
    tl.atomic_xchg(lock, 0)


@triton.jit
def endless(out):
    n = 0
    while n < 1:
        n = n * 1
    tl.store(out, n)


@triton.jit
def tanh(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, libdevice.tanh(tl.load(x + i)))


@triton.jit
def methods(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, (-1 - tl.load(x + i)).abs().log2().floor())


@triton.jit
def exponent(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, libdevice.ilogb(tl.load(x + i)))


@triton.jit
def assembly(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    y = tl.inline_asm_elementwise("mov.b32 $0, $1;", "=r,r", [tl.load(x + i)], dtype=tl.int32, is_pure=True, pack=1)
    tl.store(out + i, y)


@triton.jit
def through_descriptor(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, x.load([0]))


@triton.jit
def halved_or_kept(a):
    found = a * 0.5
    if a < 4:
        found = a * 1.0
    return found


@triton.jit
def mapped(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, tl.map_elementwise(halved_or_kept, tl.load(x + i)))


@triton.jit
def tiles(x, out, M, N, BLOCK: tl.constexpr):
    source = tl.make_tensor_descriptor(x, [M, N], [N, 1], [2, BLOCK])
    target = tl.make_tensor_descriptor(out, [M, N], [N, 1], [2, BLOCK])
    for start in range(0, N, BLOCK):
        target.store([0, start], source.load([0, start]) * 2)


@triton.jit
def larger(a, b):
    found = b
    if a > b:  # a branch: not for blocks
        found = a
    return found


@triton.jit
def own_reduction(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, tl.associative_scan(tl.load(x + i), 0, larger) + tl.reduce(tl.load(x + i), 0, larger))


@triton.jit
def dot(x, y, out, N: tl.constexpr):
    i = tl.expand_dims(tl.arange(0, N), 1) * N + tl.expand_dims(tl.arange(0, N), 0)
    tl.store(out + i, tl.dot(tl.load(x + i), tl.load(y + i)))


@triton.jit
def add_at(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.atomic_add(out + i // 4, tl.load(x + i))


@triton.jit
def rows(out, STRIDE: tl.constexpr):
    tl.store(out + tl.program_id(0) * STRIDE + tl.program_id(1), tl.program_id(0) * 10 + tl.program_id(1))


@triton.jit
def typo(out):
    tl.store(out, tl.no_such_function(1))


@triton.jit
def matmul(x, y, out, M, N, K, BLOCK: tl.constexpr):
    i = tl.expand_dims(tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), 1)
    j = tl.expand_dims(tl.program_id(1) * BLOCK + tl.arange(0, BLOCK), 0)
    total = tl.zeros([BLOCK, BLOCK], tl.float32)
    for start in range(0, K, BLOCK):
        k = start + tl.arange(0, BLOCK)
        down, across = tl.expand_dims(k, 1), tl.expand_dims(k, 0)
        a = tl.load(x + i * K + across, mask=(i < M) & (across < K), other=0.0)
        b = tl.load(y + down * N + j, mask=(down < K) & (j < N), other=0.0)
        total += tl.dot(a, b)
    tl.store(out + i * N + j, total, mask=(i < M) & (j < N))


@triton.jit
def as_many_as_it_reads(x, out, n, BLOCK: tl.constexpr):
    i = tl.expand_dims(tl.arange(0, BLOCK), 1) * BLOCK + tl.expand_dims(tl.arange(0, BLOCK), 0)
    total = tl.zeros([BLOCK, BLOCK], tl.float32)
    for _ in range(tl.load(n + tl.program_id(0))):
        total += tl.dot(tl.load(x + i), tl.load(x + i))
    tl.store(out + tl.program_id(0) * BLOCK * BLOCK + i, total)


@triton.jit
def batched(x, out, B: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)[:, None] * BLOCK + tl.arange(0, BLOCK)[None, :]
    i = tl.arange(0, B)[:, None, None] * BLOCK * BLOCK + i[None, :, :]
    tl.store(out + i, tl.dot(tl.load(x + i), tl.load(x + i)))


@triton.jit
def precise(x, out, BLOCK: tl.constexpr, PRECISION: tl.constexpr):
    i = tl.arange(0, BLOCK)[:, None] * BLOCK + tl.arange(0, BLOCK)[None, :]
    tl.store(out + i, tl.dot(tl.load(x + i), tl.load(x + i), input_precision=PRECISION))


@triton.jit
def as_asked(x, out, BLOCK: tl.constexpr, TF32: tl.constexpr):
    i = tl.expand_dims(tl.arange(0, BLOCK), 1) * BLOCK + tl.expand_dims(tl.arange(0, BLOCK), 0)
    tl.store(out + i, tl.dot(tl.load(x + i), tl.load(x + i), allow_tf32=TF32))


@triton.jit
def scaled(x, y, scale, out, BLOCK: tl.constexpr):
    i, k = tl.arange(0, BLOCK), tl.arange(0, 64)
    a = tl.load(x + i[:, None] * 32 + tl.arange(0, 32)[None, :])  # two of fp4 in a byte
    b = tl.load(y + k[:, None] * BLOCK + i[None, :])
    ones = tl.load(scale + i[:, None] * 2 + tl.arange(0, 2)[None, :])
    tl.store(out + i[:, None] * BLOCK + i[None, :], tl.dot_scaled(a, ones, "e2m1", b, ones, "e4m3"))


@triton.jit
def one_ends(x, out, flag, BLOCK: tl.constexpr):
    """Of three programs the first waits for ever, the second ends, the third goes on for ever."""
    me = tl.program_id(0)
    i = tl.expand_dims(tl.arange(0, BLOCK), 1) * BLOCK + tl.expand_dims(tl.arange(0, BLOCK), 0)
    tl.store(out + i, tl.dot(tl.load(x + i), tl.load(x + i)))
    if me == 0:
        while tl.atomic_add(flag, 0) == 0:
            pass
    n = 0
    while me == 2:
        n = n * tl.load(flag)
    tl.store(flag + 1 + me, n)
